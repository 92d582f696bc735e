/* SPDX-License-Identifier: Apache-2.0 */
/* Instance metadata are asked by version 2 with a token, by version 1 where there is none to be had, and what
 * they cannot give is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/test_credentials.h"

#define BASE  "http://169.254.169.254/latest/"
#define ROLES "GET " BASE "meta-data/iam/security-credentials/"
#define TOKEN "PUT " BASE "api/token"
#define LATER "2023-11-14T23:13:20Z"

static void test_version_2(void **state) {
  struct test_world w;
  (void)state;
  test_world_begin(&w);
  test_reply(&w.direct,
             (struct test_reply){TOKEN, 200, "tok\n", "X-aws-ec2-metadata-token-ttl-seconds: 21600"});
  test_reply(&w.direct, (struct test_reply){ROLES "my-role", 200, TEST_JSON_ANSWER("K", LATER),
                                            "X-aws-ec2-metadata-token: tok"});
  test_reply(&w.direct, (struct test_reply){ROLES, 200, "my-role\nother\n", "X-aws-ec2-metadata-token: tok"});
  assert_int_equal(diffd_metadata_credentials(&w.call, &w.got, &w.err), DIFFD_OK);
  assert_string_equal(w.got.access_key_id, "K");
  assert_int_equal(w.got.expires_at, TEST_NOW + 3600);
  assert_string_equal(w.direct.asked, TOKEN "\n" ROLES "\n" ROLES "my-role\n");
  test_world_end(&w);
}

/* 403, 404 and 405 come from old services; no answer from those that a container's hop limit hides. */
static void test_version_1(void **state) {
  static const unsigned statuses[] = {0, 403, 404, 405, 500};
  (void)state;
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
    struct test_world w;
    test_world_begin(&w);
    test_reply(&w.direct, (struct test_reply){TOKEN, statuses[i], "no"});
    test_reply(&w.direct, (struct test_reply){ROLES "r", 200, TEST_JSON_ANSWER("K", LATER)});
    test_reply(&w.direct, (struct test_reply){ROLES, 200, "r"});
    assert_int_equal(diffd_metadata_credentials(&w.call, &w.got, &w.err), DIFFD_OK);
    assert_string_equal(w.got.session_token, "t-K");
    assert_string_equal(w.direct.headers, "");
    test_world_end(&w);
  }
}

static void expect(const struct test_reply *replies, size_t count, enum diffd_status status,
                   const char *why) {
  struct test_world w;
  test_world_begin(&w);
  for (size_t i = 0; i < count; i++)
    test_reply(&w.direct, replies[i]);
  test_expect_fail(&w, diffd_metadata_credentials(&w.call, &w.got, &w.err), status, why);
  test_world_end(&w);
}
#define EXPECT(status, why, ...)                                                                             \
  expect((const struct test_reply[]){__VA_ARGS__},                                                           \
         sizeof((const struct test_reply[]){__VA_ARGS__}) / sizeof(struct test_reply), status, why)

static void test_what_is_told(void **state) {
  (void)state;
  EXPECT(DIFFD_UNAVAILABLE, "hop limit", {TOKEN, 0}, {ROLES, 401});
  EXPECT(DIFFD_NOT_FOUND, "instance profile", {TOKEN, 200, "t"}, {ROLES, 404});
  EXPECT(DIFFD_NOT_FOUND, "instance profile", {TOKEN, 200, "t"}, {ROLES, 200, "\n"});
  EXPECT(DIFFD_UNAVAILABLE, "no role's name", {TOKEN, 200, "t"}, {ROLES, 200, "../../x"});
  EXPECT(DIFFD_UNAVAILABLE, "no role's name", {TOKEN, 200, "t"}, {ROLES, 200, "<html>"});
  EXPECT(DIFFD_UNAVAILABLE, "connection refused", {TOKEN, 0});
  EXPECT(DIFFD_UNAVAILABLE, "it answered 503", {TOKEN, 200, "t"}, {ROLES, 503});
  EXPECT(DIFFD_UNAVAILABLE, "it answered Failed: later", {TOKEN, 200, "t"},
         {ROLES "r", 200, "{\"Code\":\"Failed\",\"Message\":\"later\"}"}, {ROLES, 200, "r"});
  EXPECT(DIFFD_TOO_LARGE, "longer than", {TOKEN, 200, "t"},
         {ROLES, 200, "0123456789abcdef", NULL, 0, 0, 5000});
  EXPECT(DIFFD_CANCELLED, "", {TOKEN, 0, .fails = DIFFD_CANCELLED});
}

/* Nobody is there: one try each, for a start on a laptop must not hang. */
static void test_silence_costs_two_tries(void **state) {
  struct test_world w;
  (void)state;
  test_world_begin(&w);
  test_expect_fail(&w, diffd_metadata_credentials(&w.call, &w.got, &w.err), DIFFD_UNAVAILABLE,
                   "http://169.254.169.254: connection refused");
  assert_int_equal(w.direct.requests, 2);
  test_world_end(&w);
}

static void test_trouble_is_ridden_out(void **state) {
  struct test_world w;
  (void)state;
  test_world_begin(&w);
  test_reply(&w.direct, (struct test_reply){TOKEN, 200, "t"});
  test_reply(&w.direct, (struct test_reply){ROLES, 503, NULL, .times = 2});
  test_reply(&w.direct, (struct test_reply){ROLES "r", 200, TEST_JSON_ANSWER("K", LATER)});
  test_reply(&w.direct, (struct test_reply){ROLES, 200, "r"});
  assert_int_equal(diffd_metadata_credentials(&w.call, &w.got, &w.err), DIFFD_OK);
  assert_int_equal(w.direct.requests, 5);
  test_world_end(&w);
}

/* What the service gives although it is over by its own word is used a while longer. */
static void test_expired_ones_are_extended(void **state) {
  struct test_world w;
  (void)state;
  test_world_begin(&w);
  w.config.metadata_endpoint = "http://localhost:1338//";
  test_reply(&w.direct, (struct test_reply){"PUT http://localhost:1338/latest/api/token", 200, "t"});
  test_reply(&w.direct,
             (struct test_reply){"GET http://localhost:1338/latest/meta-data/iam/security-credentials/r", 200,
                                 TEST_JSON_ANSWER("K", "2023-11-14T22:00:00Z")});
  test_reply(&w.direct, (struct test_reply){"GET http://localhost:1338/latest/meta-data/iam/", 200, "r"});
  assert_int_equal(diffd_metadata_credentials(&w.call, &w.got, &w.err), DIFFD_OK);
  assert_int_equal(w.got.expires_at, TEST_NOW + 600);
  w.config.metadata_disabled = true;
  test_expect_fail(&w, diffd_metadata_credentials(&w.call, &w.got, &w.err), DIFFD_NOT_FOUND,
                   "AWS_EC2_METADATA_DISABLED");
  assert_int_equal(w.direct.requests, 3);
  test_world_end(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_version_2),
      cmocka_unit_test(test_version_1),
      cmocka_unit_test(test_what_is_told),
      cmocka_unit_test(test_silence_costs_two_tries),
      cmocka_unit_test(test_trouble_is_ridden_out),
      cmocka_unit_test(test_expired_ones_are_extended),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
