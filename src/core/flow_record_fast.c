/* SPDX-License-Identifier: Apache-2.0
 *
 * The fast way through a flow log: one scan for spaces and newlines, then each field from both its ends,
 * with few branches. Whatever is not quite ordinary is left to the plain parser.
 */
#include <string.h>

#include "core/flow_address.h"
#include "core/flow_record.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

void diffd_flow_scan_scalar(const char *text, uint32_t begin, uint32_t end, struct diffd_flow_marks *marks) {
  for (uint32_t at = begin; at < end; at++) {
    if (text[at] != ' ' && text[at] != '\n')
      continue;
    if (text[at] == '\n')
      marks->newlines[marks->newline_count++] = marks->mark_count;
    marks->marks[marks->mark_count++] = at;
  }
}

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt")))

AVX2 static inline uint64_t equal_mask(const char *text, __m256i wanted) {
  __m256i low = _mm256_loadu_si256((const __m256i_u *)text);
  __m256i high = _mm256_loadu_si256((const __m256i_u *)(text + 32));
  uint32_t low_mask = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted));
  uint32_t high_mask = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted));
  return (uint64_t)high_mask << 32 | low_mask;
}

/* Writes the positions of the bits of `mask` in steps of eight: nearly always one step, so that there is
 * nothing to mispredict. What is written past the count is overwritten by the next block. */
AVX2 static inline void put_marks(uint32_t *out, uint64_t mask, uint32_t base, unsigned count) {
  for (unsigned done = 0; done < count; done += 8)
    for (unsigned i = 0; i < 8; i++) {
      out[done + i] = base + (uint32_t)_tzcnt_u64(mask);
      mask = _blsr_u64(mask);
    }
}

AVX2 static void scan_avx2(const char *text, uint32_t begin, uint32_t end, struct diffd_flow_marks *marks) {
  const __m256i space = _mm256_set1_epi8(' ');
  const __m256i newline = _mm256_set1_epi8('\n');
  for (uint32_t at = begin; at < end; at += 64) {
    uint64_t newlines = equal_mask(text + at, newline);
    uint64_t mask = equal_mask(text + at, space) | newlines;
    if (end - at < 64) {
      uint64_t inside = ~(UINT64_MAX << (end - at));
      newlines &= inside;
      mask &= inside;
    }
    for (; newlines != 0; newlines = _blsr_u64(newlines))
      marks->newlines[marks->newline_count++] =
          marks->mark_count + (uint32_t)_mm_popcnt_u64(mask & (_blsi_u64(newlines) - 1));
    unsigned count = (unsigned)_mm_popcnt_u64(mask);
    put_marks(marks->marks + marks->mark_count, mask, at, count);
    marks->mark_count += count;
  }
}
#endif

diffd_flow_scan_fn *diffd_flow_scan_kernel(const char *name) {
#if defined(__x86_64__)
  bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                  __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
  if (has_avx2 && (name == NULL || strcmp(name, "avx2") == 0))
    return scan_avx2;
#endif
  return name == NULL || strcmp(name, "scalar") == 0 ? diffd_flow_scan_scalar : NULL;
}

static inline uint64_t load64(const char *at) {
  uint64_t value;
  memcpy(&value, at, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  value = __builtin_bswap64(value);
#endif
  return value;
}

/* The number whose 1 to 8 digits end before `end`; sets *bad where one is no digit. The bytes are loaded so
 * that the last digit is on top, what stands before the first is made '0', and pairs are summed three times.
 */
static inline uint64_t eight_digits(const char *end, uint32_t len, uint64_t *bad) {
  uint64_t keep = UINT64_MAX << (64 - 8 * len);
  uint64_t digits = (load64(end - 8) & keep) | (0x3030303030303030 & ~keep);
  digits ^= 0x3030303030303030; /* a digit is 0 to 9 now, and nothing else is */
  *bad |= ((digits + 0x7676767676767676) | digits) & 0x8080808080808080;
  digits = (digits * (1 + (10 << 8))) >> 8 & 0x00ff00ff00ff00ff;
  digits = (digits * (1 + (100 << 16))) >> 16 & 0x0000ffff0000ffff;
  return (digits * (1 + (UINT64_C(10000) << 32))) >> 32;
}

/* As above for 1 to 16 digits; others are bad. */
static inline uint64_t sixteen_digits(const char *end, uint32_t len, uint64_t *bad) {
  if (len <= 8) {
    *bad |= len == 0;
    return eight_digits(end, len | (len == 0), bad);
  }
  if (len > 16) {
    *bad |= 1;
    return 0;
  }
  return eight_digits(end - 8, len - 8, bad) * 100000000 + eight_digits(end, 8, bad);
}

/* One octet of 1 to 3 digits that end before `end`. */
static inline uint32_t octet(const char *end, uint32_t len, uint32_t *bad) {
  uint32_t digits;
  memcpy(&digits, end - 4, sizeof digits);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  digits = __builtin_bswap32(digits);
#endif
  uint32_t keep = UINT32_MAX << (32 - 8 * len);
  digits = (digits ^ 0x30303030) & keep;
  *bad |= ((digits + 0x76767676) | digits) & 0x80808080;
  uint32_t units = digits >> 24, tens = digits >> 16 & 0xff, hundreds = digits >> 8 & 0xff;
  uint32_t value = units + 10 * tens + 100 * hundreds;
  /* A leading zero: the number has fewer digits than its text. */
  *bad |= (uint32_t)((len == 2 && tens == 0) | (len == 3 && hundreds == 0) | (value > 255));
  return value;
}

/* Bit i is set where text[i] is a dot. */
static inline uint32_t dot_mask(const char *text) {
#if defined(__SSE2__)
  __m128i bytes = _mm_loadu_si128((const __m128i_u *)text);
  return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('.')));
