/* SPDX-License-Identifier: Apache-2.0
 *
 * The S3 client, and what it does with small objects at once: HEAD, PUT, DELETE, and reading one whole.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/expat_library.h"
#include "net/http_date.h"
#include "net/openssl_library.h"
#include "net/s3_send.h"

enum { RETRY_PAUSE_MS = 100 };

static enum diffd_status copy_options(struct diffd_s3 *s3, const struct diffd_s3_options *options,
                                      struct diffd_error *err) {
  s3->options = *options;
  s3->options.bucket = strdup(options->bucket);
  s3->options.region = strdup(options->region);
  s3->options.endpoint_url = NULL;
  if (s3->options.retry_pause_ms == 0)
    s3->options.retry_pause_ms = RETRY_PAUSE_MS;
  if (s3->options.bucket == NULL || s3->options.region == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the S3 client");
  return DIFFD_OK;
}

enum diffd_status diffd_s3_new(const struct diffd_s3_options *options, struct diffd_s3 **ret,
                               struct diffd_error *err) {
  struct diffd_s3_endpoint endpoint;
  /* What a request will need is missed when the service starts, not at the first job. */
  enum diffd_status status = diffd_openssl_load(err);
  if (status == DIFFD_OK)
    status = diffd_expat_load(err);
  if (status != DIFFD_OK)
    return status;
  status = diffd_s3_endpoint_make(options->bucket, options->region, options->endpoint_url, &endpoint, err);
  if (status != DIFFD_OK)
    return diffd_fail_within(err, "%s", options->bucket_setting);
  struct diffd_s3 *s3 = calloc(1, sizeof *s3);
  if (s3 == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the S3 client");
  s3->endpoint = endpoint;
  status = copy_options(s3, options, err);
  if (status != DIFFD_OK) {
    diffd_s3_destroy(s3);
    return status;
  }
  *ret = s3;
  return DIFFD_OK;
}

void diffd_s3_destroy(struct diffd_s3 *s3) {
  if (s3 == NULL)
    return;
  free((void *)(uintptr_t)s3->options.bucket);
  free((void *)(uintptr_t)s3->options.region);
  free(s3);
}

static int64_t read_date(const struct diffd_http_response *response, const char *name) {
  const char *text = diffd_http_response_header(response, name);
  return text != NULL ? diffd_http_date_read(text) : -1;
}

void diffd_s3_object_read(const struct diffd_http_response *response, struct diffd_s3_object *ret) {
  const char *etag = diffd_http_response_header(response, "etag");
  const char *length = diffd_http_response_header(response, "content-length");
  const char *range = diffd_http_response_header(response, "content-range");
  const char *encryption = diffd_http_response_header(response, "x-amz-server-side-encryption");
  *ret = (struct diffd_s3_object){.size = -1};
  /* "bytes 0-9/443": the whole object's size is behind the slash. */
  const char *whole = range != NULL ? strchr(range, '/') : NULL;
  if (response->status == 206)
    ret->size = whole != NULL ? diffd_s3_number(whole + 1) : -1;
  else if (length != NULL)
    ret->size = diffd_s3_number(length);
  if (etag != NULL && strlen(etag) <= DIFFD_S3_ETAG_MAX)
    (void)snprintf(ret->etag, sizeof ret->etag, "%s", etag);
  ret->last_modified = read_date(response, "last-modified");
  ret->server_time = read_date(response, "date");
  ret->kms = encryption != NULL && strncmp(encryption, "aws:", 4) == 0;
}

enum diffd_status diffd_s3_do(struct diffd_s3 *s3, const struct diffd_context *ctx,
                              const struct diffd_s3_call *call, struct diffd_s3_object *ret_object,
                              struct diffd_s3_answer *ret_answer, struct diffd_error *err) {
  struct diffd_http_response response;
  char block[256];
  size_t len;
  enum diffd_status status = diffd_s3_send(s3, ctx, call, &response, ret_answer, err);
  if (status != DIFFD_OK)
    return status;
  diffd_s3_object_read(&response, ret_object);
  /* A body that was read to its end leaves the connection to the next request; what it says is no matter. */
  for (int blocks = 0; blocks < 16; blocks++) {
    struct diffd_error ignored;
    if (diffd_reader_read(response.body, block, sizeof block, &len, &ignored) != DIFFD_OK)
      break;
  }
  diffd_reader_destroy(response.body);
  return DIFFD_OK;
}

/* Answers to HEAD have no body that would say which 404 or 403 it is. One byte of the object has. */
static enum diffd_status find_out(struct diffd_s3 *s3, const struct diffd_context *ctx,
                                  const struct diffd_s3_call *head, struct diffd_s3_object *ret_object,
                                  struct diffd_error *err) {
  const struct diffd_http_header range = {"Range", "bytes=0-0"};
  struct diffd_s3_call call = *head;
  struct diffd_s3_answer answer;
  call.method = "GET";
  call.headers = &range;
  call.header_count = 1;
  enum diffd_status status = diffd_s3_do(s3, ctx, &call, ret_object, &answer, err);
  if (status == DIFFD_UNAVAILABLE && answer.status == 416) {
    *ret_object = (struct diffd_s3_object){.last_modified = -1, .server_time = answer.server_time};
    return DIFFD_OK;
  }
  return status;
}

enum diffd_status diffd_s3_head(struct diffd_s3 *s3, const struct diffd_context *ctx, struct diffd_span key,
                                struct diffd_s3_object *ret_object, struct diffd_error *err) {
  const struct diffd_s3_call call = {
      .method = "HEAD", .key = key, .doing = "looking for", .action = "s3:GetObject", .reads = true};
  struct diffd_s3_answer answer;
  enum diffd_status status = diffd_s3_do(s3, ctx, &call, ret_object, &answer, err);
  if ((status == DIFFD_NOT_FOUND || status == DIFFD_UNAVAILABLE) && answer.status >= 300 &&
      answer.status <= 499)
    return find_out(s3, ctx, &call, ret_object, err);
  return status;
}

enum diffd_status diffd_s3_put(struct diffd_s3 *s3, const struct diffd_context *ctx, struct diffd_span key,
                               struct diffd_span body, const char *content_type, struct diffd_error *err) {
  const struct diffd_http_header type = {"Content-Type", content_type};
  const struct diffd_s3_call call = {.method = "PUT",
                                     .key = key,
                                     .headers = &type,
                                     .header_count = 1,
                                     .body = {body.len > 0 ? body.ptr : "", body.len},
                                     .doing = "storing",
                                     .action = "s3:PutObject"};
  struct diffd_s3_object object;
  return diffd_s3_do(s3, ctx, &call, &object, NULL, err);
}

enum diffd_status diffd_s3_delete(struct diffd_s3 *s3, const struct diffd_context *ctx, struct diffd_span key,
                                  struct diffd_error *err) {
  const struct diffd_s3_call call = {
      .method = "DELETE", .key = key, .doing = "removing", .action = "s3:DeleteObject"};
  struct diffd_s3_object object;
  enum diffd_status status = diffd_s3_do(s3, ctx, &call, &object, NULL, err);
  return status == DIFFD_NOT_FOUND ? DIFFD_OK : status;
}
