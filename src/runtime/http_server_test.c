/* SPDX-License-Identifier: Apache-2.0
 *
 * The server on the wire, by raw sockets: what well-behaved clients get, and what slow, rude and vanishing
 * ones cannot do to it.
 */
#include "runtime/http_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/thread.h"
#include "runtime/listen.h"

enum { TEXT_MAX = 4 * 1024 * 1024, FILE_BYTES = 3 * 1024 * 1024, STREAM_BYTES = 700 * 1000 };

struct fixture {
  struct diffd_http_server *server;
  uint16_t port;
  atomic_bool hold;           /* /hold waits while this is true */
  atomic_uint holding;        /* requests that wait in /hold */
  atomic_uint ended_early;    /* waits that ended because the context was stopping */
  atomic_uint ended_by_force; /* or cancelled */
  char *text;                 /* what a test read last */
};

static void sleep_ms(unsigned ms) {
  struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
  (void)nanosleep(&time, NULL);
}

#define WAIT_FOR(condition)                                                                                  \
  do {                                                                                                       \
    for (int tries_ = 0; tries_ < 5000 && !(condition); tries_++)                                            \
      sleep_ms(1);                                                                                           \
    assert_true(condition);                                                                                  \
  } while (0)

/* A reader that is no file and gives its bytes in odd portions. */
struct stream {
  struct diffd_reader base;
  size_t given;
  bool breaks;
};

static char stream_byte(size_t at) {
  return (char)('a' + at % 23);
}

static enum diffd_status stream_read(struct diffd_reader *self, void *buf, size_t cap, size_t *ret_len,
                                     struct diffd_error *err) {
  struct stream *stream = (struct stream *)self;
  size_t len = STREAM_BYTES - stream->given;
  if (len == 0)
    return DIFFD_END;
  if (stream->breaks && stream->given > STREAM_BYTES / 2)
    return diffd_fail(err, DIFFD_IO, "the stream broke");
  len = len > 99991 ? 99991 : len;
  len = len > cap ? cap : len;
  for (size_t i = 0; i < len; i++)
    ((char *)buf)[i] = stream_byte(stream->given + i);
  stream->given += len;
  *ret_len = len;
  return DIFFD_OK;
}

static void stream_destroy(struct diffd_reader *self) {
  free(self);
}

static const struct diffd_reader_ops stream_ops = {.read = stream_read, .destroy = stream_destroy};

/* A reader whose peer never says anything. */
struct silence {
  struct diffd_reader base;
  atomic_uint *waiting;
  atomic_bool interrupted;
};

static enum diffd_status silence_read(struct diffd_reader *self, void *buf, size_t cap, size_t *ret_len,
                                      struct diffd_error *err) {
  struct silence *silence = (struct silence *)self;
  (void)buf;
  (void)cap;
  (void)ret_len;
  (void)atomic_fetch_add(silence->waiting, 1);
  for (int ms = 0; ms < 20000 && !atomic_load(&silence->interrupted); ms++)
    (void)usleep(1000);
  if (!atomic_load(&silence->interrupted))
    abort();
  return diffd_fail(err, DIFFD_CANCELLED, "interrupted");
}

static void silence_interrupt(struct diffd_reader *self) {
  atomic_store(&((struct silence *)self)->interrupted, true);
}

static const struct diffd_reader_ops silence_ops = {
    .read = silence_read, .interrupt = silence_interrupt, .destroy = stream_destroy};

static void answer_silence(struct diffd_response *response, atomic_uint *waiting) {
  struct silence *silence = calloc(1, sizeof *silence);
  if (silence == NULL)
    abort();
  silence->base.ops = &silence_ops;
  silence->waiting = waiting;
  response->status = 200;
  response->reader = &silence->base;
}

static void answer_stream(struct diffd_response *response, int64_t size, bool breaks) {
  struct stream *stream = calloc(1, sizeof *stream);
  if (stream == NULL)
    abort();
  stream->base.ops = &stream_ops;
  stream->breaks = breaks;
  response->status = 200;
  response->reader = &stream->base;
  response->size = size;
}

