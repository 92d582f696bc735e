/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of requests and answers, byte for byte, with modules that are fakes: each row, each failure of a
 * dependency, and in which order the dependencies are asked.
 */
#include "handlers/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "handlers/test_fakes.h"

#define QUERY                                                                                                \
  "previous_start=2019-07-01T00:00:00Z&previous_stop=2019-07-02T00:00:00Z&"                                  \
  "next_start=2019-07-02T00:00:00Z&next_stop=2019-07-03T00:00:00Z"
#define ID "3922f049-51e0-5ae0-ac67-2ae395a74eed"
#define BODY                                                                                                 \
  "{\"id\":\"" ID "\",\"previousStart\":\"2019-07-01T00:00:00Z\",\"previousStop\":\"2019-07-02T00:00:00Z\"," \
  "\"nextStart\":\"2019-07-02T00:00:00Z\",\"nextStop\":\"2019-07-03T00:00:00Z\"}"

struct fixture {
  struct fakes fakes;
  struct diffd_id_gate *gate;
  struct diffd_router router;
  struct diffd_response response;
};

static int set_up(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  struct diffd_error err;
  fakes_init(&f->fakes);
  if (diffd_id_gate_new(&f->gate, &err) != DIFFD_OK)
    return -1;
  f->router = (struct diffd_router){
      .api = {&f->fakes.storage.base, &f->fakes.marker.base, &f->fakes.queuer.base, f->gate}};
  struct diffd_producer_options options = {&f->fakes.storage.base, &f->fakes.marker.base,
                                           &f->fakes.differ.base, 1, &diffd_system_clock};
  f->response = diffd_response_init();
  *state = f;
  return diffd_producer_new(&options, &f->router.producer, &err) == DIFFD_OK ? 0 : -1;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  diffd_response_clean_up(&f->response);
  diffd_producer_destroy(f->router.producer);
  diffd_id_gate_destroy(f->gate);
  fakes_clean_up(&f->fakes);
  free(f);
  return 0;
}

static struct diffd_span span(const char *text) {
  return (struct diffd_span){text, text != NULL ? strlen(text) : 0};
}

static void ask(struct fixture *f, const char *method, const char *path, const char *query,
                const char *body) {
  struct diffd_request request = {
      .method = method, .path = span(path), .query = span(query), .body = span(body)};
  diffd_response_clean_up(&f->response);
  f->response = diffd_response_init();
  f->fakes.calls[0] = '\0';
  f->fakes.ctx.request_id = "req-1";
  diffd_route(&f->router, &f->fakes.ctx, &request, &f->response);
}

static const char *header(const struct fixture *f, const char *name) {
  for (size_t i = 0; i < f->response.header_count; i++)
    if (strcmp(f->response.headers[i].name, name) == 0)
      return f->response.headers[i].value;
  return "";
}

static void expect(const struct fixture *f, int status, const char *type, const char *body) {
  assert_int_equal(f->response.status, status);
  assert_string_equal(header(f, "Content-Type"), type);
  assert_null(f->response.reader);
  char text[DIFFD_RESPONSE_BODY_MAX + 1] = "";
  if (f->response.body.len > 0)
    memcpy(text, f->response.body.ptr, f->response.body.len);
  assert_string_equal(text, body);
}

static void expect_calls(const struct fixture *f, const char *calls) {
  assert_string_equal(f->fakes.calls, calls);
}

/* A new diff: the mark is made before the job is queued, and the answer is 202 without a body. */
static void test_post_new(void **state) {
  struct fixture *f = *state;
  ask(f, "POST", "/", QUERY, NULL);
  expect(f, 202, "", "");
  expect_calls(f, "check exists mark queue ");
  assert_true(fakes_is_marked(&f->fakes, ID));
  assert_string_equal(f->fakes.jobs[0].job.id, ID);
  assert_int_equal(f->fakes.jobs[0].job.next.stop, 1562112000);
  assert_string_equal(f->fakes.logged, "");
}

/* The mark is looked at first: with mark and object both, the diff is in progress. */
static void test_post_in_progress(void **state) {
  struct fixture *f = *state;
  fakes_set_marked(&f->fakes, ID);
  fakes_set_stored(&f->fakes, ID);
  ask(f, "POST", "/", QUERY, NULL);
  expect(f, 409, "application/json", "{\"message\":\"diff " ID " is being created\"}\n");
  expect_calls(f, "check ");
  assert_string_equal(f->fakes.logged,
                      "info conflict reason=diff " ID " is being created diff_id=" ID " request_id=req-1\n");
}

