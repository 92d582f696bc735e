/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/event.h"

void diffd_event(const struct diffd_context *ctx, enum diffd_log_level level, const char *message,
                 const char *dependency, const char *reason, const char *place) {
  const struct diffd_log_field all[] = {{"dependency", dependency, 0},
                                        {"reason", reason, 0},
                                        {"diff_id", ctx->diff_id, 0},
                                        {"request_id", ctx->request_id, 0}};
  struct diffd_log_field fields[sizeof all / sizeof all[0]];
  size_t count = 0;
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    if (all[i].string != NULL)
      fields[count++] = all[i];
  diffd_log_event(ctx->log, level, message, fields, count, place);
}
