/* SPDX-License-Identifier: Apache-2.0 */
#include "core/canon.h"

#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "core/decimal.h"
#include "core/dot_parse.h"

static inline uint64_t load64(const char *at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
  return word;
}

/* Zero where the bytes at `at` are the literal's; literals of 8 to 24 bytes, compared in overlapping words.
 */
#define DIFFERS(at, literal) differs((at), (literal), sizeof(literal) - 1)
static inline uint64_t differs(const char *at, const char *literal, size_t len) {
  uint64_t bits = (load64(at) ^ load64(literal)) | (load64(at + len - 8) ^ load64(literal + len - 8));
  if (len > 16)
    bits |= load64(at + 8) ^ load64(literal + 8);
  return bits;
}

enum { ID_MAX = 64 }; /* a longer id is the general reader's */

/* After its `n` a canonical id has digits, a-f and `_`. */
#if defined(__SSE2__)
/* A bit for each of 16 bytes that may not stand in an id. A byte is in a range where, less its first, it is
 * at most its length. */
static inline unsigned wrong_id_bytes(const char *at) {
  __m128i bytes = _mm_loadu_si128((const __m128i_u *)(const void *)at);
  __m128i digit = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
  __m128i letter = _mm_sub_epi8(bytes, _mm_set1_epi8('a'));
  digit = _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit);
  letter = _mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(5)), letter);
  __m128i underscore = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('_'));
  __m128i right = _mm_or_si128(_mm_or_si128(digit, letter), underscore);
  return (unsigned)_mm_movemask_epi8(right) ^ 0xffffU;
}

/* The bytes after an id are its line's, so whole words may be loaded. */
static inline bool is_canonical_id(const char *id, size_t len) {
  if (len < 2 || len > ID_MAX || id[0] != 'n')
    return false;
  size_t at = 1;
  unsigned wrong = 0;
  for (; len - at > 16; at += 16)
    wrong |= wrong_id_bytes(id + at);
  return (wrong | (wrong_id_bytes(id + at) & ((1U << (len - at)) - 1))) == 0;
}
#else
static inline bool is_id_byte(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '_';
}

static inline bool is_canonical_id(const char *id, size_t len) {
  if (len < 2 || len > ID_MAX || id[0] != 'n')
    return false;
  for (size_t i = 1; i < len; i++)
    if (!is_id_byte((unsigned char)id[i]))
      return false;
  return true;
}
#endif

/* Nonzero where an attribute's value, between two places of white space, has not got its own two quotes: the
 * literal before it is `literal_len` bytes long, and the quote that opens must not be the one that closes. */
static inline uint64_t too_short(const uint32_t *space, size_t literal_len) {
  return (uint64_t)(space[1] - space[0] < literal_len + 2);
}

/* Nonzero where the quote that closes a value is escaped, and closes nothing. */
static inline uint64_t is_escaped(const char *quote) {
  return (uint64_t)(quote[-1] == '\\');
}

/* What a line's index says at once. */
struct line_sum {
  uint32_t begin;        /* of the line */
  const uint32_t *space; /* its first */
  uint32_t spaces;
  uint32_t quotes;
};

static inline struct line_sum sum_line(const struct diffd_line_index *index, size_t number) {
  const struct diffd_line_end *line = &index->line[number];
  if (number == 0)
    return (struct line_sum){0, index->space, line->spaces, line->quotes};
  return (struct line_sum){line[-1].at + 1, index->space + line[-1].spaces, line->spaces - line[-1].spaces,
                           line->quotes - line[-1].quotes};
}

/* Whether the statement of a line that ends here ends with it: another list might follow on the next line. */
static inline bool statement_ends(const char *newline) {
  return (newline[1] == '\t' && newline[2] == 'n') || newline[1] == '}';
}

