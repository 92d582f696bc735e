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

#include <immintrin.h>
#include <string.h>

#define AVX2          __attribute__((target("avx2,bmi,bmi2,popcnt")))

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
AVX2 static inline bool octet_ends(__m128i text, uint32_t len, uint32_t *ret) {
  uint32_t dots = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(text, _mm_set1_epi8('.')));
  dots = _bzhi_u32(dots, len);
  uint32_t dots2 = _blsr_u32(dots), dots3 = _blsr_u32(dots2);
  *ret = _tzcnt_u32(dots) | _tzcnt_u32(dots2) << 8 | _tzcnt_u32(dots3) << 16 | len << 24;
  return len <= 15 && dots3 != 0 && _blsr_u32(dots3) == 0;
}

/* Two IPv4 addresses. Each octet gets four bytes of a vector: nothing, hundreds, tens, units. For that each
 * byte is told its place in the text, counted back from its octet's end; places before the octet's start
 * become 0. */
AVX2 static inline bool two_v4(const char *source, uint32_t source_len, const char *destination,
                               uint32_t destination_len, uint32_t *ret_source, uint32_t *ret_destination) {
  __m128i source_text = _mm_loadu_si128((const __m128i_u *)source);
  __m128i destination_text = _mm_loadu_si128((const __m128i_u *)destination);
  uint32_t source_ends, destination_ends;
  if (!octet_ends(source_text, source_len, &source_ends) ||
      !octet_ends(destination_text, destination_len, &destination_ends))
    return false;
  const __m256i spread =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3));
  __m256i ends = _mm256_shuffle_epi8(
      _mm256_set_m128i(_mm_cvtsi32_si128((int)destination_ends), _mm_cvtsi32_si128((int)source_ends)),
      spread);
  /* An octet starts behind the dot that ends the one before; the first starts at 0. */
  __m256i starts =
      _mm256_shuffle_epi8(_mm256_set_m128i(_mm_cvtsi32_si128((int)((destination_ends << 8) + 0x01010100)),
                                           _mm_cvtsi32_si128((int)((source_ends << 8) + 0x01010100))),
                          spread);
  __m256i places = _mm256_add_epi8(ends, _mm256_set1_epi32((int)0xfffefdfc)); /* -4, -3, -2, -1 */
  __m256i outside = _mm256_cmpgt_epi8(starts, places);
  __m256i digits =
      _mm256_shuffle_epi8(_mm256_set_m128i(destination_text, source_text), _mm256_or_si256(places, outside));
  digits = _mm256_xor_si256(digits, _mm256_andnot_si256(outside, _mm256_set1_epi8('0')));
  const __m256i nine = _mm256_set1_epi8(9);
  uint32_t not_digit =
      ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_max_epu8(digits, nine), nine));
  uint32_t outside_mask = (uint32_t)_mm256_movemask_epi8(outside);
  uint32_t zero = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(digits, _mm256_setzero_si256()));
  /* Of each octet four bits: no fourth digit, and a last one. */
  uint32_t bad_len = (outside_mask & 0x99999999) ^ 0x11111111;
  /* A first digit, other than the last, that is zero. */
  uint32_t first = ~outside_mask & outside_mask << 1;
  uint32_t leading_zero = first & zero & 0x66666666;
  __m256i pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi32(0x010a6400));
  __m256i octets = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
  uint32_t too_large = (uint32_t)_mm256_movemask_epi8(_mm256_cmpgt_epi32(octets, _mm256_set1_epi32(255)));
  if ((not_digit | bad_len | leading_zero | too_large) != 0)
    return false;
  const __m256i gather =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(12, 8, 4, 0, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
  __m256i addresses = _mm256_shuffle_epi8(octets, gather);
  *ret_source = (uint32_t)_mm256_cvtsi256_si32(addresses);
  *ret_destination = (uint32_t)_mm256_extract_epi32(addresses, 4);
  return true;
}

/* Digits of four numbers, each of at most eight, on top of eight bytes each, behind zeros. */
AVX2 static inline __m256i align_digits(__m256i texts, __m256i lens) {
  __m256i shifts = _mm256_sub_epi64(_mm256_set1_epi64x(64), _mm256_slli_epi64(lens, 3));
  return _mm256_xor_si256(_mm256_sllv_epi64(texts, shifts), _mm256_sllv_epi64(_mm256_set1_epi8('0'), shifts));
}

/* Eight numbers of up to eight digits. False where a byte is no digit. The order of the result is 0 1 4 5 2 3
 * 6 7. */
AVX2 static inline bool eight_numbers(__m256i digits0123, __m256i digits4567, uint32_t ret[8]) {
  const __m256i nine = _mm256_set1_epi8(9);
  __m256i largest = _mm256_max_epu8(_mm256_max_epu8(digits0123, digits4567), nine);
  if (_mm256_movemask_epi8(_mm256_cmpeq_epi8(largest, nine)) != -1)
    return false;
  const __m256i tens = _mm256_set1_epi16(0x010a), hundreds = _mm256_set1_epi32(0x00010064);
  __m256i low = _mm256_madd_epi16(_mm256_maddubs_epi16(digits0123, tens), hundreds);
  __m256i high = _mm256_madd_epi16(_mm256_maddubs_epi16(digits4567, tens), hundreds);
  __m256i numbers = _mm256_madd_epi16(_mm256_packus_epi32(low, high), _mm256_set1_epi32(0x00012710));
  _mm256_storeu_si256((__m256i_u *)ret, numbers);
  return true;
}

