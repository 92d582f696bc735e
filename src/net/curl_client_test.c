/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP client against servers that are slow, lie, break off, never end, or are not there.
 */
#include "net/curl_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/thread.h"
#include "net/test_tcp_server.h"

enum { TEXT_MAX = 1024 * 1024 };

struct fixture {
  struct diffd_http_client *client;
  struct test_tcp_server *server;
  struct diffd_error err;
  struct diffd_http_response response;
  atomic_bool cancelled;
  char *text; /* the body that was read last */
  size_t len;
};

static bool is_cancelled(void *arg) {
  return atomic_load((atomic_bool *)arg);
}

static struct diffd_context context_of(struct fixture *fixture) {
  return (struct diffd_context){.cancelled = is_cancelled, .cancelled_arg = &fixture->cancelled};
}

static int set_up(void **state) {
  struct fixture *fixture = calloc(1, sizeof *fixture);
  fixture->text = malloc(TEXT_MAX);
  *state = fixture;
  return fixture->text != NULL ? 0 : -1;
}

static int tear_down(void **state) {
  struct fixture *fixture = *state;
  diffd_http_client_destroy(fixture->client);
  if (fixture->server != NULL)
    test_server_stop(fixture->server);
  free(fixture->text);
  free(fixture);
  return 0;
}

static void start_with(struct fixture *fixture, const struct diffd_curl_client_options *options,
                       void (*play)(struct test_connection *), const void *arg) {
  fixture->server = test_server_start(play, arg);
  assert_int_equal(diffd_curl_client_new(options, &fixture->client, &fixture->err), DIFFD_OK);
}

static void start(struct fixture *fixture, void (*play)(struct test_connection *), const void *arg) {
  const struct diffd_curl_client_options options = {.retries = 3, .retry_pause_ms = 5};
  start_with(fixture, &options, play, arg);
}

