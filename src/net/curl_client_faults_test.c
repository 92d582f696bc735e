/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP client against servers and proxies that are slow, lie, break off, never end, or are not there.
 */
#include "net/curl_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/thread.h"
#include "net/test_curl_client.h"

/* ---- tries ---- */

/* One answer a request; the server's argument is a NULL-terminated list of them, the last is repeated. */
static void play_list(struct test_connection *connection) {
  const char *const *list = connection->server->arg;
  while (test_hear(connection)) {
    unsigned at = atomic_load(&connection->server->requests) - 1;
    unsigned last = 0;
    while (list[last + 1] != NULL)
      last++;
    if (!test_say(connection, list[at < last ? at : last]))
      return;
  }
}

#define ANSWER(code) "HTTP/1.1 " code " X\r\nContent-Length: 3\r\n\r\n" code

static void test_500_502_503_are_tried_again(void **state) {
  /* On the same connection, until something else is answered. */
  static const char *const answers[] = {ANSWER("500"), ANSWER("502"), ANSWER("503"), ANSWER("200"), NULL};
  struct fixture *fixture = *state;
  start(fixture, play_list, answers);
  get(fixture);
  assert_int_equal(fixture->response.status, 200);
  assert_int_equal(read_body(fixture, 100), DIFFD_END);
  drop(fixture);
  assert_int_equal(atomic_load(&fixture->server->requests), 4);
  assert_int_equal(atomic_load(&fixture->server->accepted), 1);
}

static void test_the_last_503_is_the_answer(void **state) {
  /* After one try and three more, with its body. */
  static const char *const answers[] = {ANSWER("503"), NULL};
  struct fixture *fixture = *state;
  start(fixture, play_list, answers);
  get(fixture);
  assert_int_equal(fixture->response.status, 503);
  assert_int_equal(read_body(fixture, 100), DIFFD_END);
  assert_string_equal(fixture->text, "503");
  drop(fixture);
  assert_int_equal(atomic_load(&fixture->server->requests), 4);
}

static void test_other_answers_are_not_tried_again(void **state) {
  /* 404, 501, 504, 429 say no. */
  static const char *const answers[] = {ANSWER("404"), ANSWER("501"), ANSWER("504"), ANSWER("429"), NULL};
  struct fixture *fixture = *state;
  start(fixture, play_list, answers);
  expect_status(fixture, 404);
  expect_status(fixture, 501);
  expect_status(fixture, 504);
  expect_status(fixture, 429);
  assert_int_equal(atomic_load(&fixture->server->requests), 4);
}

/* An answer that is worth another try, with a body that never ends. */
static void play_endless_503(struct test_connection *connection) {
  static const char block[65536];
  if (!test_hear(connection))
    return;
  if (connection->number > 0) {
    (void)test_say(connection, ANSWER("200"));
    return;
  }
  (void)test_say(connection, "HTTP/1.1 503 Busy\r\n\r\n");
  while (test_say_bytes(connection, block, sizeof block)) {
  }
}

static void test_an_endless_503_is_left(void **state) {
  /* Its body is thrown away for the pause between two tries, and no longer. */
  struct fixture *fixture = *state;
  start(fixture, play_endless_503, NULL);
  expect_status(fixture, 200);
}

/* Closes without a word, or with a reset where the server has an argument. */
static void play_nothing(struct test_connection *connection) {
  (void)test_hear(connection);
  if (connection->server->arg != NULL)
    test_reset(connection);
}

static void test_a_broken_connection_is_tried_three_times_more(void **state) {
  /* One try and three retries, then a failure that names the server. */
  struct fixture *fixture = *state;
  start(fixture, play_nothing, NULL);
  assert_int_equal(get_failing(fixture), DIFFD_UNAVAILABLE);
  assert_int_equal(atomic_load(&fixture->server->requests), 4);
  assert_non_null(strstr(fixture->err.detail, "http://127.0.0.1:"));
}

static void test_a_reset_connection_is_tried_three_times_more(void **state) {
  /* A reset is a broken connection like any other. */
  struct fixture *fixture = *state;
  start(fixture, play_nothing, "");
  assert_int_equal(get_failing(fixture), DIFFD_UNAVAILABLE);
  assert_int_equal(atomic_load(&fixture->server->requests), 4);
}

static void test_a_refused_connection_is_a_failure(void **state) {
  /* Nobody listens on port 1. */
  static const struct diffd_context ctx = {0};
  struct fixture *fixture = *state;
  start(fixture, play_nothing, NULL);
  const struct diffd_http_request request = {.method = "GET", .url = "http://127.0.0.1:1/"};
  assert_int_equal(send_request(fixture, &ctx, request), DIFFD_UNAVAILABLE);
  assert_non_null(strstr(fixture->err.detail, "http://127.0.0.1:1"));
}

