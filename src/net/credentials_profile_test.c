/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles lead to keys, or to roles that STS gives out, as the AWS tools read them; what cannot be is told
 * with the profile's name. */
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
  const struct test_dir *dir;
  char credentials[TEST_PATH_MAX];
  char config[TEST_PATH_MAX];
};

static void begin(struct fixture *f, void **state, const char *credentials, const char *config) {
  test_world_begin(&f->w);
  f->dir = *state;
  test_write(f->dir, "credentials", credentials);
  test_write(f->dir, "config", config);
  f->w.config.shared_credentials_file = test_path(f->dir, "credentials", f->credentials);
  f->w.config.config_file = test_path(f->dir, "config", f->config);
}

static enum diffd_status get(struct fixture *f, const char *profile) {
  f->w.config.profile = profile;
  return diffd_profile_credentials(&f->w.call, &f->w.got, &f->w.err);
}

static void expect_keys(struct fixture *f, const char *profile, const char *key, const char *secret,
                        const char *token) {
  enum diffd_status status = get(f, profile);
  if (status != DIFFD_OK)
    fail_msg("%s: %s", profile != NULL ? profile : "default", f->w.err.detail);
  assert_string_equal(f->w.got.access_key_id, key);
  assert_string_equal(f->w.got.secret_access_key, secret);
  assert_string_equal(f->w.got.session_token, token);
}

static void expect_fault(struct fixture *f, const char *profile, enum diffd_status status, const char *why) {
  test_expect_fail(&f->w, get(f, profile), status, why);
}

static void test_keys(void **state) {
  struct fixture f;
  begin(&f, state,
        "[default]\naws_access_key_id = D\nAWS_Secret_Access_Key = d/+=\n"
        "[both]\naws_access_key_id = C\naws_secret_access_key = c\n"
        "[profile odd]\naws_access_key_id = X\naws_secret_access_key = x\n[half]\naws_access_key_id = H\n",
        "[default]\nregion = r\n[profile both]\naws_access_key_id = no\naws_secret_access_key = no\n"
        "aws_session_token = no\n[profile \"in config\"]\naws_access_key_id = K\naws_secret_access_key = k\n"
        "aws_session_token = t\n[bare]\naws_access_key_id = B\naws_secret_access_key = b\n"
        "[profile empty]\nregion = r\n");
  expect_keys(&f, NULL, "D", "d/+=", "");
  assert_true(f.w.got.expires_at == INT64_MAX);
  expect_keys(&f, "both", "C", "c", "");
  expect_keys(&f, "in config", "K", "k", "t");
  expect_fault(&f, "bare", DIFFD_INVALID, "no profile bare in ");
  expect_fault(&f, "odd", DIFFD_INVALID, "no profile odd in ");
  expect_fault(&f, "half", DIFFD_INVALID, "profile half: the secret access key is missing");
  expect_fault(&f, "empty", DIFFD_NOT_FOUND, "neither aws_access_key_id nor role_arn");
  test_world_end(&f.w);
}

static void test_which_files(void **state) {
  struct fixture f;
  char own[TEST_PATH_MAX];
  begin(&f, state, "[default]\naws_access_key_id = D\naws_secret_access_key = d\n", "");
  test_write(f.dir, "own", "[team]\naws_access_key_id = O\naws_secret_access_key = o\n");
  f.w.config.credentials_file = test_path(f.dir, "own", own);
  f.w.config.credentials_profile = "team";
  expect_keys(&f, NULL, "D", "d", "");
  f.w.config.use_iam = false;
  expect_keys(&f, "nobody", "O", "o", "");
  f.w.config.credentials_profile = NULL;
  expect_keys(&f, "team", "O", "o", "");
  expect_fault(&f, NULL, DIFFD_NOT_FOUND, "no profile default in ");
  f.w.config.credentials_file = NULL;
  expect_keys(&f, NULL, "D", "d", "");
  f.w.config.shared_credentials_file = f.w.config.config_file = NULL;
  expect_fault(&f, NULL, DIFFD_NOT_FOUND, "HOME is not set");
  f.w.config.home = f.dir->path;
  expect_fault(&f, NULL, DIFFD_NOT_FOUND, ".aws/credentials (no such file)");
  test_mkdir(f.dir, ".aws");
  test_write(f.dir, ".aws/credentials", "[default]\naws_access_key_id = H\naws_secret_access_key = h\n");
  expect_keys(&f, NULL, "H", "h", "");
  f.w.config.shared_credentials_file = "~/own";
  expect_keys(&f, "team", "O", "o", "");
  f.w.config.home = NULL;
  expect_fault(&f, NULL, DIFFD_INVALID, "HOME is not set, so ~");
  test_world_end(&f.w);
}

