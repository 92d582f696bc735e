/* SPDX-License-Identifier: Apache-2.0 */
/* The progress line says how much is done, of how much and how fast, and is for terminals alone. */
#include <setjmp.h>
#include <stdarg.h>

#include <pty.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/progress.h"

static void test_lines(void **state) {
  (void)state;
  char line[DIFFD_PROGRESS_LINE_MAX];
  diffd_progress_line("comparing", 1215000000, 2700000000, 1000, line);
  assert_string_equal(line, "comparing: 45% of 2.7 GB, 1.2 GB/s");
  diffd_progress_line("comparing", 999, 0, 0, line);
  assert_string_equal(line, "comparing: 999 B, 999 kB/s");
  diffd_progress_line("reading", 20000, 10000, 2000, line);
  assert_string_equal(line, "reading: 20 kB, 10 kB/s");
}

static void test_nothing_is_written_where_there_is_no_terminal(void **state) {
  (void)state;
  struct diffd_progress progress;
  int ends[2];
  char byte;
  assert_int_equal(pipe(ends), 0);
  diffd_progress_begin(&progress, ends[1], "x", 10);
  progress.began_ms -= 10000;
  atomic_store(&progress.last_ms, 0);
  diffd_progress_of_logs(&progress, 5);
  diffd_progress_of_diff(&progress, 5, 10);
  diffd_progress_end(&progress);
  (void)close(ends[1]);
  assert_int_equal(read(ends[0], &byte, 1), 0);
  (void)close(ends[0]);
}

/* Output that shows on a terminal is not interrupted. */
static void test_place(void **state) {
  int terminal;
  int shown;
  int pipe_fds[2];
  (void)state;
  assert_int_equal(openpty(&terminal, &shown, NULL, NULL, NULL), 0);
  assert_int_equal(pipe(pipe_fds), 0);
  assert_int_equal(diffd_progress_place(shown), -1);
  assert_int_equal(diffd_progress_place(pipe_fds[1]), STDERR_FILENO);
  assert_int_equal(close(terminal) | close(shown) | close(pipe_fds[0]) | close(pipe_fds[1]), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_lines),
      cmocka_unit_test(test_place),
      cmocka_unit_test(test_nothing_is_written_where_there_is_no_terminal),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
