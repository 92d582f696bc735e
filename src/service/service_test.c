/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole run on modules of the caller's: from the start line to the stop, by HTTP and by signal.
 */
#include "diffd/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/test_dir.h"
#include "handlers/test_fakes.h"

#define QUERY                                                                                                \
  "/?previous_start=2019-07-01T00:00:00Z&previous_stop=2019-07-02T00:00:00Z&"                                \
  "next_start=2019-07-02T00:00:00Z&next_stop=2019-07-03T00:00:00Z"
#define ID "3922f049-51e0-5ae0-ac67-2ae395a74eed"

struct fixture {
  struct fakes fakes;
  struct diffd_service service;
  pthread_t thread;
  atomic_uint port;
  enum diffd_status status;
  struct diffd_error err;
  char answer[2048];
};

static void on_listening(void *arg, uint16_t port) {
  atomic_store(&((struct fixture *)arg)->port, port);
}

static int set_up(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  fakes_init(&f->fakes);
  f->service = (struct diffd_service){.config = diffd_config_default(),
                                      .storage = &f->fakes.storage.base,
                                      .marker = &f->fakes.marker.base,
                                      .queuer = &f->fakes.queuer.base,
                                      .source = &f->fakes.source.base,
                                      .differ = &f->fakes.differ.base,
                                      .log = &f->fakes.log.base,
                                      .listening = on_listening,
                                      .listening_arg = f};
  f->service.config.http_address = "127.0.0.1:0";
  f->service.config.workers = 2;
  f->service.config.signals[0] = SIGUSR1;
  f->service.config.signal_count = 1;
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  fakes_clean_up(&f->fakes);
  free(f);
  return 0;
}

static void *run(void *arg) {
  struct fixture *f = arg;
  f->status = diffd_service_run(&f->service, &f->err);
  return NULL;
}

/* The signal is blocked here, so that only the service takes it. */
static void start(struct fixture *f) {
  sigset_t set;
  assert_int_equal(sigemptyset(&set) | sigaddset(&set, SIGUSR1), 0);
  assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
  assert_int_equal(pthread_create(&f->thread, NULL, run, f), 0);
  assert_true(FAKES_WAIT(atomic_load(&f->port) != 0));
}

static void stop(struct fixture *f) {
  assert_int_equal(kill(getpid(), SIGUSR1), 0);
  assert_int_equal(pthread_join(f->thread, NULL), 0);
  assert_int_equal(f->status, DIFFD_OK);
}

static int ask(struct fixture *f, const char *method, const char *target, const char *body) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atomic_load(&f->port))};
  char request[2048];
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
  int len = snprintf(request, sizeof request,
                     "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
                     method, target, strlen(body), body);
  assert_int_equal(send(fd, request, (size_t)len, 0), len);
  size_t got = 0;
  for (ssize_t n; (n = recv(fd, f->answer + got, sizeof f->answer - 1 - got, 0)) > 0;)
    got += (size_t)n;
  f->answer[got] = '\0';
  assert_int_equal(close(fd), 0);
  return got > 12 ? atoi(f->answer + 9) : 0;
}

/* Asked for, made, fetched, stopped; and the log says when. */
static void test_all(void **state) {
  struct fixture *f = *state;
  start(f);
  assert_int_equal(ask(f, "GET", QUERY, ""), 404);
  assert_int_equal(ask(f, "POST", QUERY, ""), 202);
  assert_true(FAKES_WAIT(fakes_queued(&f->fakes) == 0));
  assert_true(FAKES_WAIT(!fakes_is_marked(&f->fakes, ID)));
  assert_int_equal(ask(f, "GET", QUERY, ""), 200);
  assert_non_null(strstr(f->answer, "\r\n\r\ndigraph {\ndiff of " ID "}"));
  stop(f);
  assert_true(fakes_logged(&f->fakes, "info service-started address=127.0.0.1:0 port="));
  assert_true(fakes_logged(&f->fakes, "info service-stopping signal="));
  assert_true(fakes_logged(&f->fakes, "info service-stopped cancelled_requests=0 cancelled_jobs=0"));
}

/* At the stop a job at work is finished, and what waits stays in the queue, marked. */
static void test_stop_at_work(void **state) {
  struct fixture *f = *state;
  f->service.config.workers = 1;
  fakes_set_hold(&f->fakes, true);
  fakes_add_job(&f->fakes, "a");
  fakes_add_job(&f->fakes, "b");
  start(f);
  assert_true(FAKES_WAIT(fakes_at_work(&f->fakes) == 1));
  assert_int_equal(kill(getpid(), SIGUSR1), 0);
  assert_true(FAKES_WAIT(fakes_logged(&f->fakes, "service-stopping")));
  fakes_sleep_ms(50);
  fakes_set_hold(&f->fakes, false);
  assert_int_equal(pthread_join(f->thread, NULL), 0);
  assert_int_equal(f->status, DIFFD_OK);
  assert_true(fakes_is_stored(&f->fakes, "a"));
  assert_false(fakes_is_stored(&f->fakes, "b"));
  assert_true(fakes_is_marked(&f->fakes, "b"));
  assert_int_equal(fakes_queued(&f->fakes), 1);
}

