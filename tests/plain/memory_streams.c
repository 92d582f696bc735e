/* SPDX-License-Identifier: Apache-2.0 */
#include "plain/memory_streams.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct diffd_reader *memory_file_reader(struct diffd_span bytes) {
  struct diffd_reader *reader;
  struct diffd_error err;
  int fd = memfd_create("graph", MFD_CLOEXEC);
  if (fd < 0 || (bytes.len > 0 && pwrite(fd, bytes.ptr, bytes.len, 0) != (ssize_t)bytes.len) ||
      diffd_reader_from_fd(fd, true, &reader, &err) != DIFFD_OK)
    abort();
  return reader;
}

struct memory_reader {
  struct diffd_reader base;
  struct diffd_span left;
  size_t piece;
  size_t fail_after;
};

static enum diffd_status memory_read(struct diffd_reader *self, void *buf, size_t cap, size_t *ret_len,
                                     struct diffd_error *err) {
  struct memory_reader *reader = (struct memory_reader *)self;
  if (reader->fail_after == 0)
    return diffd_fail(err, DIFFD_UNAVAILABLE, "the peer is gone");
  if (reader->left.len == 0)
    return DIFFD_END;
  size_t len = cap < reader->piece ? cap : reader->piece;
  if (len > reader->left.len)
    len = reader->left.len;
  if (reader->fail_after != SIZE_MAX) {
    len = len < reader->fail_after ? len : reader->fail_after;
    reader->fail_after -= len;
  }
  memcpy(buf, reader->left.ptr, len);
  reader->left.ptr += len;
  reader->left.len -= len;
  *ret_len = len;
  return DIFFD_OK;
}

static void memory_reader_destroy(struct diffd_reader *self) {
  free(self);
}

static const struct diffd_reader_ops memory_reader_ops = {.read = memory_read,
                                                          .destroy = memory_reader_destroy};

struct diffd_reader *memory_stream_reader(struct diffd_span bytes, size_t piece, size_t fail_after) {
  struct memory_reader *reader = calloc(1, sizeof *reader);
  if (reader == NULL)
    abort();
  *reader = (struct memory_reader){
      .base.ops = &memory_reader_ops, .left = bytes, .piece = piece, .fail_after = fail_after};
  return &reader->base;
}

struct memory_writer {
  struct diffd_writer base;
  struct diffd_buffer *bytes;
  bool *committed;
};

static enum diffd_status memory_write(struct diffd_writer *self, const void *buf, size_t len,
                                      struct diffd_error *err) {
  return diffd_buffer_append(((struct memory_writer *)self)->bytes, buf, len, err);
}

static enum diffd_status memory_commit(struct diffd_writer *self, struct diffd_error *err) {
  (void)err;
  *((struct memory_writer *)self)->committed = true;
  return DIFFD_OK;
}

static void memory_writer_destroy(struct diffd_writer *self) {
  free(self);
}

static const struct diffd_writer_ops memory_writer_ops = {
    .write = memory_write, .commit = memory_commit, .destroy = memory_writer_destroy};

struct diffd_writer *memory_writer(struct diffd_buffer *bytes, bool *committed) {
  struct memory_writer *writer = calloc(1, sizeof *writer);
  if (writer == NULL)
    abort();
  *committed = false;
  *writer = (struct memory_writer){.base.ops = &memory_writer_ops, .bytes = bytes, .committed = committed};
  return &writer->base;
}
