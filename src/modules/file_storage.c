/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/file_storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/diff_id.h"

enum { FILE_NAME_MAX = DIFFD_JOB_ID_MAX + 16 };

struct file_storage {
  struct diffd_storage base;
  const struct diffd_durable_folder *folder;
};

/* An id is checked where it becomes a file name, whoever has checked it before. */
static enum diffd_status file_name(const char *id, char name[static FILE_NAME_MAX], struct diffd_error *err) {
  if (!diffd_job_id_is_valid(id, strnlen(id, DIFFD_JOB_ID_MAX + 1)))
    return diffd_fail(err, DIFFD_INVALID, "the diff id cannot name a file");
  (void)snprintf(name, FILE_NAME_MAX, "%s.dot", id);
  return DIFFD_OK;
}

static enum diffd_status fail_stored(const struct file_storage *storage, const char *name, int errnum,
                                     struct diffd_error *err) {
  if (errnum == ENOENT)
    return diffd_fail(err, DIFFD_NOT_FOUND, "there is no %s/%s", storage->folder->path, name);
  return diffd_fail_errno(err, errnum, "opening %s/%s", storage->folder->path, name);
}

/* What has a diff's name and is none must not look like a stored diff to one call and like none to another.
 */
static enum diffd_status check_regular(const struct file_storage *storage, const char *name,
                                       const struct stat *st, struct diffd_error *err) {
  if (!S_ISREG(st->st_mode))
    return diffd_fail(err, DIFFD_IO, "%s/%s is not a regular file: remove it", storage->folder->path, name);
  return DIFFD_OK;
}

static enum diffd_status storage_get(struct diffd_storage *self, const struct diffd_context *ctx,
                                     const char *id, struct diffd_reader **ret, int64_t *ret_size,
                                     struct diffd_error *err) {
  (void)ctx;
  const struct file_storage *storage = (const struct file_storage *)self;
  char name[FILE_NAME_MAX];
  struct stat st;
  enum diffd_status status = file_name(id, name, err);
  if (status != DIFFD_OK)
    return status;
  /* Not blocking: should the name be a FIFO, nobody waits for its other end. */
  CLEANUP(closep) int fd = openat(storage->folder->fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 || fstat(fd, &st) != 0)
    return fail_stored(storage, name, errno, err);
  status = check_regular(storage, name, &st, err);
  if (status == DIFFD_OK)
    status = diffd_reader_from_fd(fd, true, ret, err);
  if (status != DIFFD_OK)
    return status;
  fd = -1;
  *ret_size = st.st_size;
  return DIFFD_OK;
}

static enum diffd_status storage_exists(struct diffd_storage *self, const struct diffd_context *ctx,
                                        const char *id, struct diffd_error *err) {
  (void)ctx;
  const struct file_storage *storage = (const struct file_storage *)self;
  char name[FILE_NAME_MAX];
  struct stat st;
  enum diffd_status status = file_name(id, name, err);
  if (status != DIFFD_OK)
    return status;
  if (fstatat(storage->folder->fd, name, &st, 0) != 0)
    return fail_stored(storage, name, errno, err);
  return check_regular(storage, name, &st, err);
}

static enum diffd_status storage_put(struct diffd_storage *self, const struct diffd_context *ctx,
                                     const char *id, struct diffd_writer **ret, struct diffd_error *err) {
  (void)ctx;
  const struct file_storage *storage = (const struct file_storage *)self;
  char name[FILE_NAME_MAX];
  enum diffd_status status = file_name(id, name, err);
  if (status != DIFFD_OK)
    return status;
  return diffd_durable_file_new(storage->folder, name, ret, err);
}

static void storage_destroy(struct diffd_storage *self) {
  free(self);
}

static const struct diffd_storage_ops file_storage_ops = {
    .get = storage_get, .exists = storage_exists, .put = storage_put, .destroy = storage_destroy};

enum diffd_status diffd_file_storage_new(const struct diffd_durable_folder *diffs, struct diffd_storage **ret,
                                         struct diffd_error *err) {
  struct file_storage *storage = calloc(1, sizeof *storage);
  if (storage == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the storage");
  storage->base.ops = &file_storage_ops;
  storage->folder = diffs;
  *ret = &storage->base;
  return DIFFD_OK;
}