static void answer_file(struct diffd_response *response) {
  struct diffd_error err;
  char name[] = "/tmp/diffd-http-XXXXXX";
  int fd = mkstemp(name);
  if (fd < 0 || unlink(name) != 0)
    abort();
  char *bytes = malloc(FILE_BYTES);
  for (size_t i = 0; i < FILE_BYTES; i++)
    bytes[i] = stream_byte(i);
  if (write(fd, bytes, FILE_BYTES) != FILE_BYTES || lseek(fd, 0, SEEK_SET) != 0 ||
      diffd_reader_from_fd(fd, true, &response->reader, &err) != DIFFD_OK)
    abort();
  free(bytes);
  response->status = 200;
  response->size = FILE_BYTES;
}

static void hold(struct fixture *f, const struct diffd_context *ctx, struct diffd_response *response) {
  (void)atomic_fetch_add(&f->holding, 1);
  while (atomic_load(&f->hold) && !diffd_context_stopping(ctx))
    sleep_ms(1);
  if (diffd_context_stopping(ctx))
    (void)atomic_fetch_add(&f->ended_early, 1);
  diffd_response_text(response, 200, "held");
}

/* Waits through a stop, until it is cancelled. */
static void hold_hard(struct fixture *f, const struct diffd_context *ctx, struct diffd_response *response) {
  (void)atomic_fetch_add(&f->holding, 1);
  while (atomic_load(&f->hold) && !diffd_context_cancelled(ctx))
    sleep_ms(1);
  if (diffd_context_cancelled(ctx))
    (void)atomic_fetch_add(&f->ended_by_force, 1);
  diffd_response_text(response, 200, "held hard");
}

static bool has_path(const struct diffd_request *request, const char *path) {
  return request->path.len == strlen(path) && memcmp(request->path.ptr, path, request->path.len) == 0;
}

static void handle(void *arg, const struct diffd_context *ctx, const struct diffd_request *request,
                   struct diffd_response *response) {
  struct fixture *f = arg;
  struct diffd_error err;
  if (has_path(request, "/file"))
    answer_file(response);
  else if (has_path(request, "/stream"))
    answer_stream(response, -1, false);
  else if (has_path(request, "/sized"))
    answer_stream(response, STREAM_BYTES, false);
  else if (has_path(request, "/breaks"))
    answer_stream(response, -1, true);
  else if (has_path(request, "/silence"))
    answer_silence(response, &f->holding);
  else if (has_path(request, "/hold") || has_path(request, "/long/hold"))
    hold(f, ctx, response);
  else if (has_path(request, "/long/hard"))
    hold_hard(f, ctx, response);
  else if (has_path(request, "/empty"))
    diffd_response_empty(response, 204);
  else {
    response->status = 200;
    if (diffd_buffer_printf(&response->body, &err, "%s %.*s ?%.*s %zu%s", request->method,
                            (int)request->path.len, request->path.ptr, (int)request->query.len,
                            request->query.len > 0 ? request->query.ptr : "", request->body.len,
                            request->body_too_large ? " too large" : "") != DIFFD_OK)
      abort();
  }
}

static bool is_long(void *arg, const struct diffd_request *request) {
  (void)arg;
  return request->path.len >= 5 && memcmp(request->path.ptr, "/long", 5) == 0;
}

static int set_up_with(void **state, uint64_t request_timeout_ms) {
  struct fixture *f = calloc(1, sizeof *f);
  struct diffd_error err;
  int fd;
  f->text = malloc(TEXT_MAX);
  *state = f;
  if (diffd_listen("127.0.0.1:0", &fd, &f->port, &err) != DIFFD_OK)
    return -1;
  const struct diffd_http_server_options options = {.listen_fd = fd,
                                                    .event_threads = 2,
                                                    .request_threads = 2,
                                                    .job_threads = 2,
                                                    .max_connections = 64,
                                                    .request_timeout_ms = request_timeout_ms,
                                                    .idle_timeout_ms = 5000,
                                                    .instance = 0xABCD,
                                                    .handle = handle,
                                                    .is_long = is_long,
                                                    .arg = f};
  return diffd_http_server_start(&options, &f->server, &err) == DIFFD_OK ? 0 : -1;
}

