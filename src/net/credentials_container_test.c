/* SPDX-License-Identifier: Apache-2.0 */
/* A container's agent is asked where AWS says, with its token, and never over plain HTTP at a stranger's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/test_dir.h"
#include "net/test_credentials.h"

#define ANSWER TEST_JSON_ANSWER("K", "2023-11-14T23:13:20Z")

static void test_relative(void **state) {
  struct test_world w;
  (void)state;
  test_world_begin(&w);
  w.config.container_relative_uri = "/v2/credentials/1?x=1";
  w.config.container_full_uri = "http://localhost/ignored"; /* as AWS documents it */
  test_reply(&w.direct, (struct test_reply){"GET http://169.254.170.2/v2/credentials/1?x=1", 200, ANSWER});
  assert_int_equal(diffd_container_credentials(&w.call, &w.got, &w.err), DIFFD_OK);
  assert_string_equal(w.got.access_key_id, "K");
  assert_null(strstr(w.direct.headers, "Authorization"));
  w.config.container_token = "variable";
  assert_int_equal(diffd_container_credentials(&w.call, &w.got, &w.err), DIFFD_OK);
  assert_non_null(strstr(w.direct.headers, "Authorization: variable\n"));
  w.config.container_relative_uri = "@evil.example/";
  test_expect_fail(&w, diffd_container_credentials(&w.call, &w.got, &w.err), DIFFD_INVALID, "slash");
  w.config.container_relative_uri = w.config.container_full_uri = NULL;
  test_expect_fail(&w, diffd_container_credentials(&w.call, &w.got, &w.err), DIFFD_NOT_FOUND,
                   "AWS_CONTAINER_CREDENTIALS_FULL_URI");
  assert_int_equal(w.direct.requests, 2);
  test_world_end(&w);
}

static void test_token_file_is_read_each_time(void **state) {
  struct test_world w;
  char path[TEST_PATH_MAX];
  test_world_begin(&w);
  w.config.container_full_uri = "http://169.254.170.23/v1/credentials";
  w.config.container_token = "of the variable";
  w.config.container_token_file = test_path(*state, "token", path);
  test_reply(&w.direct, (struct test_reply){"GET http://169.254.170.23/v1/credentials", 200, ANSWER,
                                            "Authorization: first\n", .times = 1});
  test_reply(&w.direct, (struct test_reply){"GET http://169.254.170.23/v1/credentials", 200, ANSWER,
                                            "Authorization: second\n"});
  test_expect_fail(&w, diffd_container_credentials(&w.call, &w.got, &w.err), DIFFD_UNAVAILABLE,
                   "there is no file");
  test_write(*state, "token", "first\n");
  assert_int_equal(diffd_container_credentials(&w.call, &w.got, &w.err), DIFFD_OK);
  test_write(*state, "token", "second");
  assert_int_equal(diffd_container_credentials(&w.call, &w.got, &w.err), DIFFD_OK);
  test_write(*state, "token", "a\nHost: b");
  test_expect_fail(&w, diffd_container_credentials(&w.call, &w.got, &w.err), DIFFD_INVALID, "line break");
  test_world_end(&w);
}

static void test_hosts(void **state) {
  static const struct {
    const char *url;
    bool allowed;
  } cases[] = {
      {"http://localhost:9/x", true},
      {"http://127.0.0.1/x", true},
      {"http://127.9.9.9:1/x", true},
      {"http://[::1]:8080/x", true},
      {"http://169.254.170.2/x", true},
      {"http://169.254.170.23/x", true},
      {"http://[fd00:ec2::23]/x", true},
      {"http://[FD00:EC2:0::23]/x", true},
      {"https://agent.example/x", true},
      {"http://agent.example/x", false},
      {"http://169.254.169.254/", false},
      {"http://128.0.0.1/", false},
      {"http://[::2]/", false},
      {"http://[::ffff:10.0.0.1]/", false},
      {"http://localhost.evil/", false},
      {"http://127.0.0.1.evil/", false},
      {"http://127.0.0.1@evil/", false},
      {"ftp://localhost/", false},
      {"localhost", false},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct test_world w;
    test_world_begin(&w);
    w.config.container_full_uri = cases[i].url;
    test_reply(&w.direct, (struct test_reply){"GET ", 200, ANSWER});
    enum diffd_status status = diffd_container_credentials(&w.call, &w.got, &w.err);
    if (status != (cases[i].allowed ? DIFFD_OK : DIFFD_INVALID))
      fail_msg("%s: status %d", cases[i].url, (int)status);
    assert_int_equal(w.direct.requests, cases[i].allowed ? 1 : 0);
    test_world_end(&w);
  }
}

static void test_refusals_are_told(void **state) {
  struct test_world w;
  (void)state;
  test_world_begin(&w);
  w.config.container_full_uri = "http://127.0.0.1/c";
  test_reply(&w.direct, (struct test_reply){
                            "GET ", 400, "{\"code\":\"BadRole\",\"message\":\"no such task\"}", .times = 1});
  test_reply(&w.direct, (struct test_reply){"GET ", 500, "<html>"});
  test_expect_fail(&w, diffd_container_credentials(&w.call, &w.got, &w.err), DIFFD_UNAVAILABLE,
                   "http://127.0.0.1/c answered 400: BadRole: no such task");
  test_expect_fail(&w, diffd_container_credentials(&w.call, &w.got, &w.err), DIFFD_UNAVAILABLE,
                   "answered 500");
  assert_int_equal(w.direct.requests, 1 + 3);
  test_world_end(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_relative),
      cmocka_unit_test_setup_teardown(test_token_file_is_read_each_time, test_dir_make, test_dir_destroy),
      cmocka_unit_test(test_hosts),
      cmocka_unit_test(test_refusals_are_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
