/* SPDX-License-Identifier: Apache-2.0 */
/* Single values are read as Go and the documentation spell them, and refused with a hint otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/setting_values.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_durations_are_those_of_go(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t ns;
  } good[] = {
      {"0", 0},
      {"-0", 0},
      {"5s", 5000000000},
      {"1m30s", 90000000000},
      {".5s", 500000000},
      {"5.s", 5000000000},
      {"1.5h", 5400000000000},
      {"250ms", 250000000},
      {"7us", 7000},
      {"7\xc2\xb5s", 7000},
      {"7\xce\xbcs", 7000},
      {"3ns", 3},
      {"0.3ns", 0},
      {"-1m", -60000000000},
      {"+1m", 60000000000},
      {"0.000000000000000000001h", 0},
      {"2562047h47m16.854775807s", INT64_MAX},
  };
  struct diffd_error err;
  for (size_t i = 0; i < COUNT(good); i++) {
    int64_t ns = -7;
    if (diffd_parse_duration(good[i].text, &ns, &err) != DIFFD_OK)
      fail_msg("%s: %s", good[i].text, err.detail);
    if (ns != good[i].ns)
      fail_msg("%s gave %lld", good[i].text, (long long)ns);
  }
}

static void test_what_is_no_duration_is_refused_with_a_hint(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *hint;
  } bad[] = {
      {"", "not a duration"},
      {"5", "write for example 5s"},
      {"1m30", "write for example 30s"},
      {".s", "not a duration"},
      {"s", "not a duration"},
      {"5 s", "` s` is no unit"},
      {"5d", "`d` is no unit"},
      {"5S", "`S` is no unit"},
      {"--5s", "not a duration"},
      {"5s ", "`s ` is no unit"},
      {"2562047h47m16.854775808s", "292 years"},
      {"99999999999999999999s", "292 years"},
      {"9999999999999h", "292 years"},
  };
  for (size_t i = 0; i < COUNT(bad); i++) {
    struct diffd_error err;
    int64_t ns = 42;
    if (diffd_parse_duration(bad[i].text, &ns, &err) != DIFFD_INVALID)
      fail_msg("%s was taken", bad[i].text);
    if (strstr(err.detail, bad[i].hint) == NULL)
      fail_msg("%s: %s", bad[i].text, err.detail);
    assert_int_equal(ns, 42);
  }
}

static void test_integers_may_be_hexadecimal(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t value;
  } good[] = {{"0", 0},
              {"15", 15},
              {"0x8000", 32768},
              {"0XfF", 255},
              {"-1", -1},
              {"+1", 1},
              {"007", 7},
              {"9223372036854775807", INT64_MAX},
              {"-9223372036854775808", INT64_MIN}};
  static const char *const bad[] = {
      "", "-", "0x", "1.5", "1e3", "12a", " 1", "1 ", "f", "9223372036854775808", "0xffffffffffffffff"};
  struct diffd_error err;
  for (size_t i = 0; i < COUNT(good); i++) {
    int64_t value = -7;
    assert_int_equal(diffd_parse_integer(good[i].text, &value, &err), DIFFD_OK);
    assert_int_equal(value, good[i].value);
  }
  for (size_t i = 0; i < COUNT(bad); i++) {
    int64_t value = 42;
    assert_int_equal(diffd_parse_integer(bad[i], &value, &err), DIFFD_INVALID);
    assert_int_equal(value, 42);
  }
}

static void test_booleans_are_the_twelve_of_go(void **state) {
  (void)state;
  static const char *const yes[] = {"1", "t", "T", "TRUE", "true", "True"};
  static const char *const no[] = {"0", "f", "F", "FALSE", "false", "False"};
  static const char *const bad[] = {"", "yes", "no", "tRUE", "on", "2", " 1"};
  struct diffd_error err;
  for (size_t i = 0; i < COUNT(yes); i++) {
    bool value = false;
    assert_int_equal(diffd_parse_boolean(yes[i], &value, &err), DIFFD_OK);
    assert_true(value);
    assert_int_equal(diffd_parse_boolean(no[i], &value, &err), DIFFD_OK);
    assert_false(value);
  }
  for (size_t i = 0; i < COUNT(bad); i++) {
    bool value = true;
    assert_int_equal(diffd_parse_boolean(bad[i], &value, &err), DIFFD_INVALID);
    assert_true(value);
  }
}

static void test_sizes_know_both_kinds_of_unit(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t bytes;
  } good[] = {{"0", 0},
              {"512", 512},
              {"512B", 512},
              {"64MiB", 64 << 20},
              {"64M", 64 << 20},
              {"64m", 64 << 20},
              {"64mib", 64 << 20},
              {"64 MiB", 64 << 20},
              {"64MB", 64000000},
              {"1kB", 1000},
              {"1K", 1024},
              {"2GiB", INT64_C(2) << 30},
              {"1TiB", INT64_C(1) << 40}};
  static const char *const bad[] = {"",     "MiB",  "-1",    "1.5G",       "64 MiB ",
                                    "64Mi", "64XB", "64  M", "9999999TiB", "99999999999999999999"};
  struct diffd_error err;
  for (size_t i = 0; i < COUNT(good); i++) {
    int64_t bytes = -7;
    if (diffd_parse_size(good[i].text, &bytes, &err) != DIFFD_OK)
      fail_msg("%s: %s", good[i].text, err.detail);
    assert_int_equal(bytes, good[i].bytes);
  }
  for (size_t i = 0; i < COUNT(bad); i++) {
    int64_t bytes = 42;
    if (diffd_parse_size(bad[i], &bytes, &err) != DIFFD_INVALID)
      fail_msg("%s was taken", bad[i]);
    assert_int_equal(bytes, 42);
  }
}

static void test_lists_are_apart_by_white_space(void **state) {
  (void)state;
  struct diffd_words words;
  struct diffd_error err;
  assert_int_equal(diffd_parse_words(" a  bb\tc ", &words, &err), DIFFD_OK);
  assert_int_equal(words.count, 3);
  assert_string_equal(words.items[0], "a");
  assert_string_equal(words.items[1], "bb");
  assert_string_equal(words.items[2], "c");
  diffd_words_clean_up(&words);
  assert_int_equal(diffd_parse_words("\"\"", &words, &err), DIFFD_OK);
  assert_int_equal(words.count, 0);
  diffd_words_clean_up(&words);
  assert_int_equal(diffd_parse_words("\"\" x", &words, &err), DIFFD_OK);
  assert_int_equal(words.count, 2);
  diffd_words_clean_up(&words);
}

static void test_addresses(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *host;
    int port;
  } good[] = {{":8080", "", 8080},
              {"127.0.0.1:80", "127.0.0.1", 80},
              {"[::1]:0", "::1", 0},
              {"localhost", "localhost", -1},
              {"::1", "::1", -1},
              {"[fe80::1]", "fe80::1", -1},
              {"[fe80::1%eth0]:80", "fe80::1%eth0", 80},
              {"", "", -1}};
  static const char *const bad[] = {
      ":",       ":x",          ":65536",          ":-1",     ":99999999999", "a b:1",
      "[::1:80", "http://x:80", "127.0.0.1:80:90", "host:1:2"};
  struct diffd_error err;
  for (size_t i = 0; i < COUNT(good); i++) {
    struct diffd_address address;
    if (diffd_parse_address(good[i].text, &address, &err) != DIFFD_OK)
      fail_msg("%s: %s", good[i].text, err.detail);
    assert_string_equal(address.host, good[i].host);
    assert_int_equal(address.port, good[i].port);
  }
  for (size_t i = 0; i < COUNT(bad); i++) {
    struct diffd_address address;
    if (diffd_parse_address(bad[i], &address, &err) != DIFFD_INVALID)
      fail_msg("%s was taken", bad[i]);
  }
}

static void test_own_endpoints_are_recognized(void **state) {
  (void)state;
  static const struct {
    const char *endpoint;
    const char *listen;
    bool own;
  } cases[] = {
      {":8080", ":8080", true},
      {"localhost:8080", ":8080", true},
      {"http://127.0.0.1:8080", ":8080", true},
      {"HTTP://LOCALHOST:8080/topic/event", ":8080", true},
      {"http://[::1]:8080/", ":8080", true},
      {"http://0.0.0.0:8080", ":8080", true},
      {"http://localhost", ":80", true},
      {"http://localhost:8081", ":8080", false},
      {"http://bus.example:8080", ":8080", false},
      {"https://localhost:8080", ":8080", false},
      {"nats://localhost:8080", ":8080", false},
      {"http://10.0.0.5:8080", "10.0.0.5:8080", true},
      {"http://localhost:8080", "10.0.0.5:8080", false},
      {"localhost:8080", "127.0.0.1:8080", true},
      {"http://localhost:8080?x=/y", "127.0.0.1:8080", true},
      {"localhost", ":8080", false},
      {"http://localhost:8080@bus.example:8080/", ":8080", false},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct diffd_error err;
    struct diffd_address own;
    assert_int_equal(diffd_parse_address(cases[i].listen, &own, &err), DIFFD_OK);
    if (diffd_endpoint_is_own(cases[i].endpoint, &own) != cases[i].own)
      fail_msg("%s on %s", cases[i].endpoint, cases[i].listen);
  }
}

static const char *candidate(const void *arg, size_t index) {
  const char *const *names = arg;
  return names[index];
}

static void test_typing_errors_find_the_nearest_name(void **state) {
  (void)state;
  static const char *const names[] = {"diff", "graph", "DIFF_STORAGE_BUCKET", NULL};
  assert_string_equal(diffd_nearest_name("dif", candidate, names), "diff");
  assert_string_equal(diffd_nearest_name("garph", candidate, names), "graph");
  assert_string_equal(diffd_nearest_name("DIFF_STORAGE_BUKCET", candidate, names), "DIFF_STORAGE_BUCKET");
  assert_null(diffd_nearest_name("serve", candidate, names));
  assert_null(diffd_nearest_name("ab", candidate, names));
  assert_null(diffd_nearest_name("", candidate, names));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_durations_are_those_of_go),
      cmocka_unit_test(test_what_is_no_duration_is_refused_with_a_hint),
      cmocka_unit_test(test_integers_may_be_hexadecimal),
      cmocka_unit_test(test_booleans_are_the_twelve_of_go),
      cmocka_unit_test(test_sizes_know_both_kinds_of_unit),
      cmocka_unit_test(test_lists_are_apart_by_white_space),
      cmocka_unit_test(test_addresses),
      cmocka_unit_test(test_own_endpoints_are_recognized),
      cmocka_unit_test(test_typing_errors_find_the_nearest_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
