/* SPDX-License-Identifier: Apache-2.0
 *
 * What the grapher service is asked, how long it is waited for, and what each of its answers means.
 */
#include "modules/http_grapher.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "diffd/log.h"
#include "net/test_http_client.h"

#define GRAPH "digraph {\n}"

/* The log: messages one after the other. */
struct test_log {
  struct diffd_log base;
  char text[4096];
};

static void log_event(struct diffd_log *self, enum diffd_log_level level, const char *message,
                      const struct diffd_log_field *fields, size_t field_count, const char *place) {
  struct test_log *log = (struct test_log *)self;
  size_t len = strlen(log->text);
  (void)place;
  assert_true(field_count >= 3);
  assert_string_equal(fields[1].string, "2019-03-01T00:01:00Z");
  (void)snprintf(log->text + len, sizeof log->text - len, "%s%s ", level == DIFFD_LOG_WARN ? "!" : "",
                 message);
}

static const struct diffd_log_ops log_ops = {.event = log_event};

/* A grapher over a script of answers, a clock that only sleeping and answering turn, and a context that ends
 * at chosen times of it. */
struct fixture {
  struct test_http_client client;
  struct diffd_clock clock;
  struct diffd_http_grapher_options options;
  struct test_log log;
  struct diffd_context ctx;
  atomic_llong now;
  atomic_llong stopping_at;
  atomic_llong cancelled_at;
  struct diffd_error err;
  char graph[256];
};

static int64_t clock_ms(void *arg) {
  return atomic_load(&((struct fixture *)arg)->now);
}

static void pass(void *arg, int64_t ms) {
  (void)atomic_fetch_add(&((struct fixture *)arg)->now, ms);
}

static void sleep_ms(void *arg, uint64_t ms) {
  assert_true(ms <= 100); /* whoever waits looks that often whether to end */
  pass(arg, (int64_t)ms);
}

static bool is_stopping(void *arg) {
  struct fixture *f = arg;
  return clock_ms(f) >= atomic_load(&f->stopping_at);
}

static bool is_cancelled(void *arg) {
  struct fixture *f = arg;
  return clock_ms(f) >= atomic_load(&f->cancelled_at);
}

static void init(struct fixture *f, const struct test_answer *answers, size_t count) {
  *f = (struct fixture){.client = test_http_client(answers, count), .log = {.base = {&log_ops}}};
  f->now = 5000;
  f->stopping_at = f->cancelled_at = INT64_MAX;
  f->client.pass = pass;
  f->client.pass_arg = f;
  f->clock = (struct diffd_clock){.monotonic_ms = clock_ms, .arg = f};
  f->options = (struct diffd_http_grapher_options){.endpoint = "http://grapher:8080",
                                                   .polling_interval_ms = 1000,
                                                   .polling_timeout_ms = 10000,
                                                   .client = &f->client.base,
                                                   .clock = &f->clock,
                                                   .sleep_ms = sleep_ms,
                                                   .sleep_arg = f};
  f->ctx = (struct diffd_context){.cancelled = is_cancelled,
                                  .cancelled_arg = f,
                                  .stopping = is_stopping,
                                  .stopping_arg = f,
                                  .log = &f->log.base};
}
#define SCRIPT(f, ...)                                                                                       \
  const struct test_answer answers[] = {__VA_ARGS__};                                                        \
  init(f, answers, sizeof answers / sizeof answers[0])

static const struct diffd_window window = {1551398460, 1551398520}; /* 2019-03-01T00:01:00Z, a minute */

/* Fetches the graph whole, into f->graph. */
static enum diffd_status fetch(struct fixture *f) {
  struct diffd_grapher *grapher;
  struct diffd_graph graph;
  size_t len = 0;
  size_t got = 0;
  assert_int_equal(diffd_http_grapher_new(&f->options, &grapher, &f->err), DIFFD_OK);
  enum diffd_status status = diffd_grapher_get(grapher, &f->ctx, window, &graph, &f->err);
  if (status == DIFFD_OK) {
    assert_null(graph.edges);
    while (status == DIFFD_OK) {
      status = diffd_reader_read(graph.dot, f->graph + len, sizeof f->graph - 1 - len, &got, &f->err);
      if (status == DIFFD_OK && len + got < sizeof f->graph - 1)
        len += got;
    }
    f->graph[len] = '\0';
    diffd_graph_clean_up(&graph);
  }
  diffd_grapher_destroy(grapher);
  assert_int_equal(f->client.open_bodies, 0);
  return status == DIFFD_END ? DIFFD_OK : status;
}

