/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/http_grapher.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/rfc3339.h"
#include "diffd/log.h"
#include "net/redirect.h"
#include "net/sigv4.h"

#define GRAPH_MAX_BYTES (UINT64_C(1) << 40)
enum {
  LOOK_MS = 50,               /* how often a wait looks whether it should end */
  HEAD_MAX_MS = 60000,        /* for one answer's head */
  TEXT_MAX = 256,             /* bytes of an answer's text that are read and told */
  TEXT_MAX_MS = 2000,         /* and how long that may take */
  LOSS_PAUSE_MIN_MS = 100,    /* before a lost graph is asked for again: the polling interval within these */
  LOSS_PAUSE_FIRST_MS = 1000, /* bounds, doubled each time up to the last one */
  LOSS_PAUSE_MAX_MS = 60000,
  ABANDONED_MS = 30 * 60000,
};

struct http_grapher {
  struct diffd_grapher base;
  struct diffd_http_grapher_options options;
  char *prefix; /* the endpoint up to where `start=` follows */
};

/* One window's graph: asked for, waited for, read. */
struct fetch {
  struct diffd_reader base;
  const struct http_grapher *grapher;
  const struct diffd_context *outer;
  struct diffd_context
      ctx; /* what the client gets: the outer one, which ends earlier where must_end says so */
  char start[DIFFD_TIME_TEXT_MAX];
  char stop[DIFFD_TIME_TEXT_MAX];
  struct diffd_buffer url; /* NUL-terminated */
  /* The client may look at these from threads of its own. */
  atomic_bool interrupted;
  atomic_bool waiting; /* for the head of the graph */
  atomic_llong give_up_at;

  int64_t accepted_at;
  int64_t deadline; /* INT64_MAX: none */
  unsigned attempts;
  unsigned losses;
  unsigned last_status;             /* of the last look; 0 where no answer came */
  char last_text[TEXT_MAX + 32];    /* what it said; "" for a plain "not yet" */
  struct diffd_http_response graph; /* its body is NULL until the grapher has made it */
  uint64_t bytes;
  int64_t ready_at;
  int64_t stopping_since; /* INT64_MAX: the context is not stopping */
};

static int64_t now_ms(const struct fetch *fetch) {
  const struct diffd_clock *clock = fetch->grapher->options.clock;
  return clock->monotonic_ms(clock->arg);
}

/* ---- ends and waits ---- */

static bool must_end(void *arg) {
  struct fetch *fetch = arg;
  return atomic_load(&fetch->interrupted) || diffd_context_cancelled(fetch->outer) ||
         (atomic_load(&fetch->waiting) && diffd_context_stopping(fetch->outer)) ||
         now_ms(fetch) >= atomic_load(&fetch->give_up_at);
}

static enum diffd_status end_wait(struct diffd_error *err) {
  return diffd_fail(
      err, DIFFD_CANCELLED,
      "the wait for the grapher was ended: the service was told to stop, or nobody waits for the "
      "diff any more");
}

static void sleep_ms(const struct fetch *fetch, uint64_t ms) {
  const struct diffd_http_grapher_options *options = &fetch->grapher->options;
  if (options->sleep_ms != NULL) {
    options->sleep_ms(options->sleep_arg, ms);
    return;
  }
  struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
  (void)nanosleep(&left, NULL);
}

static enum diffd_status wait_until(struct fetch *fetch, int64_t at, struct diffd_error *err) {
  for (int64_t now = now_ms(fetch); !must_end(fetch); now = now_ms(fetch)) {
    if (now >= at)
      return DIFFD_OK;
    sleep_ms(fetch, (uint64_t)(at - now < LOOK_MS ? at - now : LOOK_MS));
  }
  return end_wait(err);
}

static int64_t add_ms(int64_t at, uint64_t ms) {
  return ms > (uint64_t)(INT64_MAX - at) ? INT64_MAX : at + (int64_t)ms;
}

/* ---- what the log tells ---- */

static void tell(const struct fetch *fetch, enum diffd_log_level level, const char *message,
                 const struct diffd_log_field *more, size_t more_count, const char *place) {
  const char *id = fetch->outer->diff_id;
  struct diffd_log_field fields[3 + 4] = {
      {"diff_id", id != NULL ? id : "", 0}, {"start", fetch->start, 0}, {"stop", fetch->stop, 0}};
  memcpy(fields + 3, more, more_count * sizeof *more);
  diffd_log_event(fetch->outer->log, level, message, fields, 3 + more_count, place);
}
#define TELL(fetch, level, message, ...)                                                                     \
  tell((fetch), (level), (message), (const struct diffd_log_field[]){__VA_ARGS__},                           \
       sizeof((const struct diffd_log_field[]){__VA_ARGS__}) / sizeof(struct diffd_log_field), DIFFD_PLACE)

