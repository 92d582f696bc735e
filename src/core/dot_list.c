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
  const char *end = p->chunk_end;
  const unsigned char *slots = p->slots[p->kind == DOT_EDGE_STATEMENT];
  /* Defaults for all edges are looked at name by name. */
  if (p->kind == DOT_EDGE_DEFAULTS)
    return cur;
  while (cur < end) {
    const char *name = cur;
    if (may_separate && (*cur == ',' || *cur == ';'))
      name = skip_space(cur + 1, end);
    if (!take_attribute(p, slots, name, &taken))
      break;
    last = taken;
    may_separate = true;
    cur = skip_space(taken.next, end);
  }
  p->borrowed &= ~(1U << DOT_DISCARD);
  if (last.next != NULL)
    note_last(p, slots, &last);
  return cur;
}
