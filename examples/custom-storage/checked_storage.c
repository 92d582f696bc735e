/* SPDX-License-Identifier: Apache-2.0 */
#include "checked_storage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD_BYTES = 17, BLOCK_BYTES = 64 * 1024 };

/* FNV-1a, 64 bits: enough to see damage; it does not keep anybody from forging a file. */
static const uint64_t sum_begin = UINT64_C(0xcbf29ce484222325);

static uint64_t sum_more(uint64_t sum, const char *bytes, size_t len) {
  for (size_t i = 0; i < len; i++)
    sum = (sum ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
  return sum;
}

static void spell_sum(uint64_t sum, char ret[static HEAD_BYTES + 1]) {
  (void)snprintf(ret, HEAD_BYTES + 1, "%016" PRIx64 "\n", sum);
}

/* An id has no slash and no leading dot, so it is safe as a name. */
static enum diffd_status spell_path(const struct checked_storage *storage, const char *id,
                                    char ret[static PATH_MAX], struct diffd_error *err) {
  if (snprintf(ret, PATH_MAX, "%s/%s.checked", storage->folder, id) >= PATH_MAX)
    return diffd_fail(err, DIFFD_INVALID, "the path of the diff %s is too long", id);
  return DIFFD_OK;
}

/* Reading. The file is checked whole before its first byte is given. */

struct checked_reader {
  struct diffd_reader base;
  int fd;
};

static enum diffd_status reader_read(struct diffd_reader *self, void *buf, size_t cap, size_t *ret_len,
                                     struct diffd_error *err) {
  ssize_t got = read(((struct checked_reader *)self)->fd, buf, cap);
  if (got < 0)
    return diffd_fail_errno(err, errno, "reading a diff");
  if (got == 0)
    return DIFFD_END;
  *ret_len = (size_t)got;
  return DIFFD_OK;
}

static void reader_destroy(struct diffd_reader *self) {
  (void)close(((struct checked_reader *)self)->fd);
  free(self);
}

static const struct diffd_reader_ops reader_ops = {.read = reader_read, .destroy = reader_destroy};

/* Leaves the descriptor at the diff's first byte. */
static enum diffd_status check_file(int fd, const char *path, struct diffd_error *err) {
  char block[BLOCK_BYTES];
  char head[HEAD_BYTES + 1] = "";
  char expected[HEAD_BYTES + 1];
  uint64_t sum = sum_begin;
  ssize_t got = read(fd, head, HEAD_BYTES);
  while (got > 0 && (got = read(fd, block, sizeof block)) > 0)
    sum = sum_more(sum, block, (size_t)got);
  if (got < 0)
    return diffd_fail_errno(err, errno, "reading %s", path);
  spell_sum(sum, expected);
  if (strcmp(head, expected) != 0)
    return diffd_fail(err, DIFFD_IO, "%s is damaged: remove it, and the diff can be made again", path);
  if (lseek(fd, HEAD_BYTES, SEEK_SET) != HEAD_BYTES)
    return diffd_fail_errno(err, errno, "reading %s", path);
  return DIFFD_OK;
}

static enum diffd_status storage_get(struct diffd_storage *self, const struct diffd_context *ctx,
                                     const char *id, struct diffd_reader **ret, int64_t *ret_size,
                                     struct diffd_error *err) {
  char path[PATH_MAX];
  struct stat stat;
  enum diffd_status status = spell_path((struct checked_storage *)self, id, path, err);
  (void)ctx;
  if (status != DIFFD_OK)
    return status;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT)
    return diffd_fail(err, DIFFD_NOT_FOUND, "there is no diff %s", id);
  if (fd < 0 || fstat(fd, &stat) != 0)
    status = diffd_fail_errno(err, errno, "opening %s", path);
  if (status == DIFFD_OK)
    status = check_file(fd, path, err);
  struct checked_reader *reader = status == DIFFD_OK ? calloc(1, sizeof *reader) : NULL;
  if (status == DIFFD_OK && reader == NULL)
    status = diffd_fail(err, DIFFD_NO_MEMORY, "no memory to read a diff");
  if (status != DIFFD_OK) {
    if (fd >= 0)
      (void)close(fd);
    return status;
  }
  *reader = (struct checked_reader){{&reader_ops}, fd};
  *ret = &reader->base;
  *ret_size = stat.st_size - HEAD_BYTES;
  return DIFFD_OK;
}

