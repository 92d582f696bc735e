/* SPDX-License-Identifier: Apache-2.0
 *
 * From two windows to a job: canonical times, range checks, the id that names the stored diff.
 *
 * All functions are pure and safe to call from any thread.
 */
#ifndef DIFFD_BASE_DIFF_ID_H
#define DIFFD_BASE_DIFF_ID_H

#include "base/rfc3339.h"
#include "diffd/job.h"

/* What the four times are called where the user wrote them, so that a text can name them. */
struct diffd_window_names {
  const char *previous_start;
  const char *previous_stop;
  const char *next_start;
  const char *next_stop;
};

/* Both ends truncated to the minute. */
struct diffd_window diffd_window_truncate(struct diffd_window window);

/* The range checks, for windows that were truncated before: start after stop; previous after next (by its
 * start or its stop); a window that is empty. Overlapping windows are fine. `names` may be NULL: then the
 * names are those of the query. DIFFD_INVALID with a text that names the parameters. */
enum diffd_status diffd_windows_check(struct diffd_window previous, struct diffd_window next,
                                      const struct diffd_window_names *names,
                                      struct diffd_error *err) DIFFD_MUST_CHECK;

/* Writes the diff id: UUID version 5 (RFC 4122, 4.3) of the four times as given, in the namespace that the
 * original uses, lower-case. */
void diffd_diff_id(struct diffd_window previous, struct diffd_window next,
                   char ret_id[static DIFFD_JOB_ID_MAX + 1]);

/* The id that the original gave to a diff that was asked for in this spelling: of the four times as they were
 * written, in the same order. For canonical times it is the same id. */
void diffd_spelled_diff_id(const struct diffd_spelled_time times[static 4],
                           char ret_id[static DIFFD_JOB_ID_MAX + 1]);

/* All of the above: truncates, checks, and fills the job with its id. DIFFD_INVALID. */
enum diffd_status diffd_job_from_windows(struct diffd_window previous, struct diffd_window next,
                                         const struct diffd_window_names *names, struct diffd_job *ret,
                                         struct diffd_error *err) DIFFD_MUST_CHECK;

/* Whether a client's id may name an object: 1 to 128 characters of A-Z a-z 0-9 . _ - and no leading dot. */
bool diffd_job_id_is_valid(const char *id, size_t len);

#endif