#define ASSERT_DETAIL(f, text)                                                                               \
  do {                                                                                                       \
    if (strstr((f)->err.detail, (text)) == NULL)                                                             \
      fail_msg("%s", (f)->err.detail);                                                                       \
  } while (0)

static unsigned count(const char *text, const char *word) {
  unsigned n = 0;
  for (const char *at = text; (at = strstr(at, word)) != NULL; at += strlen(word))
    n++;
  return n;
}

/* ---- asking ---- */

static void test_asks_once_then_looks(void **state) {
  (void)state;
  static struct fixture f;
  SCRIPT(&f, {.status = 202}, {.times = 2, .status = 204}, {.status = 200, .body = GRAPH});
  assert_int_equal(fetch(&f), DIFFD_OK);
  assert_string_equal(f.graph, GRAPH);
#define QUERY "http://grapher:8080/?start=2019-03-01T00%3A01%3A00Z&stop=2019-03-01T00%3A02%3A00Z\n"
  assert_string_equal(f.client.asked, "POST " QUERY "GET " QUERY "GET " QUERY "GET " QUERY);
  /* The first look was at once, the others an interval apart. */
  assert_int_equal(f.now, 5000 + 2 * 1000);
  assert_string_equal(f.log.text,
                      "graph-requested graph-not-ready graph-not-ready graph-ready graph-fetched ");
}

/* 409 says that the grapher has the graph, or is making it. */
static void test_409_is_accepted(void **state) {
  (void)state;
  static struct fixture f;
  SCRIPT(&f, {.status = 409, .body = "{\"message\":\"exists\"}\n"}, {.status = 200, .body = GRAPH});
  assert_int_equal(fetch(&f), DIFFD_OK);
  assert_string_equal(f.graph, GRAPH);
}

static void test_endpoint_keeps_path_and_query(void **state) {
  (void)state;
  static const char *const endpoints[][2] = {{"http://g", "http://g/?"},
                                             {"https://g:1/", "https://g:1/?"},
                                             {"http://g/a/b", "http://g/a/b?"},
                                             {"http://g/a/b?x=%20y", "http://g/a/b?x=%20y&"},
                                             {"http://g?x", "http://g/?x&"},
                                             {"http://g/?x=1&", "http://g/?x=1&"},
                                             {"http://g/?", "http://g/?"},
                                             {"http://g/a#part", "http://g/a?"},
                                             {"http://[::1]:8/a", "http://[::1]:8/a?"},
                                             {"HTTP://g#x?y", "HTTP://g/?"}};
  for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
    static struct fixture f;
    char expected[256];
    SCRIPT(&f, {.status = 202}, {.status = 200, .body = GRAPH});
    f.options.endpoint = endpoints[i][0];
    assert_int_equal(fetch(&f), DIFFD_OK);
    (void)snprintf(expected, sizeof expected,
                   "POST %sstart=2019-03-01T00%%3A01%%3A00Z&stop=", endpoints[i][1]);
    assert_memory_equal(f.client.asked, expected, strlen(expected));
  }
}

static void test_endpoint_must_be_http(void **state) {
  (void)state;
  static const char *const endpoints[] = {"", "grapher:8080", "ftp://g/", "//g/", "x http://g"};
  for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
    static struct fixture f;
    struct diffd_grapher *grapher;
    SCRIPT(&f, {.status = 202});
    f.options.endpoint = endpoints[i];
    assert_int_equal(diffd_http_grapher_new(&f.options, &grapher, &f.err), DIFFD_INVALID);
    ASSERT_DETAIL(&f, "GRAPHER_ENDPOINT");
  }
}

