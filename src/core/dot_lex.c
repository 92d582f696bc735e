/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes to tokens, at any chunking: each function goes on where a chunk's end has cut its token.
 *
 * Inside one chunk a token's text is a span of the chunk. It is copied only where it has an escape, is
 * continued by +, or outlives the chunk. Text that nobody reads (labels above all) is skipped, not held.
 */
#include <string.h>

#include "core/dot_state.h"

/* Whether a text is a piece of the chunk. */
static inline bool is_borrowed(const struct diffd_dot_parser *p, const struct diffd_span *text) {
  return (uintptr_t)text->ptr - (uintptr_t)p->chunk < (uintptr_t)(p->chunk_end - p->chunk);
}

/* Copies `len` bytes to the end of the target's text. A text over its limit is refused where it is part of
 * an identity, and cut where it is short-lived. */
static bool append(struct diffd_dot_parser *p, const char *bytes, size_t len) {
  p->copied = true;
  if (p->target == DOT_DISCARD)
    return true;
  struct diffd_buffer *own = &p->own[p->target];
  struct diffd_span *text = &p->text[p->target];
  if (is_borrowed(p, text)) {
    own->len = 0;
    p->status = diffd_buffer_append(own, text->ptr, text->len, p->err);
    if (p->status != DIFFD_OK)
      return false;
  }
  if (len > own->max - own->len) {
    if (own->max != DOT_SHORT_MAX)
      return diffd_dot_refuse(p, p->token_at, "an id or identity value of more than %d bytes",
                              (int)DIFFD_IDENTITY_VALUE_MAX);
    len = own->max - own->len;
  }
  p->status = diffd_buffer_append(own, bytes, len, p->err);
  if (p->status != DIFFD_OK)
    return false;
  *text = (struct diffd_span){own->ptr != NULL ? own->ptr : "", own->len};
  return true;
}

/* The token's last piece: borrowed where it is the only one. */
static bool take_last(struct diffd_dot_parser *p, const char *piece, const char *end) {
  size_t len = (size_t)(end - piece);
  if (p->target == DOT_DISCARD)
    return true;
  if (p->copied || len > p->own[p->target].max)
    return append(p, piece, len);
  p->text[p->target] = (struct diffd_span){piece, len};
  return true;
}

/* Keeps what a later chunk may need of this one. */
static bool keep_borrowed(struct diffd_dot_parser *p) {
  for (unsigned slot = 0; slot < DOT_SLOTS; slot++) {
    struct diffd_span *text = &p->text[slot];
    if (!is_borrowed(p, text))
      continue;
    p->own[slot].len = 0;
    p->status = diffd_buffer_append(&p->own[slot], text->ptr, text->len, p->err);
    if (p->status != DIFFD_OK)
      return false;
    text->ptr = p->own[slot].ptr != NULL ? p->own[slot].ptr : "";
  }
  return true;
}

void diffd_dot_forget_texts(struct diffd_dot_parser *p) {
  static const unsigned counters[] = {DIFFD_DOT_PACKETS, DIFFD_DOT_BYTES, DIFFD_DOT_START, DIFFD_DOT_END};
  const struct diffd_span none = {NULL, 0};
  p->text[DOT_SLOT_SOURCE] = p->text[DOT_SLOT_DESTINATION] = none;
  p->text[DIFFD_DOT_ACCOUNT] = p->text[DIFFD_DOT_ENI] = none;
  p->text[DIFFD_DOT_SRCPORT] = p->text[DIFFD_DOT_DSTPORT] = none;
  p->text[DIFFD_DOT_PROTOCOL] = p->text[DIFFD_DOT_COLOR] = none;
  if (p->handler.wants_counters)
    for (unsigned i = 0; i < sizeof counters / sizeof *counters; i++)
      p->text[counters[i]] = none;
}