/* With the default format, which is known to the compiler, the places of columns are constants. */
#define COLUMN(field) (standard ? DIFFD_FLOW_##field + 1u : format->column[DIFFD_FLOW_##field])
#define END(field)    ends[COLUMN(field)]
#define BEGIN(field)  ((ends + COLUMN(field))[-1] + 1)
#define LEN(field)    (END(field) - BEGIN(field))
#define TEXT(field)   (text + BEGIN(field))

/* Ports, protocol, packets, bytes, start and end. Times have ten digits from 2001 to 2286; bytes up to
 * sixteen. */
AVX2 static inline __attribute__((always_inline)) bool parse_numbers(const struct diffd_flow_format *format,
                                                                     bool standard, const char *text,
                                                                     const uint32_t *ends,
                                                                     struct diffd_flow_record *ret) {
  uint32_t srcport_len = LEN(SRCPORT), dstport_len = LEN(DSTPORT), protocol_len = LEN(PROTOCOL),
           packets_len = LEN(PACKETS), bytes_len = LEN(BYTES);
  if (LEN(START) != 10 || LEN(END) != 10 || srcport_len - 1 > 4 || dstport_len - 1 > 4 ||
      protocol_len - 1 > 2 || packets_len - 1 > 7 || bytes_len - 1 > 15)
    return false;
  uint32_t bytes_high_len = bytes_len > 8 ? bytes_len - 8 : 0;
  uint32_t numbers[8];
  __m256i texts0 = _mm256_setr_epi64x(load64(TEXT(SRCPORT)), load64(TEXT(DSTPORT)), load64(TEXT(PROTOCOL)),
                                      load64(TEXT(PACKETS)));
  __m256i texts4 = _mm256_setr_epi64x(load64(TEXT(START) + 2), load64(TEXT(END) + 2), load64(TEXT(BYTES)),
                                      load64(TEXT(BYTES) + bytes_high_len));
  __m256i lens0 = _mm256_setr_epi64x(srcport_len, dstport_len, protocol_len, packets_len);
  __m256i lens4 = _mm256_setr_epi64x(8, 8, bytes_high_len, bytes_len - bytes_high_len);
  if (!eight_numbers(align_digits(texts0, lens0), align_digits(texts4, lens4), numbers))
    return false;
  /* The first two digits of both times. */
  uint16_t start_high, end_high;
  memcpy(&start_high, TEXT(START), sizeof start_high);
  memcpy(&end_high, TEXT(END), sizeof end_high);
  uint32_t high = ((uint32_t)start_high | (uint32_t)end_high << 16) ^ 0x30303030;
  if ((((high + 0x76767676) | high) & 0x80808080) != 0 || (numbers[0] | numbers[1]) > UINT16_MAX ||
      numbers[4] > UINT8_MAX)
    return false;
  ret->srcport = (uint16_t)numbers[0];
  ret->dstport = (uint16_t)numbers[1];
  ret->protocol = (uint8_t)numbers[4];
  ret->packets = numbers[5];
  ret->start = (int64_t)(10 * (high & 0xff) + (high >> 8 & 0xff)) * 100000000 + numbers[2];
  ret->end = (int64_t)(10 * (high >> 16 & 0xff) + (high >> 24)) * 100000000 + numbers[3];
  ret->bytes = (uint64_t)numbers[6] * 100000000 + numbers[7];
  return true;
}

AVX2 static inline __attribute__((always_inline)) bool parse_record(const struct diffd_flow_format *format,
                                                                    bool standard, const char *text,
                                                                    const uint32_t *ends,
                                                                    struct diffd_flow_record *ret) {
  static const char reject[8] = "reject";
  if (LEN(STATUS) != 2 || ((load64(TEXT(STATUS)) | 0x2020) & 0xffff) != ('o' | 'k' << 8))
    return false;
  if (!parse_numbers(format, standard, text, ends, ret))
    return false;
  ret->source.v6 = ret->destination.v6 = false;
  if (!two_v4(TEXT(SRCADDR), LEN(SRCADDR), TEXT(DSTADDR), LEN(DSTADDR), &ret->source.v4,
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
      LEN(ACTION) == 6 && ((load64(TEXT(ACTION)) | 0x202020202020) & 0xffffffffffff) == load64(reject);
  ret->color = is_reject ? DIFFD_RED : DIFFD_GREEN;
  return true;
}

AVX2 static bool record_avx2(const struct diffd_flow_format *format, const char *text, const uint32_t *ends,
                             struct diffd_flow_record *ret) {
  return format->standard ? parse_record(format, true, text, ends, ret)
                          : parse_record(format, false, text, ends, ret);
}

static const struct diffd_flow_kernel avx2 = {.name = "avx2", .scan = scan_avx2, .record = record_avx2};

const struct diffd_flow_kernel *diffd_flow_kernel_avx2(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                 __builtin_cpu_supports("popcnt")
             ? &avx2
             : NULL;
}

#endif