static void test_refused_post(void **state) {
  (void)state;
  static const struct {
    unsigned code;
    enum diffd_status status;
  } cases[] = {{400, DIFFD_INVALID},     {405, DIFFD_INVALID},     {422, DIFFD_INVALID},
               {401, DIFFD_UNAVAILABLE}, {403, DIFFD_UNAVAILABLE}, {404, DIFFD_UNAVAILABLE},
               {408, DIFFD_UNAVAILABLE}, {429, DIFFD_UNAVAILABLE}, {500, DIFFD_UNAVAILABLE},
               {503, DIFFD_UNAVAILABLE}, {200, DIFFD_UNAVAILABLE}, {204, DIFFD_UNAVAILABLE},
               {302, DIFFD_UNAVAILABLE}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    static struct fixture f;
    char expected[128];
    SCRIPT(&f, {.status = cases[i].code, .header = {"location", "/x"}, .body = "no\nsuch \"thing\"\n"});
    assert_int_equal(fetch(&f), cases[i].status);
    (void)snprintf(expected, sizeof expected,
                   "Received unexpected response from grapher %u: no such \"thing\"", cases[i].code);
    assert_string_equal(f.err.detail, expected);
  }
}

static void test_unreachable_at_post(void **state) {
  (void)state;
  static struct fixture f;
  SCRIPT(&f, {.fails = DIFFD_UNAVAILABLE});
  assert_int_equal(fetch(&f), DIFFD_UNAVAILABLE);
  assert_string_equal(f.err.detail, "asking the grapher of GRAPHER_ENDPOINT: host: connection refused");
}

/* Of a long answer, of one that does not end, and of one that is cut, a readable beginning is told. */
static void test_text_is_bounded(void **state) {
  (void)state;
  static struct fixture f;
  char expected[512] = "Received unexpected response from grapher 400: ";
  {
    SCRIPT(&f, {.status = 400, .body = "\xe2\x82\xac", .body_times = 100000});
    assert_int_equal(fetch(&f), DIFFD_INVALID);
    for (int i = 0; i < 85; i++) /* 255 of 256 bytes: no character is cut in two */
      strcat(expected, "\xe2\x82\xac");
    strcat(expected, "...");
    assert_string_equal(f.err.detail, expected);
  }
  {
    SCRIPT(&f, {.status = 400, .body = "half", .body_fails = DIFFD_UNAVAILABLE});
    assert_int_equal(fetch(&f), DIFFD_INVALID);
    assert_string_equal(f.err.detail, "Received unexpected response from grapher 400: half");
  }
}

struct ticker {
  struct fixture *f;
  atomic_bool stop;
};

/* Turns the clock while somebody hangs in a request. */
static void *tick(void *arg) {
  struct ticker *ticker = arg;
  while (!atomic_load(&ticker->stop)) {
    if (atomic_load(&ticker->f->client.hanging) > 0)
      pass(ticker->f, 100);
    (void)usleep(100);
  }
  return NULL;
}

static enum diffd_status fetch_with_ticks(struct fixture *f) {
  struct ticker ticker = {.f = f};
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, tick, &ticker), 0);
  enum diffd_status status = fetch(f);
  atomic_store(&ticker.stop, true);
  assert_int_equal(pthread_join(thread, NULL), 0);
  return status;
}

static void test_text_that_hangs(void **state) {
  (void)state;
  static struct fixture f;
  SCRIPT(&f, {.status = 400, .body = "slow", .body_hangs = true});
  assert_int_equal(fetch_with_ticks(&f), DIFFD_INVALID);
  assert_string_equal(f.err.detail, "Received unexpected response from grapher 400: slow");
  assert_true(f.now < 5000 + 10000);
}

/* ---- waiting ---- */

static void test_time_out(void **state) {
  (void)state;
  static struct fixture f;
  SCRIPT(&f, {.status = 202, .takes_ms = 4000}, {.times = 100, .status = 204});
  f.options.polling_timeout_ms = 3500;
  assert_int_equal(fetch(&f), DIFFD_UNAVAILABLE);
  ASSERT_DETAIL(&f, "request time out reached after 4 attempt(s)");
  ASSERT_DETAIL(&f, "the 3500 ms of GRAPHER_POLLING_TIMEOUT");
  /* Counted from the accepted POST, and kept to the millisecond. */
  assert_int_equal(f.now, 5000 + 4000 + 3500);
}

