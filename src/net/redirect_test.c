/* SPDX-License-Identifier: Apache-2.0
 *
 * Redirects are followed where the request's meaning stays, and no further than the limit.
 */
#include "net/redirect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/test_http_client.h"

static const struct diffd_context ctx;

/* Sends through a script, and gives the status of the answer, or 0 where the sending failed. */
static unsigned send(struct test_http_client *client, struct diffd_http_request request,
                     struct diffd_error *err) {
  struct diffd_http_response response;
  if (diffd_http_send_following(&client->base, &ctx, &request, &response, err) != DIFFD_OK) {
    assert_int_equal(client->open_bodies, 0);
    return 0;
  }
  diffd_reader_destroy(response.body);
  assert_int_equal(client->open_bodies, 0);
  return response.status;
}

static void test_get_follows(void **state) {
  (void)state;
  static const unsigned codes[] = {301, 302, 303, 307, 308};
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    const struct test_answer answers[] = {
        {.status = codes[i], .header = {"location", "../other?x=1"}, .body = "moved"}, {.status = 200}};
    struct test_http_client client = test_http_client(answers, 2);
    struct diffd_error err;
    assert_int_equal(
        send(&client, (struct diffd_http_request){.method = "GET", .url = "http://a:1/b/c?d"}, &err), 200);
    assert_string_equal(client.asked, "GET http://a:1/b/c?d\nGET http://a:1/other?x=1\n");
  }
}

/* A POST is repeated with its body, or, where it would become a GET, not at all. */
static void test_post(void **state) {
  (void)state;
  const struct diffd_http_request request = {.method = "POST", .url = "http://a/b", .body = {"job", 3}};
  const struct test_answer kept[] = {{.status = 307, .header = {"location", "http://b/c"}},
                                     {.status = 308, .header = {"location", "https://c/d"}},
                                     {.status = 202}};
  struct test_http_client client = test_http_client(kept, 3);
  struct diffd_error err;
  assert_int_equal(send(&client, request, &err), 202);
  assert_string_equal(client.asked, "POST http://a/b job\nPOST http://b/c job\nPOST https://c/d job\n");
  static const unsigned codes[] = {301, 302, 303};
  for (size_t i = 0; i < 3; i++) {
    const struct test_answer lost[] = {{.status = codes[i], .header = {"location", "http://b/c"}}};
    client = test_http_client(lost, 1);
    assert_int_equal(send(&client, request, &err), codes[i]);
  }
}

/* A redirect that leads nowhere is the answer itself. */
static void test_no_location(void **state) {
  (void)state;
  const struct test_answer answers[] = {{.status = 302}};
  struct test_http_client client = test_http_client(answers, 1);
  struct diffd_error err;
  assert_int_equal(send(&client, (struct diffd_http_request){.method = "GET", .url = "http://a/"}, &err),
                   302);
}

static void test_no_end(void **state) {
  (void)state;
  const struct test_answer answers[] = {{.times = 100, .status = 302, .header = {"location", "/a"}}};
  struct test_http_client client = test_http_client(answers, 1);
  struct diffd_error err;
  assert_int_equal(send(&client, (struct diffd_http_request){.method = "GET", .url = "http://a/"}, &err), 0);
  assert_int_equal(err.status, DIFFD_UNAVAILABLE);
  assert_non_null(strstr(err.detail, "more than 10 times"));
  assert_int_equal(client.given, DIFFD_REDIRECTS_MAX + 1);
}

static void test_bad_targets(void **state) {
  (void)state;
  static const char *const targets[] = {"ftp://a/", "file:///etc/passwd", "http://", "http://u:p@a/",
                                        "http://[::1"};
  for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
    const struct test_answer answers[] = {{.status = 302, .header = {"location", targets[i]}},
                                          {.status = 200}};
    struct test_http_client client = test_http_client(answers, 2);
    struct diffd_error err;
    assert_int_equal(send(&client, (struct diffd_http_request){.method = "GET", .url = "http://a/"}, &err),
                     0);
    assert_int_equal(err.status, DIFFD_UNAVAILABLE);
  }
}

/* Not even the answer's own word opens what was meant to be closed. */
static void test_no_way_from_https_to_http(void **state) {
  (void)state;
  const struct test_answer answers[] = {{.status = 307, .header = {"location", "http://a/"}},
                                        {.status = 200}};
  struct test_http_client client = test_http_client(answers, 2);
  struct diffd_error err;
  assert_int_equal(send(&client, (struct diffd_http_request){.method = "GET", .url = "HTTPS://a/"}, &err), 0);
  assert_int_equal(err.status, DIFFD_UNAVAILABLE);
  assert_string_equal(client.asked, "GET HTTPS://a/\n");
}

/* What is meant for one host does not go to another. */
static void test_secrets_stay(void **state) {
  (void)state;
  const struct diffd_http_header headers[] = {{"authorization", "x"}, {"Accept", "y"}, {"Cookie", "z"}};
  struct diffd_error err;
  for (int other = 0; other < 2; other++) {
    const struct test_answer answers[] = {
        {.status = 307, .header = {"location", other ? "http://a:81/" : "/b"}}, {.status = 200}};
    struct test_http_client client = test_http_client(answers, 2);
    assert_int_equal(send(&client,
                          (struct diffd_http_request){
                              .method = "GET", .url = "http://a/", .headers = headers, .header_count = 3},
                          &err),
                     200);
    assert_int_equal(client.header_count, other ? 1 : 3);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_get_follows), cmocka_unit_test(test_post),
      cmocka_unit_test(test_no_location), cmocka_unit_test(test_no_end),
      cmocka_unit_test(test_bad_targets), cmocka_unit_test(test_no_way_from_https_to_http),
      cmocka_unit_test(test_secrets_stay)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
