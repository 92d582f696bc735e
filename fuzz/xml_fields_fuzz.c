/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as an XML answer: each value fits and is NUL-terminated, an absent one is empty, a refusal has a
 * text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/xml_fields.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char values[4][16];
  struct diffd_xml_field fields[] = {
      {"Error/Code", values[0], sizeof values[0], false},
      {"*/Message", values[1], sizeof values[1], false},
      {"a/b/*/d", values[2], sizeof values[2], false},
      {"ErrorResponse/Error/Code", values[3], sizeof values[3], false},
  };
  struct diffd_error err = {0};
  enum diffd_status status = diffd_xml_fields((struct diffd_span){(const char *)data, size}, fields, 4, &err);
  if (status != DIFFD_OK && err.detail[0] == '\0')
    abort();
  for (size_t i = 0; i < 4; i++) {
    if (memchr(values[i], '\0', sizeof values[i]) == NULL || (!fields[i].found && values[i][0] != '\0'))
      abort();
    if (status != DIFFD_OK && (fields[i].found || values[i][0] != '\0'))
      abort();
  }
  return 0;
}
