/* SPDX-License-Identifier: Apache-2.0
 *
 * The short way through an edge: its head up to the list, and whole `name=value` pairs that a chunk holds,
 * token after token without the detour over the grammar's states.
 *
 * What it takes it takes as the lexer and the grammar would, and leaves the parser in the state that they
 * would leave; what is cut, escaped, too long or wrong it does not take. The tests feed every input byte by
 * byte too, where nothing is ever whole, and compare.
 */
#include "core/dot_state.h"

static inline const char *skip_space(const char *cur, const char *end) {
  while (cur < end && diffd_dot_is_space(*cur))
    cur++;
  return cur;
}

/* The closing quote of a string at `cur` whose text nobody reads, escapes and all. */
static const char *string_stop(const char *cur, const char *end) {
  const char *close = cur;
  const char *slash;
  do {
    close = diffd_dot_find(close + 1, end, '"', '\0', '\0');
    if (close == end || *close != '"')
      return NULL;
    slash = close;
    while (slash[-1] == '\\')
      slash--;
  } while ((close - slash) % 2 == 1);
  return close;
}

/* The attribute that was taken last. */
struct attribute {
  const char *name;
  const char *value; /* its first byte, a quote where it has some */
  const char *next;  /* the byte after it */
  enum diffd_dot_attribute attribute;
  enum dot_token token; /* the value's kind */
};

/* A token that ends in the chunk and has no backslash. */
struct token {
  const char *text;
  const char *stop; /* the byte after the text: a closing quote, or what comes next */
  enum dot_token kind;
};

static inline bool take_token(const char *cur, const char *end, struct token *ret) {
  if (cur >= end)
    return false;
  enum diffd_dot_byte byte = diffd_dot_byte_of(*cur);
  if (byte == DIFFD_DOT_BYTE_QUOTE) {
    ret->text = cur + 1;
    ret->stop = diffd_dot_string_end(cur + 1, end);
    ret->kind = DOT_STRING;
    return ret->stop < end && *ret->stop == '"';
  }
  ret->text = cur;
  if (byte == DIFFD_DOT_BYTE_LETTER) {
    ret->stop = diffd_dot_word_end(cur, end);
    ret->kind = DOT_BARE;
    return ret->stop < end;
  }
  if (byte != DIFFD_DOT_BYTE_DIGIT)
    return false;
  ret->stop = diffd_dot_digits_end(cur, end);
  ret->kind = DOT_NUMERAL;
  return ret->stop < end && !diffd_dot_is_name_byte(*ret->stop) && *ret->stop != '.';
}

static inline bool is_keyword(const struct token *token) {
  size_t len = (size_t)(token->stop - token->text);
  return token->kind == DOT_BARE && len - 4 <= 4 &&
         diffd_dot_keyword_of(token->text, len) != DIFFD_DOT_NO_KEYWORD;
}

static inline const char *after(const struct token *token) {
  return token->stop + (token->kind == DOT_STRING);
}

/* Takes the attribute whose name is at `cur`; false where the lexer has to look. */
static inline bool take_attribute(struct diffd_dot_parser *p, const unsigned char *slots, const char *cur,
                                  struct attribute *taken) {
  const char *end = p->chunk_end;
  struct token name;
  struct token value;
  taken->name = cur;
  if (!take_token(cur, end, &name) || name.kind == DOT_NUMERAL)
    return false;
  enum diffd_dot_attribute attribute =
      diffd_dot_attribute_in(name.text, (size_t)(name.stop - name.text), end);
  if (attribute == DIFFD_DOT_NO_ATTRIBUTE && is_keyword(&name))
    return false;
  cur = skip_space(after(&name), end);
  if (cur == end || *cur != '=')
    return false;
  cur = skip_space(cur + 1, end);
  unsigned slot = slots[attribute];
  taken->value = cur;
  taken->attribute = attribute;
  if (attribute == DIFFD_DOT_LABEL && cur < end && *cur == '"') {
    const char *close = string_stop(cur, end);
    if (close == NULL)
      return false;
    taken->next = close + 1;
    taken->token = DOT_STRING;
    return true;
  }
  if (!take_token(cur, end, &value) || is_keyword(&value) || value.stop - value.text > DOT_SHORT_MAX)
    return false;
  /* What nobody reads goes to a slot of its own: a branch on what comes in which order cannot be guessed. */
  p->text[slot] = (struct diffd_span){value.text, (size_t)(value.stop - value.text)};
  p->borrowed |= 1U << slot;
  taken->next = after(&value);
  taken->token = value.kind;
  return true;
}