/* ---- one request ---- */

static enum diffd_status send_request(struct fetch *fetch, const char *method, uint64_t header_timeout_ms,
                                      struct diffd_http_response *ret, struct diffd_error *err) {
  const struct diffd_http_request request = {.method = method,
                                             .url = fetch->url.ptr,
                                             .body = {strcmp(method, "POST") == 0 ? "" : NULL, 0},
                                             .header_timeout_ms = header_timeout_ms};
  enum diffd_status status =
      diffd_http_send_following(fetch->grapher->options.client, &fetch->ctx, &request, ret, err);
  return status == DIFFD_CANCELLED ? end_wait(err) : status;
}

/* Takes the answer's body to its end, so that the connection can be used again, but no further than a person
 * would read. The text is NUL-terminated and on one line. */
static void take_text(struct fetch *fetch, struct diffd_http_response *response,
                      char text[static TEXT_MAX + 4]) {
  char bytes[TEXT_MAX + 1];
  size_t len = 0;
  size_t got = 0;
  struct diffd_error ignored;
  atomic_store(&fetch->give_up_at, now_ms(fetch) + TEXT_MAX_MS);
  while (len < sizeof bytes &&
         diffd_reader_read(response->body, bytes + len, sizeof bytes - len, &got, &ignored) == DIFFD_OK)
    len += got;
  diffd_reader_destroy(response->body);
  response->body = NULL;
  atomic_store(&fetch->give_up_at, INT64_MAX);
  bool cut = len > TEXT_MAX;
  if (cut)
    for (len = TEXT_MAX; len > 0 && ((unsigned char)bytes[len] & 0xC0) == 0x80;)
      len--;
  for (size_t i = 0; i < len; i++)
    text[i] = (unsigned char)bytes[i] < ' ' || bytes[i] == 0x7f ? ' ' : bytes[i];
  while (len > 0 && text[len - 1] == ' ')
    len--;
  (void)snprintf(text + len, 4, "%s", cut ? "..." : "");
}

/* Whether a new request like this one would be refused again. What an operator or time mends is not. */
static bool is_refusal(unsigned status) {
  static const unsigned passing[] = {401, 403, 404, 407, 408, 425, 429};
  for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
    if (status == passing[i])
      return false;
  return status >= 400 && status < 500;
}

static enum diffd_status unexpected(const char *when, unsigned status, const char *text,
                                    struct diffd_error *err) {
  return diffd_fail(err, is_refusal(status) ? DIFFD_INVALID : DIFFD_UNAVAILABLE,
                    "Received unexpected response %s %u: %s", when, status, text);
}

/* ---- asking ---- */

/* POSTs; *ret_status is 202 or 409 where the grapher has the job now. */
static enum diffd_status post(struct fetch *fetch, unsigned *ret_status, char text[static TEXT_MAX + 4],
                              struct diffd_error *err) {
  struct diffd_http_response response;
  int64_t started = now_ms(fetch);
  enum diffd_status status = send_request(fetch, "POST", HEAD_MAX_MS, &response, err);
  if (status != DIFFD_OK)
    return status;
  int64_t answered = now_ms(fetch);
  take_text(fetch, &response, text);
  *ret_status = response.status;
  if (response.status == 202 || response.status == 409)
    TELL(fetch, DIFFD_LOG_INFO, "graph-requested", {"status", NULL, response.status},
         {"duration_ms", NULL, answered - started});
  return DIFFD_OK;
}

static bool is_accepted(unsigned status) {
  return status == 202 || status == 409;
}

/* What a grapher that is being restarted, or the proxy before it, answers. */
static bool is_passing_failure(unsigned status) {
  return status == 500 || status == 502 || status == 503;
}

static enum diffd_status ask(struct fetch *fetch, struct diffd_error *err) {
  char text[TEXT_MAX + 4];
  unsigned answer = 0;
  enum diffd_status status = post(fetch, &answer, text, err);
  if (status == DIFFD_UNAVAILABLE)
    return diffd_fail_within(err, "asking the grapher of GRAPHER_ENDPOINT");
  if (status != DIFFD_OK)
    return status;
  if (!is_accepted(answer))
    return unexpected("from grapher", answer, text, err);
  int64_t timeout_ms = fetch->grapher->options.polling_timeout_ms;
  fetch->accepted_at = now_ms(fetch);
  fetch->deadline = timeout_ms < 0 ? INT64_MAX : add_ms(fetch->accepted_at, (uint64_t)timeout_ms);
  return DIFFD_OK;
}

