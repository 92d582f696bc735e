/* SPDX-License-Identifier: Apache-2.0
 *
 * The differ makes the diff of a job. The built-in one asks a grapher for both windows and compares them.
 */
#ifndef DIFFD_DIFFER_H
#define DIFFD_DIFFER_H

#include "diffd/change.h"
#include "diffd/job.h"

DIFFD_PUBLIC_BEGIN

struct diffd_differ;
struct diffd_differ_ops {
  /* Hands the job's changes to the sink: begin, then encode and write, as diff.h describes, or, by a differ
   * that has its DOT ready, begin and write alone. Never commits the sink. */
  enum diffd_status (*diff)(struct diffd_differ *self, const struct diffd_context *ctx,
                            const struct diffd_job *job, struct diffd_change_sink *sink,
                            struct diffd_error *err);
  /* NULL, or: the wall-clock second before which the job should not be started. */
  int64_t (*ready_at)(struct diffd_differ *self, const struct diffd_job *job);
  void (*destroy)(struct diffd_differ *self);
};
/* Calls may come from several threads at once. */
struct diffd_differ {
  const struct diffd_differ_ops *ops;
};

enum diffd_status diffd_differ_diff(struct diffd_differ *differ, const struct diffd_context *ctx,
                                    const struct diffd_job *job, struct diffd_change_sink *sink,
                                    struct diffd_error *err) DIFFD_MUST_CHECK;
/* INT64_MIN where the differ has no such notion. */
int64_t diffd_differ_ready_at(struct diffd_differ *differ, const struct diffd_job *job);
void diffd_differ_destroy(struct diffd_differ *differ); /* accepts NULL */

DIFFD_PUBLIC_END

#endif
