/* SPDX-License-Identifier: Apache-2.0 */
/* Errors keep their status and a readable one-line text, however long or nested. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "diffd/status.h"

static void test_fail_formats_and_returns_its_status(void **state) {
  (void)state;
  struct diffd_error err;
  assert_int_equal(diffd_fail(&err, DIFFD_INVALID, "start %d\nafter stop", 7), DIFFD_INVALID);
  assert_int_equal(err.status, DIFFD_INVALID);
  assert_string_equal(err.detail, "start 7 after stop");
}

static void test_errno_becomes_a_status(void **state) {
  (void)state;
  struct diffd_error err;
  assert_int_equal(diffd_fail_errno(&err, ENOSPC, "write %s", "x.dot"), DIFFD_NO_SPACE);
  assert_string_equal(err.detail, "write x.dot: No space left on device");
  assert_int_equal(diffd_fail_errno(&err, EFBIG, "m"), DIFFD_NO_SPACE);
  assert_int_equal(diffd_fail_errno(&err, ENOMEM, "m"), DIFFD_NO_MEMORY);
  assert_int_equal(diffd_fail_errno(&err, EACCES, "m"), DIFFD_IO);
}

static void test_context_goes_before_the_detail(void **state) {
  (void)state;
  struct diffd_error err;
  (void)diffd_fail(&err, DIFFD_BAD_LOGS, "unfinished gzip member");
  assert_int_equal(diffd_fail_within(&err, "reading %s", "a.log.gz"), DIFFD_BAD_LOGS);
  assert_string_equal(err.detail, "reading a.log.gz: unfinished gzip member");
}

static void test_overlong_detail_is_cut_between_characters(void **state) {
  (void)state;
  struct diffd_error err;
  char text[3 * DIFFD_ERROR_DETAIL_MAX];
  for (size_t shift = 0; shift < 3; shift++) {
    memset(text, 'a', shift);
    for (size_t i = shift; i + 2 < sizeof text; i += 2)
      memcpy(text + i, "\xc3\xa9", 3);
    (void)diffd_fail(&err, DIFFD_IO, "%s", text);
    size_t len = strlen(err.detail);
    assert_true(len >= DIFFD_ERROR_DETAIL_MAX - 4);
    assert_int_equal((unsigned char)err.detail[len - 1], 0xa9);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_fail_formats_and_returns_its_status),
      cmocka_unit_test(test_errno_becomes_a_status),
      cmocka_unit_test(test_context_goes_before_the_detail),
      cmocka_unit_test(test_overlong_detail_is_cut_between_characters),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
