/* SPDX-License-Identifier: Apache-2.0 */
/* Times: what is accepted is printed and read back as the same instant; what is refused has a text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/rfc3339.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool held) {
  if (!held)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct diffd_instant first, second;
  struct diffd_error err = {0};
  char text[DIFFD_TIME_TEXT_MAX];
  if (diffd_rfc3339_parse((struct diffd_span){(const char *)data, size}, &first, &err) != DIFFD_OK) {
    check(err.status == DIFFD_INVALID && err.detail[0] != '\0' && strlen(err.detail) < 300);
    return 0;
  }
  check(first.nanoseconds < 1000000000);
  check(diffd_truncate_to_minute(first.seconds) <= first.seconds);
  check(diffd_truncate_to_minute(first.seconds) > first.seconds - 60);
  diffd_rfc3339_format_nanos(first, text);
  check(diffd_rfc3339_parse((struct diffd_span){text, strlen(text)}, &second, &err) == DIFFD_OK);
  check(first.seconds == second.seconds && first.nanoseconds == second.nanoseconds);
  return 0;
}