static const char *end_token(struct diffd_dot_parser *p, const char *piece, const char *last,
                             const char *next) {
  if (!take_last(p, piece, last))
    return NULL;
  p->lex = DOT_LEX_NONE;
  return diffd_dot_end_token(p, diffd_dot_at(p, next)) ? next : NULL;
}

/* An id without quotes goes on at `cur`. */
static const char *lex_bare(struct diffd_dot_parser *p, const char *cur) {
  const char *stop = diffd_dot_name_end(cur, p->chunk_end);
  if (stop == p->chunk_end) {
    p->lex = DOT_LEX_BARE;
    return append(p, cur, (size_t)(stop - cur)) ? stop : NULL;
  }
  return end_token(p, cur, stop, stop);
}

static bool numeral_is_whole(struct diffd_dot_parser *p) {
  return p->numeral == DOT_INTEGER || p->numeral == DOT_FRACTION ||
         diffd_dot_refuse(p, p->token_at, "a point without digits");
}

/* A numeral goes on at `cur`; its piece in this chunk begins at `piece`. */
static const char *lex_numeral(struct diffd_dot_parser *p, const char *piece, const char *cur) {
  for (; cur < p->chunk_end; cur++) {
    enum diffd_dot_byte byte = diffd_dot_byte_of(*cur);
    if (byte == DIFFD_DOT_BYTE_DIGIT) {
      if (p->numeral == DOT_NO_DIGIT)
        p->numeral = DOT_INTEGER;
      else if (p->numeral == DOT_POINT)
        p->numeral = DOT_FRACTION;
    } else if (byte == DIFFD_DOT_BYTE_DOT && p->numeral <= DOT_INTEGER) {
      p->numeral = p->numeral == DOT_INTEGER ? DOT_FRACTION : DOT_POINT;
    } else {
      break;
    }
  }
  if (cur == p->chunk_end) {
    p->lex = DOT_LEX_NUMERAL;
    return append(p, piece, (size_t)(cur - piece)) ? cur : NULL;
  }
  if (!take_last(p, piece, cur) || !numeral_is_whole(p))
    return NULL;
  if (diffd_dot_is_name_byte(*cur) || *cur == '.') {
    (void)diffd_dot_refuse(p, p->token_at,
                           "a numeral that runs into letters or a second point; put the id in quotes");
    return NULL;
  }
  p->lex = DOT_LEX_NONE;
  return diffd_dot_end_token(p, diffd_dot_at(p, cur)) ? cur : NULL;
}

/* True where an odd number of backslashes stands before `quote`; `escaped` says that the byte at `from` is
 * preceded by one already. */
static bool is_escaped(const char *from, const char *quote, bool escaped) {
  const char *cur = quote;
  while (cur > from && cur[-1] == '\\')
    cur--;
  size_t run = (size_t)(quote - cur) + (cur == from && escaped);
  return run % 2 == 1;
}

/* A NUL in a token whose bytes before it, from `piece`, are in order. */
static const char *refuse_nul(struct diffd_dot_parser *p, const char *nul) {
  (void)diffd_dot_refuse(p, diffd_dot_at(p, nul), "a NUL byte; this is no text");
  return NULL;
}

/* A quoted string whose text nobody reads. */
static const char *skip_string(struct diffd_dot_parser *p, const char *from) {
  bool escaped = p->escape != DOT_NO_ESCAPE;
  const char *cur = from;
  while (true) {
    cur = diffd_dot_find(cur, p->chunk_end, '"', '\0', '\0');
    if (cur == p->chunk_end) {
      p->escape = is_escaped(from, cur, escaped) ? DOT_BACKSLASH : DOT_NO_ESCAPE;
      p->lex = DOT_LEX_STRING;
      return cur;
    }
    if (*cur == '\0')
      return refuse_nul(p, cur);
    if (!is_escaped(from, cur, escaped)) {
      p->escape = DOT_NO_ESCAPE;
      p->string_close = diffd_dot_at(p, cur);
      return end_token(p, cur, cur, cur + 1);
    }
    cur++;
  }
}