bool diffd_canon_edge(const char *text, const struct diffd_line_index *index, size_t number,
                      struct diffd_canon_edge *ret) {
  /* Each attribute opens and closes a quote, the label too: twenty. More would mean that a value is not what
   * it looks like. */
  struct line_sum sum = sum_line(index, number);
  if (sum.spaces != DIFFD_CANON_EDGE_SPACES || sum.quotes != 20)
    return false;
  const uint32_t *space = sum.space;
  const char *line = text + space[0];
  uint32_t end = space[14];
  /* The shortest canonical edge is far longer than this, so no load below leaves the line and its padding. */
  if (*line != '\t' || space[0] != sum.begin || end - space[0] < 200 || space[2] != space[1] + 3)
    return false;
  uint32_t arrow;
  memcpy(&arrow, text + space[1], sizeof arrow);
  uint64_t bad = (uint64_t)(memcmp(&arrow, " -> ", sizeof arrow) != 0) | (uint64_t)(text[space[3]] ^ ' ');
  bad |= DIFFERS(text + space[3] + 1, "[govpc_accountID=\"");
  bad |= DIFFERS(text + space[4] - 1, "\" govpc_eniID=\"");
  bad |= DIFFERS(text + space[5] - 1, "\" govpc_srcPort=\"");
  bad |= DIFFERS(text + space[6] - 1, "\" govpc_dstPort=\"");
  bad |= DIFFERS(text + space[7] - 1, "\" govpc_protocol=\"");
  bad |= DIFFERS(text + space[8] - 1, "\" govpc_packets=\"");
  bad |= DIFFERS(text + space[9] - 1, "\" govpc_bytes=\"");
  bad |= DIFFERS(text + space[10] - 1, "\" govpc_start=\"");
  bad |= DIFFERS(text + space[11] - 1, "\" govpc_end=\"");
  bad |= DIFFERS(text + space[12] - 1, "\" color=");
  bad |= DIFFERS(text + space[13], " label=\"");
  bad |= (uint64_t)(text[end - 2] ^ '"') | (uint64_t)(text[end - 1] ^ ']');
  for (size_t i = 4; i <= 12; i++)
    bad |= is_escaped(text + space[i] - 1);
  bad |= is_escaped(text + end - 2);
  bool red = text[space[12] + 7] == 'r';
  uint32_t color_len = space[13] - space[12] - 7;
  const char *color = text + space[12] + 7;
  if (red)
    bad |= (uint64_t)(color_len ^ 3) | (uint64_t)(memcmp(color, "red", 3) != 0);
  else
    bad |= (uint64_t)(color_len ^ 5) | (uint64_t)(memcmp(color, "green", 5) != 0);
  bad |= too_short(space + 3, sizeof "[govpc_accountID=\"" - 1) |
         too_short(space + 4, sizeof "govpc_eniID=\"" - 1) |
         too_short(space + 5, sizeof "govpc_srcPort=\"" - 1) |
         too_short(space + 6, sizeof "govpc_dstPort=\"" - 1) |
         too_short(space + 7, sizeof "govpc_protocol=\"" - 1) |
         too_short(space + 8, sizeof "govpc_packets=\"" - 1) |
         too_short(space + 9, sizeof "govpc_bytes=\"" - 1) |
         too_short(space + 10, sizeof "govpc_start=\"" - 1) |
         too_short(space + 11, sizeof "govpc_end=\"" - 1);
  if (bad != 0 || !statement_ends(text + end) || !is_canonical_id(line + 1, space[1] - space[0] - 1) ||
      !is_canonical_id(text + space[2] + 1, space[3] - space[2] - 1) ||
      space[8] - space[0] > DIFFD_IDENTITY_VALUE_MAX || end - 2 < space[13] + 8)
    return false;
  *ret = (struct diffd_canon_edge){
      .begin = space[0] + 1,
      .source_end = space[1],
      .destination = space[2] + 1,
      .destination_end = space[3],
      .key_end = space[8],
      .end = end,
      .red = red,
  };
  return true;
}

bool diffd_canon_node(const char *text, const struct diffd_line_index *index, size_t number,
                      struct diffd_canon_node *ret) {
  struct line_sum sum = sum_line(index, number);
  if (sum.spaces != DIFFD_CANON_NODE_SPACES || sum.quotes != 2)
    return false;
  const uint32_t *space = sum.space;
  uint32_t end = space[2];
  if (text[space[0]] != '\t' || space[0] != sum.begin || end - space[1] < sizeof " [label=\"\"]" - 1)
    return false;
  uint64_t bad = DIFFERS(text + space[1], " [label=\"");
  bad |= (uint64_t)(text[end - 2] ^ '"') | (uint64_t)(text[end - 1] ^ ']');
  bad |= is_escaped(text + end - 2);
  if (bad != 0 || !statement_ends(text + end) ||
      !is_canonical_id(text + space[0] + 1, space[1] - space[0] - 1))
    return false;
  *ret = (struct diffd_canon_node){.begin = space[0] + 1, .id_end = space[1], .end = end};
  return true;
}

/* Steps over `skip` bytes of literal and takes what stands before the next `stop`. */
static struct diffd_span take_value(const char **at, size_t skip, char stop) {
  const char *value = *at + skip;
  const char *end = value;
  while (*end != stop)
    end++;
  *at = end;
  return (struct diffd_span){value, (size_t)(end - value)};
}

void diffd_canon_edge_fields(const char *text, size_t len, struct diffd_identity *ret_identity,
                             struct diffd_counters *ret_counters) {
  (void)len;
  const char *at = text;
  struct diffd_identity identity;
  identity.source = take_value(&at, 0, ' ');
  identity.destination = take_value(&at, sizeof " -> " - 1, ' ');
  identity.account = take_value(&at, sizeof " [govpc_accountID=\"" - 1, '"');
  identity.eni = take_value(&at, sizeof "\" govpc_eniID=\"" - 1, '"');
  identity.srcport = take_value(&at, sizeof "\" govpc_srcPort=\"" - 1, '"');
  identity.dstport = take_value(&at, sizeof "\" govpc_dstPort=\"" - 1, '"');
  identity.protocol = take_value(&at, sizeof "\" govpc_protocol=\"" - 1, '"');
  struct diffd_span packets = take_value(&at, sizeof "\" govpc_packets=\"" - 1, '"');
  struct diffd_span bytes = take_value(&at, sizeof "\" govpc_bytes=\"" - 1, '"');
  struct diffd_span start = take_value(&at, sizeof "\" govpc_start=\"" - 1, '"');
  struct diffd_span end = take_value(&at, sizeof "\" govpc_end=\"" - 1, '"');
  identity.color = take_value(&at, sizeof "\" color=" - 1, ' ');
  struct diffd_counters counters = {0};
  uint64_t number;
  if (diffd_decimal(packets, UINT64_MAX, &counters.packets))
    counters.present |= DIFFD_HAS_PACKETS;
  if (diffd_decimal(bytes, UINT64_MAX, &counters.bytes))
    counters.present |= DIFFD_HAS_BYTES;
  if (diffd_decimal(start, INT64_MAX, &number)) {
    counters.start = (int64_t)number;
    counters.present |= DIFFD_HAS_START;
  }
  if (diffd_decimal(end, INT64_MAX, &number)) {
    counters.end = (int64_t)number;
    counters.present |= DIFFD_HAS_END;
  }
  *ret_identity = identity;
  *ret_counters = counters;
}
