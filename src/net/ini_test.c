/* SPDX-License-Identifier: Apache-2.0 */
/* AWS's shared files are read as the AWS tools read them, and a fault names its line without showing it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/ini.h"

/* All settings as `section|key|value` lines, or the error's text. */
static const char *read_all(const char *text, char *out, size_t cap) {
  struct diffd_ini ini = {.rest = {text, strlen(text)}};
  struct diffd_ini_setting setting;
  struct diffd_error err;
  enum diffd_status status;
  size_t len = 0;
  out[0] = '\0';
  while ((status = diffd_ini_next(&ini, &setting, &err)) == DIFFD_OK)
    len += (size_t)snprintf(out + len, cap - len, "%.*s|%.*s|%.*s\n", (int)setting.section.len,
                            setting.section.ptr, (int)setting.key.len, setting.key.ptr,
                            (int)setting.value.len, setting.value.ptr);
  if (status != DIFFD_END)
    (void)snprintf(out + len, cap - len, "%s", err.detail);
  return out;
}

static void test_files_are_read(void **state) {
  char out[1024];
  (void)state;
  assert_string_equal(read_all("\xef\xbb\xbf# first\n\n[default]\r\na = 1\r\nb=2#3;4 # no\nc =\n; no\n"
                               "[ profile x y ] # z\n  A=b=c\n  d = e ;f",
                               out, sizeof out),
                      "default|a|1\ndefault|b|2#3;4\ndefault|c|\nprofile x y|A|b=c\nprofile x y|d|e\n");
  assert_string_equal(read_all("", out, sizeof out), "");
  assert_string_equal(read_all("[a]\n[b]\n", out, sizeof out), "");
  assert_string_equal(read_all("[a]\nk = # all of it\n", out, sizeof out), "a|k|\n");
}

static void test_nested_settings_are_passed_over(void **state) {
  char out[1024];
  (void)state;
  assert_string_equal(read_all("[a]\ns3 =\n  addressing_style = path\n\tno equals sign\nregion = r\n"
                               " [nested]\n[b]\n   x = 1\n   y = 2\n",
                               out, sizeof out),
                      "a|s3|\na|region|r\nb|x|1\nb|y|2\n");
}

static void test_faults_name_their_line(void **state) {
  char out[1024];
  (void)state;
  assert_string_equal(read_all("[a]\nx=1\nwJalrXUtnFEMI\n", out, sizeof out),
                      "a|x|1\nline 3: it is neither [section] nor key = value");
  assert_string_equal(read_all("[a\n", out, sizeof out), "line 1: the section's name is not closed by ]");
  assert_string_equal(read_all("\nx = 1\n", out, sizeof out),
                      "line 2: a setting stands before the first [section]");
  assert_string_equal(read_all("[a]\n= 1\n", out, sizeof out),
                      "line 2: it is neither [section] nor key = value");
  struct diffd_ini ini = {.rest = {"[a]\nx=\0y\n", 9}};
  struct diffd_ini_setting setting;
  struct diffd_error err;
  assert_int_equal(diffd_ini_next(&ini, &setting, &err), DIFFD_INVALID);
  assert_string_equal(err.detail, "line 2: it holds a NUL byte");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_files_are_read),
      cmocka_unit_test(test_nested_settings_are_passed_over),
      cmocka_unit_test(test_faults_name_their_line),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
