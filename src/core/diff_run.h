/* SPDX-License-Identifier: Apache-2.0
 *
 * What the steps of a diff of two DOT graphs share.
 */
#ifndef DIFFD_CORE_DIFF_RUN_H
#define DIFFD_CORE_DIFF_RUN_H

#include "core/budget.h"
#include "core/edge_key.h"
#include "core/edge_table.h"
#include "core/node_set.h"
#include "core/ordered_out.h"
#include "core/scan.h"
#include "diffd/diff.h"

struct diffd_diff_run {
  const struct diffd_context *ctx;
  const struct diffd_diff_options *options;
  struct diffd_change_sink *sink;
  unsigned threads;
  size_t block_len;
  const struct diffd_canon_kernel *kernel;
  struct diffd_budget budget;
  struct diffd_chunk_pool pool; /* of all records */
  struct diffd_keyer keyer;
  struct diffd_source *previous;
  struct diffd_source *next;
  struct diffd_edge_table *edges; /* previous's, in memory */
  struct diffd_node_set *nodes;
  struct diffd_scan_result previous_scan;
  struct diffd_scan_result next_scan;
  struct diffd_ordered ordered; /* into the sink */
  bool is_ordered;              /* whether that is in use; changes while no other thread runs */
  struct diffd_diff_counts counts;
  uint64_t done_bytes; /* atomic */

  pthread_mutex_t failure_lock;
  enum diffd_status status; /* of the first thread that failed in a step */
  struct diffd_error error;
};

/* Keeps a thread's failure, and lets nobody wait for a turn that will not come. */
void diffd_diff_run_fail(struct diffd_diff_run *run, enum diffd_status status, const struct diffd_error *err);
/* How the step went that all threads have left. */
enum diffd_status diffd_diff_run_result(const struct diffd_diff_run *run,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;
/* Makes the sink's next bytes the first of a new row of pieces. */
void diffd_diff_run_begin_ordered(struct diffd_diff_run *run);
void diffd_diff_run_end_ordered(struct diffd_diff_run *run);

/* The last step: one statement for each node that the changed edges touch. */
enum diffd_status diffd_diff_write_nodes(struct diffd_diff_run *run,
                                         struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
