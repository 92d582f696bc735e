/* SPDX-License-Identifier: Apache-2.0
 *
 * Which handler answers which request.
 */
#ifndef DIFFD_HANDLERS_ROUTE_H
#define DIFFD_HANDLERS_ROUTE_H

#include "diffd/service.h"
#include "handlers/api.h"
#include "handlers/middleware.h"
#include "handlers/worker_post.h"

/* Borrowed parts; what the role switches off may be empty. */
struct diffd_router {
  enum diffd_role role;
  struct diffd_api api;
  struct diffd_producer *producer;
  struct diffd_middlewares middlewares;
};

/* Requests that are answered soon and requests that last as long as a job wait in lines of their own, so that
 * jobs never keep the others from being answered. */
enum diffd_lane { DIFFD_LANE_SHORT, DIFFD_LANE_JOB };

/* The line of a request whose body need not be read yet. A request in DIFFD_LANE_SHORT has no use for its
 * body.
 */
enum diffd_lane diffd_route_lane(const struct diffd_router *router, const struct diffd_request *request);

/* What stats call the kind of request: "api", "worker", or "none" for what nothing answers. */
const char *diffd_route_name(const struct diffd_router *router, const struct diffd_request *request);

/* Whether a middleware answered the request: then diffd_route need not. May wait as long as they do. Safe to
 * call from several threads at once. */
bool diffd_route_screen(const struct diffd_router *router, const struct diffd_context *ctx,
                        const struct diffd_request *request, struct diffd_response *response);
/* Answers any request that was not answered, and shows the middlewares the answer. Safe to call from several
 * threads at once. */
void diffd_route(const struct diffd_router *router, const struct diffd_context *ctx,
                 const struct diffd_request *request, struct diffd_response *response);

#endif
