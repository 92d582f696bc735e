/* SPDX-License-Identifier: Apache-2.0
 *
 * GET / and HEAD /: the stored diff, or how far it is.
 */
#include "handlers/api.h"
#include "handlers/event.h"

/* What the original stored lies under the id of the times as they were spelled then. */
static enum diffd_status open_stored(const struct diffd_api *api, const struct diffd_context *ctx,
                                     const struct diffd_asked *asked, struct diffd_response *response,
                                     struct diffd_error *err) {
  struct diffd_error spelled;
  enum diffd_status status =
      diffd_storage_get(api->storage, ctx, asked->job.id, &response->reader, &response->size, err);
  if (status != DIFFD_NOT_FOUND || asked->spelled_id[0] == '\0')
    return status;
  status =
      diffd_storage_get(api->storage, ctx, asked->spelled_id, &response->reader, &response->size, &spelled);
  if (status != DIFFD_OK && status != DIFFD_NOT_FOUND)
    *err = spelled;
  return status;
}

void diffd_api_get(const struct diffd_api *api, const struct diffd_context *outer,
                   const struct diffd_request *request, struct diffd_response *response) {
  struct diffd_asked asked;
  struct diffd_error err;
  if (diffd_api_asked(outer, request, &asked, response) != DIFFD_OK)
    return;
  struct diffd_context inner = *outer;
  const struct diffd_context *ctx = &inner;
  inner.diff_id = asked.job.id;

  /* The mark is looked at first: whoever stores the diff removes the mark afterwards, so that a missing mark
   * and a missing object together mean that nobody is making it. */
  switch (diffd_marker_check(api->marker, ctx, asked.job.id, &err)) {
  case DIFFD_IN_PROGRESS:
    diffd_response_empty(response, 204);
    return;
  case DIFFD_NOT_FOUND:
    break;
  default:
    diffd_api_failure(ctx, "marker", &err, response);
    return;
  }
  switch (open_stored(api, ctx, &asked, response, &err)) {
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
