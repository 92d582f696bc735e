/* SPDX-License-Identifier: Apache-2.0
 *
 * The way into the DOT reader: its life, its chunks, its end.
 */
#include "core/dot_parse.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/dot_state.h"

enum diffd_status diffd_dot_parser_new(struct diffd_dot_handler handler, struct diffd_dot_parser **ret,
                                       struct diffd_error *err) {
  struct diffd_dot_parser *p = calloc(1, sizeof *p);
  if (p == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a DOT reader");
  p->handler = handler;
  for (unsigned slot = 0; slot < DOT_SLOTS; slot++) {
    bool identity = slot <= DIFFD_DOT_COLOR || slot == DOT_SLOT_SOURCE || slot == DOT_SLOT_DESTINATION;
    p->own[slot] = diffd_buffer_init(identity ? DIFFD_IDENTITY_VALUE_MAX : DOT_SHORT_MAX);
  }
  for (unsigned i = 0; i <= DIFFD_DOT_NO_ATTRIBUTE; i++) {
    bool wanted = diffd_dot_is_identity(i) || (handler.wants_counters && diffd_dot_is_counter(i));
    p->slots[0][i] = DOT_DISCARD;
    p->slots[1][i] = wanted ? (unsigned char)i : DOT_DISCARD;
  }
  p->state = DOT_START;
  p->last_byte = '\n';
  p->bare_end = p->label_close = DOT_NOWHERE;
  *ret = p;
  return DIFFD_OK;
}

void diffd_dot_parser_destroy(struct diffd_dot_parser *parser) {
  if (parser == NULL)
    return;
  for (unsigned slot = 0; slot < DOT_SLOTS; slot++)
    diffd_buffer_clean_up(&parser->own[slot]);
  free(parser);
}

void diffd_dot_parser_enter_body(struct diffd_dot_parser *parser, uint64_t offset) {
  memset(parser->text, 0, sizeof parser->text);
  parser->offset = offset;
  parser->last_byte = '\n';
  parser->state = DOT_BODY;
  parser->lex = DOT_LEX_NONE;
  parser->kind = DOT_OTHER_STATEMENT;
  parser->may_continue = parser->continues = false;
  parser->may_end = true;
  parser->bare_end = parser->label_close = DOT_NOWHERE;
}

enum diffd_status diffd_dot_parser_feed(struct diffd_dot_parser *parser, const char *bytes, size_t len,
                                        struct diffd_error *err) {
  if (len == 0)
    return DIFFD_OK;
  parser->chunk = bytes;
  parser->chunk_end = bytes + len;
  parser->err = err;
  parser->status = DIFFD_OK;
  bool ok = diffd_dot_lex_chunk(parser);
  parser->offset += len;
  parser->last_byte = bytes[len - 1];
  parser->chunk = parser->chunk_end = NULL;
  return ok ? DIFFD_OK : parser->status;
}

enum diffd_status diffd_dot_parser_finish(struct diffd_dot_parser *parser, struct diffd_error *err) {
  parser->err = err;
  parser->status = DIFFD_OK;
  return diffd_dot_lex_finish(parser) && diffd_dot_end_of_input(parser, parser->offset) ? DIFFD_OK
                                                                                        : parser->status;
}

uint64_t diffd_dot_parser_error_offset(const struct diffd_dot_parser *parser) {
  return parser->error_at;
}

bool diffd_dot_parser_between_statements(const struct diffd_dot_parser *parser) {
  return parser->lex == DOT_LEX_NONE && !parser->continues && diffd_dot_is_between(parser->state);
}

enum diffd_status diffd_dot_parser_cut(struct diffd_dot_parser *parser, struct diffd_error *err) {
  assert(diffd_dot_parser_between_statements(parser));
  parser->err = err;
  parser->status = DIFFD_OK;
  parser->state = DOT_BODY;
  parser->may_continue = false;
  parser->may_end = true;
  return diffd_dot_hand_over(parser) ? DIFFD_OK : parser->status;
}

bool diffd_dot_parser_closed(const struct diffd_dot_parser *parser) {
  return parser->state == DOT_CLOSED;
}

void diffd_dot_place_advance(struct diffd_dot_place *place, const char *before, size_t len) {
  const char *end = before + len;
  for (const char *cur = before; cur < end; cur++) {
    const char *newline = memchr(cur, '\n', (size_t)(end - cur));
    if (newline == NULL) {
      place->column += (uint64_t)(end - cur);
      return;
    }
    place->line++;
    place->column = 1;
    cur = newline;
  }
}
