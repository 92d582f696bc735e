/* SPDX-License-Identifier: Apache-2.0
 *
 * The edges of previous: their keys, where each stands, and whether next has it too.
 *
 * While previous is read, records of {key, position} are appended to partitions of the key; then their number
 * is known, and one table is made for all of them, so that nothing is ever resized and no lock is taken: 16
 * bytes for a record, 22 for a slot. Where that does not fit in the budget the table is not made; next's
 * records are appended to partitions too, and each pair of partitions is joined on its own. Copies of an edge
 * share a slot; the further positions stand in a list.
 */
#ifndef DIFFD_CORE_EDGE_TABLE_H
#define DIFFD_CORE_EDGE_TABLE_H

#include "core/edge_key.h"
#include "core/partitions.h"

enum { DIFFD_POSITION_BITS = 40 }; /* positions are offsets of edges, and never 0: at most 1 TiB of graph */

/* Of a key's high half the top 8 bits are its partition and the next 23 are kept, with all of the low half:
 * 95 bits, an error chance of 1e-14 for 20 million edges against 20 million. */
enum { DIFFD_TAG_BITS = 23 };
static inline unsigned diffd_key_partition(struct diffd_key key) {
  return (unsigned)(key.high >> 56);
}
static inline uint64_t diffd_key_tag(struct diffd_key key) {
  return key.high >> (56 - DIFFD_TAG_BITS) & (((uint64_t)1 << DIFFD_TAG_BITS) - 1);
}

/* An edge's record: the key's low half, then its tag above the position. */
struct diffd_record diffd_edge_record(struct diffd_key key, uint64_t position);

struct diffd_edge_table;

/* Takes `records`, all appended, on failure too. DIFFD_NO_MEMORY. */
enum diffd_status diffd_edge_table_new(struct diffd_partitions *records, struct diffd_budget *budget,
                                       struct diffd_edge_table **ret,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_edge_table_destroy(struct diffd_edge_table *table); /* accepts NULL */

/* ---- One table for all ---- */

/* Makes room for all records: DIFFD_OK, or DIFFD_NOT_FOUND where the budget has none for it. */
enum diffd_status diffd_edge_table_make_room(struct diffd_edge_table *table,
                                             struct diffd_error *err) DIFFD_MUST_CHECK;
/* Builds one partition; different ones at once from different threads. */
enum diffd_status diffd_edge_table_build(struct diffd_edge_table *table, unsigned partition,
                                         struct diffd_error *err) DIFFD_MUST_CHECK;
/* After the build, from any thread. */
void diffd_edge_table_prefetch(const struct diffd_edge_table *table, struct diffd_key key);
/* True where previous has the edge; it is remembered that next has it too. */
bool diffd_edge_table_see(struct diffd_edge_table *table, struct diffd_key key);
/* Calls `each` with the position of every edge of the partition that was never seen, copies too, in no order.
 */
void diffd_edge_table_each_unseen(const struct diffd_edge_table *table, unsigned partition,
                                  void (*each)(void *arg, uint64_t position), void *arg);

/* ---- A partition at a time ---- */

/* Joins one partition with next's records of it, which are forgotten: `added` gets the positions in next of
 * the edges that previous lacks, `removed` those in previous that next lacks, in no order. Different
 * partitions at once from different threads. DIFFD_NO_MEMORY where one partition alone is beyond the budget,
 * and what the functions return. */
typedef enum diffd_status diffd_place_fn(void *arg, uint64_t position, struct diffd_error *err);
enum diffd_status diffd_edge_table_join(struct diffd_edge_table *table, struct diffd_partitions *next,
                                        unsigned partition, diffd_place_fn *added, diffd_place_fn *removed,
                                        void *arg, struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
