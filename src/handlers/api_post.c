/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /: takes a job in, unless its diff is stored or being made.
 */
#include <stdio.h>

#include "base/rfc3339.h"
#include "handlers/api.h"
#include "handlers/event.h"

enum { CONFLICT_TEXT_MAX = 512 };

static void answer_conflict(const struct diffd_context *ctx, const char *text,
                            struct diffd_response *response) {
  diffd_event_conflict(ctx, text);
  diffd_response_message(response, 409, text);
}

static void answer_being_created(const struct diffd_context *ctx, const struct diffd_job *job,
                                 struct diffd_response *response) {
  char text[CONFLICT_TEXT_MAX];
  (void)snprintf(text, sizeof text, "diff %s is being created", job->id);
  answer_conflict(ctx, text, response);
}

static void answer_exists(const struct diffd_context *ctx, const struct diffd_job *job,
                          struct diffd_response *response) {
  char text[CONFLICT_TEXT_MAX];
  char times[4][DIFFD_TIME_TEXT_MAX];
  diffd_rfc3339_format(job->previous.start, times[0]);
  diffd_rfc3339_format(job->previous.stop, times[1]);
  diffd_rfc3339_format(job->next.start, times[2]);
  diffd_rfc3339_format(job->next.stop, times[3]);
  (void)snprintf(text, sizeof text, "diff for the time range %s to %s and time range %s to %s already exists",
                 times[0], times[1], times[2], times[3]);
  answer_conflict(ctx, text, response);
}

/* Marks before it queues, so that a fast worker does not leave a mark behind; takes back the mark that it
 * made itself where the queue refuses. */
static void take_in(const struct diffd_api *api, const struct diffd_context *ctx, const struct diffd_job *job,
                    struct diffd_response *response) {
  struct diffd_error err;
  bool marked = diffd_marker_mark(api->marker, ctx, job->id, &err) == DIFFD_OK;
  if (!marked)
    diffd_event_dependency_hiccup(ctx, "marker", err.detail);
  if (diffd_queuer_queue(api->queuer, ctx, job, &err) == DIFFD_OK) {
    diffd_response_empty(response, 202);
    return;
  }
  diffd_api_failure(ctx, "queuer", &err, response);
  if (marked && diffd_marker_unmark(api->marker, ctx, job->id, &err) != DIFFD_OK)
    diffd_event_dependency_failure(ctx, "marker", err.detail);
}

/* What the original stored lies under the id of the times as they were spelled then. */
static enum diffd_status look_for_stored(const struct diffd_api *api, const struct diffd_context *ctx,
                                         const struct diffd_asked *asked, struct diffd_error *err) {
  enum diffd_status status = diffd_storage_exists(api->storage, ctx, asked->job.id, err);
  if (status != DIFFD_NOT_FOUND || asked->spelled_id[0] == '\0')
    return status;
  return diffd_storage_exists(api->storage, ctx, asked->spelled_id, err);
}

/* Looks, marks and queues: nobody else may do so for the same id meanwhile. */
static void post_alone(const struct diffd_api *api, const struct diffd_context *ctx,
                       const struct diffd_asked *asked, struct diffd_response *response) {
  const struct diffd_job *job = &asked->job;
  struct diffd_error err;
  switch (diffd_marker_check(api->marker, ctx, job->id, &err)) {
  case DIFFD_IN_PROGRESS:
    answer_being_created(ctx, job, response);
    return;
  case DIFFD_NOT_FOUND:
    break;
  default:
    diffd_api_failure(ctx, "marker", &err, response);
    return;
  }
  switch (look_for_stored(api, ctx, asked, &err)) {
  case DIFFD_OK:
    answer_exists(ctx, job, response);
    return;
  case DIFFD_NOT_FOUND:
    take_in(api, ctx, job, response);
    return;
  default:
    diffd_api_failure(ctx, "storage", &err, response);
  }
}

void diffd_api_post(const struct diffd_api *api, const struct diffd_context *outer,
                    const struct diffd_request *request, struct diffd_response *response) {
  struct diffd_asked asked;
  struct diffd_id_pass pass;
  if (diffd_api_asked(outer, request, &asked, response) != DIFFD_OK)
    return;
  struct diffd_context ctx = *outer;
  ctx.diff_id = asked.job.id;
  diffd_id_gate_enter(api->gate, &pass, asked.job.id);
  post_alone(api, &ctx, &asked, response);
  diffd_id_gate_leave(api->gate, &pass);
}
