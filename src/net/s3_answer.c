/* SPDX-License-Identifier: Apache-2.0 */
#include "net/s3_answer.h"

#include <stdio.h>
#include <string.h>

#include "base/rfc3339.h"
#include "net/http_date.h"
#include "net/xml_fields.h"

enum { SHOWN_KEY_MAX = 200, OBJECT_TEXT_MAX = 256 };

/* A field that is longer than we care for must not cost us the others. */
static void read_field(struct diffd_span body, const char *path, char *value, size_t size) {
  struct diffd_error ignored;
  char text[2048];
  struct diffd_xml_field field = {.path = path, .value = text, .size = sizeof text};
  value[0] = '\0';
  if (diffd_xml_fields(body, &field, 1, &ignored) == DIFFD_OK)
    (void)snprintf(value, size, "%s", text);
}

static int64_t read_server_time(const struct diffd_http_response *response, struct diffd_span body) {
  const char *date = diffd_http_response_header(response, "date");
  int64_t seconds = date != NULL ? diffd_http_date_read(date) : -1;
  if (seconds >= 0)
    return seconds;
  char text[64];
  struct diffd_instant instant;
  struct diffd_error ignored;
  read_field(body, "Error/ServerTime", text, sizeof text);
  if (diffd_rfc3339_parse((struct diffd_span){text, strlen(text)}, &instant, &ignored) == DIFFD_OK &&
      instant.seconds >= 0)
    return instant.seconds;
  return -1;
}

void diffd_s3_answer_read(const struct diffd_http_response *response, struct diffd_span body,
                          struct diffd_s3_answer *ret) {
  ret->status = response->status;
  read_field(body, "Error/Code", ret->code, sizeof ret->code);
  read_field(body, "Error/Message", ret->message, sizeof ret->message);
  read_field(body, "Error/Region", ret->region, sizeof ret->region);
  read_field(body, "Error/Endpoint", ret->endpoint, sizeof ret->endpoint);
  read_field(body, "Error/RequestId", ret->request_id, sizeof ret->request_id);
  const char *region = diffd_http_response_header(response, "x-amz-bucket-region");
  if (region != NULL)
    (void)snprintf(ret->region, sizeof ret->region, "%s", region);
  const char *request_id = diffd_http_response_header(response, "x-amz-request-id");
  if (ret->request_id[0] == '\0' && request_id != NULL)
    (void)snprintf(ret->request_id, sizeof ret->request_id, "%s", request_id);
  ret->server_time = read_server_time(response, body);
}

static bool is_one_of(const char *code, const char *const *codes) {
  for (; *codes != NULL; codes++)
    if (strcmp(code, *codes) == 0)
      return true;
  return false;
}

enum diffd_s3_remedy diffd_s3_answer_remedy(const struct diffd_s3_answer *answer) {
  /* Faults of the way or of the moment, some of which S3 tells with a status that says otherwise. */
  static const char *const passing[] = {"SlowDown",
                                        "ServiceUnavailable",
                                        "InternalError",
                                        "InternalFailure",
                                        "RequestTimeout",
                                        "Throttling",
                                        "ThrottlingException",
                                        "RequestLimitExceeded",
                                        "BandwidthLimitExceeded",
                                        "BadDigest",
                                        "XAmzContentSHA256Mismatch",
                                        "XAmzContentChecksumMismatch",
                                        "IncompleteBody",
                                        "OperationAborted",
                                        "ConditionalRequestConflict",
                                        "TemporaryRedirect",
                                        NULL};
  static const char *const stale[] = {"ExpiredToken",       "ExpiredTokenException", "TokenRefreshRequired",
                                      "InvalidAccessKeyId", "InvalidToken",          NULL};
  if (strcmp(answer->code, "RequestTimeTooSkewed") == 0)
    return answer->server_time >= 0 ? DIFFD_S3_SET_CLOCK : DIFFD_S3_FAILS;
  if (is_one_of(answer->code, stale))
    return DIFFD_S3_RENEW;
  if (is_one_of(answer->code, passing) || answer->status == 408 || answer->status == 429 ||
      (answer->status >= 500 && answer->status != 501))
    return DIFFD_S3_TRY_AGAIN;
  return DIFFD_S3_FAILS;
}

/* `storing "k": ` with the key cut and made printable; "" where the bucket itself was asked. */
static const char *object_text(const struct diffd_s3_asked *asked, char text[static OBJECT_TEXT_MAX]) {
  char key[SHOWN_KEY_MAX + 1];
  text[0] = '\0';
  if (asked->key.ptr == NULL)
    return text;
  size_t len = asked->key.len < SHOWN_KEY_MAX ? asked->key.len : SHOWN_KEY_MAX;
  for (size_t i = 0; i < len; i++)
    key[i] = asked->key.ptr[i] >= ' ' && asked->key.ptr[i] <= '~' ? asked->key.ptr[i] : '?';
  key[len] = '\0';
  (void)snprintf(text, OBJECT_TEXT_MAX, "%s \"%s%s\": ", asked->doing, key,
                 len < asked->key.len ? "..." : "");
  return text;
}

