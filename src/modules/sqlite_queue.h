/* SPDX-License-Identifier: Apache-2.0
 *
 * The embedded queue: one SQLite database that takes jobs in, gives them to workers, tries failed ones again
 * and keeps those that failed for good (parked) for the operator.
 *
 * A job waits, runs or is parked. A failed one waits 5 s, then twice as long each time up to 10 min. It is
 * parked after 10 failures, or after 2 that are permanent. A start that never ended (the process died) is
 * counted apart: after 100 of them the job is parked too. When the wall clock is set back, waiting jobs are
 * due at once, rather than when it is there again. Parked jobs are tried afresh by queuing their id or by
 * retry. Every change is on the disk (WAL, synchronous=FULL) before the call returns.
 */
#ifndef DIFFD_MODULES_SQLITE_QUEUE_H
#define DIFFD_MODULES_SQLITE_QUEUE_H

#include "base/clock.h"
#include "diffd/queuer.h"

struct diffd_sqlite_queue;

struct diffd_sqlite_queue_options {
  const struct diffd_clock *clock; /* NULL: the system's; outlives the queue */
  uint32_t waiting_max;            /* jobs that may wait before queue() gives DIFFD_BUSY; 0: 100000 */
};

/* What the last process left behind. */
struct diffd_queue_recovery {
  uint64_t waiting; /* jobs that wait now, those given back among them */
  uint64_t resumed; /* jobs that ran when the last process died, and wait again */
  uint64_t parked;  /* of the jobs that ran, those which are parked now because of too many such starts */
};

/* Opens the queue of this process, and makes the database where it is missing: jobs that ran wait again. Only
 * one process may do so (the data directory's lock sees to that); `attach` is for the others. ret_recovery
 * may be NULL. DIFFD_IO with a text that says what to do about a broken database, DIFFD_NO_SPACE,
 * DIFFD_NO_MEMORY, DIFFD_BUSY where another program locks it for more than 5 s. */
enum diffd_status diffd_sqlite_queue_open(const char *path, const struct diffd_sqlite_queue_options *options,
                                          struct diffd_sqlite_queue **ret,
                                          struct diffd_queue_recovery *ret_recovery,
                                          struct diffd_error *err) DIFFD_MUST_CHECK;
/* Opens an existing queue beside the process that works on it, for list and retry. DIFFD_NOT_FOUND. */
enum diffd_status diffd_sqlite_queue_attach(const char *path, struct diffd_sqlite_queue **ret,
                                            struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_sqlite_queue_close(struct diffd_sqlite_queue *queue); /* accepts NULL; nobody may be in a call */

/* The two faces of one queue. They live as long as it does; destroying a face does nothing. */
struct diffd_queuer *diffd_sqlite_queue_queuer(struct diffd_sqlite_queue *queue);
struct diffd_job_source *diffd_sqlite_queue_source(struct diffd_sqlite_queue *queue);

enum diffd_queue_state { DIFFD_QUEUE_WAITING = 0, DIFFD_QUEUE_RUNNING = 1, DIFFD_QUEUE_PARKED = 2 };
const char *diffd_queue_state_text(enum diffd_queue_state state); /* "waiting", "running", "parked" */

struct diffd_queue_entry {
  struct diffd_job job;
  enum diffd_queue_state state;
  uint32_t failures;  /* permanent ones among them */
  uint32_t crashes;   /* starts that never ended */
  int64_t next_try;   /* wall-clock second, for waiting jobs */
  int64_t queued_at;  /* wall-clock second */
  const char *reason; /* of the last failure; "" for none; borrowed for the call */
};

/* Calls `each` for every job, in the order in which their ids first came. The queue is not locked meanwhile.
 */
enum diffd_status diffd_sqlite_queue_list(struct diffd_sqlite_queue *queue,
                                          enum diffd_status (*each)(void *arg,
                                                                    const struct diffd_queue_entry *entry,
                                                                    struct diffd_error *err),
                                          void *arg, struct diffd_error *err) DIFFD_MUST_CHECK;

/* Makes a parked job wait, due at once and with nothing counted; a waiting one is due at once. The process
 * that works on the queue sees it within about a second. DIFFD_NOT_FOUND; DIFFD_IN_PROGRESS where it runs. */
enum diffd_status diffd_sqlite_queue_retry(struct diffd_sqlite_queue *queue, const char *id,
                                           struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
