/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials out of JSON, files and variables are taken as they are or refused with a reason that shows
 * nothing of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/test_dir.h"
#include "net/credentials_text.h"
#include "net/test_credentials.h"

static struct diffd_span span_of(const char *text) {
  return (struct diffd_span){text, strlen(text)};
}

static enum diffd_status read_json(struct test_world *world, const char *text) {
  return diffd_credentials_from_json(span_of(text), &world->got, &world->err);
}

static void test_json(void **state) {
  struct test_world world;
  (void)state;
  test_world_begin(&world);
  assert_int_equal(read_json(&world, TEST_JSON_ANSWER("K", "2023-11-14T22:13:20Z")), DIFFD_OK);
  assert_string_equal(world.got.access_key_id, "K");
  assert_string_equal(world.got.secret_access_key, "s-K");
  assert_string_equal(world.got.session_token, "t-K");
  assert_int_equal(world.got.expires_at, TEST_NOW);
  assert_int_equal(read_json(&world, "{\"AccessKeyId\":\"K\",\"SecretAccessKey\":\"S\",\"Token\":null}"),
                   DIFFD_OK);
  assert_true(world.got.expires_at == INT64_MAX && world.got.session_token[0] == '\0');
  test_world_end(&world);
}

static void test_bad_json_is_refused(void **state) {
  static const struct {
    const char *text;
    const char *why;
  } cases[] = {
      {"", "not JSON"},
      {"sesame", "not JSON: line 1, column 6"},
      {"{\"SecretAccessKey\":\"sesame", "not JSON"},
      {"[]", "not a JSON object"},
      {"{}", "the access key id is missing"},
      {"{\"AccessKeyId\":\"K\",\"SecretAccessKey\":1}", "the secret access key is missing"},
      {"{\"AccessKeyId\":\"K\",\"SecretAccessKey\":\"ses\\name\"}", "white space"},
      {"{\"AccessKeyId\":\"K\",\"SecretAccessKey\":\"sesame\",\"Token\":\"a\\r\\nb: c\"}",
       "session token holds"},
      {"{\"AccessKeyId\":\"K\",\"SecretAccessKey\":\"sesame\",\"Expiration\":\"soon\"}", "Expiration"},
      {"{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"EC2 cannot\\nassume\"}",
       "AssumeRoleUnauthorizedAccess: EC2 cannot assume"},
  };
  struct test_world world;
  (void)state;
  test_world_begin(&world);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    enum diffd_status status = read_json(&world, cases[i].text);
    assert_true(status == DIFFD_INVALID || status == DIFFD_UNAVAILABLE);
    assert_non_null(strstr(world.err.detail, cases[i].why));
    assert_null(strstr(world.err.detail, "sesame"));
  }
  test_world_end(&world);
}

static void test_what_headers_cannot_hold(void **state) {
  struct test_world world;
  char longest[DIFFD_SECRET_KEY_MAX + 2];
  struct diffd_span token;
  (void)state;
  test_world_begin(&world);
  memset(longest, 'a', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  test_expect_fail(&world,
                   diffd_credentials_set(span_of("K"), span_of(longest), span_of(""), &world.got, &world.err),
                   DIFFD_INVALID, "secret access key is longer than 256");
  longest[DIFFD_SECRET_KEY_MAX] = '\0';
  assert_int_equal(diffd_credentials_set(span_of("K"), span_of(longest), span_of(""), &world.got, &world.err),
                   DIFFD_OK);
  assert_int_equal(diffd_token_trim(span_of(" \tBearer x\r\n"), "it", &token, &world.err), DIFFD_OK);
  assert_true(token.len == 8 && memcmp(token.ptr, "Bearer x", 8) == 0);
  test_expect_fail(&world, diffd_token_trim(span_of("\n"), "it", &token, &world.err), DIFFD_INVALID,
                   "it is empty");
  test_expect_fail(&world, diffd_token_trim(span_of("a\r\nb"), "it", &token, &world.err), DIFFD_INVALID,
                   "line break");
  test_world_end(&world);
}

static void test_files(void **state) {
  struct test_world world;
  char path[TEST_PATH_MAX];
  struct diffd_buffer text = {0};
  test_world_begin(&world);
  test_write(*state, "five", "12345");
  assert_int_equal(diffd_small_file_read(test_path(*state, "five", path), 5, &text, &world.err), DIFFD_OK);
  assert_string_equal(text.ptr, "12345");
  diffd_buffer_wipe(&text);
  test_expect_fail(&world, diffd_small_file_read(path, 4, &text, &world.err), DIFFD_TOO_LARGE,
                   "longer than 4");
  test_expect_fail(&world, diffd_small_file_read(test_path(*state, "none", path), 4, &text, &world.err),
                   DIFFD_NOT_FOUND, "none");
  test_expect_fail(&world, diffd_small_file_read(((struct test_dir *)*state)->path, 4, &text, &world.err),
                   DIFFD_INVALID, "not a regular file");
  assert_int_equal(mkfifo(test_path(*state, "pipe", path), 0600), 0);
  test_expect_fail(&world, diffd_small_file_read(path, 4, &text, &world.err), DIFFD_INVALID,
                   "not a regular file");
  assert_int_equal(diffd_small_file_read("/dev/null", 4, &text, &world.err), DIFFD_OK);
  assert_int_equal(text.len, 0);
  diffd_buffer_wipe(&text);
  test_world_end(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_json),
      cmocka_unit_test(test_bad_json_is_refused),
      cmocka_unit_test(test_what_headers_cannot_hold),
      cmocka_unit_test_setup_teardown(test_files, test_dir_make, test_dir_destroy),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
