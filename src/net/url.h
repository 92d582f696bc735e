/* SPDX-License-Identifier: Apache-2.0
 *
 * URLs (RFC 3986), by libcurl's parser.
 */
#ifndef DIFFD_NET_URL_H
#define DIFFD_NET_URL_H

#include "diffd/status.h"

enum { DIFFD_URL_HOST_MAX = 255, DIFFD_URL_PATH_MAX = 4096 };

/* The parts of an absolute http or https URL that a request is signed with or judged by. NUL-terminated. */
struct diffd_url_parts {
  bool https;
  char host[DIFFD_URL_HOST_MAX + 1];          /* an IPv6 address without its brackets */
  char authority[DIFFD_URL_HOST_MAX + 1 + 8]; /* as the Host field is sent: with the port where that is not
                                                 the scheme's own, and with an IPv6 address's brackets */
  char path[DIFFD_URL_PATH_MAX + 1];          /* as written, percent-encoded; begins with a slash */
  char query[DIFFD_URL_PATH_MAX + 1]; /* as written, without the question mark; "" where there is none */
};
/* Thread-safe. DIFFD_INVALID (no URL, another scheme, a user or password in it, a part too long; the text
 * does not repeat the URL), DIFFD_NO_MEMORY. */
enum diffd_status diffd_url_split(const char *url, struct diffd_url_parts *ret,
                                  struct diffd_error *err) DIFFD_MUST_CHECK;

/* The absolute URL that `reference` (a Location, or an absolute URL) means at `base`; the caller frees it.
 * Thread-safe. DIFFD_INVALID, DIFFD_NO_MEMORY. */
enum diffd_status diffd_url_resolve(const char *base, const char *reference, char **ret,
                                    struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
