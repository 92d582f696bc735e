/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing run of bytes with a maximum. Not thread-safe.
 */
#ifndef DIFFD_BASE_BUFFER_H
#define DIFFD_BASE_BUFFER_H

#include "diffd/change.h"
#include "diffd/stream.h"

/* Also the `struct diffd_output` that sinks encode into. */
struct diffd_output {
  char *ptr;
  size_t len;
  size_t cap;
  size_t max; /* bytes; growing past it is DIFFD_TOO_LARGE */
};
#define diffd_buffer diffd_output

/* An empty buffer that owns nothing yet. */
static inline struct diffd_buffer diffd_buffer_init(size_t max) {
  return (struct diffd_buffer){.max = max};
}
/* Frees the bytes; the buffer is empty then, and may be used again. */
void diffd_buffer_clean_up(struct diffd_buffer *buffer);

/* Makes room for `more` bytes after len. DIFFD_TOO_LARGE, DIFFD_NO_MEMORY; the buffer is as before then. */
enum diffd_status diffd_buffer_reserve(struct diffd_buffer *buffer, size_t more,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;
/* Append bytes (`bytes` may be NULL where `len` is 0), or a text without its NUL. As diffd_buffer_reserve. */
enum diffd_status diffd_buffer_append(struct diffd_buffer *buffer, const void *bytes, size_t len,
                                      struct diffd_error *err) DIFFD_MUST_CHECK;
enum diffd_status diffd_buffer_printf(struct diffd_buffer *buffer, struct diffd_error *err, const char *fmt,
                                      ...) DIFFD_MUST_CHECK DIFFD_PRINTF(3, 4);

#endif
