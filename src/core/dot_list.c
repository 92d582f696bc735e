/* SPDX-License-Identifier: Apache-2.0
 *
 * The short way through an attribute list: whole `name=value` pairs that a chunk holds, token after token
 * without the detour over the grammar's states.
 *
 * What it takes it takes as the lexer and the grammar would, and leaves the parser in the state that they
 * would leave; what is cut, escaped, too long or wrong it does not take. The tests feed every input byte by
 * byte too, where nothing is ever whole, and compare.
 */
#include "core/dot_state.h"

struct token {
  const char *begin; /* its first byte, a quote where it has some */
  const char *next;  /* the byte after it */
  struct diffd_span text;
  enum dot_token kind;
};

static const char *skip_space(const char *cur, const char *end) {
  while (cur < end && diffd_dot_is_space(*cur))
    cur++;
  return cur;
}

/* A quoted string without a backslash. */
static bool plain_string(const char *cur, const char *end, struct token *ret) {
  const char *close = diffd_dot_find(cur + 1, end, '"', '\\', '\0');
  if (close == end || *close != '"')
    return false;
  *ret = (struct token){cur, close + 1, {cur + 1, (size_t)(close - cur) - 1}, DOT_STRING};
  return true;
}

/* A word that is no keyword and ends in this chunk. */
static bool plain_word(const char *cur, const char *end, struct token *ret) {
  const char *next = diffd_dot_name_end(cur, end);
  size_t len = (size_t)(next - cur);
  if (next == end || diffd_dot_keyword_of(cur, len) != DIFFD_DOT_NO_KEYWORD)
    return false;
  *ret = (struct token){cur, next, {cur, len}, DOT_BARE};
  return true;
}

/* Digits alone. */
static bool plain_numeral(const char *cur, const char *end, struct token *ret) {
  const char *next = cur;
  while (next < end && diffd_dot_byte_of(*next) == DIFFD_DOT_BYTE_DIGIT)
    next++;
  if (next == end || diffd_dot_is_name_byte(*next) || *next == '.')
    return false;
  *ret = (struct token){cur, next, {cur, (size_t)(next - cur)}, DOT_NUMERAL};
  return true;
}

/* A quoted string whose text nobody reads, escapes and all. */
static bool skipped_string(const char *cur, const char *end, struct token *ret) {
  const char *close = cur;
  const char *slash;
  do {
    close = diffd_dot_find(close + 1, end, '"', '\0', '\0');
    if (close == end || *close != '"')
      return false;
    slash = close;
    while (slash[-1] == '\\')
      slash--;
  } while ((close - slash) % 2 == 1);
  *ret = (struct token){cur, close + 1, {NULL, 0}, DOT_STRING};
  return true;
}

static bool take_token(const char *cur, const char *end, bool read, struct token *ret) {
  if (cur == end)
    return false;
  if (*cur == '"')
    return read ? plain_string(cur, end, ret) : skipped_string(cur, end, ret);
  if (diffd_dot_byte_of(*cur) == DIFFD_DOT_BYTE_LETTER)
    return plain_word(cur, end, ret);
  return diffd_dot_byte_of(*cur) == DIFFD_DOT_BYTE_DIGIT && plain_numeral(cur, end, ret);
}

/* Leaves the parser as the grammar does after a value. */
static void note_value(struct diffd_dot_parser *p, enum diffd_dot_attribute attribute, unsigned slot,
                       const struct token *name, const struct token *value) {
  p->attribute = attribute;
  p->name_at = diffd_dot_at(p, name->begin);
  p->token = value->kind;
  p->token_at = diffd_dot_at(p, value->begin);
  p->may_separate = true;
  p->may_continue = value->kind == DOT_STRING;
  p->target = slot;
  if (value->kind == DOT_STRING) {
    p->string_close = diffd_dot_at(p, value->next - 1);
    if (attribute == DIFFD_DOT_LABEL)
      p->label_close = p->string_close;
  } else {
    p->bare_at = p->token_at;
    p->bare_end = diffd_dot_at(p, value->next);
  }
  if (slot != DOT_DISCARD) {
    p->own[slot].len = 0;
    p->text[slot] = value->text;
    p->borrowed |= 1U << slot;
  }
}

/* One attribute at `cur`, a separator before it included; NULL where the lexer has to look. */
static const char *take_attribute(struct diffd_dot_parser *p, const char *cur) {
  const char *end = p->chunk_end;
  struct token name;
  struct token value;
  if (p->may_separate && (*cur == ',' || *cur == ';'))
    cur = skip_space(cur + 1, end);
  if (!take_token(cur, end, true, &name) || name.kind == DOT_NUMERAL)
    return NULL;
  cur = skip_space(name.next, end);
  if (cur == end || *cur != '=')
    return NULL;
  cur = skip_space(cur + 1, end);
  enum diffd_dot_attribute attribute = diffd_dot_attribute_of(name.text.ptr, name.text.len);
  unsigned slot = diffd_dot_value_slot(p, attribute);
  if (!take_token(cur, end, slot != DOT_DISCARD, &value))
    return NULL;
  if (slot != DOT_DISCARD && value.text.len > p->own[slot].max)
    return NULL;
  note_value(p, attribute, slot, &name, &value);
  return value.next;
}

const char *diffd_dot_take_attributes(struct diffd_dot_parser *p, const char *cur) {
  /* Defaults for all edges are looked at name by name. */
  if (p->kind == DOT_EDGE_DEFAULTS)
    return cur;
  while (cur < p->chunk_end) {
    const char *next = take_attribute(p, cur);
    if (next == NULL)
      return cur;
    cur = skip_space(next, p->chunk_end);
  }
  return cur;
}
