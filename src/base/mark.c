/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mark.h"

#include <stdio.h>
#include <string.h>

#include "base/diff_id.h"

enum diffd_status diffd_mark_name(const char *id, char name[static DIFFD_MARK_NAME_MAX],
                                  struct diffd_error *err) {
  if (!diffd_job_id_is_valid(id, strnlen(id, DIFFD_JOB_ID_MAX + 1)))
    return diffd_fail(err, DIFFD_INVALID, "the diff id cannot name a mark");
  (void)snprintf(name, DIFFD_MARK_NAME_MAX, "%s_in_progress", id);
  return DIFFD_OK;
}

bool diffd_mark_read(struct diffd_span content, struct diffd_instant *ret) {
  struct diffd_error unreadable;
  while (content.len > 0 && (content.ptr[content.len - 1] == '\n' || content.ptr[content.len - 1] == '\r' ||
                             content.ptr[content.len - 1] == ' '))
    content.len--;
  return diffd_rfc3339_parse(content, ret, &unreadable) == DIFFD_OK;
}

bool diffd_instant_is_before(struct diffd_instant a, struct diffd_instant b) {
  return a.seconds < b.seconds || (a.seconds == b.seconds && a.nanoseconds < b.nanoseconds);
}

/* Both are dates of four-digit years or near the present, so that nothing overflows. */
bool diffd_mark_is_younger(struct diffd_instant marked, struct diffd_instant now, uint64_t timeout_ms) {
  int64_t nanoseconds = (int64_t)now.nanoseconds - (int64_t)marked.nanoseconds;
  int64_t age_ms = (now.seconds - marked.seconds) * 1000 + nanoseconds / 1000000;
  return (uint64_t)age_ms < timeout_ms;
}
