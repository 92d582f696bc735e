/* SPDX-License-Identifier: Apache-2.0 */
/* A mark says "in progress" exactly as long as its time, its readability and the time-out allow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/test_dir.h"
#include "modules/file_marker.h"

enum { TIMEOUT_MS = 1000 };

struct fixture {
  struct diffd_durable_folder folder;
  struct diffd_marker *marker;
  struct diffd_clock clock;
  struct diffd_instant now;
  struct diffd_context ctx;
  struct diffd_error err;
};

static struct diffd_instant fake_wall(void *arg) {
  return *(const struct diffd_instant *)arg;
}

static void open_marker(const struct test_dir *dir, struct fixture *f) {
  *f = (struct fixture){.now = {1551398460, 500000000}, .clock = {.wall = fake_wall}};
  f->clock.arg = &f->now;
  f->folder = test_open_durable(dir, "marks");
  assert_int_equal(diffd_file_marker_new(&f->folder, TIMEOUT_MS, &f->clock, &f->marker, &f->err), DIFFD_OK);
}

static void close_marker(struct fixture *f) {
  diffd_marker_destroy(f->marker);
  test_close_durable(&f->folder);
}

static enum diffd_status check(struct fixture *f, const char *id) {
  return diffd_marker_check(f->marker, &f->ctx, id, &f->err);
}

static void test_mark_check_unmark(void **state) {
  const struct test_dir *dir = *state;
  struct fixture f;
  char text[64];
  open_marker(dir, &f);
  assert_int_equal(check(&f, "a"), DIFFD_NOT_FOUND);
  assert_int_equal(diffd_marker_mark(f.marker, &f.ctx, "a", &f.err), DIFFD_OK);
  assert_string_equal(test_read(dir, "marks/a_in_progress", text, sizeof text),
                      "2019-03-01T00:01:00.500000000Z");
  assert_int_equal(check(&f, "a"), DIFFD_IN_PROGRESS);
  assert_int_equal(check(&f, "b"), DIFFD_NOT_FOUND);
  assert_int_equal(diffd_marker_unmark(f.marker, &f.ctx, "a", &f.err), DIFFD_OK);
  assert_int_equal(diffd_marker_unmark(f.marker, &f.ctx, "a", &f.err), DIFFD_OK);
  assert_int_equal(check(&f, "a"), DIFFD_NOT_FOUND);
  assert_int_equal(test_count(dir, "marks"), 0);
  assert_int_equal(diffd_marker_mark(f.marker, &f.ctx, "../a", &f.err), DIFFD_INVALID);
  assert_int_equal(f.marker->timeout_ms, TIMEOUT_MS);
  close_marker(&f);
}

static void test_age(void **state) {
  const struct test_dir *dir = *state;
  struct fixture f;
  open_marker(dir, &f);
  assert_int_equal(diffd_marker_mark(f.marker, &f.ctx, "a", &f.err), DIFFD_OK);
  f.now = (struct diffd_instant){1551398461, 499000000};
  assert_int_equal(check(&f, "a"), DIFFD_IN_PROGRESS);
  f.now = (struct diffd_instant){1551398461, 500000000};
  assert_int_equal(check(&f, "a"), DIFFD_NOT_FOUND);
  assert_int_equal(diffd_marker_mark(f.marker, &f.ctx, "a", &f.err), DIFFD_OK);
  assert_int_equal(check(&f, "a"), DIFFD_IN_PROGRESS);
  close_marker(&f);
}

static void test_contents(void **state) {
  const struct test_dir *dir = *state;
  static const struct {
    const char *text;
    enum diffd_status status;
  } cases[] = {
      {"2019-03-01T00:01:00Z", DIFFD_IN_PROGRESS},
      {"2019-03-01T00:01:00.25Z\n", DIFFD_IN_PROGRESS},
      {"2019-03-01T01:01:00.123456789+01:00", DIFFD_IN_PROGRESS},
      {"2019-03-01T00:00:59Z", DIFFD_NOT_FOUND},
      {"0000-01-01T00:00:00Z", DIFFD_NOT_FOUND},
      {"", DIFFD_NOT_FOUND},
      {"\n", DIFFD_NOT_FOUND},
      {"2019-03-01", DIFFD_NOT_FOUND},
      {"2019-03-01T00:01:00Z and more", DIFFD_NOT_FOUND},
      {"\xff\xfe", DIFFD_NOT_FOUND},
  };
  struct fixture f;
  open_marker(dir, &f);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    test_write(dir, "marks/a_in_progress", cases[i].text);
    if (check(&f, "a") != cases[i].status)
      fail_msg("%s", cases[i].text);
  }
  close_marker(&f);
}

static void set_modified(const struct test_dir *dir, const char *name, int64_t seconds) {
  char path[TEST_PATH_MAX];
  const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
  assert_int_equal(utimensat(AT_FDCWD, test_path(dir, name, path), times, 0), 0);
}

static void test_a_mark_from_the_future_is_fresh_for_one_timeout(void **state) {
  const struct test_dir *dir = *state;
  struct fixture f;
  open_marker(dir, &f);
  test_write(dir, "marks/a_in_progress", "9999-12-31T23:59:59Z");
  set_modified(dir, "marks/a_in_progress", f.now.seconds + 5000);
  assert_int_equal(check(&f, "a"), DIFFD_IN_PROGRESS);
  f.now.nanoseconds = 999000000;
  assert_int_equal(check(&f, "a"), DIFFD_IN_PROGRESS);
  f.now.seconds++;
  f.now.nanoseconds = 500000000;
  assert_int_equal(check(&f, "a"), DIFFD_NOT_FOUND);
  /* One that was known long before is out of date at once. */
  test_write(dir, "marks/b_in_progress", "2020-01-01T00:00:00Z");
  set_modified(dir, "marks/b_in_progress", f.now.seconds - 5000);
  assert_int_equal(check(&f, "b"), DIFFD_NOT_FOUND);
  close_marker(&f);
}

static bool keep_a(void *arg, const char *id) {
  ++*(size_t *)arg;
  return strcmp(id, "a") == 0;
}

static void test_sweep(void **state) {
  const struct test_dir *dir = *state;
  struct fixture f;
  size_t removed = 0, asked = 0;
  open_marker(dir, &f);
  test_write(dir, "marks/a_in_progress", "x");
  test_write(dir, "marks/b_in_progress", "x");
  test_write(dir, "marks/_in_progress", "x");
  test_write(dir, "marks/strange", "x");
  assert_int_equal(diffd_file_marks_sweep(&f.folder, keep_a, &asked, &removed, &f.err), DIFFD_OK);
  assert_int_equal(removed, 3);
  assert_int_equal(asked, 2);
  char text[8];
  assert_string_equal(test_read(dir, "marks/a_in_progress", text, sizeof text), "x");
  assert_int_equal(test_count(dir, "marks"), 1);
  close_marker(&f);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, test_dir_make, test_dir_destroy)
int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_mark_check_unmark),
      TEST(test_age),
      TEST(test_contents),
      TEST(test_a_mark_from_the_future_is_fresh_for_one_timeout),
      TEST(test_sweep),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
