/* SPDX-License-Identifier: Apache-2.0
 *
 * What the event bus is sent, and which of its answers mean that the job is queued.
 */
#include "modules/http_queuer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/test_http_client.h"

static const struct diffd_job job = {.id = "3922f049-51e0-5ae0-ac67-2ae395a74eed",
                                     .previous = {1561939200, 1562025600},
                                     .next = {1562025600, 1562112000}};

#define BODY                                                                                                 \
  "{\"id\":\"3922f049-51e0-5ae0-ac67-2ae395a74eed\",\"previousStart\":\"2019-07-01T00:00:00Z\","             \
  "\"previousStop\":\"2019-07-02T00:00:00Z\",\"nextStart\":\"2019-07-02T00:00:00Z\","                        \
  "\"nextStop\":\"2019-07-03T00:00:00Z\"}"

/* Queues the job where the bus gives these answers; *client tells what it was asked. */
static enum diffd_status queue(const struct test_answer *answers, size_t count,
                               struct test_http_client *client, struct diffd_error *err) {
  const struct diffd_context ctx = {0};
  struct diffd_queuer *queuer;
  *client = test_http_client(answers, count);
  assert_int_equal(diffd_http_queuer_new("http://bus/topic?key=a%2Bb", &client->base, &queuer, err),
                   DIFFD_OK);
  enum diffd_status status = diffd_queuer_queue(queuer, &ctx, &job, err);
  diffd_queuer_destroy(queuer);
  assert_int_equal(atomic_load(&client->open_bodies), 0);
  return status;
}

static void test_the_job_is_posted_to_the_endpoint_as_it_is_written(void **state) {
  /* The body has the original's key order and times in UTC; path and query are kept. */
  static const struct test_answer answers[] = {{.status = 200}};
  struct test_http_client client;
  struct diffd_error err;
  (void)state;
  assert_int_equal(queue(answers, 1, &client, &err), DIFFD_OK);
  assert_string_equal(client.asked, "POST http://bus/topic?key=a%2Bb " BODY "\n");
  assert_int_equal(client.header_count, 1);
}

static void test_any_2xx_means_queued(void **state) {
  /* 200 to 299 are taken, their neighbours are not. */
  struct test_http_client client;
  struct diffd_error err;
  (void)state;
  for (unsigned code = 200; code <= 299; code++) {
    const struct test_answer answer = {.status = code};
    assert_int_equal(queue(&answer, 1, &client, &err), DIFFD_OK);
  }
  static const unsigned refused[] = {300, 304, 400, 404, 409, 429, 500, 503};
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    const struct test_answer answer = {.status = refused[i]};
    assert_int_equal(queue(&answer, 1, &client, &err), DIFFD_UNAVAILABLE);
  }
}

static void test_307_and_308_are_followed_with_the_body(void **state) {
  /* The second and third place get the same POST. */
  static const struct test_answer answers[] = {{.status = 307, .header = {"location", "/moved?x"}},
                                               {.status = 308, .header = {"location", "http://other/q"}},
                                               {.status = 204}};
  struct test_http_client client;
  struct diffd_error err;
  (void)state;
  assert_int_equal(queue(answers, 3, &client, &err), DIFFD_OK);
  assert_string_equal(client.asked, "POST http://bus/topic?key=a%2Bb " BODY "\n"
                                    "POST http://bus/moved?x " BODY "\n"
                                    "POST http://other/q " BODY "\n");
}

static void test_other_redirects_are_failures_that_say_what_to_set(void **state) {
  /* A 302 would be followed with a GET and lose the job: it is told, with the variable's name. */
  static const unsigned codes[] = {301, 302, 303};
  struct test_http_client client;
  struct diffd_error err;
  (void)state;
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    const struct test_answer answer = {.status = codes[i], .header = {"location", "http://x/\ty"}};
    assert_int_equal(queue(&answer, 1, &client, &err), DIFFD_UNAVAILABLE);
    assert_non_null(strstr(err.detail, "`http://x/ y`"));
    assert_non_null(strstr(err.detail, "STREAM_APPLIANCE_ENDPOINT"));
    assert_null(strstr(client.asked, "GET"));
  }
}

static void test_a_refusal_shows_the_beginning_of_the_answer(void **state) {
  /* What the bus says is told, on one line and cut. */
  static const struct test_answer answers[] = {{.status = 400, .body = "no such\ntopic\r\n"},
                                               {.status = 400, .body = "x", .body_times = 100000}};
  struct test_http_client client;
  struct diffd_error err;
  (void)state;
  assert_int_equal(queue(answers, 1, &client, &err), DIFFD_UNAVAILABLE);
  assert_string_equal(err.detail, "Received unexpected response from the event bus 400: no such topic");
  assert_int_equal(queue(answers + 1, 1, &client, &err), DIFFD_UNAVAILABLE);
  assert_true(strlen(err.detail) < 400);
}

static void test_an_answer_that_never_ends_is_read_for_a_moment(void **state) {
  /* A refusal whose body hangs must not hold the caller of our API; what came of it is told. */
  static const struct test_answer answers[] = {{.status = 400, .body = "no such topic", .body_hangs = true}};
  struct test_http_client client;
  struct diffd_error err;
  (void)state;
  assert_int_equal(queue(answers, 1, &client, &err), DIFFD_UNAVAILABLE);
  assert_string_equal(err.detail, "Received unexpected response from the event bus 400: no such topic");
  assert_int_equal(atomic_load(&client.hung_out), 0);
}

static void test_a_bus_that_cannot_be_reached_is_named(void **state) {
  /* The text names the variable that leads there. */
  static const struct test_answer answers[] = {{.fails = DIFFD_UNAVAILABLE}};
  struct test_http_client client;
  struct diffd_error err;
  (void)state;
  assert_int_equal(queue(answers, 1, &client, &err), DIFFD_UNAVAILABLE);
  assert_non_null(strstr(err.detail, "STREAM_APPLIANCE_ENDPOINT"));
}

static void test_an_endpoint_that_is_no_url_is_refused(void **state) {
  /* At once, not with the first job. */
  struct test_http_client client = test_http_client(NULL, 0);
  struct diffd_queuer *queuer;
  struct diffd_error err;
  (void)state;
  static const char *const endpoints[] = {"ftp://bus/", "bus:80",      "",
                                          "http://",    "http://[::1", "http://joe:hunter2@bus:x/"};
  for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
    assert_int_equal(diffd_http_queuer_new(endpoints[i], &client.base, &queuer, &err), DIFFD_INVALID);
    assert_non_null(strstr(err.detail, "STREAM_APPLIANCE_ENDPOINT"));
    assert_null(strstr(err.detail, "hunter2"));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_job_is_posted_to_the_endpoint_as_it_is_written),
      cmocka_unit_test(test_any_2xx_means_queued),
      cmocka_unit_test(test_307_and_308_are_followed_with_the_body),
      cmocka_unit_test(test_other_redirects_are_failures_that_say_what_to_set),
      cmocka_unit_test(test_a_refusal_shows_the_beginning_of_the_answer),
      cmocka_unit_test(test_an_answer_that_never_ends_is_read_for_a_moment),
      cmocka_unit_test(test_a_bus_that_cannot_be_reached_is_named),
      cmocka_unit_test(test_an_endpoint_that_is_no_url_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
