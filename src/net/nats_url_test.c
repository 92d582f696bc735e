/* SPDX-License-Identifier: Apache-2.0
 *
 * URLs of NATS: what is taken, what is refused, and that a refusal never quotes a password.
 */
#include "net/nats_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void accept(const char *text, struct diffd_nats_url *ret) {
  struct diffd_error err;
  if (diffd_nats_url_parse(text, ret, &err) != DIFFD_OK)
    fail_msg("%s: %s", text, err.detail);
}

static void refuse(const char *text) {
  struct diffd_nats_url url;
  struct diffd_error err;
  if (diffd_nats_url_parse(text, &url, &err) != DIFFD_INVALID)
    fail_msg("%s is taken", text);
  assert_null(strstr(err.detail, "s3cret"));
}

/* One host, with what the defaults fill in. */
static void test_plain(void **state) {
  (void)state;
  struct diffd_nats_url url;
  accept("nats://localhost/diffs", &url);
  assert_false(url.tls);
  assert_null(url.user);
  assert_null(url.token);
  assert_int_equal(url.server_count, 1);
  assert_string_equal(url.servers[0], "nats://localhost:4222");
  assert_string_equal(url.subject, "diffs");
  diffd_nats_url_clean_up(&url);
  accept("TLS://nats.example.com:4223/vpc-flow.diffs_1", &url);
  assert_true(url.tls);
  assert_string_equal(url.servers[0], "nats://nats.example.com:4223");
  assert_string_equal(url.subject, "vpc-flow.diffs_1");
  diffd_nats_url_clean_up(&url);
}

/* Several hosts, addresses among them, and credentials of both kinds. */
static void test_all_parts(void **state) {
  (void)state;
  struct diffd_nats_url url;
  accept("nats://us%40er:s3cret%3A%25@n1:1,[2001:db8::1]:65535,10.0.0.1,[::1]/a.b", &url);
  assert_string_equal(url.user, "us@er");
  assert_string_equal(url.password, "s3cret:%");
  assert_null(url.token);
  assert_int_equal(url.server_count, 4);
  assert_string_equal(url.servers[0], "nats://n1:1");
  assert_string_equal(url.servers[1], "nats://[2001:db8::1]:65535");
  assert_string_equal(url.servers[2], "nats://10.0.0.1:4222");
  assert_string_equal(url.servers[3], "nats://[::1]:4222");
  diffd_nats_url_clean_up(&url);
  accept("nats://t0ken@n1/a", &url);
  assert_string_equal(url.token, "t0ken");
  assert_null(url.user);
  diffd_nats_url_clean_up(&url);
  accept("nats://user:@n1/a", &url);
  assert_string_equal(url.password, "");
  diffd_nats_url_clean_up(&url);
}

static void test_refused(void **state) {
  (void)state;
  static const char *const texts[] = {
      "",
      "nats:",
      "http://host/subject",
      "nats://",
      "nats:///subject",
      "nats://host",
      "nats://host/",
      "nats://host?subject",
      "nats://host/a b",
      "nats://host/a.*",
      "nats://host/a.>",
      "nats://host/.a",
      "nats://host/a.",
      "nats://host/a..b",
      "nats://host/a/b",
      "nats://host/$JS.API",
      "nats://host:0/a",
      "nats://host:65536/a",
      "nats://host:/a",
      "nats://host:x/a",
      "nats://[::1/a",
      "nats://[]/a",
      "nats://host,/a",
      "nats://,host/a",
      "nats://ho st/a",
      "nats://@host/a",
      "nats://:s3cret@host/a",
      "nats://user:s3cret%@host/a",
      "nats://user:s3cret%4@host/a",
      "nats://user:s3cret%00@host/a",
      "nats://user:s3cret@host,user:s3cret@host/a",
      "tls://one,two/a",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    refuse(texts[i]);
}

/* The limits, and one past each. */
static void test_limits(void **state) {
  (void)state;
  struct diffd_nats_url url;
  char text[DIFFD_NATS_URL_MAX + 64];
  int len = sprintf(text, "nats://h/%0*d", DIFFD_NATS_SUBJECT_MAX, 0);
  accept(text, &url);
  assert_int_equal(strlen(url.subject), DIFFD_NATS_SUBJECT_MAX);
  diffd_nats_url_clean_up(&url);
  (void)sprintf(text + len, "0");
  refuse(text);
  strcpy(text, "nats://h");
  for (int i = 1; i < DIFFD_NATS_SERVERS_MAX; i++)
    strcat(text, ",h");
  strcat(text, "/a");
  accept(text, &url);
  assert_int_equal(url.server_count, DIFFD_NATS_SERVERS_MAX);
  diffd_nats_url_clean_up(&url);
  (void)sprintf(text + strlen(text) - 2, ",h/a");
  refuse(text);
  memset(text, 'x', sizeof text);
  memcpy(text, "nats://u:", 9);
  strcpy(text + sizeof text - 8, "@host/a");
  refuse(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_plain), cmocka_unit_test(test_all_parts),
                                     cmocka_unit_test(test_refused), cmocka_unit_test(test_limits)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