/* The byte after a backslash. \" is a quote, \\ stays two (so that the second escapes nothing), a newline
 * after a backslash is dropped with it, and every other backslash is an ordinary byte: Graphviz's rules. */
static const char *unescape(struct diffd_dot_parser *p, const char *cur) {
  bool cr = p->escape == DOT_BACKSLASH_CR;
  p->escape = DOT_NO_ESCAPE;
  if (*cur == '\n')
    return append(p, "", 0) ? cur + 1 : NULL;
  if (cr)
    return append(p, "\\\r", 2) ? cur : NULL;
  if (*cur == '"')
    return append(p, "\"", 1) ? cur + 1 : NULL;
  if (*cur == '\\')
    return append(p, "\\\\", 2) ? cur + 1 : NULL;
  if (*cur == '\r') {
    p->escape = DOT_BACKSLASH_CR;
    return cur + 1;
  }
  return append(p, "\\", 1) ? cur : NULL;
}

/* A quoted string goes on at `cur`. */
static const char *lex_string(struct diffd_dot_parser *p, const char *cur) {
  if (p->target == DOT_DISCARD)
    return skip_string(p, cur);
  p->lex = DOT_LEX_STRING;
  while (cur < p->chunk_end) {
    if (p->escape != DOT_NO_ESCAPE) {
      cur = unescape(p, cur);
      if (cur == NULL)
        return NULL;
      continue;
    }
    const char *stop = diffd_dot_find(cur, p->chunk_end, '"', '\\', '\0');
    if (stop < p->chunk_end && *stop == '"') {
      p->string_close = diffd_dot_at(p, stop);
      return end_token(p, cur, stop, stop + 1);
    }
    if (!append(p, cur, (size_t)(stop - cur)))
      return NULL;
    if (stop == p->chunk_end)
      return stop;
    if (*stop == '\0')
      return refuse_nul(p, stop);
    p->escape = DOT_BACKSLASH;
    cur = stop + 1;
  }
  return cur;
}

/* An HTML string goes on at `cur`; angle brackets nest. */
static const char *lex_html(struct diffd_dot_parser *p, const char *cur) {
  p->lex = DOT_LEX_HTML;
  while (true) {
    cur = diffd_dot_find(cur, p->chunk_end, '<', '>', '\0');
    if (cur == p->chunk_end)
      return cur;
    if (*cur == '\0')
      return refuse_nul(p, cur);
    if (*cur++ == '<')
      p->html_depth++;
    else if (--p->html_depth == 0)
      return end_token(p, cur, cur, cur);
  }
}

static bool refuse_joined(struct diffd_dot_parser *p, char c) {
  return diffd_dot_refuse(
      p, p->bare_at,
      "an id without quotes that runs into `%c`; put the id in quotes, which letters, digits and "
      "_ alone do not need",
      c);
}

/* The byte after a minus, at `cur`: an edge or a numeral. */
static const char *lex_minus(struct diffd_dot_parser *p, const char *cur) {
  uint64_t at = p->token_at;
  p->lex = DOT_LEX_NONE;
  if (*cur == '>')
    return diffd_dot_arrow(p, at) ? cur + 1 : NULL;
  if (*cur == '-') {
    (void)diffd_dot_refuse(p, at, "`--`, an edge without direction; write a digraph, whose edges are ->");
    return NULL;
  }
  if (at == p->bare_end) {
    (void)refuse_joined(p, '-');
    return NULL;
  }
  if (diffd_dot_byte_of(*cur) != DIFFD_DOT_BYTE_DIGIT && *cur != '.') {
    (void)diffd_dot_refuse(p, at, "`-` without > or digits after it; put the id in quotes");
    return NULL;
  }
  if (!diffd_dot_begin_token(p, DOT_NUMERAL, at))
    return NULL;
  p->numeral = DOT_NO_DIGIT;
  if (cur > p->chunk)
    return lex_numeral(p, cur - 1, cur);
  return append(p, "-", 1) ? lex_numeral(p, cur, cur) : NULL;
}