static int set_up(void **state) {
  return set_up_with(state, 10000);
}

static int set_up_hasty(void **state) {
  return set_up_with(state, 300);
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  diffd_http_server_destroy(f->server);
  free(f->text);
  free(f);
  return 0;
}

static int open_client(const struct fixture *f) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(f->port)};
  const struct timeval patience = {.tv_sec = 10};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
  if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
    (void)close(fd);
    return -1;
  }
  return fd;
}

static void send_bytes(int fd, const char *bytes, size_t len) {
  while (len > 0) {
    ssize_t put = send(fd, bytes, len, MSG_NOSIGNAL);
    assert_true(put > 0);
    bytes += put;
    len -= (size_t)put;
  }
}

static void send_text(int fd, const char *text) {
  send_bytes(fd, text, strlen(text));
}

/* Reads until the peer closes or `enough` is there; the text is NUL-terminated. */
static size_t read_until(struct fixture *f, int fd, const char *enough) {
  size_t len = 0;
  ssize_t got = 1;
  f->text[0] = '\0';
  while (len < TEXT_MAX - 1 && (got = recv(fd, f->text + len, TEXT_MAX - 1 - len, 0)) > 0) {
    len += (size_t)got;
    f->text[len] = '\0';
    if (enough != NULL && memmem(f->text, len, enough, strlen(enough)) != NULL)
      break;
  }
  assert_false(got < 0 && errno == EAGAIN);
  return len;
}

/* One request on a connection of its own, read to the end. */
static size_t ask(struct fixture *f, const char *request) {
  int fd = open_client(f);
  assert_true(fd >= 0);
  send_text(fd, request);
  size_t len = read_until(f, fd, NULL);
  assert_int_equal(close(fd), 0);
  return len;
}

static void expect_part(const struct fixture *f, const char *part) {
  if (strstr(f->text, part) == NULL)
    fail_msg("\"%s\" is not in \"%.300s\"", part, f->text);
}

static void expect_status(const struct fixture *f, const char *status) {
  assert_memory_equal(f->text, "HTTP/1.", 7);
  assert_memory_equal(f->text + 9, status, 3);
}

#define HOST  "Host: x\r\n"
#define CLOSE HOST "Connection: close\r\n\r\n"

/* Path and query arrive as they were sent; a proxy's absolute form is understood. */
static void test_request_line(void **state) {
  struct fixture *f = *state;
  (void)ask(f, "GET /a%2Fb/c+d?x=%2B&y=a+b HTTP/1.1\r\n" CLOSE);
  expect_status(f, "200");
  expect_part(f, "\r\n\r\nGET /a%2Fb/c+d ?x=%2B&y=a+b 0");
  (void)ask(f, "GET http://example.org:80/x?y HTTP/1.1\r\n" CLOSE);
  expect_part(f, "\r\n\r\nGET /x ?y 0");
  (void)ask(f, "GET http://example.org?y HTTP/1.1\r\n" CLOSE);
  expect_part(f, "\r\n\r\nGET / ?y 0");
  (void)ask(f, "DELETE /x HTTP/1.1\r\n" CLOSE);
  expect_part(f, "\r\n\r\nDELETE /x ? 0");
}

