/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { WALK_FDS = 16 };

struct diffd_data_dir {
  int fd;
  int lock_fd;
  int tmp_fd;
  char *path;
  char *tmp_path;
  char *queue_path;
  char *diffs_path;
  char *marks_path;
  struct diffd_durable_folder diffs;
  struct diffd_durable_folder marks;
};

/* What was made must still be there after a loss of power, or all that is stored in it is gone too. */
static enum diffd_status sync_parent(const char *path, struct diffd_error *err) {
  const char *slash = strrchr(path, '/');
  CLEANUP(freep)
  char *parent = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
  if (parent == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the data directory's path");
  CLEANUP(closep) int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || fsync(fd) != 0)
    return diffd_fail_errno(err, errno, "syncing %s, where the data directory %s was made", parent, path);
  return DIFFD_OK;
}

/* Makes the folder and its parents. What exists stays as it is. */
static enum diffd_status make_path(const char *path, struct diffd_error *err) {
  CLEANUP(freep) char *part = strdup(path);
  if (part == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the data directory's path");
  for (char *c = part + 1;; c++) {
    if (*c != '/' && *c != '\0')
      continue;
    char kept = *c;
    *c = '\0';
    bool made = mkdir(part, 0700) == 0;
    if (!made && errno != EEXIST)
      return diffd_fail_errno(err, errno, "making the data directory %s (choose another with DIFF_DATA_DIR)",
                              part);
    enum diffd_status status = made ? sync_parent(part, err) : DIFFD_OK;
    if (status != DIFFD_OK)
      return status;
    *c = kept;
    if (kept == '\0')
      return DIFFD_OK;
  }
}

static enum diffd_status fail_locked(const struct diffd_data_dir *dir, struct diffd_error *err) {
  char holder[32] = "";
  ssize_t len = pread(dir->lock_fd, holder, sizeof holder - 1, 0);
  holder[len > 0 ? len : 0] = '\0';
  holder[strspn(holder, "0123456789")] = '\0';
  return diffd_fail(
      err, DIFFD_BUSY,
      "the data directory %s is in use by another process%s%s: stop that one, or give this one a "
      "directory of its own with DIFF_DATA_DIR",
      dir->path, holder[0] != '\0' ? ", number " : "", holder);
}

/* The lock ends with the process, however that ends, so nobody needs to clear it away. */
static enum diffd_status take_lock(struct diffd_data_dir *dir, struct diffd_error *err) {
  dir->lock_fd = openat(dir->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (dir->lock_fd < 0)
    return diffd_fail_errno(err, errno, "opening %s/lock", dir->path);
  if (flock(dir->lock_fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return fail_locked(dir, err);
    return diffd_fail_errno(err, errno, "locking %s/lock", dir->path);
  }
  char holder[32];
  int len = snprintf(holder, sizeof holder, "%ld\n", (long)getpid());
  if (ftruncate(dir->lock_fd, 0) != 0 || pwrite(dir->lock_fd, holder, (size_t)len, 0) != len)
    return diffd_fail_errno(err, errno, "writing %s/lock", dir->path);
  return DIFFD_OK;
}

static enum diffd_status join(const char *path, const char *name, char **ret, struct diffd_error *err) {
  if (asprintf(ret, "%s/%s", path, name) < 0) {
    *ret = NULL;
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a path in the data directory");
  }
  return DIFFD_OK;
}

static enum diffd_status open_folder(const struct diffd_data_dir *dir, const char *name, char **ret_path,
                                     int *ret_fd, struct diffd_error *err) {
  struct stat whole, part;
  enum diffd_status status = join(dir->path, name, ret_path, err);
  if (status != DIFFD_OK)
    return status;
  if (mkdirat(dir->fd, name, 0700) != 0 && errno != EEXIST)
    return diffd_fail_errno(err, errno, "making %s", *ret_path);
  *ret_fd = openat(dir->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (*ret_fd < 0 || fstat(*ret_fd, &part) != 0 || fstat(dir->fd, &whole) != 0)
    return diffd_fail_errno(err, errno, "opening the folder %s", *ret_path);
  if (part.st_dev != whole.st_dev)
    return diffd_fail(err, DIFFD_IO,
                      "%s is on another file system than %s, so that files cannot be renamed into it",
                      *ret_path, dir->path);
  return DIFFD_OK;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *place) {
  (void)st;
  (void)type;
  return place->level > 0 ? remove(path) : 0;
}

static enum diffd_status open_parts(struct diffd_data_dir *dir, struct diffd_error *err) {
  enum diffd_status status = make_path(dir->path, err);
  if (status != DIFFD_OK)
    return status;
  dir->fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir->fd < 0)
    return diffd_fail_errno(err, errno, "opening the data directory %s", dir->path);
  if ((status = take_lock(dir, err)) != DIFFD_OK ||
      (status = open_folder(dir, "tmp", &dir->tmp_path, &dir->tmp_fd, err)) != DIFFD_OK ||
      (status = open_folder(dir, "diffs", &dir->diffs_path, &dir->diffs.fd, err)) != DIFFD_OK ||
      (status = open_folder(dir, "marks", &dir->marks_path, &dir->marks.fd, err)) != DIFFD_OK ||
      (status = join(dir->path, "queue.db", &dir->queue_path, err)) != DIFFD_OK)
    return status;
  dir->diffs.path = dir->diffs_path;
  dir->marks.path = dir->marks_path;
  dir->diffs.tmp_fd = dir->marks.tmp_fd = dir->tmp_fd;
  if (nftw(dir->tmp_path, remove_entry, WALK_FDS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0)
    return diffd_fail_errno(err, errno, "emptying %s", dir->tmp_path);
  if (fsync(dir->fd) != 0)
    return diffd_fail_errno(err, errno, "syncing %s", dir->path);
  return DIFFD_OK;
}

enum diffd_status diffd_data_dir_open(const char *path, struct diffd_data_dir **ret,
                                      struct diffd_error *err) {
  struct diffd_data_dir *dir = calloc(1, sizeof *dir);
  if (dir == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the data directory");
  dir->fd = dir->lock_fd = dir->tmp_fd = dir->diffs.fd = dir->marks.fd = -1;
  enum diffd_status status = DIFFD_OK;
  if (path[0] == '\0')
    status = diffd_fail(err, DIFFD_INVALID, "the data directory's path is empty: set DIFF_DATA_DIR");
  else if ((dir->path = strdup(path)) == NULL)
    status = diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the data directory's path");
  if (status == DIFFD_OK)
    status = open_parts(dir, err);
  if (status != DIFFD_OK) {
    diffd_data_dir_close(dir);
    return status;
  }
  *ret = dir;
  return DIFFD_OK;
}

void diffd_data_dir_close(struct diffd_data_dir *dir) {
  if (dir == NULL)
    return;
  /* The lock goes last. */
  closep(&dir->diffs.fd);
  closep(&dir->marks.fd);
  closep(&dir->tmp_fd);
  closep(&dir->fd);
  closep(&dir->lock_fd);
  free(dir->path);
  free(dir->tmp_path);
  free(dir->queue_path);
  free(dir->diffs_path);
  free(dir->marks_path);
  free(dir);
}

const struct diffd_durable_folder *diffd_data_dir_diffs(const struct diffd_data_dir *dir) {
  return &dir->diffs;
}

const struct diffd_durable_folder *diffd_data_dir_marks(const struct diffd_data_dir *dir) {
  return &dir->marks;
}

const char *diffd_data_dir_tmp_path(const struct diffd_data_dir *dir) {
  return dir->tmp_path;
}

const char *diffd_data_dir_queue_path(const struct diffd_data_dir *dir) {
  return dir->queue_path;
}
