/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the HTTP client share: a client, a server whose connections a function plays, and short
 * words for asking and reading.
 */
#ifndef DIFFD_NET_TEST_CURL_CLIENT_H
#define DIFFD_NET_TEST_CURL_CLIENT_H

#include "net/curl_client.h"
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
  void *mine; /* what the test wants freed once the server has stopped */
};

static inline bool is_cancelled(void *arg) {
  return atomic_load((atomic_bool *)arg);
}

static inline struct diffd_context context_of(struct fixture *fixture) {
  return (struct diffd_context){.cancelled = is_cancelled, .cancelled_arg = &fixture->cancelled};
}

static inline int set_up(void **state) {
  struct fixture *fixture = calloc(1, sizeof *fixture);
  fixture->text = malloc(TEXT_MAX);
  *state = fixture;
  return fixture->text != NULL ? 0 : -1;
}

static inline int tear_down(void **state) {
  struct fixture *fixture = *state;
  diffd_reader_destroy(fixture->response.body); /* of a test that failed */
  diffd_http_client_destroy(fixture->client);
  if (fixture->server != NULL)
    test_server_stop(fixture->server);
  free(fixture->mine);
  free(fixture->text);
  free(fixture);
  return 0;
}

static inline void start_with(struct fixture *fixture, const struct diffd_curl_client_options *options,
                              void (*play)(struct test_connection *), const void *arg) {
  fixture->server = test_server_start(play, arg);
  assert_int_equal(diffd_curl_client_new(options, &fixture->client, &fixture->err), DIFFD_OK);
}

static inline void start(struct fixture *fixture, void (*play)(struct test_connection *), const void *arg) {
  const struct diffd_curl_client_options options = {.retries = 3, .retry_pause_ms = 5};
  start_with(fixture, &options, play, arg);
}

static inline enum diffd_status send_request(struct fixture *fixture, const struct diffd_context *ctx,
                                             struct diffd_http_request request) {
  char url[128];
  (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/a/../b?x=%%2B&y", fixture->server->port);
  if (request.url == NULL)
    request.url = url;
  return diffd_http_client_send(fixture->client, ctx, &request, &fixture->response, &fixture->err);
}

/* Sends and expects an answer. The context lives as long as the process. */
static inline void get(struct fixture *fixture) {
  static const struct diffd_context ctx = {0};
  const struct diffd_http_request request = {.method = "GET"};
  assert_int_equal(send_request(fixture, &ctx, request), DIFFD_OK);
}

static inline enum diffd_status get_failing(struct fixture *fixture) {
  static const struct diffd_context ctx = {0};
  const struct diffd_http_request request = {.method = "GET"};
  return send_request(fixture, &ctx, request);
}

/* Reads the body to its end or to a failure, in pieces of that size. */
static inline enum diffd_status read_body(struct fixture *fixture, size_t piece) {
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

static inline void drop(struct fixture *fixture) {
  diffd_reader_destroy(fixture->response.body);
  fixture->response.body = NULL;
}

static inline char *last_request(struct fixture *fixture, char *text, size_t cap) {
  (void)pthread_mutex_lock(&fixture->server->lock);
  (void)snprintf(text, cap, "%s", fixture->server->last_request);
  (void)pthread_mutex_unlock(&fixture->server->lock);
  return text;
}

/* Answers every request with the text that is the server's argument. */
static inline void play_text(struct test_connection *connection) {
  while (test_hear(connection))
    if (!test_say(connection, connection->server->arg))
      return;
}

/* Hears one request and says nothing. */
static inline void play_silence(struct test_connection *connection) {
  (void)test_hear(connection);
  test_hold(connection);
}

/* Expects an answer of that status without caring for its body. */
static inline void expect_status(struct fixture *fixture, unsigned status) {
  get(fixture);
  assert_int_equal(fixture->response.status, status);
  drop(fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

#endif
