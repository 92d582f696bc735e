/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node_set.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/scale.h"

/* word: the rank in the low 41 bits, then USED, then 22 bits of the key's high half. */
struct entry {
  uint64_t low;
  uint64_t word;
};
enum { RANK_BITS = DIFFD_POSITION_BITS + 1, TAG_SHIFT = RANK_BITS + 1, SHARD_SHIFT = 58 };
static const uint64_t RANK_MASK = ((uint64_t)1 << RANK_BITS) - 1;
static const uint64_t USED = (uint64_t)1 << RANK_BITS;

struct shard {
  pthread_mutex_t lock; /* for touch */
  struct entry *entries;
  size_t cap;
  size_t count;
};

struct diffd_node_set {
  struct shard shards[DIFFD_NODE_SHARDS];
};

enum diffd_status diffd_node_set_new(struct diffd_node_set **ret, struct diffd_error *err) {
  struct diffd_node_set *set = calloc(1, sizeof *set);
  if (set == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the touched nodes");
  for (size_t i = 0; i < DIFFD_NODE_SHARDS; i++)
    pthread_mutex_init(&set->shards[i].lock, NULL);
  *ret = set;
  return DIFFD_OK;
}

void diffd_node_set_destroy(struct diffd_node_set *set) {
  if (set == NULL)
    return;
  for (size_t i = 0; i < DIFFD_NODE_SHARDS; i++) {
    pthread_mutex_destroy(&set->shards[i].lock);
    free(set->shards[i].entries);
  }
  free(set);
}

static struct shard *shard_of(struct diffd_node_set *set, struct diffd_key key) {
  return &set->shards[key.high >> SHARD_SHIFT];
}

static uint64_t tag_of(struct diffd_key key) {
  return USED | key.high << TAG_SHIFT;
}

/* The entry of a key, or the empty one where it would stand. The shard is never full. */
static struct entry *find(const struct shard *shard, uint64_t low, uint64_t tag) {
  size_t at = (size_t)diffd_scale(low, shard->cap);
  for (;;) {
    struct entry *entry = &shard->entries[at];
    uint64_t word = __atomic_load_n(&entry->word, __ATOMIC_RELAXED);
    if (word == 0 || (entry->low == low && (word & ~RANK_MASK) == tag))
      return entry;
    if (++at == shard->cap)
      at = 0;
  }
}

static enum diffd_status grow(struct shard *shard, size_t number, struct diffd_error *err) {
  struct shard grown = *shard;
  /* Each shard begins with another size, so that they do not double all at once. */
  grown.cap = shard->cap == 0 ? DIFFD_NODE_SHARDS + number : 2 * shard->cap;
  grown.entries = calloc(grown.cap, sizeof *grown.entries);
  if (grown.entries == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for more touched nodes");
  for (size_t i = 0; i < shard->cap; i++)
    if (shard->entries[i].word != 0)
      *find(&grown, shard->entries[i].low, shard->entries[i].word & ~RANK_MASK) = shard->entries[i];
  free(shard->entries);
  shard->entries = grown.entries;
  shard->cap = grown.cap;
  return DIFFD_OK;
}

enum diffd_status diffd_node_set_touch(struct diffd_node_set *set, struct diffd_key key,
                                       struct diffd_error *err) {
  struct shard *shard = shard_of(set, key);
  enum diffd_status status = DIFFD_OK;
  pthread_mutex_lock(&shard->lock);
  if (4 * (shard->count + 1) > 3 * shard->cap)
    status = grow(shard, (size_t)(shard - set->shards), err);
  if (status == DIFFD_OK) {
    struct entry *entry = find(shard, key.low, tag_of(key));
    if (entry->word == 0) {
      *entry = (struct entry){key.low, tag_of(key)};
      shard->count++;
    }
  }
  pthread_mutex_unlock(&shard->lock);
  return status;
}

void diffd_node_set_note(struct diffd_node_set *set, struct diffd_key key, uint64_t rank) {
  const struct shard *shard = shard_of(set, key);
  if (shard->count == 0)
    return;
  struct entry *entry = find(shard, key.low, tag_of(key));
  uint64_t word = __atomic_load_n(&entry->word, __ATOMIC_RELAXED);
  while (word != 0 && (word & RANK_MASK) < rank)
    if (__atomic_compare_exchange_n(&entry->word, &word, (word & ~RANK_MASK) | rank, true, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED))
      return;
}

enum diffd_status diffd_node_set_take_ranks(struct diffd_node_set *set, uint64_t **ret, size_t *ret_count,
                                            struct diffd_error *err) {
  size_t cap = 0;
  for (size_t i = 0; i < DIFFD_NODE_SHARDS; i++)
    cap += set->shards[i].count;
  uint64_t *ranks = malloc((cap + 1) * sizeof *ranks);
  if (ranks == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the places of %zu nodes", cap);
  size_t count = 0;
  for (size_t i = 0; i < DIFFD_NODE_SHARDS; i++) {
    struct shard *shard = &set->shards[i];
    for (size_t at = 0; at < shard->cap; at++)
      if ((shard->entries[at].word & RANK_MASK) != 0)
        ranks[count++] = shard->entries[at].word & RANK_MASK;
    free(shard->entries);
    shard->entries = NULL;
    shard->cap = shard->count = 0;
  }
  *ret = ranks;
  *ret_count = count;
  return DIFFD_OK;
}
