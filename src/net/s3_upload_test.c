/* SPDX-License-Identifier: Apache-2.0
 *
 * Whatever breaks while an object is uploaded: it is there whole or not at all, and no upload is left
 * pending.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/s3_parts.h"
#include "net/s3_test_server.h"

enum { PART = DIFFD_S3_PART_BYTES, SIZE = 3 * PART + 12345, LARGE = 7 * PART + 12345 };

struct fixture {
  struct s3_test_server server;
  struct diffd_context ctx;
  struct diffd_s3 *s3;
  struct diffd_error err;
  atomic_bool cancelled;
  char *content;
};

static bool is_set(void *arg) {
  return atomic_load((atomic_bool *)arg);
}

static int set_up(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  if (f == NULL || (f->content = malloc(LARGE)) == NULL)
    return -1;
  s3_test_server_init(&f->server);
  f->s3 = s3_test_client(&f->server, &s3_test_clock);
  f->ctx.cancelled = is_set;
  f->ctx.cancelled_arg = &f->cancelled;
  for (size_t i = 0; i < LARGE; i++)
    f->content[i] = (char)(i * 31 + i / 251);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  diffd_s3_destroy(f->s3);
  s3_test_server_clean_up(&f->server);
  free(f->content);
  free(f);
  return 0;
}

/* Writes in pieces that fit no part, and commits. */
static enum diffd_status upload(struct fixture *f, size_t size) {
  struct diffd_writer *writer;
  enum diffd_status status = diffd_s3_upload(f->s3, &f->ctx, (struct diffd_span){"k", 1},
                                             "application/octet-stream", &writer, &f->err);
  for (size_t at = 0, len; status == DIFFD_OK && at < size; at += len) {
    len = size - at < 1234567 ? size - at : 1234567;
    status = diffd_writer_write(writer, f->content + at, len, &f->err);
  }
  assert_null(s3_test_object(&f->server, "k"));
  if (status == DIFFD_OK)
    status = diffd_writer_commit(writer, &f->err);
  diffd_writer_destroy(writer);
  return status;
}

static void check_stored(struct fixture *f, size_t size) {
  const struct s3_test_object *object = s3_test_object(&f->server, "k");
  assert_non_null(object);
  assert_int_equal(object->content.len, size);
  assert_memory_equal(object->content.ptr, f->content, size);
  assert_string_equal(object->content_type, "application/octet-stream");
  assert_int_equal(s3_test_pending(&f->server), 0);
}

static void check_nothing(struct fixture *f) {
  assert_null(s3_test_object(&f->server, "k"));
  assert_int_equal(s3_test_pending(&f->server), 0);
}

/* What fits into one part is one PUT, also when it is empty. */
static void test_small(void **state) {
  struct fixture *f = *state;
  assert_int_equal(upload(f, 0), DIFFD_OK);
  check_stored(f, 0);
  s3_test_server_clean_up(&f->server);
  s3_test_server_init(&f->server);
  assert_int_equal(upload(f, PART), DIFFD_OK);
  check_stored(f, PART);
  assert_int_equal(s3_test_asked(&f->server, ""), 1);
}

static enum diffd_status upload_new(struct fixture *f, size_t size) {
  struct diffd_writer *writer;
  enum diffd_status status = diffd_s3_upload_new(f->s3, &f->ctx, (struct diffd_span){"k", 1},
                                                 "application/octet-stream", &writer, &f->err);
  if (status == DIFFD_OK)
    status = diffd_writer_write(writer, f->content, size, &f->err);
  if (status == DIFFD_OK)
    status = diffd_writer_commit(writer, &f->err);
  diffd_writer_destroy(writer);
  return status;
}

/* An object that is there already stays, and nothing is left of the upload. */
static void test_first_one_stays(void **state) {
  struct fixture *f = *state;
  assert_int_equal(upload_new(f, 10), DIFFD_OK);
  assert_int_equal(upload_new(f, 20), DIFFD_OK);
  check_stored(f, 10);
  assert_int_equal(upload_new(f, SIZE), DIFFD_OK);
  check_stored(f, 10);
  assert_int_equal(s3_test_asked(&f->server, "DELETE /k?uploadId"), 1);
}