#ifdef __SSE2__
/* What take_plain may look at: a name, its =, a quote, a value, its quote, and the byte after them. */
enum { PLAIN_ROOM = 3 * DIFFD_DOT_BLOCK };

static inline unsigned low_bits(unsigned count) {
  return (1U << count) - 1;
}

static inline bool is_bare_value(const char *text, unsigned len) {
  return diffd_dot_byte_of(*text) == DIFFD_DOT_BYTE_LETTER &&
         (len - 4 > 4 || diffd_dot_keyword_of(text, len) == DIFFD_DOT_NO_KEYWORD);
}

/* The attribute at `cur` where it is of the plainest kind: a name that means something here, not quoted,
 * `=`, and a value of less than sixteen bytes, nothing between them; PLAIN_ROOM bytes may be
 * looked at. False is no refusal. Whether a value has quotes cannot be guessed, so that both kinds of its end
 * are worked out and one is chosen, without a branch. */
static inline bool take_plain(struct diffd_dot_parser *p, const unsigned char *slots, const char *cur,
                              unsigned *borrowed, struct attribute *taken) {
  unsigned equals = (unsigned)_mm_movemask_epi8(diffd_dot_equal(diffd_dot_load(cur), '='));
  if (equals == 0)
    return false;
  unsigned name_len = (unsigned)__builtin_ctz(equals);
  enum diffd_dot_attribute attribute = diffd_dot_attribute_in(cur, name_len, cur + PLAIN_ROOM);
  if (attribute >= DIFFD_DOT_LABEL)
    return false;
  const char *value = cur + name_len + 1;
  unsigned quoted = *value == '"';
  const char *text = value + quoted;
  __m128i bytes = diffd_dot_load(text);
  unsigned closes = (unsigned)_mm_movemask_epi8(_mm_or_si128(
      _mm_or_si128(diffd_dot_equal(bytes, '"'), diffd_dot_equal(bytes, '\\')), diffd_dot_equal(bytes, '\0')));
  unsigned no_word = (unsigned)_mm_movemask_epi8(diffd_dot_name_bytes(bytes)) ^ 0xFFFFU;
  unsigned digits = (unsigned)_mm_movemask_epi8(diffd_dot_in_range(bytes, '0', 9));
  unsigned stops = (closes & -quoted) | (no_word & (quoted - 1));
  if (stops == 0)
    return false;
  unsigned len = (unsigned)__builtin_ctz(stops);
  const char *stop = text + len;
  unsigned numeral = (len != 0) & ((~digits & low_bits(len)) == 0);
  unsigned whole = (quoted & (*stop == '"')) | (~quoted & numeral & (*stop != '.'));
  if (whole == 0 && (quoted || len == 0 || !is_bare_value(text, len)))
    return false;
  unsigned slot = slots[attribute];
  p->text[slot] = (struct diffd_span){text, len};
  *borrowed |= 1U << slot;
  *taken = (struct attribute){.name = cur,
                              .value = value,
                              .next = stop + quoted,
                              .attribute = attribute,
                              .token = quoted    ? DOT_STRING
                                       : numeral ? DOT_NUMERAL
                                                 : DOT_BARE};
  return true;
}
#else
enum { PLAIN_ROOM = 1 };
static inline bool take_plain(struct diffd_dot_parser *p, const unsigned char *slots, const char *cur,
                              unsigned *borrowed, struct attribute *taken) {
  (void)p, (void)slots, (void)cur, (void)borrowed, (void)taken;
  return false;
}
#endif