static void test_a_fault_in_a_file_names_the_line(void **state) {
  struct fixture f;
  begin(&f, state, "[default]\nwJalrXUtnFEMI\n", "");
  expect_fault(&f, NULL, DIFFD_INVALID, "credentials: line 2");
  assert_null(strstr(f.w.err.detail, "wJalr"));
  test_world_end(&f.w);
}

/* ---- roles ---- */

static const char roles[] =
    "[profile r]\nrole_arn = arn:aws:iam::1:role/R+x\nsource_profile = keys\n"
    "role_session_name = me\nexternal_id = e&1\nduration_seconds = 900\nregion = eu-west-1\n"
    "[profile r2]\nrole_arn = arn:2\nsource_profile = r\n"
    "[profile self]\nrole_arn = arn:s\nsource_profile = self\naws_access_key_id = S\n"
    "aws_secret_access_key = s\n";
static const char keys[] =
    "[keys]\naws_access_key_id = K\naws_secret_access_key = k\naws_session_token = t\n";

static void test_assume_role(void **state) {
  struct fixture f;
  begin(&f, state, keys, roles);
  test_reply(&f.w.outside, (struct test_reply){"POST https://sts.eu-west-1.amazonaws.com/", 200,
                                               TEST_STS_ANSWER("R", LATER)});
  expect_keys(&f, "r", "R", "s-R", "t-R");
  assert_int_equal(f.w.got.expires_at, TEST_NOW + 3600);
  assert_string_equal(f.w.outside.body,
                      "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2FR"
                      "%2Bx&RoleSessionName=me&ExternalId=e%261&DurationSeconds=900");
  assert_non_null(strstr(f.w.outside.headers, "Content-Type: application/x-www-form-urlencoded\n"));
  assert_non_null(strstr(f.w.outside.headers, "X-Amz-Date: 20231114T221320Z\n"));
  assert_non_null(strstr(f.w.outside.headers, "X-Amz-Security-Token: t\n"));
  assert_non_null(strstr(f.w.outside.headers, "Credential=K/20231114/eu-west-1/sts/aws4_request"));
  test_world_end(&f.w);
}

/* keys, then R with them, then R2 with R's. */
static void test_roles_on_roles(void **state) {
  struct fixture f;
  begin(&f, state, keys, roles);
  f.w.config.endpoint_url_sts = "http://sts.test:9000";
  test_reply(&f.w.outside, (struct test_reply){"POST http://sts.test:9000/", 200, TEST_STS_ANSWER("R", LATER),
                                               "Credential=K/", .times = 1});
  test_reply(&f.w.outside,
             (struct test_reply){"POST http://sts.test:9000/", 200, TEST_STS_ANSWER("R2", LATER),
                                 "Credential=R/20231114/us-east-1/"});
  expect_keys(&f, "r2", "R2", "s-R2", "t-R2");
  assert_non_null(strstr(f.w.outside.body, "RoleArn=arn%3A2&RoleSessionName=vpcflow-diffd"));
  test_peer_reset(&f.w.outside);
  test_reply(&f.w.outside, (struct test_reply){"POST http://sts.test:9000/", 200, TEST_STS_ANSWER("O", LATER),
                                               "Credential=S/"});
  expect_keys(&f, "self", "O", "s-O", "t-O");
  test_world_end(&f.w);
}

