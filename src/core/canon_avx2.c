/* SPDX-License-Identifier: Apache-2.0
 *
 * The AVX2 kernel that reads canonical lines.
 */
#include "core/canon.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2        __attribute__((target("avx2,bmi,bmi2"), always_inline))
#define KERNEL      AVX2
#define KERNEL_CALL __attribute__((target("avx2,bmi,bmi2")))

AVX2 static inline __m256i load(const void *at) {
  return _mm256_loadu_si256((const __m256i_u *)at);
}

/* The same 16 bytes in both halves: a shuffle looks up in each half of its own. */
#define TABLE(...) _mm256_setr_epi8(__VA_ARGS__, __VA_ARGS__)

/* A bit for each of 64 bytes that is one of a set. The table has at each low half of a byte the one byte of
 * the set that ends with it, so a byte is in the set where what it looks up is itself. For bytes from 0x80 on
 * a shuffle gives 0, which they are not. */
AVX2 static inline uint64_t in_set(const char *at, __m256i table) {
  __m256i low = load(at);
  __m256i high = load(at + 32);
  low = _mm256_cmpeq_epi8(_mm256_shuffle_epi8(table, low), low);
  high = _mm256_cmpeq_epi8(_mm256_shuffle_epi8(table, high), high);
  return (uint64_t)(uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

enum { NO = -1 }; /* no byte that looks a place up in the first half of the table is this */

AVX2 static inline uint64_t value_stops(const char *at) {
  return in_set(at, TABLE('\0', 0x01, '"', NO, NO, NO, NO, NO, NO, NO, '\n', NO, '\\', NO, NO, NO));
}

AVX2 static inline uint64_t label_stops(const char *at) {
  return in_set(at, TABLE('\0', NO, '"', NO, NO, NO, NO, NO, NO, NO, '\n', NO, NO, NO, NO, NO));
}

AVX2 static inline size_t lowest(uint64_t bits) {
  return _tzcnt_u64(bits);
}

AVX2 static inline uint64_t without_lowest(uint64_t bits) {
  return _blsr_u64(bits);
}

/* A bit for each of 32 bytes that may not stand in an id. Of a byte's halves the high one tells to which
 * group it could belong and the low one of which groups it could be a member: digits 1, a-f 2, `_` 4. */
AVX2 static inline uint32_t id_stops_32(const char *at) {
  const __m256i groups = TABLE(0, 0, 0, 1, 0, 4, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const __m256i members = TABLE(1, 3, 3, 3, 3, 3, 3, 1, 1, 1, 0, 0, 0, 0, 0, 4);
  __m256i bytes = load(at);
  __m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0f));
  __m256i in = _mm256_and_si256(_mm256_shuffle_epi8(groups, high), _mm256_shuffle_epi8(members, bytes));
  return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(in, _mm256_setzero_si256()));
}

AVX2 static inline uint64_t id_stops(const char *at) {
  return id_stops_32(at) | (uint64_t)id_stops_32(at + 32) << 32;
}

/* What counts of 32 bytes are the first `len`, up to 64: those that stand in [64 - len, 96 - len) here. */
#define ONES_16 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
static const unsigned char counting[96] = {ONES_16, ONES_16, ONES_16, ONES_16};
AVX2 static inline const unsigned char *first(size_t len) {
  return counting + 64 - len;
}

AVX2 static inline bool are_equal(const char *at, const char *text, size_t len) {
  __m256i differing = _mm256_xor_si256(load(at), load(text));
  return _mm256_testz_si256(differing, load(first(len)));
}

AVX2 static inline __m128i load_half(const void *at) {
  return _mm_loadu_si128((const __m128i_u *)at);
}

/* Where there is room for 24 bytes, 32 are written: what follows is overwritten later. */
AVX2 static inline void put_padded(char *place, size_t room, const char *at, size_t len) {
  const unsigned char *mask = first(len);
  if (room == 8) {
    uint64_t value;
    uint64_t counts;
    memcpy(&value, at, sizeof value);
    memcpy(&counts, mask, sizeof counts);
    value &= counts;
    memcpy(place, &value, sizeof value);
  } else if (room == 16) {
    _mm_storeu_si128((__m128i_u *)place, _mm_and_si128(load_half(at), load_half(mask)));
  } else {
    _mm256_storeu_si256((__m256i_u *)place, _mm256_and_si256(load(at), load(mask)));
  }
}

#include "core/canon_walk.h"

KERNEL_CALL static enum diffd_canon_kind read_avx2(const char *line, struct diffd_canon_line *ret) {
  return read_line(line, ret);
}

KERNEL_CALL static enum diffd_canon_kind read_edges_avx2(const struct diffd_keyer *keyer,
                                                         struct diffd_canon_run *run) {
  return read_edges(keyer, run);
}

const struct diffd_canon_kernel diffd_canon_avx2 = {"avx2", read_avx2, read_edges_avx2};
#endif
