/* SPDX-License-Identifier: Apache-2.0
 *
 * What POST / and GET / share: the four times of the query, and the answer to a dependency's failure.
 */
#include "handlers/api.h"

#include "base/diff_id.h"
#include "base/rfc3339.h"
#include "handlers/event.h"
#include "handlers/query.h"

/* Longer than any time that RFC 3339 can write, and short enough for an error's text. */
enum { TIME_VALUE_MAX = 128 };

static enum diffd_status query_time(struct diffd_span query, const char *name, int64_t *ret,
                                    struct diffd_error *err) {
  char text[TIME_VALUE_MAX];
  size_t len;
  struct diffd_instant instant;
  enum diffd_status status = diffd_query_get(query, name, text, sizeof text, &len, err);
  if (status == DIFFD_NOT_FOUND)
    return diffd_fail(err, DIFFD_INVALID, "%s is missing: give a time such as 2019-07-01T00:00:00Z", name);
  if (status != DIFFD_OK)
    return status;
  status = diffd_rfc3339_parse((struct diffd_span){text, len}, &instant, err);
  if (status != DIFFD_OK)
    return diffd_fail_within(err, "%s", name);
  *ret = instant.seconds;
  return DIFFD_OK;
}

static enum diffd_status query_job(struct diffd_span query, struct diffd_job *ret, struct diffd_error *err) {
  struct diffd_window previous;
  struct diffd_window next;
  enum diffd_status status = query_time(query, "previous_start", &previous.start, err);
  if (status == DIFFD_OK)
    status = query_time(query, "previous_stop", &previous.stop, err);
  if (status == DIFFD_OK)
    status = query_time(query, "next_start", &next.start, err);
  if (status == DIFFD_OK)
    status = query_time(query, "next_stop", &next.stop, err);
  return status != DIFFD_OK ? status : diffd_job_from_windows(previous, next, NULL, ret, err);
}

enum diffd_status diffd_api_job(const struct diffd_context *ctx, const struct diffd_request *request,
                                struct diffd_job *ret, struct diffd_response *response) {
  struct diffd_error err;
  enum diffd_status status = query_job(request->query, ret, &err);
  if (status != DIFFD_OK) {
    diffd_event_invalid_input(ctx, err.detail);
    diffd_response_message(response, 400, err.detail);
  }
  return status;
}

void diffd_api_failure(const struct diffd_context *ctx, const char *dependency, const struct diffd_error *err,
                       struct diffd_response *response) {
  diffd_event_dependency_failure(ctx, dependency, err->detail);
  /* All that concerns the client is whether to come again; the rest is between us and the dependency. */
  if (diffd_status_http(err->status) == 503) {
    diffd_response_message(response, 503, "Service Unavailable");
    diffd_response_retry_later(response);
  } else {
    diffd_response_message(response, 500, "Internal Server Error");
  }
}
