/* SPDX-License-Identifier: Apache-2.0
 *
 * What every call answers with: a status, and for failures a text that says what to do next.
 *
 * A function that can fail returns `enum diffd_status` and takes a `struct diffd_error *err` last.
 * The error lives on the caller's stack and never allocates; it is written only when the status is
 * a failure. `err` is never NULL. "Not found" and "in progress" are answers, not failures, but they
 * travel the same way. All functions here are safe to call from any thread.
 */
#ifndef DIFFD_STATUS_H
#define DIFFD_STATUS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "diffd/export.h"

DIFFD_PUBLIC_BEGIN

#define DIFFD_MUST_CHECK        __attribute__((warn_unused_result))
#define DIFFD_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* A detail longer than this is cut at a character boundary. Bytes, with the terminating NUL. */
enum { DIFFD_ERROR_DETAIL_MAX = 1024 };

enum diffd_status {
  DIFFD_OK = 0,
  DIFFD_END,         /* the stream is at its end: no more bytes, edges or jobs */
  DIFFD_NOT_FOUND,   /* there is no such object, job or mark */
  DIFFD_IN_PROGRESS, /* the diff is being made */
  DIFFD_EXISTS,      /* the diff is stored already */
  DIFFD_INVALID,     /* the caller's input is wrong: a time, a range, an id, an argument */
  DIFFD_TOO_LARGE,   /* the caller's input is larger than its limit */
  DIFFD_BUSY,        /* too much is waiting: try later */
  DIFFD_BAD_GRAPH,   /* not a graph that the contract accepts; trying again cannot help */
  DIFFD_BAD_LOGS,    /* broken flow logs; trying again cannot help */
  DIFFD_IO,          /* a system call failed */
  DIFFD_NO_SPACE,    /* a disk is full, a quota is used up */
  DIFFD_NO_MEMORY,   /* an allocation failed, or a memory limit is too small for the work */
  DIFFD_UNAVAILABLE, /* a dependency across the network failed or refused */
  DIFFD_CANCELLED,   /* somebody asked the work to stop */
  DIFFD_INTERNAL,    /* a fault of ours */
  DIFFD_STATUS_COUNT
};

struct diffd_error {
  enum diffd_status status;
  char detail[DIFFD_ERROR_DETAIL_MAX]; /* UTF-8 where the input was, NUL-terminated, no newline */
};

/* Fills *err and returns `status`, so that a failing function ends with `return diffd_fail(...)`. */
enum diffd_status diffd_fail(struct diffd_error *err, enum diffd_status status, const char *fmt, ...)
    DIFFD_PRINTF(3, 4);
/* As diffd_fail; appends ": " and the text of `errnum`. ENOSPC, EDQUOT, EFBIG give DIFFD_NO_SPACE and
 * ENOMEM DIFFD_NO_MEMORY; every other number gives DIFFD_IO. */
enum diffd_status diffd_fail_errno(struct diffd_error *err, int errnum, const char *fmt, ...)
    DIFFD_PRINTF(3, 4);
/* Puts "context: " before the detail that *err holds already, and returns its status. */
enum diffd_status diffd_fail_within(struct diffd_error *err, const char *fmt, ...) DIFFD_PRINTF(2, 3);

/* A short lower-case text ("not found"); static storage. */
const char *diffd_status_text(enum diffd_status status);
/* The HTTP status code that answers a request which ended so: 200, 204, 400, 404, 409, 413, 500, 503. */
int diffd_status_http(enum diffd_status status);
/* True where the same work on the same input would fail again (DIFFD_INVALID, _TOO_LARGE, _BAD_GRAPH,
 * _BAD_LOGS). */
bool diffd_status_is_permanent(enum diffd_status status);

DIFFD_PUBLIC_END

#endif
