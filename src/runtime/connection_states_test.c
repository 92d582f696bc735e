/* SPDX-License-Identifier: Apache-2.0
 *
 * The states of connections stay true on the wire, whatever clients do: counters count each change, and the
 * gauges say how many connections are in each state.
 */
#include "runtime/connection_states.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/thread.h"
#include "runtime/http_server.h"
#include "runtime/listen.h"

enum { NAMES_MAX = 16 };

/* Keeps the sum of each counter and the last value of each gauge. */
struct memory_stat {
  struct diffd_stat base;
  pthread_mutex_t lock;
  struct {
    const char *name;
    double value;
  } seen[NAMES_MAX];
  size_t count;
};

static void memory_record(struct diffd_stat *self, enum diffd_stat_kind kind, const char *name, double value,
                          const char *const *tags, size_t tag_count) {
  struct memory_stat *stat = (struct memory_stat *)self;
  (void)tags;
  if (tag_count > 0) /* those of requests */
    return;
  (void)pthread_mutex_lock(&stat->lock);
  size_t i = 0;
  while (i < stat->count && strcmp(stat->seen[i].name, name) != 0)
    i++;
  if (i == stat->count) {
    stat->seen[stat->count].name = name;
    stat->seen[stat->count++].value = 0;
  }
  stat->seen[i].value = kind == DIFFD_STAT_GAUGE ? value : stat->seen[i].value + value;
  (void)pthread_mutex_unlock(&stat->lock);
}

static const struct diffd_stat_ops memory_ops = {.record = memory_record};

/* -1: never recorded. */
static int value_of(struct memory_stat *stat, const char *name) {
  double value = -1;
  (void)pthread_mutex_lock(&stat->lock);
  for (size_t i = 0; i < stat->count; i++)
    if (strcmp(stat->seen[i].name, name) == 0)
      value = stat->seen[i].value;
  (void)pthread_mutex_unlock(&stat->lock);
  return (int)value;
}

static int count_of(struct memory_stat *stat, const char *name) {
  int value = value_of(stat, name);
  return value < 0 ? 0 : value;
}

struct fixture {
  struct memory_stat stat;
  struct diffd_stats_config names;
  struct diffd_http_server *server;
  uint16_t port;
  atomic_bool hold;
  atomic_uint holding;
};

static void sleep_ms(unsigned ms) {
  struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
  (void)nanosleep(&time, NULL);
}

#define WAIT_FOR(condition)                                                                                  \
  do {                                                                                                       \
    for (int tries_ = 0; tries_ < 20000 && !(condition); tries_++)                                           \
      sleep_ms(1);                                                                                           \
    assert_true(condition);                                                                                  \
  } while (0)

/* /hold waits as long as it is told; whatever is asked, the answer is short. */
static void handle(void *arg, const struct diffd_context *ctx, const struct diffd_request *request,
                   struct diffd_response *response) {
  struct fixture *f = arg;
  if (request->path.len == 5 && memcmp(request->path.ptr, "/hold", 5) == 0) {
    (void)atomic_fetch_add(&f->holding, 1);
    while (atomic_load(&f->hold) && !diffd_context_cancelled(ctx))
      sleep_ms(1);
    (void)atomic_fetch_sub(&f->holding, 1);
  }
  diffd_response_text(response, 200, "ok");
}

static bool is_long(void *arg, const struct diffd_request *request) {
  (void)arg;
  (void)request;
  return false;
}

static const char *route(void *arg, const struct diffd_request *request) {
  (void)arg;
  (void)request;
  return "any";
}

static int set_up(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  struct diffd_error err;
  int fd;
  *state = f;
  f->stat.base.ops = &memory_ops;
  (void)pthread_mutex_init(&f->stat.lock, NULL);
  f->names = (struct diffd_stats_config){.report_ms = 1,
                                         .new_counter = "n",
                                         .active_counter = "a",
                                         .idle_counter = "i",
                                         .closed_counter = "c",
                                         .hijacked_counter = "h",
                                         .new_gauge = "ng",
                                         .active_gauge = "ag",
                                         .idle_gauge = "ig"};
  if (diffd_listen("127.0.0.1:0", &fd, &f->port, &err) != DIFFD_OK)
    return -1;
  const struct diffd_http_server_options options = {.listen_fd = fd,
                                                    .event_threads = 2,
                                                    .request_threads = 2,
                                                    .job_threads = 1,
                                                    .max_connections = 64,
                                                    .request_timeout_ms = 10000,
                                                    .idle_timeout_ms = 10000,
                                                    .stat = &f->stat.base,
                                                    .stat_names = &f->names,
                                                    .handle = handle,
                                                    .is_long = is_long,
                                                    .route = route,
                                                    .arg = f};
  return diffd_http_server_start(&options, &f->server, &err) == DIFFD_OK ? 0 : -1;
}

