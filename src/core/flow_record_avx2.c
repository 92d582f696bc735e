/* SPDX-License-Identifier: Apache-2.0
 *
 * The flow-record kernel for CPUs with AVX2: both addresses at once, eight numbers at once.
 */
#include "core/flow_record.h"

#if !defined(__x86_64__)

const struct diffd_flow_kernel *diffd_flow_kernel_avx2(void) {
  return NULL;
}

#else

#include <assert.h>
#include <immintrin.h>
#include <stdalign.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt")))

AVX2 static inline uint64_t equal_mask(const char *text, __m256i wanted) {
  __m256i low = _mm256_loadu_si256((const __m256i_u *)text);
  __m256i high = _mm256_loadu_si256((const __m256i_u *)(text + 32));
  uint32_t low_mask = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted));
  uint32_t high_mask = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted));
  return (uint64_t)high_mask << 32 | low_mask;
}

/* Writes the positions of the bits of `mask`. A block of an ordinary log has up to twelve, so that writing
 * always twelve spares a branch that nobody could predict; what is too much is overwritten by the next block.
 */
AVX2 static inline void put_marks(uint32_t *out, uint64_t mask, uint32_t base, unsigned count) {
  for (unsigned i = 0; i < 12; i++) {
    out[i] = base + (uint32_t)_tzcnt_u64(mask);
    mask = _blsr_u64(mask);
  }
  for (unsigned i = 12; i < count; i++) {
    out[i] = base + (uint32_t)_tzcnt_u64(mask);
    mask = _blsr_u64(mask);
  }
}

/* Likewise the index that each newline has among the marks; a block has mostly none or one. */
AVX2 static inline unsigned put_newlines(uint32_t *out, uint64_t newlines, uint64_t mask, uint32_t base) {
  unsigned count = newlines != 0;
  out[0] = base + (uint32_t)_mm_popcnt_u64(mask & (_blsi_u64(newlines) - 1));
  for (newlines = _blsr_u64(newlines); newlines != 0; newlines = _blsr_u64(newlines))
    out[count++] = base + (uint32_t)_mm_popcnt_u64(mask & (_blsi_u64(newlines) - 1));
  return count;
}

AVX2 static void scan_avx2(const char *text, uint32_t begin, uint32_t end, struct diffd_flow_marks *marks) {
  const __m256i space = _mm256_set1_epi8(' ');
  const __m256i newline = _mm256_set1_epi8('\n');
  uint32_t mark_count = marks->mark_count, newline_count = marks->newline_count;
  for (uint32_t at = begin; at < end; at += 64) {
    uint64_t newlines = equal_mask(text + at, newline);
    uint64_t mask = equal_mask(text + at, space) | newlines;
    if (end - at < 64) {
      uint64_t inside = ~(UINT64_MAX << (end - at));
      newlines &= inside;
      mask &= inside;
    }
    newline_count += put_newlines(marks->newlines + newline_count, newlines, mask, mark_count);
    unsigned count = (unsigned)_mm_popcnt_u64(mask);
    put_marks(marks->marks + mark_count, mask, at, count);
    mark_count += count;
  }
  marks->mark_count = mark_count;
  marks->newline_count = newline_count;
}

