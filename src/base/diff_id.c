/* SPDX-License-Identifier: Apache-2.0 */
#include "base/diff_id.h"

#include <string.h>

#include <uuid/uuid.h>

/* uuid5(nil, "diff"), from which the original derives its ids: 0c1312e4-88e7-5ed7-aa3e-4645b712c012. */
static const uuid_t namespace_of_diffs = {0x0c, 0x13, 0x12, 0xe4, 0x88, 0xe7, 0x5e, 0xd7,
                                          0xaa, 0x3e, 0x46, 0x45, 0xb7, 0x12, 0xc0, 0x12};

static const struct diffd_window_names query_names = {"previous_start", "previous_stop", "next_start",
                                                      "next_stop"};

struct diffd_window diffd_window_truncate(struct diffd_window window) {
  return (struct diffd_window){.start = diffd_truncate_to_minute(window.start),
                               .stop = diffd_truncate_to_minute(window.stop)};
}

/* Says that one named time is after another, and what should hold instead. */
static enum diffd_status fail_after(const char *name, int64_t time, const char *than_name, int64_t than,
                                    const char *rule, struct diffd_error *err) {
  char text[DIFFD_TIME_TEXT_MAX], than_text[DIFFD_TIME_TEXT_MAX];
  diffd_rfc3339_format(time, text);
  diffd_rfc3339_format(than, than_text);
  return diffd_fail(err, DIFFD_INVALID, "%s %s is after %s %s: %s", name, text, than_name, than_text, rule);
}

static enum diffd_status fail_empty(const char *start_name, const char *stop_name, int64_t time,
                                    struct diffd_error *err) {
  char text[DIFFD_TIME_TEXT_MAX];
  diffd_rfc3339_format(time, text);
  return diffd_fail(
      err, DIFFD_INVALID,
      "%s and %s are both %s once truncated to the minute: the range should last a minute or more",
      start_name, stop_name, text);
}

enum diffd_status diffd_windows_check(struct diffd_window previous, struct diffd_window next,
                                      const struct diffd_window_names *names, struct diffd_error *err) {
  static const char start_rule[] = "start should be before stop";
  static const char range_rule[] = "the previous range should be before the next range";
  const struct diffd_window_names *n = names != NULL ? names : &query_names;
  if (previous.start > previous.stop)
    return fail_after(n->previous_start, previous.start, n->previous_stop, previous.stop, start_rule, err);
  if (next.start > next.stop)
    return fail_after(n->next_start, next.start, n->next_stop, next.stop, start_rule, err);
  if (previous.start > next.start)
    return fail_after(n->previous_start, previous.start, n->next_start, next.start, range_rule, err);
  if (previous.stop > next.stop)
    return fail_after(n->previous_stop, previous.stop, n->next_stop, next.stop, range_rule, err);
  if (previous.start == previous.stop)
    return fail_empty(n->previous_start, n->previous_stop, previous.start, err);
  if (next.start == next.stop)
    return fail_empty(n->next_start, n->next_stop, next.start, err);
  return DIFFD_OK;
}

void diffd_spelled_diff_id(const struct diffd_spelled_time times[static 4],
                           char ret_id[static DIFFD_JOB_ID_MAX + 1]) {
  char name[4 * DIFFD_TIME_TEXT_MAX];
  size_t len = 0;
  for (size_t i = 0; i < 4; i++) {
    diffd_go_time_format(times[i], name + len);
    len += strlen(name + len);
  }
  uuid_t id;
  uuid_generate_sha1(id, namespace_of_diffs, name, len);
  uuid_unparse_lower(id, ret_id);
}

void diffd_diff_id(struct diffd_window previous, struct diffd_window next,
                   char ret_id[static DIFFD_JOB_ID_MAX + 1]) {
  const struct diffd_spelled_time times[] = {{.instant = {.seconds = previous.start}},
                                             {.instant = {.seconds = previous.stop}},
                                             {.instant = {.seconds = next.start}},
                                             {.instant = {.seconds = next.stop}}};
  diffd_spelled_diff_id(times, ret_id);
}

enum diffd_status diffd_job_from_windows(struct diffd_window previous, struct diffd_window next,
                                         const struct diffd_window_names *names, struct diffd_job *ret,
                                         struct diffd_error *err) {
  struct diffd_job job = {.previous = diffd_window_truncate(previous), .next = diffd_window_truncate(next)};
  enum diffd_status status = diffd_windows_check(job.previous, job.next, names, err);
  if (status != DIFFD_OK)
    return status;
  diffd_diff_id(job.previous, job.next, job.id);
  *ret = job;
  return DIFFD_OK;
}

bool diffd_job_id_is_valid(const char *id, size_t len) {
  if (len < 1 || len > DIFFD_JOB_ID_MAX || id[0] == '.')
    return false;
  for (size_t i = 0; i < len; i++) {
    char c = id[i];
    bool alphanumeric = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!alphanumeric && c != '.' && c != '_' && c != '-')
      return false;
  }
  return true;
}
