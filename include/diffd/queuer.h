/* SPDX-License-Identifier: Apache-2.0
 *
 * The queuer takes jobs in; a job source gives them out again to workers of this process. The embedded
 * queue is both. A queuer whose jobs come back by HTTP (an event bus) has no source.
 */
#ifndef DIFFD_QUEUER_H
#define DIFFD_QUEUER_H

#include "diffd/job.h"

DIFFD_PUBLIC_BEGIN

struct diffd_queuer;
struct diffd_queuer_ops {
  /* DIFFD_OK once the job is durable: it survives the death of this process. Queuing an id that waits or
   * runs already changes nothing; one that was parked is tried afresh. DIFFD_BUSY where too many wait. */
  enum diffd_status (*queue)(struct diffd_queuer *self, const struct diffd_context *ctx,
                             const struct diffd_job *job, struct diffd_error *err);
  void (*destroy)(struct diffd_queuer *self);
};
/* Calls may come from several threads at once. */
struct diffd_queuer {
  const struct diffd_queuer_ops *ops;
};

enum diffd_status diffd_queuer_queue(struct diffd_queuer *queuer, const struct diffd_context *ctx,
                                     const struct diffd_job *job, struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_queuer_destroy(struct diffd_queuer *queuer); /* accepts NULL */

/* A job that a worker holds, and what the source remembers of it. */
struct diffd_lease {
  struct diffd_job job;
  uint32_t failures; /* tries that failed before this one */
  uint64_t number;   /* the source's own name of the lease */
  /* INT64_MIN, or: the job is due at this wall-clock second only, and comes for its mark to be renewed; it is
   * to be given back until then. Only a shared source gives such leases. */
  int64_t not_before;
};

/* What became of a failed job. */
enum diffd_retry {
  DIFFD_RETRY_LATER,  /* it waits for its next try */
  DIFFD_RETRY_PARKED, /* it failed for good: nobody tries it again by itself */
};

struct diffd_job_source;
struct diffd_job_source_ops {
  /* Waits until a job is due and takes it. DIFFD_CANCELLED when the context says stop. */
  enum diffd_status (*take)(struct diffd_job_source *self, const struct diffd_context *ctx,
                            struct diffd_lease *ret, struct diffd_error *err);
  /* The job is done: forgets it. */
  enum diffd_status (*done)(struct diffd_job_source *self, const struct diffd_lease *lease,
                            struct diffd_error *err);
  /* The job failed for `reason`; permanent where trying again cannot help. */
  enum diffd_status (*fail)(struct diffd_job_source *self, const struct diffd_lease *lease, bool permanent,
                            const char *reason, enum diffd_retry *ret, struct diffd_error *err);
  /* The job was not worked on (a stop, or logs that are not complete yet): nothing is counted, and it is due
   * again at the wall-clock second not_before (INT64_MIN: at once). */
  enum diffd_status (*give_back)(struct diffd_job_source *self, const struct diffd_lease *lease,
                                 int64_t not_before, struct diffd_error *err);
  /* Calls `each` for every job that waits or runs, not for parked ones: the truth about what is in progress.
   */
  enum diffd_status (*each_pending)(struct diffd_job_source *self,
                                    enum diffd_status (*each)(void *arg, const struct diffd_job *job,
                                                              struct diffd_error *err),
                                    void *arg, struct diffd_error *err);
  void (*destroy)(struct diffd_job_source *self);
};
struct diffd_job_source {
  const struct diffd_job_source_ops *ops;
  /* Workers of other processes take from it, too. each_pending gives nothing then: nobody may conclude from
   * it that a mark is stale, and whoever gives a job back that waits renews its mark. */
  bool shared;
};

enum diffd_status diffd_job_source_take(struct diffd_job_source *source, const struct diffd_context *ctx,
                                        struct diffd_lease *ret, struct diffd_error *err) DIFFD_MUST_CHECK;
enum diffd_status diffd_job_source_done(struct diffd_job_source *source, const struct diffd_lease *lease,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;
enum diffd_status diffd_job_source_fail(struct diffd_job_source *source, const struct diffd_lease *lease,
                                        bool permanent, const char *reason, enum diffd_retry *ret,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;
enum diffd_status diffd_job_source_give_back(struct diffd_job_source *source, const struct diffd_lease *lease,
                                             int64_t not_before, struct diffd_error *err) DIFFD_MUST_CHECK;
enum diffd_status diffd_job_source_each_pending(struct diffd_job_source *source,
                                                enum diffd_status (*each)(void *arg,
                                                                          const struct diffd_job *job,
                                                                          struct diffd_error *err),
                                                void *arg, struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_job_source_destroy(struct diffd_job_source *source); /* accepts NULL */

DIFFD_PUBLIC_END

#endif
