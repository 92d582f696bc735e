/* SPDX-License-Identifier: Apache-2.0
 *
 * The S3 client from the command line, for the end-to-end tests: what the service does not ask for itself
 * (keys of any bytes, ranges, lists) is tried on a real server. s3_probe ENDPOINT BUCKET
 * put|upload|abandon|get|head|delete|list KEY [FIRST LENGTH] KEY (of list: the prefix) is hexadecimal. Bodies
 * are stdin and stdout; list prints "KEY SIZE" lines. Exit status: 0 done, 1 not found, 2 failed with the
 * text on stderr.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/curl_client.h"
#include "net/s3.h"

enum { BODY_MAX = 64 << 20 };

static char body[BODY_MAX];

static size_t unhex(const char *text, char *out, size_t cap) {
  size_t len = 0;
  for (unsigned byte; len < cap && sscanf(text + 2 * len, "%2x", &byte) == 1; len++)
    out[len] = (char)byte;
  return len;
}

static size_t read_body(void) {
  size_t len = 0;
  for (ssize_t got; len < BODY_MAX && (got = read(STDIN_FILENO, body + len, BODY_MAX - len)) > 0;)
    len += (size_t)got;
  return len;
}

static enum diffd_status write_all(struct diffd_reader *reader, struct diffd_error *err) {
  enum diffd_status status;
  size_t len;
  while ((status = diffd_reader_read(reader, body, BODY_MAX, &len, err)) == DIFFD_OK)
    if (fwrite(body, 1, len, stdout) != len)
      return diffd_fail(err, DIFFD_IO, "stdout is gone");
  diffd_reader_destroy(reader);
  return status == DIFFD_END ? DIFFD_OK : status;
}

static enum diffd_status upload(struct diffd_s3 *s3, const struct diffd_context *ctx, struct diffd_span key,
                                bool commits, struct diffd_error *err) {
  struct diffd_writer *writer;
  enum diffd_status status = diffd_s3_upload(s3, ctx, key, "text/plain", &writer, err);
  if (status != DIFFD_OK)
    return status;
  status = diffd_writer_write(writer, body, read_body(), err);
  if (status == DIFFD_OK && commits)
    status = diffd_writer_commit(writer, err);
  diffd_writer_destroy(writer);
  return status;
}

static enum diffd_status print_object(void *arg, const struct diffd_s3_listed *listed,
                                      struct diffd_error *err) {
  (void)arg;
  (void)err;
  for (size_t i = 0; i < listed->key.len; i++)
    (void)printf("%02x", (unsigned)(unsigned char)listed->key.ptr[i]);
  (void)printf(" %lld\n", (long long)listed->size);
  return DIFFD_OK;
}

static enum diffd_status run(struct diffd_s3 *s3, const struct diffd_context *ctx, char **argv, int argc,
                             struct diffd_error *err) {
  char key_bytes[DIFFD_S3_KEY_MAX + 8];
  const char *what = argv[3];
  const struct diffd_span key = {key_bytes, unhex(argv[4], key_bytes, sizeof key_bytes)};
  struct diffd_s3_object object;
  struct diffd_reader *reader;
  if (strcmp(what, "put") == 0)
    return diffd_s3_put(s3, ctx, key, (struct diffd_span){body, read_body()}, "text/plain", err);
  if (strcmp(what, "upload") == 0 || strcmp(what, "abandon") == 0)
    return upload(s3, ctx, key, what[0] == 'u', err);
  if (strcmp(what, "delete") == 0)
    return diffd_s3_delete(s3, ctx, key, err);
  if (strcmp(what, "list") == 0) {
    const struct diffd_s3_list_options options = {.prefix = key, .object = print_object};
    return diffd_s3_list(s3, ctx, &options, err);
  }
  if (strcmp(what, "head") == 0) {
    enum diffd_status status = diffd_s3_head(s3, ctx, key, &object, err);
    if (status == DIFFD_OK)
      (void)printf("%lld %s\n", (long long)object.size, object.etag);
    return status;
  }
  struct diffd_s3_range range = {0};
  if (argc > 6)
    range = (struct diffd_s3_range){strtoull(argv[5], NULL, 10), strtoull(argv[6], NULL, 10)};
  enum diffd_status status = diffd_s3_get(s3, ctx, key, argc > 6 ? &range : NULL, &reader, &object, err);
  return status != DIFFD_OK ? status : write_all(reader, err);
}

int main(int argc, char **argv) {
  const struct diffd_aws_config aws = {.access_key_id = getenv("AWS_ACCESS_KEY_ID"),
                                       .secret_access_key = getenv("AWS_SECRET_ACCESS_KEY")};
  const struct diffd_curl_client_options http = {0};
  const struct diffd_context ctx = {0};
  struct diffd_http_client *client = NULL;
  struct diffd_credentials_source *credentials = NULL;
  struct diffd_s3 *s3 = NULL;
  struct diffd_error err;
  if (argc < 5)
    return 2;
  enum diffd_status status = diffd_curl_client_new(&http, &client, &err);
  if (status == DIFFD_OK) {
    const struct diffd_credentials_options options = {
        .config = &aws, .client = client, .direct_client = client, .clock = &diffd_system_clock};
    status = diffd_credentials_source_new(&options, &credentials, &err);
  }
  if (status == DIFFD_OK) {
    const struct diffd_s3_options options = {.bucket = argv[2],
                                             .region = "us-east-1",
                                             .endpoint_url = argv[1],
                                             .bucket_setting = "BUCKET",
                                             .region_setting = "REGION",
                                             .client = client,
                                             .credentials = credentials,
                                             .clock = &diffd_system_clock};
    status = diffd_s3_new(&options, &s3, &err);
  }
  if (status == DIFFD_OK)
    status = run(s3, &ctx, argv, argc, &err);
  if (status != DIFFD_OK)
    (void)fprintf(stderr, "%s\n", err.detail);
  diffd_s3_destroy(s3);
  diffd_credentials_source_destroy(credentials);
  diffd_http_client_destroy(client);
  return status == DIFFD_OK ? 0 : status == DIFFD_NOT_FOUND ? 1 : 2;
}
