/* SPDX-License-Identifier: Apache-2.0 */
/* Names tell times only where they have AWS's form, so that no other file is ever left out by its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/log_names.h"

static struct diffd_span span(const char *text) {
  return (struct diffd_span){text, strlen(text)};
}

static void test_kinds(void **state) {
  (void)state;
  static const struct {
    const char *name;
    enum diffd_log_name_kind kind;
  } cases[] = {
      {"a.log", DIFFD_LOG_NAME_PLAIN},  {"a.log.gz", DIFFD_LOG_NAME_GZIP},
      {"", DIFFD_LOG_NAME_OTHER},       {".log", DIFFD_LOG_NAME_OTHER},
      {".a.log", DIFFD_LOG_NAME_OTHER}, {"a.log.gz.tmp", DIFFD_LOG_NAME_OTHER},
      {"a.LOG", DIFFD_LOG_NAME_OTHER},  {"alog", DIFFD_LOG_NAME_OTHER},
      {"a.gz", DIFFD_LOG_NAME_OTHER},   {"a.log.1", DIFFD_LOG_NAME_OTHER},
      {"log", DIFFD_LOG_NAME_OTHER},    {".log.gz", DIFFD_LOG_NAME_OTHER},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    if (diffd_log_name_kind(span(cases[i].name)) != cases[i].kind)
      fail_msg("%s", cases[i].name);
}

static void test_times_of_files(void **state) {
  (void)state;
  static const struct {
    const char *name;
    int64_t written; /* -1: none */
  } cases[] = {
      {"123456789010_vpcflowlogs_us-east-1_fl-1234abcd_20190301T0001Z_fe123456.log.gz", 1551398460},
      {"123456789010_vpcflowlogs_us-east-1_fl-1234abcd_20190301T0001Z_fe123456.log", 1551398460},
      {"_vpcflowlogs_20190301T0001Z_x.log", 1551398460},
      {"123456789010_vpcflowlogs_us-east-1_fl-1234abcd_20190301T0001Z_fe123456", -1},
      {"123456789010_vpcflowlogs_us-east-1_fl-1234abcd_20190301T0001Z_.log", -1},
      {"123456789010_vpcflowlogs_us-east-1_fl-1234abcd_20190301T0001Z.log", -1},
      {"123456789010_vpcflowlogs_us-east-1_fl-1234abcd_20190301T000Z_f.log", -1},
      {"123456789010_vpcflowlogs_us-east-1_fl-1234abcd_20190230T0001Z_f.log", -1},
      {"123456789010_vpcflowlogs_us-east-1_fl-1234abcd_20190301T2401Z_f.log", -1},
      {"123456789010_vpcflowlogs_us-east-1_fl-1234abcd_20190301t0001Z_f.log", -1},
      {"123456789010_vpcflowlogs_us-east-1_fl-1234abcd_2019030100001Z_f.log", -1},
      {"123456789010_vpcflowlogs_us-east-1_fl-1234abcd20190301T0001Z_f.log", -1},
      {"123456789010_elasticloadbalancing_us-east-1_x_20190301T0001Z_f.log", -1},
      {"backup_20190301T0001Z_f.log", -1},
      {"20190301T0001Z_f.log", -1},
      {"_.log", -1},
      {"a.log", -1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int64_t written = -1;
    bool told = diffd_log_name_time(span(cases[i].name), &written);
    if (told != (cases[i].written != -1) || written != cases[i].written)
      fail_msg("%s: %lld", cases[i].name, (long long)written);
  }
}

static void test_times_of_folders(void **state) {
  (void)state;
  static const struct {
    const char *path;
    int64_t start; /* -1: none */
    int64_t length;
  } cases[] = {
      {"/logs/AWSLogs/1/vpcflowlogs/us-east-1/2019/03/01", 1551398400, 86400},
      {"vpcflowlogs/us-east-1/2019/03/01/", 1551398400, 86400},
      {"vpcflowlogs/us-east-1//2019/./03/01/23", 1551398400 + 23 * 3600, 3600},
      {"vpcflowlogs/us-east-1/2019/03", 1551398400, 31 * 86400},
      {"vpcflowlogs/us-east-1/2019", 1546300800, 366 * 86400},
      {"x/aws-service=vpcflowlogs/aws-region=us-east-1/year=2019/month=03/day=01", 1551398400, 86400},
      {"aws-region=us-east-1/year=2019/month=03/day=01/hour=23", 1551398400 + 23 * 3600, 3600},
      {"aws-region=us-east-1/year=2019", 1546300800, 366 * 86400},
      {"vpcflowlogs/us-east-1", -1, 0},
      {"vpcflowlogs/2019/03/01", -1, 0},
      {"other/us-east-1/2019/03/01", -1, 0},
      {"2019/03/01", -1, 0},
      {"2019", -1, 0},
      {"vpcflowlogs/us-east-1/2019/03/32", -1, 0},
      {"vpcflowlogs/us-east-1/2019/3/1", -1, 0},
      {"vpcflowlogs/us-east-1/2019/03/01/24", -1, 0},
      {"vpcflowlogs/us-east-1/2019/03/01/00/extra", -1, 0},
      {"vpcflowlogs/us-east-1/2019/03/01/00/00", -1, 0},
      {"aws-region=us-east-1/year=2019/day=01", -1, 0},
      {"year=2019/month=03/day=01", -1, 0},
      {"", -1, 0},
      {"/", -1, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct diffd_window told = {-1, -1};
    bool tells = diffd_log_folder_time(span(cases[i].path), &told);
    if (tells != (cases[i].start != -1) ||
        (tells && (told.start != cases[i].start || told.stop != told.start + cases[i].length)))
      fail_msg("%s: %lld %lld", cases[i].path, (long long)told.start, (long long)told.stop);
  }
}

static void test_choice(void **state) {
  (void)state;
  const struct diffd_window window = {3600, 7200};
  assert_false(diffd_log_file_is_wanted(window, 3600, 3540));
  assert_true(diffd_log_file_is_wanted(window, 3600, 3600));
  assert_true(diffd_log_file_is_wanted(window, 3600, 10800));
  assert_false(diffd_log_file_is_wanted(window, 3600, 10860));
  assert_true(diffd_log_file_is_wanted((struct diffd_window){3630, 7200}, 0, 3600));
  assert_true(diffd_log_file_is_wanted((struct diffd_window){0, INT64_MAX}, 3600, 5));
  const struct diffd_window day = {86400, 2 * 86400};
  assert_true(diffd_log_folder_is_wanted(day, 3600, (struct diffd_window){0, 86400})); /* the hour's grace */
  assert_false(diffd_log_folder_is_wanted(day, 3600, (struct diffd_window){0, 86400 - 3600}));
  assert_true(diffd_log_folder_is_wanted(day, 3600, day));
  assert_true(diffd_log_folder_is_wanted(day, 3600, (struct diffd_window){2 * 86400 + 7200, 3 * 86400}));
  assert_false(diffd_log_folder_is_wanted(day, 3600, (struct diffd_window){2 * 86400 + 7201, 3 * 86400}));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_kinds),
      cmocka_unit_test(test_times_of_files),
      cmocka_unit_test(test_times_of_folders),
      cmocka_unit_test(test_choice),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
