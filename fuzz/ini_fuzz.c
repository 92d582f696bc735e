/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as one of AWS's shared files: what is found lies inside the text, without line breaks, and the
 * end is reached in at most one step a line.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/ini.h"

static void check_inside(const uint8_t *data, size_t size, struct diffd_span span) {
  const char *begin = (const char *)data;
  if (span.ptr == NULL || span.ptr < begin || span.len > size - (size_t)(span.ptr - begin) ||
      memchr(span.ptr, '\n', span.len) != NULL || memchr(span.ptr, '\0', span.len) != NULL)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct diffd_ini ini = {.rest = {(const char *)data, size}};
  struct diffd_ini_setting setting;
  struct diffd_error err = {0};
  enum diffd_status status;
  unsigned steps = 0;
  while ((status = diffd_ini_next(&ini, &setting, &err)) == DIFFD_OK) {
    check_inside(data, size, setting.section);
    check_inside(data, size, setting.key);
    check_inside(data, size, setting.value);
    if (setting.key.len == 0 || ++steps > ini.line)
      abort();
  }
  if (status != DIFFD_END && (status != DIFFD_INVALID || strncmp(err.detail, "line ", 5) != 0))
    abort();
  return 0;
}
