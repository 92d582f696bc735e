/* SPDX-License-Identifier: Apache-2.0
 *
 * The flow-record kernel for every CPU: eight bytes at a time in ordinary registers.
 */
#include <string.h>

#include "core/flow_address.h"
#include "core/flow_record.h"

static void scan_scalar(const char *text, uint32_t begin, uint32_t end, struct diffd_flow_marks *marks) {
  for (uint32_t at = begin; at < end; at++) {
    if (text[at] != ' ' && text[at] != '\n')
      continue;
    if (text[at] == '\n')
      marks->newlines[marks->newline_count++] = marks->mark_count;
    marks->marks[marks->mark_count++] = at;
  }
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

/* Bit i is set where text[i] is a dot; 16 bits. */
static inline uint32_t dot_mask(const char *text) {
  uint32_t mask = 0;
  for (unsigned half = 0; half < 2; half++) {
    uint64_t bytes = load64(text + 8 * half) ^ 0x2e2e2e2e2e2e2e2e;
    /* The top bit of each byte that is zero, exactly; then the eight top bits side by side. */
    uint64_t zero = ~(((bytes & 0x7f7f7f7f7f7f7f7f) + 0x7f7f7f7f7f7f7f7f) | bytes | 0x7f7f7f7f7f7f7f7f);
    mask |= (uint32_t)((zero >> 7) * 0x0102040810204080 >> 56) << (8 * half);
  }
  return mask;
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
  return fast_v4(text, len, &ret->v4) || diffd_flow_address_parse((struct diffd_span){text, len}, ret);
}

struct column {
  const char *ptr;
  uint32_t len;
};

static bool record_scalar(const struct diffd_flow_format *format, const char *text, const uint32_t *ends,
                          struct diffd_flow_record *ret) {
  struct column columns[DIFFD_FLOW_FIELD_COUNT];
  for (unsigned field = 0; field < DIFFD_FLOW_FIELD_COUNT; field++) {
    const uint32_t *end = ends + format->column[field];
    uint32_t begin = end[-1] + 1;
    columns[field] = (struct column){text + begin, end[0] - begin};
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
  return true;
#undef COLUMN
#undef NUMBER
}

static uint32_t records_scalar(const struct diffd_flow_format *format, const char *text,
                               const struct diffd_flow_marks *marks, uint32_t line, uint32_t count,
                               struct diffd_flow_record *ret) {
  for (uint32_t i = 0; i < count; i++) {
    uint32_t first = diffd_flow_marks_first(marks, line + i);
    if (marks->newlines[line + i] - first + 1 != format->columns ||
        !record_scalar(format, text, marks->marks + first, &ret[i]))
      return i;
  }
  return count;
}

static const struct diffd_flow_kernel scalar = {
    .name = "scalar", .scan = scan_scalar, .record = record_scalar, .records = records_scalar};

const struct diffd_flow_kernel *diffd_flow_kernel_find(const char *name) {
  const struct diffd_flow_kernel *best = diffd_flow_kernel_avx2();
  if (name == NULL)
    return best != NULL ? best : &scalar;
  if (strcmp(name, scalar.name) == 0)
    return &scalar;
  return best != NULL && strcmp(name, best->name) == 0 ? best : NULL;
}
