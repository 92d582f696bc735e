/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/json_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json_text.h"

/* What the last try to fit a line leaves of each string, in bytes. */
enum { SHORTEST_STRING = 64, FIELDS_SORTED_MAX = 32 };

struct json_log {
  struct diffd_log base;
  int fd;
  enum diffd_log_level level;
  const struct diffd_clock *clock;
};

struct event {
  enum diffd_log_level level;
  const char *message;
  const struct diffd_log_field *fields;
  size_t field_count;
  const char *place;
  const char *time;
  size_t string_max; /* bytes of a field's string that are written */
};

static struct diffd_span cut(const char *text, size_t max) {
  return (struct diffd_span){text, strnlen(text, max)};
}

static struct diffd_span whole(const char *text) {
  return (struct diffd_span){text, strlen(text)};
}

static enum diffd_status append_pair(struct diffd_buffer *line, const char *name, struct diffd_span value,
                                     struct diffd_error *err) {
  enum diffd_status status = diffd_buffer_append(line, ",", 1, err);
  if (status == DIFFD_OK)
    status = diffd_json_append_string(line, whole(name), err);
  if (status == DIFFD_OK)
    status = diffd_buffer_append(line, ":", 1, err);
  return status != DIFFD_OK ? status : diffd_json_append_string(line, value, err);
}

static enum diffd_status append_number(struct diffd_buffer *line, const char *name, int64_t value,
                                       struct diffd_error *err) {
  enum diffd_status status = diffd_buffer_append(line, ",", 1, err);
  if (status == DIFFD_OK)
    status = diffd_json_append_string(line, whole(name), err);
  return status != DIFFD_OK ? status : diffd_buffer_printf(line, err, ":%lld", (long long)value);
}

static enum diffd_status append_event(struct diffd_buffer *line, const struct event *event,
                                      struct diffd_error *err) {
  static const char *const levels[] = {[DIFFD_LOG_DEBUG] = "debug",
                                       [DIFFD_LOG_INFO] = "info",
                                       [DIFFD_LOG_WARN] = "warn",
                                       [DIFFD_LOG_ERROR] = "error"};
  enum diffd_status status = diffd_buffer_printf(line, err, "{\"level\":\"%s\"", levels[event->level]);
  for (size_t i = 0; status == DIFFD_OK && i < event->field_count; i++) {
    const struct diffd_log_field *field = &event->fields[i];
    status = field->string != NULL
                 ? append_pair(line, field->name, cut(field->string, event->string_max), err)
                 : append_number(line, field->name, field->number, err);
  }
  if (status == DIFFD_OK)
    status = append_pair(line, "file", cut(event->place, event->string_max), err);
  if (status == DIFFD_OK)
    status = append_pair(line, "time", whole(event->time), err);
  if (status == DIFFD_OK)
    status = append_pair(line, "message", cut(event->message, event->string_max), err);
  return status != DIFFD_OK ? status : diffd_buffer_append(line, "}\n", 2, err);
}

/* A line that was begun is finished; one of which nothing can be written is given up. */
static void write_line(int fd, const char *bytes, size_t len) {
  while (len > 0) {
    ssize_t put = write(fd, bytes, len);
    if (put < 0 && errno != EINTR)
      return;
    if (put > 0) {
      bytes += put;
      len -= (size_t)put;
    }
  }
}

/* The fields ordered by name, as the original writes them; more than these stand as they came. */
static size_t sort_fields(const struct diffd_log_field *fields, size_t count,
                          struct diffd_log_field sorted[static FIELDS_SORTED_MAX]) {
  if (count > FIELDS_SORTED_MAX)
    return 0;
  for (size_t i = 0; i < count; i++) {
    size_t at = i;
    for (; at > 0 && strcmp(sorted[at - 1].name, fields[i].name) > 0; at--)
      sorted[at] = sorted[at - 1];
    sorted[at] = fields[i];
  }
  return count;
}

static void log_event(struct diffd_log *self, enum diffd_log_level level, const char *message,
                      const struct diffd_log_field *fields, size_t field_count, const char *place) {
  const struct json_log *log = (const struct json_log *)self;
  if (level < log->level)
    return;
  char time[DIFFD_TIME_TEXT_MAX];
  struct diffd_error err;
  diffd_rfc3339_format_nanos(log->clock->wall(log->clock->arg), time);
  struct diffd_log_field sorted[FIELDS_SORTED_MAX];
  bool ordered = sort_fields(fields, field_count, sorted) == field_count;
  struct event event = {level, message, ordered ? sorted : fields, field_count,
                        place, time,    DIFFD_LOG_LINE_MAX};
  struct diffd_buffer line = diffd_buffer_init(DIFFD_LOG_LINE_MAX);
  enum diffd_status status = append_event(&line, &event, &err);
  while (status == DIFFD_TOO_LARGE && event.string_max > SHORTEST_STRING) {
    event.string_max /= 2;
    line.len = 0;
    status = append_event(&line, &event, &err);
  }
  if (status == DIFFD_OK)
    write_line(log->fd, line.ptr, line.len);
  diffd_buffer_clean_up(&line);
}

static void destroy(struct diffd_log *self) {
  free(self);
}

static const struct diffd_log_ops log_ops = {.event = log_event, .destroy = destroy};

enum diffd_status diffd_json_log_new(int fd, enum diffd_log_level level, const struct diffd_clock *clock,
                                     struct diffd_log **ret, struct diffd_error *err) {
  struct json_log *log = calloc(1, sizeof *log);
  if (log == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the log");
  log->base.ops = &log_ops;
  log->fd = fd;
  log->level = level;
  log->clock = clock;
  *ret = &log->base;
  return DIFFD_OK;
}
