/* SPDX-License-Identifier: Apache-2.0
 *
 * What a digest does when its memory is used up: its entries go, sorted, to an unlinked file, and it starts
 * anew.
 */
#ifndef DIFFD_CORE_FLOW_SPILL_H
#define DIFFD_CORE_FLOW_SPILL_H

#include "core/flow_order.h"

/* Raw entries, in the order that they have once they are translated. */
struct diffd_flow_spilled_run {
  struct diffd_flow_pages pages;
  uint64_t count;
};

/* One for each digest. Key, ids and room are set by its owner, all else is 0 at first. */
struct diffd_flow_spill {
  const struct diffd_flow_hash_key *key; /* borrowed */
  enum diffd_node_ids ids;
  struct diffd_flow_room room;
  struct diffd_flow_spilled_run *runs;
  size_t count;
  size_t cap;
};

/* Adds a run with the digest's entries, and clears it; `spill` is a struct diffd_flow_spill. DIFFD_NO_MEMORY,
 * and what diffd_flow_pages_in_file returns. */
enum diffd_status diffd_flow_spill_digest(void *spill, struct diffd_flow_digest *digest,
                                          struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_flow_spill_clean_up(struct diffd_flow_spill *spill);

#endif
