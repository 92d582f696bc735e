/* SPDX-License-Identifier: Apache-2.0 */
/* Times are read with the leniencies that clients rely on and no others, and are written in three ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rfc3339.h"

static struct diffd_span span(const char *text) {
  return (struct diffd_span){text, strlen(text)};
}

static void test_accepted(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t seconds;
    uint32_t nanoseconds;
  } cases[] = {
      {"1970-01-01T00:00:00Z", 0, 0},
      {"2019-03-01T00:01:00Z", 1551398460, 0},
      {"2019-03-01T00:01:00.5Z", 1551398460, 500000000},
      {"2019-03-01T00:01:00,25Z", 1551398460, 250000000},
      {"2019-03-01T00:01:00.123456789Z", 1551398460, 123456789},
      {"2019-03-01T0:01:00Z", 1551398460, 0},
      {"2019-03-01T01:01:00+01:00", 1551398460, 0},
      {"2019-02-28T19:01:00-05:00", 1551398460, 0},
      {"2019-03-01T05:31:00+05:30", 1551398460, 0},
      {"2019-03-01T00:01:00-00:00", 1551398460, 0},
      {"2000-02-29T00:00:00Z", 951782400, 0},
      {"2020-02-29T23:59:59Z", 1583020799, 0},
      {"1969-12-31T23:59:59.999999999Z", -1, 999999999},
      {"0000-01-01T00:00:00Z", -62167219200, 0},
      {"9999-12-31T23:59:59Z", 253402300799, 0},
      {"0000-01-01T01:00:00+01:00", -62167219200, 0},
      {"9999-12-31T22:59:59-01:00", 253402300799, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct diffd_instant got;
    struct diffd_error err = {0};
    if (diffd_rfc3339_parse(span(cases[i].text), &got, &err) != DIFFD_OK)
      fail_msg("%s: %s", cases[i].text, err.detail);
    if (got.seconds != cases[i].seconds || got.nanoseconds != cases[i].nanoseconds)
      fail_msg("%s: %lld.%09u", cases[i].text, (long long)got.seconds, got.nanoseconds);
  }
}

static void test_refused_with_the_fault_named(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *fault;
  } cases[] = {
      {"", "year"},
      {"2019", "year"},
      {"19-03-01T00:00:00Z", "year"},
      {"+2019-03-01T00:00:00Z", "year"},
      {"12019-03-01T00:00:00Z", "year"},
      {" 2019-03-01T00:00:00Z", "year"},
      {"2019-3-01T00:00:00Z", "month"},
      {"2019-00-01T00:00:00Z", "month"},
      {"2019-13-01T00:00:00Z", "month"},
      {"2019-03-1T00:00:00Z", "day"},
      {"2019-03-00T00:00:00Z", "day"},
      {"2019-02-30T00:00:00Z", "day"},
      {"2019-02-29T00:00:00Z", "day"},
      {"1900-02-29T00:00:00Z", "day"},
      {"2019-04-31T00:00:00Z", "day"},
      {"2019-03-01", "'T'"},
      {"2019-03-01t00:00:00Z", "'T'"},
      {"2019-03-01 00:00:00Z", "'T'"},
      {"2019-03-01T24:00:00Z", "hour"},
      {"2019-03-01T:00:00Z", "hour"},
      {"2019-03-01T000:00:00Z", "hour"},
      {"2019-03-01T00:60:00Z", "minute"},
      {"2019-03-01T00:0:00Z", "minute"},
      {"2019-03-01T00:00Z", "minute"},
      {"2019-03-01T00:00:60Z", "second"},
      {"2019-03-01T00:00:0Z", "second"},
      {"2019-03-01T00:00:00.Z", "fraction"},
      {"2019-03-01T00:00:00.1234567890Z", "fraction"},
      {"2019-03-01T00:00:00", "offset"},
      {"2019-03-01T00:00:00z", "offset"},
      {"2019-03-01T00:00:00+0200", "offset"},
      {"2019-03-01T00:00:00+02", "offset"},
      {"2019-03-01T00:00:00+2:00", "offset"},
      {"2019-03-01T00:00:00+24:00", "offset"},
      {"2019-03-01T00:00:00+01:60", "offset"},
      {"2019-03-01T00:00:00 02:00", "%2B"},
      {"2019-03-01T00:00:00Z ", "follows"},
      {"2019-03-01T00:00:00+01:00Z", "follows"},
      {"0000-01-01T00:00:00+00:01", "year"},
      {"9999-12-31T23:59:59-00:01", "year"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct diffd_instant got = {7, 7};
    struct diffd_error err = {0};
    if (diffd_rfc3339_parse(span(cases[i].text), &got, &err) != DIFFD_INVALID)
      fail_msg("accepted: %s", cases[i].text);
    if (err.status != DIFFD_INVALID || strstr(err.detail, cases[i].fault) == NULL)
      fail_msg("%s: %s", cases[i].text, err.detail);
    assert_int_equal(got.seconds, 7);
  }
}

static void test_nul_and_long_texts_are_shown_harmlessly(void **state) {
  (void)state;
  struct diffd_instant got;
  struct diffd_error err;
  char text[400];
  memset(text, '\n', sizeof text);
  text[1] = '\0';
  assert_int_equal(diffd_rfc3339_parse((struct diffd_span){text, sizeof text}, &got, &err), DIFFD_INVALID);
  assert_non_null(strstr(err.detail, "\"????????"));
  assert_non_null(strstr(err.detail, "...\""));
  assert_int_equal(diffd_rfc3339_parse((struct diffd_span){"2019-03-01T00:00:00Z\0", 21}, &got, &err),
                   DIFFD_INVALID);
}

static void test_minutes_are_rounded_down_before_1970_too(void **state) {
  (void)state;
  assert_int_equal(diffd_truncate_to_minute(0), 0);
  assert_int_equal(diffd_truncate_to_minute(59), 0);
  assert_int_equal(diffd_truncate_to_minute(60), 60);
  assert_int_equal(diffd_truncate_to_minute(-1), -60);
  assert_int_equal(diffd_truncate_to_minute(-60), -60);
  assert_int_equal(diffd_truncate_to_minute(-61), -120);
  assert_int_equal(diffd_truncate_to_minute(INT64_MIN), INT64_MIN);
  assert_int_equal(diffd_truncate_to_minute(INT64_MAX) % 60, 0);
}

static void test_written_in_two_ways(void **state) {
  (void)state;
  char text[DIFFD_TIME_TEXT_MAX];
  diffd_rfc3339_format(1551398460, text);
  assert_string_equal(text, "2019-03-01T00:01:00Z");
  diffd_rfc3339_format(-62167219200, text);
  assert_string_equal(text, "0000-01-01T00:00:00Z");
  diffd_rfc3339_format_nanos((struct diffd_instant){1795453896, 238038299}, text);
  assert_string_equal(text, "2026-11-23T17:11:36.238038299Z");
  diffd_rfc3339_format_nanos((struct diffd_instant){-1, 5}, text);
  assert_string_equal(text, "1969-12-31T23:59:59.000000005Z");
  diffd_rfc3339_format_nanos((struct diffd_instant){INT64_MIN, 5}, text);
  assert_string_equal(text, "@-9223372036854775808");
}

static void test_written_as_go_prints_what_it_parsed(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"2019-07-01T00:00:00Z", "2019-07-01 00:00:00 +0000 UTC"},
      {"2019-07-01T00:00:00+00:00", "2019-07-01 00:00:00 +0000 UTC"},
      {"2019-07-01T00:00:00-00:00", "2019-07-01 00:00:00 +0000 UTC"},
      {"2019-07-01T02:00:00+02:00", "2019-07-01 02:00:00 +0200 +0200"},
      {"2019-06-30T18:30:59-05:30", "2019-06-30 18:30:59 -0530 -0530"},
      {"2019-07-01T9:00:00,500Z", "2019-07-01 09:00:00.5 +0000 UTC"},
      {"2019-07-01T00:00:00.000000001-00:01", "2019-07-01 00:00:00.000000001 -0001 -0001"},
      {"2019-07-01T00:00:00.120Z", "2019-07-01 00:00:00.12 +0000 UTC"},
      {"2019-07-01T00:00:00.000Z", "2019-07-01 00:00:00 +0000 UTC"},
      {"0000-01-01T00:00:00-23:59", "0000-01-01 00:00:00 -2359 -2359"},
      {"1969-12-31T23:59:59.5+01:00", "1969-12-31 23:59:59.5 +0100 +0100"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct diffd_spelled_time time;
    struct diffd_error err;
    char text[DIFFD_TIME_TEXT_MAX];
    assert_int_equal(diffd_rfc3339_parse_spelled(span(cases[i][0]), &time, &err), DIFFD_OK);
    diffd_go_time_format(time, text);
    assert_string_equal(text, cases[i][1]);
  }
}

static void test_every_day_is_read_back(void **state) {
  (void)state;
  char text[DIFFD_TIME_TEXT_MAX];
  for (int64_t second = -62167219200; second <= 253402300799; second += 86400 * 7 + 3661) {
    struct diffd_instant got;
    struct diffd_error err;
    diffd_rfc3339_format(second, text);
    assert_int_equal(diffd_rfc3339_parse(span(text), &got, &err), DIFFD_OK);
    assert_int_equal(got.seconds, second);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_accepted),
      cmocka_unit_test(test_refused_with_the_fault_named),
      cmocka_unit_test(test_nul_and_long_texts_are_shown_harmlessly),
      cmocka_unit_test(test_minutes_are_rounded_down_before_1970_too),
      cmocka_unit_test(test_written_in_two_ways),
      cmocka_unit_test(test_written_as_go_prints_what_it_parsed),
      cmocka_unit_test(test_every_day_is_read_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