static const char *lex_slash(struct diffd_dot_parser *p, const char *cur) {
  if (*cur != '/' && *cur != '*') {
    (void)diffd_dot_refuse(p, p->token_at, "`/` that begins no comment; put the id in quotes");
    return NULL;
  }
  p->lex = *cur == '/' ? DOT_LEX_LINE_COMMENT : DOT_LEX_BLOCK_COMMENT;
  return cur + 1;
}

static const char *lex_line_comment(struct diffd_dot_parser *p, const char *cur) {
  cur = diffd_dot_find(cur, p->chunk_end, '\n', '\0', '\0');
  if (cur == p->chunk_end)
    return cur;
  if (*cur == '\0')
    return refuse_nul(p, cur);
  p->lex = DOT_LEX_NONE;
  return cur;
}

static const char *lex_block_comment(struct diffd_dot_parser *p, const char *cur) {
  if (p->lex == DOT_LEX_BLOCK_STAR && *cur == '/') {
    p->lex = DOT_LEX_NONE;
    return cur + 1;
  }
  p->lex = DOT_LEX_BLOCK_COMMENT;
  cur = diffd_dot_find(cur, p->chunk_end, '*', '\0', '\0');
  if (cur == p->chunk_end)
    return cur;
  if (*cur == '\0')
    return refuse_nul(p, cur);
  p->lex = DOT_LEX_BLOCK_STAR;
  return cur + 1;
}

static const char *begin_hash(struct diffd_dot_parser *p, const char *cur) {
  char before = cur > p->chunk ? cur[-1] : p->last_byte;
  bool after_bom = p->bom && diffd_dot_at(p, cur) == 3;
  if (before != '\n' && !after_bom) {
    (void)diffd_dot_refuse(
        p, diffd_dot_at(p, cur),
        "`#` begins a comment as the first byte of a line only; begin one with // here, and put "
        "a value such as \"#ff0000\" in quotes");
    return NULL;
  }
  p->token_at = diffd_dot_at(p, cur);
  p->lex = DOT_LEX_LINE_COMMENT;
  return cur + 1;
}

static const char *refuse_byte(struct diffd_dot_parser *p, const char *cur) {
  unsigned char byte = (unsigned char)*cur;
  if (byte == '\0')
    return refuse_nul(p, cur);
  if (p->state == DOT_START && byte == 0x1F)
    (void)diffd_dot_refuse(p, diffd_dot_at(p, cur),
                           "byte 0x1f where `digraph` belongs; gzip must be inflated first");
  else if (byte > ' ' && byte < 0x7F)
    (void)diffd_dot_refuse(p, diffd_dot_at(p, cur), "`%c` outside of quotes; put the id in quotes", byte);
  else
    (void)diffd_dot_refuse(p, diffd_dot_at(p, cur), "byte 0x%02x outside of quotes", byte);
  return NULL;
}

/* A token or comment begins at `cur`. */
static const char *begin_token(struct diffd_dot_parser *p, const char *cur) {
  uint64_t at = diffd_dot_at(p, cur);
  switch (diffd_dot_byte_of(*cur)) {
  case DIFFD_DOT_BYTE_LETTER:
    return diffd_dot_begin_token(p, DOT_BARE, at) ? lex_bare(p, cur) : NULL;
  case DIFFD_DOT_BYTE_DOT:
    if (at == p->bare_end) {
      (void)refuse_joined(p, '.');
      return NULL;
    }
    __attribute__((fallthrough));
  case DIFFD_DOT_BYTE_DIGIT:
    p->numeral = DOT_NO_DIGIT;
    return diffd_dot_begin_token(p, DOT_NUMERAL, at) ? lex_numeral(p, cur, cur) : NULL;
  case DIFFD_DOT_BYTE_QUOTE:
    p->escape = DOT_NO_ESCAPE;
    return diffd_dot_begin_token(p, DOT_STRING, at) ? lex_string(p, cur + 1) : NULL;
  case DIFFD_DOT_BYTE_ANGLE:
    p->html_depth = 1;
    return diffd_dot_begin_token(p, DOT_HTML, at) ? lex_html(p, cur + 1) : NULL;
  case DIFFD_DOT_BYTE_PUNCT:
    return diffd_dot_punct(p, *cur, at) ? cur + 1 : NULL;
  case DIFFD_DOT_BYTE_MINUS:
    p->token_at = at;
    p->lex = DOT_LEX_MINUS;
    return cur + 1;
  case DIFFD_DOT_BYTE_SLASH:
    p->token_at = at;
    p->lex = DOT_LEX_SLASH;
    return cur + 1;
  case DIFFD_DOT_BYTE_HASH:
    return begin_hash(p, cur);
  case DIFFD_DOT_BYTE_SPACE:
  case DIFFD_DOT_BYTE_OTHER:
  default:
    return refuse_byte(p, cur);
  }
}

