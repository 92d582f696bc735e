/* SPDX-License-Identifier: Apache-2.0
 *
 * A finished graph of flow logs as a source of edges.
 */
#ifndef DIFFD_CORE_FLOW_EDGES_H
#define DIFFD_CORE_FLOW_EDGES_H

#include "core/flow_order.h"
#include "core/flow_pages.h"

struct diffd_flow_edges {
  struct diffd_edges base;
  struct diffd_flow_order order;
  struct diffd_flow_pages pages;
  const struct diffd_flow_entry *entries; /* ordered; in `pages` */
  uint64_t count;
  uint64_t next;
  int64_t start;
  int64_t end;
  /* The texts of the last two nodes that were asked for. */
  struct diffd_flow_node_text text[2];
  uint32_t text_node[2];
  unsigned last_text;
};

/* Makes an object without edges. DIFFD_NO_MEMORY. */
enum diffd_status diffd_flow_edges_new(const struct diffd_flow_hash_key *key, struct diffd_flow_room room,
                                       struct diffd_flow_edges **ret,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;

/* Puts ordered entries into graph order where node ids may collide: by nodes first, then by all else, then by
 * addresses. In place. */
void diffd_flow_edges_sort_collided(const struct diffd_flow_nodes *nodes, struct diffd_flow_entry *entries,
                                    uint64_t count);

#endif
