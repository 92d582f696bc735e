/* SPDX-License-Identifier: Apache-2.0
 *
 * The statements of the touched nodes, found again and handed to the sink ascending by id.
 *
 * Each thread reads the statements of a slice of the places and deals them out to ranges of ids; then ranges
 * are sorted side by side, and written in order. What may not stay in memory goes to an unlinked file
 * meanwhile.
 */
#ifndef DIFFD_CORE_NODE_WRITE_H
#define DIFFD_CORE_NODE_WRITE_H

#include "core/diff_run.h"

struct diffd_node_write;

/* A job for the run's sources and sink. DIFFD_NO_MEMORY. */
enum diffd_status diffd_node_write_new(struct diffd_diff_run *run, struct diffd_node_write **ret,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_node_write_destroy(struct diffd_node_write *write); /* accepts NULL */

/* Reads the statements at these ranks, of distinct nodes, and deals them out. `ranks` is put in order. */
enum diffd_status diffd_node_write_add(struct diffd_node_write *write, uint64_t *ranks, size_t count,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;
/* Writes all to the run's sink. */
enum diffd_status diffd_node_write_finish(struct diffd_node_write *write,
                                          struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