static inline int64_t load64(const char *at) {
  int64_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

/* The places of an address's dots and its end, a byte each, the first octet's end lowest. */
AVX2 static inline bool octet_ends(uint32_t dots, uint32_t len, uint32_t *ret) {
  dots = _bzhi_u32(dots, len);
  uint32_t dots2 = _blsr_u32(dots), dots3 = _blsr_u32(dots2);
  *ret = _tzcnt_u32(dots) | _tzcnt_u32(dots2) << 8 | _tzcnt_u32(dots3) << 16 | len << 24;
  return (len <= 15) & (dots3 != 0) & (_blsr_u32(dots3) == 0);
}

#define EACH(x)                                                                                              \
  { x, x, x, x, x, x, x, x }
#define BOTH_LANES(a, b, c, d)                                                                               \
  { a, b, c, d, a, b, c, d }

/* Vectors of 32-bit words. */
struct constants {
  alignas(32) uint32_t zeros[8], dots[8], nines[8], byte_ones[8], ones[8], twos[8];
  alignas(32) uint32_t own_end[8], end_before[8], first_before[8], places[8], gather[8];
  alignas(32) uint32_t octet_weights[8], least_weights[8], octet_lens[8], right_lens[8], octet_max[8];
  alignas(32) uint32_t longest[8], shortest[8], shifts0[8], shifts4[8];
  alignas(32) uint32_t tens[8], hundreds[8], ten_thousands[8], largest[8];
};
static const struct constants constants = {
    .zeros = EACH(0x30303030),
    .dots = EACH(0x2e2e2e2e),
    .nines = EACH(0x09090909),
    .byte_ones = EACH(0x01010101),
    .ones = EACH(0x00010001),
    .twos = EACH(2),
    .own_end = BOTH_LANES(0, 0x01010101, 0x02020202, 0x03030303),
    .end_before = BOTH_LANES(0xffffffff, 0, 0x01010101, 0x02020202),
    .first_before = BOTH_LANES(0xffffffff, 0, 0, 0),
    .places = EACH(0xfffefdfc),        /* -4, -3, -2, -1 */
    .octet_weights = EACH(0x010a6400), /* 0, 100, 10, 1 */
    .least_weights = EACH(0x000a5a00), /* 0, 90, 10, 0 */
    .octet_lens = EACH(0xff0000ff),
    .right_lens = EACH(0xff000000),
    .octet_max = EACH(255),
    .gather = BOTH_LANES(0x0004080c, 0xffffffff, 0xffffffff, 0xffffffff),
    .longest = {4, 4, 2, 7, 15, 9, 9, UINT32_MAX},
    .shortest = {0, 0, 0, 0, 0, 9, 9, 0},
    .shifts0 = BOTH_LANES(56, 0, 56, 0),
    .shifts4 = {56, 0, 56, 0, 120, 0, 56, 0},
    .tens = EACH(0x010a010a),
    .hundreds = EACH(0x00010064),
    .ten_thousands = EACH(0x00012710),
    .largest = {UINT16_MAX, UINT16_MAX, INT32_MAX, INT32_MAX, UINT8_MAX, INT32_MAX, INT32_MAX, INT32_MAX},
};

AVX2 static inline __m256i get(const uint32_t words[8]) {
  return _mm256_load_si256((const __m256i *)(const void *)words);
}

/* Hides from the compiler what the constants are: it would make each of them anew for every line, by three
 * instructions, where reading it takes none of its own. */
static inline const struct constants *hidden_constants(void) {
  const struct constants *is = &constants;
  __asm__("" : "+r"(is));
  return is;
}

/* Two IPv4 addresses. Each octet gets four bytes of a vector: nothing, hundreds, tens, units. For that each
 * byte is told its place in the text, counted back from its octet's end, and kept where it stands behind the
 * end of the octet before. */
AVX2 static inline bool two_v4(const struct constants *is, const char *source, uint32_t source_len,
                               const char *destination, uint32_t destination_len, uint32_t *ret_source,
                               uint32_t *ret_destination) {
  __m256i text = _mm256_set_m128i(_mm_loadu_si128((const __m128i_u *)destination),
                                  _mm_loadu_si128((const __m128i_u *)source));
  uint32_t dots = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(text, get(is->dots)));
  uint32_t source_ends, destination_ends;
  bool source_is = octet_ends(dots & 0xffff, source_len, &source_ends);
  bool destination_is = octet_ends(dots >> 16, destination_len, &destination_ends);
  if (!(source_is & destination_is))
    return false;
  __m256i octet_end =
      _mm256_set_m128i(_mm_cvtsi32_si128((int)destination_ends), _mm_cvtsi32_si128((int)source_ends));
  __m256i ends = _mm256_shuffle_epi8(octet_end, get(is->own_end));
  /* An octet starts behind the dot that ends the one before, which for the first is at -1. */
  __m256i before =
      _mm256_add_epi8(_mm256_shuffle_epi8(octet_end, get(is->end_before)), get(is->first_before));
  __m256i places = _mm256_add_epi8(ends, get(is->places)); /* -4, -3, -2, -1 */
  __m256i inside = _mm256_cmpgt_epi8(places, before);
  __m256i digits =
      _mm256_and_si256(_mm256_xor_si256(_mm256_shuffle_epi8(text, places), get(is->zeros)), inside);
  const __m256i ones = get(is->ones);
  __m256i octets =
      _mm256_madd_epi16(_mm256_maddubs_epi16(digits, get(is->octet_weights)), ones); /* 0 100 10 1 */
  /* What an octet of so many digits is at least, so that it begins with no zero: 90 and 10 where it has
   * hundreds, 10 where it has tens. */
  __m256i least = _mm256_madd_epi16(
      _mm256_maddubs_epi16(_mm256_and_si256(inside, get(is->least_weights)), get(is->byte_ones)), ones);
  __m256i bad = _mm256_subs_epu8(digits, get(is->nines));
  /* There are units, and no fourth digit. */
  const __m256i lens = get(is->octet_lens), right_lens = get(is->right_lens);
  bad = _mm256_or_si256(bad, _mm256_xor_si256(_mm256_and_si256(inside, lens), right_lens));
  bad = _mm256_or_si256(bad, _mm256_cmpgt_epi32(least, octets));
  bad = _mm256_or_si256(bad, _mm256_cmpgt_epi32(octets, get(is->octet_max)));
  if (!_mm256_testz_si256(bad, bad))
    return false;
  __m256i addresses = _mm256_shuffle_epi8(octets, get(is->gather));
  *ret_source = (uint32_t)_mm256_cvtsi256_si32(addresses);
  *ret_destination = (uint32_t)_mm256_extract_epi32(addresses, 4);
  return true;
}

