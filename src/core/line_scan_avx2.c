/* SPDX-License-Identifier: Apache-2.0
 *
 * The AVX2 kernel of the line scan.
 */
#include "core/line_scan.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2,bmi,popcnt")))

/* The bytes looked for, 32 times each. */
struct wanted {
  __m256i blank;
  __m256i newline;
  __m256i quote;
};

/* What a step's 64 bytes are, a bit a byte. */
struct step_bits {
  uint64_t space;
  uint64_t newline;
  uint64_t quote;
};

AVX2 static inline uint64_t bits_of(__m256i low, __m256i high) {
  return (uint64_t)(uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

AVX2 static inline struct step_bits look(const char *text, const struct wanted *wanted) {
  __m256i low = _mm256_loadu_si256((const __m256i_u *)(const void *)text);
  __m256i high = _mm256_loadu_si256((const __m256i_u *)(const void *)(text + 32));
  return (struct step_bits){
      /* There is no unsigned compare: a byte is at most a blank where the smaller of both is the byte itself.
       */
      .space = bits_of(_mm256_cmpeq_epi8(_mm256_min_epu8(low, wanted->blank), low),
                       _mm256_cmpeq_epi8(_mm256_min_epu8(high, wanted->blank), high)),
      .newline = bits_of(_mm256_cmpeq_epi8(low, wanted->newline), _mm256_cmpeq_epi8(high, wanted->newline)),
      .quote = bits_of(_mm256_cmpeq_epi8(low, wanted->quote), _mm256_cmpeq_epi8(high, wanted->quote)),
  };
}

/* Writes the positions of the set bits. The step where an edge's line begins has up to six, all others fewer,
 * so six are written without asking and what is beyond `count` is overwritten by the next step. Positions are
 * written in pairs, a word each: that is one store for two. */
AVX2 static inline void put_spaces(uint32_t *out, uint64_t base, uint64_t bits, size_t count) {
  for (size_t i = 0; i < 6; i += 2) {
    uint64_t first = base + _tzcnt_u64(bits);
    bits = _blsr_u64(bits);
    uint64_t pair = first | (base + _tzcnt_u64(bits)) << 32;
    bits = _blsr_u64(bits);
    memcpy(out + i, &pair, sizeof pair);
  }
  for (size_t i = 6; __builtin_expect(i < count, 0); i++) {
    out[i] = (uint32_t)(base + _tzcnt_u64(bits));
    bits = _blsr_u64(bits);
  }
}

AVX2 void diffd_line_scan_avx2(const char *text, size_t len, struct diffd_line_index *index) {
  const struct wanted wanted = {_mm256_set1_epi8(0x20), _mm256_set1_epi8('\n'), _mm256_set1_epi8('"')};
  uint32_t *const space = index->space;
  struct diffd_line_end *const line = index->line;
  size_t spaces = 0;
  size_t lines = 0;
  size_t quotes = 0;
  size_t base = 0;
  for (; base < len && diffd_line_index_has_room(index, spaces, lines); base += DIFFD_SCAN_STEP) {
    struct step_bits bits = look(text + base, &wanted);
    if (len - base < DIFFD_SCAN_STEP) {
      uint64_t inside = ((uint64_t)1 << (len - base)) - 1;
      bits.space &= inside;
      bits.newline &= inside;
      bits.quote &= inside;
    }
    size_t found = (size_t)_mm_popcnt_u64(bits.space);
    put_spaces(space + spaces, base, bits.space, found);
    for (uint64_t newline = bits.newline; newline != 0; newline = _blsr_u64(newline)) {
      uint64_t before = _blsmsk_u64(newline);
      line[lines++] = (struct diffd_line_end){
          (uint32_t)(base + _tzcnt_u64(newline)),
          (uint32_t)(spaces + (size_t)_mm_popcnt_u64(bits.space & before)),
          (uint32_t)(quotes + (size_t)_mm_popcnt_u64(bits.quote & before)),
      };
    }
    spaces += found;
    quotes += (size_t)_mm_popcnt_u64(bits.quote);
  }
  index->covered = base < len ? base : len;
  index->space_count = spaces;
  index->line_count = lines;
}
#endif
