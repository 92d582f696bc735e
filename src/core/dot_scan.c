/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs of bytes are looked at sixteen at a time where SSE2 is there (every x86-64), else one by one.
 */
#include "core/dot_scan.h"

#include <string.h>

/* clang-format off */
enum {
  NO = DIFFD_DOT_BYTE_OTHER, SP = DIFFD_DOT_BYTE_SPACE, LE = DIFFD_DOT_BYTE_LETTER, DI = DIFFD_DOT_BYTE_DIGIT,
  QU = DIFFD_DOT_BYTE_QUOTE, PU = DIFFD_DOT_BYTE_PUNCT, MI = DIFFD_DOT_BYTE_MINUS, DO = DIFFD_DOT_BYTE_DOT,
  SL = DIFFD_DOT_BYTE_SLASH, HA = DIFFD_DOT_BYTE_HASH, AN = DIFFD_DOT_BYTE_ANGLE,
};
const unsigned char diffd_dot_bytes[256] = {
    NO, NO, NO, NO, NO, NO, NO, NO, NO, SP, SP, NO, NO, SP, NO, NO, /* 0x00 */
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, /* 0x10 */
    SP, NO, QU, HA, NO, NO, NO, NO, NO, NO, NO, PU, PU, MI, DO, SL, /* 0x20 */
    DI, DI, DI, DI, DI, DI, DI, DI, DI, DI, PU, PU, AN, PU, NO, NO, /* 0x30 */
    NO, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, /* 0x40 */
    LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, PU, NO, PU, NO, LE, /* 0x50 */
    NO, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, /* 0x60 */
    LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, PU, NO, PU, NO, NO, /* 0x70 */
    LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, /* 0x80 */
    LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, /* 0x90 */
    LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, /* 0xa0 */
    LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, /* 0xb0 */
    LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, /* 0xc0 */
    LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, /* 0xd0 */
    LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, /* 0xe0 */
    LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, /* 0xf0 */
};
/* clang-format on */

const char *diffd_dot_find_scalar(const char *cur, const char *end, char a, char b, char c) {
  while (cur < end && *cur != a && *cur != b && *cur != c)
    cur++;
  return cur;
}

const char *diffd_dot_name_end_scalar(const char *cur, const char *end) {
  while (cur < end && diffd_dot_is_name_byte(*cur))
    cur++;
  return cur;
}

#ifdef __SSE2__
const char *diffd_dot_find(const char *cur, const char *end, char a, char b, char c) {
  const __m128i as = _mm_set1_epi8(a);
  const __m128i bs = _mm_set1_epi8(b);
  const __m128i cs = _mm_set1_epi8(c);
  for (; end - cur >= DIFFD_DOT_BLOCK; cur += DIFFD_DOT_BLOCK) {
    __m128i bytes = diffd_dot_load(cur);
    __m128i hits = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, as), _mm_cmpeq_epi8(bytes, bs)),
                                _mm_cmpeq_epi8(bytes, cs));
    unsigned mask = (unsigned)_mm_movemask_epi8(hits);
    if (mask != 0)
      return cur + __builtin_ctz(mask);
  }
  return diffd_dot_find_scalar(cur, end, a, b, c);
}

const char *diffd_dot_name_end(const char *cur, const char *end) {
  for (; end - cur >= DIFFD_DOT_BLOCK; cur += DIFFD_DOT_BLOCK) {
    unsigned others = (unsigned)_mm_movemask_epi8(diffd_dot_name_bytes(diffd_dot_load(cur))) ^ 0xFFFFU;
    if (others != 0)
      return cur + __builtin_ctz(others);
  }
  return diffd_dot_name_end_scalar(cur, end);
}
#else
const char *diffd_dot_find(const char *cur, const char *end, char a, char b, char c) {
  return diffd_dot_find_scalar(cur, end, a, b, c);
}

const char *diffd_dot_name_end(const char *cur, const char *end) {
  return diffd_dot_name_end_scalar(cur, end);
}
#endif

/* No byte but the letter itself, in either case, becomes a lower-case letter by this bit; no locale is asked.
 */
static bool is_word(const char *word, const char *keyword, size_t len) {
  for (size_t i = 0; i < len; i++)
    if ((word[i] | 0x20) != keyword[i])
      return false;
  return true;
}

