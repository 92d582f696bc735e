/* SPDX-License-Identifier: Apache-2.0
 *
 * A diff in S3 is the object `<id>.dot`: there whole after the commit, and not before; a failing bucket is
 * never "no such diff".
 */
#include "modules/s3_storage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/s3_test_server.h"

struct fixture {
  struct s3_test_server server;
  struct diffd_s3 *s3;
  struct diffd_storage *storage;
  struct diffd_context ctx;
  struct diffd_error err;
};

static int set_up(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  if (f == NULL)
    return -1;
  s3_test_server_init(&f->server);
  f->s3 = s3_test_client(&f->server, &s3_test_clock);
  *state = f;
  return diffd_s3_storage_new(f->s3, &f->storage, &f->err) == DIFFD_OK ? 0 : -1;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  diffd_storage_destroy(f->storage);
  diffd_s3_destroy(f->s3);
  s3_test_server_clean_up(&f->server);
  free(f);
  return 0;
}

static enum diffd_status store(struct fixture *f, const char *id, const char *text, bool commits) {
  struct diffd_writer *writer;
  enum diffd_status status = diffd_storage_put(f->storage, &f->ctx, id, &writer, &f->err);
  if (status != DIFFD_OK)
    return status;
  status = diffd_writer_write(writer, text, strlen(text), &f->err);
  if (status == DIFFD_OK && commits)
    status = diffd_writer_commit(writer, &f->err);
  diffd_writer_destroy(writer);
  return status;
}

/* Stored, found, read; and gone are those that were not committed. */
static void test_put_exists_get(void **state) {
  struct fixture *f = *state;
  struct diffd_reader *reader;
  int64_t size = 0;
  char buf[64];
  size_t len = 0;
  assert_int_equal(diffd_storage_exists(f->storage, &f->ctx, "a", &f->err), DIFFD_NOT_FOUND);
  assert_int_equal(diffd_storage_get(f->storage, &f->ctx, "a", &reader, &size, &f->err), DIFFD_NOT_FOUND);
  assert_int_equal(store(f, "a", "digraph {\n}", false), DIFFD_OK);
  assert_int_equal(diffd_storage_exists(f->storage, &f->ctx, "a", &f->err), DIFFD_NOT_FOUND);
  assert_int_equal(store(f, "a", "digraph {\n}", true), DIFFD_OK);
  assert_string_equal(s3_test_object(&f->server, "a.dot")->content_type, "application/octet-stream");
  assert_int_equal(diffd_storage_exists(f->storage, &f->ctx, "a", &f->err), DIFFD_OK);
  assert_int_equal(diffd_storage_get(f->storage, &f->ctx, "a", &reader, &size, &f->err), DIFFD_OK);
  assert_int_equal(size, 11);
  assert_int_equal(diffd_reader_read(reader, buf, sizeof buf, &len, &f->err), DIFFD_OK);
  assert_int_equal(len, 11);
  assert_memory_equal(buf, "digraph {\n}", 11);
  assert_int_equal(diffd_reader_read(reader, buf, sizeof buf, &len, &f->err), DIFFD_END);
  diffd_reader_destroy(reader);
}

/* The answer to a request is read after the request's context is gone, also where it must be resumed. */
static void test_reader_outlives_its_context(void **state) {
  struct fixture *f = *state;
  struct diffd_reader *reader;
  int64_t size = 0;
  char buf[64];
  size_t len = 0, at = 0;
  assert_int_equal(store(f, "a", "digraph {\n}", true), DIFFD_OK);
  s3_test_fault(&f->server,
                (struct s3_test_fault){.asked = "GET", .times = 1, .kind = S3_TEST_CUTS, .at = 4});
  struct diffd_context *ctx = calloc(1, sizeof *ctx);
  assert_non_null(ctx);
  assert_int_equal(diffd_storage_get(f->storage, ctx, "a", &reader, &size, &f->err), DIFFD_OK);
  free(ctx);
  while (at < 11) {
    assert_int_equal(diffd_reader_read(reader, buf + at, sizeof buf - at, &len, &f->err), DIFFD_OK);
    at += len;
  }
  assert_memory_equal(buf, "digraph {\n}", 11);
  diffd_reader_interrupt(reader);
  assert_int_equal(diffd_reader_read(reader, buf, sizeof buf, &len, &f->err), DIFFD_CANCELLED);
  diffd_reader_destroy(reader);
}

/* An id that could leave the bucket's top is refused by every call; a missing bucket is a failure. */
static void test_bad_ids_and_buckets(void **state) {
  struct fixture *f = *state;
  struct diffd_reader *reader;
  int64_t size = 0;
  assert_int_equal(store(f, "a/b", "x", true), DIFFD_INVALID);
  assert_int_equal(diffd_storage_exists(f->storage, &f->ctx, ".a", &f->err), DIFFD_INVALID);
  assert_int_equal(diffd_storage_get(f->storage, &f->ctx, "", &reader, &size, &f->err), DIFFD_INVALID);
  s3_test_fault(&f->server, (struct s3_test_fault){.asked = "HEAD", .kind = S3_TEST_ANSWERS, .status = 404});
  s3_test_fault(&f->server, (struct s3_test_fault){.asked = "a.dot",
                                                   .kind = S3_TEST_ANSWERS,
                                                   .status = 404,
                                                   .body = "<Error><Code>NoSuchBucket</Code></Error>"});
  assert_int_equal(diffd_storage_exists(f->storage, &f->ctx, "a", &f->err), DIFFD_UNAVAILABLE);
  assert_int_equal(diffd_storage_get(f->storage, &f->ctx, "a", &reader, &size, &f->err), DIFFD_UNAVAILABLE);
  assert_int_equal(store(f, "a", "x", true), DIFFD_UNAVAILABLE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_put_exists_get),
      TEST(test_reader_outlives_its_context),
      TEST(test_bad_ids_and_buckets),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
