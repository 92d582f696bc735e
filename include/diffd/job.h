/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows of time, and the job of comparing two of them.
 */
#ifndef DIFFD_JOB_H
#define DIFFD_JOB_H

#include <stdint.h>

#include "diffd/status.h"

DIFFD_PUBLIC_BEGIN

/* Seconds since 1970-01-01T00:00:00Z. A flow record belongs to the window where start <= its start < stop. */
struct diffd_window {
  int64_t start;
  int64_t stop;
};

enum { DIFFD_JOB_ID_MAX = 128 }; /* characters: A-Z a-z 0-9 . _ - and no leading dot */

struct diffd_job {
  char id[DIFFD_JOB_ID_MAX + 1]; /* names the stored object; NUL-terminated */
  struct diffd_window previous;
  struct diffd_window next;
};

/* What a call carries beside its arguments; borrowed for the call, never NULL. */
struct diffd_log;
struct diffd_stat;
struct diffd_context {
  /* Turns true once when the work should stop; NULL: never. Work that may wait looks at it at least
   * every 100 ms and every 16 MiB of input, and then returns DIFFD_CANCELLED. */
  bool (*cancelled)(void *arg);
  void *cancelled_arg;
  /* Turns true once when the service was told to stop or nobody waits for the result any more, while there is
   * still time to finish; NULL: never. Work that only waits for somebody else (a grapher, a free place) ends
   * then with DIFFD_CANCELLED; work that has what it needs in hand goes on. */
  bool (*stopping)(void *arg);
  void *stopping_arg;
  struct diffd_log *log;   /* where warnings go; NULL: nowhere */
  struct diffd_stat *stat; /* where counts and timings go; NULL: nowhere */
  const char *request_id;  /* for the log; NULL: none */
  const char *diff_id;     /* for the log; NULL: none */
};

static inline bool diffd_context_cancelled(const struct diffd_context *ctx) {
  return ctx->cancelled != NULL && ctx->cancelled(ctx->cancelled_arg);
}

/* Whether waiting should end: the context is cancelled or stopping. */
static inline bool diffd_context_stopping(const struct diffd_context *ctx) {
  return diffd_context_cancelled(ctx) || (ctx->stopping != NULL && ctx->stopping(ctx->stopping_arg));
}

DIFFD_PUBLIC_END

#endif
