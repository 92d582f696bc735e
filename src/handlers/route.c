/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/route.h"

#include <string.h>

enum target { TARGET_NONE, TARGET_API, TARGET_WORKER };

/* `/{topic}/{event}`: two names of at least one character. Percent-encoding stays as it is, so that an
 * encoded slash is part of a name. */
static bool is_topic_and_event(struct diffd_span path) {
  if (path.len < 4 || path.ptr[0] != '/')
    return false;
  const char *topic = path.ptr + 1;
  size_t rest = path.len - 1;
  const char *slash = memchr(topic, '/', rest);
  if (slash == NULL || slash == topic)
    return false;
  size_t event_len = rest - (size_t)(slash + 1 - topic);
  return event_len > 0 && memchr(slash + 1, '/', event_len) == NULL;
}

static enum target find_target(const struct diffd_router *router, struct diffd_span path) {
  if (path.len == 1 && path.ptr[0] == '/')
    return router->role != DIFFD_ROLE_WORKER ? TARGET_API : TARGET_NONE;
  if (is_topic_and_event(path))
    return router->role != DIFFD_ROLE_API ? TARGET_WORKER : TARGET_NONE;
  return TARGET_NONE;
}

static bool is_method(const struct diffd_request *request, const char *method) {
  return strcmp(request->method, method) == 0;
}

static void refuse_method(struct diffd_response *response, const char *allow) {
  diffd_response_empty(response, 405);
  diffd_response_header(response, "Allow", allow);
}

enum diffd_lane diffd_route_lane(const struct diffd_router *router, const struct diffd_request *request) {
  return find_target(router, request->path) == TARGET_WORKER && is_method(request, "POST") ? DIFFD_LANE_JOB
                                                                                           : DIFFD_LANE_SHORT;
}

const char *diffd_route_name(const struct diffd_router *router, const struct diffd_request *request) {
  switch (find_target(router, request->path)) {
  case TARGET_API:
    return "api";
  case TARGET_WORKER:
    return "worker";
  case TARGET_NONE:
    break;
  }
  return "none";
}

bool diffd_route_screen(const struct diffd_router *router, const struct diffd_context *ctx,
                        const struct diffd_request *request, struct diffd_response *response) {
  return diffd_middlewares_before(&router->middlewares, ctx, request, response);
}

static void answer(const struct diffd_router *router, const struct diffd_context *ctx,
                   const struct diffd_request *request, struct diffd_response *response) {
  switch (find_target(router, request->path)) {
  case TARGET_API:
    if (is_method(request, "POST"))
      diffd_api_post(&router->api, ctx, request, response);
    else if (is_method(request, "GET") || is_method(request, "HEAD"))
      diffd_api_get(&router->api, ctx, request, response);
    else
      refuse_method(response, "GET, HEAD, POST");
    return;
  case TARGET_WORKER:
    if (is_method(request, "POST"))
      diffd_worker_post(router->producer, ctx, request, response);
    else
      refuse_method(response, "POST");
    return;
  case TARGET_NONE:
    break;
  }
  diffd_response_text(response, 404, "404 page not found\n");
  diffd_response_header(response, "X-Content-Type-Options", "nosniff");
}

void diffd_route(const struct diffd_router *router, const struct diffd_context *ctx,
                 const struct diffd_request *request, struct diffd_response *response) {
  answer(router, ctx, request, response);
  diffd_middlewares_after(&router->middlewares, ctx, request, response);
}
