/* SPDX-License-Identifier: Apache-2.0
 *
 * Signatures are those that AWS publishes as examples (S3 API Reference, "Authenticating Requests: Using the
 * Authorization Header"), and, for what these leave out, those that botocore makes.
 */
#include "net/sigv4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define EXAMPLE_HOST "examplebucket.s3.amazonaws.com"

enum { EXAMPLE_TIME = 1369353600 }; /* 2013-05-24T00:00:00Z */

static const struct diffd_sigv4_request base_request = {.method = "GET",
                                                        .host = EXAMPLE_HOST,
                                                        .path = "/",
                                                        .query = "",
                                                        .payload_sha256 = EMPTY_SHA256,
                                                        .region = "us-east-1",
                                                        .service = "s3",
                                                        .now = EXAMPLE_TIME};

static void check(const struct diffd_sigv4_request *request, const char *token, const char *signed_names,
                  const char *signature) {
  struct diffd_credentials credentials = {.access_key_id = "AKIAIOSFODNN7EXAMPLE",
                                          .secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};
  (void)strncpy(credentials.session_token, token, sizeof credentials.session_token - 1);
  struct diffd_sigv4_signature made;
  struct diffd_error err;
  char expect[1024];
  (void)snprintf(expect, sizeof expect,
                 "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
                 "SignedHeaders=%s,Signature=%s",
                 signed_names, signature);
  assert_int_equal(diffd_sigv4_sign(request, &credentials, &made, &err), DIFFD_OK);
  assert_string_equal(made.amz_date, "20130524T000000Z");
  assert_string_equal(made.authorization.ptr, expect);
  diffd_buffer_clean_up(&made.authorization);
}

/* AWS's example "GET Object": a header beside its own. */
static void test_get_object(void **state) {
  (void)state;
  const struct diffd_http_header headers[] = {{"Range", "bytes=0-9"}};
  struct diffd_sigv4_request request = base_request;
  request.path = "/test.txt";
  request.headers = headers;
  request.header_count = 1;
  check(&request, "", "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

/* AWS's example "PUT Object": a path that is encoded, a payload, headers in no order. */
static void test_put_object(void **state) {
  (void)state;
  const struct diffd_http_header headers[] = {{"x-amz-storage-class", "REDUCED_REDUNDANCY"},
                                              {"Date", "Fri, 24 May 2013 00:00:00 GMT"}};
  char payload[DIFFD_SHA256_HEX];
  struct diffd_error err;
  assert_int_equal(diffd_sha256_hex((struct diffd_span){"Welcome to Amazon S3.", 21}, payload, &err),
                   DIFFD_OK);
  struct diffd_sigv4_request request = base_request;
  request.method = "PUT";
  request.path = "/test%24file.text";
  request.headers = headers;
  request.header_count = 2;
  request.payload_sha256 = payload;
  check(&request, "", "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

/* AWS's examples "GET Bucket Lifecycle" (a parameter without a value) and "Get Bucket (List Objects)". */
static void test_bucket_queries(void **state) {
  (void)state;
  struct diffd_sigv4_request request = base_request;
  request.query = "lifecycle";
  check(&request, "", "host;x-amz-content-sha256;x-amz-date",
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  request.query = "prefix=J&max-keys=2";
  check(&request, "", "host;x-amz-content-sha256;x-amz-date",
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

/* A key of spaces, reserved characters, dots, slashes and bytes that are no text, with a session token. */
static void test_odd_key_and_token(void **state) {
  (void)state;
  static const char key[] = " !\"%+~\0\xff"
                            "a?/../\xe2\x82\xac//";
  struct diffd_buffer path = diffd_buffer_init(1024);
  struct diffd_error err;
  assert_int_equal(diffd_buffer_append(&path, "/", 1, &err), DIFFD_OK);
  assert_int_equal(diffd_uri_encode(&path, (struct diffd_span){key, sizeof key - 1}, true, &err), DIFFD_OK);
  assert_int_equal(diffd_buffer_append(&path, "", 1, &err), DIFFD_OK);
  assert_string_equal(path.ptr, "/%20%21%22%25%2B~%00%FFa%3F/../%E2%82%AC//");
  struct diffd_sigv4_request request = base_request;
  request.method = "DELETE";
  request.path = "/%20%21%22%25%2B~%00%FFa%3F%2F/../%E2%82%AC//";
  check(&request, "to/ken+==", "host;x-amz-content-sha256;x-amz-date;x-amz-security-token",
        "ca4786a3bccf9831c5ae7432c31aa7a6033a8753918e297f98111ae529539b2c");
  diffd_buffer_clean_up(&path);
}

/* Parameters are sorted by name, not by the pair's text; blanks in a header's value are one space. */
static void test_sorting_and_blanks(void **state) {
  (void)state;
  const struct diffd_http_header headers[] = {{"X-Amz-Meta-X", "  two   words "},
                                              {"Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg=="}};
  struct diffd_sigv4_request request = base_request;
  request.method = "PUT";
  request.path = "/k";
  request.query = "uploadId=a%2Fb&partNumber=10&z&a-b=2&a=1";
  request.headers = headers;
  request.header_count = 2;
  check(&request, "", "content-md5;host;x-amz-content-sha256;x-amz-date;x-amz-meta-x",
        "4cc85fb8ebb318cd4862be00108f18337152b38db9869abd84a07e5453999bcc");
}

/* The port is part of the host that is signed. */
static void test_host_with_port(void **state) {
  (void)state;
  struct diffd_sigv4_request request = base_request;
  request.method = "POST";
  request.host = "localhost:7480";
  request.path = "/b/k";
  request.query = "uploads";
  check(&request, "", "host;x-amz-content-sha256;x-amz-date",
        "2c842e1bfc629968f67e5bcf1b2a7beeddb15b0f6985fa53242106bc38184629");
}

/* What has no bound of its own is refused beyond one of ours, with nothing left to free. */
static void test_bounds(void **state) {
  (void)state;
  const struct diffd_credentials credentials = {.access_key_id = "A", .secret_access_key = "B"};
  struct diffd_sigv4_signature made;
  struct diffd_error err;
  char query[256] = "", region[512];
  for (size_t i = 0; i < 40; i++)
    (void)strcat(query, "a=&");
  struct diffd_sigv4_request request = base_request;
  request.query = query;
  assert_int_equal(diffd_sigv4_sign(&request, &credentials, &made, &err), DIFFD_INTERNAL);
  request.query = "";
  memset(region, 'r', sizeof region - 1);
  region[sizeof region - 1] = '\0';
  request.region = region;
  assert_int_equal(diffd_sigv4_sign(&request, &credentials, &made, &err), DIFFD_INVALID);
  request.region = "us-east-1";
  request.header_count = DIFFD_SIGV4_HEADERS_MAX + 1;
  assert_int_equal(diffd_sigv4_sign(&request, &credentials, &made, &err), DIFFD_INTERNAL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_get_object),
      cmocka_unit_test(test_put_object),
      cmocka_unit_test(test_bucket_queries),
      cmocka_unit_test(test_odd_key_and_token),
      cmocka_unit_test(test_sorting_and_blanks),
      cmocka_unit_test(test_host_with_port),
      cmocka_unit_test(test_bounds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
