/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading an object while it arrives. A connection that breaks in the middle is made again from there, on the
 * condition that the object is still the one that was begun.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/s3_send.h"

enum {
  RESUMES_MAX = 5,                 /* in a row */
  RESUME_PROGRESS_BYTES = 1 << 20, /* after so many bytes the row is over */
  RANGE_TEXT_MAX = 64,
};

struct s3_reader {
  struct diffd_reader base;
  struct diffd_s3 *s3;
  const struct diffd_context *outer;
  struct diffd_context ctx; /* the outer one, and the interruption */
  atomic_bool interrupted;
  struct diffd_reader *body;
  uint64_t at;      /* in the object: the next byte's place */
  uint64_t end;     /* behind the last byte that is wanted; UINT64_MAX: not known */
  uint64_t good_at; /* where the last resumption began */
  unsigned resumes;
  struct diffd_s3_object object;
  size_t key_len;
  char key[DIFFD_S3_KEY_MAX];
};

static bool is_cancelled(void *arg) {
  struct s3_reader *reader = arg;
  return atomic_load(&reader->interrupted) || diffd_context_cancelled(reader->outer);
}

/* Whether a 206 begins where it was asked to. */
static bool begins_at(const struct diffd_http_response *response, uint64_t first) {
  char expect[RANGE_TEXT_MAX];
  const char *range = diffd_http_response_header(response, "content-range");
  int len = snprintf(expect, sizeof expect, "bytes %" PRIu64 "-", first);
  return range != NULL && strncmp(range, expect, (size_t)len) == 0;
}

static enum diffd_status open_body(struct s3_reader *reader, bool resumes, struct diffd_error *err) {
  char range[RANGE_TEXT_MAX];
  struct diffd_http_header headers[2];
  size_t count = 0;
  bool partly = reader->at > 0 || reader->end != UINT64_MAX;
  if (reader->end != UINT64_MAX)
    (void)snprintf(range, sizeof range, "bytes=%" PRIu64 "-%" PRIu64, reader->at, reader->end - 1);
  else
    (void)snprintf(range, sizeof range, "bytes=%" PRIu64 "-", reader->at);
  if (partly)
    headers[count++] = (struct diffd_http_header){"Range", range};
  if (resumes)
    headers[count++] = (struct diffd_http_header){"If-Match", reader->object.etag};
  const struct diffd_s3_call call = {.method = "GET",
                                     .key = {reader->key, reader->key_len},
                                     .headers = headers,
                                     .header_count = count,
                                     .doing = "reading",
                                     .action = "s3:GetObject",
                                     .reads = true};
  struct diffd_http_response response;
  struct diffd_s3_answer answer;
  struct diffd_s3_object object;
  enum diffd_status status = diffd_s3_send(reader->s3, &reader->ctx, &call, &response, &answer, err);
  if (status != DIFFD_OK && answer.status == 412)
    return diffd_fail(err, DIFFD_UNAVAILABLE, "S3 bucket \"%s\": the object was replaced while it was read",
                      reader->s3->options.bucket);
  if (status != DIFFD_OK)
    return status;
  if (partly && (response.status != 206 || !begins_at(&response, reader->at))) {
    diffd_reader_destroy(response.body);
    return diffd_fail(err, DIFFD_UNAVAILABLE,
                      "S3 bucket \"%s\": the server gave another range than was asked for",
                      reader->s3->options.bucket);
  }
  diffd_s3_object_read(&response, &object);
  if (!resumes)
    reader->object = object;
  reader->body = response.body;
  return DIFFD_OK;
}

/* DIFFD_OK where reading can go on; else why it cannot, which is what *err says already. */
static enum diffd_status resume(struct s3_reader *reader, struct diffd_error *err) {
  diffd_reader_destroy(reader->body);
  reader->body = NULL;
  if (reader->at - reader->good_at >= RESUME_PROGRESS_BYTES)
    reader->resumes = 0;
  reader->good_at = reader->at;
  if (reader->object.etag[0] == '\0' || reader->resumes++ >= RESUMES_MAX)
    return diffd_fail_within(err, "S3 bucket \"%s\": the connection broke while an object was read",
                             reader->s3->options.bucket);
  if (!diffd_s3_pause(reader->s3, &reader->ctx, reader->resumes))
    return diffd_fail(err, DIFFD_CANCELLED, "reading from S3 was cancelled");
  return open_body(reader, true, err);
}