/* A stored diff is not made again. */
static void test_post_stored(void **state) {
  struct fixture *f = *state;
  fakes_set_stored(&f->fakes, ID);
  ask(f, "POST", "/", QUERY, NULL);
  expect(f, 409, "application/json",
         "{\"message\":\"diff for the time range 2019-07-01T00:00:00Z to 2019-07-02T00:00:00Z and time range "
         "2019-07-02T00:00:00Z to 2019-07-03T00:00:00Z already exists\"}\n");
  expect_calls(f, "check exists ");
}

/* A mark that cannot be made is told, and does not keep the job from being queued. */
static void test_post_mark_fails(void **state) {
  struct fixture *f = *state;
  f->fakes.mark_fails = DIFFD_IO;
  ask(f, "POST", "/", QUERY, NULL);
  expect(f, 202, "", "");
  assert_string_equal(f->fakes.logged,
                      "info dependency-failure dependency=marker reason=mark was told to fail "
                      "diff_id=" ID " request_id=req-1\n");
}

/* A job that is not queued takes its own mark back, and the reason stays in the log. */
static void test_post_queue_fails(void **state) {
  struct fixture *f = *state;
  f->fakes.queue_fails = DIFFD_IO;
  ask(f, "POST", "/", QUERY, NULL);
  expect(f, 500, "application/json", "{\"message\":\"Internal Server Error\"}\n");
  expect_calls(f, "check exists mark queue unmark ");
  assert_false(fakes_is_marked(&f->fakes, ID));
  assert_string_equal(f->fakes.logged,
                      "error dependency-failure dependency=queuer reason=queue was told to fail "
                      "diff_id=" ID " request_id=req-1\n");
  /* A mark that this request did not make is not this request's to remove. */
  f->fakes.mark_fails = DIFFD_IO;
  ask(f, "POST", "/", QUERY, NULL);
  expect_calls(f, "check exists mark queue ");
}

/* Too many jobs wait: 503, and when to come again. */
static void test_post_busy(void **state) {
  struct fixture *f = *state;
  f->fakes.queue_fails = DIFFD_BUSY;
  ask(f, "POST", "/", QUERY, NULL);
  expect(f, 503, "application/json", "{\"message\":\"Service Unavailable\"}\n");
  assert_string_equal(header(f, "Retry-After"), "5");
  assert_false(fakes_is_marked(&f->fakes, ID));
}

/* One of several clients that ask for the same diff at once. */
struct client {
  struct fixture *fixture;
  pthread_t thread;
  struct diffd_response response;
};

static void *post_once(void *arg) {
  struct client *client = arg;
  const struct diffd_request request = {.method = "POST", .path = span("/"), .query = span(QUERY)};
  client->response = diffd_response_init();
  diffd_route(&client->fixture->router, &client->fixture->fakes.ctx, &request, &client->response);
  return NULL;
}

/* Of clients that ask for one new diff at the same moment one gets the 202; the mark that it makes, however
 * slowly, answers the others. */
static void test_post_race(void **state) {
  struct client clients[4] = {0};
  unsigned accepted = 0;
  unsigned conflicts = 0;
  ((struct fixture *)*state)->fakes.slow_mark_ms = 20;
  for (size_t i = 0; i < 4; i++) {
    clients[i].fixture = *state;
    assert_int_equal(pthread_create(&clients[i].thread, NULL, post_once, &clients[i]), 0);
  }
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(pthread_join(clients[i].thread, NULL), 0);
    accepted += clients[i].response.status == 202;
    conflicts += clients[i].response.status == 409;
    diffd_response_clean_up(&clients[i].response);
  }
  assert_int_equal(accepted, 1);
  assert_int_equal(conflicts, 3);
}

