/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever screens requests sees them whole, with their headers, and answers without waiting for a job's
 * place. */
#include "runtime/http_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/listen.h"

enum { TEXT_MAX = 64 * 1024 };

struct fixture {
  struct diffd_http_server *server;
  uint16_t port;
  atomic_bool hold;     /* /long/hold waits while this is true */
  atomic_uint holding;  /* requests that wait there */
  atomic_uint screened; /* requests that were screened */
  char text[TEXT_MAX];  /* what a test read last */
};

static void sleep_ms(unsigned ms) {
  struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
  (void)nanosleep(&time, NULL);
}

static bool is_long(void *arg, const struct diffd_request *request) {
  (void)arg;
  return request->path.len >= 5 && memcmp(request->path.ptr, "/long", 5) == 0;
}

/* Who brings no pass is turned away. */
static bool screen(void *arg, const struct diffd_context *ctx, const struct diffd_request *request,
                   struct diffd_response *response) {
  struct fixture *f = arg;
  struct diffd_error err;
  (void)atomic_fetch_add(&f->screened, 1);
  assert_non_null(ctx->request_id);
  const char *pass = diffd_request_header(request, "X-Pass");
  if (pass != NULL)
    return false;
  assert_int_equal(
      diffd_response_answer(response, 401, "text/plain", (struct diffd_span){"no pass", 7}, &err), DIFFD_OK);
  assert_int_equal(diffd_response_add_header(response, "WWW-Authenticate", "Bearer", &err), DIFFD_OK);
  return true;
}

/* Answers with the pass and the body's length. */
static void handle(void *arg, const struct diffd_context *ctx, const struct diffd_request *request,
                   struct diffd_response *response) {
  struct fixture *f = arg;
  struct diffd_error err;
  if (request->path.len == 10 && memcmp(request->path.ptr, "/long/hold", 10) == 0) {
    (void)atomic_fetch_add(&f->holding, 1);
    while (atomic_load(&f->hold) && !diffd_context_stopping(ctx))
      sleep_ms(1);
  }
  response->status = 200;
  if (diffd_buffer_printf(&response->body, &err, "%s with %s, %zu bytes, %zu headers", request->method,
                          diffd_request_header(request, "x-PASS"), request->body.len,
                          request->header_count) != DIFFD_OK)
    abort();
}

static int set_up(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  struct diffd_error err;
  int fd;
  *state = f;
  if (f == NULL || diffd_listen("127.0.0.1:0", &fd, &f->port, &err) != DIFFD_OK)
    return -1;
  const struct diffd_http_server_options options = {.listen_fd = fd,
                                                    .event_threads = 2,
                                                    .request_threads = 2,
                                                    .job_threads = 1,
                                                    .max_connections = 64,
                                                    .request_timeout_ms = 10000,
                                                    .idle_timeout_ms = 5000,
                                                    .screen = screen,
                                                    .handle = handle,
                                                    .is_long = is_long,
                                                    .arg = f};
  return diffd_http_server_start(&options, &f->server, &err) == DIFFD_OK ? 0 : -1;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  diffd_http_server_destroy(f->server);
  free(f);
  return 0;
}

static int open_client(const struct fixture *f) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(f->port)};
  const struct timeval patience = {.tv_sec = 20};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
  assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
  return fd;
}

static void send_text(int fd, const char *text) {
  size_t len = strlen(text);
  while (len > 0) {
    ssize_t put = send(fd, text, len, MSG_NOSIGNAL);
    assert_true(put > 0);
    text += put;
    len -= (size_t)put;
  }
}

/* Reads until the peer closes, and closes. */
static void read_all(struct fixture *f, int fd) {
  size_t len = 0;
  ssize_t got;
  while (len < TEXT_MAX - 1 && (got = recv(fd, f->text + len, TEXT_MAX - 1 - len, 0)) > 0)
    len += (size_t)got;
  f->text[len] = '\0';
  assert_int_equal(close(fd), 0);
}

static void ask(struct fixture *f, const char *request) {
  int fd = open_client(f);
  send_text(fd, request);
  read_all(f, fd);
}