/* Clears what stands before a number in the eight bytes that end with it. */
AVX2 static inline __m256i keep_digits(const struct constants *is, __m256i texts, __m256i shifts) {
  return _mm256_sllv_epi64(_mm256_srlv_epi64(_mm256_xor_si256(texts, get(is->zeros)), shifts), shifts);
}

/* Eight numbers of up to eight digits. The order of the result is 0 1 4 5 2 3 6 7. */
AVX2 static inline __m256i eight_numbers(const struct constants *is, __m256i digits0123, __m256i digits4567) {
  const __m256i tens = get(is->tens), hundreds = get(is->hundreds);
  __m256i low = _mm256_madd_epi16(_mm256_maddubs_epi16(digits0123, tens), hundreds);
  __m256i high = _mm256_madd_epi16(_mm256_maddubs_epi16(digits4567, tens), hundreds);
  return _mm256_madd_epi16(_mm256_packus_epi32(low, high), get(is->ten_thousands));
}

/* The first two digits of both times to hundreds of millions of seconds. */
AVX2 static inline bool time_heads(const char *start, const char *end, int64_t *ret_start, int64_t *ret_end) {
  uint16_t start_head, end_head;
  memcpy(&start_head, start, sizeof start_head);
  memcpy(&end_head, end, sizeof end_head);
  uint32_t heads = ((uint32_t)start_head | (uint32_t)end_head << 16) ^ 0x30303030;
  *ret_start = (int64_t)(10 * (heads & 0xff) + (heads >> 8 & 0xff)) * 100000000;
  *ret_end = (int64_t)(10 * (heads >> 16 & 0xff) + (heads >> 24)) * 100000000;
  return (((heads + 0x76767676) | heads) & 0x80808080) == 0;
}

/* Ports, protocol, packets, bytes, start, end and action, in this order: ends[i] is where they end, before[i]
 * the place before they begin. All but the action are parsed here. Times have ten digits from 2001 to 2286;
 * bytes up to sixteen. */
