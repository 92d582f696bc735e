/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/worker_post.h"

#include "handlers/event.h"
#include "net/job_json.h"

static void refuse(const struct diffd_context *ctx, int http_status, const char *reason,
                   struct diffd_response *response) {
  diffd_event_invalid_input(ctx, reason);
  diffd_response_text(response, http_status, reason);
}

/* Whatever the reason, a valid job can be delivered again, so the answer is one that the bus retries. */
static void answer_failure(const struct diffd_context *ctx, const struct diffd_production *production,
                           const struct diffd_error *err, struct diffd_response *response) {
  bool later = diffd_status_http(err->status) == 503;
  if (err->status == DIFFD_CANCELLED) /* nobody's failure */
    diffd_event(ctx, DIFFD_LOG_INFO, "job-given-back", NULL, err->detail, DIFFD_PLACE);
  else
    diffd_event_dependency_failure(ctx, production->dependency, err->detail);
  diffd_response_text(response, later ? 503 : 500, err->detail);
  if (later)
    diffd_response_retry_later(response);
}

void diffd_worker_post(struct diffd_producer *producer, const struct diffd_context *outer,
                       const struct diffd_request *request, struct diffd_response *response) {
  struct diffd_job job;
  struct diffd_error err;
  struct diffd_production production;
  bool own_id;
  if (request->body_too_large) {
    refuse(outer, 413, "the body is larger than 64 KiB", response);
    return;
  }
  if (diffd_job_from_json(request->body, &job, &own_id, &err) != DIFFD_OK) {
    refuse(outer, 400, err.detail, response);
    return;
  }
  struct diffd_context ctx = *outer;
  ctx.diff_id = job.id;
  if (!own_id)
    diffd_event(&ctx, DIFFD_LOG_INFO, "id-mismatch", NULL,
                "the delivered id is not that of the four times; the diff is stored under the delivered one",
                DIFFD_PLACE);
  if (diffd_producer_make(producer, &ctx, &job, &production, &err) == DIFFD_OK)
    diffd_response_empty(response, 204);
  else
    answer_failure(&ctx, &production, &err, response);
}
