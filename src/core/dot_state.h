/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of the DOT reader, shared by its files and by nobody else.
 *
 * dot_lex.c cuts bytes into tokens and remembers a token that a chunk's end has cut; dot_list.c takes edges
 * and whole attributes at a time where a chunk holds them; dot_grammar.c gives tokens a meaning and hands
 * statements over; dot_parse.c is the way in. Functions return false, or NULL for a position, once a failure
 * stands in the caller's error.
 */
#ifndef DIFFD_CORE_DOT_STATE_H
#define DIFFD_CORE_DOT_STATE_H

#include "base/buffer.h"
#include "core/dot_parse.h"
#include "core/dot_scan.h"

/* What the grammar waits for. */
enum dot_state {
  DOT_START,        /* strict or digraph */
  DOT_AFTER_STRICT, /* digraph */
  DOT_GRAPH_ID,     /* an id or { */
  DOT_OPEN_BRACE,   /* { */
  DOT_BODY,         /* a statement or } */
  DOT_AFTER_ID,     /* ->, =, [ or what ends a node statement */
  DOT_HEAD,         /* the id an edge leads to */
  DOT_AFTER_EDGE,   /* [ or what ends the statement */
  DOT_DEFAULTS,     /* the [ after graph, node or edge */
  DOT_NAME,         /* in a list: a name, a separator where one may stand, or ] */
  DOT_EQUALS,       /* in a list: = */
  DOT_VALUE,        /* in a list: a value */
  DOT_AFTER_LIST,   /* [ or what ends the statement */
  DOT_GRAPH_VALUE,  /* the value of ID=ID */
  DOT_AFTER_VALUE,  /* what ends ID=ID */
  DOT_CLOSED,       /* nothing more */
};

/* What a chunk's end, or the byte before, left open. */
enum dot_lex {
  DOT_LEX_NONE,
  DOT_LEX_BARE,
  DOT_LEX_NUMERAL,
  DOT_LEX_STRING,
  DOT_LEX_HTML,
  DOT_LEX_MINUS,
  DOT_LEX_SLASH,
  DOT_LEX_LINE_COMMENT,
  DOT_LEX_BLOCK_COMMENT,
  DOT_LEX_BLOCK_STAR, /* in a block comment, after a star */
};

enum dot_token { DOT_BARE, DOT_NUMERAL, DOT_STRING, DOT_HTML };
enum dot_escape { DOT_NO_ESCAPE, DOT_BACKSLASH, DOT_BACKSLASH_CR };
enum dot_numeral { DOT_NO_DIGIT, DOT_INTEGER, DOT_POINT, DOT_FRACTION };
enum dot_statement_kind { DOT_OTHER_STATEMENT, DOT_NODE_STATEMENT, DOT_EDGE_STATEMENT, DOT_EDGE_DEFAULTS };

/* Where a token's text goes: a value by its enum diffd_dot_attribute, or one of these. */
enum dot_slot {
  DOT_SLOT_SOURCE = DIFFD_DOT_END + 1,
  DOT_SLOT_DESTINATION,
  DOT_SLOT_WORD, /* a word that is looked at once: an attribute's name, a keyword */
  DOT_SLOTS,
  DOT_DISCARD = DOT_SLOTS,
};
/* What is kept of words and counters; longer ones mean nothing, and are not refused. */
enum { DOT_SHORT_MAX = 64 };
#define DOT_NOWHERE UINT64_MAX

struct diffd_dot_parser {
  struct diffd_dot_handler handler;
  /* Where an attribute's value goes: in an edge [1], in every other statement [0]. */
  unsigned char slots[2][DIFFD_DOT_NO_ATTRIBUTE + 1];

  /* The chunk, during feed. */
  const char *chunk;
  const char *chunk_end;
  struct diffd_error *err;
  enum diffd_status status;

  uint64_t offset; /* of the chunk's first byte; between calls, of the byte that comes next */
  char last_byte;  /* before the chunk */
  enum dot_state state;
  enum dot_lex lex;

  /* The open token, or the last one. */
  enum dot_token token;
  enum dot_escape escape;
  enum dot_numeral numeral;
  uint64_t token_at;
  uint64_t html_depth;
  unsigned target;       /* enum dot_slot */
  bool copied;           /* a part of the token is in own[target] already */
  bool may_continue;     /* the last token is a quoted string: a + may follow */
  bool continues;        /* that + has come */
  bool bom;              /* the input began with a byte order mark */
  uint64_t bare_at;      /* the last token without quotes: its first byte, */
  uint64_t bare_end;     /* and the byte after it */
  uint64_t string_close; /* the closing quote of the last quoted string */

  /* Texts of the statement, and a place for what is discarded. One that points into the chunk is copied when
   * that ends. */
  struct diffd_span text[DOT_SLOTS + 1];
  struct diffd_buffer own[DOT_SLOTS];

  /* The statement that is open, or waits for the token that ends it. */
  enum dot_statement_kind kind;
  uint64_t begin;
  uint64_t end;
  uint64_t list_at;
  uint64_t name_at; /* the attribute's name */
  enum diffd_dot_attribute attribute;
  bool may_separate; /* an attribute stands before: , or ; may follow */
  bool may_end;      /* a statement handed over elsewhere may stand before: ; may follow */
  uint64_t label_close;
  enum diffd_mark_kind mark_kind;
  uint64_t mark_at;

  struct diffd_dot_statement statement; /* as the handler gets it */

  uint64_t error_at;
};

static inline uint64_t diffd_dot_at(const struct diffd_dot_parser *p, const char *cur) {
  return p->offset + (uint64_t)(cur - p->chunk);
}

/* Fails with DIFFD_BAD_GRAPH about the construct at offset `at`; returns false. */
bool diffd_dot_refuse(struct diffd_dot_parser *p, uint64_t at, const char *fmt, ...) DIFFD_PRINTF(3, 4);

/* dot_grammar.c: a token without fixed spelling begins (sets `target`), has ended; a fixed one has come. */
bool diffd_dot_begin_token(struct diffd_dot_parser *p, enum dot_token token, uint64_t at);
bool diffd_dot_end_token(struct diffd_dot_parser *p, uint64_t end);
bool diffd_dot_punct(struct diffd_dot_parser *p, char c, uint64_t at);
bool diffd_dot_arrow(struct diffd_dot_parser *p, uint64_t at);
/* Hands over the statement that waits, if one does. */
bool diffd_dot_hand_over(struct diffd_dot_parser *p);
/* True where a token that begins a statement ends the one before. */
bool diffd_dot_is_between(enum dot_state state);
/* Refuses the end of the input in every state but DOT_CLOSED. */
bool diffd_dot_end_of_input(struct diffd_dot_parser *p, uint64_t at);

/* dot_lex.c. */
bool diffd_dot_lex_chunk(struct diffd_dot_parser *p);
bool diffd_dot_lex_finish(struct diffd_dot_parser *p);
void diffd_dot_forget_texts(struct diffd_dot_parser *p);

/* dot_list.c: takes attributes from `cur`, where a name may stand, as long as they are whole and plain;
 * returns the first byte not taken. Never fails: what it does not take is for the lexer to judge. */
const char *diffd_dot_take_attributes(struct diffd_dot_parser *p, const char *cur);
/* dot_list.c: takes edges from `cur`, where a statement may begin, as long as their heads and attributes are
 * plain; the last may be left open anywhere. Hands each over when its end is known. Returns the first byte
 * not taken, `cur` itself where there is no plain head. Fails only where handing over does. */
const char *diffd_dot_take_edges(struct diffd_dot_parser *p, const char *cur);

#endif
