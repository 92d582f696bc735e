/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tmp_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum diffd_status diffd_tmp_file_open(const char *dir, int *ret_fd, struct diffd_error *err) {
  if (dir == NULL)
    dir = "/tmp";
  int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
    /* File systems without O_TMPFILE: a name that is gone at once. */
    char path[4096];
    int len = snprintf(path, sizeof path, "%s/vpcflow-diffd.XXXXXX", dir);
    if (len < 0 || (size_t)len >= sizeof path)
      return diffd_fail(err, DIFFD_INVALID, "the temporary folder's name is too long");
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
      (void)unlink(path);
  }
  if (fd < 0)
    return diffd_fail_errno(err, errno, "no temporary file in %s (name another folder)", dir);
  *ret_fd = fd;
  return DIFFD_OK;
}

enum diffd_status diffd_tmp_file_write(int fd, const char *bytes, size_t len, uint64_t offset,
                                       struct diffd_error *err) {
  while (len > 0) {
    ssize_t put = pwrite(fd, bytes, len, (off_t)offset);
    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0)
      return diffd_fail_errno(err, errno,
                              "writing a temporary file (make room, or name another folder for them)");
    bytes += put;
    len -= (size_t)put;
    offset += (uint64_t)put;
  }
  return DIFFD_OK;
}

enum diffd_status diffd_tmp_file_read(int fd, char *bytes, size_t len, uint64_t offset,
                                      struct diffd_error *err) {
  while (len > 0) {
    ssize_t got = pread(fd, bytes, len, (off_t)offset);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return diffd_fail_errno(err, got < 0 ? errno : EIO, "reading a temporary file");
    bytes += got;
    len -= (size_t)got;
    offset += (uint64_t)got;
  }
  return DIFFD_OK;
}
