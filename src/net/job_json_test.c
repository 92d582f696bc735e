/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker takes what every API has ever queued, and refuses with a text what names no job.
 */
#include "net/job_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TIMES                                                                                                \
  "\"previousStart\":\"2019-07-01T00:00:00Z\",\"previousStop\":\"2019-07-02T00:00:00Z\","                    \
  "\"nextStart\":\"2019-07-02T00:00:00Z\",\"nextStop\":\"2019-07-03T00:00:00Z\""
#define OWN_ID "3922f049-51e0-5ae0-ac67-2ae395a74eed"

static struct diffd_job accept(const char *text, bool expect_own_id) {
  struct diffd_job job;
  struct diffd_error err;
  bool own_id;
  enum diffd_status status =
      diffd_job_from_json((struct diffd_span){text, strlen(text)}, &job, &own_id, &err);
  if (status != DIFFD_OK)
    fail_msg("%s: %s", text, err.detail);
  assert_int_equal(own_id, expect_own_id);
  return job;
}

static void refuse(const char *text, const char *reason) {
  struct diffd_job job;
  struct diffd_error err;
  bool own_id;
  assert_int_equal(diffd_job_from_json((struct diffd_span){text, strlen(text)}, &job, &own_id, &err),
                   DIFFD_INVALID);
  if (strstr(err.detail, reason) == NULL)
    fail_msg("\"%s\" is not in \"%s\"", reason, err.detail);
}

/* A job as the API queues it, its id that of its times. */
static void test_own_id(void **state) {
  (void)state;
  struct diffd_job job = accept("{\"id\":\"" OWN_ID "\"," TIMES "}", true);
  assert_string_equal(job.id, OWN_ID);
  assert_int_equal(job.previous.start, 1561939200);
  assert_int_equal(job.previous.stop, 1562025600);
  assert_int_equal(job.next.start, 1562025600);
  assert_int_equal(job.next.stop, 1562112000);
}

/* Keys in any case, extra keys, bytes after the object, another id. */
static void test_leniency(void **state) {
  (void)state;
  assert_string_equal(
      accept("{\"ID\":\"a.B_c-9\"," TIMES ",\"extra\":{\"x\":[1,null,\"\\u0000\"]}} trailing{", false).id,
      "a.B_c-9");
  accept("{\"iD\":\"" OWN_ID "\",\"PREVIOUSSTART\":\"2019-07-01T02:00:30.5+02:00\","
         "\"previousstop\":\"2019-07-02T00:00:00Z\",\"NextStart\":\"2019-07-02T0:00:00Z\","
         "\"nextSTOP\":\"2019-07-03T00:00:59Z\"}",
         true);
}

/* What is no JSON object of strings. */
static void test_bad_json(void **state) {
  (void)state;
  refuse("", "not JSON");
  refuse("{", "not JSON");
  refuse("[]", "not a JSON object");
  refuse("null", "not a JSON object");
  refuse("{\"id\":1," TIMES "}", "id is not a string");
  refuse("{\"id\":\"\xFF\"," TIMES "}", "not JSON");
}

/* Each field has to be there, and is named where it is not. */
static void test_missing(void **state) {
  (void)state;
  refuse("{}", "missing ID field");
  refuse("{\"id\":\"\"," TIMES "}", "missing ID field");
  refuse("{\"id\":null," TIMES "}", "missing ID field");
  refuse("{\"id\":\"x\"}", "missing previousStart field");
  refuse("{\"id\":\"x\",\"previousStart\":\"2019-07-01T00:00:00Z\",\"previousStop\":\"2019-07-02T00:00:00Z\","
         "\"nextStart\":\"2019-07-02T00:00:00Z\"}",
         "missing nextStop field");
}

/* An id that names no object: nothing may leave the folder, nor hide in it. */
static void test_bad_id(void **state) {
  (void)state;
  refuse("{\"id\":\"a/../b\"," TIMES "}", "id");
  refuse("{\"id\":\".a\"," TIMES "}", "id");
  refuse("{\"id\":\"a\\u0000b\"," TIMES "}", "id");
  char text[1024] = "{\"id\":\"";
  memset(text + 7, 'x', 129);
  strcpy(text + 7 + 129, "\"," TIMES "}");
  refuse(text, "id");
  strcpy(text + 7 + 128, "\"," TIMES "}");
  assert_int_equal(strlen(accept(text, false).id), 128);
}

/* Times and ranges are checked as the API checks them, and the field is named. */
static void test_bad_times(void **state) {
  (void)state;
  refuse("{\"id\":\"x\",\"previousStart\":\"yesterday\",\"previousStop\":\"2019-07-02T00:00:00Z\","
         "\"nextStart\":\"2019-07-02T00:00:00Z\",\"nextStop\":\"2019-07-03T00:00:00Z\"}",
         "previousStart");
  refuse("{\"id\":\"x\",\"previousStart\":\"2019-07-03T00:00:00Z\",\"previousStop\":\"2019-07-02T00:00:00Z\","
         "\"nextStart\":\"2019-07-02T00:00:00Z\",\"nextStop\":\"2019-07-03T00:00:00Z\"}",
         "previousStart");
}

/* Windows that overlap are fine: the API accepts them. */
static void test_overlap(void **state) {
  (void)state;
  accept("{\"id\":\"x\",\"previousStart\":\"2019-07-01T00:00:00Z\",\"previousStop\":\"2019-07-03T00:00:00Z\","
         "\"nextStart\":\"2019-07-02T00:00:00Z\",\"nextStop\":\"2019-07-04T00:00:00Z\"}",
         false);
}

/* What the API queues, to the byte; with the longest id it is read back as it was. */
static void test_write(void **state) {
  (void)state;
  char text[DIFFD_JOB_JSON_MAX];
  struct diffd_job job = accept("{\"id\":\"" OWN_ID "\"," TIMES "}", true);
  size_t len = diffd_job_to_json(&job, text);
  assert_int_equal(len, strlen(text));
  assert_string_equal(text, "{\"id\":\"" OWN_ID "\"," TIMES "}");
  memset(job.id, 'x', DIFFD_JOB_ID_MAX);
  job.id[DIFFD_JOB_ID_MAX] = '\0';
  (void)diffd_job_to_json(&job, text);
  struct diffd_job again = accept(text, false);
  assert_string_equal(again.id, job.id);
  assert_int_equal(again.next.stop, job.next.stop);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_own_id),   cmocka_unit_test(test_leniency),
                                     cmocka_unit_test(test_bad_json), cmocka_unit_test(test_missing),
                                     cmocka_unit_test(test_bad_id),   cmocka_unit_test(test_bad_times),
                                     cmocka_unit_test(test_overlap),  cmocka_unit_test(test_write)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
