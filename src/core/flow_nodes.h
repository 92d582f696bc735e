/* SPDX-License-Identifier: Apache-2.0
 *
 * The addresses of a graph in the order of its node ids, and the nodes that they are.
 *
 * Filled first, then put in order once; from then on it only answers, to any number of threads.
 */
#ifndef DIFFD_CORE_FLOW_NODES_H
#define DIFFD_CORE_FLOW_NODES_H

#include "core/flow_address.h"
#include "core/flow_entry.h"
#include "core/flow_graph.h"
#include "core/flow_hash.h"
#include "core/flow_intern.h"
#include "core/flow_pages.h"

struct diffd_flow_nodes {
  const struct diffd_flow_hash_key *key; /* borrowed */
  /* IPv4 addresses: a slot is (position + 1) << 32 | address, or 0; before the order stands, the position is
   * 0. */
  struct diffd_flow_room room;
  struct diffd_flow_pages slot_pages;
  uint64_t *slots;
  uint64_t slot_count;
  uint64_t used;
  unsigned shift;
  /* Distinct IPv6 addresses, ascending. */
  uint8_t (*v6)[16];
  uint32_t v6_count;
  /* By position: an IPv4 address, or, where the bit is set, an index of v6. */
  struct diffd_flow_pages word_pages;
  uint32_t *words;
  uint8_t *is_v6; /* one bit a position; NULL: no bit is set */
  uint32_t address_count;
  /* Where ids may collide: the node of a position, and the first position of a node. Else NULL, and both
   * are the same number. */
  uint32_t *node_of;
  uint32_t *first_of;
  uint32_t node_count;
};

void diffd_flow_nodes_init(struct diffd_flow_nodes *nodes, const struct diffd_flow_hash_key *key,
                           struct diffd_flow_room room);
void diffd_flow_nodes_clean_up(struct diffd_flow_nodes *nodes);

/* Adds the IPv4 ends of raw entries (an entry of zeros is none). DIFFD_NO_MEMORY, and where an array is
 * larger than the room in memory what diffd_flow_pages_in_file returns. */
enum diffd_status diffd_flow_nodes_add_entries(struct diffd_flow_nodes *nodes,
                                               const struct diffd_flow_entry *entries, uint64_t count,
                                               struct diffd_error *err) DIFFD_MUST_CHECK;

/* Puts all addresses in order: those that were added, and those of `interns` (16 bytes each).
 * ret_positions[i], which the caller frees, gives the position of each number of interns[i]; NULL where that
 * has none. DIFFD_NO_MEMORY. */
enum diffd_status diffd_flow_nodes_order(struct diffd_flow_nodes *nodes, enum diffd_node_ids ids,
                                         const struct diffd_flow_intern *const *interns, size_t intern_count,
                                         uint32_t **ret_positions, struct diffd_error *err) DIFFD_MUST_CHECK;

static inline bool diffd_flow_nodes_is_v6(const struct diffd_flow_nodes *nodes, uint32_t position) {
  return nodes->is_v6 != NULL && (nodes->is_v6[position / 8] >> position % 8 & 1) != 0;
}

/* An IPv4 address's home in the table, for a prefetch, and its position; the address was added. */
static inline uint64_t diffd_flow_nodes_home(const struct diffd_flow_nodes *nodes, uint32_t address) {
  uint64_t home = diffd_flow_hash(nodes->key, &address, sizeof address) >> nodes->shift;
  __builtin_prefetch(&nodes->slots[home]);
  return home;
}
static inline uint32_t diffd_flow_nodes_position(const struct diffd_flow_nodes *nodes, uint64_t home,
                                                 uint32_t address) {
  while ((uint32_t)nodes->slots[home] != address || nodes->slots[home] == 0)
    home = (home + 1) & (nodes->slot_count - 1);
  return (uint32_t)(nodes->slots[home] >> 32) - 1;
}

/* Frees what only looking up positions needs. */
void diffd_flow_nodes_drop_lookups(struct diffd_flow_nodes *nodes);

/* A node's texts. */
struct diffd_flow_node_text {
  char id[DIFFD_FLOW_ID_MAX];
  char label[DIFFD_FLOW_LABEL_MAX];
  size_t id_len;
  size_t label_len;
};
void diffd_flow_nodes_text(const struct diffd_flow_nodes *nodes, uint32_t node,
                           struct diffd_flow_node_text *ret);

#endif
