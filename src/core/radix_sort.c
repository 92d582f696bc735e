/* SPDX-License-Identifier: Apache-2.0 */
#include "core/radix_sort.h"

#include <stdbool.h>
#include <string.h>

enum { DIGIT_BITS = 8, DIGITS = 64 / DIGIT_BITS, DIGIT_VALUES = 1 << DIGIT_BITS };

static size_t digit_of(uint64_t key, size_t digit) {
  return (size_t)(key >> (digit * DIGIT_BITS)) & (DIGIT_VALUES - 1);
}

/* Turns counts into the places where each digit value begins; false where all keys have the same digit. */
static bool begin_places(size_t counts[DIGIT_VALUES], size_t total) {
  size_t place = 0;
  for (size_t value = 0; value < DIGIT_VALUES; value++) {
    size_t count = counts[value];
    if (count == total)
      return false;
    counts[value] = place;
    place += count;
  }
  return true;
}

void diffd_radix_sort_records(struct diffd_sort_record *records, struct diffd_sort_record *spare,
                              size_t count) {
  struct diffd_sort_record *from = records;
  struct diffd_sort_record *to = spare;
  for (size_t digit = 0; digit < DIGITS; digit++) {
    size_t places[DIGIT_VALUES] = {0};
    for (size_t i = 0; i < count; i++)
      places[digit_of(from[i].key, digit)]++;
    if (!begin_places(places, count))
      continue;
    for (size_t i = 0; i < count; i++)
      to[places[digit_of(from[i].key, digit)]++] = from[i];
    struct diffd_sort_record *sorted = to;
    to = from;
    from = sorted;
  }
  if (from != records && count > 0)
    memcpy(records, from, count * sizeof *records);
}

void diffd_radix_sort_u64(uint64_t *keys, uint64_t *spare, size_t count) {
  uint64_t *from = keys;
  uint64_t *to = spare;
  for (size_t digit = 0; digit < DIGITS; digit++) {
    size_t places[DIGIT_VALUES] = {0};
    for (size_t i = 0; i < count; i++)
      places[digit_of(from[i], digit)]++;
    if (!begin_places(places, count))
      continue;
    for (size_t i = 0; i < count; i++)
      to[places[digit_of(from[i], digit)]++] = from[i];
    uint64_t *sorted = to;
    to = from;
    from = sorted;
  }
  if (from != keys && count > 0)
    memcpy(keys, from, count * sizeof *keys);
}
