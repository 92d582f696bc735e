/* SPDX-License-Identifier: Apache-2.0
 *
 * A radix sort from the most significant byte down ("American flag"), and insertion for few entries.
 */
#include "core/flow_sort.h"

enum { FEW = 24, KEY_BYTES = 16 };

static void insertion_sort(struct diffd_flow_entry *entries, uint64_t count) {
  for (uint64_t i = 1; i < count; i++) {
    struct diffd_flow_entry entry = entries[i];
    uint64_t at = i;
    for (; at > 0 && diffd_flow_entry_less(&entry, &entries[at - 1]); at--)
      entries[at] = entries[at - 1];
    entries[at] = entry;
  }
}

/* Byte 0 is the most significant one of hi, byte 15 the least significant one of lo. */
static inline unsigned key_byte(const struct diffd_flow_entry *entry, unsigned byte) {
  uint64_t half = byte < 8 ? entry->hi : entry->lo;
  return (unsigned)(half >> (56 - 8 * (byte % 8)) & 0xff);
}

/* The first byte from `byte` on in which not all entries agree; KEY_BYTES where there is none. */
static unsigned first_difference(const struct diffd_flow_entry *entries, uint64_t count, unsigned byte) {
  uint64_t hi = 0, lo = 0;
  for (uint64_t i = 1; i < count; i++) {
    hi |= entries[i].hi ^ entries[0].hi;
    lo |= entries[i].lo ^ entries[0].lo;
  }
  for (; byte < KEY_BYTES; byte++)
    if (((byte < 8 ? hi : lo) >> (56 - 8 * (byte % 8)) & 0xff) != 0)
      break;
  return byte;
}

static void sort_from(struct diffd_flow_entry *entries, uint64_t count, unsigned byte) {
  if (count <= FEW) {
    insertion_sort(entries, count);
    return;
  }
  byte = first_difference(entries, count, byte);
  if (byte == KEY_BYTES)
    return;
  uint64_t next[256] = {0}, end[256], sum = 0;
  for (uint64_t i = 0; i < count; i++)
    next[key_byte(&entries[i], byte)]++;
  for (unsigned digit = 0; digit < 256; digit++) {
    uint64_t here = next[digit];
    next[digit] = sum;
    sum += here;
    end[digit] = sum;
  }
  /* Each entry goes to the next free place of its bucket, and what was there is taken up in turn. */
  for (unsigned digit = 0; digit < 256; digit++)
    while (next[digit] < end[digit]) {
      struct diffd_flow_entry entry = entries[next[digit]];
      unsigned to;
      while ((to = key_byte(&entry, byte)) != digit) {
        struct diffd_flow_entry other = entries[next[to]];
        entries[next[to]++] = entry;
        entry = other;
      }
      entries[next[digit]++] = entry;
    }
  uint64_t begin = 0;
  for (unsigned digit = 0; digit < 256; digit++) {
    if (end[digit] - begin > 1)
      sort_from(entries + begin, end[digit] - begin, byte + 1);
    begin = end[digit];
  }
}

void diffd_flow_sort(struct diffd_flow_entry *entries, uint64_t count) {
  sort_from(entries, count, 0);
}