static enum diffd_status fail_forbidden(const struct diffd_s3_answer *answer,
                                        const struct diffd_s3_asked *asked, struct diffd_error *err) {
  char object[OBJECT_TEXT_MAX];
  static const char list_hint[] =
      "; without s3:ListBucket on the bucket S3 answers 403 where the object does not exist, too: allow that";
  return diffd_fail(
      err, DIFFD_UNAVAILABLE,
      "S3 bucket \"%s\": %sthe access key %s may not do that (403 %s: %s): allow it %s in the policy of "
      "its user or role, or of the bucket%s",
      asked->bucket, object_text(asked, object), asked->access_key_id, answer->code, answer->message,
      asked->action, asked->reads ? list_hint : "");
}

static enum diffd_status fail_region(const struct diffd_s3_answer *answer, const struct diffd_s3_asked *asked,
                                     struct diffd_error *err) {
  if (answer->region[0] != '\0')
    return diffd_fail(err, DIFFD_UNAVAILABLE,
                      "S3 bucket \"%s\" is in the region %s, not in %s: set %s to %s (%u %s)", asked->bucket,
                      answer->region, asked->region, asked->region_setting, answer->region, answer->status,
                      answer->code);
  return diffd_fail(err, DIFFD_UNAVAILABLE,
                    "S3 bucket \"%s\" is not in the region %s%s%s: set %s to the bucket's region (%u %s)",
                    asked->bucket, asked->region, answer->endpoint[0] != '\0' ? " but at " : "",
                    answer->endpoint, asked->region_setting, answer->status, answer->code);
}

static enum diffd_status fail_credentials(const struct diffd_s3_answer *answer,
                                          const struct diffd_s3_asked *asked, struct diffd_error *err) {
  if (strcmp(answer->code, "InvalidAccessKeyId") == 0)
    return diffd_fail(
        err, DIFFD_UNAVAILABLE,
        "S3 bucket \"%s\": %s does not know the access key %s: correct AWS_ACCESS_KEY_ID, or the "
        "profile or role that it comes from (InvalidAccessKeyId)",
        asked->bucket, asked->host, asked->access_key_id);
  if (strcmp(answer->code, "SignatureDoesNotMatch") == 0)
    return diffd_fail(
        err, DIFFD_UNAVAILABLE,
        "S3 bucket \"%s\": the secret key is not that of the access key %s: correct "
        "AWS_SECRET_ACCESS_KEY, or the profile that it comes from; a proxy that changes requests "
        "has the same effect (SignatureDoesNotMatch)",
        asked->bucket, asked->access_key_id);
  return diffd_fail(
      err, DIFFD_UNAVAILABLE,
      "S3 bucket \"%s\": the session token of the access key %s is not valid or has expired, and no "
      "newer one was found: renew AWS_SESSION_TOKEN, or the profile or role that it comes from (%s)",
      asked->bucket, asked->access_key_id, answer->code);
}

static bool is_wrong_region(const struct diffd_s3_answer *answer, const struct diffd_s3_asked *asked) {
  if (answer->status == 301 || strcmp(answer->code, "PermanentRedirect") == 0 ||
      strcmp(answer->code, "IllegalLocationConstraintException") == 0)
    return true;
  bool told_another = answer->region[0] != '\0' && strcmp(answer->region, asked->region) != 0;
  return told_another && (answer->status == 400 || answer->status == 307);
}

enum diffd_status diffd_s3_answer_fail(const struct diffd_s3_answer *answer,
                                       const struct diffd_s3_asked *asked, struct diffd_error *err) {
  static const char *const credentials[] = {"InvalidAccessKeyId",
                                            "SignatureDoesNotMatch",
                                            "ExpiredToken",
                                            "ExpiredTokenException",
                                            "TokenRefreshRequired",
                                            "InvalidToken",
                                            NULL};
  char object[OBJECT_TEXT_MAX];
  if (strcmp(answer->code, "NoSuchBucket") == 0)
    return diffd_fail(err, DIFFD_UNAVAILABLE,
                      "there is no S3 bucket \"%s\" at %s: create it, or correct %s (NoSuchBucket)",
                      asked->bucket, asked->host, asked->bucket_setting);
  if (answer->status == 404 && asked->key.ptr != NULL &&
      (answer->code[0] == '\0' || strcmp(answer->code, "NoSuchKey") == 0))
    return diffd_fail(err, DIFFD_NOT_FOUND, "S3 bucket \"%s\": %sthere is no such object", asked->bucket,
                      object_text(asked, object));
  if (is_wrong_region(answer, asked))
    return fail_region(answer, asked, err);
  if (is_one_of(answer->code, credentials))
    return fail_credentials(answer, asked, err);
  if (strcmp(answer->code, "RequestTimeTooSkewed") == 0)
    return diffd_fail(
        err, DIFFD_UNAVAILABLE,
        "S3 bucket \"%s\": this machine's clock is wrong by more than S3 allows: set it, and let NTP "
        "keep it (RequestTimeTooSkewed)",
        asked->bucket);
  if (answer->status == 403)
    return fail_forbidden(answer, asked, err);
  return diffd_fail(err, DIFFD_UNAVAILABLE, "S3 bucket \"%s\": %s%s answered %u %s%s%s%s%s%s", asked->bucket,
                    object_text(asked, object), asked->host, answer->status, answer->code,
                    answer->message[0] != '\0' ? ": " : "", answer->message,
                    answer->request_id[0] != '\0' ? " (request " : "", answer->request_id,
                    answer->request_id[0] != '\0' ? ")" : "");
}
