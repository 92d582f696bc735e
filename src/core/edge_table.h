/* SPDX-License-Identifier: Apache-2.0
 *
 * The edges of previous: their keys, where each stands, and whether next has it too.
 *
 * Filled in two steps, so that nothing is ever resized and no lock is taken. While previous is read each
 * thread appends {key, position} records to lists of its own, one list for each of 256 partitions of the key;
 * then the number of edges is known, one table is made for all, and each partition's records go into its part
 * of it. Copies of an edge share a slot; the further positions stand in a list of the partition. At most 16
 * bytes for a record and 22 for a slot at any time, and the records of a partition are freed when it is
 * built.
 */
#ifndef DIFFD_CORE_EDGE_TABLE_H
#define DIFFD_CORE_EDGE_TABLE_H

#include <stdint.h>

#include "core/edge_key.h"
#include "diffd/status.h"

enum {
  DIFFD_EDGE_PARTITIONS = 256,
  DIFFD_POSITION_BITS = 40, /* positions are offsets of edges: at most 1 TiB of graph */
};

struct diffd_edge_table;

/* A table that up to `threads` threads fill. DIFFD_NO_MEMORY. */
enum diffd_status diffd_edge_table_new(unsigned threads, struct diffd_edge_table **ret,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_edge_table_destroy(struct diffd_edge_table *table); /* accepts NULL */

/* Appends one record; `position` is not 0. Each thread with a number of its own. DIFFD_NO_MEMORY. */
enum diffd_status diffd_edge_table_append(struct diffd_edge_table *table, unsigned thread,
                                          struct diffd_key key, uint64_t position,
                                          struct diffd_error *err) DIFFD_MUST_CHECK;

/* Makes room for what was appended. One thread, after all appends. */
enum diffd_status diffd_edge_table_begin_build(struct diffd_edge_table *table,
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

#endif
