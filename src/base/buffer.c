/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALLEST_CAP = 64 };

void diffd_buffer_clean_up(struct diffd_buffer *buffer) {
  free(buffer->ptr);
  buffer->ptr = NULL;
  buffer->len = buffer->cap = 0;
}

enum diffd_status diffd_buffer_reserve(struct diffd_buffer *buffer, size_t more, struct diffd_error *err) {
  if (more <= buffer->cap - buffer->len)
    return DIFFD_OK;
  if (more > buffer->max - buffer->len)
    return diffd_fail(err, DIFFD_TOO_LARGE, "more than %zu bytes", buffer->max);
  size_t cap = buffer->cap + buffer->cap / 2;
  if (cap < buffer->len + more)
    cap = buffer->len + more;
  if (cap < SMALLEST_CAP)
    cap = SMALLEST_CAP;
  if (cap > buffer->max)
    cap = buffer->max;
  char *ptr = realloc(buffer->ptr, cap);
  if (ptr == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a buffer of %zu bytes", cap);
  buffer->ptr = ptr;
  buffer->cap = cap;
  return DIFFD_OK;
}

enum diffd_status diffd_buffer_append(struct diffd_buffer *buffer, const void *bytes, size_t len,
                                      struct diffd_error *err) {
  if (len == 0)
    return DIFFD_OK;
  enum diffd_status status = diffd_buffer_reserve(buffer, len, err);
  if (status != DIFFD_OK)
    return status;
  memcpy(buffer->ptr + buffer->len, bytes, len);
  buffer->len += len;
  return DIFFD_OK;
}

enum diffd_status diffd_output_append(struct diffd_output *out, const void *bytes, size_t len,
                                      struct diffd_error *err) {
  return diffd_buffer_append(out, bytes, len, err);
}

enum diffd_status diffd_buffer_printf(struct diffd_buffer *buffer, struct diffd_error *err, const char *fmt,
                                      ...) {
  va_list args;
  va_start(args, fmt);
  int len = vsnprintf(NULL, 0, fmt, args);
  va_end(args);
  if (len < 0)
    return diffd_fail(err, DIFFD_INTERNAL, "a text could not be formatted");
  enum diffd_status status = diffd_buffer_reserve(buffer, (size_t)len + 1, err);
  if (status != DIFFD_OK)
    return status;
  va_start(args, fmt);
  (void)vsnprintf(buffer->ptr + buffer->len, (size_t)len + 1, fmt, args);
  va_end(args);
  buffer->len += (size_t)len;
  return DIFFD_OK;
}
