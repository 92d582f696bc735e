/* SPDX-License-Identifier: Apache-2.0
 *
 * What POST / and GET / share: the four times of the query, and the answer to a dependency's failure.
 */
#include "handlers/api.h"

#include <string.h>

#include "base/diff_id.h"
#include "base/rfc3339.h"
#include "handlers/event.h"
#include "handlers/query.h"

/* Longer than any time that RFC 3339 can write, and short enough for an error's text. */
enum { TIME_VALUE_MAX = 128 };

static enum diffd_status query_time(struct diffd_span query, const char *name, struct diffd_spelled_time *ret,
                                    struct diffd_error *err) {
  char text[TIME_VALUE_MAX];
  size_t len;
  enum diffd_status status = diffd_query_get(query, name, text, sizeof text, &len, err);
  if (status == DIFFD_NOT_FOUND)
    return diffd_fail(err, DIFFD_INVALID, "%s is missing: give a time such as 2019-07-01T00:00:00Z", name);
  if (status != DIFFD_OK)
    return status;
  status = diffd_rfc3339_parse_spelled((struct diffd_span){text, len}, ret, err);
  return status != DIFFD_OK ? diffd_fail_within(err, "%s", name) : DIFFD_OK;
}

static enum diffd_status query_asked(struct diffd_span query, struct diffd_asked *ret,
                                     struct diffd_error *err) {
  static const char *const names[] = {"previous_start", "previous_stop", "next_start", "next_stop"};
  struct diffd_spelled_time times[4];
  enum diffd_status status = DIFFD_OK;
  for (size_t i = 0; status == DIFFD_OK && i < 4; i++)
    status = query_time(query, names[i], &times[i], err);
  if (status != DIFFD_OK)
    return status;
  const struct diffd_window previous = {times[0].instant.seconds, times[1].instant.seconds};
  const struct diffd_window next = {times[2].instant.seconds, times[3].instant.seconds};
  status = diffd_job_from_windows(previous, next, NULL, &ret->job, err);
  if (status != DIFFD_OK)
    return status;
  diffd_spelled_diff_id(times, ret->spelled_id);
  if (strcmp(ret->spelled_id, ret->job.id) == 0)
    ret->spelled_id[0] = '\0';
  return DIFFD_OK;
}

enum diffd_status diffd_api_asked(const struct diffd_context *ctx, const struct diffd_request *request,
                                  struct diffd_asked *ret, struct diffd_response *response) {
  struct diffd_error err;
  enum diffd_status status = query_asked(request->query, ret, &err);
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
