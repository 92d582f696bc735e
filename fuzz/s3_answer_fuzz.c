/* SPDX-License-Identifier: Apache-2.0
 *
 * Any answer that is no success, its status and headers included: it is read without harm, and always becomes
 * one line of text that names the bucket.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/http_date.h"
#include "net/s3_answer.h"

static void check(bool held) {
  if (!held)
    abort();
}

static void check_failure(const struct diffd_s3_answer *answer, struct diffd_span key) {
  const struct diffd_s3_asked asked = {.bucket = "b",
                                       .bucket_setting = "THE_BUCKET",
                                       .region = "us-east-1",
                                       .region_setting = "THE_REGION",
                                       .host = "s3.test",
                                       .access_key_id = "AKIATEST",
                                       .doing = "storing",
                                       .action = "s3:PutObject",
                                       .key = key,
                                       .reads = key.len % 2 == 0};
  struct diffd_error err;
  enum diffd_status status = diffd_s3_answer_fail(answer, &asked, &err);
  check(status == err.status &&
        (status == DIFFD_UNAVAILABLE || (status == DIFFD_NOT_FOUND && answer->status == 404)));
  check(strstr(err.detail, "\"b\"") != NULL && strchr(err.detail, '\n') == NULL);
}

/* The first two bytes are the status, the next 32 the values of headers, the rest the body; the key is a
 * piece of all that. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char date[33] = "", region[33] = "";
  if (size < 34)
    return 0;
  memcpy(date, data + 2, 32);
  memcpy(region, data + 2, 16);
  const struct diffd_http_header headers[] = {
      {"date", date}, {"x-amz-bucket-region", region}, {"x-amz-request-id", date}};
  const struct diffd_http_response response = {
      .status = 200 + (data[0] * 256U + data[1]) % 400, .headers = headers, .header_count = data[2] % 4};
  struct diffd_s3_answer answer;
  diffd_s3_answer_read(&response, (struct diffd_span){(const char *)data + 34, size - 34}, &answer);
  check(answer.server_time >= -1 && diffd_http_date_read(date) >= -1);
  (void)diffd_s3_answer_remedy(&answer);
  check_failure(&answer, (struct diffd_span){NULL, 0});
  check_failure(&answer, (struct diffd_span){(const char *)data, size});
  return 0;
}
