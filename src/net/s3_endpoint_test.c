/* SPDX-License-Identifier: Apache-2.0
 *
 * Buckets are reached by their own host name where they can be, else by a path.
 */
#include "net/s3_endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *bucket, const char *region, const char *url, const char *base,
                  const char *authority, const char *root) {
  struct diffd_s3_endpoint endpoint;
  struct diffd_error err;
  assert_int_equal(diffd_s3_endpoint_make(bucket, region, url, &endpoint, &err), DIFFD_OK);
  assert_string_equal(endpoint.base, base);
  assert_string_equal(endpoint.authority, authority);
  assert_string_equal(endpoint.root, root);
}

/* Every region has a host of its own, us-east-1 too; China's end in .cn. */
static void test_regions(void **state) {
  (void)state;
  check("diffs", "us-west-2", NULL, "https://diffs.s3.us-west-2.amazonaws.com",
        "diffs.s3.us-west-2.amazonaws.com", "");
  check("diffs", "us-east-1", NULL, "https://diffs.s3.us-east-1.amazonaws.com",
        "diffs.s3.us-east-1.amazonaws.com", "");
  check("diffs", "cn-north-1", NULL, "https://diffs.s3.cn-north-1.amazonaws.com.cn",
        "diffs.s3.cn-north-1.amazonaws.com.cn", "");
}

/* A name that a certificate or a host name cannot hold is a path. */
static void test_names_that_are_no_label(void **state) {
  (void)state;
  static const char *const names[] = {"my.diffs", "Diffs", "my_diffs", "ab", "-diffs", "diffs-"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char root[64] = "/";
    check(names[i], "eu-west-1", NULL, "https://s3.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com",
          strcat(root, names[i]));
  }
}

/* Other servers get the bucket in the path, behind a path of their own. */
static void test_other_servers(void **state) {
  (void)state;
  check("diffs", "us-east-1", "http://127.0.0.1:7480", "http://127.0.0.1:7480", "127.0.0.1:7480", "/diffs");
  check("diffs", "x", "https://minio.example:443/", "https://minio.example", "minio.example", "/diffs");
  check("my.diffs", "x", "http://[::1]:9000/s3/", "http://[::1]:9000", "[::1]:9000", "/s3/my.diffs");
}

/* What is no bucket, no region, no URL says so. */
static void test_refusals(void **state) {
  (void)state;
  struct diffd_s3_endpoint endpoint;
  struct diffd_error err;
  static const char *const bad[][3] = {
      {"", "us-east-1", NULL},
      {"..", "us-east-1", NULL},
      {"a/b", "us-east-1", NULL},
      {"arn:aws:s3:us-east-1:1:accesspoint/x", "us-east-1", NULL},
      {"diffs", "", NULL},
      {"diffs", "us-east-1.evil.example/", NULL},
      {"diffs", "us-east-1", "ftp://example"},
      {"diffs", "us-east-1", "http://example/?x=1"},
      {"diffs", "us-east-1", "127.0.0.1:7480"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_int_equal(diffd_s3_endpoint_make(bad[i][0], bad[i][1], bad[i][2], &endpoint, &err), DIFFD_INVALID);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_regions),
      cmocka_unit_test(test_names_that_are_no_label),
      cmocka_unit_test(test_other_servers),
      cmocka_unit_test(test_refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
