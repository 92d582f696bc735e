/* SPDX-License-Identifier: Apache-2.0
 *
 * The leaves of the DOT reader: what a byte is, and where a run of bytes ends. Pure; any thread.
 *
 * Nothing here reads outside of [cur, end). The functions ending in _scalar are what the others mean; they
 * stand here so that the tests can compare.
 */
#ifndef DIFFD_CORE_DOT_SCAN_H
#define DIFFD_CORE_DOT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum diffd_dot_byte {
  DIFFD_DOT_BYTE_OTHER,  /* stands in no token outside of quotes */
  DIFFD_DOT_BYTE_SPACE,  /* blank, tab, carriage return, newline */
  DIFFD_DOT_BYTE_LETTER, /* begins an unquoted id: letters, underscore, every byte from 0x80 on */
  DIFFD_DOT_BYTE_DIGIT,
  DIFFD_DOT_BYTE_QUOTE,
  DIFFD_DOT_BYTE_PUNCT, /* a token of its own: { } [ ] = , ; : + */
  DIFFD_DOT_BYTE_MINUS, /* begins ->, -- or a numeral */
  DIFFD_DOT_BYTE_DOT,   /* begins a numeral */
  DIFFD_DOT_BYTE_SLASH, /* begins a comment */
  DIFFD_DOT_BYTE_HASH,  /* begins a comment at the beginning of a line */
  DIFFD_DOT_BYTE_ANGLE, /* begins an HTML string */
};
extern const unsigned char diffd_dot_bytes[256];

static inline enum diffd_dot_byte diffd_dot_byte_of(char c) {
  return (enum diffd_dot_byte)diffd_dot_bytes[(unsigned char)c];
}
static inline bool diffd_dot_is_space(char c) {
  return diffd_dot_byte_of(c) == DIFFD_DOT_BYTE_SPACE;
}
static inline bool diffd_dot_is_name_byte(char c) {
  enum diffd_dot_byte byte = diffd_dot_byte_of(c);
  return byte == DIFFD_DOT_BYTE_LETTER || byte == DIFFD_DOT_BYTE_DIGIT;
}

/* The first byte that is a, b or c; `end` where there is none. */
const char *diffd_dot_find(const char *cur, const char *end, char a, char b, char c);
const char *diffd_dot_find_scalar(const char *cur, const char *end, char a, char b, char c);

/* The first byte that is neither letter (in the sense above) nor digit; `end` where there is none. */
const char *diffd_dot_name_end(const char *cur, const char *end);
const char *diffd_dot_name_end_scalar(const char *cur, const char *end);

/* Three such runs where most end within sixteen bytes: a string's text up to quote, backslash or NUL, a word,
 * digits. */
#ifdef __SSE2__
enum { DIFFD_DOT_BLOCK = 16 };
static inline __m128i diffd_dot_load(const char *cur) {
  return _mm_loadu_si128((const __m128i *)(const void *)cur);
}
static inline __m128i diffd_dot_equal(__m128i bytes, char c) {
  return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c));
}
/* All bits of each byte that is `first` to `first + span`, compared as unsigned. */
static inline __m128i diffd_dot_in_range(__m128i bytes, char first, char span) {
  __m128i from_first = _mm_sub_epi8(bytes, _mm_set1_epi8(first));
  return _mm_cmpeq_epi8(_mm_min_epu8(from_first, _mm_set1_epi8(span)), from_first);
}
/* The highest bit of each byte that may stand in a word; that of the byte itself stands for 0x80 and above.
 */
static inline __m128i diffd_dot_name_bytes(__m128i bytes) {
  __m128i letters = diffd_dot_in_range(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 'z' - 'a');
  __m128i digits = diffd_dot_in_range(bytes, '0', '9' - '0');
  return _mm_or_si128(_mm_or_si128(letters, digits), _mm_or_si128(diffd_dot_equal(bytes, '_'), bytes));
}
static inline const char *diffd_dot_string_end(const char *cur, const char *end) {
  if (end - cur >= DIFFD_DOT_BLOCK) {
    __m128i bytes = diffd_dot_load(cur);
    __m128i stops = _mm_or_si128(_mm_or_si128(diffd_dot_equal(bytes, '"'), diffd_dot_equal(bytes, '\\')),
                                 diffd_dot_equal(bytes, '\0'));
    unsigned mask = (unsigned)_mm_movemask_epi8(stops);
    if (mask != 0)
      return cur + __builtin_ctz(mask);
  }
  return diffd_dot_find(cur, end, '"', '\\', '\0');
}
/* The first quote or NUL; `end` where there is none. A label has some 150 bytes before its quote: four blocks
 * a step, of which no byte is NUL where the least of them is not. */