#else
  uint32_t mask = 0;
  for (unsigned i = 0; i < 16; i++)
    mask |= (uint32_t)(text[i] == '.') << i;
  return mask;
#endif
}

static inline bool fast_v4(const char *text, uint32_t len, uint32_t *ret) {
  if (len < 7 || len > 15)
    return false;
  uint32_t dots = dot_mask(text) & ((UINT32_C(1) << len) - 1);
  uint32_t dots2 = dots & (dots - 1), dots3 = dots2 & (dots2 - 1);
  if (dots3 == 0 || (dots3 & (dots3 - 1)) != 0)
    return false;
  uint32_t dot1 = (uint32_t)__builtin_ctz(dots), dot2 = (uint32_t)__builtin_ctz(dots2),
           dot3 = (uint32_t)__builtin_ctz(dots3);
  uint32_t len1 = dot1, len2 = dot2 - dot1 - 1, len3 = dot3 - dot2 - 1, len4 = len - dot3 - 1;
  if (len1 - 1 > 2 || len2 - 1 > 2 || len3 - 1 > 2 || len4 - 1 > 2)
    return false;
  uint32_t bad = 0;
  uint32_t address = octet(text + dot1, len1, &bad) << 24 | octet(text + dot2, len2, &bad) << 16 |
                     octet(text + dot3, len3, &bad) << 8 | octet(text + len, len4, &bad);
  *ret = address;
  return bad == 0;
}

static inline bool fast_address(const char *text, uint32_t len, struct diffd_flow_address *ret) {
  ret->v6 = false;
  if (fast_v4(text, len, &ret->v4))
    return true;
  ret->v6 = diffd_flow_v6_parse((struct diffd_span){text, len}, ret->bytes);
  return ret->v6;
}

/* Eight bytes at a time: between '!' and '~', no quote and no backslash. */
static inline bool fast_id(const char *text, uint32_t len) {
  const uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
  uint64_t bad = (len == 0) | (len > DIFFD_FLOW_NAME_MAX);
  for (uint32_t at = 0; at < len; at += 8) {
    uint64_t bytes = load64(text + at);
    if (len - at < 8) {
      uint64_t keep = ~(UINT64_MAX << 8 * (len - at));
      bytes = (bytes & keep) | (0x3030303030303030 & ~keep);
    }
    uint64_t quote = bytes ^ (ones * '"'), slash = bytes ^ (ones * '\\');
    /* Above '~', or below '!': no byte borrows from its neighbour but one that is bad already. */
    bad |= (bytes | (bytes + ones)) & tops;
    bad |= ~((bytes | tops) - ones * '!') & tops;
    bad |= ((quote - ones) & ~quote & tops) | ((slash - ones) & ~slash & tops);
  }
  return bad == 0;
}

struct column {
  const char *ptr;
  uint32_t len;
};

bool diffd_flow_record_fast(const struct diffd_flow_format *format, const char *text, uint32_t begin,
                            const uint32_t *ends, struct diffd_flow_record *ret) {
  struct column columns[DIFFD_FLOW_FIELD_COUNT];
  for (unsigned field = 0; field < DIFFD_FLOW_FIELD_COUNT; field++) {
    uint32_t column = format->column[field];
    uint32_t from = column == 0 ? begin : ends[column - 1] + 1;
    columns[field] = (struct column){text + from, ends[column] - from};
  }
#define COLUMN(field) columns[DIFFD_FLOW_##field].ptr, columns[DIFFD_FLOW_##field].len
#define NUMBER(field)                                                                                        \
  sixteen_digits(columns[DIFFD_FLOW_##field].ptr + columns[DIFFD_FLOW_##field].len,                          \
                 columns[DIFFD_FLOW_##field].len, &bad)
  uint64_t bad = 0;
  const struct column *status = &columns[DIFFD_FLOW_STATUS];
  if (status->len != 2 || ((load64(status->ptr) | 0x2020) & 0xffff) != ('o' | 'k' << 8))
    return false;
  if (!fast_address(COLUMN(SRCADDR), &ret->source) || !fast_address(COLUMN(DSTADDR), &ret->destination))
    return false;
  uint64_t srcport = NUMBER(SRCPORT), dstport = NUMBER(DSTPORT), protocol = NUMBER(PROTOCOL);
  ret->packets = NUMBER(PACKETS);
  ret->bytes = NUMBER(BYTES);
  ret->start = (int64_t)NUMBER(START);
  ret->end = (int64_t)NUMBER(END);
  if (bad != 0 || (srcport | dstport) > UINT16_MAX || protocol > UINT8_MAX)
    return false;
  const struct column *account = &columns[DIFFD_FLOW_ACCOUNT], *eni = &columns[DIFFD_FLOW_ENI];
  ret->account = (struct diffd_span){account->ptr, account->len};
  ret->eni = (struct diffd_span){eni->ptr, eni->len};
  ret->account_eni = (struct diffd_span){0};
  if (eni->ptr == account->ptr + account->len + 1)
    ret->account_eni = (struct diffd_span){account->ptr, account->len + 1 + eni->len};
  ret->srcport = (uint16_t)srcport;
  ret->dstport = (uint16_t)dstport;
  ret->protocol = (uint8_t)protocol;
  const struct column *action = &columns[DIFFD_FLOW_ACTION];
  static const char reject_text[8] = "reject";
  bool reject =
      action->len == 6 && ((load64(action->ptr) | 0x202020202020) & 0xffffffffffff) == load64(reject_text);
  ret->color = reject ? DIFFD_RED : DIFFD_GREEN;
  return fast_id(COLUMN(ACCOUNT)) && fast_id(COLUMN(ENI));
#undef COLUMN
#undef NUMBER
}
