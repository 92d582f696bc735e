/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/file_marker.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mark.h"

static const char suffix[] = "_in_progress";

struct file_marker {
  struct diffd_marker base;
  const struct diffd_durable_folder *folder;
  const struct diffd_clock *clock;
};

static enum diffd_status marker_mark(struct diffd_marker *self, const struct diffd_context *ctx,
                                     const char *id, struct diffd_error *err) {
  (void)ctx;
  const struct file_marker *marker = (const struct file_marker *)self;
  char name[DIFFD_MARK_NAME_MAX], text[DIFFD_TIME_TEXT_MAX];
  enum diffd_status status = diffd_mark_name(id, name, err);
  if (status != DIFFD_OK)
    return status;
  diffd_rfc3339_format_nanos(marker->clock->wall(marker->clock->arg), text);
  return diffd_durable_file_put(marker->folder, name, text, strlen(text), err);
}

static enum diffd_status marker_unmark(struct diffd_marker *self, const struct diffd_context *ctx,
                                       const char *id, struct diffd_error *err) {
  (void)ctx;
  const struct file_marker *marker = (const struct file_marker *)self;
  char name[DIFFD_MARK_NAME_MAX];
  enum diffd_status status = diffd_mark_name(id, name, err);
  if (status == DIFFD_OK)
    status = diffd_durable_file_remove(marker->folder, name, err);
  return status == DIFFD_NOT_FOUND ? DIFFD_OK : status;
}

/* Since when a mark from the future is known. The modification time is only ever set back, and on the
 * open file, so that a mark which is removed or renewed meanwhile is left alone. */
static enum diffd_status known_since(int fd, struct diffd_instant now, struct diffd_instant *ret,
                                     struct diffd_error *err) {
  struct stat st;
  if (fstat(fd, &st) != 0)
    return diffd_fail_errno(err, errno, "looking at a mark");
  struct diffd_instant modified = {.seconds = st.st_mtim.tv_sec, .nanoseconds = (uint32_t)st.st_mtim.tv_nsec};
  if (diffd_instant_is_before(now, modified)) {
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                      {.tv_sec = (time_t)now.seconds, .tv_nsec = (long)now.nanoseconds}};
    if (futimens(fd, times) != 0)
      return diffd_fail_errno(err, errno, "setting back the time of a mark from the future");
    modified = now;
  }
  *ret = modified;
  return DIFFD_OK;
}

/* The time in the mark; false where it cannot be read as one. */
static enum diffd_status read_mark(int fd, bool *ret_valid, struct diffd_instant *ret,
                                   struct diffd_error *err) {
  char content[DIFFD_MARK_CONTENT_MAX];
  ssize_t got = pread(fd, content, sizeof content, 0);
  if (got < 0)
    return diffd_fail_errno(err, errno, "reading a mark");
  *ret_valid = diffd_mark_read((struct diffd_span){content, (size_t)got}, ret);
  return DIFFD_OK;
}

static enum diffd_status marker_check(struct diffd_marker *self, const struct diffd_context *ctx,
                                      const char *id, struct diffd_error *err) {
  (void)ctx;
  const struct file_marker *marker = (const struct file_marker *)self;
  char name[DIFFD_MARK_NAME_MAX];
  bool valid = false;
  struct diffd_instant marked;
  enum diffd_status status = diffd_mark_name(id, name, err);
  if (status != DIFFD_OK)
    return status;
  CLEANUP(closep) int fd = openat(marker->folder->fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 && errno == ENOENT)
    return diffd_fail(err, DIFFD_NOT_FOUND, "there is no mark %s/%s", marker->folder->path, name);
  if (fd < 0)
    return diffd_fail_errno(err, errno, "opening %s/%s", marker->folder->path, name);
  status = read_mark(fd, &valid, &marked, err);
  struct diffd_instant now = marker->clock->wall(marker->clock->arg);
  if (status == DIFFD_OK && valid && diffd_instant_is_before(now, marked))
    status = known_since(fd, now, &marked, err);
  if (status != DIFFD_OK)
    return diffd_fail_within(err, "%s/%s", marker->folder->path, name);
  if (!valid)
    return diffd_fail(err, DIFFD_NOT_FOUND, "the mark %s/%s is no time", marker->folder->path, name);
  if (!diffd_mark_is_younger(marked, now, marker->base.timeout_ms))
    return diffd_fail(err, DIFFD_NOT_FOUND, "the mark %s/%s is out of date", marker->folder->path, name);
  return DIFFD_IN_PROGRESS;
}

static void marker_destroy(struct diffd_marker *self) {
  free(self);
}

static const struct diffd_marker_ops file_marker_ops = {
    .mark = marker_mark, .unmark = marker_unmark, .check = marker_check, .destroy = marker_destroy};

enum diffd_status diffd_file_marker_new(const struct diffd_durable_folder *marks, uint64_t timeout_ms,
                                        const struct diffd_clock *clock, struct diffd_marker **ret,
                                        struct diffd_error *err) {
  struct file_marker *marker = calloc(1, sizeof *marker);
  if (marker == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the marker");
  marker->base.ops = &file_marker_ops;
  marker->base.timeout_ms = timeout_ms;
  marker->folder = marks;
  marker->clock = clock;
  *ret = &marker->base;
  return DIFFD_OK;
}

static bool is_kept(const char *name, bool (*keep)(void *arg, const char *id), void *arg) {
  char id[DIFFD_JOB_ID_MAX + 1];
  size_t len = strlen(name), suffix_len = sizeof suffix - 1;
  if (len <= suffix_len || len - suffix_len > DIFFD_JOB_ID_MAX ||
      strcmp(name + len - suffix_len, suffix) != 0)
    return false;
  memcpy(id, name, len - suffix_len);
  id[len - suffix_len] = '\0';
  return keep(arg, id);
}

static enum diffd_status sweep(const struct diffd_durable_folder *marks, DIR *dir,
                               bool (*keep)(void *arg, const char *id), void *arg, size_t *ret_removed,
                               struct diffd_error *err) {
  const struct dirent *entry;
  while (errno = 0, (entry = readdir(dir)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
        is_kept(entry->d_name, keep, arg))
      continue;
    if (unlinkat(marks->fd, entry->d_name, 0) != 0 && errno != ENOENT)
      return diffd_fail_errno(err, errno, "removing the stale mark %s/%s", marks->path, entry->d_name);
    ++*ret_removed;
  }
  if (errno != 0)
    return diffd_fail_errno(err, errno, "listing %s", marks->path);
  if (*ret_removed > 0 && fsync(marks->fd) != 0)
    return diffd_fail_errno(err, errno, "syncing %s", marks->path);
  return DIFFD_OK;
}

enum diffd_status diffd_file_marks_sweep(const struct diffd_durable_folder *marks,
                                         bool (*keep)(void *arg, const char *id), void *arg,
                                         size_t *ret_removed, struct diffd_error *err) {
  size_t removed = 0;
  int fd = openat(marks->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
  if (dir == NULL) {
    enum diffd_status status = diffd_fail_errno(err, errno, "opening the folder %s", marks->path);
    closep(&fd);
    return status;
  }
  enum diffd_status status = sweep(marks, dir, keep, arg, &removed, err);
  (void)closedir(dir);
  if (status == DIFFD_OK && ret_removed != NULL)
    *ret_removed = removed;
  return status;
}
