/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/http_queuer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/thread.h"
#include "net/job_json.h"
#include "net/redirect.h"
#include "net/url.h"

enum {
  SHOWN_MAX = 256,     /* bytes of an answer's body, or of a Location, that a text shows */
  SHOWN_MAX_MS = 2000, /* how long the reading of that body may take */
};

/* What the client gets: the outer context, which ends where the reading of a body has taken too long. The
 * thread of the request that is answered waits for it. */
struct bounded {
  const struct diffd_context *outer;
  uint64_t until_ms;
};

static bool must_end(void *arg) {
  const struct bounded *bounded = arg;
  return diffd_context_cancelled(bounded->outer) || diffd_monotonic_ms() >= bounded->until_ms;
}

struct http_queuer {
  struct diffd_queuer base;
  struct diffd_http_client *client;
  char *endpoint;
};

static void make_readable(char *text, size_t len) {
  for (size_t i = 0; i < len; i++)
    if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
      text[i] = ' ';
  while (len > 0 && text[len - 1] == ' ')
    len--;
  text[len] = '\0';
}

/* The beginning of the body; what of it cannot be read is left out. */
static void read_beginning(struct diffd_reader *body, char text[static SHOWN_MAX]) {
  struct diffd_error ignored;
  size_t len = 0;
  size_t got;
  while (len < SHOWN_MAX - 1 &&
         diffd_reader_read(body, text + len, SHOWN_MAX - 1 - len, &got, &ignored) == DIFFD_OK)
    len += got;
  make_readable(text, len);
}

static enum diffd_status refusal(const struct diffd_http_response *response, struct diffd_error *err) {
  char text[SHOWN_MAX];
  const char *location = diffd_http_response_header(response, "location");
  if (response->status >= 300 && response->status < 400) {
    size_t len = location != NULL ? strnlen(location, SHOWN_MAX - 1) : 0;
    if (len > 0)
      memcpy(text, location, len);
    make_readable(text, len);
    return diffd_fail(err, DIFFD_UNAVAILABLE,
                      "the event bus redirects with %u to `%s`, which would lose the job: set "
                      "STREAM_APPLIANCE_ENDPOINT to where it takes jobs, or let it redirect with 307 or 308",
                      response->status, text);
  }
  read_beginning(response->body, text);
  return diffd_fail(err, DIFFD_UNAVAILABLE, "Received unexpected response from the event bus %u%s%s",
                    response->status, text[0] != '\0' ? ": " : "", text);
}

static enum diffd_status http_queue(struct diffd_queuer *self, const struct diffd_context *ctx,
                                    const struct diffd_job *job, struct diffd_error *err) {
  const struct http_queuer *queuer = (const struct http_queuer *)self;
  static const struct diffd_http_header headers[] = {{"Content-Type", "application/octet-stream"}};
  char body[DIFFD_JOB_JSON_MAX];
  struct diffd_http_response response;
  const struct diffd_http_request request = {.method = "POST",
                                             .url = queuer->endpoint,
                                             .headers = headers,
                                             .header_count = 1,
                                             .body = {body, diffd_job_to_json(job, body)}};
  struct bounded bounded = {.outer = ctx, .until_ms = UINT64_MAX};
  struct diffd_context inner = *ctx;
  inner.cancelled = must_end;
  inner.cancelled_arg = &bounded;
  enum diffd_status status = diffd_http_send_following(queuer->client, &inner, &request, &response, err);
  if (status != DIFFD_OK)
    return diffd_fail_within(err, "the event bus of STREAM_APPLIANCE_ENDPOINT");
  bounded.until_ms = diffd_monotonic_ms() + SHOWN_MAX_MS;
  if (response.status < 200 || response.status > 299)
    status = refusal(&response, err);
  diffd_reader_destroy(response.body);
  return status;
}

static void http_queuer_destroy(struct diffd_queuer *self) {
  struct http_queuer *queuer = (struct http_queuer *)self;
  free(queuer->endpoint);
  free(queuer);
}

static const struct diffd_queuer_ops http_queuer_ops = {.queue = http_queue, .destroy = http_queuer_destroy};

enum diffd_status diffd_http_queuer_new(const char *endpoint, struct diffd_http_client *client,
                                        struct diffd_queuer **ret, struct diffd_error *err) {
  char *whole;
  if (strncasecmp(endpoint, "http://", 7) != 0 && strncasecmp(endpoint, "https://", 8) != 0)
    return diffd_fail(err, DIFFD_INVALID,
                      "STREAM_APPLIANCE_ENDPOINT is no URL of an event bus: write http://HOST:PORT/PATH");
  if (diffd_url_resolve(endpoint, endpoint, &whole, err) != DIFFD_OK)
    return diffd_fail_within(err, "STREAM_APPLIANCE_ENDPOINT");
  free(whole); /* what is sent is the endpoint as it is written */
  struct http_queuer *queuer = calloc(1, sizeof *queuer);
  char *copy = strdup(endpoint);
  if (queuer == NULL || copy == NULL) {
    free(queuer);
    free(copy);
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a queuer");
  }
  queuer->base.ops = &http_queuer_ops;
  queuer->client = client;
  queuer->endpoint = copy;
  *ret = &queuer->base;
  return DIFFD_OK;
}