static void test_a_name_that_nobody_has_is_a_failure(void **state) {
  /* RFC 6761 keeps .invalid from ever being one. */
  static const struct diffd_context ctx = {0};
  struct fixture *fixture = *state;
  start(fixture, play_nothing, NULL);
  const struct diffd_http_request request = {.method = "GET", .url = "http://bus.invalid/"};
  assert_int_equal(send_request(fixture, &ctx, request), DIFFD_UNAVAILABLE);
  assert_non_null(strstr(fixture->err.detail, "http://bus.invalid:80"));
}

/* ---- time ---- */

static void test_a_head_that_does_not_come_is_waited_for_no_longer_than_said(void **state) {
  /* And the request is not sent again: its time is over. */
  static const struct diffd_context ctx = {0};
  struct fixture *fixture = *state;
  start(fixture, play_silence, NULL);
  const struct diffd_http_request request = {.method = "GET", .header_timeout_ms = 50};
  assert_int_equal(send_request(fixture, &ctx, request), DIFFD_UNAVAILABLE);
  assert_non_null(strstr(fixture->err.detail, "no answer within"));
  assert_int_equal(atomic_load(&fixture->server->requests), 1);
}

static void test_a_503_is_the_answer_where_there_is_no_time_for_another_try(void **state) {
  /* Better than a text that says only that the time is over. */
  static const struct diffd_context ctx = {0};
  static const struct diffd_curl_client_options options = {.retries = 3, .retry_pause_ms = 3600 * 1000};
  static const char *const answers[] = {ANSWER("503"), NULL};
  struct fixture *fixture = *state;
  start_with(fixture, &options, play_list, answers);
  assert_int_equal(send_request(fixture, &ctx, (struct diffd_http_request){.method = "GET"}), DIFFD_OK);
  assert_int_equal(fixture->response.status, 503);
  drop(fixture);
}

