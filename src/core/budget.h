/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory that a diff may take for what grows with its graphs. Thread-safe.
 */
#ifndef DIFFD_CORE_BUDGET_H
#define DIFFD_CORE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct diffd_budget {
  uint64_t limit_bytes;
  uint64_t used_bytes; /* atomic */
};

/* True, and the bytes taken, where they fit; whoever gets false goes to the disk instead. */
static inline bool diffd_budget_take(struct diffd_budget *budget, uint64_t bytes) {
  uint64_t used = __atomic_add_fetch(&budget->used_bytes, bytes, __ATOMIC_RELAXED);
  if (used <= budget->limit_bytes)
    return true;
  __atomic_sub_fetch(&budget->used_bytes, bytes, __ATOMIC_RELAXED);
  return false;
}

/* Takes bytes that must be had, whether they fit or not: small, and few. */
static inline void diffd_budget_force(struct diffd_budget *budget, uint64_t bytes) {
  __atomic_add_fetch(&budget->used_bytes, bytes, __ATOMIC_RELAXED);
}

static inline void diffd_budget_give(struct diffd_budget *budget, uint64_t bytes) {
  __atomic_sub_fetch(&budget->used_bytes, bytes, __ATOMIC_RELAXED);
}

static inline uint64_t diffd_budget_left(const struct diffd_budget *budget) {
  uint64_t used = __atomic_load_n(&budget->used_bytes, __ATOMIC_RELAXED);
  return used < budget->limit_bytes ? budget->limit_bytes - used : 0;
}

#endif
