/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/query.h"

#include <string.h>

static int hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

static bool decodes(struct diffd_span text) {
  for (size_t i = 0; i < text.len; i++) {
    if (text.ptr[i] != '%')
      continue;
    if (text.len - i < 3 || hex_digit(text.ptr[i + 1]) < 0 || hex_digit(text.ptr[i + 2]) < 0)
      return false;
    i += 2;
  }
  return true;
}

/* Takes one character of a text that decodes off its front. */
static char take_character(struct diffd_span *text) {
  char c = text->ptr[0];
  size_t used = 1;
  if (c == '+') {
    c = ' ';
  } else if (c == '%') {
    c = (char)(hex_digit(text->ptr[1]) * 16 + hex_digit(text->ptr[2]));
    used = 3;
  }
  text->ptr += used;
  text->len -= used;
  return c;
}

static bool decoded_equals(struct diffd_span text, const char *name) {
  for (; text.len > 0; name++)
    if (*name == '\0' || take_character(&text) != *name)
      return false;
  return *name == '\0';
}

/* Cuts the query at its first `&`, and gives what stood before it. */
static struct diffd_span take_pair(struct diffd_span *query) {
  const char *end = memchr(query->ptr, '&', query->len);
  struct diffd_span pair = {query->ptr, end != NULL ? (size_t)(end - query->ptr) : query->len};
  size_t used = pair.len + (end != NULL ? 1 : 0);
  query->ptr += used;
  query->len -= used;
  return pair;
}

enum diffd_status diffd_query_get(struct diffd_span query, const char *name, char *buf, size_t cap,
                                  size_t *ret_len, struct diffd_error *err) {
  while (query.len > 0) {
    struct diffd_span key = take_pair(&query);
    if (key.len == 0 || memchr(key.ptr, ';', key.len) != NULL)
      continue;
    struct diffd_span value = {key.ptr + key.len, 0};
    const char *equals = memchr(key.ptr, '=', key.len);
    if (equals != NULL) {
      value = (struct diffd_span){equals + 1, key.len - (size_t)(equals + 1 - key.ptr)};
      key.len = (size_t)(equals - key.ptr);
    }
    if (!decodes(key) || !decodes(value) || !decoded_equals(key, name))
      continue;
    size_t len = 0;
    while (value.len > 0) {
      if (len == cap)
        return diffd_fail(err, DIFFD_INVALID, "%s is longer than %zu characters", name, cap);
      buf[len++] = take_character(&value);
    }
    *ret_len = len;
    return DIFFD_OK;
  }
  return diffd_fail(err, DIFFD_NOT_FOUND, "%s is missing", name);
}