static void test_zero_looks_once(void **state) {
  (void)state;
  static struct fixture f;
  {
    SCRIPT(&f, {.status = 202}, {.status = 204});
    f.options.polling_timeout_ms = 0;
    assert_int_equal(fetch(&f), DIFFD_UNAVAILABLE);
    ASSERT_DETAIL(&f, "request time out reached after 1 attempt(s)");
    assert_int_equal(f.now, 5000);
  }
  {
    SCRIPT(&f, {.status = 202}, {.status = 200, .body = GRAPH, .takes_ms = 900});
    f.options.polling_timeout_ms = 0;
    assert_int_equal(fetch(&f), DIFFD_OK);
    assert_true(f.client.header_timeout_ms > 30000);
  }
}

static void test_minus_one_polls_without_end(void **state) {
  (void)state;
  static struct fixture f;
  SCRIPT(&f, {.status = 202}, {.times = 100000, .status = 204}, {.status = 200, .body = GRAPH});
  f.options.polling_timeout_ms = -1;
  f.client.asked[0] = '\0';
  assert_int_equal(fetch(&f), DIFFD_OK);
  assert_int_equal(f.now, 5000 + INT64_C(100000) * 1000);
}

/* A look may take no longer than the time that is left; one that does not come back is "not yet". */
static void test_a_look_that_hangs(void **state) {
  (void)state;
  static struct fixture f;
  SCRIPT(&f, {.status = 202}, {.status = 204}, {.fails = DIFFD_UNAVAILABLE, .takes_ms = 2500});
  f.options.polling_timeout_ms = 3500;
  assert_int_equal(fetch(&f), DIFFD_UNAVAILABLE);
  assert_in_range(f.client.header_timeout_ms, 1000, 2500);
  ASSERT_DETAIL(&f, "request time out reached after 2 attempt(s)");
  ASSERT_DETAIL(&f, "the last look: host: connection refused");
}

/* Looks begin an interval apart; one that takes longer is followed by the next at once. */
static void test_slow_looks_keep_the_pace(void **state) {
  (void)state;
  static struct fixture f;
  SCRIPT(&f, {.status = 202}, {.status = 204, .takes_ms = 300}, {.status = 204, .takes_ms = 1500},
         {.status = 200, .body = GRAPH});
  assert_int_equal(fetch(&f), DIFFD_OK);
  assert_int_equal(f.now, 5000 + 1000 + 1500);
}

static void test_an_interval_of_zero(void **state) {
  (void)state;
  static struct fixture f;
  SCRIPT(&f, {.status = 202}, {.times = 50, .status = 204, .takes_ms = 1}, {.status = 200, .body = GRAPH});
  f.options.polling_interval_ms = 0;
  assert_int_equal(fetch(&f), DIFFD_OK);
  assert_int_equal(f.now, 5000 + 50);
}

/* A grapher that is being restarted is waited for; the log tells it once for each row of failures. */
static void test_failures_are_ridden_out(void **state) {
  (void)state;
  static struct fixture f;
  SCRIPT(&f, {.status = 202}, {.times = 2, .status = 500}, {.status = 502}, {.status = 503},
         {.times = 2, .fails = DIFFD_UNAVAILABLE}, {.status = 204}, {.status = 200, .body = GRAPH});
  assert_int_equal(fetch(&f), DIFFD_OK);
  assert_string_equal(f.graph, GRAPH);
  assert_string_equal(f.log.text, "graph-requested !grapher-trouble grapher-trouble !grapher-trouble "
                                  "!grapher-trouble !grapher-trouble grapher-trouble graph-not-ready "
                                  "graph-ready graph-fetched ");
}

