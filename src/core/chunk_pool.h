/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory of records: chunks of one size, cut from slabs that all partitions of a diff share.
 *
 * What is taken from the budget is whole slabs, and it is given back when the system has the slab back, so
 * that what the budget counts as free is free. A chunk that one list of records gives back serves the next.
 * Thread-safe.
 */
#ifndef DIFFD_CORE_CHUNK_POOL_H
#define DIFFD_CORE_CHUNK_POOL_H

#include <pthread.h>

#include "core/budget.h"
#include "diffd/status.h"

/* A page and a cache line: threads write to hundreds of chunks by turns, at places that are nearly as far
 * from each chunk's begin, and were these whole pages apart, they would all compete for a few lines of the
 * cache. */
enum { DIFFD_CHUNK_BYTES = 4096 + 64 };

struct diffd_chunk_pool {
  struct diffd_budget *budget;
  pthread_mutex_t lock;
  struct diffd_slab *open; /* the slabs that have free chunks */
  uint64_t used;           /* chunks */
};

/* The budget must outlive the pool. */
void diffd_chunk_pool_init(struct diffd_chunk_pool *pool, struct diffd_budget *budget);
/* All chunks were put back. */
void diffd_chunk_pool_clean_up(struct diffd_chunk_pool *pool);

/* A chunk, or NULL where the pool has none that is free, and no room for more: it takes half of the budget at
 * the most. Who has more records than that needs the other half for the table of these records. */
void *diffd_chunk_pool_get(struct diffd_chunk_pool *pool);
/* A chunk that must be had, whether the budget has room for it or not. DIFFD_NO_MEMORY. */
enum diffd_status diffd_chunk_pool_force(struct diffd_chunk_pool *pool, void **ret,
                                         struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_chunk_pool_put(struct diffd_chunk_pool *pool, void *chunk);

#endif