/* Flow logs that cannot be read are told at the start: the folder may still come, so the service runs. */
static void test_no_flow_logs(void **state) {
  struct fixture *f = *state;
  f->service.differ = NULL;
  f->service.config.flow_logs_dir = "/nonexistent/flow-logs";
  start(f);
  stop(f);
  assert_true(fakes_logged(&f->fakes,
                           "warn setting setting=VPC_FLOW_LOGS_DIR reason=every job will fail until "
                           "the folder /nonexistent/flow-logs can be read: No such file"));
}

/* A worker alone makes what is delivered to it, and has no API. */
static void test_worker_role(void **state) {
  struct fixture *f = *state;
  static const char body[] =
      "{\"id\":\"x\",\"previousStart\":\"2019-07-01T00:00:00Z\",\"previousStop\":\"2019-07-02T00:00:00Z\","
      "\"nextStart\":\"2019-07-02T00:00:00Z\",\"nextStop\":\"2019-07-03T00:00:00Z\"}";
  f->service.config.role = DIFFD_ROLE_WORKER;
  f->service.source = NULL;
  start(f);
  assert_int_equal(ask(f, "POST", "/topic/event", body), 204);
  assert_true(fakes_is_stored(&f->fakes, "x"));
  assert_int_equal(ask(f, "GET", QUERY, ""), 404);
  assert_non_null(strstr(f->answer, "404 page not found\n"));
  stop(f);
}

/* An API alone needs neither differ nor grapher, and starts no job. */
static void test_api_role(void **state) {
  struct fixture *f = *state;
  f->service.config.role = DIFFD_ROLE_API;
  f->service.differ = NULL;
  start(f);
  assert_int_equal(ask(f, "POST", QUERY, ""), 202);
  assert_int_equal(ask(f, "POST", "/topic/event", "{}"), 404);
  fakes_sleep_ms(100);
  assert_int_equal(fakes_queued(&f->fakes), 1);
  stop(f);
}

/* An HTTP client of the caller's, which answers by itself: 202 to POST, an empty graph to GET. */
struct own_client {
  struct diffd_http_client base;
  atomic_uint posts;
  atomic_uint gets;
  char url[256]; /* of the last POST; tests read it when it is over */
};

static struct diffd_reader *read_text(const char *text) {
  struct diffd_reader *reader = NULL;
  struct diffd_error err;
  int fds[2];
  assert_int_equal(pipe(fds), 0);
  assert_int_equal(write(fds[1], text, strlen(text)), (ssize_t)strlen(text));
  assert_int_equal(close(fds[1]), 0);
  assert_int_equal(diffd_reader_from_fd(fds[0], true, &reader, &err), DIFFD_OK);
  return reader;
}

static enum diffd_status own_send(struct diffd_http_client *self, const struct diffd_context *ctx,
                                  const struct diffd_http_request *request, struct diffd_http_response *ret,
                                  struct diffd_error *err) {
  struct own_client *client = (struct own_client *)self;
  bool is_post = strcmp(request->method, "POST") == 0;
  (void)ctx;
  (void)err;
  /* The first POST alone is written down: two windows are asked for at once. */
  if (atomic_fetch_add(is_post ? &client->posts : &client->gets, 1) == 0 && is_post)
    (void)snprintf(client->url, sizeof client->url, "%s", request->url);
  *ret = (struct diffd_http_response){
      .status = is_post ? 202 : 200, .body_bytes = -1, .body = read_text(is_post ? "" : "digraph {\n}")};
  return DIFFD_OK;
}

static const struct diffd_http_client_ops own_client_ops = {.send = own_send};

/* The built-in queuer of an event bus sends its jobs by the caller's client. */
static void test_own_queuer_client(void **state) {
  struct fixture *f = *state;
  struct own_client client = {.base = {&own_client_ops}};
  f->service.queuer = NULL;
  f->service.source = NULL;
  f->service.config.queuer = DIFFD_QUEUER_HTTP;
  f->service.config.queue_url = "http://bus.invalid/topic/event";
  f->service.queuer_client = &client.base;
  start(f);
  assert_int_equal(ask(f, "POST", QUERY, ""), 202);
  stop(f);
  assert_int_equal(atomic_load(&client.posts), 1);
  assert_string_equal(client.url, "http://bus.invalid/topic/event");
}

