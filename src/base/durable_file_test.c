/* SPDX-License-Identifier: Apache-2.0 */
/* A durable file is seen whole or not at all, whatever interrupts its writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/durable_file.h"
#include "base/test_dir.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void test_nothing_is_seen_before_commit(void **state) {
  const struct test_dir *dir = *state;
  struct diffd_durable_folder folder = test_open_durable(dir, "diffs");
  struct diffd_writer *writer = NULL;
  struct diffd_error err;
  char text[64];
  assert_int_equal(diffd_durable_file_put(&folder, "a.dot", "old", 3, &err), DIFFD_OK);
  assert_int_equal(diffd_durable_file_new(&folder, "a.dot", &writer, &err), DIFFD_OK);
  assert_int_equal(diffd_writer_write(writer, "ne", 2, &err), DIFFD_OK);
  assert_int_equal(diffd_writer_write(writer, "w", 1, &err), DIFFD_OK);
  assert_string_equal(test_read(dir, "diffs/a.dot", text, sizeof text), "old");
  assert_int_equal(test_count(dir, "tmp"), 1);
  assert_int_equal(diffd_writer_commit(writer, &err), DIFFD_OK);
  diffd_writer_destroy(writer);
  assert_string_equal(test_read(dir, "diffs/a.dot", text, sizeof text), "new");
  assert_int_equal(test_count(dir, "tmp"), 0);
  test_close_durable(&folder);
}

static void test_destroy_without_commit_leaves_nothing(void **state) {
  const struct test_dir *dir = *state;
  struct diffd_durable_folder folder = test_open_durable(dir, "diffs");
  struct diffd_writer *writer = NULL;
  struct diffd_error err;
  assert_int_equal(diffd_durable_file_new(&folder, "a.dot", &writer, &err), DIFFD_OK);
  assert_int_equal(diffd_writer_write(writer, "x", 1, &err), DIFFD_OK);
  diffd_writer_destroy(writer);
  assert_int_equal(test_count(dir, "tmp"), 0);
  assert_int_equal(test_count(dir, "diffs"), 0);
  test_close_durable(&folder);
}

static void test_two_writers_of_one_name(void **state) {
  const struct test_dir *dir = *state;
  struct diffd_durable_folder folder = test_open_durable(dir, "diffs");
  struct diffd_writer *first = NULL, *second = NULL;
  struct diffd_error err;
  char text[64];
  assert_int_equal(diffd_durable_file_new(&folder, "a.dot", &first, &err), DIFFD_OK);
  assert_int_equal(diffd_durable_file_new(&folder, "a.dot", &second, &err), DIFFD_OK);
  assert_int_equal(diffd_writer_write(first, "first", 5, &err), DIFFD_OK);
  assert_int_equal(diffd_writer_write(second, "second", 6, &err), DIFFD_OK);
  assert_int_equal(diffd_writer_commit(second, &err), DIFFD_OK);
  assert_string_equal(test_read(dir, "diffs/a.dot", text, sizeof text), "second");
  assert_int_equal(diffd_writer_commit(first, &err), DIFFD_OK);
  assert_string_equal(test_read(dir, "diffs/a.dot", text, sizeof text), "first");
  diffd_writer_destroy(first);
  diffd_writer_destroy(second);
  test_close_durable(&folder);
}

/* Small, large and odd writes arrive in order across the buffer's edges. */
static void test_bytes_of_every_size(void **state) {
  const struct test_dir *dir = *state;
  struct diffd_durable_folder folder = test_open_durable(dir, "diffs");
  static const size_t sizes[] = {1, 255,    256 * 1024 - 1, 2,      256 * 1024, 7, 300000,
                                 0, 100000, 100000,         100000, 9 << 20,    3};
  struct diffd_writer *writer = NULL;
  struct diffd_error err;
  size_t total = 0;
  unsigned char *bytes = malloc(16 << 20), *back = malloc(16 << 20);
  assert_true(bytes != NULL && back != NULL);
  for (size_t i = 0; i < 16 << 20; i++)
    bytes[i] = (unsigned char)(i * 2654435761u >> 13);
  assert_int_equal(diffd_durable_file_new(&folder, "big", &writer, &err), DIFFD_OK);
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; total += sizes[i++])
    assert_int_equal(diffd_writer_write(writer, bytes + total, sizes[i], &err), DIFFD_OK);
  assert_int_equal(diffd_writer_commit(writer, &err), DIFFD_OK);
  diffd_writer_destroy(writer);
  int fd = openat(folder.fd, "big", O_RDONLY | O_CLOEXEC);
  assert_int_equal(read(fd, back, 16 << 20), total);
  assert_int_equal(memcmp(bytes, back, total), 0);
  assert_int_equal(close(fd), 0);
  free(bytes);
  free(back);
  test_close_durable(&folder);
}