static void test_failures_to_the_end(void **state) {
  (void)state;
  static struct fixture f;
  SCRIPT(&f, {.status = 202}, {.times = 100, .status = 503, .body = "down for\nmaintenance\n"});
  assert_int_equal(fetch(&f), DIFFD_UNAVAILABLE);
  ASSERT_DETAIL(&f, "request time out reached after 10 attempt(s)");
  ASSERT_DETAIL(&f, "the last look: status 503: down for maintenance");
}

static void test_other_answers_end_the_wait(void **state) {
  (void)state;
  static const struct {
    unsigned code;
    enum diffd_status status;
  } cases[] = {{400, DIFFD_INVALID},     {410, DIFFD_INVALID},     {403, DIFFD_UNAVAILABLE},
               {429, DIFFD_UNAVAILABLE}, {501, DIFFD_UNAVAILABLE}, {504, DIFFD_UNAVAILABLE},
               {202, DIFFD_UNAVAILABLE}, {206, DIFFD_UNAVAILABLE}, {302, DIFFD_UNAVAILABLE}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    static struct fixture f;
    char expected[128];
    SCRIPT(&f, {.status = 202}, {.status = cases[i].code, .body = "why"});
    assert_int_equal(fetch(&f), cases[i].status);
    (void)snprintf(expected, sizeof expected, "Received unexpected response while polling grapher %u: why",
                   cases[i].code);
    assert_string_equal(f.err.detail, expected);
  }
}

static void test_get_follows_redirects(void **state) {
  (void)state;
  static struct fixture f;
  SCRIPT(&f, {.status = 202}, {.status = 302, .header = {"location", "http://store/graph"}},
         {.status = 200, .body = GRAPH});
  assert_int_equal(fetch(&f), DIFFD_OK);
  assert_non_null(strstr(f.client.asked, "GET http://store/graph\n"));
}

/* ---- a job that the grapher lost ---- */

static void test_404_asks_again(void **state) {
  (void)state;
  static struct fixture f;
  SCRIPT(&f, {.status = 202}, {.status = 404}, {.status = 202}, {.status = 404}, {.status = 409},
         {.status = 404}, {.status = 202}, {.status = 204}, {.status = 200, .body = GRAPH});
  assert_int_equal(fetch(&f), DIFFD_OK);
  assert_int_equal(count(f.client.asked, "POST"), 4);
  /* Pauses of one, two and four intervals, and one look that was too early. */
  assert_int_equal(f.now, 5000 + 1000 + 2000 + 4000 + 1000);
  assert_int_equal(count(f.log.text, "graph-lost"), 3);
}

/* However often the job is lost, the time is that of the first POST. */
static void test_404_to_the_end(void **state) {
  (void)state;
  static struct fixture f;
  SCRIPT(&f, {.status = 202}, {.status = 404}, {.status = 202}, {.status = 404}, {.status = 202},
         {.status = 404}, {.status = 202}, {.status = 404, .body = "never heard of it"});
  assert_int_equal(fetch(&f), DIFFD_UNAVAILABLE);
  assert_string_equal(f.err.detail,
                      "Received unexpected response while polling grapher 404: never heard of it");
  assert_int_equal(f.now, 5000 + 10000);
}

static void test_404_with_one_look(void **state) {
  (void)state;
  static struct fixture f;
  SCRIPT(&f, {.status = 202}, {.status = 404, .body = "x"});
  f.options.polling_timeout_ms = 0;
  assert_int_equal(fetch(&f), DIFFD_UNAVAILABLE);
  assert_string_equal(f.err.detail, "Received unexpected response while polling grapher 404: x");
}

/* While it cannot take the job either, it is looked at again; a refusal is one. */
static void test_asking_again_fails(void **state) {
  (void)state;
  static struct fixture f;
  {
    SCRIPT(&f, {.status = 202}, {.status = 404}, {.fails = DIFFD_UNAVAILABLE}, {.status = 404},
           {.status = 503}, {.status = 404}, {.status = 202}, {.status = 200, .body = GRAPH});
    assert_int_equal(fetch(&f), DIFFD_OK);
  }
  {
    SCRIPT(&f, {.status = 202}, {.status = 404}, {.status = 400, .body = "gone"});
    assert_int_equal(fetch(&f), DIFFD_INVALID);
    assert_string_equal(f.err.detail, "Received unexpected response from grapher 400: gone");
  }
}

