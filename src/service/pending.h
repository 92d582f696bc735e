/* SPDX-License-Identifier: Apache-2.0
 *
 * The ids of the jobs that a source holds, as they were at one moment: asked for whole, so that nothing slow
 * (a mark's fsync) happens while the source is being walked.
 */
#ifndef DIFFD_SERVICE_PENDING_H
#define DIFFD_SERVICE_PENDING_H

#include "diffd/queuer.h"

struct diffd_pending {
  char **ids; /* ascending, bytewise */
  size_t count;
};

/* Fills *ret, which the caller cleans up. DIFFD_NO_MEMORY, and what the source answers. */
enum diffd_status diffd_pending_collect(struct diffd_job_source *source, struct diffd_pending *ret,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;
bool diffd_pending_has(const struct diffd_pending *pending, const char *id);
void diffd_pending_clean_up(struct diffd_pending *pending);

#endif
