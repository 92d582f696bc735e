/* SPDX-License-Identifier: Apache-2.0 */
/* Every kernel of the line scan gives what the scalar one gives, at every length and alignment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/line_scan.h"

static struct diffd_line_index expected;
static struct diffd_line_index got;

static int make_indexes(void **state) {
  (void)state;
  struct diffd_error err;
  return diffd_line_index_init(&expected, 512, &err) != DIFFD_OK ||
         diffd_line_index_init(&got, 512, &err) != DIFFD_OK;
}

static int drop_indexes(void **state) {
  (void)state;
  diffd_line_index_clean_up(&expected);
  diffd_line_index_clean_up(&got);
  return 0;
}

static void compare(diffd_line_scan *kernel, const char *text, size_t len) {
  diffd_line_scan_scalar(text, len, &expected);
  kernel(text, len, &got);
  assert_int_equal(got.covered, expected.covered);
  assert_int_equal(got.space_count, expected.space_count);
  assert_memory_equal(got.space, expected.space, expected.space_count * sizeof *expected.space);
  assert_int_equal(got.line_count, expected.line_count);
  for (size_t i = 0; i < expected.line_count; i++) {
    assert_int_equal(got.line[i].at, expected.line[i].at);
    assert_int_equal(got.line[i].spaces, expected.line[i].spaces);
    assert_int_equal(got.line[i].quotes, expected.line[i].quotes);
  }
}

static void test_kernels_agree_with_the_scalar_one(void **state) {
  (void)state;
  struct diffd_error err;
  diffd_line_scan *kernel;
  if (diffd_line_scan_choose("avx2", &kernel, &err) != DIFFD_OK)
    skip();
  static const char alphabet[] = "\\\\\\\"\"\" \n\tabc\x7f\x80\xff";
  char text[64 + 256 + DIFFD_SCAN_PADDING];
  srandom(7);
  for (size_t align = 0; align < 64; align++)
    for (size_t len = 0; len <= 256; len++) {
      /* The padding is made of what would be found if it were looked at. */
      for (size_t i = 0; i < sizeof text; i++)
        text[i] = alphabet[(size_t)random() % sizeof alphabet];
      compare(kernel, text + align, len);
    }
}

static void test_every_byte_value_is_classified_alike(void **state) {
  (void)state;
  struct diffd_error err;
  diffd_line_scan *kernel;
  if (diffd_line_scan_choose("avx2", &kernel, &err) != DIFFD_OK)
    skip();
  char text[256 + DIFFD_SCAN_PADDING] = {0};
  for (size_t i = 0; i < 256; i++)
    text[i] = (char)i;
  compare(kernel, text, 256);
}

static void test_the_scalar_kernel_finds_spaces_lines_and_quotes(void **state) {
  (void)state;
  char text[64 + DIFFD_SCAN_PADDING] = "\ta \"\\\"\"\n\nx \"";
  diffd_line_scan_scalar(text, strlen(text), &got);
  assert_int_equal(got.space_count, 5);
  const uint32_t spaces[] = {0, 2, 7, 8, 10};
  assert_memory_equal(got.space, spaces, sizeof spaces);
  assert_int_equal(got.line_count, 2);
  assert_int_equal(got.line[0].at, 7);
  assert_int_equal(got.line[0].spaces, 3);
  assert_int_equal(got.line[0].quotes, 3);
  assert_int_equal(got.line[1].spaces, 4);
}

static void test_a_text_of_white_space_is_covered_as_far_as_there_is_room(void **state) {
  (void)state;
  char text[512 + DIFFD_SCAN_PADDING];
  memset(text, '\n', sizeof text);
  diffd_line_scan_scalar(text, 512, &got);
  assert_true(got.covered < 512 && got.covered % DIFFD_SCAN_STEP == 0);
  assert_int_equal(got.line_count, got.covered);
  struct diffd_error err;
  diffd_line_scan *kernel;
  if (diffd_line_scan_choose("avx2", &kernel, &err) == DIFFD_OK)
    compare(kernel, text, 512);
}

static void test_an_unknown_kernel_is_refused_with_the_choices(void **state) {
  (void)state;
  struct diffd_error err;
  diffd_line_scan *kernel;
  assert_int_equal(diffd_line_scan_choose("avx9", &kernel, &err), DIFFD_INVALID);
  assert_non_null(strstr(err.detail, "scalar"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_kernels_agree_with_the_scalar_one),
      cmocka_unit_test(test_every_byte_value_is_classified_alike),
      cmocka_unit_test(test_the_scalar_kernel_finds_spaces_lines_and_quotes),
      cmocka_unit_test(test_a_text_of_white_space_is_covered_as_far_as_there_is_room),
      cmocka_unit_test(test_an_unknown_kernel_is_refused_with_the_choices),
  };
  return cmocka_run_group_tests(tests, make_indexes, drop_indexes);
}
