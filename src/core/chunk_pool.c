/* SPDX-License-Identifier: Apache-2.0 */
#include "core/chunk_pool.h"

#include "core/pages.h"

enum {
  SLAB_BYTES = DIFFD_HUGE_PAGE,
  SLAB_HEAD = 64,
  SLAB_CHUNKS = (SLAB_BYTES - SLAB_HEAD) / DIFFD_CHUNK_BYTES,
};

struct free_chunk {
  struct free_chunk *next;
};

/* Stands at the slab's begin, which is a multiple of its size: so a chunk's address tells its slab. */
struct diffd_slab {
  struct diffd_slab *next; /* in the pool's list, while it has free chunks */
  struct diffd_slab *prev;
  struct free_chunk *freed;
  unsigned fresh; /* the first chunk that was never used: its pages are no memory yet */
  unsigned used;
};
_Static_assert(sizeof(struct diffd_slab) <= SLAB_HEAD, "a slab's head has its place");

void diffd_chunk_pool_init(struct diffd_chunk_pool *pool, struct diffd_budget *budget) {
  *pool = (struct diffd_chunk_pool){.budget = budget};
  pthread_mutex_init(&pool->lock, NULL);
}

void diffd_chunk_pool_clean_up(struct diffd_chunk_pool *pool) {
  pthread_mutex_destroy(&pool->lock);
}

static void open_slab_locked(struct diffd_chunk_pool *pool, struct diffd_slab *slab) {
  slab->prev = NULL;
  slab->next = pool->open;
  if (slab->next != NULL)
    slab->next->prev = slab;
  pool->open = slab;
}

static void close_slab_locked(struct diffd_chunk_pool *pool, struct diffd_slab *slab) {
  if (slab->prev != NULL)
    slab->prev->next = slab->next;
  else
    pool->open = slab->next;
  if (slab->next != NULL)
    slab->next->prev = slab->prev;
}

/* Chunks that are free in a slab are kept for those that must be had, once others have their half. */
static bool has_room_locked(const struct diffd_chunk_pool *pool) {
  return (pool->used + 1) * DIFFD_CHUNK_BYTES <= pool->budget->limit_bytes / 2;
}

/* Adds a slab; false where there is no room for it. */
static bool add_slab_locked(struct diffd_chunk_pool *pool, bool force) {
  if (force)
    diffd_budget_force(pool->budget, SLAB_BYTES);
  else if (!diffd_budget_take(pool->budget, SLAB_BYTES))
    return false;
  struct diffd_slab *slab = diffd_pages_new(SLAB_BYTES, SLAB_BYTES);
  if (slab == NULL) {
    diffd_budget_give(pool->budget, SLAB_BYTES);
    return false;
  }
  open_slab_locked(pool, slab);
  return true;
}

static void *get(struct diffd_chunk_pool *pool, bool force) {
  void *chunk = NULL;
  pthread_mutex_lock(&pool->lock);
  if ((force || has_room_locked(pool)) && (pool->open != NULL || add_slab_locked(pool, force))) {
    struct diffd_slab *slab = pool->open;
    if (slab->freed != NULL) {
      chunk = slab->freed;
      slab->freed = slab->freed->next;
    } else {
      chunk = (char *)slab + SLAB_HEAD + (size_t)slab->fresh++ * DIFFD_CHUNK_BYTES;
    }
    slab->used++;
    pool->used++;
    if (slab->used == SLAB_CHUNKS)
      close_slab_locked(pool, slab);
  }
  pthread_mutex_unlock(&pool->lock);
  return chunk;
}

void *diffd_chunk_pool_get(struct diffd_chunk_pool *pool) {
  return get(pool, false);
}

enum diffd_status diffd_chunk_pool_force(struct diffd_chunk_pool *pool, void **ret, struct diffd_error *err) {
  *ret = get(pool, true);
  return *ret != NULL ? DIFFD_OK : diffd_fail(err, DIFFD_NO_MEMORY, "no memory for records of edges");
}

void diffd_chunk_pool_put(struct diffd_chunk_pool *pool, void *chunk) {
  struct diffd_slab *slab = (struct diffd_slab *)((uintptr_t)chunk & ~(uintptr_t)(SLAB_BYTES - 1));
  struct free_chunk *freed = chunk;
  pthread_mutex_lock(&pool->lock);
  freed->next = slab->freed;
  slab->freed = freed;
  if (slab->used == SLAB_CHUNKS)
    open_slab_locked(pool, slab);
  slab->used--;
  pool->used--;
  bool empty = slab->used == 0;
  if (empty)
    close_slab_locked(pool, slab);
  pthread_mutex_unlock(&pool->lock);
  if (!empty)
    return;
  diffd_pages_free(slab, SLAB_BYTES);
  diffd_budget_give(pool->budget, SLAB_BYTES);
}
