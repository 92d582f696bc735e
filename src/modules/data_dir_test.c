/* SPDX-License-Identifier: Apache-2.0 */
/* A data directory is made when missing, emptied of leftovers, and belongs to one process at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/test_dir.h"
#include "modules/data_dir.h"

#include <signal.h>
#include <sys/wait.h>

static void test_made_with_its_parents(void **state) {
  const struct test_dir *dir = *state;
  struct diffd_data_dir *data = NULL;
  struct diffd_error err;
  char path[TEST_PATH_MAX], text[64];
  struct stat st;
  assert_int_equal(diffd_data_dir_open(test_path(dir, "a/b//c/", path), &data, &err), DIFFD_OK);
  assert_int_equal(test_count(dir, "a/b/c"), 4);
  assert_int_equal(stat(test_path(dir, "a/b/c/diffs", path), &st), 0);
  assert_int_equal(st.st_mode & 07777, 0700);
  assert_int_equal(atol(test_read(dir, "a/b/c/lock", text, sizeof text)), getpid());
  assert_int_equal(diffd_durable_file_put(diffd_data_dir_diffs(data), "x", "y", 1, &err), DIFFD_OK);
  assert_int_equal(test_count(dir, "a/b/c/diffs"), 1);
  assert_int_equal(diffd_durable_file_put(diffd_data_dir_marks(data), "x", "y", 1, &err), DIFFD_OK);
  assert_int_equal(test_count(dir, "a/b/c/marks"), 1);
  diffd_data_dir_close(data);
}

static void test_leftovers_in_tmp_go_away(void **state) {
  const struct test_dir *dir = *state;
  struct diffd_data_dir *data = NULL;
  struct diffd_error err;
  test_mkdir(dir, "tmp");
  test_mkdir(dir, "tmp/sub");
  test_mkdir(dir, "diffs");
  test_write(dir, "tmp/a.dot.0", "half");
  test_write(dir, "tmp/sub/x", "half");
  test_write(dir, "diffs/a.dot", "whole");
  assert_int_equal(diffd_data_dir_open(dir->path, &data, &err), DIFFD_OK);
  assert_int_equal(test_count(dir, "tmp"), 0);
  assert_int_equal(test_count(dir, "diffs"), 1);
  diffd_data_dir_close(data);
}

/* Until the holder lets go or dies, the second one is told who holds it, and touches nothing. */
static void test_one_process_at_a_time(void **state) {
  const struct test_dir *dir = *state;
  struct diffd_data_dir *data = NULL;
  struct diffd_error err;
  int ready[2];
  assert_int_equal(pipe(ready), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    if (diffd_data_dir_open(dir->path, &data, &err) != DIFFD_OK || write(ready[1], "x", 1) != 1)
      _exit(1);
    for (;;)
      pause();
  }
  char c;
  assert_int_equal(read(ready[0], &c, 1), 1);
  test_write(dir, "tmp/a.dot.0", "at work");
  assert_int_equal(diffd_data_dir_open(dir->path, &data, &err), DIFFD_BUSY);
  char holder[64];
  (void)snprintf(holder, sizeof holder, "process, number %ld: stop", (long)child);
  assert_non_null(strstr(err.detail, holder));
  assert_non_null(strstr(err.detail, "DIFF_DATA_DIR"));
  assert_int_equal(test_count(dir, "tmp"), 1);
  assert_int_equal(kill(child, SIGKILL), 0);
  assert_int_equal(waitpid(child, NULL, 0), child);
  assert_int_equal(diffd_data_dir_open(dir->path, &data, &err), DIFFD_OK);
  assert_int_equal(test_count(dir, "tmp"), 0);
  struct diffd_data_dir *second = NULL;
  assert_int_equal(diffd_data_dir_open(dir->path, &second, &err), DIFFD_BUSY);
  diffd_data_dir_close(data);
  assert_int_equal(close(ready[0]), 0);
  assert_int_equal(close(ready[1]), 0);
}

static void test_what_cannot_be_a_directory_is_named(void **state) {
  const struct test_dir *dir = *state;
  struct diffd_data_dir *data = NULL;
  struct diffd_error err;
  char path[TEST_PATH_MAX];
  test_write(dir, "file", "");
  assert_int_equal(diffd_data_dir_open(test_path(dir, "file", path), &data, &err), DIFFD_IO);
  assert_non_null(strstr(err.detail, "/file: Not a directory"));
  assert_int_equal(diffd_data_dir_open(test_path(dir, "file/x", path), &data, &err), DIFFD_IO);
  assert_int_equal(diffd_data_dir_open("", &data, &err), DIFFD_INVALID);
  test_write(dir, "tmp", "");
  assert_int_equal(diffd_data_dir_open(dir->path, &data, &err), DIFFD_IO);
  assert_non_null(strstr(err.detail, "/tmp: Not a directory"));
  assert_null(data);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, test_dir_make, test_dir_destroy)
int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_made_with_its_parents),
      TEST(test_leftovers_in_tmp_go_away),
      TEST(test_one_process_at_a_time),
      TEST(test_what_cannot_be_a_directory_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