static inline const char *diffd_dot_find_quote(const char *cur, const char *end) {
  const __m128i zero = _mm_setzero_si128();
  for (; end - cur >= 4 * DIFFD_DOT_BLOCK; cur += 4 * DIFFD_DOT_BLOCK) {
    __m128i a = diffd_dot_load(cur);
    __m128i b = diffd_dot_load(cur + DIFFD_DOT_BLOCK);
    __m128i c = diffd_dot_load(cur + 2 * DIFFD_DOT_BLOCK);
    __m128i d = diffd_dot_load(cur + 3 * DIFFD_DOT_BLOCK);
    __m128i least = _mm_min_epu8(_mm_min_epu8(a, b), _mm_min_epu8(c, d));
    __m128i quotes = _mm_or_si128(_mm_or_si128(diffd_dot_equal(a, '"'), diffd_dot_equal(b, '"')),
                                  _mm_or_si128(diffd_dot_equal(c, '"'), diffd_dot_equal(d, '"')));
    if (_mm_movemask_epi8(_mm_or_si128(quotes, _mm_cmpeq_epi8(least, zero))) != 0)
      break;
  }
  return diffd_dot_find(cur, end, '"', '\0', '\0');
}
static inline const char *diffd_dot_word_end(const char *cur, const char *end) {
  if (end - cur >= DIFFD_DOT_BLOCK) {
    unsigned mask = (unsigned)_mm_movemask_epi8(diffd_dot_name_bytes(diffd_dot_load(cur))) ^ 0xFFFFU;
    if (mask != 0)
      return cur + __builtin_ctz(mask);
  }
  return diffd_dot_name_end(cur, end);
}
#else
static inline const char *diffd_dot_find_quote(const char *cur, const char *end) {
  return diffd_dot_find(cur, end, '"', '\0', '\0');
}
static inline const char *diffd_dot_string_end(const char *cur, const char *end) {
  return diffd_dot_find(cur, end, '"', '\\', '\0');
}
static inline const char *diffd_dot_word_end(const char *cur, const char *end) {
  return diffd_dot_name_end(cur, end);
}
#endif
static inline const char *diffd_dot_digits_end(const char *cur, const char *end) {
  while (cur < end && diffd_dot_byte_of(*cur) == DIFFD_DOT_BYTE_DIGIT)
    cur++;
  return cur;
}

enum diffd_dot_keyword {
  DIFFD_DOT_NO_KEYWORD,
  DIFFD_DOT_STRICT,
  DIFFD_DOT_DIGRAPH,
  DIFFD_DOT_GRAPH,
  DIFFD_DOT_NODE_WORD,
  DIFFD_DOT_EDGE_WORD,
  DIFFD_DOT_SUBGRAPH,
};
/* What an unquoted word is; keywords are the same in either case. */
enum diffd_dot_keyword diffd_dot_keyword_of(const char *word, size_t len);

/* The attributes that mean something here, the identity first, in the order of struct diffd_identity. */
enum diffd_dot_attribute {
  DIFFD_DOT_ACCOUNT,
  DIFFD_DOT_ENI,
  DIFFD_DOT_SRCPORT,
  DIFFD_DOT_DSTPORT,
  DIFFD_DOT_PROTOCOL,
  DIFFD_DOT_COLOR,
  DIFFD_DOT_PACKETS,
  DIFFD_DOT_BYTES,
  DIFFD_DOT_START,
  DIFFD_DOT_END,
  DIFFD_DOT_LABEL,
  DIFFD_DOT_NO_ATTRIBUTE,
};
static inline bool diffd_dot_is_identity(enum diffd_dot_attribute attribute) {
  return attribute <= DIFFD_DOT_COLOR;
}
static inline bool diffd_dot_is_counter(enum diffd_dot_attribute attribute) {
  return attribute >= DIFFD_DOT_PACKETS && attribute <= DIFFD_DOT_END;
}
enum diffd_dot_attribute diffd_dot_attribute_of(const char *name, size_t len);
/* The same for a name in a text that goes on to `end`, with fewer branches to guess. */
#ifdef __SSE2__
struct diffd_dot_attribute_place {
  char name[DIFFD_DOT_BLOCK]; /* and `=` */
  unsigned mask; /* a bit for each of these bytes; one more than a block has where no name has this place */
  enum diffd_dot_attribute attribute;
  uint64_t unused; /* makes it 32 bytes, so that a shift gives its place */
};
extern const struct diffd_dot_attribute_place diffd_dot_attribute_places[16];
/* Where a name stands is told by four of its bytes; the factor was searched so that no two names meet. `name`
 * has at least five bytes. */
enum { DIFFD_DOT_ATTRIBUTE_MIN = 5 };
static inline const struct diffd_dot_attribute_place *diffd_dot_attribute_place_of(const char *name,
                                                                                   size_t len) {
  uint32_t word;
  memcpy(&word, name + len - DIFFD_DOT_ATTRIBUTE_MIN, sizeof word);
  return &diffd_dot_attribute_places[(word * 0x9755D4C1U) >> 28];
}
static inline enum diffd_dot_attribute diffd_dot_attribute_in(const char *name, size_t len, const char *end) {
  if (end - name < DIFFD_DOT_BLOCK)
    return diffd_dot_attribute_of(name, len);
  if (len < DIFFD_DOT_ATTRIBUTE_MIN || len >= DIFFD_DOT_BLOCK)
    return DIFFD_DOT_NO_ATTRIBUTE;
  const struct diffd_dot_attribute_place *place = diffd_dot_attribute_place_of(name, len);
  __m128i equal = _mm_cmpeq_epi8(diffd_dot_load(name), diffd_dot_load(place->name));
  unsigned mask = (1U << len) - 1;
  bool same = place->mask >> 1 == mask && ((unsigned)_mm_movemask_epi8(equal) & mask) == mask;
  return same ? place->attribute : DIFFD_DOT_NO_ATTRIBUTE;
}
#else
static inline enum diffd_dot_attribute diffd_dot_attribute_in(const char *name, size_t len, const char *end) {
  (void)end;
  return diffd_dot_attribute_of(name, len);
}
#endif

#endif