/* Every other failing dependency is a 500 that says nothing, and a log line that says it. */
static void test_dependency_failures(void **state) {
  struct fixture *f = *state;
  static const char sorry[] = "{\"message\":\"Internal Server Error\"}\n";
  f->fakes.check_fails = DIFFD_UNAVAILABLE;
  ask(f, "POST", "/", QUERY, NULL);
  expect(f, 500, "application/json", sorry);
  ask(f, "GET", "/", QUERY, NULL);
  expect(f, 500, "application/json", sorry);
  assert_true(fakes_logged(&f->fakes, "error dependency-failure dependency=marker reason=check was told"));
  f->fakes.check_fails = DIFFD_OK;
  f->fakes.exists_fails = DIFFD_UNAVAILABLE;
  f->fakes.get_fails = DIFFD_NO_SPACE;
  ask(f, "POST", "/", QUERY, NULL);
  expect(f, 500, "application/json", sorry);
  assert_true(fakes_logged(&f->fakes, "error dependency-failure dependency=storage reason=exists was told"));
  ask(f, "GET", "/", QUERY, NULL);
  expect(f, 500, "application/json", sorry);
  assert_true(fakes_logged(&f->fakes, "error dependency-failure dependency=storage reason=get was told"));
}

/* GET: in progress, unknown, stored. */
static void test_get(void **state) {
  struct fixture *f = *state;
  ask(f, "GET", "/", QUERY, NULL);
  expect(f, 404, "", "");
  expect_calls(f, "check get ");
  assert_true(
      fakes_logged(&f->fakes, "info not-found reason=no diff " ID " diff_id=" ID " request_id=req-1\n"));
  fakes_set_stored(&f->fakes, ID);
  fakes_set_marked(&f->fakes, ID);
  ask(f, "GET", "/", QUERY, NULL);
  expect(f, 204, "", "");
  expect_calls(f, "check ");
}

/* The stored object comes as a reader with its size; HEAD is answered alike. */
static void test_get_stored(void **state) {
  struct fixture *f = *state;
  static const char *const methods[] = {"GET", "HEAD"};
  fakes_set_stored(&f->fakes, ID);
  strcpy(f->fakes.content, "digraph {\n}");
  for (size_t i = 0; i < 2; i++) {
    ask(f, methods[i], "/", QUERY, NULL);
    assert_int_equal(f->response.status, 200);
    assert_string_equal(header(f, "Content-Type"), "application/octet-stream");
    assert_int_equal(f->response.size, 11);
    assert_true(diffd_reader_file(f->response.reader) >= 0);
  }
}

/* Bad input is the client's: 400, a text that names the parameter, and nobody is asked. */
static void test_bad_input(void **state) {
  struct fixture *f = *state;
  static const struct {
    const char *query;
    const char *part;
  } cases[] = {
      {NULL, "previous_start is missing"},
      {"previous_start=2019-07-01T00:00:00Z", "previous_stop is missing"},
      {"previous_start=2019-07-01T00:00:00+0200", "previous_start"},
      {"previous_start=2019-07-01T00:00:00+02:00", "previous_start"}, /* a `+` is a space */
      {"previous_start=2019-07-02T00:00:00Z&previous_stop=2019-07-01T00:00:00Z&"
       "next_start=2019-07-02T00:00:00Z&next_stop=2019-07-03T00:00:00Z",
       "previous_start"},
      {"previous_start=2019-07-01T00:00:00Z&previous_stop=2019-07-01T00:00:30Z&"
       "next_start=2019-07-02T00:00:00Z&next_stop=2019-07-03T00:00:00Z",
       "previous_start"},
      {"previous_start=%22%5C%0a%ff", "previous_start"},
  };
  static const char *const methods[] = {"POST", "GET", "HEAD"};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    for (size_t m = 0; m < 3; m++) {
      ask(f, methods[m], "/", cases[i].query, NULL);
      assert_int_equal(f->response.status, 400);
      assert_string_equal(header(f, "Content-Type"), "application/json");
      assert_memory_equal(f->response.body.ptr, "{\"message\":\"", 12);
      assert_memory_equal(f->response.body.ptr + f->response.body.len - 3, "\"}\n", 3);
      assert_non_null(
          memmem(f->response.body.ptr, f->response.body.len, cases[i].part, strlen(cases[i].part)));
      expect_calls(f, "");
    }
  assert_true(fakes_logged(&f->fakes, "info invalid-input reason=previous_start is missing"));
}

/* Every spelling of one minute is one diff. */
static void test_spellings(void **state) {
  struct fixture *f = *state;
  ask(f, "POST", "/",
      "previous_start=2019-07-01T02:00:59.999%2B02:00&previous_stop=2019-07-02T0:00:00,5Z&"
      "next_start=2019-07-02T00:00:00Z&next_stop=2019-07-02T19:00:00-05:00&previous_start=x",
      "previous_start=1");
  expect(f, 202, "", "");
  assert_string_equal(f->fakes.jobs[0].job.id, ID);
}

