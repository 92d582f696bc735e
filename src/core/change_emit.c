/* SPDX-License-Identifier: Apache-2.0 */
#include "core/change_emit.h"

#include <stdlib.h>
#include <string.h>

enum diffd_status diffd_change_emit_init(struct diffd_change_emit *emit, struct diffd_diff_run *run,
                                         unsigned thread, struct diffd_source *source,
                                         enum diffd_change_status status, struct diffd_error *err) {
  *emit = (struct diffd_change_emit){.run = run, .thread = thread, .source = source, .status = status};
  return diffd_reread_init(&emit->reread, source, run->kernel->read, run->sink->wants_fields, err);
}

void diffd_change_emit_clean_up(struct diffd_change_emit *emit) {
  diffd_reread_clean_up(&emit->reread);
  free(emit->piece);
  memset(emit, 0, sizeof *emit);
}

enum diffd_status diffd_change_emit_flush_touches(struct diffd_change_emit *emit, struct diffd_error *err) {
  size_t count = emit->touch_count;
  emit->touch_count = 0;
  return diffd_node_set_touch(emit->run->nodes, emit->thread, emit->touches, count, err);
}

static enum diffd_status touch(struct diffd_change_emit *emit, struct diffd_span id,
                               struct diffd_error *err) {
  struct diffd_key key = diffd_keyer_node(&emit->run->keyer, id.ptr, id.len);
  diffd_node_set_prefetch(emit->run->nodes, key);
  emit->touches[emit->touch_count++] = key;
  return emit->touch_count < DIFFD_TOUCHES_MAX ? DIFFD_OK : diffd_change_emit_flush_touches(emit, err);
}

/* A text that is too long to be at hand goes to the sink piece by piece. */
static enum diffd_status emit_pieces(struct diffd_change_emit *emit, struct diffd_change *change,
                                     uint64_t begin, struct diffd_ordered_out *out, struct diffd_error *err) {
  if (emit->piece == NULL)
    emit->piece = malloc(DIFFD_TEXT_PIECE_MAX);
  if (emit->piece == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a piece of a long statement");
  while (change->text_at < change->text_len) {
    uint64_t left = change->text_len - change->text_at;
    size_t want = left < DIFFD_TEXT_PIECE_MAX ? (size_t)left : DIFFD_TEXT_PIECE_MAX;
    size_t got = 0;
    enum diffd_status status =
        diffd_source_read(emit->source, begin + change->text_at, emit->piece, want, &got, err);
    if (status == DIFFD_OK && got < want)
      status = diffd_fail(err, DIFFD_IO, "the graph became shorter while it was read");
    if (status != DIFFD_OK)
      return status;
    change->text = (struct diffd_span){emit->piece, want};
    status = emit->run->sink->ops->encode_change(emit->run->sink, change, &out->bytes, err);
    if (status == DIFFD_OK)
      status = diffd_ordered_out_relieve(out, err);
    if (status != DIFFD_OK)
      return status;
    change->text_at += want;
  }
  return DIFFD_OK;
}

enum diffd_status diffd_change_emit_edge(struct diffd_change_emit *emit, uint64_t begin,
                                         struct diffd_ordered_out *out, struct diffd_error *err) {
  struct diffd_dot_statement statement;
  struct diffd_span text;
  enum diffd_status status = diffd_reread_at(&emit->reread, begin, &statement, &text, err);
  if (status != DIFFD_OK)
    return status;
  if (statement.kind != DIFFD_DOT_EDGE)
    return diffd_fail(err, DIFFD_IO,
                      "the graph was changed while it was read; try again when nobody writes to it");
  status = touch(emit, statement.identity.source, err);
  if (status == DIFFD_OK)
    status = touch(emit, statement.identity.destination, err);
  if (status != DIFFD_OK)
    return status;
  struct diffd_change change = {
      .status = emit->status,
      .text = text,
      .text_len = statement.end - statement.begin,
      .mark_at = statement.mark_at - statement.begin,
      .mark_kind = statement.mark_kind,
  };
  if (emit->run->sink->wants_fields) {
    change.identity = statement.identity;
    *(emit->status == DIFFD_ADDED ? &change.after : &change.before) = statement.counters;
  }
  if (text.ptr == NULL)
    return emit_pieces(emit, &change, begin, out, err);
  status = emit->run->sink->ops->encode_change(emit->run->sink, &change, &out->bytes, err);
  return status == DIFFD_OK ? diffd_ordered_out_relieve(out, err) : status;
}