/* A server that knows no conditional writes is asked again without the condition. */
static void test_no_conditions(void **state) {
  static const size_t sizes[] = {10, SIZE};
  struct fixture *f = *state;
  for (size_t i = 0; i < 2; i++) {
    const char *asked = i == 0 ? "PUT /k" : "POST /k?uploadId";
    s3_test_fault(&f->server,
                  (struct s3_test_fault){.asked = asked, .times = 1, .kind = S3_TEST_ANSWERS, .status = 501});
    assert_int_equal(upload_new(f, sizes[i]), DIFFD_OK);
    check_stored(f, sizes[i]);
    assert_int_equal(s3_test_asked(&f->server, asked), 2);
    s3_test_server_clean_up(&f->server);
    s3_test_server_init(&f->server);
  }
}

/* What is larger goes in parts, several at once but at most five, in any order. */
static void test_parts(void **state) {
  struct fixture *f = *state;
  assert_int_equal(upload(f, LARGE), DIFFD_OK);
  check_stored(f, LARGE);
  assert_int_equal(s3_test_asked(&f->server, "partNumber="), 8);
  assert_int_equal(s3_test_asked(&f->server, ""), 10);
  assert_true(f->server.most_at_once <= 5);
}

/* A last part that is full has none of zero bytes behind it. */
static void test_even_parts(void **state) {
  struct fixture *f = *state;
  assert_int_equal(upload(f, (size_t)2 * PART), DIFFD_OK);
  check_stored(f, (size_t)2 * PART);
  assert_int_equal(s3_test_asked(&f->server, "partNumber="), 2);
}

/* Faults that pass cost tries, nothing else; each part is sent until it arrives. */
static void test_passing_faults(void **state) {
  struct fixture *f = *state;
  s3_test_fault(&f->server, (struct s3_test_fault){.asked = "uploads=", .times = 1, .kind = S3_TEST_DROPS});
  s3_test_fault(&f->server,
                (struct s3_test_fault){.asked = "partNumber=2&", .times = 3, .kind = S3_TEST_DROPS});
  s3_test_fault(&f->server,
                (struct s3_test_fault){.asked = "partNumber=3&", .times = 1, .kind = S3_TEST_FORGETS});
  s3_test_fault(
      &f->server,
      (struct s3_test_fault){.asked = "partNumber=4&", .times = 1, .kind = S3_TEST_ANSWERS, .status = 503});
  s3_test_fault(&f->server,
                (struct s3_test_fault){
                    .asked = "POST /k?uploadId", .times = 1, .kind = S3_TEST_ANSWERS, .status = 500});
  assert_int_equal(upload(f, SIZE), DIFFD_OK);
  check_stored(f, SIZE);
}

/* The last answer got lost: the object is looked for, and found to be ours, by etag or by size and parts. */
static void test_lost_completion(void **state) {
  struct fixture *f = *state;
  static const enum s3_test_fault_kind kinds[] = {S3_TEST_FORGETS, S3_TEST_CUTS, S3_TEST_ENDS,
                                                  S3_TEST_CORRUPTS};
  for (int kms = 0; kms < 2; kms++)
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
      s3_test_server_clean_up(&f->server);
      s3_test_server_init(&f->server);
      f->server.kms = kms != 0;
      s3_test_fault(&f->server, (struct s3_test_fault){
                                    .asked = "POST /k?uploadId", .times = 1, .kind = kinds[i], .body = "<x"});
      assert_int_equal(upload(f, SIZE), DIFFD_OK);
      check_stored(f, SIZE);
    }
}

/* S3 says 200, and then in the body that it failed after all: tried again if that can help, else taken back.
 */
