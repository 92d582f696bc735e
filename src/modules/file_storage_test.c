/* SPDX-License-Identifier: Apache-2.0 */
/* Stored diffs come back byte for byte, and no id reaches outside the folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/test_dir.h"
#include "modules/file_storage.h"

struct fixture {
  struct diffd_durable_folder folder;
  struct diffd_storage *storage;
  struct diffd_context ctx;
  struct diffd_error err;
};

static void open_storage(const struct test_dir *dir, struct fixture *f) {
  *f = (struct fixture){0};
  f->folder = test_open_durable(dir, "diffs");
  assert_int_equal(diffd_file_storage_new(&f->folder, &f->storage, &f->err), DIFFD_OK);
}

static void close_storage(struct fixture *f) {
  diffd_storage_destroy(f->storage);
  test_close_durable(&f->folder);
}

static void test_put_then_get(void **state) {
  const struct test_dir *dir = *state;
  struct fixture f;
  open_storage(dir, &f);
  struct diffd_writer *writer = NULL;
  struct diffd_reader *reader = NULL;
  int64_t size = 0;
  char text[64];
  assert_int_equal(diffd_storage_exists(f.storage, &f.ctx, "a", &f.err), DIFFD_NOT_FOUND);
  assert_int_equal(diffd_storage_get(f.storage, &f.ctx, "a", &reader, &size, &f.err), DIFFD_NOT_FOUND);
  assert_int_equal(diffd_storage_put(f.storage, &f.ctx, "a", &writer, &f.err), DIFFD_OK);
  assert_int_equal(diffd_writer_write(writer, "digraph {\n}", 11, &f.err), DIFFD_OK);
  assert_int_equal(diffd_storage_exists(f.storage, &f.ctx, "a", &f.err), DIFFD_NOT_FOUND);
  assert_int_equal(diffd_writer_commit(writer, &f.err), DIFFD_OK);
  diffd_writer_destroy(writer);
  assert_string_equal(test_read(dir, "diffs/a.dot", text, sizeof text), "digraph {\n}");
  assert_int_equal(diffd_storage_exists(f.storage, &f.ctx, "a", &f.err), DIFFD_OK);
  assert_int_equal(diffd_storage_get(f.storage, &f.ctx, "a", &reader, &size, &f.err), DIFFD_OK);
  assert_int_equal(size, 11);
  size_t got = 0;
  assert_true(diffd_reader_file(reader) >= 0);
  assert_int_equal(diffd_reader_read(reader, text, sizeof text, &got, &f.err), DIFFD_OK);
  assert_int_equal(got, 11);
  assert_int_equal(diffd_reader_read(reader, text, sizeof text, &got, &f.err), DIFFD_END);
  diffd_reader_destroy(reader);
  close_storage(&f);
}

static void test_ids_stay_in_the_folder(void **state) {
  const struct test_dir *dir = *state;
  struct fixture f;
  open_storage(dir, &f);
  struct diffd_writer *writer = NULL;
  struct diffd_reader *reader = NULL;
  int64_t size;
  char longest[DIFFD_JOB_ID_MAX + 2];
  memset(longest, 'i', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  static const char *const bad[] = {"", "../x", "a/b", ".hidden"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_int_equal(diffd_storage_put(f.storage, &f.ctx, bad[i], &writer, &f.err), DIFFD_INVALID);
    assert_int_equal(diffd_storage_get(f.storage, &f.ctx, bad[i], &reader, &size, &f.err), DIFFD_INVALID);
    assert_int_equal(diffd_storage_exists(f.storage, &f.ctx, bad[i], &f.err), DIFFD_INVALID);
  }
  assert_int_equal(diffd_storage_exists(f.storage, &f.ctx, longest, &f.err), DIFFD_INVALID);
  longest[DIFFD_JOB_ID_MAX] = '\0';
  assert_int_equal(diffd_storage_put(f.storage, &f.ctx, longest, &writer, &f.err), DIFFD_OK);
  assert_int_equal(diffd_writer_commit(writer, &f.err), DIFFD_OK);
  diffd_writer_destroy(writer);
  assert_int_equal(diffd_storage_exists(f.storage, &f.ctx, longest, &f.err), DIFFD_OK);
  close_storage(&f);
}

static void test_what_is_no_file_is_an_error(void **state) {
  const struct test_dir *dir = *state;
  struct fixture f;
  open_storage(dir, &f);
  struct diffd_reader *reader = NULL;
  int64_t size;
  char path[TEST_PATH_MAX];
  test_mkdir(dir, "diffs/folder.dot");
  assert_int_equal(mkfifo(test_path(dir, "diffs/fifo.dot", path), 0600), 0);
  assert_int_equal(diffd_storage_get(f.storage, &f.ctx, "folder", &reader, &size, &f.err), DIFFD_IO);
  assert_int_equal(diffd_storage_get(f.storage, &f.ctx, "fifo", &reader, &size, &f.err), DIFFD_IO);
  assert_non_null(strstr(f.err.detail, "fifo.dot is not a regular file"));
  assert_int_equal(diffd_storage_exists(f.storage, &f.ctx, "folder", &f.err), DIFFD_IO);
  assert_int_equal(diffd_storage_exists(f.storage, &f.ctx, "fifo", &f.err), DIFFD_IO);
  close_storage(&f);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, test_dir_make, test_dir_destroy)
int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_put_then_get),
      TEST(test_ids_stay_in_the_folder),
      TEST(test_what_is_no_file_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