/* The built-in grapher asks by the caller's client. */
static void test_own_grapher_client(void **state) {
  struct fixture *f = *state;
  struct own_client client = {.base = {&own_client_ops}};
  f->service.differ = NULL;
  f->service.config.grapher = DIFFD_GRAPHER_HTTP;
  f->service.config.grapher_url = "http://grapher.invalid/";
  f->service.config.grapher_polling_timeout_ms = 60000;
  f->service.grapher_client = &client.base;
  start(f);
  assert_int_equal(ask(f, "POST", QUERY, ""), 202);
  assert_true(FAKES_WAIT(fakes_is_stored(&f->fakes, ID)));
  stop(f);
  assert_string_equal(f->fakes.content, "digraph {\n}");
  assert_int_equal(atomic_load(&client.posts), 2);
  assert_int_equal(atomic_load(&client.gets), 2);
}

static enum diffd_verdict refuse(struct diffd_middleware *self, const struct diffd_context *ctx,
                                 const struct diffd_request *request, struct diffd_response *response) {
  struct diffd_error err;
  (void)self;
  (void)ctx;
  if (diffd_request_header(request, "content-length") == NULL || request->path.len == 1)
    return DIFFD_PASS_ON;
  return diffd_response_answer(response, 403, NULL, (struct diffd_span){0}, &err) == DIFFD_OK ? DIFFD_ANSWERED
                                                                                              : DIFFD_PASS_ON;
}

static void put_header(struct diffd_middleware *self, const struct diffd_context *ctx,
                       const struct diffd_request *request, struct diffd_response *response) {
  struct diffd_error err;
  (void)self;
  (void)ctx;
  (void)request;
  assert_int_equal(diffd_response_add_header(response, "X-Own", "yes", &err), DIFFD_OK);
}

static const struct diffd_middleware_ops middleware_ops = {.before = refuse, .after = put_header};

/* A middleware of the caller's keeps requests from the handlers, and adds to the answers that they give. */
static void test_own_middleware(void **state) {
  struct fixture *f = *state;
  struct diffd_middleware middleware = {&middleware_ops};
  struct diffd_middleware *const middlewares[] = {&middleware};
  f->service.middlewares = middlewares;
  f->service.middleware_count = 1;
  start(f);
  assert_int_equal(ask(f, "POST", QUERY, ""), 202);
  assert_non_null(strstr(f->answer, "X-Own: yes\r\n"));
  assert_int_equal(ask(f, "POST", "/topic/event", "{}"), 403);
  assert_null(strstr(f->answer, "X-Own"));
  stop(f);
}

static void expect_no_start(struct fixture *f, enum diffd_status status, const char *part) {
  assert_int_equal(diffd_service_run(&f->service, &f->err), status);
  if (strstr(f->err.detail, part) == NULL)
    fail_msg("\"%s\" is not in \"%s\"", part, f->err.detail);
  assert_int_equal(atomic_load(&f->port), 0);
}

/* What keeps it from starting is told, with a way out. */
static void test_no_start(void **state) {
  struct fixture *f = *state;
  f->service.config.http_address = "192.0.2.1:0";
  expect_no_start(f, DIFFD_INVALID, "192.0.2.1");
  f->service.config.http_address = "127.0.0.1:0";
  f->service.config.signals[0] = SIGKILL;
  expect_no_start(f, DIFFD_INVALID, "RUNTIME_SIGNALS_OS_SIGNALS");
  f->service.config.signals[0] = SIGUSR1;
  f->service.queuer = NULL;
  expect_no_start(f, DIFFD_INVALID, "DIFF_DATA_DIR");
}

/* Embedded modules in a folder: marks without a job are swept, those with one are kept, and an API alone has
 * no use for a queue of its own. */
static void test_embedded(void **state) {
  struct fixture *f = *state;
  void *dir_state = NULL;
  assert_int_equal(test_dir_make(&dir_state), 0);
  const struct test_dir *dir = dir_state;
  test_mkdir(dir, "marks");
  test_write(dir, "marks/stale_in_progress", "2019-07-01T00:00:00Z");
  test_write(dir, "marks/waits_in_progress", "2019-07-01T00:00:00Z");
  f->service.config.data_dir = dir->path;
  f->service.storage = NULL;
  f->service.marker = NULL;
  fakes_add_job(&f->fakes, "waits");
  f->fakes.ready_at = INT64_MAX;
  start(f);
  assert_int_equal(test_count(dir, "marks"), 1);
  stop(f);
  char text[128];
  assert_non_null(strstr(test_read(dir, "marks/waits_in_progress", text, sizeof text), "T"));
  assert_null(strstr(text, "2019"));
  f->service.queuer = NULL;
  f->service.config.role = DIFFD_ROLE_API;
  atomic_store(&f->port, 0);
  expect_no_start(f, DIFFD_INVALID, "DIFF_ROLE");
  assert_int_equal(test_dir_destroy(&dir_state), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_all),           TEST(test_stop_at_work),      TEST(test_no_flow_logs),
      TEST(test_worker_role),   TEST(test_api_role),          TEST(test_no_start),
      TEST(test_embedded),      TEST(test_own_queuer_client), TEST(test_own_grapher_client),
      TEST(test_own_middleware)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
