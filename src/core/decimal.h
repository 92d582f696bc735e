/* SPDX-License-Identifier: Apache-2.0
 *
 * Unsigned decimal numbers, digits alone.
 */
#ifndef DIFFD_CORE_DECIMAL_H
#define DIFFD_CORE_DECIMAL_H

#include "diffd/stream.h"

/* True, and *ret set, where the span is 1 to 20 digits and at most `max`. */
static inline bool diffd_decimal(struct diffd_span span, uint64_t max, uint64_t *ret) {
  uint64_t value = 0;
  if (span.len == 0 || span.len > 20)
    return false;
  for (size_t i = 0; i < span.len; i++) {
    unsigned digit = (unsigned)(unsigned char)span.ptr[i] - '0';
    if (digit > 9 || __builtin_mul_overflow(value, 10u, &value) ||
        __builtin_add_overflow(value, digit, &value))
      return false;
  }
  if (value > max)
    return false;
  *ret = value;
  return true;
}

#endif
