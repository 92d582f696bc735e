/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes in and bytes out. A module that has its own source or destination of bytes embeds one of
 * these structs as its first member and points `ops` at a `static const` table. Callers use the
 * functions below, never the slots. Neither is thread-safe: one thread at a time may use an object.
 */
#ifndef DIFFD_STREAM_H
#define DIFFD_STREAM_H

#include <stdint.h>

#include "diffd/status.h"

DIFFD_PUBLIC_BEGIN

/* A view of bytes: borrowed for the call unless a header says more. ptr == NULL means absent, which is
 * not the same as present and empty. Not NUL-terminated. */
struct diffd_span {
  const char *ptr;
  size_t len;
};

struct diffd_reader;
struct diffd_reader_ops {
  /* Reads 1 to `cap` bytes into buf, waiting for the first of them, and sets *ret_len. DIFFD_END at the
   * end of the stream. After a failure only `destroy` may follow. */
  enum diffd_status (*read)(struct diffd_reader *self, void *buf, size_t cap, size_t *ret_len,
                            struct diffd_error *err);
  /* NULL, or: the descriptor of a regular file whose whole content, from offset 0, is this stream and
   * which pread() may read while the reader lives; -1 where there is none. The reader keeps the descriptor.
   */
  int (*file)(struct diffd_reader *self);
  /* NULL, or: makes a read that waits in another thread, and every later one, return DIFFD_CANCELLED soon.
   * The one function that may be called while another thread is in `read`. */
  void (*interrupt)(struct diffd_reader *self);
  /* Frees self; never NULL. May be called at any time, also before the end. */
  void (*destroy)(struct diffd_reader *self);
};
struct diffd_reader {
  const struct diffd_reader_ops *ops;
};

enum diffd_status diffd_reader_read(struct diffd_reader *reader, void *buf, size_t cap, size_t *ret_len,
                                    struct diffd_error *err) DIFFD_MUST_CHECK;
/* -1 where the stream can only be read once, in order. */
int diffd_reader_file(struct diffd_reader *reader);
/* Nothing happens where the reader cannot be interrupted: a read then ends when its peer lets it. */
void diffd_reader_interrupt(struct diffd_reader *reader);
void diffd_reader_destroy(struct diffd_reader *reader); /* accepts NULL */

/* A reader of a descriptor: a regular file from offset 0, or a pipe, FIFO, socket or terminal, which can be
 * interrupted. With `take`, destroy closes it. DIFFD_NO_MEMORY, DIFFD_IO. */
enum diffd_status diffd_reader_from_fd(int fd, bool take, struct diffd_reader **ret,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;

/* A destination that shows nothing until it is committed: a file under a temporary name, a multipart
 * upload. Destroying a writer that was not committed takes everything back. */
struct diffd_writer;
struct diffd_writer_ops {
  /* Takes all `len` bytes or fails. After a failure only `destroy` may follow. */
  enum diffd_status (*write)(struct diffd_writer *self, const void *buf, size_t len, struct diffd_error *err);
  /* Makes what was written visible, whole and durable. At most once; only `destroy` may follow. */
  enum diffd_status (*commit)(struct diffd_writer *self, struct diffd_error *err);
  /* Frees self; aborts where commit did not succeed. */
  void (*destroy)(struct diffd_writer *self);
};
struct diffd_writer {
  const struct diffd_writer_ops *ops;
};

enum diffd_status diffd_writer_write(struct diffd_writer *writer, const void *buf, size_t len,
                                     struct diffd_error *err) DIFFD_MUST_CHECK;
enum diffd_status diffd_writer_commit(struct diffd_writer *writer, struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_writer_destroy(struct diffd_writer *writer); /* accepts NULL */

/* A writer to a descriptor (stdout, a pipe): nothing can be taken back there, so commit is only a
 * promise kept by the caller. The descriptor stays the caller's. Partial writes and EINTR are handled. */
enum diffd_status diffd_writer_from_fd(int fd, struct diffd_writer **ret,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;

DIFFD_PUBLIC_END

#endif
