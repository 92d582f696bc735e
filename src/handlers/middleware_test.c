/* SPDX-License-Identifier: Apache-2.0 */
/* Middlewares see each request in order and each answer in reverse, may answer alone, and cannot break an
 * answer. */
#include "handlers/middleware.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "handlers/route.h"
#include "handlers/test_fakes.h"

/* A middleware that writes down what it saw, under a name of one letter, and does as it is told. */
struct told {
  struct diffd_middleware base;
  char name;
  enum diffd_verdict verdict;
  int status; /* to answer with; 0: no answer */
  char *seen; /* shared: 'a' for before, 'A' for after */
};

static void note(const struct told *told, char letter) {
  size_t len = strlen(told->seen);
  told->seen[len] = letter;
  told->seen[len + 1] = '\0';
}

static struct diffd_span span(const char *text) {
  return (struct diffd_span){text, strlen(text)};
}

static enum diffd_verdict before(struct diffd_middleware *self, const struct diffd_context *ctx,
                                 const struct diffd_request *request, struct diffd_response *response) {
  const struct told *told = (const struct told *)self;
  struct diffd_error err;
  (void)ctx;
  note(told, told->name);
  assert_string_equal(request->method, "GET");
  assert_int_equal(diffd_response_add_header(response, "X-Saw", "it", &err), DIFFD_OK);
  if (told->status != 0)
    assert_int_equal(diffd_response_answer(response, told->status, "text/x-mine", span("mine"), &err),
                     DIFFD_OK);
  return told->verdict;
}

static void after(struct diffd_middleware *self, const struct diffd_context *ctx,
                  const struct diffd_request *request, struct diffd_response *response) {
  const struct told *told = (const struct told *)self;
  (void)ctx;
  (void)request;
  assert_int_not_equal(diffd_response_status(response), 0);
  note(told, (char)(told->name - 'a' + 'A'));
}

static const struct diffd_middleware_ops ops = {.before = before, .after = after};
static const struct diffd_middleware_ops ops_without_after = {.before = before};

struct fixture {
  struct fakes fakes;
  char seen[64];
  struct told told[3];
  struct diffd_middleware *items[3];
  struct diffd_router router;
  struct diffd_response response;
};

static int set_up(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  if (f == NULL)
    return -1;
  fakes_init(&f->fakes);
  for (size_t i = 0; i < 3; i++) {
    f->told[i] = (struct told){{&ops}, (char)('a' + i), DIFFD_PASS_ON, 0, f->seen};
    f->items[i] = &f->told[i].base;
  }
  f->router.middlewares = (struct diffd_middlewares){f->items, 3};
  f->response = diffd_response_init();
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  diffd_response_clean_up(&f->response);
  fakes_clean_up(&f->fakes);
  free(f);
  return 0;
}

/* A request to nowhere, as the server handles it: the handlers' own answer is a 404. */
static void ask(struct fixture *f) {
  const struct diffd_request request = {.method = "GET", .path = {"/nowhere", 8}};
  if (!diffd_route_screen(&f->router, &f->fakes.ctx, &request, &f->response))
    diffd_route(&f->router, &f->fakes.ctx, &request, &f->response);
}

static unsigned count_headers(const struct fixture *f, const char *name) {
  unsigned count = 0;
  for (size_t i = 0; i < f->response.header_count; i++)
    count += strcmp(f->response.headers[i].name, name) == 0;
  return count;
}

static void expect_body(const struct fixture *f, const char *text) {
  assert_int_equal(f->response.body.len, strlen(text));
  assert_memory_equal(f->response.body.ptr, text, strlen(text));
}

/* The first is the outermost; without a function for answers it sees requests alone. */
static void test_order(void **state) {
  struct fixture *f = *state;
  f->told[1].base.ops = &ops_without_after;
  ask(f);
  assert_string_equal(f->seen, "abcCA");
  assert_int_equal(f->response.status, 404);
  expect_body(f, "404 page not found\n");
  assert_int_equal(count_headers(f, "X-Saw"), 3);
}

/* Who answers is the last to see the request, and those before it see its answer. */
static void test_answered(void **state) {
  struct fixture *f = *state;
  f->told[1].verdict = DIFFD_ANSWERED;
  f->told[1].status = 401;
  ask(f);
  assert_string_equal(f->seen, "abA");
  assert_int_equal(f->response.status, 401);
  expect_body(f, "mine");
  assert_int_equal(count_headers(f, "Content-Type"), 1);
  assert_string_equal(f->fakes.logged, "");
}