static void test_regions_and_endpoints(void **state) {
  static const struct {
    const char *env, *fallback, *all, *sts, *url;
  } cases[] = {
      {NULL, NULL, NULL, NULL, "POST https://sts.amazonaws.com/\n"},
      {NULL, "us-west-2", NULL, NULL, "POST https://sts.us-west-2.amazonaws.com/\n"},
      {"cn-north-1", "us-west-2", NULL, NULL, "POST https://sts.cn-north-1.amazonaws.com.cn/\n"},
      {"us-iso-east-1", NULL, NULL, NULL, "POST https://sts.us-iso-east-1.c2s.ic.gov/\n"},
      {NULL, NULL, "http://all:1/x", NULL, "POST http://all:1/x/\n"},
      {"r", NULL, "http://all:1", "https://sts:2/", "POST https://sts:2/\n"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct fixture f;
    begin(&f, state, keys, "[profile r]\nrole_arn = a\nsource_profile = keys\n");
    f.w.config.region = cases[i].env;
    f.w.options.region = cases[i].fallback;
    f.w.config.endpoint_url = cases[i].all;
    f.w.config.endpoint_url_sts = cases[i].sts;
    test_reply(&f.w.outside, (struct test_reply){"POST ", 200, TEST_STS_ANSWER("R", LATER)});
    expect_keys(&f, "r", "R", "s-R", "t-R");
    assert_string_equal(f.w.outside.asked, cases[i].url);
    test_world_end(&f.w);
  }
}

static void test_credential_sources(void **state) {
  struct fixture f;
  begin(&f, state, "",
        "[profile e]\nrole_arn=a\ncredential_source = Environment\n[profile c]\nrole_arn=a\n"
        "credential_source=EcsContainer\n[profile i]\nrole_arn=a\ncredential_source=Ec2InstanceMetadata\n"
        "[profile x]\nrole_arn=a\ncredential_source=Moon\n");
  expect_fault(&f, "e", DIFFD_INVALID, "credential_source Environment: AWS_ACCESS_KEY_ID is not set");
  expect_fault(&f, "c", DIFFD_INVALID, "credential_source EcsContainer: AWS_CONTAINER_");
  expect_fault(&f, "x", DIFFD_INVALID, "write Environment, EcsContainer or Ec2InstanceMetadata");
  f.w.config.access_key_id = "E";
  f.w.config.secret_access_key = "e";
  f.w.config.container_full_uri = "http://localhost/c";
  test_reply(&f.w.direct, (struct test_reply){"GET http://localhost/c", 200, TEST_JSON_ANSWER("C", LATER)});
  test_reply(&f.w.direct, (struct test_reply){"PUT http://169.254.169.254/", 200, "t"});
  test_reply(&f.w.direct,
             (struct test_reply){"GET http://169.254.169.254/latest/meta-data/iam/security-credentials/r",
                                 200, TEST_JSON_ANSWER("I", LATER)});
  test_reply(&f.w.direct, (struct test_reply){"GET http://169.254.169.254/", 200, "r"});
  static const char *const signers[][2] = {
      {"e", "Credential=E/"}, {"c", "Credential=C/"}, {"i", "Credential=I/"}};
  for (size_t i = 0; i < 3; i++) {
    test_peer_reset(&f.w.outside);
    test_reply(&f.w.outside, (struct test_reply){"POST ", 200, TEST_STS_ANSWER("R", LATER), signers[i][1]});
    expect_keys(&f, signers[i][0], "R", "s-R", "t-R");
  }
  test_world_end(&f.w);
}

static void test_web_identity_of_a_profile(void **state) {
  struct fixture f;
  begin(&f, state, "", "[profile w]\nrole_arn = arn:w\nweb_identity_token_file = ~/token\n");
  f.w.config.home = f.dir->path;
  expect_fault(&f, "w", DIFFD_UNAVAILABLE, "there is no file");
  test_write(f.dir, "token", "eyJ.a-b_c\n");
  test_reply(&f.w.outside, (struct test_reply){"POST ", 200, TEST_STS_ANSWER("W", LATER)});
  expect_keys(&f, "w", "W", "s-W", "t-W");
  assert_string_equal(f.w.outside.body, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aw&"
                                        "RoleSessionName=vpcflow-diffd&WebIdentityToken=eyJ.a-b_c");
  assert_null(strstr(f.w.outside.headers, "Authorization"));
  test_world_end(&f.w);
}

static void test_what_leads_nowhere(void **state) {
  struct fixture f;
  begin(&f, state, keys,
        "[profile a]\nrole_arn=x\nsource_profile=b\n[profile b]\nrole_arn=x\nsource_profile=a\n"
        "[profile lone]\nrole_arn=x\n[profile two]\nrole_arn=x\nsource_profile=keys\n"
        "credential_source=Environment\n[profile gone]\nrole_arn=x\nsource_profile=nobody\n"
        "[profile bare]\nrole_arn=x\nsource_profile=region\n[profile region]\nregion=r\n"
        "[profile mfa]\nrole_arn=x\nsource_profile=keys\nmfa_serial=1\n"
        "[profile long]\nrole_arn=x\nsource_profile=keys\nduration_seconds=1h\n"
        "[profile host]\nrole_arn=x\nsource_profile=keys\nregion=evil.example/\n"
        "[profile proc]\ncredential_process=/bin/x\n[profile sso]\nsso_session=s\n"
        "[profile p0]\nrole_arn=x\nsource_profile=p1\n[profile p1]\nrole_arn=x\nsource_profile=p2\n"
        "[profile p2]\nrole_arn=x\nsource_profile=p3\n[profile p3]\nrole_arn=x\nsource_profile=p4\n"
        "[profile p4]\nrole_arn=x\nsource_profile=p5\n[profile p5]\nrole_arn=x\nsource_profile=p6\n"
        "[profile p6]\nrole_arn=x\nsource_profile=p7\n[profile p7]\nrole_arn=x\nsource_profile=keys\n");
  expect_fault(&f, "a", DIFFD_INVALID, "the profile a leads back to itself");
  expect_fault(&f, "lone", DIFFD_INVALID, "profile lone: it has role_arn, but nothing to assume");
  expect_fault(&f, "two", DIFFD_INVALID, "both source_profile and credential_source");
  expect_fault(&f, "gone", DIFFD_INVALID, "profile gone: source_profile: no profile nobody in");
  expect_fault(&f, "bare", DIFFD_INVALID, "source_profile: profile region: it has neither");
  expect_fault(&f, "mfa", DIFFD_INVALID, "mfa_serial");
  expect_fault(&f, "long", DIFFD_INVALID, "duration_seconds is no number");
  expect_fault(&f, "host", DIFFD_INVALID, "evil.example/ is no region");
  expect_fault(&f, "proc", DIFFD_INVALID, "credential_process, which is not supported");
  expect_fault(&f, "sso", DIFFD_INVALID, "SSO), which is not supported");
  expect_fault(&f, "p0", DIFFD_INVALID, "more than 8 profiles");
  assert_int_equal(f.w.outside.requests, 0);
  test_world_end(&f.w);
}

static void expect_sts(struct fixture *f, unsigned status, const char *body, enum diffd_status expected,
                       const char *why) {
  test_peer_reset(&f->w.outside);
  test_reply(&f->w.outside, (struct test_reply){"POST ", status, body});
  expect_fault(f, "r", expected, why);
  assert_null(strstr(f->w.err.detail, "sesame"));
}

static void test_bad_answers_of_sts(void **state) {
  struct fixture f;
  begin(&f, state, keys, "[profile r]\nrole_arn = arn:r\nsource_profile = keys\n");
  expect_sts(
      &f, 403,
      "<ErrorResponse xmlns=\"x\"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User is not\n"
      "authorized</Message></Error></ErrorResponse>",
      DIFFD_UNAVAILABLE,
      "AssumeRole of arn:r at https://sts.amazonaws.com/: it answered 403 AccessDenied: User is not "
      "authorized");
  assert_int_equal(f.w.outside.requests, 1);
  expect_sts(&f, 503, "<html>", DIFFD_UNAVAILABLE, "it answered 503");
  assert_int_equal(f.w.outside.requests, 3);
  expect_sts(&f, 0, NULL, DIFFD_UNAVAILABLE, "connection refused");
  expect_sts(&f, 200, "", DIFFD_INVALID, "its answer: it is no XML");
  expect_sts(&f, 200, "<a/>", DIFFD_INVALID, "its answer: the access key id is missing");
  expect_sts(&f, 200,
             "<a><b><Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>sesame</SecretAccessKey>"
             "<Expiration>never</Expiration></Credentials></b></a>",
             DIFFD_INVALID, "its answer: Expiration");
  test_world_end(&f.w);
}

int main(void) {
#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, test_dir_make, test_dir_destroy)
  const struct CMUnitTest tests[] = {
      WITH_DIR(test_keys),
      WITH_DIR(test_which_files),
      WITH_DIR(test_a_fault_in_a_file_names_the_line),
      WITH_DIR(test_assume_role),
      WITH_DIR(test_roles_on_roles),
      WITH_DIR(test_regions_and_endpoints),
      WITH_DIR(test_credential_sources),
      WITH_DIR(test_web_identity_of_a_profile),
      WITH_DIR(test_what_leads_nowhere),
      WITH_DIR(test_bad_answers_of_sts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
