/* SPDX-License-Identifier: Apache-2.0 */
/* A job's id is the original's for canonical times, and wrong ranges are refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/diff_id.h"
#include "base/rfc3339.h"

static int64_t seconds_of(const char *text) {
  struct diffd_instant instant;
  struct diffd_error err = {0};
  if (diffd_rfc3339_parse((struct diffd_span){text, strlen(text)}, &instant, &err) != DIFFD_OK)
    fail_msg("%s", err.detail);
  return instant.seconds;
}

static void test_ids_of_the_original(void **state) {
  (void)state;
  char path[4096];
  (void)snprintf(path, sizeof path, "%s/vectors/ids.tsv", getenv("DIFFD_TEST_DATA"));
  FILE *file = fopen(path, "re");
  assert_non_null(file);
  char line[512];
  size_t checked = 0;
  while (fgets(line, sizeof line, file) != NULL) {
    if (line[0] == '#')
      continue;
    char times[4][64], id[64];
    assert_int_equal(sscanf(line, "%63s\t%63s\t%63s\t%63s\t%63s", times[0], times[1], times[2], times[3], id),
                     5);
    struct diffd_job job;
    struct diffd_error err = {0};
    struct diffd_window previous = {seconds_of(times[0]), seconds_of(times[1])};
    struct diffd_window next = {seconds_of(times[2]) + 59, seconds_of(times[3])};
    if (diffd_job_from_windows(previous, next, NULL, &job, &err) != DIFFD_OK)
      fail_msg("%s: %s", line, err.detail);
    assert_string_equal(job.id, id);
    assert_int_equal(job.next.start, next.start - 59);
    checked++;
  }
  (void)fclose(file);
  assert_true(checked > 20);
}

static void test_the_readme_id(void **state) {
  (void)state;
  char id[DIFFD_JOB_ID_MAX + 1];
  int64_t first = seconds_of("2019-07-01T00:00:00Z");
  diffd_diff_id((struct diffd_window){first, first + 86400},
                (struct diffd_window){first + 86400, first + 2 * 86400}, id);
  assert_string_equal(id, "3922f049-51e0-5ae0-ac67-2ae395a74eed");
}

static void test_the_id_of_another_spelling(void **state) {
  (void)state;
  /* What Python's uuid5 makes of the times as Go prints them. */
  static const char *const spelled[] = {"2019-07-01T02:00:00+02:00", "2019-07-02T00:00:30.25Z",
                                        "2019-07-01T18:30:00-05:30", "2019-07-03T00:00:00Z"};
  struct diffd_spelled_time times[4];
  struct diffd_error err;
  char id[DIFFD_JOB_ID_MAX + 1];
  for (size_t i = 0; i < 4; i++)
    assert_int_equal(
        diffd_rfc3339_parse_spelled((struct diffd_span){spelled[i], strlen(spelled[i])}, &times[i], &err),
        DIFFD_OK);
  diffd_spelled_diff_id(times, id);
  assert_string_equal(id, "e3837b51-1b9d-55b0-9386-54970666b69e");
}

static void test_ranges(void **state) {
  (void)state;
  static const struct {
    struct diffd_window previous;
    struct diffd_window next;
    const char *text; /* NULL: fine */
  } cases[] = {
      {{0, 60}, {60, 120}, NULL},
      {{0, 120}, {60, 180}, NULL},
      {{0, 60}, {0, 60}, NULL},
      {{-120, -60}, {0, 60}, NULL},
      {{0, 119}, {60, 120}, NULL},
      {{120, 60},
       {120, 180},
       "previous_start 1970-01-01T00:02:00Z is after previous_stop 1970-01-01T00:01:00Z: "
       "start should be before stop"},
      {{0, 60}, {180, 60}, "next_start 1970-01-01T00:03:00Z is after next_stop 1970-01-01T00:01:00Z"},
      {{60, 120}, {0, 120}, "previous_start 1970-01-01T00:01:00Z is after next_start 1970-01-01T00:00:00Z"},
      {{0, 180}, {60, 120}, "previous_stop 1970-01-01T00:03:00Z is after next_stop 1970-01-01T00:02:00Z"},
      {{0, 59}, {60, 120}, "previous_start and previous_stop are both 1970-01-01T00:00:00Z"},
      {{0, 60}, {60, 60}, "next_start and next_stop are both 1970-01-01T00:01:00Z"},
      /* Truncated first: within one minute nothing is after anything. */
      {{30, 10}, {60, 120}, "previous_start and previous_stop are both"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct diffd_job job;
    struct diffd_error err = {0};
    enum diffd_status status = diffd_job_from_windows(cases[i].previous, cases[i].next, NULL, &job, &err);
    if (cases[i].text == NULL && status != DIFFD_OK)
      fail_msg("case %zu: %s", i, err.detail);
    if (cases[i].text != NULL &&
        (status != DIFFD_INVALID || strncmp(err.detail, cases[i].text, strlen(cases[i].text)) != 0))
      fail_msg("case %zu: %s", i, err.detail);
  }
}

static void test_the_caller_names_the_times(void **state) {
  (void)state;
  static const struct diffd_window_names names = {"a", "b", "c", "d"};
  struct diffd_error err;
  assert_int_equal(
      diffd_windows_check((struct diffd_window){0, 60}, (struct diffd_window){180, 120}, &names, &err),
      DIFFD_INVALID);
  assert_string_equal(err.detail,
                      "c 1970-01-01T00:03:00Z is after d 1970-01-01T00:02:00Z: start should be before stop");
}

static void test_ids_that_may_name_an_object(void **state) {
  (void)state;
  char longest[DIFFD_JOB_ID_MAX + 2];
  memset(longest, 'x', sizeof longest);
  assert_true(diffd_job_id_is_valid(longest, DIFFD_JOB_ID_MAX));
  assert_false(diffd_job_id_is_valid(longest, DIFFD_JOB_ID_MAX + 1));
  static const char *const good[] = {
      "a", "0", "-", "_", "a.b", "a..", "3922f049-51e0-5ae0-ac67-2ae395a74eed", "AZaz09._-"};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
    if (!diffd_job_id_is_valid(good[i], strlen(good[i])))
      fail_msg("refused: %s", good[i]);
  static const char *const bad[] = {"",    ".",   "..",       ".a",  "a/b",  "a/../b",
                                    "a b", "a\n", "\xc3\xa9", "a:b", "a%2fb"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    if (diffd_job_id_is_valid(bad[i], strlen(bad[i])))
      fail_msg("accepted: %s", bad[i]);
  assert_false(diffd_job_id_is_valid("a\0b", 3));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_ids_of_the_original),        cmocka_unit_test(test_the_readme_id),
      cmocka_unit_test(test_the_id_of_another_spelling), cmocka_unit_test(test_ranges),
      cmocka_unit_test(test_the_caller_names_the_times), cmocka_unit_test(test_ids_that_may_name_an_object),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