static void test_remove(void **state) {
  const struct test_dir *dir = *state;
  struct diffd_durable_folder folder = test_open_durable(dir, "diffs");
  struct diffd_error err;
  assert_int_equal(diffd_durable_file_put(&folder, "a", "x", 1, &err), DIFFD_OK);
  assert_int_equal(diffd_durable_file_remove(&folder, "a", &err), DIFFD_OK);
  assert_int_equal(test_count(dir, "diffs"), 0);
  assert_int_equal(diffd_durable_file_remove(&folder, "a", &err), DIFFD_NOT_FOUND);
  test_close_durable(&folder);
}

/* A write that fails half-way (here by a limit on the size of files) is an error, and leaves nothing. */
static void test_failing_write(void **state) {
  const struct test_dir *dir = *state;
  struct diffd_durable_folder folder = test_open_durable(dir, "diffs");
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    const struct rlimit limit = {100000, 100000};
    struct diffd_writer *writer = NULL;
    struct diffd_error err;
    char block[70000] = {0};
    if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || setrlimit(RLIMIT_FSIZE, &limit) != 0)
      _exit(10);
    if (diffd_durable_file_new(&folder, "a.dot", &writer, &err) != DIFFD_OK)
      _exit(11);
    enum diffd_status status = DIFFD_OK;
    for (int i = 0; status == DIFFD_OK && i < 10; i++)
      status = diffd_writer_write(writer, block, sizeof block, &err);
    if (status != DIFFD_NO_SPACE || strstr(err.detail, "diffs/a.dot") == NULL)
      _exit(12);
    diffd_writer_destroy(writer);
    _exit(0);
  }
  int result;
  assert_int_equal(waitpid(child, &result, 0), child);
  assert_int_equal(result, 0);
  assert_int_equal(test_count(dir, "tmp"), 0);
  assert_int_equal(test_count(dir, "diffs"), 0);
  test_close_durable(&folder);
}

/* On a full disk (a tiny one of our own) the text says so, and what to do. */
static void test_full_disk(void **state) {
  struct test_dir *dir = *state;
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    if (unshare(CLONE_NEWNS | (geteuid() == 0 ? 0 : CLONE_NEWUSER)) != 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", dir->path, "tmpfs", 0, "size=128k") != 0)
      _exit(77);
    struct diffd_durable_folder folder = test_open_durable(dir, "diffs");
    static char block[300000];
    struct diffd_error err = {0};
    enum diffd_status status = diffd_durable_file_put(&folder, "a.dot", block, sizeof block, &err);
    if (status != DIFFD_NO_SPACE || strstr(err.detail, "free space") == NULL)
      _exit(1);
    _exit(test_count(dir, "tmp") == 0 && test_count(dir, "diffs") == 0 ? 0 : 2);
  }
  int result;
  assert_int_equal(waitpid(child, &result, 0), child);
  if (WIFEXITED(result) && WEXITSTATUS(result) == 77)
    skip(); /* this machine lets nobody mount here */
  assert_int_equal(result, 0);
}

/* A writer that is killed at any moment leaves the old content or the new, never a mixture. */
static void test_killed_writer(void **state) {
  const struct test_dir *dir = *state;
  struct diffd_durable_folder folder = test_open_durable(dir, "diffs");
  struct diffd_error err;
  assert_int_equal(diffd_durable_file_put(&folder, "a.dot", "aaaa", 4, &err), DIFFD_OK);
  for (int round = 0; round < 20; round++) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
      for (char c = 'a';; c = (char)(c == 'z' ? 'a' : c + 1)) {
        const char block[4] = {c, c, c, c};
        if (diffd_durable_file_put(&folder, "a.dot", block, sizeof block, &err) != DIFFD_OK)
          _exit(1);
      }
    }
    assert_int_equal(usleep((useconds_t)(1000 + round * 700)), 0);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    char text[64];
    (void)test_read(dir, "diffs/a.dot", text, sizeof text);
    assert_int_equal(strlen(text), 4);
    assert_true(text[0] == text[1] && text[1] == text[2] && text[2] == text[3]);
  }
  test_close_durable(&folder);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, test_dir_make, test_dir_destroy)
int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_nothing_is_seen_before_commit),
      TEST(test_destroy_without_commit_leaves_nothing),
      TEST(test_two_writers_of_one_name),
      TEST(test_bytes_of_every_size),
      TEST(test_remove),
      TEST(test_failing_write),
      TEST(test_full_disk),
      TEST(test_killed_writer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
