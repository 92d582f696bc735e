/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes become a JSON string that every reader of JSON accepts.
 */
#include "base/json_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *bytes, size_t len, const char *expect) {
  struct diffd_buffer out = diffd_buffer_init(1024);
  struct diffd_error err;
  assert_int_equal(diffd_json_append_string(&out, (struct diffd_span){bytes, len}, &err), DIFFD_OK);
  assert_int_equal(out.len, strlen(expect));
  assert_memory_equal(out.ptr, expect, out.len);
  diffd_buffer_clean_up(&out);
}

/* Quotes, backslashes and control characters are escaped; other ASCII stands as it is. */
static void test_ascii(void **state) {
  (void)state;
  check("", 0, "\"\"");
  check("a\"b\\c/<&", 8, "\"a\\\"b\\\\c/<&\"");
  check("\n\r\t\0\x1f\x7f", 6, "\"\\n\\r\\t\\u0000\\u001f\\u007f\"");
}

/* Well-formed UTF-8 stands as it is. */
static void test_utf8(void **state) {
  (void)state;
  check("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x90\xA7", 9, "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x90\xA7\"");
}

/* What is no UTF-8 (stray, overlong, surrogate, beyond U+10FFFF, cut short) becomes U+FFFD byte by byte. */
static void test_invalid(void **state) {
  (void)state;
  static const char r[] = "\xEF\xBF\xBD";
  char expect[64];
  static const char *const bad[] = {
      "\x80",     "\xFF", "\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
      "\xE2\x82", "\xC3"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    expect[0] = '\0';
    strcat(expect, "\"");
    for (size_t n = strlen(bad[i]); n > 0; n--)
      strcat(expect, r);
    strcat(expect, "\"");
    check(bad[i], strlen(bad[i]), expect);
  }
}

/* The buffer's maximum holds. */
static void test_limit(void **state) {
  (void)state;
  struct diffd_buffer out = diffd_buffer_init(4);
  struct diffd_error err;
  assert_int_equal(diffd_json_append_string(&out, (struct diffd_span){"abc", 3}, &err), DIFFD_TOO_LARGE);
  diffd_buffer_clean_up(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_ascii), cmocka_unit_test(test_utf8),
                                     cmocka_unit_test(test_invalid), cmocka_unit_test(test_limit)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