/* What the original stored under the id of another spelling is found by that spelling, once nothing lies
 * under the id of the canonical times. */
static void test_stored_under_its_spelling(void **state) {
  struct fixture *f = *state;
  static const char query[] = "previous_start=2019-07-01T02:00:00%2B02:00&previous_stop=2019-07-02T00:00:07Z&"
                              "next_start=2019-07-02T00:00:00Z&next_stop=2019-07-03T00:00:00Z";
  static const char spelled_id[] = "a199d69f-b1f6-50ff-a5b3-88af739fe2ee";
  ask(f, "GET", "/", query, NULL);
  expect(f, 404, "", "");
  expect_calls(f, "check get get ");
  assert_true(fakes_logged(&f->fakes, "info not-found reason=no diff " ID " diff_id=" ID));
  fakes_set_stored(&f->fakes, spelled_id);
  ask(f, "GET", "/", query, NULL);
  assert_int_equal(f->response.status, 200);
  assert_non_null(f->response.reader);
  ask(f, "POST", "/", query, NULL);
  assert_int_equal(f->response.status, 409);
  expect_calls(f, "check exists exists ");
  ask(f, "POST", "/", QUERY, NULL);
  expect(f, 202, "", "");
  expect_calls(f, "check exists mark queue ");
}

/* Other methods and other paths. */
static void test_no_route(void **state) {
  struct fixture *f = *state;
  static const char *const nowhere[] = {"", "*", "/a", "/a/", "//", "//a", "/a/b/", "/a/b/c", "a/b"};
  for (size_t i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++) {
    ask(f, i % 2 == 0 ? "POST" : "GET", nowhere[i], NULL, NULL);
    expect(f, 404, "text/plain; charset=utf-8", "404 page not found\n");
    assert_string_equal(header(f, "X-Content-Type-Options"), "nosniff");
  }
  ask(f, "PUT", "/", QUERY, NULL);
  expect(f, 405, "", "");
  assert_string_equal(header(f, "Allow"), "GET, HEAD, POST");
  ask(f, "GET", "/topic/event", NULL, NULL);
  expect(f, 405, "", "");
  assert_string_equal(header(f, "Allow"), "POST");
  expect_calls(f, "");
}

/* What a role switches off answers as if it were not there. */
static void test_roles(void **state) {
  struct fixture *f = *state;
  f->router.role = DIFFD_ROLE_API;
  ask(f, "POST", "/topic/event", NULL, BODY);
  assert_int_equal(f->response.status, 404);
  ask(f, "GET", "/", QUERY, NULL);
  expect_calls(f, "check get ");
  f->router.role = DIFFD_ROLE_WORKER;
  ask(f, "GET", "/", QUERY, NULL);
  expect(f, 404, "text/plain; charset=utf-8", "404 page not found\n");
  ask(f, "POST", "/a%2Fb/c", NULL, BODY);
  assert_int_equal(f->response.status, 204);
}

/* Only what lasts as long as a job stands in the jobs' line. */
static void test_lanes(void **state) {
  struct fixture *f = *state;
  struct diffd_request request = {.method = "POST", .path = span("/a/b")};
  assert_int_equal(diffd_route_lane(&f->router, &request), DIFFD_LANE_JOB);
  request.method = "GET";
  assert_int_equal(diffd_route_lane(&f->router, &request), DIFFD_LANE_SHORT);
  request = (struct diffd_request){.method = "POST", .path = span("/")};
  assert_int_equal(diffd_route_lane(&f->router, &request), DIFFD_LANE_SHORT);
}

/* A delivered job: 204 when the diff is stored and its mark gone, and again when it is delivered again. */
static void test_worker(void **state) {
  struct fixture *f = *state;
  ask(f, "POST", "/topic/event", NULL, BODY);
  expect(f, 204, "", "");
  expect_calls(f, "exists mark put diff commit unmark ");
  assert_string_equal(f->fakes.content, "digraph {\ndiff of " ID "}");
  assert_false(fakes_is_marked(&f->fakes, ID));
  fakes_set_marked(&f->fakes, ID);
  ask(f, "POST", "/topic/event", NULL, BODY);
  expect(f, 204, "", "");
  expect_calls(f, "exists unmark ");
  assert_false(fakes_is_marked(&f->fakes, ID));
  assert_string_equal(f->fakes.logged, "");
}

