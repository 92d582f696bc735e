/* SPDX-License-Identifier: Apache-2.0 */
/* Text comes out of plain and packed logs in pieces of any size; a cut, a flipped bit, or bytes after the
 * last member are failures that name what is wrong; zeros after it are not. */
#include <isa-l/crc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/flow_inflate.h"
#include "core/flow_test_inputs.h"

/* Reads a whole log; *ret_len is what came before a failure. */
static enum diffd_status read_all(const char *bytes, size_t len, size_t piece, char *out, size_t cap,
                                  size_t *ret_len, struct diffd_error *err) {
  struct flow_test_log log = {"a.gz", bytes, len, piece};
  struct diffd_reader *reader;
  struct diffd_flow_text *text;
  enum diffd_status status;
  size_t got, room = piece != 0 ? piece : 100000;
  *ret_len = 0;
  assert_int_equal(flow_test_open(&log, &reader, err), DIFFD_OK);
  assert_int_equal(diffd_flow_text_new(&text, err), DIFFD_OK);
  diffd_flow_text_begin(text, reader);
  do {
    status =
        diffd_flow_text_read(text, out + *ret_len, cap - *ret_len < room ? cap - *ret_len : room, &got, err);
    if (status == DIFFD_OK) {
      assert_true(got > 0);
      *ret_len += got;
      assert_true(*ret_len < cap);
    }
  } while (status == DIFFD_OK);
  if (status == DIFFD_END)
    assert_true(diffd_flow_text_stored_bytes(text) == len);
  diffd_flow_text_destroy(text);
  diffd_reader_destroy(reader);
  return status;
}

static char *numbers(size_t count, size_t *ret_len) {
  char *text = malloc(count * 12 + 1), *at = text;
  assert_non_null(text);
  for (size_t i = 0; i < count; i++)
    at += sprintf(at, "%zu\n", i * 2654435761u % 1000003);
  *ret_len = (size_t)(at - text);
  return text;
}

static void check_reads(const char *packed, size_t packed_len, const char *text, size_t len) {
  static const size_t pieces[] = {0, 1, 2, 3, 17, 4096, 70000};
  char *out = malloc(len + 100);
  assert_non_null(out);
  for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
    struct diffd_error err = {0};
    size_t got;
    if (pieces[i] != 0 && pieces[i] < 17 && len > 20000)
      continue; /* takes long */
    assert_int_equal(read_all(packed, packed_len, pieces[i], out, len + 100, &got, &err), DIFFD_END);
    assert_int_equal(got, len);
    assert_memory_equal(out, text, len);
  }
  free(out);
}

static void test_plain_and_packed_texts_come_out(void **state) {
  (void)state;
  static const size_t counts[] = {0, 1, 100, 5000, 120000};
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    size_t len, packed_len;
    char *text = numbers(counts[i], &len), *packed = flow_test_gzip(text, len, &packed_len);
    check_reads(text, len, text, len);
    check_reads(packed, packed_len, text, len);
    free(packed);
    free(text);
  }
  check_reads("\x1f", 1, "\x1f", 1);
  check_reads("\x1f\x8a", 2, "\x1f\x8a", 2);
}

/* Two members, an empty one, a third, and zeros behind. */
static void test_members_follow_each_other(void **state) {
  (void)state;
  size_t len, packed_len, at = 0, none_len;
  char *text = numbers(9000, &len), *all = malloc(4 * len + 4096);
  assert_non_null(all);
  size_t cuts[] = {0, len / 3, len / 2, len};
  for (size_t i = 0; i < 3; i++) {
    char *packed = flow_test_gzip(text + cuts[i], cuts[i + 1] - cuts[i], &packed_len);
    memcpy(all + at, packed, packed_len);
    at += packed_len;
    free(packed);
    char *none = flow_test_gzip("", 0, &none_len);
    memcpy(all + at, none, none_len);
    at += none_len;
    free(none);
  }
  check_reads(all, at, text, len);
  memset(all + at, 0, 1000);
  check_reads(all, at + 1000, text, len);
  check_reads(all, at + 1, text, len);
  free(all);
  free(text);
}

/* The member with a header that has every optional field, the extra one of `extra` bytes. */
static char *with_whole_header(const char *packed, size_t packed_len, size_t extra, size_t *ret_len) {
  char *all = calloc(1, packed_len + extra + 64), *at = all;
  assert_non_null(all);
  at = mempcpy(at, "\x1f\x8b\x08\x1f\1\2\3\4\0\3", 10);
  *at++ = (char)(extra & 0xff);
  *at++ = (char)(extra >> 8);
  memset(at, 'e', extra);
  at = mempcpy(at + extra, "name.log\0comment", 17);
  uint32_t crc = crc32_gzip_refl(0, (const unsigned char *)all, (uint64_t)(at - all));
  *at++ = (char)(crc & 0xff);
  *at++ = (char)(crc >> 8 & 0xff);
  at = mempcpy(at, packed + 10, packed_len - 10);
  *ret_len = (size_t)(at - all);
  return all;
}

static void test_headers_may_have_every_field(void **state) {
  (void)state;
  static const size_t extras[] = {0, 1, 2, 300, 65535};
  size_t len, packed_len, all_len;
  char *text = numbers(300, &len), *packed = flow_test_gzip(text, len, &packed_len);
  for (size_t i = 0; i < sizeof extras / sizeof extras[0]; i++) {
    char *all = with_whole_header(packed, packed_len, extras[i], &all_len), out[8192];
    check_reads(all, all_len, text, len);
    struct diffd_error err;
    size_t got;
    all[13 + extras[i]] ^=
        1; /* in a text that means nothing, which the header's checksum holds all the same */
    assert_int_equal(read_all(all, all_len, 0, out, sizeof out, &got, &err), DIFFD_BAD_LOGS);
    assert_non_null(strstr(err.detail, "broken header"));
    free(all);
  }
  free(packed);
  free(text);
}