static enum diffd_status send_request(struct fixture *fixture, const struct diffd_context *ctx,
                                      struct diffd_http_request request) {
  char url[128];
  (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/a/../b?x=%%2B&y", fixture->server->port);
  if (request.url == NULL)
    request.url = url;
  return diffd_http_client_send(fixture->client, ctx, &request, &fixture->response, &fixture->err);
}

/* Sends and expects an answer. The context lives as long as the process. */
static void get(struct fixture *fixture) {
  static const struct diffd_context ctx = {0};
  const struct diffd_http_request request = {.method = "GET"};
  assert_int_equal(send_request(fixture, &ctx, request), DIFFD_OK);
}

static enum diffd_status get_failing(struct fixture *fixture) {
  static const struct diffd_context ctx = {0};
  const struct diffd_http_request request = {.method = "GET"};
  return send_request(fixture, &ctx, request);
}

/* Reads the body to its end or to a failure, in pieces of that size. */
static enum diffd_status read_body(struct fixture *fixture, size_t piece) {
  enum diffd_status status = DIFFD_OK;
  fixture->len = 0;
  while (status == DIFFD_OK && fixture->len < TEXT_MAX - 1) {
    size_t room = TEXT_MAX - 1 - fixture->len;
    size_t got = 0;
    status = diffd_reader_read(fixture->response.body, fixture->text + fixture->len,
                               piece < room ? piece : room, &got, &fixture->err);
    fixture->len += got;
  }
  fixture->text[fixture->len] = '\0';
  return status;
}

static void drop(struct fixture *fixture) {
  diffd_reader_destroy(fixture->response.body);
  fixture->response.body = NULL;
}

static char *last_request(struct fixture *fixture, char *text, size_t cap) {
  (void)pthread_mutex_lock(&fixture->server->lock);
  (void)snprintf(text, cap, "%s", fixture->server->last_request);
  (void)pthread_mutex_unlock(&fixture->server->lock);
  return text;
}

/* ---- what is sent and received ---- */

/* Answers every request with the text that is the server's argument. */
static void play_text(struct test_connection *connection) {
  while (test_hear(connection))
    if (!test_say(connection, connection->server->arg))
      return;
}

static void test_a_get_is_sent_as_written(void **state) {
  /* Path and query go out untouched, with no fields that nobody asked for. */
  struct fixture *fixture = *state;
  char text[1024];
  char expect[1024];
  start(fixture, play_text, "HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nX-Some-Name:  a value \r\n\r\nhello");
  get(fixture);
  (void)snprintf(expect, sizeof expect,
                 "GET /a/../b?x=%%2B&y HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: vpcflow-diffd\r\n"
                 "Accept-Encoding: gzip\r\n\r\n",
                 fixture->server->port);
  assert_string_equal(last_request(fixture, text, sizeof text), expect);
  assert_int_equal(fixture->response.status, 200);
  assert_int_equal(fixture->response.body_bytes, 5);
  assert_string_equal(diffd_http_response_header(&fixture->response, "x-some-name"), "a value");
  assert_int_equal(read_body(fixture, 1), DIFFD_END);
  assert_string_equal(fixture->text, "hello");
  drop(fixture);
}

static void test_a_post_carries_its_body_and_length(void **state) {
  /* A body goes out with its length and the caller's own fields alone; an absent one of a POST is empty. */
  static const struct diffd_context ctx = {0};
  struct fixture *fixture = *state;
  char text[1024];
  start(fixture, play_text, "HTTP/1.1 204 No Content\r\n\r\n");
  const struct diffd_http_header headers[] = {{"Content-Type", "application/octet-stream"}, {"X-Empty", ""}};
  struct diffd_http_request request = {
      .method = "POST", .headers = headers, .header_count = 2, .body = {"{\"a\":1}", 7}};
  assert_int_equal(send_request(fixture, &ctx, request), DIFFD_OK);
  assert_int_equal(fixture->response.status, 204);
  assert_int_equal(read_body(fixture, 100), DIFFD_END);
  drop(fixture);
  (void)last_request(fixture, text, sizeof text);
  assert_non_null(strstr(text, "POST /a/../b?x=%2B&y HTTP/1.1\r\n"));
  assert_non_null(strstr(text, "\r\nContent-Type: application/octet-stream\r\n"));
  assert_non_null(strstr(text, "\r\nX-Empty:\r\n"));
  assert_non_null(strstr(text, "\r\nContent-Length: 7\r\n"));
  assert_non_null(strstr(text, "\r\n\r\n{\"a\":1}"));
  assert_null(strstr(text, "Expect"));
  request = (struct diffd_http_request){.method = "POST"};
  assert_int_equal(send_request(fixture, &ctx, request), DIFFD_OK);
  drop(fixture);
  (void)last_request(fixture, text, sizeof text);
  assert_non_null(strstr(text, "\r\nContent-Length: 0\r\n"));
  assert_null(strstr(text, "Content-Type"));
}

static void test_a_head_has_a_length_and_no_body(void **state) {
  /* HEAD tells the length of what GET would bring, and ends at once. */
  static const struct diffd_context ctx = {0};
  struct fixture *fixture = *state;
  char text[1024];
  start(fixture, play_text, "HTTP/1.1 200 OK\r\nContent-Length: 123456789012\r\n\r\n");
  const struct diffd_http_request request = {.method = "HEAD"};
  assert_int_equal(send_request(fixture, &ctx, request), DIFFD_OK);
  assert_int_equal(fixture->response.body_bytes, 123456789012);
  assert_int_equal(read_body(fixture, 100), DIFFD_END);
  drop(fixture);
  assert_int_equal(strncmp(last_request(fixture, text, sizeof text), "HEAD ", 5), 0);
  assert_null(strstr(text, "Accept-Encoding"));
}

/* ---- failures ---- */

static void play_silence(struct test_connection *connection) {
  (void)test_hear(connection);
  test_hold(connection);
}

static void *cancel_soon(void *arg) {
  test_sleep_ms(30);
  atomic_store((atomic_bool *)arg, true);
  return NULL;
}

static void test_a_wait_for_the_head_ends_when_it_is_cancelled(void **state) {
  /* A server that says nothing is left as soon as the context is cancelled. */
  struct fixture *fixture = *state;
  struct diffd_context ctx = context_of(fixture);
  pthread_t thread;
  start(fixture, play_silence, NULL);
  assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &fixture->cancelled), 0);
  assert_int_equal(send_request(fixture, &ctx, (struct diffd_http_request){.method = "GET"}),
                   DIFFD_CANCELLED);
  assert_int_equal(pthread_join(thread, NULL), 0);
}

/* Half the body that was promised. */
static void play_half(struct test_connection *connection) {
  if (test_hear(connection))
    (void)test_say(connection, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
}

static void test_a_body_that_ends_short_is_a_failure(void **state) {
  /* What came is given out, but the end is a failure that names the server, not an end. */
  struct fixture *fixture = *state;
  start(fixture, play_half, NULL);
  get(fixture);
  assert_int_equal(read_body(fixture, 100), DIFFD_UNAVAILABLE);
  assert_string_equal(fixture->text, "hello");
  assert_non_null(strstr(fixture->err.detail, "http://127.0.0.1:"));
  drop(fixture);
  assert_int_equal(atomic_load(&fixture->server->requests), 1);
}

/* Closes after each request without a word. */
static void play_nothing(struct test_connection *connection) {
  (void)test_hear(connection);
}

static void test_a_broken_connection_is_tried_three_times_more(void **state) {
  /* One try and three retries, then a failure. */
  struct fixture *fixture = *state;
  start(fixture, play_nothing, NULL);
  assert_int_equal(get_failing(fixture), DIFFD_UNAVAILABLE);
  assert_int_equal(atomic_load(&fixture->server->requests), 4);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(a_get_is_sent_as_written),
      TEST(a_post_carries_its_body_and_length),
      TEST(a_head_has_a_length_and_no_body),
      TEST(a_wait_for_the_head_ends_when_it_is_cancelled),
      TEST(a_body_that_ends_short_is_a_failure),
      TEST(a_broken_connection_is_tried_three_times_more),
  };
#undef TEST
  return cmocka_run_group_tests(tests, NULL, NULL);
}