static void stop(struct fixture *f) {
  diffd_http_server_destroy(f->server);
  f->server = NULL;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  atomic_store(&f->hold, false);
  stop(f);
  (void)pthread_mutex_destroy(&f->stat.lock);
  free(f);
  return 0;
}

static int dial(const struct fixture *f) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(f->port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
  return fd;
}

static void say(int fd, const char *text) {
  assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Reads until so many answers have come. */
static void hear(int fd, int answers) {
  char text[8192] = "";
  size_t len = 0;
  while (answers > 0) {
    ssize_t got = recv(fd, text + len, sizeof text - 1 - len, 0);
    assert_true(got > 0);
    len += (size_t)got;
    text[len] = '\0';
    int seen = 0;
    for (const char *at = text; (at = strstr(at, "\r\n\r\nok")) != NULL; at++)
      seen++;
    if (seen >= answers)
      return;
  }
}

/* Closes with a reset, as a process that dies with unread data does. */
static void reset(int fd) {
  const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
  assert_int_equal(close(fd), 0);
}

static void assert_counts(struct fixture *f, int new, int active, int idle, int closed) {
  WAIT_FOR(count_of(&f->stat, "c") == closed);
  assert_int_equal(count_of(&f->stat, "n"), new);
  assert_int_equal(count_of(&f->stat, "a"), active);
  assert_int_equal(count_of(&f->stat, "i"), idle);
  assert_int_equal(value_of(&f->stat, "h"), -1);
}

static void wait_for_gauges(struct fixture *f, int new, int active, int idle) {
  WAIT_FOR(value_of(&f->stat, "ng") == new &&value_of(&f->stat, "ag") == active &&value_of(&f->stat, "ig") ==
           idle);
}

static void test_a_connection_that_never_sends(void **state) {
  struct fixture *f = *state;
  int one = dial(f);
  int two = dial(f);
  wait_for_gauges(f, 2, 0, 0);
  assert_int_equal(close(one), 0);
  reset(two);
  assert_counts(f, 2, 0, 0, 2);
  wait_for_gauges(f, 0, 0, 0);
}

static void test_keep_alive(void **state) {
  struct fixture *f = *state;
  int fd = dial(f);
  for (int i = 0; i < 3; i++) {
    say(fd, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    hear(fd, 1);
  }
  wait_for_gauges(f, 0, 0, 1);
  assert_int_equal(close(fd), 0);
  assert_counts(f, 1, 3, 3, 1);
  wait_for_gauges(f, 0, 0, 0);
}

/* What closes after its answer was never idle, whoever asked for it. */
static void test_connections_that_close(void **state) {
  struct fixture *f = *state;
  static const char *const requests[] = {
      "GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
      "GET /x HTTP/1.1\r\nHost: x\r\nConnection: Foo , CLOSE\r\n\r\n",
      "GET /x HTTP/1.0\r\n\r\n",
  };
  for (int i = 0; i < 3; i++) {
    char rest[16];
    int fd = dial(f);
    say(fd, requests[i]);
    hear(fd, 1);
    assert_true(recv(fd, rest, sizeof rest, 0) >= 0);
    assert_int_equal(close(fd), 0);
    assert_counts(f, i + 1, i + 1, 0, i + 1);
  }
  int fd = dial(f);
  say(fd, "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  hear(fd, 1);
  wait_for_gauges(f, 0, 0, 1);
  assert_int_equal(close(fd), 0);
  assert_counts(f, 4, 4, 1, 4);
}

static void test_pipelining(void **state) {
  struct fixture *f = *state;
  int fd = dial(f);
  say(fd, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\nGET /3 HTTP/1.1\r\nHost: "
          "x\r\n\r\n");
  hear(fd, 3);
  wait_for_gauges(f, 0, 0, 1);
  assert_int_equal(close(fd), 0);
  assert_counts(f, 1, 3, 3, 1);
}

/* Half a head, half a body, an idle connection: all cut without a word. */
static void test_abrupt_ends(void **state) {
  struct fixture *f = *state;
  int idle = dial(f);
  int body = dial(f);
  int head = dial(f);
  say(idle, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
  hear(idle, 1);
  say(body, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nab");
  say(head, "GET /x HTTP/1.1\r\nHo");
  wait_for_gauges(f, 0, 2, 1);
  reset(idle);
  reset(body);
  reset(head);
  WAIT_FOR(count_of(&f->stat, "c") == 3);
  assert_counts(f, 3, 3, 1, 3);
  wait_for_gauges(f, 0, 0, 0);
}

/* A request that is answered unread, and bytes that are no request at all. */
static void test_refused_requests(void **state) {
  struct fixture *f = *state;
  char rest[4096];
  int fd = dial(f);
  say(fd, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n");
  while (recv(fd, rest, sizeof rest, 0) > 0)
    continue;
  assert_int_equal(close(fd), 0);
  assert_counts(f, 1, 1, 0, 1);
  fd = dial(f);
  say(fd, "\x16\x03\x01 no HTTP\r\n\r\n");
  while (recv(fd, rest, sizeof rest, 0) > 0)
    continue;
  assert_int_equal(close(fd), 0);
  WAIT_FOR(count_of(&f->stat, "c") == 2);
  assert_int_equal(count_of(&f->stat, "i"), 0);
  wait_for_gauges(f, 0, 0, 0);
}

/* While its request is worked on a connection is active, even when its peer is gone. */
static void test_suspended_connections(void **state) {
  struct fixture *f = *state;
  atomic_store(&f->hold, true);
  int stays = dial(f);
  int goes = dial(f);
  say(stays, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
  say(goes, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
  WAIT_FOR(atomic_load(&f->holding) == 2);
  reset(goes);
  wait_for_gauges(f, 0, 2, 0);
  atomic_store(&f->hold, false);
  hear(stays, 1);
  wait_for_gauges(f, 0, 0, 1);
  assert_int_equal(close(stays), 0);
  WAIT_FOR(count_of(&f->stat, "c") == 2);
  wait_for_gauges(f, 0, 0, 0);
}

/* After the end every connection is closed, and the gauges say so. */
static void test_shutdown(void **state) {
  struct fixture *f = *state;
  int silent = dial(f);
  int kept = dial(f);
  int last = dial(f);
  say(kept, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
  hear(kept, 1);
  atomic_store(&f->hold, true);
  say(last, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
  WAIT_FOR(atomic_load(&f->holding) == 1);
  wait_for_gauges(f, 1, 1, 1);
  diffd_http_server_quiesce(f->server);
  atomic_store(&f->hold, false);
  hear(last, 1);
  stop(f);
  /* The answer during the stop closed its connection: it was not idle. */
  assert_counts(f, 3, 2, 1, 3);
  assert_int_equal(value_of(&f->stat, "ng"), 0);
  assert_int_equal(value_of(&f->stat, "ag"), 0);
  assert_int_equal(value_of(&f->stat, "ig"), 0);
  assert_int_equal(close(silent), 0);
  assert_int_equal(close(kept), 0);
  assert_int_equal(close(last), 0);
}

struct client {
  struct fixture *f;
  unsigned seed;
};

static void *misbehave(void *arg) {
  struct client *client = arg;
  for (int i = 0; i < 60; i++) {
    int fd = dial(client->f);
    client->seed = client->seed * 1103515245 + 12345;
    unsigned what = client->seed >> 16;
    if (what % 4 > 0)
      say(fd, "GET /x HTTP/1.1\r\nHost: x\r\n\r\nGET /y HTTP/1.1\r\nHost: x\r\n\r\n");
    if (what % 4 > 1)
      hear(fd, (int)(what % 4) - 1);
    if (what & 16)
      reset(fd);
    else
      (void)close(fd);
  }
  return NULL;
}

/* Many clients at once, of every kind: what came is gone again. */
static void test_storm(void **state) {
  struct fixture *f = *state;
  pthread_t threads[4];
  struct client clients[4];
  struct diffd_error err;
  for (unsigned i = 0; i < 4; i++) {
    clients[i] = (struct client){f, i};
    assert_int_equal(diffd_thread_start(&threads[i], misbehave, &clients[i], &err), DIFFD_OK);
  }
  for (int i = 0; i < 4; i++)
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  WAIT_FOR(count_of(&f->stat, "n") == 240 && count_of(&f->stat, "c") == 240);
  wait_for_gauges(f, 0, 0, 0);
  assert_true(count_of(&f->stat, "i") <= count_of(&f->stat, "a"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_a_connection_that_never_sends, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_keep_alive, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_connections_that_close, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_pipelining, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_abrupt_ends, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_refused_requests, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_suspended_connections, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_shutdown, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_storm, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