/* A delivery that names no job is refused in plain text without a newline. */
static void test_worker_bad_input(void **state) {
  struct fixture *f = *state;
  ask(f, "POST", "/topic/event", NULL, "{\"id\":\"\"}");
  expect(f, 400, "text/plain; charset=utf-8", "missing ID field");
  assert_true(fakes_logged(&f->fakes, "info invalid-input reason=missing ID field request_id=req-1"));
  struct diffd_request request = {
      .method = "POST", .path = span("/topic/event"), .body = span(BODY), .body_too_large = true};
  diffd_response_clean_up(&f->response);
  f->response = diffd_response_init();
  diffd_route(&f->router, &f->fakes.ctx, &request, &f->response);
  expect(f, 413, "text/plain; charset=utf-8", "the body is larger than 64 KiB");
  expect_calls(f, "");
}

/* An id that is not that of the times is taken, and told. */
static void test_worker_other_id(void **state) {
  struct fixture *f = *state;
  char body[] = BODY;
  body[7] = 'f';
  ask(f, "POST", "/topic/event", NULL, body);
  expect(f, 204, "", "");
  assert_true(fakes_is_stored(&f->fakes, "f922f049-51e0-5ae0-ac67-2ae395a74eed"));
  assert_true(fakes_logged(&f->fakes, "info id-mismatch"));
}

/* What fails is delivered again: 500 with the reason, a log line, and nothing is stored. */
static void test_worker_failures(void **state) {
  struct fixture *f = *state;
  f->fakes.diff_fails = DIFFD_BAD_GRAPH;
  ask(f, "POST", "/topic/event", NULL, BODY);
  expect(f, 500, "text/plain; charset=utf-8", "diff was told to fail");
  assert_true(
      fakes_logged(&f->fakes, "error dependency-failure dependency=differ reason=diff was told to fail"));
  assert_false(fakes_is_stored(&f->fakes, ID));
  f->fakes.diff_fails = DIFFD_OK;
  f->fakes.commit_fails = DIFFD_NO_SPACE;
  ask(f, "POST", "/topic/event", NULL, BODY);
  expect(f, 500, "text/plain; charset=utf-8", "commit was told to fail");
  assert_true(fakes_logged(&f->fakes, "error dependency-failure dependency=storage reason=commit was told"));
  f->fakes.commit_fails = DIFFD_OK;
  f->fakes.unmark_fails = DIFFD_IO;
  ask(f, "POST", "/topic/event", NULL, BODY);
  expect(f, 500, "text/plain; charset=utf-8", "unmark was told to fail");
  assert_true(fakes_logged(&f->fakes, "error dependency-failure dependency=marker reason=unmark was told"));
  f->fakes.unmark_fails = DIFFD_OK;
  ask(f, "POST", "/topic/event", NULL, BODY);
  expect(f, 204, "", "");
}

static bool is_stopping(void *arg) {
  (void)arg;
  return true;
}

/* A job that a stop keeps from starting is nobody's failure: 503, to be delivered again, and no error in the
 * log. */
static void test_worker_stopping(void **state) {
  struct fixture *f = *state;
  f->fakes.ctx.stopping = is_stopping;
  ask(f, "POST", "/topic/event", NULL, BODY);
  assert_int_equal(f->response.status, 503);
  assert_string_equal(header(f, "Retry-After"), "5");
  assert_true(fakes_logged(&f->fakes, "info job-given-back reason=the job was not started"));
  assert_false(fakes_logged(&f->fakes, "error "));
  assert_false(fakes_is_stored(&f->fakes, ID));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_post_new),
      TEST(test_post_in_progress),
      TEST(test_post_stored),
      TEST(test_post_mark_fails),
      TEST(test_post_queue_fails),
      TEST(test_post_busy),
      TEST(test_post_race),
      TEST(test_dependency_failures),
      TEST(test_get),
      TEST(test_get_stored),
      TEST(test_bad_input),
      TEST(test_spellings),
      TEST(test_stored_under_its_spelling),
      TEST(test_no_route),
      TEST(test_roles),
      TEST(test_lanes),
      TEST(test_worker),
      TEST(test_worker_bad_input),
      TEST(test_worker_other_id),
      TEST(test_worker_failures),
      TEST(test_worker_stopping),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