/* A kept connection serves one request after the other, also when they come all at once. */
static void test_keep_alive(void **state) {
  struct fixture *f = *state;
  int fd = open_client(f);
  send_text(fd, "GET /one HTTP/1.1\r\n" HOST "\r\n");
  (void)read_until(f, fd, "GET /one ? 0");
  send_text(fd, "GET /two HTTP/1.1\r\n" HOST "\r\n");
  (void)read_until(f, fd, "GET /two ? 0");
  send_text(fd, "GET /three HTTP/1.1\r\n" HOST "\r\nPOST /long/four HTTP/1.1\r\n" HOST
                "Content-Length: 3\r\n\r\nabcGET /five HTTP/1.1\r\n" CLOSE);
  (void)read_until(f, fd, NULL);
  const char *three = strstr(f->text, "GET /three ? 0");
  const char *four = strstr(f->text, "POST /long/four ? 3");
  const char *five = strstr(f->text, "GET /five ? 0");
  assert_true(three != NULL && four != NULL && five != NULL && three < four && four < five);
  assert_int_equal(close(fd), 0);
}

/* HEAD has the length and no body; 204 has neither. */
static void test_no_body(void **state) {
  struct fixture *f = *state;
  (void)ask(f, "HEAD /file HTTP/1.1\r\n" CLOSE);
  expect_status(f, "200");
  expect_part(f, "Content-Length: 3145728\r\n");
  assert_string_equal(strstr(f->text, "\r\n\r\n"), "\r\n\r\n");
  (void)ask(f, "GET /empty HTTP/1.1\r\n" CLOSE);
  expect_status(f, "204");
  assert_null(strstr(f->text, "Content-Length"));
  assert_string_equal(strstr(f->text, "\r\n\r\n"), "\r\n\r\n");
}

static void expect_stream(const struct fixture *f, const char *body, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (body[i] != stream_byte(i))
      fail_msg("byte %zu differs", i);
  assert_ptr_equal(body + len, f->text + strlen(f->text));
}

/* A file comes whole. */
static void test_file(void **state) {
  struct fixture *f = *state;
  (void)ask(f, "GET /file HTTP/1.1\r\n" CLOSE);
  expect_status(f, "200");
  expect_stream(f, strstr(f->text, "\r\n\r\n") + 4, FILE_BYTES);
}

/* Takes the chunks' heads out of a body; gives the bytes that are left, or SIZE_MAX where it does not end
 * well. */
static size_t join_chunks(char *body) {
  char *to = body;
  for (char *from = body;;) {
    char *after;
    size_t len = strtoul(from, &after, 16);
    if (after == from || strncmp(after, "\r\n", 2) != 0)
      return SIZE_MAX;
    if (len == 0) {
      size_t total = (size_t)(to - body);
      *to = '\0';
      return strcmp(after, "\r\n\r\n") == 0 ? total : SIZE_MAX;
    }
    memmove(to, after + 2, len);
    to += len;
    from = after + 2 + len + 2;
  }
}

/* A stream of known length comes with it; one of unknown length in chunks, or until the end for HTTP/1.0. */
static void test_stream(void **state) {
  struct fixture *f = *state;
  (void)ask(f, "GET /sized HTTP/1.1\r\n" CLOSE);
  expect_part(f, "Content-Length: 700000\r\n");
  expect_stream(f, strstr(f->text, "\r\n\r\n") + 4, STREAM_BYTES);
  (void)ask(f, "GET /stream HTTP/1.0\r\n\r\n");
  expect_stream(f, strstr(f->text, "\r\n\r\n") + 4, STREAM_BYTES);
  (void)ask(f, "GET /stream HTTP/1.1\r\n" CLOSE);
  expect_part(f, "Transfer-Encoding: chunked\r\n");
  char *body = strstr(f->text, "\r\n\r\n") + 4;
  assert_int_equal(join_chunks(body), STREAM_BYTES);
  expect_stream(f, body, STREAM_BYTES);
}

/* A stream that breaks off ends the connection without the last chunk, so that nobody takes a part for the
 * whole.
 */
static void test_broken_stream(void **state) {
  struct fixture *f = *state;
  (void)ask(f, "GET /breaks HTTP/1.1\r\n" CLOSE);
  assert_null(strstr(f->text, "\r\n0\r\n\r\n"));
}

