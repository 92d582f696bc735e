/* SPDX-License-Identifier: Apache-2.0 */
#include "net/fetch.h"

#include <string.h>
#include <time.h>

enum { SLICE_MS = 50 };

void diffd_answer_clean_up(struct diffd_answer *answer) {
  if (answer->body.ptr != NULL)
    explicit_bzero(answer->body.ptr, answer->body.cap);
  diffd_buffer_clean_up(&answer->body);
}

static enum diffd_status pause_before_retry(const struct diffd_context *ctx, uint64_t pause_ms,
                                            struct diffd_error *err) {
  for (uint64_t slept_ms = 0; slept_ms < pause_ms; slept_ms += SLICE_MS) {
    if (diffd_context_cancelled(ctx))
      return diffd_fail(err, DIFFD_CANCELLED, "cancelled");
    uint64_t slice_ms = pause_ms - slept_ms < SLICE_MS ? pause_ms - slept_ms : SLICE_MS;
    const struct timespec slice = {.tv_nsec = (long)slice_ms * 1000000};
    (void)nanosleep(&slice, NULL);
  }
  return DIFFD_OK;
}

/* Reads the body to its end. The buffer has its whole room from the begin, so that growing leaves no copies
 * of secrets behind. */
static enum diffd_status read_body(const struct diffd_fetch_options *options, struct diffd_reader *body,
                                   int64_t deadline_ms, struct diffd_buffer *out, struct diffd_error *err) {
  enum diffd_status status = diffd_buffer_reserve(out, out->max, err);
  while (status == DIFFD_OK) {
    size_t len = 0;
    char past_the_end;
    size_t room = DIFFD_ANSWER_MAX - out->len;
    status = diffd_reader_read(body, room > 0 ? out->ptr + out->len : &past_the_end, room > 0 ? room : 1,
                               &len, err);
    if (status == DIFFD_OK && room == 0)
      return diffd_fail(err, DIFFD_TOO_LARGE, "the answer is longer than %d bytes", DIFFD_ANSWER_MAX);
    if (status == DIFFD_OK)
      out->len += len;
    if (status == DIFFD_OK && options->clock->monotonic_ms(options->clock->arg) >= deadline_ms)
      return diffd_fail(err, DIFFD_UNAVAILABLE, "the answer did not end within %llu ms",
                        (unsigned long long)options->timeout_ms);
  }
  if (status != DIFFD_END)
    return status;
  out->ptr[out->len] = '\0';
  return DIFFD_OK;
}

static enum diffd_status try_once(const struct diffd_fetch_options *options, const struct diffd_context *ctx,
                                  const struct diffd_http_request *request, struct diffd_answer *ret,
                                  struct diffd_error *err) {
  struct diffd_http_request bounded = *request;
  struct diffd_http_response response;
  bounded.header_timeout_ms = bounded.stall_timeout_ms = options->timeout_ms;
  int64_t deadline_ms = options->clock->monotonic_ms(options->clock->arg) + (int64_t)options->timeout_ms;
  enum diffd_status status = diffd_http_client_send(options->client, ctx, &bounded, &response, err);
  if (status != DIFFD_OK)
    return status;
  struct diffd_answer answer = {.status = response.status,
                                .body = diffd_buffer_init((size_t)DIFFD_ANSWER_MAX + 1)};
  status = read_body(options, response.body, deadline_ms, &answer.body, err);
  diffd_reader_destroy(response.body);
  if (status == DIFFD_OK)
    *ret = answer;
  else
    diffd_answer_clean_up(&answer);
  return status;
}

enum diffd_status diffd_fetch(const struct diffd_fetch_options *options, const struct diffd_context *ctx,
                              const struct diffd_http_request *request, struct diffd_answer *ret,
                              struct diffd_error *err) {
  uint64_t pause_ms = options->pause_ms;
  for (unsigned tried = 1;; tried++) {
    struct diffd_answer answer = {0};
    enum diffd_status status = try_once(options, ctx, request, &answer, err);
    bool again =
        status == DIFFD_UNAVAILABLE || (status == DIFFD_OK && (answer.status == 429 || answer.status >= 500));
    if (!again || tried >= options->tries) {
      if (status == DIFFD_OK)
        *ret = answer;
      return status;
    }
    diffd_answer_clean_up(&answer);
    status = pause_before_retry(ctx, pause_ms, err);
    if (status != DIFFD_OK)
      return status;
    pause_ms *= 2;
  }
}
