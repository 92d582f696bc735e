/* SPDX-License-Identifier: Apache-2.0
 *
 * Comparing and copying texts of a few bytes whose length is known at run time only, without branching on it:
 * at some ten bytes a text, a call of memcmp or memcpy costs more than its work.
 */
#ifndef DIFFD_CORE_SHORT_TEXT_H
#define DIFFD_CORE_SHORT_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Which bytes of two words belong to a text of a length: the lowest in memory first. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the masks here need a little-endian machine");

static inline uint64_t diffd_short_word(const char *at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
  return word;
}

/* The bytes of a text's first two words that belong to it, by its length up to 16. */
struct diffd_short_words {
  uint64_t low;
  uint64_t high;
};
#define DIFFD_SHORT_LOW(len)                                                                                 \
  { UINT64_MAX >> (64 - 8 * (len)), 0 }
#define DIFFD_SHORT_HIGH(len)                                                                                \
  { UINT64_MAX, UINT64_MAX >> (64 - 8 * ((len)-8)) }
static const struct diffd_short_words diffd_short_mask[17] = {
    {0, 0},
    DIFFD_SHORT_LOW(1),
    DIFFD_SHORT_LOW(2),
    DIFFD_SHORT_LOW(3),
    DIFFD_SHORT_LOW(4),
    DIFFD_SHORT_LOW(5),
    DIFFD_SHORT_LOW(6),
    DIFFD_SHORT_LOW(7),
    DIFFD_SHORT_LOW(8),
    DIFFD_SHORT_HIGH(9),
    DIFFD_SHORT_HIGH(10),
    DIFFD_SHORT_HIGH(11),
    DIFFD_SHORT_HIGH(12),
    DIFFD_SHORT_HIGH(13),
    DIFFD_SHORT_HIGH(14),
    DIFFD_SHORT_HIGH(15),
    DIFFD_SHORT_HIGH(16),
};
#undef DIFFD_SHORT_LOW
#undef DIFFD_SHORT_HIGH

/* The first two words of a text, zero beyond it. Reads 16 bytes. */
static inline struct diffd_short_words diffd_short_words(const char *at, size_t len) {
  struct diffd_short_words mask = diffd_short_mask[len < 16 ? len : 16];
  return (struct diffd_short_words){diffd_short_word(at) & mask.low, diffd_short_word(at + 8) & mask.high};
}

/* Zero where both are the same `len` bytes. Reads at least 16 bytes of each, and none beyond `len` after
 * them.
 */
static inline uint64_t diffd_short_differs(const char *a, const char *b, size_t len) {
  struct diffd_short_words mask = diffd_short_mask[len < 16 ? len : 16];
  uint64_t bits = ((diffd_short_word(a) ^ diffd_short_word(b)) & mask.low) |
                  ((diffd_short_word(a + 8) ^ diffd_short_word(b + 8)) & mask.high);
  if (__builtin_expect(len > 16, 0)) {
    for (size_t i = 16; i + 8 < len; i += 8)
      bits |= diffd_short_word(a + i) ^ diffd_short_word(b + i);
    bits |= diffd_short_word(a + len - 8) ^ diffd_short_word(b + len - 8);
  }
  return bits;
}

/* How many bytes stand before the first `stop`, or SIZE_MAX where it is not among the next `words` times 8.
 */
static inline size_t diffd_short_find(const char *at, char stop, size_t words) {
  const uint64_t ones = 0x0101010101010101u;
  for (size_t i = 0; i < words; i++) {
    uint64_t word = diffd_short_word(at + 8 * i) ^ (ones * (unsigned char)stop);
    /* The lowest high bit that is set here stands in the first byte that is zero. */
    uint64_t zero = (word - ones) & ~word & ones << 7;
    if (zero != 0)
      return 8 * i + (size_t)__builtin_ctzll(zero) / 8;
  }
  return SIZE_MAX;
}

/* Copies `len` bytes in steps of 16, the last of which may go beyond, and returns where they end. */
static inline char *diffd_short_put(char *at, const char *from, size_t len) {
  memcpy(at, from, 16);
  for (size_t i = 16; __builtin_expect(i < len, 0); i += 16)
    memcpy(at + i, from + i, 16);
  return at + len;
}

#endif
