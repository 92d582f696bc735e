/* SPDX-License-Identifier: Apache-2.0
 *
 * The AVX2 kernel of the line scan.
 */
#include "core/line_scan.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,bmi,popcnt")))

/* What a step's 64 bytes are, a bit a byte. */
struct step_bits {
  uint64_t space;
  uint64_t newline;
  uint64_t quote;
  uint64_t backslash;
};

AVX2 static inline uint64_t bits_of(__m256i low, __m256i high) {
  return (uint64_t)(uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

AVX2 static inline uint64_t equal_to(__m256i low, __m256i high, char c) {
  __m256i wanted = _mm256_set1_epi8(c);
  return bits_of(_mm256_cmpeq_epi8(low, wanted), _mm256_cmpeq_epi8(high, wanted));
}

AVX2 static inline struct step_bits look(const char *text) {
  const __m256i blank = _mm256_set1_epi8(0x20);
  __m256i low = _mm256_loadu_si256((const __m256i_u *)(const void *)text);
  __m256i high = _mm256_loadu_si256((const __m256i_u *)(const void *)(text + 32));
  return (struct step_bits){
      /* There is no unsigned compare: a byte is at most a blank where the smaller of both is the byte itself.
       */
      .space = bits_of(_mm256_cmpeq_epi8(_mm256_min_epu8(low, blank), low),
                       _mm256_cmpeq_epi8(_mm256_min_epu8(high, blank), high)),
      .newline = equal_to(low, high, '\n'),
      .quote = equal_to(low, high, '"'),
      .backslash = equal_to(low, high, '\\'),
  };
}

/* Writes the positions of the set bits. Most steps have at most four, so four are written without asking
 * and what is beyond `count` is overwritten by the next step. */
AVX2 static inline void put_spaces(uint32_t *out, uint32_t base, uint64_t bits, size_t count) {
  for (size_t i = 0; i < 4; i++) {
    out[i] = base + (uint32_t)_tzcnt_u64(bits);
    bits = _blsr_u64(bits);
  }
  for (size_t i = 4; __builtin_expect(i < count, 0); i++) {
    out[i] = base + (uint32_t)_tzcnt_u64(bits);
    bits = _blsr_u64(bits);
  }
}

AVX2 static inline uint32_t weight(uint64_t quote, uint64_t escaped) {
  return (uint32_t)_mm_popcnt_u64(quote) + (uint32_t)_mm_popcnt_u64(escaped);
}

AVX2 void diffd_line_scan_avx2(const char *text, size_t len, struct diffd_line_index *index) {
  uint32_t spaces = 0;
  uint32_t quotes = 0;
  size_t lines = 0;
  uint64_t backslash_before = 0;
  size_t base = 0;
  for (; base < len && diffd_line_index_has_room(index, spaces, lines); base += DIFFD_SCAN_STEP) {
    struct step_bits bits = look(text + base);
    if (len - base < DIFFD_SCAN_STEP) {
      uint64_t inside = ((uint64_t)1 << (len - base)) - 1;
      bits.space &= inside;
      bits.newline &= inside;
    }
    uint64_t escaped = bits.quote & (bits.backslash << 1 | backslash_before);
    backslash_before = bits.backslash >> 63;
    size_t found = (size_t)_mm_popcnt_u64(bits.space);
    put_spaces(index->space + spaces, (uint32_t)base, bits.space, found);
    for (uint64_t newline = bits.newline; newline != 0; newline = _blsr_u64(newline)) {
      uint64_t before = _blsmsk_u64(newline);
      index->line[lines++] = (struct diffd_line_end){
          (uint32_t)base + (uint32_t)_tzcnt_u64(newline),
          spaces + (uint32_t)_mm_popcnt_u64(bits.space & before),
          quotes + weight(bits.quote & before, escaped & before),
      };
    }
    spaces += (uint32_t)found;
    quotes += weight(bits.quote, escaped);
  }
  index->covered = base < len ? base : len;
  index->space_count = spaces;
  index->line_count = lines;
}
#endif
