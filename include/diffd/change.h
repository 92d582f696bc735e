/* SPDX-License-Identifier: Apache-2.0
 *
 * What comes out of a diff: changes, then the nodes that they touch, handed to a sink.
 */
#ifndef DIFFD_CHANGE_H
#define DIFFD_CHANGE_H

#include "diffd/stream.h"

DIFFD_PUBLIC_BEGIN

enum diffd_change_status { DIFFD_ADDED, DIFFD_REMOVED };

/* What an edge counted. A counter that the graph does not carry, or that is no number, is absent. */
struct diffd_counters {
  uint64_t packets;
  uint64_t bytes;
  int64_t start; /* seconds since the epoch */
  int64_t end;
  unsigned present; /* enum diffd_counter_bit */
};
enum diffd_counter_bit {
  DIFFD_HAS_PACKETS = 1,
  DIFFD_HAS_BYTES = 2,
  DIFFD_HAS_START = 4,
  DIFFD_HAS_END = 8,
};

/* What makes an edge that edge. Values are unquoted; an absent attribute has ptr == NULL. */
struct diffd_identity {
  struct diffd_span source;
  struct diffd_span destination;
  struct diffd_span account;
  struct diffd_span eni;
  struct diffd_span srcport;
  struct diffd_span dstport;
  struct diffd_span protocol;
  struct diffd_span color;
};

/* How a DOT writer puts its mark into an edge's text, at byte `mark_at` of it. */
enum diffd_mark_kind {
  DIFFD_MARK_LABEL, /* the text ends with the `"]` of a quoted label, which begins at mark_at */
  DIFFD_MARK_LIST,  /* the last attribute list's `]` is at mark_at */
  DIFFD_MARK_NONE,  /* no attribute list: mark_at is the text's length */
};

/* Everything here is borrowed for the call. A statement longer than DIFFD_TEXT_PIECE_MAX comes in pieces, one
 * call each, in order; identity and counters come with the first. */
enum { DIFFD_TEXT_PIECE_MAX = 256 * 1024 };
struct diffd_change {
  enum diffd_change_status status;
  struct diffd_identity identity; /* only for sinks with wants_fields */
  struct diffd_counters before;   /* likewise; what previous counted, nothing present for ADDED */
  struct diffd_counters after;    /* likewise; what next counted, nothing present for REMOVED */
  struct diffd_span text;         /* this piece of the edge's statement, first to last token as written */
  uint64_t text_at;               /* where the piece stands in the statement */
  uint64_t text_len;              /* the whole statement's length */
  uint64_t mark_at;               /* in the statement */
  enum diffd_mark_kind mark_kind;
};

/* The statement of a node, first to last token as written, and its id, unquoted. Comes in pieces as a change
 * does; the id comes with each. */
struct diffd_node_text {
  struct diffd_span id;
  struct diffd_span text;
  uint64_t text_at;
  uint64_t text_len;
};

/* A growing run of bytes that the diff owns; only diffd_output_append touches it. */
struct diffd_output;
/* The bytes are copied. DIFFD_TOO_LARGE beyond the diff's own limit, a MiB or more; DIFFD_NO_MEMORY.
 */
enum diffd_status diffd_output_append(struct diffd_output *out, const void *bytes, size_t len,
                                      struct diffd_error *err) DIFFD_MUST_CHECK;

/* A sink is begun once, encodes and writes, and is committed or aborted. Encoding is the part that many
 * threads do at once; what they encoded is written in order: ADDED in next's order, REMOVED in
 * previous's order, then nodes ascending by id. */
struct diffd_change_sink;
struct diffd_change_sink_ops {
  enum diffd_status (*begin)(struct diffd_change_sink *self, struct diffd_error *err);
  /* Appends the change's bytes to `out`. Any thread, several at once; keeps no state in self. */
  enum diffd_status (*encode_change)(const struct diffd_change_sink *self, const struct diffd_change *change,
                                     struct diffd_output *out, struct diffd_error *err);
  enum diffd_status (*encode_node)(const struct diffd_change_sink *self, const struct diffd_node_text *node,
                                   struct diffd_output *out, struct diffd_error *err);
  /* Takes bytes in order: encoded ones, or those of a differ that has its DOT ready. One thread at a time. */
  enum diffd_status (*write)(struct diffd_change_sink *self, const void *bytes, size_t len,
                             struct diffd_error *err);
  /* Makes the whole visible. At most once. */
  enum diffd_status (*commit)(struct diffd_change_sink *self, struct diffd_error *err);
  /* Frees self; nothing is visible where commit did not succeed. */
  void (*destroy)(struct diffd_change_sink *self);
};
struct diffd_change_sink {
  const struct diffd_change_sink_ops *ops;
  bool wants_fields; /* false spares the diff from parsing what nobody reads */
};

void diffd_change_sink_destroy(struct diffd_change_sink *sink); /* accepts NULL */

/* The sink that writes DOT into a writer, byte for byte as the original's diff. Takes the writer: commit
 * commits it, destroy destroys it. DIFFD_NO_MEMORY, and then the writer is still the caller's. */
enum diffd_status diffd_dot_sink_new(struct diffd_writer *writer, struct diffd_change_sink **ret,
                                     struct diffd_error *err) DIFFD_MUST_CHECK;
/* The sink that writes nothing, for counts alone. DIFFD_NO_MEMORY. */
enum diffd_status diffd_null_sink_new(struct diffd_change_sink **ret,
                                      struct diffd_error *err) DIFFD_MUST_CHECK;

DIFFD_PUBLIC_END

#endif
