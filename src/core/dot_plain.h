/* SPDX-License-Identifier: Apache-2.0
 *
 * The plainest attribute, `name=value`, read by two looks at sixteen bytes and without a branch that depends
 * on what it is: which attribute comes next, and whether its value has quotes, cannot be guessed.
 *
 * From each look come a few masks, one bit a byte, and arithmetic on these says where name and value end and
 * whether they are in order. What is not plain is not refused here: the caller has slower ways to read it.
 * Pure; any thread.
 */
#ifndef DIFFD_CORE_DOT_PLAIN_H
#define DIFFD_CORE_DOT_PLAIN_H

#include "core/dot_scan.h"
#include "diffd/stream.h"

/* An attribute that was taken. */
struct diffd_dot_plain {
  const char *value;      /* its first byte, a quote where it has some */
  const char *next;       /* the byte after it */
  struct diffd_span text; /* the value without quotes; not of a label */
  enum diffd_dot_attribute attribute;
};

#ifdef __SSE2__
/* What diffd_dot_take_plain may look at: a name and its =, a value and its quotes, and the byte after it. */
enum { DIFFD_DOT_PLAIN_ROOM = 3 * DIFFD_DOT_BLOCK };

static inline unsigned diffd_dot_mask(__m128i bytes) {
  return (unsigned)_mm_movemask_epi8(bytes);
}

/* Whether the word of at most sixteen bytes before `stop` may be a keyword: its last letter is the one of
 * those of its length. */
static inline bool diffd_dot_may_be_keyword(const char *stop, size_t len) {
  static const char last[DIFFD_DOT_BLOCK + 1] = {[4] = 'e', [5] = 'h', [6] = 't', [7] = 'h', [8] = 'h'};
  return (stop[-1] | 0x20) == last[len];
}

/* Whether a token without quotes has ended before this byte: at a blank or a token of one byte. */
static inline bool diffd_dot_ends_bare(char c) {
  return (1U << DIFFD_DOT_BYTE_SPACE | 1U << DIFFD_DOT_BYTE_PUNCT) >> diffd_dot_byte_of(c) & 1U;
}

/* Takes a word of less than sixteen letters as a value. */
static inline bool diffd_dot_take_word(const char *value, struct diffd_dot_plain *ret) {
  __m128i lower = _mm_or_si128(diffd_dot_load(value), _mm_set1_epi8(0x20));
  unsigned stops = diffd_dot_mask(diffd_dot_in_range(lower, 'a', 'z' - 'a')) ^ 0xFFFFU;
  if ((stops & 1U) != 0 || stops == 0)
    return false;
  size_t len = (unsigned)__builtin_ctz(stops);
  ret->text = (struct diffd_span){value, len};
  ret->next = value + len;
  return diffd_dot_ends_bare(*ret->next) && !diffd_dot_may_be_keyword(ret->next, len);
}

/* Where the first blank is that may stand after the attribute at `cur`, none of which is shorter than this;
 * some place where there is none. */
static inline const char *diffd_dot_guess_end(const char *cur) {
  enum { SHORTEST = sizeof "color=0" - 1 };
  const char *at = cur + SHORTEST;
  unsigned low = diffd_dot_mask(diffd_dot_equal(diffd_dot_load(at), ' '));
  unsigned high = diffd_dot_mask(diffd_dot_equal(diffd_dot_load(at + DIFFD_DOT_BLOCK), ' '));
  return at + (unsigned)__builtin_ctz(low | high << DIFFD_DOT_BLOCK | 1U << 31);
}

/* Takes the attribute at `cur`: the name of one that means something here, `=`, and a value of less than
 * sixteen bytes in quotes, of digits or of letters; false where it is no such attribute. Of a label only the
 * name and the `=` are looked at, and `next` is the value. */
static inline bool diffd_dot_take_plain(const char *cur, struct diffd_dot_plain *ret) {
  __m128i name = diffd_dot_load(cur);
  /* One that comes sooner makes the name none that is known. */
  unsigned equals = diffd_dot_mask(diffd_dot_equal(name, '=')) >> DIFFD_DOT_ATTRIBUTE_MIN
                                                                      << DIFFD_DOT_ATTRIBUTE_MIN;
  if (equals == 0)
    return false;
  size_t name_len = (unsigned)__builtin_ctz(equals);
  const struct diffd_dot_attribute_place *place = diffd_dot_attribute_place_of(cur, name_len);
  if ((place->mask & ~diffd_dot_mask(_mm_cmpeq_epi8(name, diffd_dot_load(place->name)))) != 0)
    return false;
  const char *value = cur + name_len + 1;
  ret->value = ret->next = value;
  ret->attribute = place->attribute;
  if (place->attribute == DIFFD_DOT_LABEL)
    return true;

  /* Where a value would end that has quotes, and one of digits; which of both it is chooses one. */
  __m128i bytes = diffd_dot_load(value);
  unsigned quotes = diffd_dot_mask(diffd_dot_equal(bytes, '"'));
  unsigned others = diffd_dot_mask(_mm_or_si128(diffd_dot_equal(bytes, '\\'), diffd_dot_equal(bytes, '\0')));
  unsigned digits = diffd_dot_mask(diffd_dot_in_range(bytes, '0', '9' - '0'));
  unsigned quoted = quotes & 1U;
  unsigned in_quotes = (quotes | others) >> 1;
  unsigned in_digits = digits ^ 0xFFFFU;
  unsigned stops = in_digits ^ ((in_digits ^ in_quotes) & -quoted);
  if (stops == 0)
    return false;
  size_t len = (unsigned)__builtin_ctz(stops);
  ret->text = (struct diffd_span){value + quoted, len};
  const char *stop = ret->text.ptr + len;
  ret->next = stop + quoted;
  /* With quotes, one must follow; without, the value is not empty and has ended. */
  enum { IN_QUOTES = 16 };
  const unsigned ends =
      1U << (IN_QUOTES + DIFFD_DOT_BYTE_QUOTE) | 1U << DIFFD_DOT_BYTE_SPACE | 1U << DIFFD_DOT_BYTE_PUNCT;
  unsigned whole = ends >> ((unsigned)diffd_dot_byte_of(*stop) + quoted * IN_QUOTES);
  if (__builtin_expect((whole & ((len | quoted) != 0)) != 0, 1))
    return true;
  return diffd_dot_take_word(value, ret);
}
#else
enum { DIFFD_DOT_PLAIN_ROOM = 1 };
static inline bool diffd_dot_take_plain(const char *cur, struct diffd_dot_plain *ret) {
  (void)cur, (void)ret;
  return false;
}
static inline const char *diffd_dot_guess_end(const char *cur) {
  return cur;
}
#endif

#endif
