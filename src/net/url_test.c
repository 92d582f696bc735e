/* SPDX-License-Identifier: Apache-2.0 */
/* A URL's parts are what a request is signed with: the host as sent, path and query as written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/url.h"

static void expect_parts(const char *url, bool https, const char *host, const char *authority,
                         const char *path, const char *query) {
  struct diffd_url_parts parts;
  struct diffd_error err;
  assert_int_equal(diffd_url_split(url, &parts, &err), DIFFD_OK);
  assert_int_equal(parts.https, https);
  assert_string_equal(parts.host, host);
  assert_string_equal(parts.authority, authority);
  assert_string_equal(parts.path, path);
  assert_string_equal(parts.query, query);
}

static void test_parts(void **state) {
  (void)state;
  expect_parts("http://h", false, "h", "h", "/", "");
  expect_parts("https://s3.amazonaws.com:443/a%2Fb/?x=1&y=%20", true, "s3.amazonaws.com", "s3.amazonaws.com",
               "/a%2Fb/", "x=1&y=%20");
  expect_parts("http://127.0.0.1:443/", false, "127.0.0.1", "127.0.0.1:443", "/", "");
  expect_parts("http://[fd00:ec2::23]:80/v1", false, "fd00:ec2::23", "[fd00:ec2::23]", "/v1", "");
  expect_parts("http://[::1]:8080/v1#part", false, "::1", "[::1]:8080", "/v1", "");
}

static void expect_refused(const char *url) {
  struct diffd_url_parts parts;
  struct diffd_error err;
  assert_int_equal(diffd_url_split(url, &parts, &err), DIFFD_INVALID);
  assert_null(strstr(err.detail, "sesame"));
}

static void test_what_is_refused(void **state) {
  char longest[DIFFD_URL_PATH_MAX + 32] = "http://h/";
  (void)state;
  memset(longest + 9, 'a', DIFFD_URL_PATH_MAX);
  expect_refused(longest);
  expect_refused("");
  expect_refused("host/path");
  expect_refused("ftp://host/");
  expect_refused("http://user:sesame@host/");
  expect_refused("http://ho st/sesame");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_parts),
      cmocka_unit_test(test_what_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
