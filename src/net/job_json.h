/* SPDX-License-Identifier: Apache-2.0
 *
 * A job as it travels between API and worker: `{"id","previousStart","previousStop","nextStart","nextStop"}`.
 */
#ifndef DIFFD_NET_JOB_JSON_H
#define DIFFD_NET_JOB_JSON_H

#include "diffd/job.h"
#include "diffd/stream.h"

/* Reads a job. Keys match without regard to case, extra keys and what follows the object are ignored; windows
 * are truncated to the minute and checked. The id is the sender's and need not be that of the times:
 * *ret_own_id tells whether it is. DIFFD_INVALID with a text for the sender. */
enum diffd_status diffd_job_from_json(struct diffd_span text, struct diffd_job *ret, bool *ret_own_id,
                                      struct diffd_error *err) DIFFD_MUST_CHECK;

enum { DIFFD_JOB_JSON_MAX = 512 }; /* bytes, with the NUL */

/* Writes a job as the original does: the keys in that order, no white space, times in UTC. Returns its length
 * without the NUL. The id must be a valid one. */
size_t diffd_job_to_json(const struct diffd_job *job, char text[static DIFFD_JOB_JSON_MAX]);

#endif
