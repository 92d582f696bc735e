/* SPDX-License-Identifier: Apache-2.0
 *
 * The events that dashboards know by name: invalid-input, conflict, not-found, dependency-failure. Each
 * carries the diff's and the request's id where the context has them.
 */
#ifndef DIFFD_HANDLERS_EVENT_H
#define DIFFD_HANDLERS_EVENT_H

#include "diffd/job.h"
#include "diffd/log.h"

/* `dependency` (storage, queuer, marker, differ) and `reason` may be NULL: then the field is left out. */
void diffd_event(const struct diffd_context *ctx, enum diffd_log_level level, const char *message,
                 const char *dependency, const char *reason, const char *place);

#define diffd_event_invalid_input(ctx, reason)                                                               \
  diffd_event((ctx), DIFFD_LOG_INFO, "invalid-input", NULL, (reason), DIFFD_PLACE)
#define diffd_event_conflict(ctx, reason)                                                                    \
  diffd_event((ctx), DIFFD_LOG_INFO, "conflict", NULL, (reason), DIFFD_PLACE)
#define diffd_event_not_found(ctx, reason)                                                                   \
  diffd_event((ctx), DIFFD_LOG_INFO, "not-found", NULL, (reason), DIFFD_PLACE)
#define diffd_event_dependency_failure(ctx, dependency, reason)                                              \
  diffd_event((ctx), DIFFD_LOG_ERROR, "dependency-failure", (dependency), (reason), DIFFD_PLACE)
/* A dependency that failed where the work goes on without it. */
#define diffd_event_dependency_hiccup(ctx, dependency, reason)                                               \
  diffd_event((ctx), DIFFD_LOG_INFO, "dependency-failure", (dependency), (reason), DIFFD_PLACE)

#endif