static const char *between_tokens(struct diffd_dot_parser *p, const char *cur) {
  while (diffd_dot_is_space(*cur))
    if (++cur == p->chunk_end)
      return cur;
  if (!p->continues && (p->state == DOT_NAME || diffd_dot_is_between(p->state))) {
    const char *next =
        p->state == DOT_NAME ? diffd_dot_take_attributes(p, cur) : diffd_dot_take_edges(p, cur);
    if (next != cur)
      return next;
  }
  return begin_token(p, cur);
}

static const char *step(struct diffd_dot_parser *p, const char *cur) {
  switch (p->lex) {
  case DOT_LEX_NONE:
    return between_tokens(p, cur);
  case DOT_LEX_BARE:
    return lex_bare(p, cur);
  case DOT_LEX_NUMERAL:
    return lex_numeral(p, cur, cur);
  case DOT_LEX_STRING:
    return lex_string(p, cur);
  case DOT_LEX_HTML:
    return lex_html(p, cur);
  case DOT_LEX_MINUS:
    return lex_minus(p, cur);
  case DOT_LEX_SLASH:
    return lex_slash(p, cur);
  case DOT_LEX_LINE_COMMENT:
    return lex_line_comment(p, cur);
  case DOT_LEX_BLOCK_COMMENT:
  case DOT_LEX_BLOCK_STAR:
  default:
    return lex_block_comment(p, cur);
  }
}

bool diffd_dot_lex_chunk(struct diffd_dot_parser *p) {
  const char *cur = p->chunk;
  while (cur < p->chunk_end) {
    cur = step(p, cur);
    if (cur == NULL)
      return false;
  }
  return keep_borrowed(p);
}

bool diffd_dot_lex_finish(struct diffd_dot_parser *p) {
  enum dot_lex lex = p->lex;
  p->lex = DOT_LEX_NONE;
  switch (lex) {
  case DOT_LEX_NONE:
  case DOT_LEX_LINE_COMMENT:
    return true;
  case DOT_LEX_NUMERAL:
    if (!numeral_is_whole(p))
      return false;
    __attribute__((fallthrough));
  case DOT_LEX_BARE:
    return diffd_dot_end_token(p, p->offset);
  case DOT_LEX_STRING:
    return diffd_dot_refuse(p, p->token_at, "a quoted string that is never closed");
  case DOT_LEX_HTML:
    return diffd_dot_refuse(p, p->token_at, "an HTML string that is never closed");
  case DOT_LEX_MINUS:
    return diffd_dot_refuse(p, p->token_at, "`-` at the end; the graph is cut short");
  case DOT_LEX_SLASH:
    return diffd_dot_refuse(p, p->token_at, "`/` at the end; the graph is cut short");
  case DOT_LEX_BLOCK_COMMENT:
  case DOT_LEX_BLOCK_STAR:
  default:
    return diffd_dot_refuse(p, p->token_at, "a comment that is never closed");
  }
}