/* The grapher does not know the job any more. While it cannot take it either, it is looked at again later. */
static enum diffd_status ask_again(struct fetch *fetch, struct diffd_error *err) {
  char text[TEXT_MAX + 4];
  unsigned answer = 0;
  enum diffd_status status = post(fetch, &answer, text, err);
  if (status == DIFFD_UNAVAILABLE)
    return DIFFD_OK;
  if (status != DIFFD_OK || is_accepted(answer) || is_passing_failure(answer))
    return status;
  return unexpected("from grapher", answer, text, err);
}

/* ---- waiting ---- */

enum look { LOOK_GRAPH, LOOK_NOT_YET, LOOK_LOST };

/* A failure that is waited out: the first of a row is worth a warning. */
static void tell_trouble(struct fetch *fetch, unsigned status, const char *text) {
  bool first = fetch->last_text[0] == '\0' || fetch->last_status != status;
  fetch->last_status = status;
  if (status != 0)
    (void)snprintf(fetch->last_text, sizeof fetch->last_text, "status %u: %s", status, text);
  else
    (void)snprintf(fetch->last_text, sizeof fetch->last_text, "%s", text);
  TELL(fetch, first ? DIFFD_LOG_WARN : DIFFD_LOG_DEBUG, status == 404 ? "graph-lost" : "grapher-trouble",
       {"reason", fetch->last_text, 0}, {"attempt", NULL, fetch->attempts});
}

static uint64_t head_timeout_ms(const struct fetch *fetch) {
  int64_t left = fetch->deadline - now_ms(fetch);
  if (fetch->grapher->options.polling_timeout_ms <= 0 || left > HEAD_MAX_MS)
    return HEAD_MAX_MS;
  return left > 0 ? (uint64_t)left : 1;
}

static enum diffd_status look_once(struct fetch *fetch, enum look *ret, struct diffd_error *err) {
  struct diffd_http_response response;
  char text[TEXT_MAX + 4];
  fetch->attempts++;
  enum diffd_status status = send_request(fetch, "GET", head_timeout_ms(fetch), &response, err);
  *ret = LOOK_NOT_YET;
  if (status == DIFFD_UNAVAILABLE) {
    tell_trouble(fetch, 0, err->detail);
    return DIFFD_OK;
  }
  if (status != DIFFD_OK)
    return status;
  if (response.status == 200) {
    fetch->graph = response;
    *ret = LOOK_GRAPH;
    return DIFFD_OK;
  }
  take_text(fetch, &response, text);
  if (response.status == 204) {
    fetch->last_status = 204;
    fetch->last_text[0] = '\0';
    TELL(fetch, DIFFD_LOG_DEBUG, "graph-not-ready", {"attempt", NULL, fetch->attempts});
    return DIFFD_OK;
  }
  if (response.status != 404 && !is_passing_failure(response.status))
    return unexpected("while polling grapher", response.status, text, err);
  tell_trouble(fetch, response.status, text);
  if (response.status == 404)
    *ret = LOOK_LOST;
  return DIFFD_OK;
}

static uint64_t loss_pause_ms(struct fetch *fetch) {
  uint64_t pause = fetch->grapher->options.polling_interval_ms;
  pause = pause < LOSS_PAUSE_MIN_MS ? LOSS_PAUSE_MIN_MS : pause;
  pause = pause > LOSS_PAUSE_FIRST_MS ? LOSS_PAUSE_FIRST_MS : pause;
  for (unsigned i = 0; i < fetch->losses && pause < LOSS_PAUSE_MAX_MS; i++)
    pause *= 2;
  fetch->losses++;
  return pause < LOSS_PAUSE_MAX_MS ? pause : LOSS_PAUSE_MAX_MS;
}

static enum diffd_status time_is_over(const struct fetch *fetch, struct diffd_error *err) {
  if (fetch->last_status == 404)
    return unexpected("while polling grapher", 404, fetch->last_text + strlen("status 404: "), err);
  return diffd_fail(err, DIFFD_UNAVAILABLE,
                    "request time out reached after %u attempt(s): the graph was not there within the "
                    "%" PRId64 " ms of GRAPHER_POLLING_TIMEOUT%s%s",
                    fetch->attempts, fetch->grapher->options.polling_timeout_ms,
                    fetch->last_text[0] != '\0' ? "; the last look: " : "", fetch->last_text);
}

