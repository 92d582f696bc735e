/* SPDX-License-Identifier: Apache-2.0
 *
 * The short way through edges: a head up to its list, and whole `name=value` pairs that a chunk holds, token
 * after token without the detour over the grammar's states.
 *
 * What it takes it takes as the lexer and the grammar would, and leaves the parser in the state that they
 * would leave; what is cut, escaped, too long or wrong it does not take. The tests feed every input byte by
 * byte too, where nothing is ever whole, and compare.
 */
#include <assert.h>
#include <string.h>

#include "core/dot_plain.h"
#include "core/dot_state.h"

static inline const char *skip_space(const char *cur, const char *end) {
  while (cur < end && diffd_dot_is_space(*cur))
    cur++;
  return cur;
}

/* The byte after a string at `cur` whose text nobody reads, escapes and all; NULL where it is not whole. */
static inline const char *take_unread(const char *cur, const char *end) {
  const char *close = cur;
  const char *slash;
  do {
    close = diffd_dot_find_quote(close + 1, end);
    if (close == end || *close != '"')
      return NULL;
    slash = close;
    while (slash[-1] == '\\')
      slash--;
  } while ((close - slash) % 2 == 1);
  return close + 1;
}

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

static inline struct diffd_span text_of(const struct token *token) {
  return (struct diffd_span){token->text, (size_t)(token->stop - token->text)};
}

/* The byte after the token. */
static inline const char *after(const struct token *token) {
  return token->stop + (token->kind == DOT_STRING);
}

/* ---- Attributes ---- */

/* Takes the attribute whose name is at `cur`; false where the lexer has to look. */
static bool take_attribute(const char *cur, const char *end, struct diffd_dot_plain *ret) {
  struct token name;
  struct token value;
  if (!take_token(cur, end, &name) || name.kind == DOT_NUMERAL)
    return false;
  ret->attribute = diffd_dot_attribute_in(name.text, (size_t)(name.stop - name.text), end);
  if (ret->attribute == DIFFD_DOT_NO_ATTRIBUTE && is_keyword(&name))
    return false;
  cur = skip_space(after(&name), end);
  if (cur == end || *cur != '=')
    return false;
  cur = skip_space(cur + 1, end);
  ret->value = cur;
  if (ret->attribute == DIFFD_DOT_LABEL && cur < end && *cur == '"') {
    ret->next = take_unread(cur, end);
    return ret->next != NULL;
  }
  if (!take_token(cur, end, &value) || is_keyword(&value) || value.stop - value.text > DOT_SHORT_MAX)
    return false;
  ret->text = text_of(&value);
  ret->next = after(&value);
  return true;
}

/* What was taken of a list last. */
struct taken {
  const char *name;        /* NULL where there is no attribute */
  const char *label_close; /* the quote after the last label in quotes, or NULL */
};

/* Takes attributes, from the name at `name` on, as long as they are of the plainest kind and one blank stands
 * between them. Returns the byte after the last, or NULL where there is none. */
static inline const char *take_plain_ones(struct diffd_span *texts, const unsigned char *slots,
                                          const char *name, const char *end, struct taken *taken) {
  const char *next = NULL;
  struct diffd_dot_plain plain;
  while (end - name >= DIFFD_DOT_PLAIN_ROOM) {
    const char *guess = diffd_dot_guess_end(name);
    if (!diffd_dot_take_plain(name, &plain))
      break;
    if (plain.attribute != DIFFD_DOT_LABEL) {
      /* What nobody reads has a slot, too: a branch on what comes in which order cannot be guessed. */
      texts[slots[plain.attribute]] = plain.text;
    } else {
      plain.next = *plain.value == '"' ? take_unread(plain.value, end) : NULL;
      if (plain.next == NULL)
        break;
      taken->label_close = plain.next - 1;
      guess = plain.value; /* nothing was guessed of this one's end */
    }
    taken->name = name;
    next = plain.next;
    /* The next name begins where this value ends, which takes some forty cycles to work out; the first blank
     * is found in a third of that. The branch is predicted, so that the next attribute is begun meanwhile. */
    __asm__("" : "+r"(guess));
    name = guess + 1;
    if (__builtin_expect(guess != next, 0)) {
      if (next == end || *next != ' ')
        break;
      name = next + 1;
      __asm__ volatile("" : "+r"(name));
    }
  }
  return next;
}

/* Takes attributes from `cur`, where a name or a blank may stand, as long as they are whole and have no
 * escapes; returns the first byte that is neither theirs nor a blank. `may_separate`: one stands before. */
static inline const char *take_list(struct diffd_dot_parser *p, const char *cur, bool may_separate,
                                    struct taken *ret) {
  const char *end = p->chunk_end;
  const unsigned char *slots = p->slots[p->kind == DOT_EDGE_STATEMENT];
  struct taken taken = {NULL, NULL};
  struct diffd_dot_plain other;
  while (true) {
    const char *name = cur = skip_space(cur, end);
    if (cur < end && may_separate && (*cur == ',' || *cur == ';'))
      name = skip_space(cur + 1, end);
    const char *next = take_plain_ones(p->text, slots, name, end, &taken);
    if (next == NULL) {
      if (!take_attribute(name, end, &other))
        break;
      if (other.attribute != DIFFD_DOT_LABEL)
        p->text[slots[other.attribute]] = other.text;
      else if (*other.value == '"')
        taken.label_close = other.next - 1;
      taken.name = name;
      next = other.next;
    }
    may_separate = true;
    cur = next;
  }
  *ret = taken;
  return cur;
}

