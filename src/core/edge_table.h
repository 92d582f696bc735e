/* SPDX-License-Identifier: Apache-2.0
 *
 * The edges of previous: their keys, where each stands, and whether next has it too.
 *
 * While previous is read, records of {key, position} are appended to partitions of the key; then their number
 * is known, and one table is made for all of them, so that nothing is ever resized and no lock is taken: 16
 * bytes for a record, 22 for a slot. Where that does not fit in the budget there is no table: see
 * edge_join.h. Copies of an edge share a slot; the further positions are records again, in the memory of
 * those before.
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

/* An edge's record: the key's low half, then its tag above the position, and a bit between them that is 0. */
struct diffd_record diffd_edge_record(struct diffd_key key, uint64_t position);
static inline uint64_t diffd_record_position(struct diffd_record record) {
  return record.b & (((uint64_t)1 << DIFFD_POSITION_BITS) - 1);
}
static inline uint64_t diffd_record_tag(struct diffd_record record) {
  return record.b >> (DIFFD_POSITION_BITS + 1);
}

struct diffd_edge_table;

/* Makes room for all `records`, which are all appended: on DIFFD_OK they are the table's. DIFFD_NOT_FOUND
 * where the budget has no room for it, or the records are in a file already; DIFFD_NO_MEMORY. */
enum diffd_status diffd_edge_table_new(struct diffd_partitions *records, struct diffd_budget *budget,
                                       struct diffd_edge_table **ret,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_edge_table_destroy(struct diffd_edge_table *table); /* accepts NULL */

/* Builds one partition; different ones at once from different threads, each with a number of its own. */
enum diffd_status diffd_edge_table_build(struct diffd_edge_table *table, unsigned thread, unsigned partition,
                                         struct diffd_error *err) DIFFD_MUST_CHECK;
/* After the build, from any thread. */
void diffd_edge_table_prefetch(const struct diffd_edge_table *table, struct diffd_key key);
/* True where previous has the edge; it is remembered that next has it too. */
bool diffd_edge_table_see(struct diffd_edge_table *table, struct diffd_key key);
/* Calls `each` with the position of every edge of the partition that was never seen, copies too, in no order.
 * Any thread. DIFFD_IO. */
enum diffd_status diffd_edge_table_each_unseen(const struct diffd_edge_table *table, unsigned partition,
                                               void (*each)(void *arg, uint64_t position), void *arg,
                                               struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