static void expect_bad(const char *bytes, size_t len, const char *detail) {
  static const size_t pieces[] = {0, 1, 7};
  static char out[200000];
  for (size_t i = 0; i < 3; i++) {
    struct diffd_error err = {0};
    size_t got;
    assert_int_equal(read_all(bytes, len, pieces[i], out, sizeof out, &got, &err), DIFFD_BAD_LOGS);
    if (detail != NULL && strstr(err.detail, detail) == NULL)
      fail_msg("\"%s\" does not say \"%s\"", err.detail, detail);
  }
}

static void test_a_cut_member_is_unfinished_wherever_it_is_cut(void **state) {
  (void)state;
  size_t len, packed_len;
  char *text = numbers(60, &len), *packed = flow_test_gzip(text, len, &packed_len);
  for (size_t cut = 2; cut < packed_len; cut++)
    expect_bad(packed, cut, "unfinished");
  free(packed);
  free(text);
}

/* A flipped bit gives a failure or, in the few bits of the header that mean nothing here, the same text. */
static void test_no_flipped_bit_changes_the_text(void **state) {
  (void)state;
  size_t len, packed_len, got, same = 0;
  char *text = numbers(60, &len), *packed = flow_test_gzip(text, len, &packed_len), *out = malloc(200000);
  assert_non_null(out);
  for (size_t bit = 16; bit < packed_len * 8; bit++) {
    struct diffd_error err;
    packed[bit / 8] = (char)(packed[bit / 8] ^ 1 << bit % 8);
    enum diffd_status status = read_all(packed, packed_len, 0, out, 200000, &got, &err);
    if (status == DIFFD_END) {
      assert_int_equal(got, len);
      assert_memory_equal(out, text, len);

      same++;
    } else {
      assert_int_equal(status, DIFFD_BAD_LOGS);
    }
    packed[bit / 8] = (char)(packed[bit / 8] ^ 1 << bit % 8);
  }
  assert_true(same < 80);
  free(out);
  free(packed);
  free(text);
}

static void test_faults_are_named(void **state) {
  (void)state;
  size_t len, packed_len;
  char *text = numbers(300, &len), *packed = flow_test_gzip(text, len, &packed_len),
       *all = malloc(packed_len * 2 + 8);
  assert_non_null(all);
  memcpy(all, packed, packed_len);
  all[packed_len - 6] ^= 1;
  expect_bad(all, packed_len, "checksum");
  all[packed_len - 6] ^= 1;
  all[packed_len - 1] ^= 1; /* the length */
  expect_bad(all, packed_len, "checksum");
  all[packed_len - 1] ^= 1;
  memcpy(all + packed_len, "x", 1);
  expect_bad(all, packed_len + 1, "not zero");
  memcpy(all + packed_len, "\0\0\x1f", 3); /* no member may follow zeros */
  expect_bad(all, packed_len + 3, "not zero");
  memcpy(all + packed_len, "\x1f\x8b\x07", 3);
  expect_bad(all, packed_len + 3, NULL);
  memcpy(all + packed_len, "\x1f", 1);
  expect_bad(all, packed_len + 1, "unfinished");
  memcpy(all + packed_len, packed, packed_len);
  expect_bad(all, packed_len * 2 - 1, "unfinished");
  free(all);
  free(packed);
  free(text);
}

/* What gives no text for long does not keep the caller from looking whether it was cancelled. */
static void test_much_without_text_lets_the_caller_look(void **state) {
  (void)state;
  const size_t zeros = 3 * (size_t)DIFFD_FLOW_TEXT_PATIENCE;
  size_t packed_len, looks = 0, got = 0;
  char *packed = flow_test_gzip("x", 1, &packed_len), *all = calloc(1, packed_len + zeros), out[16];
  assert_non_null(all);
  memcpy(all, packed, packed_len);
  struct flow_test_log log = {"a.gz", all, packed_len + zeros, 64 * 1024};
  struct diffd_reader *reader;
  struct diffd_flow_text *text;
  struct diffd_error err;
  assert_int_equal(flow_test_open(&log, &reader, &err), DIFFD_OK);
  assert_int_equal(diffd_flow_text_new(&text, &err), DIFFD_OK);
  diffd_flow_text_begin(text, reader);
  assert_int_equal(diffd_flow_text_read(text, out, sizeof out, &got, &err), DIFFD_OK);
  assert_int_equal(got, 1);
  for (; diffd_flow_text_read(text, out, sizeof out, &got, &err) == DIFFD_OK; looks++)
    assert_int_equal(got, 0);
  assert_int_equal(looks, 2); /* the last of three ends the log */
  assert_int_equal(diffd_flow_text_stored_bytes(text), packed_len + zeros);
  diffd_flow_text_destroy(text);
  diffd_reader_destroy(reader);
  free(all);
  free(packed);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_plain_and_packed_texts_come_out),
      cmocka_unit_test(test_members_follow_each_other),
      cmocka_unit_test(test_headers_may_have_every_field),
      cmocka_unit_test(test_a_cut_member_is_unfinished_wherever_it_is_cut),
      cmocka_unit_test(test_no_flipped_bit_changes_the_text),
      cmocka_unit_test(test_faults_are_named),
      cmocka_unit_test(test_much_without_text_lets_the_caller_look),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
