/* SPDX-License-Identifier: Apache-2.0 */
#include "net/ini.h"

#include <string.h>
#include <strings.h>

bool diffd_span_is(struct diffd_span span, const char *text) {
  return span.ptr != NULL && span.len == strlen(text) && memcmp(span.ptr, text, span.len) == 0;
}

bool diffd_span_is_key(struct diffd_span span, const char *key) {
  return span.ptr != NULL && span.len == strlen(key) && strncasecmp(span.ptr, key, span.len) == 0;
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

static struct diffd_span trim(struct diffd_span span) {
  while (span.len > 0 && is_blank(span.ptr[0])) {
    span.ptr++;
    span.len--;
  }
  while (span.len > 0 && is_blank(span.ptr[span.len - 1]))
    span.len--;
  return span;
}

/* Takes the next line off the text, without its line break. */
static struct diffd_span take_line(struct diffd_ini *ini) {
  const char *end = memchr(ini->rest.ptr, '\n', ini->rest.len);
  size_t len = end != NULL ? (size_t)(end - ini->rest.ptr) : ini->rest.len;
  struct diffd_span line = {ini->rest.ptr, len};
  size_t taken = end != NULL ? len + 1 : len;
  ini->rest = (struct diffd_span){ini->rest.ptr + taken, ini->rest.len - taken};
  static const char mark[] = "\xef\xbb\xbf"; /* a byte order mark, as Windows editors write it */
  if (ini->line++ == 0 && line.len >= 3 && memcmp(line.ptr, mark, 3) == 0)
    line = (struct diffd_span){line.ptr + 3, line.len - 3};
  return line;
}

/* Cuts a comment off a value. Only one that follows white space is one: secrets hold `#` as well. */
static struct diffd_span without_comment(struct diffd_span value) {
  for (size_t i = 0; i < value.len; i++)
    if ((value.ptr[i] == '#' || value.ptr[i] == ';') && (i == 0 || is_blank(value.ptr[i - 1])))
      return (struct diffd_span){value.ptr, i};
  return value;
}

static enum diffd_status begin_section(struct diffd_ini *ini, struct diffd_span text,
                                       struct diffd_error *err) {
  const char *end = memchr(text.ptr, ']', text.len);
  if (end == NULL)
    return diffd_fail(err, DIFFD_INVALID, "line %u: the section's name is not closed by ]", ini->line);
  ini->section = trim((struct diffd_span){text.ptr + 1, (size_t)(end - text.ptr) - 1});
  ini->in_setting = false;
  return DIFFD_OK;
}

enum diffd_status diffd_ini_next(struct diffd_ini *ini, struct diffd_ini_setting *ret,
                                 struct diffd_error *err) {
  while (ini->rest.len > 0) {
    struct diffd_span line = take_line(ini);
    struct diffd_span text = trim(line);
    if (text.len == 0 || text.ptr[0] == '#' || text.ptr[0] == ';')
      continue;
    if (memchr(text.ptr, '\0', text.len) != NULL)
      return diffd_fail(err, DIFFD_INVALID, "line %u: it holds a NUL byte", ini->line);
    size_t indent = (size_t)(text.ptr - line.ptr);
    if (ini->in_setting && indent > ini->indent)
      continue;
    if (text.ptr[0] == '[') {
      enum diffd_status status = begin_section(ini, text, err);
      if (status != DIFFD_OK)
        return status;
      continue;
    }
    const char *equals = memchr(text.ptr, '=', text.len);
    if (equals == NULL || equals == text.ptr)
      return diffd_fail(err, DIFFD_INVALID, "line %u: it is neither [section] nor key = value", ini->line);
    if (ini->section.ptr == NULL)
      return diffd_fail(err, DIFFD_INVALID, "line %u: a setting stands before the first [section]",
                        ini->line);
    size_t key_len = (size_t)(equals - text.ptr);
    struct diffd_span value = {equals + 1, text.len - key_len - 1};
    ini->in_setting = true;
    ini->indent = indent;
    *ret = (struct diffd_ini_setting){.section = ini->section,
                                      .key = trim((struct diffd_span){text.ptr, key_len}),
                                      .value = trim(without_comment(value))};
    return DIFFD_OK;
  }
  return DIFFD_END;
}