static void test_completion_that_fails_late(void **state) {
  struct fixture *f = *state;
  struct s3_test_fault fault = {.asked = "POST /k?uploadId",
                                .times = 2,
                                .kind = S3_TEST_ANSWERS,
                                .status = 200,
                                .body = "<?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code></Error>"};
  s3_test_fault(&f->server, fault);
  assert_int_equal(upload(f, SIZE), DIFFD_OK);
  check_stored(f, SIZE);
  s3_test_server_clean_up(&f->server);
  s3_test_server_init(&f->server);
  fault.times = 0;
  fault.body = "<Error><Code>InvalidPart</Code><Message>Lost it.</Message></Error>";
  s3_test_fault(&f->server, fault);
  assert_int_equal(upload(f, SIZE), DIFFD_UNAVAILABLE);
  assert_non_null(strstr(f->err.detail, "InvalidPart: Lost it."));
  check_nothing(f);
  assert_int_equal(s3_test_asked(&f->server, "POST /k?uploadId"), 1);
}

/* Another object under the same key is not mistaken for the one that was put together. */
static void test_lost_completion_beside_another_object(void **state) {
  struct fixture *f = *state;
  struct diffd_writer *writer;
  s3_test_fault(&f->server, (struct s3_test_fault){.asked = "POST /k?uploadId", .kind = S3_TEST_DROPS});
  assert_int_equal(
      diffd_s3_upload(f->s3, &f->ctx, (struct diffd_span){"k", 1}, "text/plain", &writer, &f->err), DIFFD_OK);
  assert_int_equal(diffd_writer_write(writer, f->content, SIZE, &f->err), DIFFD_OK);
  f->content[0] ^= 1;
  s3_test_put(&f->server, "k", f->content, SIZE);
  assert_int_equal(diffd_writer_commit(writer, &f->err), DIFFD_UNAVAILABLE);
  diffd_writer_destroy(writer);
  assert_int_equal(s3_test_pending(&f->server), 0);
}

/* A part that cannot be sent ends the upload, and takes it back. */
static void test_part_that_fails(void **state) {
  struct fixture *f = *state;
  s3_test_fault(&f->server, (struct s3_test_fault){.asked = "partNumber=2&",
                                                   .kind = S3_TEST_ANSWERS,
                                                   .status = 403,
                                                   .body = "<Error><Code>AccessDenied</Code></Error>"});
  assert_int_equal(upload(f, SIZE), DIFFD_UNAVAILABLE);
  assert_non_null(strstr(f->err.detail, "s3:PutObject"));
  check_nothing(f);
  assert_int_equal(s3_test_asked(&f->server, "partNumber=2&"), 1);
  assert_int_equal(s3_test_asked(&f->server, "DELETE /k?uploadId"), 1);
}

/* A writer that is dropped takes its upload back, also while parts are on their way. */
static void test_dropped(void **state) {
  struct fixture *f = *state;
  struct diffd_writer *writer;
  s3_test_fault(&f->server, (struct s3_test_fault){.asked = "partNumber=2&", .kind = S3_TEST_HANGS});
  assert_int_equal(
      diffd_s3_upload(f->s3, &f->ctx, (struct diffd_span){"k", 1}, "text/plain", &writer, &f->err), DIFFD_OK);
  assert_int_equal(diffd_writer_write(writer, f->content, (size_t)3 * PART, &f->err), DIFFD_OK);
  diffd_writer_destroy(writer);
  check_nothing(f);
}

/* A context that is cancelled ends the upload, which is taken back all the same. */
static void test_cancelled(void **state) {
  struct fixture *f = *state;
  struct diffd_writer *writer;
  s3_test_fault(&f->server, (struct s3_test_fault){.asked = "partNumber=1&", .kind = S3_TEST_HANGS});
  assert_int_equal(
      diffd_s3_upload(f->s3, &f->ctx, (struct diffd_span){"k", 1}, "text/plain", &writer, &f->err), DIFFD_OK);
  assert_int_equal(diffd_writer_write(writer, f->content, (size_t)3 * PART, &f->err), DIFFD_OK);
  atomic_store(&f->cancelled, true);
  assert_int_equal(diffd_writer_commit(writer, &f->err), DIFFD_CANCELLED);
  diffd_writer_destroy(writer);
  check_nothing(f);
}

/* Cancelled after a number of looks since the parts were to be put together. */
struct countdown {
  struct fixture *f;
  atomic_int left;
};