/* Looks at once, then every interval, until the graph is there. */
static enum diffd_status wait_for_graph(struct fetch *fetch, struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  while (status == DIFFD_OK) {
    enum look look;
    int64_t started = now_ms(fetch);
    status = look_once(fetch, &look, err);
    if (status != DIFFD_OK || look == LOOK_GRAPH)
      break;
    int64_t next = look == LOOK_LOST ? add_ms(now_ms(fetch), loss_pause_ms(fetch))
                                     : add_ms(started, fetch->grapher->options.polling_interval_ms);
    bool last = next >= fetch->deadline || now_ms(fetch) >= fetch->deadline;
    status = wait_until(fetch, last ? fetch->deadline : next, err);
    if (status == DIFFD_OK && last)
      return time_is_over(fetch, err);
    if (status == DIFFD_OK && look == LOOK_LOST)
      status = ask_again(fetch, err);
  }
  if (status != DIFFD_OK)
    return status;
  fetch->ready_at = now_ms(fetch);
  atomic_store(&fetch->waiting, false);
  TELL(fetch, DIFFD_LOG_INFO, "graph-ready", {"attempts", NULL, fetch->attempts},
       {"duration_ms", NULL, fetch->ready_at - fetch->accepted_at});
  return DIFFD_OK;
}

/* ---- reading ---- */

/* A graph that nobody waits for may come to its end, but one without an end must not fill the disk. */
static bool is_abandoned(struct fetch *fetch) {
  if (!diffd_context_stopping(fetch->outer))
    return false;
  int64_t now = now_ms(fetch);
  if (now < fetch->stopping_since)
    fetch->stopping_since = now;
  return now - fetch->stopping_since >= (int64_t)fetch->grapher->options.abandoned_ms;
}

static enum diffd_status read_graph(struct fetch *fetch, void *buf, size_t cap, size_t *ret_len,
                                    struct diffd_error *err) {
  size_t len = 0;
  enum diffd_status status = diffd_reader_read(fetch->graph.body, buf, cap, &len, err);
  if (status == DIFFD_END)
    TELL(fetch, DIFFD_LOG_INFO, "graph-fetched", {"bytes", NULL, (int64_t)fetch->bytes},
         {"duration_ms", NULL, now_ms(fetch) - fetch->ready_at});
  else if (status != DIFFD_OK)
    status =
        diffd_fail_within(err, "the body of the grapher's answer, after %" PRIu64 " bytes", fetch->bytes);
  if (status != DIFFD_OK)
    return status;
  fetch->bytes += len;
  if (fetch->bytes > GRAPH_MAX_BYTES)
    return diffd_fail(err, DIFFD_TOO_LARGE, "the grapher's answer is larger than 1 TiB");
  if (is_abandoned(fetch))
    return diffd_fail(err, DIFFD_CANCELLED,
                      "the grapher's answer did not end in the %" PRIu64
                      " s since nobody waits for the diff any more, after %" PRIu64 " bytes",
                      fetch->grapher->options.abandoned_ms / 1000, fetch->bytes);
  *ret_len = len;
  return DIFFD_OK;
}

static enum diffd_status fetch_read(struct diffd_reader *self, void *buf, size_t cap, size_t *ret_len,
                                    struct diffd_error *err) {
  struct fetch *fetch = (struct fetch *)self;
  enum diffd_status status = fetch->graph.body == NULL ? wait_for_graph(fetch, err) : DIFFD_OK;
  return status == DIFFD_OK ? read_graph(fetch, buf, cap, ret_len, err) : status;
}

static void fetch_interrupt(struct diffd_reader *self) {
  atomic_store(&((struct fetch *)self)->interrupted, true);
}

static void fetch_destroy(struct diffd_reader *self) {
  struct fetch *fetch = (struct fetch *)self;
  diffd_reader_destroy(fetch->graph.body);
  diffd_buffer_clean_up(&fetch->url);
  free(fetch);
}

static const struct diffd_reader_ops fetch_ops = {
    .read = fetch_read, .interrupt = fetch_interrupt, .destroy = fetch_destroy};

/* ---- the grapher ---- */

