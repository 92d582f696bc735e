/* SPDX-License-Identifier: Apache-2.0 */
/* Providers are asked in AWS's order, the first that is set up decides, and a failure tells of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/test_dir.h"
#include "net/test_credentials.h"

#define LATER "2023-11-14T23:13:20Z"

struct fixture {
  struct test_world w;
  char credentials[TEST_PATH_MAX];
  char token[TEST_PATH_MAX];
};

/* All providers are set up and would answer with a key of their own name. */
static void begin(struct fixture *f, void **state) {
  test_world_begin(&f->w);
  struct diffd_aws_config *config = &f->w.config;
  test_write(*state, "credentials", "[default]\naws_access_key_id = PROFILE\naws_secret_access_key = p\n");
  test_write(*state, "token", "jwt");
  config->access_key_id = "ENVIRONMENT";
  config->secret_access_key = "e";
  config->session_token = "token";
  config->web_identity_token_file = test_path(*state, "token", f->token);
  config->role_arn = "arn";
  config->shared_credentials_file = test_path(*state, "credentials", f->credentials);
  config->config_file = "/dev/null";
  config->container_relative_uri = "/c";
  test_reply(&f->w.outside, (struct test_reply){"POST ", 200, TEST_STS_ANSWER("WEB", LATER)});
  test_reply(&f->w.direct,
             (struct test_reply){"GET http://169.254.170.2/c", 200, TEST_JSON_ANSWER("CONTAINER", LATER)});
  test_reply(&f->w.direct, (struct test_reply){"PUT ", 200, "t"});
  test_reply(&f->w.direct,
             (struct test_reply){"GET http://169.254.169.254/latest/meta-data/iam/security-credentials/r",
                                 200, TEST_JSON_ANSWER("METADATA", LATER)});
  test_reply(&f->w.direct, (struct test_reply){"GET ", 200, "r"});
}

static enum diffd_status ask(struct fixture *f, bool *from_files) {
  return diffd_credentials_chain(&f->w.call, &f->w.got, from_files, &f->w.err);
}

static void expect_key(struct fixture *f, const char *key, bool from_files) {
  bool got_from_files = !from_files;
  if (ask(f, &got_from_files) != DIFFD_OK)
    fail_msg("%s: %s", key, f->w.err.detail);
  assert_string_equal(f->w.got.access_key_id, key);
  assert_int_equal(got_from_files, from_files);
}

static void test_order_with_iam(void **state) {
  struct fixture f;
  begin(&f, state);
  expect_key(&f, "ENVIRONMENT", false);
  assert_string_equal(f.w.got.session_token, "token");
  assert_int_equal(f.w.outside.requests + f.w.direct.requests, 0);
  f.w.config.access_key_id = f.w.config.secret_access_key = NULL;
  expect_key(&f, "WEB", false);
  f.w.config.web_identity_token_file = NULL;
  expect_key(&f, "PROFILE", true);
  f.w.config.shared_credentials_file = "/dev/null";
  expect_key(&f, "CONTAINER", false);
  f.w.config.container_relative_uri = NULL;
  expect_key(&f, "METADATA", false);
  test_world_end(&f.w);
}

static void test_without_iam_only_what_is_written_down(void **state) {
  struct fixture f;
  bool from_files;
  begin(&f, state);
  f.w.config.use_iam = false;
  expect_key(&f, "ENVIRONMENT", false);
  f.w.config.access_key_id = f.w.config.secret_access_key = NULL;
  expect_key(&f, "PROFILE", true);
  f.w.config.shared_credentials_file = "/dev/null";
  test_expect_fail(&f.w, ask(&f, &from_files), DIFFD_UNAVAILABLE, "USE_IAM=true");
  assert_int_equal(f.w.outside.requests + f.w.direct.requests, 0);
  test_world_end(&f.w);
}

static void test_a_failure_tells_of_each(void **state) {
  struct fixture f;
  bool from_files;
  (void)state;
  test_world_begin(&f.w);
  f.w.config.home = "/nonexistent";
  assert_int_equal(ask(&f, &from_files), DIFFD_UNAVAILABLE);
  assert_string_equal(
      f.w.err.detail,
      "no AWS credentials: mend what is told here, or give the instance, task or pod a role, or set "
      "AWS_ACCESS_KEY_ID "
      "and AWS_SECRET_ACCESS_KEY; tried: environment: AWS_ACCESS_KEY_ID is not set; web identity: "
      "AWS_WEB_IDENTITY_TOKEN_FILE is not set; profile: no profile default in /nonexistent/.aws/credentials "
      "(no such "
      "file) or /nonexistent/.aws/config (no such file); container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI "
      "and "
      "AWS_CONTAINER_CREDENTIALS_FULL_URI are not set; instance metadata: http://169.254.169.254: connection "
      "refused");
  test_world_end(&f.w);
}

/* Somebody meant the role of the token: the profile's identity would be another one. */
static void test_what_is_set_up_and_fails_decides(void **state) {
  struct fixture f;
  bool from_files;
  begin(&f, state);
  f.w.config.secret_access_key = NULL;
  test_expect_fail(&f.w, ask(&f, &from_files), DIFFD_UNAVAILABLE, "AWS_SECRET_ACCESS_KEY is not: set both");
  f.w.config.access_key_id = NULL;
  test_peer_reset(&f.w.outside);
  test_reply(&f.w.outside, (struct test_reply){"POST ", 403, NULL});
  test_expect_fail(&f.w, ask(&f, &from_files), DIFFD_UNAVAILABLE, "AssumeRoleWithWebIdentity of arn at");
  f.w.config.role_arn = NULL;
  test_expect_fail(&f.w, ask(&f, &from_files), DIFFD_UNAVAILABLE, "AWS_ROLE_ARN is not");
  f.w.config.web_identity_token_file = NULL;
  f.w.config.profile = "nobody";
  test_expect_fail(&f.w, ask(&f, &from_files), DIFFD_UNAVAILABLE, "profile: no profile nobody in");
  assert_int_equal(f.w.direct.requests, 0);
  test_world_end(&f.w);
}

static void test_being_told_to_stop_is_no_failure_of_a_provider(void **state) {
  struct fixture f;
  bool from_files;
  (void)state;
  test_world_begin(&f.w);
  test_reply(&f.w.direct, (struct test_reply){"PUT ", 0, .fails = DIFFD_CANCELLED});
  assert_int_equal(ask(&f, &from_files), DIFFD_CANCELLED);
  test_world_end(&f.w);
}

int main(void) {
#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, test_dir_make, test_dir_destroy)
  const struct CMUnitTest tests[] = {
      WITH_DIR(test_order_with_iam),
      WITH_DIR(test_without_iam_only_what_is_written_down),
      cmocka_unit_test(test_a_failure_tells_of_each),
      WITH_DIR(test_what_is_set_up_and_fails_decides),
      cmocka_unit_test(test_being_told_to_stop_is_no_failure_of_a_provider),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