static void test_pauses_have_bounds(void **state) {
  (void)state;
  static struct fixture f;
  struct test_answer answers[60];
  for (size_t i = 0; i < 60; i++)
    answers[i] = (struct test_answer){.status = i % 2 == 0 ? 202 : 404};
  answers[59] = (struct test_answer){.status = 200, .body = GRAPH};
  static const struct {
    uint64_t interval_ms;
    int64_t expected_ms;
  } cases[] = {{0, 100 * 1023 + 19 * 60000}, {3600000, 1000 * 63 + 23 * 60000}};
  for (size_t i = 0; i < 2; i++) {
    init(&f, answers, 60);
    f.options.polling_interval_ms = cases[i].interval_ms;
    f.options.polling_timeout_ms = -1;
    assert_int_equal(fetch(&f), DIFFD_OK);
    assert_int_equal(f.now - 5000, cases[i].expected_ms);
  }
}

/* ---- being told to stop ---- */

static void test_stopping_ends_the_wait(void **state) {
  (void)state;
  for (int force = 0; force < 2; force++) {
    static struct fixture f;
    SCRIPT(&f, {.status = 202}, {.times = 100, .status = 204});
    *(force ? &f.cancelled_at : &f.stopping_at) = 5000 + 1234;
    f.options.polling_timeout_ms = -1;
    assert_int_equal(fetch(&f), DIFFD_CANCELLED);
    ASSERT_DETAIL(&f, "the wait for the grapher was ended");
    assert_true(f.now < 5000 + 1234 + 100);
  }
}

static void test_stopping_ends_a_request(void **state) {
  (void)state;
  static struct fixture f;
  for (int looks = 0; looks < 2; looks++) {
    SCRIPT(&f, {.status = 202}, {.hangs = true});
    f.client.answers += 1 - looks;
    f.client.answer_count -= (size_t)(1 - looks);
    f.stopping_at = 5000 + 500;
    assert_int_equal(fetch_with_ticks(&f), DIFFD_CANCELLED);
    ASSERT_DETAIL(&f, "the wait for the grapher was ended");
  }
}

/* What comes already goes on while there is time, and ends when there is none. */
static void test_stopping_lets_a_body_come(void **state) {
  (void)state;
  static struct fixture f;
  {
    SCRIPT(&f, {.status = 202}, {.status = 200, .body = GRAPH});
    f.ctx.stopping = NULL;
    f.options.abandoned_ms = 1000;
    assert_int_equal(fetch(&f), DIFFD_OK);
  }
  {
    SCRIPT(&f, {.status = 202}, {.status = 200, .body = GRAPH, .body_hangs = true});
    f.cancelled_at = 5000 + 500;
    assert_int_equal(fetch_with_ticks(&f), DIFFD_CANCELLED);
  }
}

static void test_interrupt_ends_a_read(void **state) {
  (void)state;
  static struct fixture f;
  struct diffd_grapher *grapher;
  struct diffd_graph graph;
  char byte;
  size_t got;
  SCRIPT(&f, {.status = 202}, {.times = 100, .status = 204});
  assert_int_equal(diffd_http_grapher_new(&f.options, &grapher, &f.err), DIFFD_OK);
  assert_int_equal(diffd_grapher_get(grapher, &f.ctx, window, &graph, &f.err), DIFFD_OK);
  assert_int_equal(diffd_reader_file(graph.dot), -1);
  diffd_reader_interrupt(graph.dot);
  assert_int_equal(diffd_reader_read(graph.dot, &byte, 1, &got, &f.err), DIFFD_CANCELLED);
  diffd_graph_clean_up(&graph);
  diffd_grapher_destroy(grapher);
}

/* ---- the body ---- */

/* The context of a body that nobody waits for any more, from the first byte on. */
static bool stops_once_it_comes(void *arg) {
  struct fixture *f = arg;
  bool stopping = strstr(f->log.text, "graph-ready") != NULL;
  if (stopping)
    pass(f, 10);
  return stopping;
}

