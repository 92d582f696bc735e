/* SPDX-License-Identifier: Apache-2.0
 *
 * GET / and HEAD /: the stored diff, or how far it is.
 */
#include "handlers/api.h"
#include "handlers/event.h"

void diffd_api_get(const struct diffd_api *api, const struct diffd_context *outer,
                   const struct diffd_request *request, struct diffd_response *response) {
  struct diffd_job job;
  struct diffd_error err;
  if (diffd_api_job(outer, request, &job, response) != DIFFD_OK)
    return;
  struct diffd_context inner = *outer;
  const struct diffd_context *ctx = &inner;
  inner.diff_id = job.id;

  /* The mark is looked at first: whoever stores the diff removes the mark afterwards, so that a missing mark
   * and a missing object together mean that nobody is making it. */
  switch (diffd_marker_check(api->marker, ctx, job.id, &err)) {
  case DIFFD_IN_PROGRESS:
    diffd_response_empty(response, 204);
    return;
  case DIFFD_NOT_FOUND:
    break;
  default:
    diffd_api_failure(ctx, "marker", &err, response);
    return;
  }
  switch (diffd_storage_get(api->storage, ctx, job.id, &response->reader, &response->size, &err)) {
  case DIFFD_OK:
    diffd_response_header(response, "Content-Type", "application/octet-stream");
    response->status = 200;
    return;
  case DIFFD_NOT_FOUND:
    diffd_event_not_found(ctx, err.detail);
    diffd_response_empty(response, 404);
    return;
  default:
    diffd_api_failure(ctx, "storage", &err, response);
  }
}
