/* SPDX-License-Identifier: Apache-2.0
 *
 * The workers on a queue of this process: each takes a job, makes its diff, and tells the source how it went.
 */
#ifndef DIFFD_SERVICE_WORKER_POOL_H
#define DIFFD_SERVICE_WORKER_POOL_H

#include "base/clock.h"
#include "diffd/queuer.h"
#include "handlers/produce.h"

/* Everything is borrowed. */
struct diffd_worker_pool_options {
  struct diffd_job_source *source;
  struct diffd_marker *marker;
  struct diffd_differ *differ; /* says when a job's logs are complete */
  struct diffd_producer *producer;
  unsigned workers; /* at least 1 */
  const struct diffd_clock *clock;
  struct diffd_log *log;
  struct diffd_stat *stat; /* NULL: nothing is counted */
};

struct diffd_worker_pool;

/* Marks every job that waits, then starts the workers. DIFFD_NO_MEMORY, DIFFD_IO, and what the source
 * answers. */
enum diffd_status diffd_worker_pool_start(const struct diffd_worker_pool_options *options,
                                          struct diffd_worker_pool **ret,
                                          struct diffd_error *err) DIFFD_MUST_CHECK;

/* From now on no job starts; what waits for somebody else ends, and goes back to the source. Does not wait.
 */
void diffd_worker_pool_quiesce(struct diffd_worker_pool *pool);
/* Waits for the jobs at work, at most so long; then cancels those that are left, which go back to the source,
 * and waits for them to end. Gives the number of jobs that were cancelled. */
size_t diffd_worker_pool_drain(struct diffd_worker_pool *pool, uint64_t timeout_ms);
/* Quiesces, cancels, and frees. Accepts NULL. */
void diffd_worker_pool_destroy(struct diffd_worker_pool *pool);

#endif