static void test_an_abandoned_body_without_end(void **state) {
  (void)state;
  static struct fixture f;
  {
    SCRIPT(&f, {.status = 202}, {.status = 200, .body = GRAPH, .body_times = UINT32_MAX});
    f.ctx.stopping = stops_once_it_comes;
    f.options.abandoned_ms = 30000;
    assert_int_equal(fetch(&f), DIFFD_CANCELLED);
    ASSERT_DETAIL(&f, "did not end in the 30 s since nobody waits");
  }
  { /* one that ends is taken whole */
    SCRIPT(&f, {.status = 202}, {.status = 200, .body = GRAPH, .body_times = 10});
    f.ctx.stopping = stops_once_it_comes;
    assert_int_equal(fetch(&f), DIFFD_OK);
  }
}

static void test_a_body_that_breaks(void **state) {
  (void)state;
  static struct fixture f;
  SCRIPT(&f, {.status = 202}, {.status = 200, .body = GRAPH, .body_fails = DIFFD_UNAVAILABLE});
  assert_int_equal(fetch(&f), DIFFD_UNAVAILABLE);
  assert_string_equal(f.err.detail, "the body of the grapher's answer, after 11 bytes: the body was cut");
}

/* Nothing of the graph is held: what the reader of it does not take stays with the peer. */
static void test_the_body_is_not_read_ahead(void **state) {
  (void)state;
  static struct fixture f;
  struct diffd_grapher *grapher;
  struct diffd_graph graph;
  char bytes[4];
  size_t got = 0;
  SCRIPT(&f, {.status = 202}, {.status = 200, .body = GRAPH, .body_times = UINT32_MAX});
  assert_int_equal(diffd_http_grapher_new(&f.options, &grapher, &f.err), DIFFD_OK);
  assert_int_equal(diffd_grapher_get(grapher, &f.ctx, window, &graph, &f.err), DIFFD_OK);
  assert_int_equal(count(f.client.asked, "GET"), 0);
  assert_int_equal(diffd_reader_read(graph.dot, bytes, sizeof bytes, &got, &f.err), DIFFD_OK);
  assert_memory_equal(bytes, "digr", got);
  diffd_graph_clean_up(&graph);
  diffd_grapher_destroy(grapher);
  assert_int_equal(f.client.open_bodies, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_asks_once_then_looks),
      cmocka_unit_test(test_409_is_accepted),
      cmocka_unit_test(test_endpoint_keeps_path_and_query),
      cmocka_unit_test(test_endpoint_must_be_http),
      cmocka_unit_test(test_refused_post),
      cmocka_unit_test(test_unreachable_at_post),
      cmocka_unit_test(test_text_is_bounded),
      cmocka_unit_test(test_text_that_hangs),
      cmocka_unit_test(test_time_out),
      cmocka_unit_test(test_zero_looks_once),
      cmocka_unit_test(test_minus_one_polls_without_end),
      cmocka_unit_test(test_a_look_that_hangs),
      cmocka_unit_test(test_slow_looks_keep_the_pace),
      cmocka_unit_test(test_an_interval_of_zero),
      cmocka_unit_test(test_failures_are_ridden_out),
      cmocka_unit_test(test_failures_to_the_end),
      cmocka_unit_test(test_other_answers_end_the_wait),
      cmocka_unit_test(test_get_follows_redirects),
      cmocka_unit_test(test_404_asks_again),
      cmocka_unit_test(test_404_to_the_end),
      cmocka_unit_test(test_404_with_one_look),
      cmocka_unit_test(test_asking_again_fails),
      cmocka_unit_test(test_pauses_have_bounds),
      cmocka_unit_test(test_stopping_ends_the_wait),
      cmocka_unit_test(test_stopping_ends_a_request),
      cmocka_unit_test(test_stopping_lets_a_body_come),
      cmocka_unit_test(test_interrupt_ends_a_read),
      cmocka_unit_test(test_an_abandoned_body_without_end),
      cmocka_unit_test(test_a_body_that_breaks),
      cmocka_unit_test(test_the_body_is_not_read_ahead),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