static bool count_down(void *arg) {
  struct countdown *countdown = arg;
  return s3_test_asked(&countdown->f->server, "POST /k?uploadId") > 0 &&
         atomic_fetch_sub(&countdown->left, 1) <= 0;
}

/* Cancelled while S3 cannot put the parts together, nobody takes that for S3's failure. */
static void test_cancelled_at_completion(void **state) {
  struct fixture *f = *state;
  s3_test_fault(&f->server,
                (struct s3_test_fault){
                    .asked = "POST /k?uploadId", .kind = S3_TEST_ANSWERS, .status = 200, .body = ""});
  s3_test_fault(&f->server, (struct s3_test_fault){.asked = "HEAD", .kind = S3_TEST_DROPS});
  for (int looks = 0; looks < 6; looks++) {
    struct countdown countdown = {.f = f};
    atomic_init(&countdown.left, looks);
    f->server.asked[0] = '\0';
    f->ctx.cancelled = count_down;
    f->ctx.cancelled_arg = &countdown;
    assert_int_equal(upload(f, (size_t)PART + 1), DIFFD_CANCELLED);
  }
}

/* An object is ours by its etag, which S3 makes of the parts'; with KMS by size and number of parts alone.
 */
static void test_what_parts_become(void **state) {
  (void)state;
  struct diffd_s3_parts parts = {0};
  struct diffd_error err;
  struct diffd_s3_object object = {.size = 2, .etag = "\"96e024ba2074fe77e8e965ba43a704be-2\""};
  assert_int_equal(diffd_s3_parts_set(&parts, 2, "\"92eb5ffee6ae2fec3ad71c777531578f\"", &err), DIFFD_OK);
  assert_int_equal(diffd_s3_parts_set(&parts, 1, "\"0cc175b9c0f1b6a831c399e269772661\"", &err), DIFFD_OK);
  assert_true(diffd_s3_parts_made(&parts, 2, &object));
  assert_false(diffd_s3_parts_made(&parts, 3, &object));
  object.etag[1] ^= 1;
  assert_false(diffd_s3_parts_made(&parts, 2, &object));
  object.kms = true;
  assert_true(diffd_s3_parts_made(&parts, 2, &object));
  (void)strcpy(object.etag, "\"96e024ba2074fe77e8e965ba43a704be-3\"");
  assert_false(diffd_s3_parts_made(&parts, 2, &object));
  (void)strcpy(object.etag, "\"96e024ba2074fe77e8e965ba43a704be\"");
  assert_false(diffd_s3_parts_made(&parts, 2, &object));
  assert_int_equal(diffd_s3_parts_set(&parts, 3, "", &err), DIFFD_UNAVAILABLE);
  diffd_s3_parts_clean_up(&parts);
}

/* Parts grow with their number, so that all of them hold close to what S3 can. */
static void test_part_sizes(void **state) {
  (void)state;
  uint64_t sum = 0;
  for (unsigned number = 1; number <= DIFFD_S3_PARTS_MAX; number++)
    sum += diffd_s3_part_bytes(number);
  assert_int_equal(diffd_s3_part_bytes(1), PART);
  assert_int_equal(diffd_s3_part_bytes(1000), PART);
  assert_int_equal(diffd_s3_part_bytes(1001), 2 * (size_t)PART);
  assert_true(diffd_s3_part_bytes(DIFFD_S3_PARTS_MAX) <= UINT64_C(5) << 30);
  assert_true(sum > (UINT64_C(48) << 40) / 10 && sum <= UINT64_C(5) << 40);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_small),
      TEST(test_first_one_stays),
      TEST(test_no_conditions),
      TEST(test_parts),
      TEST(test_even_parts),
      TEST(test_passing_faults),
      TEST(test_lost_completion),
      TEST(test_completion_that_fails_late),
      TEST(test_lost_completion_beside_another_object),
      TEST(test_part_that_fails),
      TEST(test_dropped),
      TEST(test_cancelled),
      TEST(test_cancelled_at_completion),
      cmocka_unit_test(test_what_parts_become),
      cmocka_unit_test(test_part_sizes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