enum diffd_dot_keyword diffd_dot_keyword_of(const char *word, size_t len) {
  switch (len) {
  case 4:
    if (is_word(word, "node", len))
      return DIFFD_DOT_NODE_WORD;
    return is_word(word, "edge", len) ? DIFFD_DOT_EDGE_WORD : DIFFD_DOT_NO_KEYWORD;
  case 5:
    return is_word(word, "graph", len) ? DIFFD_DOT_GRAPH : DIFFD_DOT_NO_KEYWORD;
  case 6:
    return is_word(word, "strict", len) ? DIFFD_DOT_STRICT : DIFFD_DOT_NO_KEYWORD;
  case 7:
    return is_word(word, "digraph", len) ? DIFFD_DOT_DIGRAPH : DIFFD_DOT_NO_KEYWORD;
  case 8:
    return is_word(word, "subgraph", len) ? DIFFD_DOT_SUBGRAPH : DIFFD_DOT_NO_KEYWORD;
  default:
    return DIFFD_DOT_NO_KEYWORD;
  }
}

static bool same(const char *name, const char *other, size_t len) {
  return memcmp(name, other, len) == 0;
}

enum diffd_dot_attribute diffd_dot_attribute_of(const char *name, size_t len) {
  switch (len) {
  case 5:
    if (same(name, "color", 5))
      return DIFFD_DOT_COLOR;
    return same(name, "label", 5) ? DIFFD_DOT_LABEL : DIFFD_DOT_NO_ATTRIBUTE;
  case 9:
    return same(name, "govpc_end", 9) ? DIFFD_DOT_END : DIFFD_DOT_NO_ATTRIBUTE;
  case 11:
    if (same(name, "govpc_eniID", 11))
      return DIFFD_DOT_ENI;
    if (same(name, "govpc_bytes", 11))
      return DIFFD_DOT_BYTES;
    return same(name, "govpc_start", 11) ? DIFFD_DOT_START : DIFFD_DOT_NO_ATTRIBUTE;
  case 13:
    if (same(name, "govpc_srcPort", 13))
      return DIFFD_DOT_SRCPORT;
    if (same(name, "govpc_dstPort", 13))
      return DIFFD_DOT_DSTPORT;
    return same(name, "govpc_packets", 13) ? DIFFD_DOT_PACKETS : DIFFD_DOT_NO_ATTRIBUTE;
  case 14:
    return same(name, "govpc_protocol", 14) ? DIFFD_DOT_PROTOCOL : DIFFD_DOT_NO_ATTRIBUTE;
  case 15:
    return same(name, "govpc_accountID", 15) ? DIFFD_DOT_ACCOUNT : DIFFD_DOT_NO_ATTRIBUTE;
  default:
    return DIFFD_DOT_NO_ATTRIBUTE;
  }
}

#ifdef __SSE2__
#define NAMED(name, attribute)                                                                               \
  { name "=", (1U << sizeof(name)) - 1, attribute, 0 }
#define NO_NAME                                                                                              \
  { "", 1U << DIFFD_DOT_BLOCK, DIFFD_DOT_NO_ATTRIBUTE, 0 }
const struct diffd_dot_attribute_place diffd_dot_attribute_places[16] = {
    [0] = NAMED("govpc_bytes", DIFFD_DOT_BYTES),
    [1] = NO_NAME,
    [2] = NAMED("color", DIFFD_DOT_COLOR),
    [3] = NAMED("govpc_end", DIFFD_DOT_END),
    [4] = NO_NAME,
    [5] = NO_NAME,
    [6] = NAMED("govpc_start", DIFFD_DOT_START),
    [7] = {"govpc_accountID=", (1U << DIFFD_DOT_BLOCK) - 1, DIFFD_DOT_ACCOUNT, 0}, /* without its NUL */
    [8] = NAMED("govpc_srcPort", DIFFD_DOT_SRCPORT),
    [9] = NAMED("govpc_dstPort", DIFFD_DOT_DSTPORT),
    [10] = NO_NAME,
    [11] = NAMED("govpc_protocol", DIFFD_DOT_PROTOCOL),
    [12] = NAMED("govpc_packets", DIFFD_DOT_PACKETS),
    [13] = NO_NAME,
    [14] = NAMED("govpc_eniID", DIFFD_DOT_ENI),
    [15] = NAMED("label", DIFFD_DOT_LABEL),
};
#endif
