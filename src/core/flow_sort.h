/* SPDX-License-Identifier: Apache-2.0
 *
 * Sorting entries in place, as (hi, lo) numbers.
 */
#ifndef DIFFD_CORE_FLOW_SORT_H
#define DIFFD_CORE_FLOW_SORT_H

#include "core/flow_entry.h"

/* In place and without other memory; time is linear in `count`, whatever the entries are. Not stable. */
void diffd_flow_sort(struct diffd_flow_entry *entries, uint64_t count);

#endif