AVX2 static inline bool parse_numbers(const struct constants *is, const char *text, const uint32_t *ends,
                                      const uint32_t *before, struct diffd_flow_record *ret) {
  /* Lengths, less one. */
  __m256i lens = _mm256_sub_epi32(_mm256_sub_epi32(_mm256_loadu_si256((const __m256i_u *)ends),
                                                   _mm256_loadu_si256((const __m256i_u *)before)),
                                  get(is->twos));
  const __m256i longest = get(is->longest);
  const __m256i shortest = get(is->shortest);
  __m256i bad = _mm256_xor_si256(_mm256_max_epu32(_mm256_min_epu32(lens, longest), shortest), lens);
  __m256i texts0 = _mm256_setr_epi64x(load64(text + ends[0] - 8), load64(text + ends[1] - 8),
                                      load64(text + ends[2] - 8), load64(text + ends[3] - 8));
  __m256i texts4 = _mm256_setr_epi64x(load64(text + ends[5] - 8), load64(text + ends[6] - 8),
                                      load64(text + ends[4] - 16), load64(text + ends[4] - 8));
  __m256i lens0 = _mm256_cvtepu32_epi64(_mm256_castsi256_si128(lens));
  __m256i lens4 = _mm256_cvtepu32_epi64(_mm_shuffle_epi32(_mm256_extracti128_si256(lens, 1), 0x09));
  __m256i shifts0 = _mm256_sub_epi64(get(is->shifts0), _mm256_slli_epi64(lens0, 3));
  __m256i shifts4 = _mm256_sub_epi64(get(is->shifts4), _mm256_slli_epi64(lens4, 3));
  __m256i digits0 = keep_digits(is, texts0, shifts0);
  /* Where there are more digits than eight, none is cleared. */
  __m256i digits4 = keep_digits(is, texts4, _mm256_max_epi32(shifts4, _mm256_setzero_si256()));
  bad = _mm256_or_si256(bad, _mm256_subs_epu8(_mm256_max_epu8(digits0, digits4), get(is->nines)));
  __m256i numbers = eight_numbers(is, digits0, digits4);
  const __m256i largest = get(is->largest);
  bad = _mm256_or_si256(bad, _mm256_cmpgt_epi32(numbers, largest));
  int64_t start, end;
  bool right_heads = time_heads(text + ends[5] - 10, text + ends[6] - 10, &start, &end);
  if (!(_mm256_testz_si256(bad, bad) & right_heads))
    return false;
  uint64_t ports = (uint64_t)_mm256_extract_epi64(numbers, 0),
           times = (uint64_t)_mm256_extract_epi64(numbers, 1);
  uint64_t protocol_packets = (uint64_t)_mm256_extract_epi64(numbers, 2);
  uint64_t bytes = (uint64_t)_mm256_extract_epi64(numbers, 3);
  ret->srcport = (uint16_t)ports;
  ret->dstport = (uint16_t)(ports >> 32);
  ret->protocol = (uint8_t)protocol_packets;
  ret->packets = protocol_packets >> 32;
  ret->start = start + (uint32_t)times;
  ret->end = end + (int64_t)(times >> 32);
  ret->bytes = (bytes & UINT32_MAX) * 100000000 + (bytes >> 32);
  return true;
}

/* With the default format, which is known to the compiler, the places of columns are constants. */
#define COLUMN(field) (standard ? DIFFD_FLOW_##field + 1u : format->column[DIFFD_FLOW_##field])
#define END(field)    ends[COLUMN(field)]
#define BEGIN(field)  ((ends + COLUMN(field))[-1] + 1)
#define LEN(field)    (END(field) - BEGIN(field))
#define TEXT(field)   (text + BEGIN(field))

enum { NUMBER_COLUMNS = DIFFD_FLOW_ACTION - DIFFD_FLOW_SRCPORT + 1 };
static_assert(NUMBER_COLUMNS == 8, "the columns from the source port to the action are a vector");