static enum diffd_status append_time(struct diffd_buffer *url, const char *name, const char *text,
                                     struct diffd_error *err) {
  enum diffd_status status = diffd_buffer_append(url, name, strlen(name), err);
  return status != DIFFD_OK ? status
                            : diffd_uri_encode(url, (struct diffd_span){text, strlen(text)}, false, err);
}

static enum diffd_status build_url(struct fetch *fetch, struct diffd_window window, struct diffd_error *err) {
  const char *prefix = fetch->grapher->prefix;
  diffd_rfc3339_format(window.start, fetch->start);
  diffd_rfc3339_format(window.stop, fetch->stop);
  fetch->url = diffd_buffer_init(strlen(prefix) + 8 * DIFFD_TIME_TEXT_MAX);
  enum diffd_status status = diffd_buffer_append(&fetch->url, prefix, strlen(prefix), err);
  if (status == DIFFD_OK)
    status = append_time(&fetch->url, "start=", fetch->start, err);
  if (status == DIFFD_OK)
    status = append_time(&fetch->url, "&stop=", fetch->stop, err);
  return status == DIFFD_OK ? diffd_buffer_append(&fetch->url, "", 1, err) : status;
}

static enum diffd_status grapher_get(struct diffd_grapher *self, const struct diffd_context *ctx,
                                     struct diffd_window window, struct diffd_graph *ret,
                                     struct diffd_error *err) {
  struct fetch *fetch = calloc(1, sizeof *fetch);
  if (fetch == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a graph's request");
  fetch->base.ops = &fetch_ops;
  fetch->grapher = (const struct http_grapher *)self;
  fetch->outer = ctx;
  fetch->ctx = *ctx;
  fetch->ctx.cancelled = must_end;
  fetch->ctx.cancelled_arg = fetch;
  atomic_init(&fetch->interrupted, false);
  atomic_init(&fetch->waiting, true);
  atomic_init(&fetch->give_up_at, INT64_MAX);
  fetch->stopping_since = INT64_MAX;
  enum diffd_status status = build_url(fetch, window, err);
  if (status == DIFFD_OK)
    status = ask(fetch, err);
  if (status == DIFFD_OK)
    *ret = (struct diffd_graph){.dot = &fetch->base};
  else
    fetch_destroy(&fetch->base);
  return status;
}

static void grapher_destroy(struct diffd_grapher *self) {
  struct http_grapher *grapher = (struct http_grapher *)self;
  free(grapher->prefix);
  free(grapher);
}

static const struct diffd_grapher_ops http_grapher_ops = {.get = grapher_get, .destroy = grapher_destroy};

/* The endpoint without its fragment, up to where the first parameter of ours follows. */
static enum diffd_status make_prefix(const char *endpoint, char **ret, struct diffd_error *err) {
  const char *rest = strstr(endpoint, "://");
  if (rest == NULL || (strncasecmp(endpoint, "http://", 7) != 0 && strncasecmp(endpoint, "https://", 8) != 0))
    return diffd_fail(err, DIFFD_INVALID, "GRAPHER_ENDPOINT: write http://HOST:PORT/PATH, or https");
  int len = (int)strcspn(endpoint, "#");
  int authority_len = (int)(rest + 3 - endpoint + (ptrdiff_t)strcspn(rest + 3, "/?#"));
  bool has_query = memchr(endpoint, '?', (size_t)len) != NULL;
  bool joins = endpoint[len - 1] == '?' || endpoint[len - 1] == '&';
  char *prefix = NULL;
  if (asprintf(&prefix, "%.*s%s%.*s%s", authority_len, endpoint, endpoint[authority_len] == '/' ? "" : "/",
               len - authority_len, endpoint + authority_len,
               !has_query ? "?"
               : joins    ? ""
                          : "&") < 0)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the grapher");
  *ret = prefix;
  return DIFFD_OK;
}

enum diffd_status diffd_http_grapher_new(const struct diffd_http_grapher_options *options,
                                         struct diffd_grapher **ret, struct diffd_error *err) {
  struct http_grapher *grapher = calloc(1, sizeof *grapher);
  if (grapher == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the grapher");
  grapher->base.ops = &http_grapher_ops;
  grapher->options = *options;
  grapher->options.endpoint = NULL;
  if (grapher->options.abandoned_ms == 0)
    grapher->options.abandoned_ms = ABANDONED_MS;
  enum diffd_status status = make_prefix(options->endpoint, &grapher->prefix, err);
  if (status != DIFFD_OK) {
    grapher_destroy(&grapher->base);
    return status;
  }
  *ret = &grapher->base;
  return DIFFD_OK;
}
