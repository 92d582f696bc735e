/* SPDX-License-Identifier: Apache-2.0
 *
 * Brings sorted runs of entries together into one, summing what is the same edge.
 */
#ifndef DIFFD_CORE_FLOW_MERGE_H
#define DIFFD_CORE_FLOW_MERGE_H

#include "core/flow_order.h"

/* Entries that ascend once they are translated. */
struct diffd_flow_run {
  const struct diffd_flow_entry *entries;
  uint64_t count;
  size_t digest; /* whose numbers the raw entries use */
  bool ordered;  /* the entries are translated already */
};

/* Writes the merged entries, ordered, to `to`, which has room for all. DIFFD_BAD_LOGS where a sum leaves 64
 * bits, DIFFD_NO_MEMORY, DIFFD_CANCELLED. */
enum diffd_status diffd_flow_merge(const struct diffd_context *ctx, const struct diffd_flow_order *order,
                                   const struct diffd_flow_run *runs, size_t run_count,
                                   struct diffd_flow_entry *to, uint64_t *ret_count,
                                   struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