static void expect_part(const struct fixture *f, const char *part) {
  if (strstr(f->text, part) == NULL)
    fail_msg("\"%s\" is not in \"%.300s\"", part, f->text);
}

#define CLOSE "Host: x\r\nConnection: close\r\n\r\n"

/* With the pass the handler answers, and has the headers, too; without it nobody else is asked. */
static void test_headers(void **state) {
  struct fixture *f = *state;
  ask(f, "GET / HTTP/1.1\r\nx-pass: seven\r\n" CLOSE);
  expect_part(f, "HTTP/1.1 200");
  expect_part(f, "\r\n\r\nGET with seven, 0 bytes, 3 headers");
  ask(f, "GET / HTTP/1.1\r\n" CLOSE);
  expect_part(f, "HTTP/1.1 401");
  expect_part(f, "WWW-Authenticate: Bearer\r\n");
  expect_part(f, "\r\n\r\nno pass");
  ask(f, "HEAD / HTTP/1.1\r\n" CLOSE);
  expect_part(f, "HTTP/1.1 401");
  expect_part(f, "Content-Length: 7\r\n");
  assert_string_equal(strstr(f->text, "\r\n\r\n"), "\r\n\r\n");
  ask(f, "GET / HTTP/1.0\r\n\r\n");
  expect_part(f, "HTTP/1.1 401");
  assert_int_equal(atomic_load(&f->screened), 4);
}

/* The headers are still there after a body that came through the same memory. */
static void test_headers_outlive_the_body(void **state) {
  struct fixture *f = *state;
  static char body[60001];
  char head[128];
  memset(body, 'z', sizeof body - 1);
  int fd = open_client(f);
  (void)snprintf(head, sizeof head, "POST /long HTTP/1.1\r\nX-Pass: seven\r\nContent-Length: %zu\r\n%s",
                 sizeof body - 1, CLOSE);
  send_text(fd, head);
  send_text(fd, body);
  read_all(f, fd);
  expect_part(f, "\r\n\r\nPOST with seven, 60000 bytes, 4 headers");
  fd = open_client(f);
  send_text(fd, "POST /long HTTP/1.1\r\nX-Pass: seven\r\nTransfer-Encoding: chunked\r\n" CLOSE);
  for (int i = 0; i < 10; i++) {
    send_text(fd, "fa0\r\n");
    send_text(fd, body + sizeof body - 1 - 4000);
    send_text(fd, "\r\n");
  }
  send_text(fd, "0\r\n\r\n");
  read_all(f, fd);
  expect_part(f, "\r\n\r\nPOST with seven, 40000 bytes, 4 headers");
}

/* However many jobs hold and wait for the places, who may not ask is told so. */
static void test_no_place_is_needed(void **state) {
  struct fixture *f = *state;
  int fds[4];
  atomic_store(&f->hold, true);
  for (size_t i = 0; i < 4; i++) {
    fds[i] = open_client(f);
    send_text(fds[i], "POST /long/hold HTTP/1.1\r\nX-Pass: seven\r\n" CLOSE);
  }
  for (int tries = 0; tries < 5000 && (atomic_load(&f->screened) < 4 || atomic_load(&f->holding) < 1);
       tries++)
    sleep_ms(1);
  ask(f, "POST /long/hold HTTP/1.1\r\n" CLOSE);
  expect_part(f, "HTTP/1.1 401");
  assert_int_equal(atomic_load(&f->holding), 1);
  atomic_store(&f->hold, false);
  for (size_t i = 0; i < 4; i++) {
    read_all(f, fds[i]);
    expect_part(f, "\r\n\r\nPOST with seven");
  }
}

/* What the server itself cannot read is nobody's to answer. */
static void test_refused_before(void **state) {
  struct fixture *f = *state;
  ask(f, "POST /long HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n" CLOSE);
  expect_part(f, "HTTP/1.1 400");
  assert_int_equal(atomic_load(&f->screened), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_headers),
      TEST(test_headers_outlive_the_body),
      TEST(test_no_place_is_needed),
      TEST(test_refused_before),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
