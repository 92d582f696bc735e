/* SPDX-License-Identifier: Apache-2.0 */
#include "net/job_json.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/diff_id.h"
#include "base/rfc3339.h"

enum job_field {
  FIELD_ID,
  FIELD_PREVIOUS_START,
  FIELD_PREVIOUS_STOP,
  FIELD_NEXT_START,
  FIELD_NEXT_STOP,
  FIELD_COUNT
};

/* `missing` is what the text about an absent one calls it. */
static const struct {
  const char *key;
  const char *missing;
} fields[FIELD_COUNT] = {
    [FIELD_ID] = {"id", "ID"},
    [FIELD_PREVIOUS_START] = {"previousStart", "previousStart"},
    [FIELD_PREVIOUS_STOP] = {"previousStop", "previousStop"},
    [FIELD_NEXT_START] = {"nextStart", "nextStart"},
    [FIELD_NEXT_STOP] = {"nextStop", "nextStop"},
};

static const struct diffd_window_names window_names = {"previousStart", "previousStop", "nextStart",
                                                       "nextStop"};

/* Finds the fields' values; of keys that differ in case only the last counts. */
static enum diffd_status collect(json_t *object, struct diffd_span values[static FIELD_COUNT],
                                 struct diffd_error *err) {
  const char *key;
  json_t *value;
  json_object_foreach(object, key, value) {
    for (size_t i = 0; i < FIELD_COUNT; i++) {
      if (strcasecmp(key, fields[i].key) != 0 || json_is_null(value))
        continue;
      if (!json_is_string(value))
        return diffd_fail(err, DIFFD_INVALID, "the field %s is not a string", fields[i].key);
      values[i] = (struct diffd_span){json_string_value(value), json_string_length(value)};
    }
  }
  for (size_t i = 0; i < FIELD_COUNT; i++)
    if (values[i].len == 0)
      return diffd_fail(err, DIFFD_INVALID, "missing %s field", fields[i].missing);
  return DIFFD_OK;
}

static enum diffd_status field_time(const struct diffd_span values[static FIELD_COUNT], enum job_field field,
                                    int64_t *ret, struct diffd_error *err) {
  struct diffd_instant instant;
  if (diffd_rfc3339_parse(values[field], &instant, err) != DIFFD_OK)
    return diffd_fail_within(err, "%s", fields[field].key);
  *ret = instant.seconds;
  return DIFFD_OK;
}

static enum diffd_status fill(const struct diffd_span values[static FIELD_COUNT], struct diffd_job *ret,
                              bool *ret_own_id, struct diffd_error *err) {
  struct diffd_job job;
  struct diffd_window previous;
  struct diffd_window next;
  struct diffd_span id = values[FIELD_ID];
  if (!diffd_job_id_is_valid(id.ptr, id.len))
    return diffd_fail(err, DIFFD_INVALID,
                      "the id names no object: 1 to %d characters of A-Z a-z 0-9 . _ - and no leading dot",
                      DIFFD_JOB_ID_MAX);
  enum diffd_status status = field_time(values, FIELD_PREVIOUS_START, &previous.start, err);
  if (status == DIFFD_OK)
    status = field_time(values, FIELD_PREVIOUS_STOP, &previous.stop, err);
  if (status == DIFFD_OK)
    status = field_time(values, FIELD_NEXT_START, &next.start, err);
  if (status == DIFFD_OK)
    status = field_time(values, FIELD_NEXT_STOP, &next.stop, err);
  if (status == DIFFD_OK)
    status = diffd_job_from_windows(previous, next, &window_names, &job, err);
  if (status != DIFFD_OK)
    return status;
  *ret_own_id = strlen(job.id) == id.len && memcmp(job.id, id.ptr, id.len) == 0;
  memcpy(job.id, id.ptr, id.len);
  job.id[id.len] = '\0';
  *ret = job;
  return DIFFD_OK;
}

enum diffd_status diffd_job_from_json(struct diffd_span text, struct diffd_job *ret, bool *ret_own_id,
                                      struct diffd_error *err) {
  json_error_t fault;
  struct diffd_span values[FIELD_COUNT] = {0};
  json_auto_t *root = json_loadb(text.len > 0 ? text.ptr : "", text.len,
                                 JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY | JSON_ALLOW_NUL, &fault);
  if (root == NULL)
    return diffd_fail(err, DIFFD_INVALID, "the body is not JSON: line %d, column %d: %s", fault.line,
                      fault.column, fault.text);
  if (!json_is_object(root))
    return diffd_fail(err, DIFFD_INVALID, "the body is not a JSON object");
  enum diffd_status status = collect(root, values, err);
  return status != DIFFD_OK ? status : fill(values, ret, ret_own_id, err);
}

size_t diffd_job_to_json(const struct diffd_job *job, char text[static DIFFD_JOB_JSON_MAX]) {
  char times[4][DIFFD_TIME_TEXT_MAX];
  diffd_rfc3339_format(job->previous.start, times[0]);
  diffd_rfc3339_format(job->previous.stop, times[1]);
  diffd_rfc3339_format(job->next.start, times[2]);
  diffd_rfc3339_format(job->next.stop, times[3]);
  /* Neither an id nor a time has a character that JSON would want escaped. */
  int len = snprintf(text, DIFFD_JOB_JSON_MAX,
                     "{\"id\":\"%s\",\"previousStart\":\"%s\",\"previousStop\":\"%s\",\"nextStart\":\"%s\","
                     "\"nextStop\":\"%s\"}",
                     job->id, times[0], times[1], times[2], times[3]);
  assert(len > 0 && len < DIFFD_JOB_JSON_MAX);
  return (size_t)len;
}
