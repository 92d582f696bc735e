/* SPDX-License-Identifier: Apache-2.0
 *
 * The AVX2 kernel of the line scan.
 */
#include "core/line_scan.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2,bmi,popcnt")))

struct step_bits {
  uint64_t space;
  uint64_t quote;
  uint64_t backslash;
};

AVX2 static inline uint64_t bits_of(__m256i low, __m256i high) {
  return (uint64_t)(uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

AVX2 static inline struct step_bits look(const char *text) {
  const __m256i blank = _mm256_set1_epi8(0x20);
  const __m256i quote = _mm256_set1_epi8('"');
  const __m256i backslash = _mm256_set1_epi8('\\');
  __m256i low = _mm256_loadu_si256((const __m256i_u *)(const void *)text);
  __m256i high = _mm256_loadu_si256((const __m256i_u *)(const void *)(text + 32));
  return (struct step_bits){
      /* There is no unsigned compare: a byte is at most a blank where the smaller of both is the byte itself.
       */
      .space = bits_of(_mm256_cmpeq_epi8(_mm256_min_epu8(low, blank), low),
                       _mm256_cmpeq_epi8(_mm256_min_epu8(high, blank), high)),
      .quote = bits_of(_mm256_cmpeq_epi8(low, quote), _mm256_cmpeq_epi8(high, quote)),
      .backslash = bits_of(_mm256_cmpeq_epi8(low, backslash), _mm256_cmpeq_epi8(high, backslash)),
  };
}

/* Writes the positions of the set bits. Most steps have at most four, so four are written without asking
 * and what is beyond `count` is overwritten by the next step. */
AVX2 static inline void put_positions(uint32_t *out, uint32_t base, uint64_t bits, size_t count) {
  for (size_t i = 0; i < 4; i++) {
    out[i] = base + (uint32_t)_tzcnt_u64(bits);
    bits = _blsr_u64(bits);
  }
  if (__builtin_expect(count > 4, 0)) {
    for (size_t i = 4; i < count; i++) {
      out[i] = base + (uint32_t)_tzcnt_u64(bits);
      bits = _blsr_u64(bits);
    }
  }
}

AVX2 void diffd_line_scan_avx2(const char *text, size_t len, struct diffd_line_index *index) {
  size_t count = 0;
  size_t steps = (len + DIFFD_SCAN_STEP - 1) / DIFFD_SCAN_STEP;
  uint32_t weight = 0;
  uint64_t backslash_before = 0;
  for (size_t step = 0; step < steps; step++) {
    size_t base = step * DIFFD_SCAN_STEP;
    __builtin_prefetch(text + base + 2048);
    struct step_bits bits = look(text + base);
    if (len - base < DIFFD_SCAN_STEP) {
      uint64_t inside = ((uint64_t)1 << (len - base)) - 1;
      bits.space &= inside;
      bits.quote &= inside;
    }
    uint64_t escaped = bits.quote & (bits.backslash << 1 | backslash_before);
    backslash_before = bits.backslash >> 63;
    index->quotes[step] = weight;
    index->quote_bits[step] = bits.quote;
    index->escaped_bits[step] = escaped;
    weight += (uint32_t)_mm_popcnt_u64(bits.quote) + (uint32_t)_mm_popcnt_u64(escaped);
    size_t found = (size_t)_mm_popcnt_u64(bits.space);
    put_positions(index->space + count, (uint32_t)base, bits.space, found);
    count += found;
  }
  index->quotes[steps] = weight;
  index->quote_bits[steps] = index->escaped_bits[steps] = 0;
  index->count = count;
}
#endif
