/* SPDX-License-Identifier: Apache-2.0
 *
 * What the HTTP client sends, how it reads answers while they come, and which connections it uses.
 */
#include "net/curl_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <errno.h>

#include <cmocka.h>
#include <isa-l/igzip_lib.h>

#include "base/thread.h"
#include "net/test_curl_client.h"

/* ---- what is sent and received ---- */

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

static void test_a_user_in_the_url_is_sent_as_basic_authorization(void **state) {
  /* As Go's client does with http://user:password@host/. */
  static const struct diffd_context ctx = {0};
  struct fixture *fixture = *state;
  char text[1024];
  char url[128];
  start(fixture, play_text, "HTTP/1.1 204 No Content\r\n\r\n");
  (void)snprintf(url, sizeof url, "http://u:p@127.0.0.1:%u/", fixture->server->port);
  assert_int_equal(send_request(fixture, &ctx, (struct diffd_http_request){.method = "GET", .url = url}),
                   DIFFD_OK);
  drop(fixture);
  assert_non_null(strstr(last_request(fixture, text, sizeof text), "\r\nAuthorization: Basic dTpw\r\n"));
}

static void test_interim_answers_and_trailers_are_left_out(void **state) {
  /* 1xx is not the answer, and what comes behind the last chunk is no header of it. */
  struct fixture *fixture = *state;
  start(fixture, play_text,
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nSum: 1\r\n\r\n");
  get(fixture);
  assert_int_equal(fixture->response.status, 200);
  assert_int_equal(fixture->response.body_bytes, -1);
  assert_int_equal(fixture->response.header_count, 1);
  assert_int_equal(read_body(fixture, 3), DIFFD_END);
  assert_string_equal(fixture->text, "hello world");
  assert_null(diffd_http_response_header(&fixture->response, "sum"));
  drop(fixture);
}

static void test_a_redirect_is_an_answer_like_any_other(void **state) {
  /* Whether to follow is the caller's to say. */
  struct fixture *fixture = *state;
  start(fixture, play_text, "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n");
  get(fixture);
  assert_int_equal(fixture->response.status, 302);
  assert_string_equal(diffd_http_response_header(&fixture->response, "location"), "/b");
  drop(fixture);
  assert_int_equal(atomic_load(&fixture->server->requests), 1);
}

static void test_requests_that_cannot_be_sent_are_refused(void **state) {
  /* Another scheme, no URL, a field or a method with a line end. */
  static const struct diffd_context ctx = {0};
  struct fixture *fixture = *state;
  start(fixture, play_text, "HTTP/1.1 204 No Content\r\n\r\n");
  static const char *const urls[] = {"ftp://127.0.0.1/", "file:///etc/passwd", "http://", "nonsense:", ""};
  for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
    assert_int_equal(
        send_request(fixture, &ctx, (struct diffd_http_request){.method = "GET", .url = urls[i]}),
        DIFFD_INVALID);
  const struct diffd_http_header header = {"X-A", "b\r\nX-C: d"};
  assert_int_equal(
      send_request(fixture, &ctx,
                   (struct diffd_http_request){.method = "GET", .headers = &header, .header_count = 1}),
      DIFFD_INVALID);
  assert_int_equal(send_request(fixture, &ctx, (struct diffd_http_request){.method = "GET / HTTP/1.1\r\nX:"}),
                   DIFFD_INVALID);
  assert_int_equal(atomic_load(&fixture->server->requests), 0);
}

/* ---- large bodies ---- */

enum { UPLOAD_BYTES = 3 * 1024 * 1024 };

static char *make_upload(void) {
  char *bytes = malloc(UPLOAD_BYTES);
  for (size_t i = 0; i < UPLOAD_BYTES; i++)
    bytes[i] = (char)('a' + i % 23);
  return bytes;
}

/* Tells whether the last request ended with the upload. */
static bool got_upload(struct fixture *fixture, const char *bytes) {
  (void)pthread_mutex_lock(&fixture->server->lock);
  const char *body = strstr(fixture->server->last_request, "\r\n\r\n");
  bool same = body != NULL && strlen(body + 4) == UPLOAD_BYTES && memcmp(body + 4, bytes, UPLOAD_BYTES) == 0;
  (void)pthread_mutex_unlock(&fixture->server->lock);
  return same;
}

/* The first request is answered; the second, on the same connection, is read and left without an answer. */
static void play_one_answer_a_connection(struct test_connection *connection) {
  if (test_hear(connection) && test_say(connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    (void)test_hear(connection);
}

static void test_a_body_is_sent_again_where_a_kept_connection_was_closed(void **state) {
  /* A kept connection that dies under the request is replaced, without counting as a try, and the whole body
   * goes out again. */
  static const struct diffd_context ctx = {0};
  static const struct diffd_curl_client_options options = {0};
  struct fixture *fixture = *state;
  char *upload = make_upload();
  start_with(fixture, &options, play_one_answer_a_connection, NULL);
  const struct diffd_http_request request = {.method = "PUT", .body = {upload, UPLOAD_BYTES}};
  for (int i = 0; i < 2; i++) {
    assert_int_equal(send_request(fixture, &ctx, request), DIFFD_OK);
    assert_int_equal(fixture->response.status, 200);
    drop(fixture);
  }
  assert_true(got_upload(fixture, upload));
  assert_int_equal(atomic_load(&fixture->server->requests), 3);
  free(upload);
}

/* Answers after the request's head. */
static void play_hasty(struct test_connection *connection) {
  char head[64];
  (void)recv(connection->fd, head, sizeof head, 0);
  (void)test_say(connection, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
  test_hold(connection);
}

static void test_an_answer_before_the_request_was_sent_does_not_use_its_body_any_more(void **state) {
  /* The body is the caller's again when the head is there: what is unsent then is not looked at. */
  static const struct diffd_context ctx = {0};
  struct fixture *fixture = *state;
  char *upload = malloc(64 * 1024 * 1024); /* more than the sockets between them take */
  memset(upload, 'x', 64 * 1024 * 1024);
  start(fixture, play_hasty, NULL);
  const struct diffd_http_request request = {.method = "PUT", .body = {upload, 64 * 1024 * 1024}};
  assert_int_equal(send_request(fixture, &ctx, request), DIFFD_OK);
  free(upload);
  atomic_store(&fixture->server->released, true);
  assert_int_equal(read_body(fixture, 100), DIFFD_UNAVAILABLE);
  drop(fixture);
}

/* Sends a body that never ends, and counts what the peer took. */
static void play_endless(struct test_connection *connection) {
  static const char block[65536];
  size_t *sent = (size_t *)(uintptr_t)connection->server->arg;
  if (!test_hear(connection) || !test_say(connection, "HTTP/1.1 200 OK\r\n\r\n"))
    return;
  for (;;) {
    ssize_t put = send(connection->fd, block, sizeof block, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0 && errno != EAGAIN)
      return;
    if (put > 0)
      (void)__atomic_add_fetch(sent, (size_t)put, __ATOMIC_SEQ_CST);
    else
      test_sleep_ms(1);
  }
}

static void test_a_body_that_nobody_reads_holds_the_peer_back(void **state) {
  /* What is taken and not read stays within what the system's sockets hold. */
  struct fixture *fixture = *state;
  static size_t sent;
  char byte;
  size_t got;
  sent = 0;
  start(fixture, play_endless, &sent);
  get(fixture);
  for (int i = 0; i < 100; i++)
    assert_int_equal(diffd_reader_read(fixture->response.body, &byte, 1, &got, &fixture->err), DIFFD_OK);
  size_t before;
  do { /* until the sockets are full */
    before = __atomic_load_n(&sent, __ATOMIC_SEQ_CST);
    test_sleep_ms(100);
  } while (before != __atomic_load_n(&sent, __ATOMIC_SEQ_CST));
  assert_true(before < 64 * 1024 * 1024);
  drop(fixture); /* which does not wait for the end */
}

static void *read_to_the_end(void *arg) {
  struct diffd_error err;
  char buf[64];
  size_t got = 0;
  struct diffd_reader *body = arg;
  while (diffd_reader_read(body, buf, sizeof buf, &got, &err) == DIFFD_OK) {
  }
  return NULL;
}

static void test_a_body_may_be_read_by_another_thread(void **state) {
  /* As the diff does it. */
  struct fixture *fixture = *state;
  pthread_t thread;
  start(fixture, play_text, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  get(fixture);
  assert_int_equal(pthread_create(&thread, NULL, read_to_the_end, fixture->response.body), 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
  drop(fixture);
}

/* ---- gzip ---- */

struct packed {
  size_t len;
  char bytes[1024 * 1024];
};

/* `len` zeros as one gzip member. */
static struct packed *pack_zeros(size_t len) {
  struct packed *packed = calloc(1, sizeof *packed);
  struct isal_zstream stream;
  char *zeros = calloc(1, len);
  isal_deflate_init(&stream);
  stream.gzip_flag = IGZIP_GZIP;
  stream.end_of_stream = 1;
  stream.next_in = (uint8_t *)zeros;
  stream.avail_in = (uint32_t)len;
  stream.next_out = (uint8_t *)packed->bytes;
  stream.avail_out = sizeof packed->bytes;
  assert_int_equal(isal_deflate(&stream), COMP_OK);
  assert_true(stream.avail_out > 0);
  packed->len = sizeof packed->bytes - stream.avail_out;
  free(zeros);
  return packed;
}

static void play_packed(struct test_connection *connection) {
  struct packed *packed = malloc(sizeof *packed);
  char head[128];
  while (test_hear(connection)) {
    (void)pthread_mutex_lock(&connection->server->lock);
    memcpy(packed, connection->server->arg, sizeof *packed);
    (void)pthread_mutex_unlock(&connection->server->lock);
    (void)snprintf(head, sizeof head,
                   "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", packed->len);
    if (!test_say(connection, head) || !test_say_bytes(connection, packed->bytes, packed->len))
      break;
  }
  free(packed);
}

static void test_gzip_is_inflated_while_it_is_read(void **state) {
  /* A bomb of 64 MiB is read in pieces; its length is not known before. */
  struct fixture *fixture = *state;
  enum { BOMB_BYTES = 64 * 1024 * 1024, PIECE = 100 * 1000 };
  struct packed *packed = pack_zeros(BOMB_BYTES);
  size_t total = 0;
  size_t got = 0;
  fixture->mine = packed;
  start(fixture, play_packed, packed);
  get(fixture);
  assert_int_equal(fixture->response.body_bytes, -1);
  while (diffd_reader_read(fixture->response.body, fixture->text, PIECE, &got, &fixture->err) == DIFFD_OK) {
    assert_true(got <= PIECE);
    total += got;
  }
  assert_int_equal(total, BOMB_BYTES);
  drop(fixture);
}

static void test_gzip_that_is_broken_or_cut_is_a_failure(void **state) {
  /* Also where Content-Length is kept. */
  struct fixture *fixture = *state;
  struct packed *packed = pack_zeros(100 * 1000);
  fixture->mine = packed;
  start(fixture, play_packed, packed);
  (void)pthread_mutex_lock(&fixture->server->lock);
  packed->len -= 9;
  (void)pthread_mutex_unlock(&fixture->server->lock);
  get(fixture);
  assert_int_equal(read_body(fixture, 5000), DIFFD_UNAVAILABLE);
  assert_non_null(strstr(fixture->err.detail, "gzip"));
  drop(fixture);
  (void)pthread_mutex_lock(&fixture->server->lock);
  packed->bytes[packed->len / 2] ^= 0x55;
  (void)pthread_mutex_unlock(&fixture->server->lock);
  get(fixture);
  assert_int_equal(read_body(fixture, 5000), DIFFD_UNAVAILABLE);
  drop(fixture);
}

static void test_gzip_that_the_caller_asked_for_is_his(void **state) {
  /* With an Accept-Encoding of the caller's own the bytes stay as they are. */
  static const struct diffd_context ctx = {0};
  static const struct diffd_http_header header = {"accept-encoding", "gzip"};
  struct fixture *fixture = *state;
  struct packed *packed = pack_zeros(1000);
  char text[1024];
  fixture->mine = packed;
  start(fixture, play_packed, packed);
  const struct diffd_http_request request = {.method = "GET", .headers = &header, .header_count = 1};
  assert_int_equal(send_request(fixture, &ctx, request), DIFFD_OK);
  assert_int_equal(fixture->response.body_bytes, packed->len);
  assert_int_equal(read_body(fixture, 5000), DIFFD_END);
  assert_int_equal(fixture->len, packed->len);
  drop(fixture);
  assert_null(strstr(last_request(fixture, text, sizeof text), "Accept-Encoding:"));
}

/* ---- connections ---- */

static void test_a_connection_is_kept_for_the_next_request(void **state) {
  /* Also after an answer whose body nobody read, if it was there already, and between tries. */
  struct fixture *fixture = *state;
  start(fixture, play_text, "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello");
  for (int i = 0; i < 5; i++) {
    get(fixture);
    if (i % 2 == 0)
      assert_int_equal(read_body(fixture, 100), DIFFD_END);
    drop(fixture);
  }
  assert_int_equal(atomic_load(&fixture->server->requests), 5);
  assert_int_equal(atomic_load(&fixture->server->accepted), 1);
}

/* Keeps no connection open, without saying so. */
static void play_once(struct test_connection *connection) {
  if (test_hear(connection))
    (void)test_say(connection, connection->server->arg);
}

static void test_a_kept_connection_that_was_closed_is_not_used(void **state) {
  /* Without counting as a try. */
  static const struct diffd_curl_client_options options = {0};
  struct fixture *fixture = *state;
  start_with(fixture, &options, play_once, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  for (int i = 0; i < 5; i++)
    expect_status(fixture, 200);
  assert_int_equal(atomic_load(&fixture->server->accepted), 5);
}

/* Waits for the connection's end. */
static void play_until_closed(struct test_connection *connection) {
  play_text(connection);
  atomic_store(&connection->server->released, true);
}

static void test_an_idle_connection_is_closed_in_time(void **state) {
  /* Without another request that would look for it. */
  static const struct diffd_curl_client_options options = {.idle_timeout_ms = 20};
  struct fixture *fixture = *state;
  start_with(fixture, &options, play_until_closed, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  expect_status(fixture, 200);
  TEST_WAIT_FOR(atomic_load(&fixture->server->released));
}

static void test_a_connection_is_renewed_after_its_lifetime(void **state) {
  /* However busy it is. */
  static const struct diffd_curl_client_options options = {.lifetime_ms = 20};
  struct fixture *fixture = *state;
  start_with(fixture, &options, play_text, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  for (int tries = 0; tries < 10000 && atomic_load(&fixture->server->accepted) < 3; tries++) {
    expect_status(fixture, 200);
    test_sleep_ms(1);
  }
  assert_int_equal(atomic_load(&fixture->server->accepted), 3);
}

enum { THREADS = 6, ROUNDS = 30 };

static void *ask_often(void *arg) {
  static const struct diffd_context ctx = {0};
  const struct fixture *fixture = arg;
  char url[64];
  uintptr_t failed = 0;
  (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/", fixture->server->port);
  for (int i = 0; i < ROUNDS; i++) {
    const struct diffd_http_request request = {.method = "GET", .url = url};
    struct diffd_http_response response;
    struct diffd_error err;
    char body[8];
    size_t got = 0;
    if (diffd_http_client_send(fixture->client, &ctx, &request, &response, &err) != DIFFD_OK) {
      failed++;
      continue;
    }
    if (diffd_reader_read(response.body, body, sizeof body, &got, &err) != DIFFD_OK || got != 5)
      failed++;
    diffd_reader_destroy(response.body);
  }
  return (void *)failed;
}

static void test_threads_share_a_client(void **state) {
  /* Each request has a connection to itself, and there are not more than threads. */
  struct fixture *fixture = *state;
  pthread_t threads[THREADS];
  start(fixture, play_text, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, ask_often, fixture), 0);
  for (int i = 0; i < THREADS; i++) {
    void *failed;
    assert_int_equal(pthread_join(threads[i], &failed), 0);
    assert_null(failed);
  }
  assert_int_equal(atomic_load(&fixture->server->requests), THREADS * ROUNDS);
  assert_true(atomic_load(&fixture->server->accepted) <= THREADS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_get_is_sent_as_written),
      TEST(a_post_carries_its_body_and_length),
      TEST(a_head_has_a_length_and_no_body),
      TEST(a_user_in_the_url_is_sent_as_basic_authorization),
      TEST(interim_answers_and_trailers_are_left_out),
      TEST(a_redirect_is_an_answer_like_any_other),
      TEST(requests_that_cannot_be_sent_are_refused),
      TEST(a_body_is_sent_again_where_a_kept_connection_was_closed),
      TEST(an_answer_before_the_request_was_sent_does_not_use_its_body_any_more),
      TEST(a_body_that_nobody_reads_holds_the_peer_back),
      TEST(a_body_may_be_read_by_another_thread),
      TEST(gzip_is_inflated_while_it_is_read),
      TEST(gzip_that_is_broken_or_cut_is_a_failure),
      TEST(gzip_that_the_caller_asked_for_is_his),
      TEST(a_connection_is_kept_for_the_next_request),
      TEST(a_kept_connection_that_was_closed_is_not_used),
      TEST(an_idle_connection_is_closed_in_time),
      TEST(a_connection_is_renewed_after_its_lifetime),
      TEST(threads_share_a_client),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
