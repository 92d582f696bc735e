/* SPDX-License-Identifier: Apache-2.0
 *
 * Readers and writers of file descriptors.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "diffd/stream.h"

struct fd_reader {
  struct diffd_reader base;
  int fd;
  bool owned;
  bool regular;
  int stop; /* an eventfd that is readable once somebody interrupted; -1 for regular files, which never wait
             */
};

/* Waits for bytes, or for somebody who interrupts. */
static enum diffd_status wait_for_bytes(struct fd_reader *reader, struct diffd_error *err) {
  struct pollfd polls[2] = {{.fd = reader->fd, .events = POLLIN}, {.fd = reader->stop, .events = POLLIN}};
  for (;;) {
    int ready = poll(polls, 2, -1);
    if (ready < 0 && errno == EINTR)
      continue;
    if (ready < 0)
      return diffd_fail_errno(err, errno, "waiting for bytes to read");
    return polls[1].revents != 0 ? diffd_fail(err, DIFFD_CANCELLED, "reading was interrupted") : DIFFD_OK;
  }
}

static enum diffd_status fd_read(struct diffd_reader *self, void *buf, size_t cap, size_t *ret_len,
                                 struct diffd_error *err) {
  struct fd_reader *reader = (struct fd_reader *)self;
  for (;;) {
    enum diffd_status status = reader->stop >= 0 ? wait_for_bytes(reader, err) : DIFFD_OK;
    if (status != DIFFD_OK)
      return status;
    ssize_t got = read(reader->fd, buf, cap);
    if (got > 0) {
      *ret_len = (size_t)got;
      return DIFFD_OK;
    }
    if (got == 0)
      return DIFFD_END;
    if (errno != EINTR)
      return diffd_fail_errno(err, errno, "reading");
  }
}

static int fd_file(struct diffd_reader *self) {
  const struct fd_reader *reader = (const struct fd_reader *)self;
  return reader->regular ? reader->fd : -1;
}

static void fd_interrupt(struct diffd_reader *self) {
  const struct fd_reader *reader = (const struct fd_reader *)self;
  if (reader->stop >= 0)
    (void)eventfd_write(reader->stop, 1);
}

static void fd_reader_destroy(struct diffd_reader *self) {
  struct fd_reader *reader = (struct fd_reader *)self;
  if (reader->owned)
    (void)close(reader->fd);
  if (reader->stop >= 0)
    (void)close(reader->stop);
  free(reader);
}

static const struct diffd_reader_ops fd_reader_ops = {
    .read = fd_read, .file = fd_file, .interrupt = fd_interrupt, .destroy = fd_reader_destroy};

enum diffd_status diffd_reader_from_fd(int fd, bool take, struct diffd_reader **ret,
                                       struct diffd_error *err) {
  struct stat st;
  struct fd_reader *reader = calloc(1, sizeof *reader);
  if (reader == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a reader");
  reader->base.ops = &fd_reader_ops;
  reader->fd = fd;
  reader->owned = take;
  reader->regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && lseek(fd, 0, SEEK_CUR) == 0;
  reader->stop = reader->regular ? -1 : eventfd(0, EFD_CLOEXEC);
  if (!reader->regular && reader->stop < 0) {
    int errnum = errno;
    free(reader);
    return diffd_fail_errno(err, errnum, "making an event to interrupt reading by");
  }
  *ret = &reader->base;
  return DIFFD_OK;
}

struct fd_writer {
  struct diffd_writer base;
  int fd;
};

static enum diffd_status fd_write(struct diffd_writer *self, const void *buf, size_t len,
                                  struct diffd_error *err) {
  const struct fd_writer *writer = (const struct fd_writer *)self;
  const char *at = buf;
  while (len > 0) {
    ssize_t put = write(writer->fd, at, len);
    if (put >= 0) {
      at += put;
      len -= (size_t)put;
    } else if (errno != EINTR) {
      return diffd_fail_errno(err, errno, "writing");
    }
  }
  return DIFFD_OK;
}

static enum diffd_status fd_commit(struct diffd_writer *self, struct diffd_error *err) {
  (void)self;
  (void)err;
  return DIFFD_OK;
}

static void fd_writer_destroy(struct diffd_writer *self) {
  free(self);
}

static const struct diffd_writer_ops fd_writer_ops = {
    .write = fd_write, .commit = fd_commit, .destroy = fd_writer_destroy};

enum diffd_status diffd_writer_from_fd(int fd, struct diffd_writer **ret, struct diffd_error *err) {
  struct fd_writer *writer = calloc(1, sizeof *writer);
  if (writer == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a writer");
  writer->base.ops = &fd_writer_ops;
  writer->fd = fd;
  *ret = &writer->base;
  return DIFFD_OK;
}
