/* SPDX-License-Identifier: Apache-2.0
 *
 * Any head of an answer, line by line: what was taken stays within its bounds, names are in lower case, and
 * no value holds a line's end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/http_head.h"

static void check(const struct diffd_http_head *head) {
  size_t bytes = 0;
  if (head->status < 200 || head->status > 599 || head->count > DIFFD_HTTP_HEAD_MAX_FIELDS)
    abort();
  for (size_t i = 0; i < head->count; i++) {
    const struct diffd_http_header *header = &head->headers[i];
    bytes += strlen(header->name) + strlen(header->value);
    if (strpbrk(header->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ:") != NULL || header->name[0] == '\0')
      abort();
    if (strchr(header->value, '\n') != NULL && header->value[strcspn(header->value, "\n") + 1] == '\0')
      abort();
    (void)diffd_http_head_has_token(head, header->name, "gzip");
  }
  if (bytes > head->bytes)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct diffd_http_head head;
  struct diffd_error err;
  enum diffd_status status = DIFFD_OK;
  diffd_http_head_init(&head);
  for (size_t at = 0; status == DIFFD_OK && at < size;) {
    const uint8_t *end = memchr(data + at, '\n', size - at);
    size_t len = end != NULL ? (size_t)(end + 1 - (data + at)) : size - at;
    char *line = malloc(len); /* of its own, so that a step too far is seen */
    if (line == NULL)
      abort();
    memcpy(line, data + at, len);
    status = diffd_http_head_line(&head, line, len, &err);
    free(line);
    at += len;
  }
  if (status != DIFFD_OK && status != DIFFD_UNAVAILABLE)
    abort();
  if (head.complete)
    check(&head);
  diffd_http_head_clean_up(&head);
  return 0;
}