/* An answer that is passed on is none: the handlers give theirs. */
static void test_answer_passed_on(void **state) {
  struct fixture *f = *state;
  f->told[0].status = 200;
  ask(f);
  assert_string_equal(f->seen, "abcCBA");
  assert_int_equal(f->response.status, 404);
  expect_body(f, "404 page not found\n");
  assert_int_equal(count_headers(f, "Content-Type"), 1);
  assert_int_equal(count_headers(f, "X-Saw"), 3);
}

/* A request that is kept and not answered is our 500, with a line in the log. */
static void test_kept_without_answer(void **state) {
  struct fixture *f = *state;
  f->told[2].verdict = DIFFD_ANSWERED;
  ask(f);
  assert_string_equal(f->seen, "abcBA");
  assert_int_equal(f->response.status, 500);
  expect_body(f, "{\"message\":\"Internal Server Error\"}\n");
  assert_true(fakes_logged(&f->fakes, "error dependency-failure dependency=middleware"));
}

/* What may not be an answer changes nothing. */
static void test_answers_are_checked(void **state) {
  struct fixture *f = *state;
  static char large[DIFFD_RESPONSE_BODY_MAX + 1];
  const struct diffd_span none = {0};
  struct diffd_error err;
  assert_int_equal(diffd_response_answer(&f->response, 200, "text/plain", span("kept"), &err), DIFFD_OK);
  assert_int_equal(diffd_response_answer(&f->response, 199, NULL, none, &err), DIFFD_INVALID);
  assert_int_equal(diffd_response_answer(&f->response, 600, NULL, none, &err), DIFFD_INVALID);
  assert_int_equal(diffd_response_answer(&f->response, 200, "a\r\nb", none, &err), DIFFD_INVALID);
  assert_int_equal(
      diffd_response_answer(&f->response, 200, NULL, (struct diffd_span){large, sizeof large}, &err),
      DIFFD_TOO_LARGE);
  expect_body(f, "kept");
  assert_int_equal(count_headers(f, "Content-Type"), 1);
  assert_int_equal(diffd_response_answer(&f->response, 204, NULL, span("dropped"), &err), DIFFD_OK);
  expect_body(f, "");
  assert_int_equal(count_headers(f, "Content-Type"), 0);
}

/* A header is one line, and is nobody else's. */
static void test_headers_are_checked(void **state) {
  struct fixture *f = *state;
  static const char *const names[] = {
      "",     "a b",         "a:", "a\r", "\xc3\xa4", "content-length", "Connection", "Transfer-Encoding",
      "DATE", "Content-Type"};
  static const char *const values[] = {"a\r\nb: c", "a\n", "\x7f", "\x01"};
  struct diffd_error err;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    assert_int_equal(diffd_response_add_header(&f->response, names[i], "v", &err), DIFFD_INVALID);
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
    assert_int_equal(diffd_response_add_header(&f->response, "X", values[i], &err), DIFFD_INVALID);
  assert_int_equal(f->response.header_count, 0);
  for (size_t i = 0; i < DIFFD_RESPONSE_ADDED_MAX; i++)
    assert_int_equal(diffd_response_add_header(&f->response, "X", "a\tb \xc3\xa4", &err), DIFFD_OK);
  assert_int_equal(diffd_response_add_header(&f->response, "X", "v", &err), DIFFD_TOO_LARGE);
  for (size_t i = 0; i < DIFFD_RESPONSE_OWN_HEADERS_MAX; i++)
    diffd_response_header(&f->response, "Y", "there is room for ours");
}

/* The name's case does not matter, and the first of several counts. */
static void test_headers_are_found(void **state) {
  const struct diffd_http_header headers[] = {
      {"Accept", "a"}, {"authorization", "b"}, {"AUTHORIZATION", "c"}};
  const struct diffd_request request = {.method = "GET", .headers = headers, .header_count = 3};
  (void)state;
  assert_string_equal(diffd_request_header(&request, "Authorization"), "b");
  assert_null(diffd_request_header(&request, "Authorizatio"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_order),
      TEST(test_answered),
      TEST(test_answer_passed_on),
      TEST(test_kept_without_answer),
      TEST(test_answers_are_checked),
      TEST(test_headers_are_checked),
      cmocka_unit_test(test_headers_are_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
