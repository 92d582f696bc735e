/* SPDX-License-Identifier: Apache-2.0
 *
 * Structured logs: one event with named fields. Handlers, runtime, service and CLI log; a module
 * that must tell something which is no failure uses the log of its context.
 */
#ifndef DIFFD_LOG_H
#define DIFFD_LOG_H

#include <stdint.h>

#include "diffd/status.h"

DIFFD_PUBLIC_BEGIN

enum diffd_log_level { DIFFD_LOG_DEBUG, DIFFD_LOG_INFO, DIFFD_LOG_WARN, DIFFD_LOG_ERROR };

/* A field is a string, or where string is NULL a number. Names and strings are UTF-8 or made so. */
struct diffd_log_field {
  const char *name;
  const char *string;
  int64_t number;
};

struct diffd_log;
struct diffd_log_ops {
  /* Writes one event. Called from any thread. `place` is "path/file.c:line"; borrowed for the call. */
  void (*event)(struct diffd_log *self, enum diffd_log_level level, const char *message,
                const struct diffd_log_field *fields, size_t field_count, const char *place);
  void (*destroy)(struct diffd_log *self);
};
struct diffd_log {
  const struct diffd_log_ops *ops;
};

/* `log` may be NULL: then nothing happens. */
void diffd_log_event(struct diffd_log *log, enum diffd_log_level level, const char *message,
                     const struct diffd_log_field *fields, size_t field_count, const char *place);
void diffd_log_destroy(struct diffd_log *log);

#define DIFFD_LOG_STRINGIFY_(x) #x
#define DIFFD_LOG_STRINGIFY(x)  DIFFD_LOG_STRINGIFY_(x)
#define DIFFD_PLACE             __FILE__ ":" DIFFD_LOG_STRINGIFY(__LINE__)
/* diffd_log(log, DIFFD_LOG_INFO, "job-parked", {"diff_id", id, 0}, {"failures", NULL, 10}) */
#define diffd_log(log, level, message, ...)                                                                  \
  diffd_log_event((log), (level), (message), (const struct diffd_log_field[]){__VA_ARGS__},                  \
                  sizeof((const struct diffd_log_field[]){__VA_ARGS__}) / sizeof(struct diffd_log_field),    \
                  DIFFD_PLACE)

DIFFD_PUBLIC_END

#endif