/* In a custom format these columns may be anywhere: their places are brought together. */
AVX2 static __attribute__((noinline)) bool parse_spread_numbers(const struct constants *is,
                                                                const struct diffd_flow_format *format,
                                                                const char *text, const uint32_t *ends,
                                                                struct diffd_flow_record *ret) {
  uint32_t together[NUMBER_COLUMNS], before[NUMBER_COLUMNS];
  for (unsigned i = 0; i < NUMBER_COLUMNS; i++) {
    const uint32_t *end = ends + format->column[DIFFD_FLOW_SRCPORT + i];
    together[i] = end[0];
    before[i] = end[-1];
  }
  return parse_numbers(is, text, together, before, ret);
}

AVX2 static inline __attribute__((always_inline)) bool
parse_record(const struct constants *is, const struct diffd_flow_format *format, bool standard,
             const char *text, const uint32_t *ends, struct diffd_flow_record *ret) {
  static const char reject[8] = "reject";
  if (LEN(STATUS) != 2 || ((load64(TEXT(STATUS)) | 0x2020) & 0xffff) != ('o' | 'k' << 8))
    return false;
  if (!(standard ? parse_numbers(is, text, &END(SRCPORT), &END(SRCPORT) - 1, ret)
                 : parse_spread_numbers(is, format, text, ends, ret)))
    return false;
  ret->source.v6 = ret->destination.v6 = false;
  if (!two_v4(is, TEXT(SRCADDR), LEN(SRCADDR), TEXT(DSTADDR), LEN(DSTADDR), &ret->source.v4,
              &ret->destination.v4) &&
      (!diffd_flow_address_parse((struct diffd_span){TEXT(SRCADDR), LEN(SRCADDR)}, &ret->source) ||
       !diffd_flow_address_parse((struct diffd_span){TEXT(DSTADDR), LEN(DSTADDR)}, &ret->destination)))
    return false;
  ret->account = (struct diffd_span){TEXT(ACCOUNT), LEN(ACCOUNT)};
  ret->eni = (struct diffd_span){TEXT(ENI), LEN(ENI)};
  ret->account_eni = (struct diffd_span){0};
  if (BEGIN(ENI) == END(ACCOUNT) + 1)
    ret->account_eni = (struct diffd_span){TEXT(ACCOUNT), END(ENI) - BEGIN(ACCOUNT)};
  bool is_reject =
      (LEN(ACTION) == 6) & (((load64(TEXT(ACTION)) | 0x202020202020) & 0xffffffffffff) == load64(reject));
  ret->color = is_reject ? DIFFD_RED : DIFFD_GREEN;
  return true;
}

AVX2 static bool record_avx2(const struct diffd_flow_format *format, const char *text, const uint32_t *ends,
                             struct diffd_flow_record *ret) {
  const struct constants *is = hidden_constants();
  return format->standard ? parse_record(is, format, true, text, ends, ret)
                          : parse_record(is, format, false, text, ends, ret);
}

AVX2 static inline __attribute__((always_inline)) uint32_t
parse_records(const struct diffd_flow_format *format, bool standard, const char *text,
              const struct diffd_flow_marks *marks, uint32_t line, uint32_t count,
              struct diffd_flow_record *ret) {
  const struct constants *is = hidden_constants();
  uint32_t first = diffd_flow_marks_first(marks, line), columns = format->columns;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t next = marks->newlines[line + i] + 1;
    if (next - first != columns || !parse_record(is, format, standard, text, marks->marks + first, &ret[i]))
      return i;
    first = next;
  }
  return count;
}

AVX2 static uint32_t records_avx2(const struct diffd_flow_format *format, const char *text,
                                  const struct diffd_flow_marks *marks, uint32_t line, uint32_t count,
                                  struct diffd_flow_record *ret) {
  return format->standard ? parse_records(format, true, text, marks, line, count, ret)
                          : parse_records(format, false, text, marks, line, count, ret);
}

static const struct diffd_flow_kernel avx2 = {
    .name = "avx2", .scan = scan_avx2, .record = record_avx2, .records = records_avx2};

const struct diffd_flow_kernel *diffd_flow_kernel_avx2(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                 __builtin_cpu_supports("popcnt")
             ? &avx2
             : NULL;
}

#endif
