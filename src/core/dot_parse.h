/* SPDX-License-Identifier: Apache-2.0
 *
 * The general DOT reader: takes bytes as they come, in chunks of any size, and gives statements.
 *
 * It accepts and refuses what the contract's section on input says: one `[strict] digraph [ID] { ... }` of
 * plain statements. It holds identity values (each at most 64 KiB) and nothing else of what it reads, however
 * long a statement is. Not thread-safe; no globals.
 */
#ifndef DIFFD_CORE_DOT_PARSE_H
#define DIFFD_CORE_DOT_PARSE_H

#include "diffd/change.h"

enum { DIFFD_IDENTITY_VALUE_MAX = 64 * 1024 }; /* bytes, unquoted */

enum diffd_dot_kind { DIFFD_DOT_EDGE, DIFFD_DOT_NODE };

/* A statement's place is given by offsets in the whole input. */
struct diffd_dot_statement {
  enum diffd_dot_kind kind;
  uint64_t begin;                 /* the first byte of its first token */
  uint64_t end;                   /* the byte after its last token; a `;` is no part of it */
  uint64_t mark_at;               /* edges: see enum diffd_mark_kind, but from the input's start */
  enum diffd_mark_kind mark_kind; /* edges */
  struct diffd_identity identity; /* a node has its id in `source` alone; borrowed for the call */
  struct diffd_span around;       /* what may be read of the text that values may stand in; borrowed, too */
  struct diffd_counters counters; /* edges, where wants_counters */
};

struct diffd_dot_handler {
  enum diffd_status (*statement)(void *arg, const struct diffd_dot_statement *statement,
                                 struct diffd_error *err);
  void *arg;
  bool wants_counters;
};

struct diffd_dot_parser;

/* A parser that stands before the first byte of a graph. DIFFD_NO_MEMORY. */
enum diffd_status diffd_dot_parser_new(struct diffd_dot_handler handler, struct diffd_dot_parser **ret,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_dot_parser_destroy(struct diffd_dot_parser *parser); /* accepts NULL */

/* Puts the parser inside the graph's braces, between two statements, at the start of a line and at `offset`,
 * whatever it saw before. The `;` of a statement that was read elsewhere may come first; a further attribute
 * list of it is refused, as one that belongs to no statement. */
void diffd_dot_parser_enter_body(struct diffd_dot_parser *parser, uint64_t offset);

/* Takes the next bytes. A statement is handed over when the token after it has come. What fails is
 * DIFFD_BAD_GRAPH with a detail that names the construct, or the handler's failure; after one only
 * error_offset, enter_body and destroy may follow. */
enum diffd_status diffd_dot_parser_feed(struct diffd_dot_parser *parser, const char *bytes, size_t len,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;
/* Says that the input is at its end. DIFFD_BAD_GRAPH for one that is empty, truncated, or in a token. */
enum diffd_status diffd_dot_parser_finish(struct diffd_dot_parser *parser,
                                          struct diffd_error *err) DIFFD_MUST_CHECK;
/* The offset of the first byte of the construct that the last failure is about. */
uint64_t diffd_dot_parser_error_offset(const struct diffd_dot_parser *parser);

/* True inside the braces where no token, comment or unfinished statement is open, so that a token which
 * begins a statement may follow and ends the one before it. */
bool diffd_dot_parser_between_statements(const struct diffd_dot_parser *parser);
/* Hands over the statement that is complete but waits for the token after it, if there is one; only where
 * diffd_dot_parser_between_statements. */
enum diffd_status diffd_dot_parser_cut(struct diffd_dot_parser *parser,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;
/* True after the closing brace. */
bool diffd_dot_parser_closed(const struct diffd_dot_parser *parser);

/* The line and column (bytes), both from 1, of an offset in a text. `before` are the bytes up to the offset,
 * which may come in pieces: start with {1, 1}. */
struct diffd_dot_place {
  uint64_t line;
  uint64_t column;
};
void diffd_dot_place_advance(struct diffd_dot_place *place, const char *before, size_t len);

#endif
