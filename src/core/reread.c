/* SPDX-License-Identifier: Apache-2.0 */
#include "core/reread.h"

#include <stdlib.h>
#include <string.h>

#include "core/aligned_text.h"

/* Keeps the first statement, and ends the reading: what the parser holds of it stays as it is. */
static enum diffd_status keep_statement(void *arg, const struct diffd_dot_statement *statement,
                                        struct diffd_error *err) {
  (void)err;
  struct diffd_reread *reread = arg;
  reread->found = *statement;
  return DIFFD_END;
}

enum diffd_status diffd_reread_init(struct diffd_reread *reread, struct diffd_source *source,
                                    diffd_canon_read *read_canonical, bool wants_counters,
                                    struct diffd_error *err) {
  *reread = (struct diffd_reread){.source = source,
                                  .read_canonical = read_canonical,
                                  .wants_counters = wants_counters,
                                  .window_len = DIFFD_REREAD_WINDOW_MAX};
  struct diffd_dot_handler handler = {
      .statement = keep_statement, .arg = reread, .wants_counters = wants_counters};
  enum diffd_status status = diffd_dot_parser_new(handler, &reread->parser, err);
  if (status == DIFFD_OK) {
    reread->own = diffd_aligned_text_new(DIFFD_REREAD_WINDOW_MAX + DIFFD_CANON_PADDING);
    if (reread->own == NULL)
      status = diffd_fail(err, DIFFD_NO_MEMORY, "no memory to read statements again");
  }
  if (status != DIFFD_OK)
    diffd_reread_clean_up(reread);
  return status;
}

void diffd_reread_clean_up(struct diffd_reread *reread) {
  free(reread->own);
  diffd_dot_parser_destroy(reread->parser);
  memset(reread, 0, sizeof *reread);
}

void diffd_reread_lend(struct diffd_reread *reread, const char *window, uint64_t base, size_t len) {
  reread->window = window;
  reread->base = base;
  reread->len = len;
}

static enum diffd_status load(struct diffd_reread *reread, uint64_t at, size_t len, struct diffd_error *err) {
  size_t got = 0;
  char *text = diffd_aligned_text_at(reread->own, at);
  enum diffd_status status = diffd_source_read(reread->source, at, text, len, &got, err);
  if (status != DIFFD_OK)
    return status;
  memset(text + got, 0, DIFFD_CANON_PADDING);
  diffd_reread_lend(reread, text, at, got);
  return DIFFD_OK;
}

/* A canonical line is shorter: with so much at hand, nothing more need be read to see whether it is one. */
enum { LINE_MAX_LEN = 4096 };

/* How much of the line that begins at `line` the window has. */
static size_t at_hand(const struct diffd_reread *reread, uint64_t line) {
  bool inside = line >= reread->base && line < reread->base + reread->len;
  return inside ? (size_t)(reread->base + reread->len - line) : 0;
}

/* True where the line at `line` is at hand, two bytes more, and canonical; then *ret is filled. */
static bool read_canonical(const struct diffd_reread *reread, uint64_t line,
                           struct diffd_dot_statement *ret) {
  struct diffd_canon_line found = {0};
  if (at_hand(reread, line) == 0)
    return false;
  const char *text = reread->window + (line - reread->base);
  enum diffd_canon_kind kind = reread->read_canonical(text, &found);
  if (kind == DIFFD_CANON_NONE)
    return false;
  *ret = (struct diffd_dot_statement){
      .begin = line + 1,
      .end = line + found.end,
      .identity.source = {text + 1, found.source_end - 1},
  };
  if (kind == DIFFD_CANON_NODE) {
    ret->kind = DIFFD_DOT_NODE;
    return true;
  }
  ret->kind = DIFFD_DOT_EDGE;
  ret->mark_at = line + found.end - 2;
  ret->mark_kind = DIFFD_MARK_LABEL;
  ret->identity.destination =
      (struct diffd_span){text + found.destination, found.destination_end - found.destination};
  if (reread->wants_counters)
    diffd_canon_edge_fields(text + 1, found.end - 1, &ret->identity, &ret->counters);
  return true;
}

static enum diffd_status read_general(struct diffd_reread *reread, uint64_t begin, struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  if (begin < reread->base || begin >= reread->base + reread->len)
    status = load(reread, begin, reread->window_len, err);
  diffd_dot_parser_enter_body(reread->parser, begin);
  uint64_t at = begin;
  while (status == DIFFD_OK && reread->len > 0) {
    size_t skip = (size_t)(at - reread->base);
    status = diffd_dot_parser_feed(reread->parser, reread->window + skip, reread->len - skip, err);
    at = reread->base + reread->len;
    if (status == DIFFD_OK)
      status = load(reread, at, DIFFD_REREAD_WINDOW_MAX, err);
  }
  if (status == DIFFD_END)
    return DIFFD_OK;
  if (status == DIFFD_OK || status == DIFFD_BAD_GRAPH)
    return diffd_fail(err, DIFFD_IO,
                      "the graph was changed while it was read; try again when nobody writes to it");
  return status;
}

enum diffd_status diffd_reread_at(struct diffd_reread *reread, uint64_t begin,
                                  struct diffd_dot_statement *ret, struct diffd_span *ret_text,
                                  struct diffd_error *err) {
  uint64_t line = begin - 1; /* no statement begins at offset 0 */
  size_t enough = reread->window_len < LINE_MAX_LEN ? reread->window_len : LINE_MAX_LEN;
  bool canonical = read_canonical(reread, line, ret);
  if (!canonical && at_hand(reread, line) < enough) {
    enum diffd_status status = load(reread, line, reread->window_len, err);
    if (status != DIFFD_OK)
      return status;
    canonical = read_canonical(reread, line, ret);
  }
  if (!canonical) {
    enum diffd_status status = read_general(reread, begin, err);
    if (status != DIFFD_OK)
      return status;
    *ret = reread->found;
  }
  bool at_hand = ret->begin >= reread->base && ret->end <= reread->base + reread->len;
  *ret_text = at_hand ? (struct diffd_span){reread->window + (ret->begin - reread->base),
                                            (size_t)(ret->end - ret->begin)}
                      : (struct diffd_span){NULL, 0};
  return DIFFD_OK;
}