static enum diffd_status s3_reader_read(struct diffd_reader *self, void *buf, size_t cap, size_t *ret_len,
                                        struct diffd_error *err) {
  struct s3_reader *reader = (struct s3_reader *)self;
  for (;;) {
    size_t len = 0;
    if (is_cancelled(reader))
      return diffd_fail(err, DIFFD_CANCELLED, "reading from S3 was cancelled");
    if (reader->at == reader->end)
      return DIFFD_END;
    uint64_t left = reader->end - reader->at;
    enum diffd_status status =
        diffd_reader_read(reader->body, buf, left < cap ? (size_t)left : cap, &len, err);
    if (status == DIFFD_OK) {
      reader->at += len;
      *ret_len = len;
      return DIFFD_OK;
    }
    if (status == DIFFD_END && reader->end == UINT64_MAX)
      return DIFFD_END;
    if (status == DIFFD_END)
      status = diffd_fail(err, DIFFD_UNAVAILABLE, "the object ended before its length");
    if (status != DIFFD_UNAVAILABLE)
      return status;
    status = resume(reader, err);
    if (status != DIFFD_OK)
      return status;
  }
}

static void s3_reader_interrupt(struct diffd_reader *self) {
  struct s3_reader *reader = (struct s3_reader *)self;
  atomic_store(&reader->interrupted, true);
}

static void s3_reader_destroy(struct diffd_reader *self) {
  struct s3_reader *reader = (struct s3_reader *)self;
  diffd_reader_destroy(reader->body);
  free(reader);
}

static const struct diffd_reader_ops s3_reader_ops = {
    .read = s3_reader_read, .interrupt = s3_reader_interrupt, .destroy = s3_reader_destroy};

/* Once the answer tells the object's size, the end of what is wanted is known. */
static void settle_end(struct s3_reader *reader) {
  if (reader->object.size < 0)
    return;
  uint64_t size = (uint64_t)reader->object.size;
  if (reader->end > size)
    reader->end = size;
  if (reader->end < reader->at)
    reader->end = reader->at;
}

enum diffd_status diffd_s3_get(struct diffd_s3 *s3, const struct diffd_context *ctx, struct diffd_span key,
                               const struct diffd_s3_range *range, struct diffd_reader **ret,
                               struct diffd_s3_object *ret_object, struct diffd_error *err) {
  if (key.len == 0 || key.len > DIFFD_S3_KEY_MAX)
    return diffd_fail(err, DIFFD_INVALID, "a key of S3 has 1 to %d bytes", DIFFD_S3_KEY_MAX);
  struct s3_reader *reader = calloc(1, sizeof *reader);
  if (reader == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for reading from S3");
  reader->base.ops = &s3_reader_ops;
  reader->s3 = s3;
  reader->outer = ctx;
  reader->ctx = *ctx;
  reader->ctx.cancelled = is_cancelled;
  reader->ctx.cancelled_arg = reader;
  memcpy(reader->key, key.ptr, key.len);
  reader->key_len = key.len;
  reader->end = UINT64_MAX;
  if (range != NULL) {
    reader->at = reader->good_at = range->first;
    if (range->length > 0 && range->length < UINT64_MAX - range->first)
      reader->end = range->first + range->length;
  }
  enum diffd_status status = open_body(reader, false, err);
  if (status != DIFFD_OK) {
    free(reader);
    return status;
  }
  settle_end(reader);
  *ret_object = reader->object;
  *ret = &reader->base;
  return DIFFD_OK;
}

enum diffd_status diffd_s3_get_small(struct diffd_s3 *s3, const struct diffd_context *ctx,
                                     struct diffd_span key, char *buf, size_t cap, size_t *ret_len,
                                     struct diffd_s3_object *ret_object, struct diffd_error *err) {
  struct diffd_reader *reader;
  size_t len = 0, more = 0;
  char beyond;
  enum diffd_status status = diffd_s3_get(s3, ctx, key, NULL, &reader, ret_object, err);
  if (status != DIFFD_OK)
    return status;
  while (len < cap && (status = diffd_reader_read(reader, buf + len, cap - len, &more, err)) == DIFFD_OK)
    len += more;
  if (status == DIFFD_OK)
    status = diffd_reader_read(reader, &beyond, 1, &more, err);
  diffd_reader_destroy(reader);
  if (status == DIFFD_OK)
    return diffd_fail(err, DIFFD_TOO_LARGE, "the object has more than %zu bytes", cap);
  if (status != DIFFD_END)
    return status;
  *ret_len = len;
  return DIFFD_OK;
}