/* Begins a body, and stops. */
static void play_stall(struct test_connection *connection) {
  if (test_hear(connection) && test_say(connection, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"))
    test_hold(connection);
}

static void test_a_body_that_stalls_is_waited_for_no_longer_than_said(void **state) {
  /* What came before is given out. */
  static const struct diffd_context ctx = {0};
  struct fixture *fixture = *state;
  start(fixture, play_stall, NULL);
  const struct diffd_http_request request = {.method = "GET", .stall_timeout_ms = 50};
  assert_int_equal(send_request(fixture, &ctx, request), DIFFD_OK);
  assert_int_equal(read_body(fixture, 100), DIFFD_UNAVAILABLE);
  assert_string_equal(fixture->text, "hello");
  assert_non_null(strstr(fixture->err.detail, "within 50 ms"));
  drop(fixture);
}

/* Takes the connection and says nothing, but ends where the peer closes: it has sent its hello by then. */
static void play_hold(struct test_connection *connection) {
  char bytes[1024];
  while (recv(connection->fd, bytes, sizeof bytes, 0) > 0) {
  }
}

static void test_a_tls_handshake_that_hangs_is_given_up(void **state) {
  /* The server takes the connection and says nothing; each try has its own time. */
  static const struct diffd_context ctx = {0};
  static const struct diffd_curl_client_options options = {.retries = 1, .tls_timeout_ms = 30};
  struct fixture *fixture = *state;
  char url[64];
  start_with(fixture, &options, play_hold, NULL);
  (void)snprintf(url, sizeof url, "https://127.0.0.1:%u/", fixture->server->port);
  assert_int_equal(send_request(fixture, &ctx, (struct diffd_http_request){.method = "GET", .url = url}),
                   DIFFD_UNAVAILABLE);
  assert_non_null(strstr(fixture->err.detail, "TLS handshake took longer than 30 ms"));
  assert_int_equal(atomic_load(&fixture->server->accepted), 2);
}

static void test_a_connection_that_does_not_come_about_is_given_up(void **state) {
  /* A server whose queue is full drops what asks for a connection, as a host that is not there does. */
  enum { QUEUED = 2, TIME_OUT_MS = 60 };
  static const struct diffd_context ctx = {0};
  static const struct diffd_curl_client_options options = {.connect_timeout_ms = TIME_OUT_MS};
  struct fixture *fixture = *state;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  int queued[QUEUED];
  char url[64];
  const struct diffd_http_request request = {.method = "GET", .url = url};
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
  assert_int_equal(listen(listener, 0), 0);
  assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
  for (size_t i = 0; i < QUEUED; i++) { /* Linux queues one more than was said; the rest hangs */
    queued[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)connect(queued[i], (struct sockaddr *)&address, len);
  }
  assert_int_equal(diffd_curl_client_new(&options, &fixture->client, &fixture->err), DIFFD_OK);
  (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/", ntohs(address.sin_port));
  uint64_t begin = diffd_monotonic_ms();
  assert_int_equal(diffd_http_client_send(fixture->client, &ctx, &request, &fixture->response, &fixture->err),
                   DIFFD_UNAVAILABLE);
  uint64_t took = diffd_monotonic_ms() - begin;
  assert_true(took >= TIME_OUT_MS && took < 20000); /* the default is 30 s */
  assert_non_null(strstr(fixture->err.detail, "Failed to connect"));
  for (size_t i = 0; i < QUEUED; i++)
    (void)close(queued[i]);
  (void)close(listener);
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

static void test_the_pause_between_tries_ends_when_it_is_cancelled(void **state) {
  /* Also where it is an hour long, after an answer as after a broken connection. */
  static const struct diffd_curl_client_options options = {.retries = 1, .retry_pause_ms = 3600 * 1000};
  static const char *const answers[] = {ANSWER("503"), NULL};
  struct fixture *fixture = *state;
  struct diffd_context ctx = context_of(fixture);
  static const char *const urls[] = {NULL, "http://127.0.0.1:1/"};
  start_with(fixture, &options, play_list, answers);
  for (size_t i = 0; i < 2; i++) {
    pthread_t thread;
    atomic_store(&fixture->cancelled, false);
    const struct diffd_http_request request = {
        .method = "GET", .url = urls[i], .header_timeout_ms = UINT32_MAX};
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &fixture->cancelled), 0);
    assert_int_equal(send_request(fixture, &ctx, request), DIFFD_CANCELLED);
    assert_int_equal(pthread_join(thread, NULL), 0);
  }
}

static void test_a_wait_for_the_body_ends_when_it_is_cancelled(void **state) {
  /* And so does every read after it. */
  struct fixture *fixture = *state;
  struct diffd_context ctx = context_of(fixture);
  pthread_t thread;
  start(fixture, play_stall, NULL);
  assert_int_equal(send_request(fixture, &ctx, (struct diffd_http_request){.method = "GET"}), DIFFD_OK);
  assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &fixture->cancelled), 0);
  assert_int_equal(read_body(fixture, 100), DIFFD_CANCELLED);
  assert_int_equal(pthread_join(thread, NULL), 0);
  drop(fixture);
}

static void *interrupt_soon(void *arg) {
  test_sleep_ms(30);
  diffd_reader_interrupt(arg);
  return NULL;
}

static void test_a_read_can_be_interrupted_from_another_thread(void **state) {
  /* Through the inflater, too. */
  struct fixture *fixture = *state;
  pthread_t thread;
  start(fixture, play_stall, NULL);
  get(fixture);
  assert_int_equal(pthread_create(&thread, NULL, interrupt_soon, fixture->response.body), 0);
  assert_int_equal(read_body(fixture, 100), DIFFD_CANCELLED);
  assert_int_equal(pthread_join(thread, NULL), 0);
  drop(fixture);
}

/* ---- answers that are wrong ---- */

/* Says the server's argument and closes. */
static void play_and_close(struct test_connection *connection) {
  if (test_hear(connection))
    (void)test_say(connection, connection->server->arg);
}

static void expect_short_body(struct fixture *fixture, const char *answer) {
  start(fixture, play_and_close, answer);
  get(fixture);
  assert_int_equal(read_body(fixture, 100), DIFFD_UNAVAILABLE);
  assert_string_equal(fixture->text, "hello");
  assert_non_null(strstr(fixture->err.detail, "http://127.0.0.1:"));
  drop(fixture);
  assert_int_equal(atomic_load(&fixture->server->requests), 1);
}

