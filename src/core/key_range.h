/* SPDX-License-Identifier: Apache-2.0
 *
 * A partition that is too large for one table, taken in ranges of its keys: the records are gone through once
 * for each range. When a table is full before the records are, the range is halved and begun anew. So there
 * is no size of a partition, and no number of copies of one key, that a table of a given size is too small
 * for.
 */
#ifndef DIFFD_CORE_KEY_RANGE_H
#define DIFFD_CORE_KEY_RANGE_H

#include <stdbool.h>
#include <stdint.h>

struct diffd_key_range {
  uint64_t first; /* of a key's low half */
  uint64_t last;
};

static inline struct diffd_key_range diffd_key_range_all(void) {
  return (struct diffd_key_range){0, UINT64_MAX};
}

static inline bool diffd_key_range_has(struct diffd_key_range range, uint64_t low) {
  return low - range.first <= range.last - range.first;
}

/* False where it cannot be halved: then more keys than a table has room for agree in 64 bits of their hash.
 */
static inline bool diffd_key_range_halve(struct diffd_key_range *range) {
  if (range->first == range->last)
    return false;
  range->last = range->first + (range->last - range->first) / 2;
  return true;
}

/* Goes on to the next range, which is as wide as this one; false where there is none. */
static inline bool diffd_key_range_next(struct diffd_key_range *range) {
  if (range->last == UINT64_MAX)
    return false;
  uint64_t width = range->last - range->first;
  range->first = range->last + 1;
  range->last = width < UINT64_MAX - range->first ? range->first + width : UINT64_MAX;
  return true;
}

/* Where a key stands in a table of `cap` places: by the bits that tell keys of one range apart. */
static inline uint64_t diffd_key_range_hash(uint64_t low) {
  return low << 32 | low >> 32;
}

#endif
