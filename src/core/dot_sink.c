/* SPDX-License-Identifier: Apache-2.0
 *
 * The sink that writes DOT, byte for byte as the original, and the one that writes nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "diffd/change.h"

struct dot_sink {
  struct diffd_change_sink base;
  struct diffd_writer *writer;
};

static enum diffd_status dot_write(struct diffd_change_sink *self, const void *bytes, size_t len,
                                   struct diffd_error *err) {
  return diffd_writer_write(((struct dot_sink *)self)->writer, bytes, len, err);
}

static enum diffd_status dot_begin(struct diffd_change_sink *self, struct diffd_error *err) {
  return dot_write(self, "digraph {\n", 10, err);
}

/* What goes into the text of an edge, and how many of the text's own bytes it replaces. */
struct mark {
  const char *text;
  size_t replaces;
};

static struct mark mark_of(const struct diffd_change *change) {
  static const char *const texts[3][2] = {
      [DIFFD_MARK_LABEL] = {"\\ndiff=ADDED\" govpc_diff=\"ADDED\"]",
                            "\\ndiff=REMOVED\" govpc_diff=\"REMOVED\"]"},
      [DIFFD_MARK_LIST] = {" govpc_diff=\"ADDED\"", " govpc_diff=\"REMOVED\""},
      [DIFFD_MARK_NONE] = {" [govpc_diff=\"ADDED\"]", " [govpc_diff=\"REMOVED\"]"},
  };
  return (struct mark){texts[change->mark_kind][change->status == DIFFD_REMOVED],
                       change->mark_kind == DIFFD_MARK_LABEL ? 2 : 0};
}

/* The bytes of the piece that stand in [begin, end) of the statement. */
static enum diffd_status put_range(const struct diffd_change *change, uint64_t begin, uint64_t end,
                                   struct diffd_output *out, struct diffd_error *err) {
  uint64_t piece_end = change->text_at + change->text.len;
  if (begin < change->text_at)
    begin = change->text_at;
  if (end > piece_end)
    end = piece_end;
  if (begin >= end)
    return DIFFD_OK;
  return diffd_output_append(out, change->text.ptr + (begin - change->text_at), (size_t)(end - begin), err);
}

static enum diffd_status dot_encode_change(const struct diffd_change_sink *self,
                                           const struct diffd_change *change, struct diffd_output *out,
                                           struct diffd_error *err) {
  (void)self;
  struct mark mark = mark_of(change);
  uint64_t piece_end = change->text_at + change->text.len;
  bool last = piece_end == change->text_len;
  bool here = change->mark_at >= change->text_at && (change->mark_at < piece_end || last);
  enum diffd_status status = put_range(change, 0, change->mark_at, out, err);
  if (status == DIFFD_OK && here)
    status = diffd_output_append(out, mark.text, strlen(mark.text), err);
  if (status == DIFFD_OK)
    status = put_range(change, change->mark_at + mark.replaces, change->text_len, out, err);
  if (status == DIFFD_OK && last)
    status = diffd_output_append(out, "\n", 1, err);
  return status;
}

static enum diffd_status dot_encode_node(const struct diffd_change_sink *self,
                                         const struct diffd_node_text *node, struct diffd_output *out,
                                         struct diffd_error *err) {
  (void)self;
  enum diffd_status status = diffd_output_append(out, node->text.ptr, node->text.len, err);
  if (status == DIFFD_OK && node->text_at + node->text.len == node->text_len)
    status = diffd_output_append(out, "\n", 1, err);
  return status;
}

static enum diffd_status dot_commit(struct diffd_change_sink *self, struct diffd_error *err) {
  enum diffd_status status = dot_write(self, "}", 1, err);
  return status == DIFFD_OK ? diffd_writer_commit(((struct dot_sink *)self)->writer, err) : status;
}

static void dot_destroy(struct diffd_change_sink *self) {
  diffd_writer_destroy(((struct dot_sink *)self)->writer);
  free(self);
}

static const struct diffd_change_sink_ops dot_sink_ops = {
    .begin = dot_begin,
    .encode_change = dot_encode_change,
    .encode_node = dot_encode_node,
    .write = dot_write,
    .commit = dot_commit,
    .destroy = dot_destroy,
};

enum diffd_status diffd_dot_sink_new(struct diffd_writer *writer, struct diffd_change_sink **ret,
                                     struct diffd_error *err) {
  struct dot_sink *sink = calloc(1, sizeof *sink);
  if (sink == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a writer of DOT");
  sink->base.ops = &dot_sink_ops;
  sink->writer = writer;
  *ret = &sink->base;
  return DIFFD_OK;
}

static enum diffd_status null_step(struct diffd_change_sink *self, struct diffd_error *err) {
  (void)self;
  (void)err;
  return DIFFD_OK;
}

static enum diffd_status null_encode_change(const struct diffd_change_sink *self,
                                            const struct diffd_change *change, struct diffd_output *out,
                                            struct diffd_error *err) {
  (void)self;
  (void)change;
  (void)out;
  (void)err;
  return DIFFD_OK;
}

static enum diffd_status null_encode_node(const struct diffd_change_sink *self,
                                          const struct diffd_node_text *node, struct diffd_output *out,
                                          struct diffd_error *err) {
  (void)self;
  (void)node;
  (void)out;
  (void)err;
  return DIFFD_OK;
}

static enum diffd_status null_write(struct diffd_change_sink *self, const void *bytes, size_t len,
                                    struct diffd_error *err) {
  (void)self;
  (void)bytes;
  (void)len;
  (void)err;
  return DIFFD_OK;
}

static void null_destroy(struct diffd_change_sink *self) {
  free(self);
}

static const struct diffd_change_sink_ops null_sink_ops = {
    .begin = null_step,
    .encode_change = null_encode_change,
    .encode_node = null_encode_node,
    .write = null_write,
    .commit = null_step,
    .destroy = null_destroy,
};

enum diffd_status diffd_null_sink_new(struct diffd_change_sink **ret, struct diffd_error *err) {
  struct diffd_change_sink *sink = calloc(1, sizeof *sink);
  if (sink == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a counter of changes");
  sink->ops = &null_sink_ops;
  *ret = sink;
  return DIFFD_OK;
}
