/* SPDX-License-Identifier: Apache-2.0
 *
 * Libraries of the system that only the service needs, loaded when it needs them: linked in, libcurl,
 * libmicrohttpd and libnats bring some thirty others with them, OpenSSL has thousands of addresses to be
 * relocated, and every `diff` of two small graphs would spend more time on loading those than on its work.
 *
 * A library's header lists the functions that are used in one macro and makes a table of it:
 *
 *   #define DIFFD_THING(X) X(thing_open) X(thing_close)
 *   struct diffd_thing { DIFFD_THING(DIFFD_LAZY_MEMBER) };
 *
 * so that each has the type that the library's own header gives it.
 */
#ifndef DIFFD_BASE_LAZY_LIBRARY_H
#define DIFFD_BASE_LAZY_LIBRARY_H

#include "diffd/status.h"

/* NOLINTNEXTLINE(bugprone-macro-parentheses): the name of a member stands in none */
#define DIFFD_LAZY_MEMBER(name) __typeof__(&(name)) name;
#define DIFFD_LAZY_NAME(name)   #name,

struct diffd_lazy_library {
  const char *soname;       /* "libthing.so.1" */
  const char *package;      /* the Debian package that holds it, for the error's text */
  const char *const *names; /* of the functions, NULL after the last */
  void *table;              /* the struct of function pointers, in the order of the names */
};

/* Fills the table where that has not been done yet; it stays for the life of the process. Each thread that
 * calls the functions must have called this before, or have been started by one that has. Safe to call from
 * several threads at once. DIFFD_INVALID with a text that names the package. */
enum diffd_status diffd_lazy_library_load(const struct diffd_lazy_library *library,
                                          struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
