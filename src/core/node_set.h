/* SPDX-License-Identifier: Apache-2.0
 *
 * The nodes that changed edges touch, and where the statement of each stands.
 *
 * First nodes are touched, then the graphs' node statements are noted; of those the last of next wins, or
 * where next has none the last of previous, whatever the order in which threads find them: the greatest rank
 * is kept. 16 bytes an entry, in shards whose sizes are spread between one doubling and the next, so that the
 * whole is never more than 43 bytes a node and 30 on average. Thread-safe.
 */
#ifndef DIFFD_CORE_NODE_SET_H
#define DIFFD_CORE_NODE_SET_H

#include "core/edge_key.h"
#include "core/edge_table.h"

enum { DIFFD_NODE_SHARDS = 64 };

/* A rank is where a statement stands, next's above all of previous's; 0 is none. */
static inline uint64_t diffd_node_rank(bool in_next, uint64_t begin) {
  return (uint64_t)in_next << DIFFD_POSITION_BITS | begin;
}
static inline bool diffd_node_rank_in_next(uint64_t rank) {
  return rank >> DIFFD_POSITION_BITS != 0;
}
static inline uint64_t diffd_node_rank_begin(uint64_t rank) {
  return rank & (((uint64_t)1 << DIFFD_POSITION_BITS) - 1);
}

struct diffd_node_set;

/* DIFFD_NO_MEMORY. */
enum diffd_status diffd_node_set_new(struct diffd_node_set **ret, struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_node_set_destroy(struct diffd_node_set *set); /* accepts NULL */

/* An edge that changed has this node. DIFFD_NO_MEMORY. */
enum diffd_status diffd_node_set_touch(struct diffd_node_set *set, struct diffd_key key,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;
/* A statement of this node has this rank; nothing happens where it was not touched. Never at once with touch.
 */
void diffd_node_set_note(struct diffd_node_set *set, struct diffd_key key, uint64_t rank);

/* All ranks of declared nodes, in no order: *ret is the caller's to free(). Empties the set as it goes.
 * DIFFD_NO_MEMORY. */
enum diffd_status diffd_node_set_take_ranks(struct diffd_node_set *set, uint64_t **ret, size_t *ret_count,
                                            struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
