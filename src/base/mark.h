/* SPDX-License-Identifier: Apache-2.0
 *
 * What a mark of a diff in progress says, wherever it is kept: the time of marking, and whether that is too
 * long ago. Pure; safe to call from any thread.
 */
#ifndef DIFFD_BASE_MARK_H
#define DIFFD_BASE_MARK_H

#include "base/rfc3339.h"
#include "diffd/job.h"

enum { DIFFD_MARK_CONTENT_MAX = 128, DIFFD_MARK_NAME_MAX = DIFFD_JOB_ID_MAX + 32 };

/* The mark's name, `<id>_in_progress`. An id is checked where it becomes a name, whoever has checked it
 * before. DIFFD_INVALID. */
enum diffd_status diffd_mark_name(const char *id, char name[static DIFFD_MARK_NAME_MAX],
                                  struct diffd_error *err) DIFFD_MUST_CHECK;
/* The time in a mark, with blanks behind it or without; false where it cannot be read as one. */
bool diffd_mark_read(struct diffd_span content, struct diffd_instant *ret);
bool diffd_instant_is_before(struct diffd_instant a, struct diffd_instant b);
/* Whether a mark of that time, which is not after `now`, is younger than the time-out. */
bool diffd_mark_is_younger(struct diffd_instant marked, struct diffd_instant now, uint64_t timeout_ms);

#endif
