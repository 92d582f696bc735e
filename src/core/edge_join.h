/* SPDX-License-Identifier: Apache-2.0
 *
 * Previous and next compared a partition at a time, where one table for all of previous's edges is beyond the
 * budget.
 *
 * Previous's records of the partition go into a table, next's are looked up in it, and what was not seen was
 * removed. Copies of an edge are not kept: where there are some, previous's records are gone through once
 * more.
 */
#ifndef DIFFD_CORE_EDGE_JOIN_H
#define DIFFD_CORE_EDGE_JOIN_H

#include "core/partitions.h"

/* Joins one partition of both, whose records are as edge_table.h makes them, and forgets it: `added` gets the
 * positions in next of the edges that previous lacks, `removed` those in previous that next lacks, copies
 * too, in no order. The table takes `table_bytes` at the most, but a megabyte may always be had. Different
 * partitions at once from different threads. DIFFD_NO_MEMORY, DIFFD_IO, and what the functions return. */
typedef enum diffd_status diffd_place_fn(void *arg, uint64_t position, struct diffd_error *err);
enum diffd_status diffd_edge_join(struct diffd_partitions *previous, struct diffd_partitions *next,
                                  unsigned partition, struct diffd_budget *budget, uint64_t table_bytes,
                                  diffd_place_fn *added, diffd_place_fn *removed, void *arg,
                                  struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