/* Lengths that two readers could read differently are refused, and the connection with them. */
static void test_framing(void **state) {
  struct fixture *f = *state;
  (void)ask(f, "POST /long HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc");
  expect_status(f, "400");
  (void)ask(f,
            "POST /long HTTP/1.1\r\n" HOST
            "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n");
  expect_status(f, "400");
  assert_null(strstr(f->text, "smuggled"));
  (void)ask(f,
            "GET /x HTTP/1.1\r\n" HOST
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n");
  expect_status(f, "400");
  assert_null(strstr(f->text, "smuggled"));
  (void)ask(f, "POST /long HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n");
  expect_status(f, "501");
  (void)ask(f, "POST /long HTTP/1.1\r\n" HOST
               "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  expect_status(f, "400");
  (void)ask(f, "POST /long HTTP/1.1\r\n" HOST "Content-Length: -3\r\n\r\nabc");
  expect_status(f, "400");
}

/* 64 KiB are kept, a byte more is told, much more is not even read; short requests' bodies are dropped. */
static void test_bodies(void **state) {
  struct fixture *f = *state;
  static char body[70000];
  char head[128];
  memset(body, 'x', sizeof body);
  for (size_t len = 65535; len <= 65537; len++) {
    int fd = open_client(f);
    (void)snprintf(head, sizeof head,
                   "POST /long HTTP/1.1\r\n%sConnection: close\r\nContent-Length: %zu\r\n\r\n", HOST, len);
    send_text(fd, head);
    send_bytes(fd, body, len);
    (void)read_until(f, fd, NULL);
    (void)snprintf(head, sizeof head, "\r\n\r\nPOST /long ? %zu", len);
    expect_part(f, len <= 65536 ? head : " too large");
    assert_int_equal(close(fd), 0);
  }
  (void)ask(f, "POST /long HTTP/1.1\r\n" HOST
               "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  expect_part(f, "\r\n\r\nPOST /long ? 5");
  (void)ask(f, "POST /short HTTP/1.1\r\n" HOST "Connection: close\r\nContent-Length: 3\r\n\r\nabc");
  expect_part(f, "\r\n\r\nPOST /short ? 0");
  (void)ask(f, "POST /long HTTP/1.1\r\n" HOST "Content-Length: 99999999999\r\n\r\nabc");
  expect_status(f, "413");
}

/* A client that asks before it sends its body is told to go on. */
static void test_continue(void **state) {
  struct fixture *f = *state;
  int fd = open_client(f);
  send_text(fd, "POST /long HTTP/1.1\r\n" HOST
                "Connection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  (void)read_until(f, fd, "100 Continue\r\n\r\n");
  send_text(fd, "abc");
  (void)read_until(f, fd, NULL);
  expect_part(f, "POST /long ? 3");
  assert_int_equal(close(fd), 0);
}

/* What is no HTTP, or too much of it, ends its own connection alone. */
static void test_garbage(void **state) {
  struct fixture *f = *state;
  static char much[60000];
  (void)ask(f, "\x16\x03\x01\x02\r\n\r\n\r\n");
  (void)ask(f, "GET\r\n\r\n");
  (void)ask(f, "GET / HTTP/1.1\r\nno colon\r\n\r\n");
  (void)ask(f, "GET / HTTP/1.1\r\n\r\n");
  expect_status(f, "400");
  memset(much, 'a', sizeof much - 1);
  int fd = open_client(f);
  send_text(fd, "GET /");
  (void)send(fd, much, sizeof much - 1, MSG_NOSIGNAL);
  (void)read_until(f, fd, "\r\n");
  expect_status(f, "414");
  assert_int_equal(close(fd), 0);
  fd = open_client(f);
  send_text(fd, "GET / HTTP/1.1\r\nHost: x\r\nX: ");
  (void)send(fd, much, sizeof much - 1, MSG_NOSIGNAL);
  (void)read_until(f, fd, "\r\n");
  expect_status(f, "431");
  assert_int_equal(close(fd), 0);
  (void)ask(f, "GET /still HTTP/1.1\r\n" CLOSE);
  expect_status(f, "200");
}

/* Drips a text, a byte at a time; true where the peer cut the connection. */
static bool is_cut(struct fixture *f, const char *first, const char *drip) {
  int fd = open_client(f);
  bool cut = false;
  char byte;
  send_text(fd, first);
  for (const char *c = drip; *c != '\0' && !cut; c++) {
    cut = send(fd, c, 1, MSG_NOSIGNAL) != 1 || recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0 ||
          errno != EAGAIN;
    errno = EAGAIN;
    sleep_ms(50);
  }
  assert_int_equal(close(fd), 0);
  return cut;
}

/* A client that drips is cut when its time is over, in the line, in the headers and in the body. */
static void test_dripper(void **state) {
  struct fixture *f = *state;
  static const char drip[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
  assert_true(is_cut(f, "GET /", drip));
  assert_true(is_cut(f, "GET / HTTP/1.1\r\nHost: ", drip));
  assert_true(is_cut(f, "POST /long HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n", drip));
  assert_true(is_cut(f, "", drip));
}

/* The time is for the reading alone: an answer may take longer. */
static void test_slow_answer(void **state) {
  struct fixture *f = *state;
  atomic_store(&f->hold, true);
  int fd = open_client(f);
  send_text(fd, "POST /long/hold HTTP/1.1\r\n" CLOSE);
  WAIT_FOR(atomic_load(&f->holding) == 1);
  sleep_ms(800);
  atomic_store(&f->hold, false);
  (void)read_until(f, fd, NULL);
  expect_part(f, "held");
  assert_int_equal(atomic_load(&f->ended_early), 0);
  assert_int_equal(close(fd), 0);
}

/* A caller that hangs up is seen while its request waits, be it by closing or by vanishing behind a reset. */
static void test_hang_up(void **state) {
  struct fixture *f = *state;
  const struct linger reset = {.l_onoff = 1};
  atomic_store(&f->hold, true);
  int first = open_client(f);
  int second = open_client(f);
  send_text(first, "POST /long/hold HTTP/1.1\r\n" HOST "\r\n");
  send_text(second, "POST /long/hold HTTP/1.1\r\n" HOST "\r\nGET /next HTTP/1.1\r\n");
  WAIT_FOR(atomic_load(&f->holding) == 2);
  assert_int_equal(close(first), 0);
  assert_int_equal(setsockopt(second, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
  assert_int_equal(close(second), 0);
  WAIT_FOR(atomic_load(&f->ended_early) == 2);
  (void)ask(f, "GET /still HTTP/1.1\r\n" CLOSE);
  expect_status(f, "200");
}

/* However many long requests wait, short ones are answered. */
static void test_lanes(void **state) {
  struct fixture *f = *state;
  int fds[8];
  atomic_store(&f->hold, true);
  for (size_t i = 0; i < 8; i++) {
    fds[i] = open_client(f);
    send_text(fds[i], "POST /long/hold HTTP/1.1\r\n" CLOSE);
  }
  WAIT_FOR(atomic_load(&f->holding) == 2);
  (void)ask(f, "GET /short HTTP/1.1\r\n" CLOSE);
  expect_status(f, "200");
  assert_int_equal(atomic_load(&f->holding), 2);
  atomic_store(&f->hold, false);
  for (size_t i = 0; i < 8; i++) {
    (void)read_until(f, fds[i], NULL);
    expect_part(f, "held");
    assert_int_equal(close(fds[i]), 0);
  }
}

/* A stop lets the request at work finish, tells its context, and takes no new connection. */
static void test_drain(void **state) {
  struct fixture *f = *state;
  atomic_store(&f->hold, true);
  int fd = open_client(f);
  int kept = open_client(f);
  send_text(kept, "GET /one HTTP/1.1\r\n" HOST "\r\n");
  (void)read_until(f, kept, "GET /one ? 0");
  send_text(fd, "POST /long/hard HTTP/1.1\r\n" HOST "\r\n");
  WAIT_FOR(atomic_load(&f->holding) == 1);
  diffd_http_server_quiesce(f->server);
  int refused = open_client(f);
  assert_int_equal(refused, -1);
  send_text(kept, "GET /two HTTP/1.1\r\n" HOST "\r\n");
  (void)read_until(f, kept, NULL);
  expect_part(f, "GET /two ? 0");
  expect_part(f, "Connection: close\r\n");
  atomic_store(&f->hold, false);
  assert_int_equal(diffd_http_server_drain(f->server, 10000), 0);
  (void)read_until(f, fd, NULL);
  expect_part(f, "held hard");
  expect_part(f, "Connection: close\r\n");
  assert_int_equal(close(fd), 0);
  assert_int_equal(close(kept), 0);
}

/* An answer whose source says nothing any more does not hold up the end. */
static void test_drain_of_a_silent_stream(void **state) {
  struct fixture *f = *state;
  int fd = open_client(f);
  send_text(fd, "GET /silence HTTP/1.1\r\n" HOST "\r\n");
  WAIT_FOR(atomic_load(&f->holding) == 1);
  diffd_http_server_quiesce(f->server);
  assert_int_equal(diffd_http_server_drain(f->server, 50), 1);
  (void)read_until(f, fd, NULL);
  assert_null(strstr(f->text, "0\r\n\r\n"));
  assert_int_equal(close(fd), 0);
}

/* What does not end in time is cancelled, and the server comes down nevertheless. */
static void test_drain_timeout(void **state) {
  struct fixture *f = *state;
  atomic_store(&f->hold, true);
  int fds[3];
  for (size_t i = 0; i < 3; i++) {
    fds[i] = open_client(f);
    send_text(fds[i], "POST /long/hard HTTP/1.1\r\n" HOST "\r\n");
  }
  WAIT_FOR(atomic_load(&f->holding) == 2);
  sleep_ms(50);
  diffd_http_server_quiesce(f->server);
  assert_int_equal(diffd_http_server_drain(f->server, 100), 3);
  assert_int_equal(atomic_load(&f->ended_by_force), 3);
  diffd_http_server_destroy(f->server);
  f->server = NULL;
  for (size_t i = 0; i < 3; i++)
    assert_int_equal(close(fds[i]), 0);
}

/* Clients that come and go in the middle of everything leave nothing behind (the sanitizers look). */
static void test_storm(void **state) {
  struct fixture *f = *state;
  static const char *const requests[] = {"GET /x HTTP/1.1\r\n" HOST "\r\n",
                                         "GET /file HTTP/1.1\r\n" HOST "\r\n",
                                         "GET /stream HTTP/1.1\r\n" HOST "\r\n",
                                         "GET /fi",
                                         "POST /long HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nab",
                                         ""};
  for (size_t i = 0; i < 120; i++) {
    int fd = open_client(f);
    assert_true(fd >= 0);
    const char *request = requests[i % (sizeof requests / sizeof requests[0])];
    send_text(fd, request);
    if (i % 7 == 0)
      sleep_ms(1);
    if (i % 3 == 0) {
      char byte;
      (void)recv(fd, &byte, 1, MSG_DONTWAIT);
    }
    assert_int_equal(close(fd), 0);
  }
  (void)ask(f, "GET /still HTTP/1.1\r\n" CLOSE);
  expect_status(f, "200");
}

#define TEST(name)  cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define HASTY(name) cmocka_unit_test_setup_teardown(name, set_up_hasty, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_request_line),
      TEST(test_keep_alive),
      TEST(test_no_body),
      TEST(test_file),
      TEST(test_stream),
      TEST(test_broken_stream),
      TEST(test_framing),
      TEST(test_bodies),
      TEST(test_continue),
      TEST(test_garbage),
      HASTY(test_dripper),
      HASTY(test_slow_answer),
      TEST(test_hang_up),
      TEST(test_lanes),
      TEST(test_drain),
      TEST(test_drain_timeout),
      TEST(test_drain_of_a_silent_stream),
      TEST(test_storm),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
