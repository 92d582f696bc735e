/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/s3_storage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diff_id.h"

enum { KEY_MAX = DIFFD_JOB_ID_MAX + 16 };

struct s3_storage {
  struct diffd_storage base;
  struct diffd_s3 *s3;
};

/* A reader that outlives the context it was opened with. */
struct kept_reader {
  struct diffd_reader base;
  struct diffd_context ctx;           /* what the S3 reader lives with */
  const struct diffd_context *opener; /* while it is opened; then NULL */
  struct diffd_reader *inner;
};

static enum diffd_status make_key(const char *id, char key[static KEY_MAX], struct diffd_span *ret,
                                  struct diffd_error *err) {
  if (!diffd_job_id_is_valid(id, strnlen(id, DIFFD_JOB_ID_MAX + 1)))
    return diffd_fail(err, DIFFD_INVALID, "the diff id cannot name an object");
  (void)snprintf(key, KEY_MAX, "%s.dot", id);
  *ret = (struct diffd_span){key, strlen(key)};
  return DIFFD_OK;
}

static bool opener_cancelled(void *arg) {
  const struct kept_reader *reader = arg;
  return reader->opener != NULL && diffd_context_cancelled(reader->opener);
}

static enum diffd_status kept_read(struct diffd_reader *self, void *buf, size_t cap, size_t *ret_len,
                                   struct diffd_error *err) {
  return diffd_reader_read(((struct kept_reader *)self)->inner, buf, cap, ret_len, err);
}

static void kept_interrupt(struct diffd_reader *self) {
  diffd_reader_interrupt(((struct kept_reader *)self)->inner);
}

static void kept_destroy(struct diffd_reader *self) {
  diffd_reader_destroy(((struct kept_reader *)self)->inner);
  free(self);
}

static const struct diffd_reader_ops kept_reader_ops = {
    .read = kept_read, .interrupt = kept_interrupt, .destroy = kept_destroy};

static enum diffd_status storage_get(struct diffd_storage *self, const struct diffd_context *ctx,
                                     const char *id, struct diffd_reader **ret, int64_t *ret_size,
                                     struct diffd_error *err) {
  const struct s3_storage *storage = (const struct s3_storage *)self;
  char text[KEY_MAX];
  struct diffd_span key;
  struct diffd_s3_object object;
  enum diffd_status status = make_key(id, text, &key, err);
  if (status != DIFFD_OK)
    return status;
  struct kept_reader *reader = calloc(1, sizeof *reader);
  if (reader == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for reading a diff");
  reader->base.ops = &kept_reader_ops;
  reader->ctx = (struct diffd_context){
      .cancelled = opener_cancelled, .cancelled_arg = reader, .log = ctx->log, .stat = ctx->stat};
  reader->opener = ctx;
  status = diffd_s3_get(storage->s3, &reader->ctx, key, NULL, &reader->inner, &object, err);
  if (status != DIFFD_OK) {
    free(reader);
    return status;
  }
  reader->opener = NULL;
  *ret_size = object.size;
  *ret = &reader->base;
  return DIFFD_OK;
}

static enum diffd_status storage_exists(struct diffd_storage *self, const struct diffd_context *ctx,
                                        const char *id, struct diffd_error *err) {
  const struct s3_storage *storage = (const struct s3_storage *)self;
  char text[KEY_MAX];
  struct diffd_span key;
  struct diffd_s3_object object;
  enum diffd_status status = make_key(id, text, &key, err);
  return status != DIFFD_OK ? status : diffd_s3_head(storage->s3, ctx, key, &object, err);
}

static enum diffd_status storage_put(struct diffd_storage *self, const struct diffd_context *ctx,
                                     const char *id, struct diffd_writer **ret, struct diffd_error *err) {
  const struct s3_storage *storage = (const struct s3_storage *)self;
  char text[KEY_MAX];
  struct diffd_span key;
  enum diffd_status status = make_key(id, text, &key, err);
  if (status != DIFFD_OK)
    return status;
  return diffd_s3_upload_new(storage->s3, ctx, key, "application/octet-stream", ret, err);
}

static void storage_destroy(struct diffd_storage *self) {
  free(self);
}

static const struct diffd_storage_ops s3_storage_ops = {
    .get = storage_get, .exists = storage_exists, .put = storage_put, .destroy = storage_destroy};

enum diffd_status diffd_s3_storage_new(struct diffd_s3 *s3, struct diffd_storage **ret,
                                       struct diffd_error *err) {
  struct s3_storage *storage = calloc(1, sizeof *storage);
  if (storage == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the storage");
  storage->base.ops = &s3_storage_ops;
  storage->s3 = s3;
  *ret = &storage->base;
  return DIFFD_OK;
}
