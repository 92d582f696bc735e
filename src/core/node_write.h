/* SPDX-License-Identifier: Apache-2.0
 *
 * The statements of the touched nodes, found again and handed to the sink ascending by id.
 *
 * Sorting is done in runs: each thread reads the statements of a slice of the places and sorts them; runs
 * beyond what may stay in memory go to an unlinked file, and all are merged while they are written.
 */
#ifndef DIFFD_CORE_NODE_WRITE_H
#define DIFFD_CORE_NODE_WRITE_H

#include "core/line_scan.h"
#include "core/node_set.h"
#include "core/source.h"

struct diffd_node_write {
  const struct diffd_context *ctx;
  struct diffd_source *previous;
  struct diffd_source *next;
  diffd_line_scan *line_scan;
  unsigned threads;
  struct diffd_change_sink *sink;
  uint64_t memory_bytes; /* what runs may keep in memory */
  const char *tmp_dir;
};

/* `ranks` are of distinct nodes; they are sorted in place. */
enum diffd_status diffd_node_write(const struct diffd_node_write *job, uint64_t *ranks, size_t count,
                                   struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
