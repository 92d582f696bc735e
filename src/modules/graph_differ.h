/* SPDX-License-Identifier: Apache-2.0
 *
 * The differ that asks a grapher for both windows side by side and compares the graphs.
 */
#ifndef DIFFD_MODULES_GRAPH_DIFFER_H
#define DIFFD_MODULES_GRAPH_DIFFER_H

#include "diffd/diff.h"
#include "diffd/differ.h"
#include "diffd/grapher.h"

struct diffd_graph_differ_options {
  unsigned threads;            /* per diff; 0: one per CPU */
  uint64_t memory_limit_bytes; /* per diff; 0: half of diffd_memory_size() */
  const char *tmp_dir;         /* copied; NULL: /tmp */
};

/* The grapher stays the caller's and must outlive the differ. When one window fails, the other is cancelled,
 * and the failure that came first is given. Tells the counts of each diff to the context's log (diff-made).
 * DIFFD_NO_MEMORY. */
enum diffd_status diffd_graph_differ_new(struct diffd_grapher *grapher,
                                         const struct diffd_graph_differ_options *options,
                                         struct diffd_differ **ret, struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