static void test_half_a_body_is_a_failure(void **state) {
  /* What came is given out, but its end is none. */
  expect_short_body(*state, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
}

static void test_a_body_without_its_last_chunk_is_a_failure(void **state) {
  /* Where the connection closes between two chunks. */
  expect_short_body(*state, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
}

static void test_a_broken_chunk_is_a_failure(void **state) {
  /* A length that is none. */
  expect_short_body(*state, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n");
}

static void test_a_body_longer_than_said_is_cut_and_its_connection_dropped(void **state) {
  /* What follows is no answer to anything. */
  struct fixture *fixture = *state;
  start(fixture, play_text, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 Evil\r\n\r\n");
  for (int i = 0; i < 2; i++) {
    get(fixture);
    assert_int_equal(read_body(fixture, 100), DIFFD_END);
    assert_string_equal(fixture->text, "hello");
    drop(fixture);
  }
  assert_int_equal(atomic_load(&fixture->server->accepted), 2);
}

/* Resets the connection in the middle of the body. */
static void play_reset(struct test_connection *connection) {
  if (test_hear(connection) && test_say(connection, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"))
    test_reset(connection);
}

static void test_a_reset_within_the_body_is_a_failure_and_not_tried_again(void **state) {
  /* A byte of the answer may have been used already. */
  struct fixture *fixture = *state;
  start(fixture, play_reset, NULL);
  if (get_failing(fixture) == DIFFD_OK) { /* else the reset overtook the head */
    assert_int_equal(read_body(fixture, 100), DIFFD_UNAVAILABLE);
    drop(fixture);
    assert_int_equal(atomic_load(&fixture->server->requests), 1);
  }
}

/* Says the argument again and again, behind a status line where it has none. */
static void play_for_ever(struct test_connection *connection) {
  const char *text = connection->server->arg;
  if (!test_hear(connection) || (text[0] != 'H' && !test_say(connection, "HTTP/1.1 200 OK\r\n")))
    return;
  while (test_say(connection, text)) {
  }
}

static void test_a_head_without_end_is_a_failure(void **state) {
  /* One field after the other. */
  struct fixture *fixture = *state;
  start(fixture, play_for_ever, "X-Field: and another one that is somewhat longer than the field before\r\n");
  assert_int_equal(get_failing(fixture), DIFFD_UNAVAILABLE);
  assert_non_null(strstr(fixture->err.detail, "more than 100 fields"));
}

static void test_a_field_without_end_is_a_failure(void **state) {
  /* One line that does not end. */
  struct fixture *fixture = *state;
  start(fixture, play_for_ever, "X-Field: and another one that is somewhat longer than the field before");
  assert_int_equal(get_failing(fixture), DIFFD_UNAVAILABLE);
}

static void test_interim_answers_without_end_are_a_failure(void **state) {
  /* Each of them is short. */
  struct fixture *fixture = *state;
  start(fixture, play_for_ever, "HTTP/1.1 102 Processing\r\n\r\n");
  assert_int_equal(get_failing(fixture), DIFFD_UNAVAILABLE);
}

static void test_what_is_no_http_is_a_failure(void **state) {
  /* Another protocol's greeting, an older one, an unknown status. */
  static const char *const answers[] = {"SSH-2.0-OpenSSH\r\n", "HTTP/1.1 999 X\r\n\r\n", "HTTP/3 200\r\n\r\n",
                                        "\r\n\r\n", "<html>"};
  struct fixture *fixture = *state;
  for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
    start(fixture, play_and_close, answers[i]);
    assert_int_equal(get_failing(fixture), DIFFD_UNAVAILABLE);
    diffd_http_client_destroy(fixture->client);
    test_server_stop(fixture->server);
    fixture->client = NULL;
    fixture->server = NULL;
  }
}

static void test_a_transfer_coding_beside_chunked_is_refused(void **state) {
  /* It would be undone without a bound. */
  struct fixture *fixture = *state;
  start(fixture, play_and_close,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
  assert_int_equal(get_failing(fixture), DIFFD_UNAVAILABLE);
  assert_non_null(strstr(fixture->err.detail, "Transfer-Encoding"));
}

/* ---- proxies ---- */

static void start_proxied(struct fixture *fixture, void (*play)(struct test_connection *), const void *arg,
                          const char *no) {
  char proxy[64];
  fixture->server = test_server_start(play, arg);
  (void)snprintf(proxy, sizeof proxy, "http://user:secret@127.0.0.1:%u", fixture->server->port);
  const struct diffd_curl_client_options options = {.proxies = {.http = proxy, .https = proxy, .no = no}};
  assert_int_equal(diffd_curl_client_new(&options, &fixture->client, &fixture->err), DIFFD_OK);
}

static void test_a_proxy_is_asked_for_the_whole_url(void **state) {
  /* The host's name is the proxy's to find. */
  static const struct diffd_context ctx = {0};
  struct fixture *fixture = *state;
  char text[1024];
  start_proxied(fixture, play_text, "HTTP/1.1 204 No Content\r\n\r\n", NULL);
  const struct diffd_http_request request = {.method = "GET", .url = "http://bus.invalid/a?b"};
  assert_int_equal(send_request(fixture, &ctx, request), DIFFD_OK);
  assert_int_equal(fixture->response.status, 204);
  drop(fixture);
  (void)last_request(fixture, text, sizeof text);
  assert_non_null(strstr(text, "GET http://bus.invalid/a?b HTTP/1.1\r\n"));
  assert_non_null(strstr(text, "Proxy-Authorization: Basic dXNlcjpzZWNyZXQ="));
}

static void test_no_proxy_and_loopback_are_asked_directly(void **state) {
  /* What NO_PROXY names, and this machine. */
  static const struct diffd_context ctx = {0};
  struct fixture *fixture = *state;
  char text[1024];
  start_proxied(fixture, play_text, "HTTP/1.1 204 No Content\r\n\r\n", "example.com,.invalid");
  const struct diffd_http_request request = {.method = "GET", .url = "http://bus.invalid/a?b"};
  assert_int_equal(send_request(fixture, &ctx, request), DIFFD_UNAVAILABLE);
  assert_int_equal(atomic_load(&fixture->server->accepted), 0);
  get(fixture);
  drop(fixture);
  assert_non_null(strstr(last_request(fixture, text, sizeof text), "GET /a/../b?x=%2B&y HTTP/1.1\r\n"));
}

static void test_a_proxy_that_refuses_a_tunnel_is_a_failure(void **state) {
  /* The proxy's answer to CONNECT is not the server's. */
  static const struct diffd_context ctx = {0};
  struct fixture *fixture = *state;
  char text[1024];
  start_proxied(fixture, play_and_close, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", NULL);
  const struct diffd_http_request request = {.method = "GET", .url = "https://bus.invalid/a?b"};
  assert_int_equal(send_request(fixture, &ctx, request), DIFFD_UNAVAILABLE);
  assert_non_null(strstr(last_request(fixture, text, sizeof text), "CONNECT bus.invalid:443 HTTP/1.1\r\n"));
  assert_null(strstr(fixture->err.detail, "secret"));
}

static void test_the_environment_names_no_proxy(void **state) {
  /* Only what was handed in counts. */
  struct fixture *fixture = *state;
  static const char *const names[] = {"http_proxy", "all_proxy", "ALL_PROXY"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    assert_int_equal(setenv(names[i], "http://127.0.0.1:1", 1), 0);
  start(fixture, play_text, "HTTP/1.1 204 No Content\r\n\r\n");
  expect_status(fixture, 204);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    assert_int_equal(unsetenv(names[i]), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(500_502_503_are_tried_again),
      TEST(the_last_503_is_the_answer),
      TEST(other_answers_are_not_tried_again),
      TEST(an_endless_503_is_left),
      TEST(a_broken_connection_is_tried_three_times_more),
      TEST(a_reset_connection_is_tried_three_times_more),
      TEST(a_refused_connection_is_a_failure),
      TEST(a_name_that_nobody_has_is_a_failure),
      TEST(a_head_that_does_not_come_is_waited_for_no_longer_than_said),
      TEST(a_503_is_the_answer_where_there_is_no_time_for_another_try),
      TEST(a_body_that_stalls_is_waited_for_no_longer_than_said),
      TEST(a_connection_that_does_not_come_about_is_given_up),
      TEST(a_tls_handshake_that_hangs_is_given_up),
      TEST(a_wait_for_the_head_ends_when_it_is_cancelled),
      TEST(the_pause_between_tries_ends_when_it_is_cancelled),
      TEST(a_wait_for_the_body_ends_when_it_is_cancelled),
      TEST(a_read_can_be_interrupted_from_another_thread),
      TEST(half_a_body_is_a_failure),
      TEST(a_body_without_its_last_chunk_is_a_failure),
      TEST(a_broken_chunk_is_a_failure),
      TEST(a_body_longer_than_said_is_cut_and_its_connection_dropped),
      TEST(a_reset_within_the_body_is_a_failure_and_not_tried_again),
      TEST(a_head_without_end_is_a_failure),
      TEST(a_field_without_end_is_a_failure),
      TEST(interim_answers_without_end_are_a_failure),
      TEST(what_is_no_http_is_a_failure),
      TEST(a_transfer_coding_beside_chunked_is_refused),
      TEST(a_proxy_is_asked_for_the_whole_url),
      TEST(no_proxy_and_loopback_are_asked_directly),
      TEST(a_proxy_that_refuses_a_tunnel_is_a_failure),
      TEST(the_environment_names_no_proxy),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
