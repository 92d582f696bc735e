/* SPDX-License-Identifier: Apache-2.0
 *
 * The nodes that changed edges touch, and where the statement of each stands.
 *
 * First nodes are touched, then the graphs' node statements are noted; of those the last of next wins, or
 * where next has none the last of previous, whatever the order in which threads find them: the greatest rank
 * is kept. 16 bytes an entry, in shards whose sizes are spread between one doubling and the next, so that the
 * whole is never more than 43 bytes a node and 30 on average. A shard that the budget lets grow no more keeps
 * what it has; what it lacks goes to partitions, and is put together at the end.
 */
#ifndef DIFFD_CORE_NODE_SET_H
#define DIFFD_CORE_NODE_SET_H

#include "core/edge_key.h"
#include "core/edge_table.h"

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

/* For up to `threads` threads; pool and tmp_dir must outlive it. DIFFD_NO_MEMORY. */
enum diffd_status diffd_node_set_new(unsigned threads, struct diffd_chunk_pool *pool, const char *tmp_dir,
                                     struct diffd_node_set **ret, struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_node_set_destroy(struct diffd_node_set *set); /* accepts NULL */

/* Edges that changed have these nodes. Any thread, each with a number of its own. DIFFD_NO_MEMORY, DIFFD_IO,
 * DIFFD_NO_SPACE. */
enum diffd_status diffd_node_set_touch(struct diffd_node_set *set, unsigned thread,
                                       const struct diffd_key *keys, size_t count,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;
/* Fetches the memory that a touch or a note of this node will need. */
void diffd_node_set_prefetch(const struct diffd_node_set *set, struct diffd_key key);
/* A statement of this node has this rank; nothing comes of it where the node was not touched. Never at once
 * with touch, and by threads as touch. */
enum diffd_status diffd_node_set_note(struct diffd_node_set *set, unsigned thread, struct diffd_key key,
                                      uint64_t rank, struct diffd_error *err) DIFFD_MUST_CHECK;

/* Hands over the ranks of all declared nodes and empties the set: in batches, roughly by where they are in
 * the text, in no order within one; `each` may change the array. The sizes are the graphs', in bytes. One
 * thread, after all others. What `each` returns, DIFFD_NO_MEMORY, DIFFD_IO, DIFFD_NO_SPACE. */
typedef enum diffd_status diffd_ranks_fn(void *arg, uint64_t *ranks, size_t count, struct diffd_error *err);
enum diffd_status diffd_node_set_take_ranks(struct diffd_node_set *set, uint64_t previous_size,
                                            uint64_t next_size, diffd_ranks_fn *each, void *arg,
                                            struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
