/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps the marks of jobs that wait in a queue of this process. That queue is the truth about what is in
 * progress, and a job may wait for longer than a mark counts (for late logs, for its next try), so the marks
 * of all that wait are renewed every third of the marker's time-out. A job that a worker holds is left to
 * that worker: its mark must not come back once it is removed.
 */
#ifndef DIFFD_SERVICE_MARK_KEEPER_H
#define DIFFD_SERVICE_MARK_KEEPER_H

#include "diffd/log.h"
#include "diffd/marker.h"
#include "diffd/queuer.h"

struct diffd_mark_keeper;

/* Marks all that wait now, then keeps on from a thread of its own. Marks that fail are logged; where
 * the marker cannot be reached at all, the others are left to the next round, which then comes soon. The
 * modules are borrowed. DIFFD_NO_MEMORY, DIFFD_IO, and what the source answers. */
enum diffd_status diffd_mark_keeper_start(struct diffd_job_source *source, struct diffd_marker *marker,
                                          struct diffd_log *log, struct diffd_mark_keeper **ret,
                                          struct diffd_error *err) DIFFD_MUST_CHECK;
/* No mark is made any more, and the one that is under way is cancelled. Any thread. */
void diffd_mark_keeper_end(struct diffd_mark_keeper *keeper);
/* Nobody holds a job any more. Accepts NULL. */
void diffd_mark_keeper_stop(struct diffd_mark_keeper *keeper);

/* A worker's hold on a job: from when it was taken until the source knows what became of it and its mark is
 * as it should be. In between the keeper does not touch the mark. The place is the caller's until the
 * release. */
struct diffd_mark_hold {
  struct diffd_mark_hold *next;
  const char *id;
};
void diffd_mark_keeper_hold(struct diffd_mark_keeper *keeper, struct diffd_mark_hold *hold, const char *id);
void diffd_mark_keeper_release(struct diffd_mark_keeper *keeper, struct diffd_mark_hold *hold);

#endif