/* Leaves the parser as the grammar does after this attribute. */
static void note_last(struct diffd_dot_parser *p, const unsigned char *slots, const struct attribute *last) {
  p->attribute = last->attribute;
  p->name_at = diffd_dot_at(p, last->name);
  p->token = last->token;
  p->token_at = diffd_dot_at(p, last->value);
  p->may_separate = true;
  p->may_continue = p->token == DOT_STRING;
  p->target = slots[last->attribute];
  if (p->token == DOT_STRING) {
    p->string_close = diffd_dot_at(p, last->next - 1);
    if (last->attribute == DIFFD_DOT_LABEL)
      p->label_close = p->string_close;
  } else {
    p->bare_at = p->token_at;
    p->bare_end = diffd_dot_at(p, last->next);
  }
}

const char *diffd_dot_take_attributes(struct diffd_dot_parser *p, const char *cur) {
  struct attribute taken = {.next = NULL};
  struct attribute last = {.next = NULL};
  bool may_separate = p->may_separate;
  unsigned borrowed = 0;
  const char *end = p->chunk_end;
  const unsigned char *slots = p->slots[p->kind == DOT_EDGE_STATEMENT];
  /* Defaults for all edges are looked at name by name. */
  if (p->kind == DOT_EDGE_DEFAULTS)
    return cur;
  while (cur < end) {
    const char *name = cur;
    if (may_separate && (*cur == ',' || *cur == ';'))
      name = skip_space(cur + 1, end);
    bool plain = end - name >= PLAIN_ROOM && take_plain(p, slots, name, &borrowed, &taken);
    if (!plain && !take_attribute(p, slots, name, &taken))
      break;
    last = taken;
    may_separate = true;
    cur = skip_space(taken.next, end);
  }
  p->borrowed = (p->borrowed | borrowed) & ~(1U << DOT_DISCARD);
  if (last.next != NULL)
    note_last(p, slots, &last);
  return cur;
}

/* An id of an edge that the lexer need not look at. */
static inline bool take_id(const char *cur, const char *end, struct token *ret) {
  return take_token(cur, end, ret) && !is_keyword(ret) && ret->stop - ret->text <= DOT_SHORT_MAX;
}

static void note_id(struct diffd_dot_parser *p, unsigned slot, const char *cur, const struct token *id) {
  p->text[slot] = (struct diffd_span){id->text, (size_t)(id->stop - id->text)};
  p->borrowed |= 1U << slot;
  p->target = slot;
  p->token = id->kind;
  p->token_at = diffd_dot_at(p, cur);
  if (id->kind == DOT_STRING) {
    p->string_close = diffd_dot_at(p, id->stop);
  } else {
    p->bare_at = p->token_at;
    p->bare_end = diffd_dot_at(p, id->stop);
  }
}

const char *diffd_dot_take_edge_head(struct diffd_dot_parser *p, const char *cur) {
  const char *end = p->chunk_end;
  struct token source;
  struct token destination;
  if (!take_id(cur, end, &source))
    return cur;
  const char *arrow = skip_space(after(&source), end);
  if (end - arrow < 2 || arrow[0] != '-' || arrow[1] != '>')
    return cur;
  const char *head = skip_space(arrow + 2, end);
  if (!take_id(head, end, &destination))
    return cur;
  const char *list = skip_space(after(&destination), end);
  if (list == end || *list != '[')
    return cur;
  if (!diffd_dot_hand_over(p))
    return NULL;
  p->kind = DOT_EDGE_STATEMENT;
  p->begin = diffd_dot_at(p, cur);
  p->end = diffd_dot_at(p, after(&destination));
  p->mark_kind = DIFFD_MARK_NONE;
  note_id(p, DOT_SLOT_SOURCE, cur, &source);
  note_id(p, DOT_SLOT_DESTINATION, head, &destination);
  p->list_at = diffd_dot_at(p, list);
  p->may_separate = p->may_end = p->may_continue = p->copied = false;
  p->state = DOT_NAME;
  return list + 1;
}
