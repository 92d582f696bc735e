/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_text.h"

#include <stdio.h>

static bool is_continuation(char c) {
  return ((unsigned char)c & 0xC0) == 0x80;
}

size_t diffd_utf8_sequence(const char *bytes, size_t len) {
  unsigned char first = (unsigned char)bytes[0];
  if (first < 0x80)
    return 1;
  size_t need = first >= 0xC2 && first <= 0xDF   ? 2
                : first >= 0xE0 && first <= 0xEF ? 3
                : first >= 0xF0 && first <= 0xF4 ? 4
                                                 : 0;
  if (need == 0 || len < need)
    return 0;
  for (size_t i = 1; i < need; i++)
    if (!is_continuation(bytes[i]))
      return 0;
  unsigned char second = (unsigned char)bytes[1];
  bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  bool surrogate = first == 0xED && second > 0x9F;
  bool beyond = first == 0xF4 && second > 0x8F;
  return overlong || surrogate || beyond ? 0 : need;
}

static enum diffd_status append_ascii(struct diffd_buffer *out, char c, struct diffd_error *err) {
  char text[8];
  int len;
  switch (c) {
  case '"':
  case '\\':
    len = snprintf(text, sizeof text, "\\%c", c);
    break;
  case '\n':
    len = snprintf(text, sizeof text, "\\n");
    break;
  case '\r':
    len = snprintf(text, sizeof text, "\\r");
    break;
  case '\t':
    len = snprintf(text, sizeof text, "\\t");
    break;
  default:
    if ((unsigned char)c < 0x20 || c == 0x7F)
      len = snprintf(text, sizeof text, "\\u%04x", (unsigned)(unsigned char)c);
    else
      len = snprintf(text, sizeof text, "%c", c);
  }
  return diffd_buffer_append(out, text, (size_t)len, err);
}

enum diffd_status diffd_json_append_string(struct diffd_buffer *out, struct diffd_span text,
                                           struct diffd_error *err) {
  enum diffd_status status = diffd_buffer_append(out, "\"", 1, err);
  for (size_t at = 0; status == DIFFD_OK && at < text.len;) {
    size_t len = diffd_utf8_sequence(text.ptr + at, text.len - at);
    if (len == 1)
      status = append_ascii(out, text.ptr[at], err);
    else if (len > 1)
      status = diffd_buffer_append(out, text.ptr + at, len, err);
    else
      status = diffd_buffer_append(out, "\xEF\xBF\xBD", 3, err);
    at += len > 0 ? len : 1;
  }
  return status != DIFFD_OK ? status : diffd_buffer_append(out, "\"", 1, err);
}
