/* SPDX-License-Identifier: Apache-2.0
 *
 * A mark in S3 says "in progress" exactly as long as its time, its readability and the time-out allow; a
 * bucket that fails is a failure, never "no mark".
 */
#include "modules/s3_marker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/s3_test_server.h"

enum { TIMEOUT_MS = 10000 };

struct fixture {
  struct s3_test_server server;
  struct diffd_instant now;
  struct diffd_clock clock;
  struct diffd_s3 *s3;
  struct diffd_marker *marker;
  struct diffd_context ctx;
  struct diffd_error err;
};

static struct diffd_instant fake_wall(void *arg) {
  return *(const struct diffd_instant *)arg;
}

static int set_up(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  if (f == NULL)
    return -1;
  s3_test_server_init(&f->server);
  f->now = (struct diffd_instant){S3_TEST_TIME, 500000000};
  f->clock = (struct diffd_clock){.wall = fake_wall, .arg = &f->now};
  f->s3 = s3_test_client(&f->server, &f->clock);
  *state = f;
  return diffd_s3_marker_new(f->s3, TIMEOUT_MS, &f->clock, &f->marker, &f->err) == DIFFD_OK ? 0 : -1;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  diffd_marker_destroy(f->marker);
  diffd_s3_destroy(f->s3);
  s3_test_server_clean_up(&f->server);
  free(f);
  return 0;
}

static enum diffd_status check(struct fixture *f, const char *id) {
  return diffd_marker_check(f->marker, &f->ctx, id, &f->err);
}

/* A mark's life. */
static void test_mark_check_unmark(void **state) {
  struct fixture *f = *state;
  assert_int_equal(check(f, "a"), DIFFD_NOT_FOUND);
  assert_int_equal(diffd_marker_mark(f->marker, &f->ctx, "a", &f->err), DIFFD_OK);
  const struct s3_test_object *object = s3_test_object(&f->server, "a_in_progress");
  assert_non_null(object);
  assert_int_equal(object->content.len, 30);
  assert_memory_equal(object->content.ptr, "2019-03-01T00:00:00.500000000Z", 30);
  assert_int_equal(check(f, "a"), DIFFD_IN_PROGRESS);
  assert_int_equal(check(f, "b"), DIFFD_NOT_FOUND);
  assert_int_equal(diffd_marker_unmark(f->marker, &f->ctx, "a", &f->err), DIFFD_OK);
  assert_int_equal(diffd_marker_unmark(f->marker, &f->ctx, "a", &f->err), DIFFD_OK);
  assert_int_equal(check(f, "a"), DIFFD_NOT_FOUND);
  assert_int_equal(diffd_marker_mark(f->marker, &f->ctx, "../a", &f->err), DIFFD_INVALID);
  assert_int_equal(f->marker->timeout_ms, TIMEOUT_MS);
}

/* Any offset and any fraction is read; what is no time, or too old, is no mark. */
static void test_contents(void **state) {
  struct fixture *f = *state;
  static const struct {
    const char *text;
    enum diffd_status status;
  } cases[] = {
      {"2019-03-01T00:00:00Z", DIFFD_IN_PROGRESS},
      {"2019-03-01T00:00:00.25Z\n", DIFFD_IN_PROGRESS},
      {"2019-02-28T18:30:00.123456789-05:30", DIFFD_IN_PROGRESS},
      {"2019-02-28T23:59:50.501Z", DIFFD_IN_PROGRESS},
      {"2019-02-28T23:59:50.5Z", DIFFD_NOT_FOUND},
      {"0000-01-01T00:00:00Z", DIFFD_NOT_FOUND},
      {"", DIFFD_NOT_FOUND},
      {"2019-03-01", DIFFD_NOT_FOUND},
      {"2019-03-01T00:00:00Z and more", DIFFD_NOT_FOUND},
      {"\xff\xfe", DIFFD_NOT_FOUND},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    s3_test_put(&f->server, "a_in_progress", cases[i].text, strlen(cases[i].text));
    if (check(f, "a") != cases[i].status)
      fail_msg("%s", cases[i].text);
  }
  char large[DIFFD_S3_KEY_MAX] = "2019-03-01T00:00:00Z";
  memset(large + 20, ' ', sizeof large - 20);
  s3_test_put(&f->server, "a_in_progress", large, sizeof large);
  assert_int_equal(check(f, "a"), DIFFD_NOT_FOUND);
}

/* From the future: fresh until S3 has had it for one time-out. */
static void test_from_the_future(void **state) {
  struct fixture *f = *state;
  s3_test_put(&f->server, "a_in_progress", "9999-12-31T23:59:59Z", 20);
  assert_int_equal(check(f, "a"), DIFFD_IN_PROGRESS);
  f->server.now += 9;
  assert_int_equal(check(f, "a"), DIFFD_IN_PROGRESS);
  f->server.now += 1;
  assert_int_equal(check(f, "a"), DIFFD_NOT_FOUND);
}

/* Nobody may take a bucket that does not answer for one without marks. */
static void test_failures(void **state) {
  struct fixture *f = *state;
  s3_test_fault(&f->server, (struct s3_test_fault){.asked = "a_in_progress",
                                                   .kind = S3_TEST_ANSWERS,
                                                   .status = 404,
                                                   .body = "<Error><Code>NoSuchBucket</Code></Error>"});
  s3_test_fault(&f->server, (struct s3_test_fault){.asked = "b_in_progress", .kind = S3_TEST_DROPS});
  assert_int_equal(check(f, "a"), DIFFD_UNAVAILABLE);
  assert_int_equal(diffd_marker_mark(f->marker, &f->ctx, "a", &f->err), DIFFD_UNAVAILABLE);
  assert_int_equal(diffd_marker_unmark(f->marker, &f->ctx, "a", &f->err), DIFFD_UNAVAILABLE);
  assert_non_null(strstr(f->err.detail, "THE_BUCKET"));
  assert_int_equal(check(f, "b"), DIFFD_UNAVAILABLE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_mark_check_unmark),
      TEST(test_contents),
      TEST(test_from_the_future),
      TEST(test_failures),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
