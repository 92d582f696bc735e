/* SPDX-License-Identifier: Apache-2.0
 *
 * The diff of two graphs that come as edges in graph order: one merge, and no text read.
 */
#ifndef DIFFD_CORE_MERGE_H
#define DIFFD_CORE_MERGE_H

#include "diffd/diff.h"

/* As diffd_diff; the edges stay the caller's. */
enum diffd_status diffd_merge(const struct diffd_context *ctx, struct diffd_edges *previous,
                              struct diffd_edges *next, struct diffd_change_sink *sink,
                              struct diffd_diff_counts *ret, struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
