/* SPDX-License-Identifier: Apache-2.0
 *
 * From the place of a changed edge to the sink's bytes for it, and to the nodes that it touches. One thread
 * at a time.
 */
#ifndef DIFFD_CORE_CHANGE_EMIT_H
#define DIFFD_CORE_CHANGE_EMIT_H

#include "core/edge_key.h"
#include "core/node_set.h"
#include "core/ordered_out.h"
#include "core/reread.h"

struct diffd_change_emit {
  struct diffd_source *source;
  const struct diffd_keyer *keyer;
  struct diffd_node_set *nodes;
  const struct diffd_change_sink *sink;
  enum diffd_change_status status;
  struct diffd_reread reread;
  char *piece; /* of a text that is not at hand; made when first needed */
};

/* DIFFD_NO_MEMORY. */
enum diffd_status diffd_change_emit_init(struct diffd_change_emit *emit, struct diffd_source *source,
                                         diffd_line_scan *line_scan, const struct diffd_keyer *keyer,
                                         struct diffd_node_set *nodes, const struct diffd_change_sink *sink,
                                         enum diffd_change_status status,
                                         struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_change_emit_clean_up(struct diffd_change_emit *emit);

/* The edge whose statement begins at `begin` changed. Flushes `out` where it gets full. */
enum diffd_status diffd_change_emit_edge(struct diffd_change_emit *emit, uint64_t begin,
                                         struct diffd_ordered_out *out,
                                         struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
