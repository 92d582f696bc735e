/* SPDX-License-Identifier: Apache-2.0
 *
 * An object is read whole, or its reader says that it was not; what breaks off in the middle goes on from
 * there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/s3_test_server.h"

enum { SIZE = 10 << 20 };

struct fixture {
  struct s3_test_server server;
  struct diffd_context ctx;
  struct diffd_s3 *s3;
  struct diffd_error err;
  char content[SIZE];
  char read[SIZE + 1];
  size_t len;
};

static int set_up(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  if (f == NULL)
    return -1;
  s3_test_server_init(&f->server);
  f->s3 = s3_test_client(&f->server, &s3_test_clock);
  for (size_t i = 0; i < SIZE; i++)
    f->content[i] = (char)(i * 31 + i / 251);
  s3_test_put(&f->server, "k", f->content, SIZE);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  diffd_s3_destroy(f->s3);
  s3_test_server_clean_up(&f->server);
  free(f);
  return 0;
}

/* Reads to the end, into f->read. */
static enum diffd_status read_all(struct fixture *f, const struct diffd_s3_range *range) {
  struct diffd_reader *reader;
  struct diffd_s3_object object;
  size_t len = 0;
  f->len = 0;
  enum diffd_status status =
      diffd_s3_get(f->s3, &f->ctx, (struct diffd_span){"k", 1}, range, &reader, &object, &f->err);
  if (status != DIFFD_OK)
    return status;
  assert_int_equal(object.size, SIZE);
  while ((status = diffd_reader_read(reader, f->read + f->len, sizeof f->read - f->len, &len, &f->err)) ==
         DIFFD_OK)
    f->len += len;
  diffd_reader_destroy(reader);
  return status == DIFFD_END ? DIFFD_OK : status;
}

static void check_whole(struct fixture *f) {
  assert_int_equal(read_all(f, NULL), DIFFD_OK);
  assert_int_equal(f->len, SIZE);
  assert_memory_equal(f->read, f->content, SIZE);
}

/* In one go, as it is stored: nobody may inflate it on the way. */
static void test_whole(void **state) {
  struct fixture *f = *state;
  check_whole(f);
  assert_int_equal(s3_test_asked(&f->server, "GET"), 1);
  assert_non_null(strstr(f->server.last_headers, "Accept-Encoding: identity\n"));
  assert_null(strstr(f->server.last_headers, "Range"));
}

/* A range is what was asked for, cut at the object's end. */
static void test_ranges(void **state) {
  struct fixture *f = *state;
  static const struct diffd_s3_range ranges[] = {{0, 1}, {5, 100}, {SIZE - 7, 0}, {SIZE - 7, 100}, {0, 0}};
  static const size_t lengths[] = {1, 100, 7, 7, SIZE};
  for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
    assert_int_equal(read_all(f, &ranges[i]), DIFFD_OK);
    assert_int_equal(f->len, lengths[i]);
    assert_memory_equal(f->read, f->content + ranges[i].first, f->len);
  }
}

/* A broken connection is made again where it broke, and only for the same object. */
static void test_resumes(void **state) {
  struct fixture *f = *state;
  s3_test_fault(&f->server,
                (struct s3_test_fault){.asked = "GET", .times = 1, .kind = S3_TEST_CUTS, .at = 0});
  check_whole(f);
  s3_test_fault(&f->server,
                (struct s3_test_fault){.asked = "GET", .times = 4, .kind = S3_TEST_CUTS, .at = 100001});
  check_whole(f);
  assert_non_null(strstr(f->server.last_headers, "If-Match: \""));
  assert_non_null(strstr(f->server.last_headers, "Range: bytes=400004-10485759\n"));
}

/* More breaks than are ridden out in a row are, where enough came between them. */
static void test_progress_counts(void **state) {
  struct fixture *f = *state;
  const struct diffd_s3_range range = {0, SIZE};
  s3_test_fault(&f->server,
                (struct s3_test_fault){.asked = "GET", .times = 8, .kind = S3_TEST_CUTS, .at = SIZE / 9});
  assert_int_equal(read_all(f, &range), DIFFD_OK);
  assert_memory_equal(f->read, f->content, SIZE);
  assert_int_equal(s3_test_asked(&f->server, "GET"), 9);
}

/* A body that ends early without saying so is no end. */
static void test_early_end(void **state) {
  struct fixture *f = *state;
  s3_test_fault(&f->server,
                (struct s3_test_fault){.asked = "GET", .times = 2, .kind = S3_TEST_ENDS, .at = 1000});
  check_whole(f);
}

/* Progress counts: many breaks with enough between them are ridden out; breaks without end are not. */
static void test_bounded_resumes(void **state) {
  struct fixture *f = *state;
  s3_test_fault(&f->server, (struct s3_test_fault){.asked = "GET", .kind = S3_TEST_CUTS, .at = 10});
  assert_int_equal(read_all(f, NULL), DIFFD_UNAVAILABLE);
  assert_non_null(strstr(f->err.detail, "S3 bucket \"b\""));
  assert_int_equal(s3_test_asked(&f->server, "GET"), 6);
  assert_memory_equal(f->read, f->content, f->len);
}

/* An object that is replaced while it is read is not patched together of both. */
static void test_replaced_meanwhile(void **state) {
  struct fixture *f = *state;
  struct diffd_reader *reader;
  struct diffd_s3_object object;
  size_t len = 0;
  s3_test_fault(&f->server,
                (struct s3_test_fault){.asked = "GET", .times = 1, .kind = S3_TEST_CUTS, .at = 1000});
  assert_int_equal(diffd_s3_get(f->s3, &f->ctx, (struct diffd_span){"k", 1}, NULL, &reader, &object, &f->err),
                   DIFFD_OK);
  assert_int_equal(diffd_reader_read(reader, f->read, 1000, &len, &f->err), DIFFD_OK);
  f->content[0] ^= 1;
  s3_test_put(&f->server, "k", f->content, SIZE);
  assert_int_equal(diffd_reader_read(reader, f->read, 1000, &len, &f->err), DIFFD_UNAVAILABLE);
  assert_non_null(strstr(f->err.detail, "replaced"));
  diffd_reader_destroy(reader);
}

/* An interrupted reader reads no more. */
static void test_interrupted(void **state) {
  struct fixture *f = *state;
  struct diffd_reader *reader;
  struct diffd_s3_object object;
  size_t len = 0;
  assert_int_equal(diffd_s3_get(f->s3, &f->ctx, (struct diffd_span){"k", 1}, NULL, &reader, &object, &f->err),
                   DIFFD_OK);
  diffd_reader_interrupt(reader);
  assert_int_equal(diffd_reader_read(reader, f->read, 10, &len, &f->err), DIFFD_CANCELLED);
  diffd_reader_destroy(reader);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_whole),
      TEST(test_ranges),
      TEST(test_resumes),
      TEST(test_early_end),
      TEST(test_progress_counts),
      TEST(test_bounded_resumes),
      TEST(test_replaced_meanwhile),
      TEST(test_interrupted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
