/* SPDX-License-Identifier: Apache-2.0
 *
 * A graph on its way into the diff: either DOT bytes, or edges as they are.
 *
 * Edges come from whoever has them in hand already (the built-in grapher that reads flow logs), so that
 * they are never printed and read again. They are in graph order, so that two graphs are compared by one
 * merge:
 *   - nodes are numbered 0..node_count-1, with their ids strictly ascending, bytewise;
 *   - names (account and ENI ids) are numbered 0..name_count-1, strictly ascending, bytewise;
 *   - edges ascend by source, destination, account, eni, srcport, dstport, protocol, color; copies of one
 *     edge (possible only where two machines share a node id) stand side by side.
 * The diff checks that order and fails with DIFFD_BAD_GRAPH where it does not hold.
 */
#ifndef DIFFD_GRAPH_H
#define DIFFD_GRAPH_H

#include "diffd/stream.h"

DIFFD_PUBLIC_BEGIN

/* The colours that a flow's action becomes; `green` sorts before `red`. */
enum diffd_color { DIFFD_GREEN = 0, DIFFD_RED = 1 };

struct diffd_node {
  struct diffd_span id;    /* as DOT writes it unquoted: n10_1_11_1 */
  struct diffd_span label; /* the address, unquoted: 10.1.11.1 */
};

/* One edge of a digest. Host byte order. */
struct diffd_flow_edge {
  uint32_t source;      /* index of a node */
  uint32_t destination; /* index of a node */
  uint32_t account;     /* index of a name */
  uint32_t eni;         /* index of a name */
  uint16_t srcport;
  uint16_t dstport;
  uint8_t protocol; /* IANA protocol number */
  uint8_t color;    /* enum diffd_color */
  uint64_t packets;
  uint64_t bytes;
};

struct diffd_edges_head {
  uint32_t node_count;
  uint32_t name_count;
  int64_t start; /* every edge carries the earliest start and the latest end of the window's records, */
  int64_t end;   /* seconds since the epoch */
};

/* A source of edges. One thread at a time. */
struct diffd_edges;
struct diffd_edges_ops {
  /* What is known before the first edge. */
  struct diffd_edges_head (*head)(struct diffd_edges *self);
  /* The node / name of an index. The spans live until the next call on this source. */
  struct diffd_node (*node)(struct diffd_edges *self, uint32_t index);
  struct diffd_span (*name)(struct diffd_edges *self, uint32_t index);
  /* Starts again at the first edge. A new source stands there already. */
  enum diffd_status (*rewind)(struct diffd_edges *self, struct diffd_error *err);
  /* Gives 1 to `cap` edges and their number, or DIFFD_END. */
  enum diffd_status (*next)(struct diffd_edges *self, struct diffd_flow_edge *batch, size_t cap,
                            size_t *ret_count, struct diffd_error *err);
  void (*destroy)(struct diffd_edges *self);
};
struct diffd_edges {
  const struct diffd_edges_ops *ops;
};

struct diffd_edges_head diffd_edges_head(struct diffd_edges *edges);
struct diffd_node diffd_edges_node(struct diffd_edges *edges, uint32_t index);
struct diffd_span diffd_edges_name(struct diffd_edges *edges, uint32_t index);
enum diffd_status diffd_edges_rewind(struct diffd_edges *edges, struct diffd_error *err) DIFFD_MUST_CHECK;
enum diffd_status diffd_edges_next(struct diffd_edges *edges, struct diffd_flow_edge *batch, size_t cap,
                                   size_t *ret_count, struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_edges_destroy(struct diffd_edges *edges); /* accepts NULL */

/* One of the two ways in: exactly one member is set. */
struct diffd_graph {
  struct diffd_reader *dot;
  struct diffd_edges *edges;
};

void diffd_graph_clean_up(struct diffd_graph *graph); /* destroys what is set, and leaves both NULL */

DIFFD_PUBLIC_END

#endif
