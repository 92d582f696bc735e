/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/middleware.h"

#include "handlers/event.h"

static void show_answer(const struct diffd_middlewares *row, size_t count, const struct diffd_context *ctx,
                        const struct diffd_request *request, struct diffd_response *response) {
  while (count-- > 0)
    diffd_middleware_after(row->items[count], ctx, request, response);
}

bool diffd_middlewares_before(const struct diffd_middlewares *row, const struct diffd_context *ctx,
                              const struct diffd_request *request, struct diffd_response *response) {
  for (size_t i = 0; i < row->count; i++) {
    if (diffd_middleware_before(row->items[i], ctx, request, response) == DIFFD_ANSWERED) {
      if (response->status == 0) {
        diffd_event_dependency_failure(ctx, "middleware",
                                       "a middleware kept the request and did not answer it");
        diffd_response_message(response, 500, "Internal Server Error");
      }
      show_answer(row, i, ctx, request, response);
      return true;
    }
    diffd_response_drop_answer(response);
  }
  return false;
}

void diffd_middlewares_after(const struct diffd_middlewares *row, const struct diffd_context *ctx,
                             const struct diffd_request *request, struct diffd_response *response) {
  show_answer(row, row->count, ctx, request, response);
}
