/* SPDX-License-Identifier: Apache-2.0 */
/* Times and windows of the command line are read whole, and a fault names the option that they came from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cli.h"

static void test_windows(void **state) {
  (void)state;
  struct diffd_window window;
  struct diffd_error err;
  assert_int_equal(diffd_cli_window("--next", "1970-01-01T00:01:00Z/1970-01-01T01:00:30.5Z", &window, &err),
                   DIFFD_OK);
  assert_int_equal(window.start, 60);
  assert_int_equal(window.stop, 3630);
}

static void test_faults_of_windows(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *fault;
  } cases[] = {
      {"1970-01-01T00:01:00Z", "write START/STOP"},
      {"x/1970-01-01T00:01:00Z", "the start: "},
      {"1970-01-01T00:01:00Z/y", "the stop: "},
      {"1970-01-01T00:01:00Z/1970-01-01T00:01:00Z", "before the stop"},
      {"1970-01-01T00:02:00Z/1970-01-01T00:01:00Z", "before the stop"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct diffd_window window = {7, 8};
    struct diffd_error err;
    assert_int_equal(diffd_cli_window("--next", cases[i].text, &window, &err), DIFFD_INVALID);
    assert_non_null(strstr(err.detail, "--next="));
    if (strstr(err.detail, cases[i].fault) == NULL)
      fail_msg("%s: %s", cases[i].text, err.detail);
    assert_int_equal(window.start, 7);
  }
}

static void test_variables_that_are_empty_are_unset(void **state) {
  (void)state;
  char one[] = "TMPDIRX=/x";
  char two[] = "TMPDIR=";
  char *const environment[] = {one, two, NULL};
  const struct diffd_cli cli = {.environment = environment};
  assert_null(diffd_cli_variable(&cli, "TMPDIR"));
  assert_string_equal(diffd_cli_variable(&cli, "TMPDIRX"), "/x");
  assert_null(diffd_cli_variable(&cli, "TMP"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_windows),
      cmocka_unit_test(test_faults_of_windows),
      cmocka_unit_test(test_variables_that_are_empty_are_unset),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
