/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_head.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

void diffd_http_head_init(struct diffd_http_head *head) {
  head->complete = false;
  head->status = 0;
  head->bytes = 0;
  head->count = 0;
  /* Each field needs two NULs more than its bytes, which its colon and its line end make up for. */
  head->text = diffd_buffer_init(DIFFD_HTTP_HEAD_MAX_BYTES);
}

void diffd_http_head_clean_up(struct diffd_http_head *head) {
  diffd_buffer_clean_up(&head->text);
}

static enum diffd_status malformed(struct diffd_error *err) {
  return diffd_fail(err, DIFFD_UNAVAILABLE, "the answer's head is no HTTP");
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

/* `HTTP/1.1 200 OK`. A new status line drops what came with an interim answer. */
static enum diffd_status take_status(struct diffd_http_head *head, const char *line, size_t len,
                                     struct diffd_error *err) {
  const char *space = memchr(line, ' ', len);
  if (space == NULL || (size_t)(line + len - space) < 4)
    return malformed(err);
  if (space + 4 < line + len && space[4] != ' ')
    return malformed(err);
  unsigned status = 0;
  for (int i = 1; i <= 3; i++) {
    if (!isdigit((unsigned char)space[i]))
      return malformed(err);
    status = status * 10 + (unsigned)(space[i] - '0');
  }
  if (status < 100 || status > 599)
    return malformed(err);
  head->status = status;
  head->count = 0;
  head->text.len = 0;
  return DIFFD_OK;
}

static enum diffd_status append_text(struct diffd_http_head *head, const char *bytes, size_t len,
                                     struct diffd_error *err) {
  enum diffd_status status = diffd_buffer_append(&head->text, bytes, len, err);
  return status == DIFFD_OK ? diffd_buffer_append(&head->text, "", 1, err) : status;
}

/* A field's value that goes on in the next line (obsolete, but seen). */
static enum diffd_status take_continuation(struct diffd_http_head *head, const char *line, size_t len,
                                           struct diffd_error *err) {
  if (head->count == 0)
    return malformed(err);
  head->text.ptr[head->text.len - 1] = ' ';
  return append_text(head, line, len, err);
}

static enum diffd_status take_field(struct diffd_http_head *head, const char *line, size_t len,
                                    struct diffd_error *err) {
  const char *colon = memchr(line, ':', len);
  if (colon == NULL || colon == line)
    return malformed(err);
  if (head->count == DIFFD_HTTP_HEAD_MAX_FIELDS)
    return diffd_fail(err, DIFFD_UNAVAILABLE, "the answer's head has more than %d fields",
                      DIFFD_HTTP_HEAD_MAX_FIELDS);
  const char *name_end = colon;
  while (name_end > line && is_blank(name_end[-1]))
    name_end--;
  const char *value = colon + 1;
  while (value < line + len && is_blank(*value))
    value++;
  size_t name_at = head->text.len;
  enum diffd_status status = append_text(head, line, (size_t)(name_end - line), err);
  if (status != DIFFD_OK)
    return status;
  for (char *c = head->text.ptr + name_at; *c != '\0'; c++)
    *c = (char)tolower((unsigned char)*c);
  head->at[head->count].name = name_at;
  head->at[head->count].value = head->text.len;
  status = append_text(head, value, (size_t)(line + len - value), err);
  if (status == DIFFD_OK)
    head->count++;
  return status;
}

static void finish(struct diffd_http_head *head) {
  for (size_t i = 0; i < head->count; i++) {
    head->headers[i].name = head->text.ptr + head->at[i].name;
    head->headers[i].value = head->text.ptr + head->at[i].value;
  }
  head->complete = true;
}

enum diffd_status diffd_http_head_line(struct diffd_http_head *head, const char *line, size_t len,
                                       struct diffd_error *err) {
  if (len > DIFFD_HTTP_HEAD_MAX_BYTES - head->bytes)
    return diffd_fail(err, DIFFD_UNAVAILABLE, "the answer's head has more than %d bytes",
                      DIFFD_HTTP_HEAD_MAX_BYTES);
  head->bytes += len;
  if (head->complete)
    return DIFFD_OK;
  while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == '\n'))
    len--;
  if (memchr(line, '\0', len) != NULL)
    return malformed(err);
  if (len > 5 && strncasecmp(line, "HTTP/", 5) == 0)
    return take_status(head, line, len, err);
  if (head->status == 0)
    return malformed(err);
  if (len == 0) {
    if (head->status >= 200)
      finish(head);
    return DIFFD_OK;
  }
  while (is_blank(line[len - 1]) && len > 1)
    len--;
  return is_blank(line[0]) ? take_continuation(head, line, len, err) : take_field(head, line, len, err);
}

static bool list_has(const char *list, const char *token) {
  size_t want = strlen(token);
  while (*list != '\0') {
    list += strspn(list, ", \t");
    size_t len = strcspn(list, ", \t;");
    if (len == want && strncasecmp(list, token, len) == 0)
      return true;
    list += strcspn(list, ",");
  }
  return false;
}

bool diffd_http_head_has_token(const struct diffd_http_head *head, const char *name, const char *token) {
  for (size_t i = 0; i < head->count; i++)
    if (strcmp(head->headers[i].name, name) == 0 && list_has(head->headers[i].value, token))
      return true;
  return false;
}