static enum diffd_status storage_exists(struct diffd_storage *self, const struct diffd_context *ctx,
                                        const char *id, struct diffd_error *err) {
  char path[PATH_MAX];
  enum diffd_status status = spell_path((struct checked_storage *)self, id, path, err);
  (void)ctx;
  if (status != DIFFD_OK || access(path, F_OK) == 0)
    return status;
  if (errno == ENOENT)
    return diffd_fail(err, DIFFD_NOT_FOUND, "there is no diff %s", id);
  return diffd_fail_errno(err, errno, "looking for %s", path);
}

/* Writing: to a name of its own, which becomes the diff's when all is there. */

struct checked_writer {
  struct diffd_writer base;
  int fd;
  uint64_t sum;
  char path[PATH_MAX];
  char tmp_path[PATH_MAX + 16];
  bool committed;
  const char *folder;
};

static enum diffd_status write_all(int fd, const char *bytes, size_t len, struct diffd_error *err) {
  while (len > 0) {
    ssize_t put = write(fd, bytes, len);
    if (put < 0 && errno != EINTR)
      return diffd_fail_errno(err, errno, "storing a diff");
    if (put > 0) {
      bytes += put;
      len -= (size_t)put;
    }
  }
  return DIFFD_OK;
}

static enum diffd_status writer_write(struct diffd_writer *self, const void *buf, size_t len,
                                      struct diffd_error *err) {
  struct checked_writer *writer = (struct checked_writer *)self;
  writer->sum = sum_more(writer->sum, buf, len);
  return write_all(writer->fd, buf, len, err);
}

/* A new name is on the disk when its folder is. */
static int sync_folder(const char *folder) {
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return -1;
  int result = fsync(fd);
  (void)close(fd);
  return result;
}

static enum diffd_status writer_commit(struct diffd_writer *self, struct diffd_error *err) {
  struct checked_writer *writer = (struct checked_writer *)self;
  char head[HEAD_BYTES + 1];
  spell_sum(writer->sum, head);
  if (pwrite(writer->fd, head, HEAD_BYTES, 0) != HEAD_BYTES || fsync(writer->fd) != 0 ||
      rename(writer->tmp_path, writer->path) != 0)
    return diffd_fail_errno(err, errno, "storing %s", writer->path);
  writer->committed = true;
  if (sync_folder(writer->folder) != 0)
    return diffd_fail_errno(err, errno, "storing %s", writer->path);
  return DIFFD_OK;
}

static void writer_destroy(struct diffd_writer *self) {
  struct checked_writer *writer = (struct checked_writer *)self;
  (void)close(writer->fd);
  if (!writer->committed)
    (void)unlink(writer->tmp_path);
  free(writer);
}

static const struct diffd_writer_ops writer_ops = {writer_write, writer_commit, writer_destroy};

static enum diffd_status storage_put(struct diffd_storage *self, const struct diffd_context *ctx,
                                     const char *id, struct diffd_writer **ret, struct diffd_error *err) {
  struct checked_writer *writer = calloc(1, sizeof *writer);
  (void)ctx;
  if (writer == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to store a diff");
  enum diffd_status status = spell_path((struct checked_storage *)self, id, writer->path, err);
  if (status == DIFFD_OK) {
    (void)snprintf(writer->tmp_path, sizeof writer->tmp_path, "%s.XXXXXX", writer->path);
    writer->fd = mkostemp(writer->tmp_path, O_CLOEXEC);
    if (writer->fd < 0)
      status = diffd_fail_errno(err, errno, "making %s", writer->tmp_path);
  }
  if (status != DIFFD_OK) {
    free(writer);
    return status;
  }
  writer->base.ops = &writer_ops;
  writer->folder = ((struct checked_storage *)self)->folder;
  writer->sum = sum_begin;
  /* Room for the checksum, which is known at the end. */
  status = write_all(writer->fd, "                 ", HEAD_BYTES, err);
  if (status == DIFFD_OK)
    *ret = &writer->base;
  else
    writer_destroy(&writer->base);
  return status;
}

static void storage_destroy(struct diffd_storage *self) {
  (void)self;
}

static const struct diffd_storage_ops ops = {storage_get, storage_exists, storage_put, storage_destroy};

struct checked_storage checked_storage(const char *folder) {
  return (struct checked_storage){.base = {&ops}, .folder = folder};
}