/* Leaves the parser as the grammar does inside a list, after this attribute. */
static void note_last(struct diffd_dot_parser *p, const char *name) {
  struct diffd_dot_plain last;
  bool again = take_attribute(name, p->chunk_end, &last);
  assert(again);
  enum diffd_dot_byte byte = diffd_dot_byte_of(*last.value);
  p->attribute = last.attribute;
  p->name_at = diffd_dot_at(p, name);
  p->token_at = diffd_dot_at(p, last.value);
  p->may_separate = true;
  p->may_continue = byte == DIFFD_DOT_BYTE_QUOTE;
  p->target = p->slots[p->kind == DOT_EDGE_STATEMENT][last.attribute];
  if (byte == DIFFD_DOT_BYTE_QUOTE) {
    p->token = DOT_STRING;
    p->string_close = diffd_dot_at(p, last.next - 1);
    if (last.attribute == DIFFD_DOT_LABEL)
      p->label_close = p->string_close;
  } else {
    p->token = byte == DIFFD_DOT_BYTE_DIGIT ? DOT_NUMERAL : DOT_BARE;
    p->bare_at = p->token_at;
    p->bare_end = diffd_dot_at(p, last.next);
  }
}

const char *diffd_dot_take_attributes(struct diffd_dot_parser *p, const char *cur) {
  struct taken taken;
  /* Defaults for all edges are looked at name by name. */
  if (p->kind == DOT_EDGE_DEFAULTS)
    return cur;
  cur = take_list(p, cur, p->may_separate, &taken);
  if (taken.name != NULL)
    note_last(p, taken.name);
  return cur;
}

/* ---- Edges ---- */

struct head {
  struct diffd_span source;
  struct diffd_span destination;
  const char *list; /* the byte after its [ */
};

/* An id of an edge that the lexer need not look at. */
static inline bool take_id(const char *cur, const char *end, struct token *ret) {
  return take_token(cur, end, ret) && !is_keyword(ret) && ret->stop - ret->text <= DOT_SHORT_MAX;
}

static bool take_head(const char *cur, const char *end, struct head *ret) {
  struct token source;
  struct token destination;
  if (!take_id(cur, end, &source))
    return false;
  cur = skip_space(after(&source), end);
  if (end - cur < 2 || cur[0] != '-' || cur[1] != '>')
    return false;
  if (!take_id(skip_space(cur + 2, end), end, &destination))
    return false;
  cur = skip_space(after(&destination), end);
  ret->source = text_of(&source);
  ret->destination = text_of(&destination);
  ret->list = cur + 1;
  return cur < end && *cur == '[';
}

/* The end of a word at `cur` that is no keyword, or NULL. */
static inline const char *plain_id_end(const char *cur, const char *end) {
  if (diffd_dot_byte_of(*cur) != DIFFD_DOT_BYTE_LETTER)
    return NULL;
  const char *stop = diffd_dot_word_end(cur, end);
  size_t len = (size_t)(stop - cur);
  return len <= DOT_SHORT_MAX && (len > 8 || !diffd_dot_may_be_keyword(stop, len)) ? stop : NULL;
}

/* The same for a head that has words as ids and one blank around its arrow and before its list. */
static inline bool take_plain_head(const char *cur, const char *end, struct head *ret) {
  enum { HEAD_MAX = 2 * DOT_SHORT_MAX + sizeof " ->  [" };
  if (end - cur < HEAD_MAX)
    return false;
  const char *stop = plain_id_end(cur, end);
  if (stop == NULL || memcmp(stop, " -> ", 4) != 0)
    return false;
  ret->source = (struct diffd_span){cur, (size_t)(stop - cur)};
  cur = stop + 4;
  stop = plain_id_end(cur, end);
  if (stop == NULL || memcmp(stop, " [", 2) != 0)
    return false;
  ret->destination = (struct diffd_span){cur, (size_t)(stop - cur)};
  ret->list = stop + 2;
  return true;
}

/* Begins the statement of this head, at its list's first byte; the one before was handed over. */
static inline void begin_edge(struct diffd_dot_parser *p, const char *cur, const struct head *head) {
  p->kind = DOT_EDGE_STATEMENT;
  p->begin = diffd_dot_at(p, cur);
  p->mark_kind = DIFFD_MARK_NONE;
  p->text[DOT_SLOT_SOURCE] = head->source;
  p->text[DOT_SLOT_DESTINATION] = head->destination;
  p->list_at = diffd_dot_at(p, head->list - 1);
  p->may_separate = p->may_end = p->may_continue = p->copied = false;
  p->state = DOT_NAME;
}

/* Closes the list at its `]`. */
static inline void end_list(struct diffd_dot_parser *p, const char *close, const struct taken *taken) {
  bool label = taken->label_close != NULL && taken->label_close + 1 == close;
  p->end = diffd_dot_at(p, close) + 1;
  p->mark_kind = label ? DIFFD_MARK_LABEL : DIFFD_MARK_LIST;
  p->mark_at = p->end - 1 - label;
  p->may_continue = false;
  p->state = DOT_AFTER_LIST;
}

const char *diffd_dot_take_edges(struct diffd_dot_parser *p, const char *cur) {
  const char *end = p->chunk_end;
  struct head head;
  struct taken taken;
  while (take_plain_head(cur, end, &head) || take_head(cur, end, &head)) {
    if (!diffd_dot_hand_over(p))
      return NULL;
    begin_edge(p, cur, &head);
    const char *close = take_list(p, head.list, false, &taken);
    if (close == end || *close != ']') {
      if (taken.name != NULL)
        note_last(p, taken.name);
      return close;
    }
    end_list(p, close, &taken);
    cur = skip_space(close + 1, end);
    if (cur < end && *cur == ';') {
      p->state = DOT_BODY;
      if (!diffd_dot_hand_over(p))
        return NULL;
      cur = skip_space(cur + 1, end);
    }
  }
  return cur;
}
