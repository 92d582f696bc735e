/* SPDX-License-Identifier: Apache-2.0 */
#include "base/durable_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  NAME_MAX_BYTES = 200,      /* leaves room for the suffix of the temporary name */
  TMP_NAME_MAX = 256,        /* bytes, with the NUL */
  TMP_TRIES_MAX = 100000,    /* writers of one name at the same time */
  BUFFER_BYTES = 256 * 1024, /* gathers small writes; larger ones pass by */
};
/* After so many bytes the kernel is asked to begin writing, so that the fsync at the end does not find
 * gigabytes of dirty pages. */
static const off_t FLUSH_EVERY_BYTES = 8 << 20;

struct durable_file {
  struct diffd_writer base;
  const struct diffd_durable_folder *folder;
  char name[NAME_MAX_BYTES + 1];
  char tmp_name[TMP_NAME_MAX];
  int fd;
  bool renamed;
  char *buffer; /* NULL until a small write needs it */
  size_t buffered;
  off_t written;
  off_t flushed;
};

/* As diffd_fail_errno, naming the file; a full disk gets a text that says what to do. */
static enum diffd_status fail_file(const struct diffd_durable_folder *folder, const char *name,
                                   const char *doing, int errnum, struct diffd_error *err) {
  enum diffd_status status = diffd_fail_errno(err, errnum, "%s %s/%s", doing, folder->path, name);
  if (status == DIFFD_NO_SPACE) {
    size_t len = strlen(err->detail);
    (void)snprintf(err->detail + len, sizeof err->detail - len,
                   "; free space on that disk, or choose a data directory on a larger one (DIFF_DATA_DIR)");
  }
  return status;
}

static enum diffd_status write_all(struct durable_file *file, const char *at, size_t len,
                                   struct diffd_error *err) {
  while (len > 0) {
    ssize_t put = write(file->fd, at, len);
    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0)
      return fail_file(file->folder, file->name, "writing", errno, err);
    at += put;
    len -= (size_t)put;
    file->written += put;
  }
  if (file->written - file->flushed >= FLUSH_EVERY_BYTES) {
    /* Only a hint: file systems that cannot do it lose nothing. */
    (void)sync_file_range(file->fd, file->flushed, file->written - file->flushed, SYNC_FILE_RANGE_WRITE);
    file->flushed = file->written;
  }
  return DIFFD_OK;
}

static enum diffd_status flush_buffer(struct durable_file *file, struct diffd_error *err) {
  size_t len = file->buffered;
  file->buffered = 0;
  return write_all(file, file->buffer, len, err);
}

static enum diffd_status durable_write(struct diffd_writer *self, const void *buf, size_t len,
                                       struct diffd_error *err) {
  struct durable_file *file = (struct durable_file *)self;
  enum diffd_status status = DIFFD_OK;
  if (len == 0)
    return DIFFD_OK;
  if (file->buffered + len > BUFFER_BYTES)
    status = flush_buffer(file, err);
  if (status != DIFFD_OK)
    return status;
  if (len >= BUFFER_BYTES)
    return write_all(file, buf, len, err);
  if (file->buffer == NULL)
    file->buffer = malloc(BUFFER_BYTES);
  if (file->buffer == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to write %s/%s", file->folder->path, file->name);
  memcpy(file->buffer + file->buffered, buf, len);
  file->buffered += len;
  return DIFFD_OK;
}

static enum diffd_status durable_commit(struct diffd_writer *self, struct diffd_error *err) {
  struct durable_file *file = (struct durable_file *)self;
  enum diffd_status status = flush_buffer(file, err);
  if (status != DIFFD_OK)
    return status;
  if (fsync(file->fd) != 0)
    return fail_file(file->folder, file->name, "syncing", errno, err);
  if (renameat(file->folder->tmp_fd, file->tmp_name, file->folder->fd, file->name) != 0)
    return fail_file(file->folder, file->name, "renaming to", errno, err);
  file->renamed = true;
  if (fsync(file->folder->fd) != 0)
    return fail_file(file->folder, file->name, "syncing the folder of", errno, err);
  return DIFFD_OK;
}

static void durable_destroy(struct diffd_writer *self) {
  struct durable_file *file = (struct durable_file *)self;
  if (file->fd >= 0)
    (void)close(file->fd);
  if (file->fd >= 0 && !file->renamed)
    (void)unlinkat(file->folder->tmp_fd, file->tmp_name, 0);
  free(file->buffer);
  free(file);
}

static const struct diffd_writer_ops durable_ops = {
    .write = durable_write, .commit = durable_commit, .destroy = durable_destroy};

/* Two writers of one name may live at the same time, so the temporary name has a number. */
static enum diffd_status open_temporary(struct durable_file *file, struct diffd_error *err) {
  for (unsigned i = 0; i < TMP_TRIES_MAX; i++) {
    (void)snprintf(file->tmp_name, sizeof file->tmp_name, "%s.%u", file->name, i);
    file->fd = openat(file->folder->tmp_fd, file->tmp_name,
                      O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file->fd >= 0)
      return DIFFD_OK;
    if (errno != EEXIST && errno != EINTR)
      return fail_file(file->folder, file->name, "creating", errno, err);
  }
  return diffd_fail(err, DIFFD_BUSY, "too many writers of %s/%s", file->folder->path, file->name);
}

enum diffd_status diffd_durable_file_new(const struct diffd_durable_folder *folder, const char *name,
                                         struct diffd_writer **ret, struct diffd_error *err) {
  size_t len = strlen(name);
  assert(len > 0 && len <= NAME_MAX_BYTES && strchr(name, '/') == NULL);
  struct durable_file *file = calloc(1, sizeof *file);
  if (file == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to write %s/%s", folder->path, name);
  file->base.ops = &durable_ops;
  file->folder = folder;
  file->fd = -1;
  memcpy(file->name, name, len + 1);
  enum diffd_status status = open_temporary(file, err);
  if (status != DIFFD_OK) {
    durable_destroy(&file->base);
    return status;
  }
  *ret = &file->base;
  return DIFFD_OK;
}

enum diffd_status diffd_durable_file_put(const struct diffd_durable_folder *folder, const char *name,
                                         const void *bytes, size_t len, struct diffd_error *err) {
  struct diffd_writer *writer = NULL;
  enum diffd_status status = diffd_durable_file_new(folder, name, &writer, err);
  if (status == DIFFD_OK)
    status = diffd_writer_write(writer, bytes, len, err);
  if (status == DIFFD_OK)
    status = diffd_writer_commit(writer, err);
  diffd_writer_destroy(writer);
  return status;
}

enum diffd_status diffd_durable_file_remove(const struct diffd_durable_folder *folder, const char *name,
                                            struct diffd_error *err) {
  if (unlinkat(folder->fd, name, 0) != 0) {
    if (errno == ENOENT)
      return diffd_fail(err, DIFFD_NOT_FOUND, "there is no %s/%s", folder->path, name);
    return fail_file(folder, name, "removing", errno, err);
  }
  if (fsync(folder->fd) != 0)
    return fail_file(folder, name, "syncing the folder of", errno, err);
  return DIFFD_OK;
}
