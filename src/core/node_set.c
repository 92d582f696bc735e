/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node_set.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/scale.h"
#include "core/key_range.h"
#include "core/pages.h"

/* word: the rank in the low 41 bits, then the tag; with USED in its top bit, so that it is never 0. A record
 * in a partition is the same. */
struct entry {
  uint64_t low;
  uint64_t word;
};
enum { SHARDS = 64, RANK_BITS = DIFFD_POSITION_BITS + 1, TAG_BITS = 22 };
static const uint64_t RANK_MASK = ((uint64_t)1 << RANK_BITS) - 1;
static const uint64_t USED = (uint64_t)1 << 63;

enum {
  PAGES_MIN = 64 * 1024,       /* bytes of entries that are pages of their own */
  PART_BYTES_MIN = 256 * 1024, /* that the table of a partition may always have */
  BATCH_RANKS = 128 * 1024,    /* handed over at once where not all may be */
};

struct shard {
  pthread_mutex_t lock;  /* for touch */
  struct entry *entries; /* atomic, for prefetch; written under the lock */
  size_t cap;            /* likewise */
  size_t first_cap;      /* another for each, so that they do not double all at once */
  size_t count;
  bool stuck; /* may grow no more: what it lacks is in the partitions */
};

/* Cache lines of its own for each, since threads touch neighbours at once. */
struct shard_place {
  alignas(64) struct shard shard;
};

struct diffd_node_set {
  struct diffd_budget *budget;
  struct diffd_partitions *touched; /* beyond the shards */
  struct diffd_partitions *noted;   /* statements of nodes that no shard has */
  struct shard_place places[SHARDS];
};

enum diffd_status diffd_node_set_new(unsigned threads, struct diffd_chunk_pool *pool, const char *tmp_dir,
                                     struct diffd_node_set **ret, struct diffd_error *err) {
  struct diffd_node_set *set = aligned_alloc(alignof(struct diffd_node_set), sizeof *set);
  if (set == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the touched nodes");
  memset(set, 0, sizeof *set);
  set->budget = pool->budget;
  for (size_t i = 0; i < SHARDS; i++) {
    pthread_mutex_init(&set->places[i].shard.lock, NULL);
    set->places[i].shard.first_cap = SHARDS + i;
  }
  enum diffd_status status = diffd_partitions_new(threads, pool, tmp_dir, &set->touched, err);
  if (status == DIFFD_OK)
    status = diffd_partitions_like(set->touched, &set->noted, err);
  if (status == DIFFD_OK)
    *ret = set;
  else
    diffd_node_set_destroy(set);
  return status;
}

static void set_entries(struct shard *shard, struct entry *entries, size_t cap) {
  __atomic_store_n(&shard->entries, entries, __ATOMIC_RELAXED);
  __atomic_store_n(&shard->cap, cap, __ATOMIC_RELAXED);
}

static struct entry *new_entries(size_t cap) {
  size_t bytes = cap * sizeof(struct entry);
  enum { PAGE = 4096 };
  if (bytes < PAGES_MIN)
    return calloc(cap, sizeof(struct entry));
  return diffd_pages_new(bytes, bytes < DIFFD_HUGE_PAGE ? PAGE : DIFFD_HUGE_PAGE);
}

static void drop_entries(struct diffd_node_set *set, struct shard *shard) {
  size_t bytes = shard->cap * sizeof *shard->entries;
  if (bytes < PAGES_MIN)
    free(shard->entries);
  else
    diffd_pages_free(shard->entries, bytes);
  diffd_budget_give(set->budget, bytes);
  set_entries(shard, NULL, 0);
  shard->count = 0;
}

void diffd_node_set_destroy(struct diffd_node_set *set) {
  if (set == NULL)
    return;
  for (size_t i = 0; i < SHARDS; i++) {
    pthread_mutex_destroy(&set->places[i].shard.lock);
    drop_entries(set, &set->places[i].shard);
  }
  diffd_partitions_destroy(set->touched);
  diffd_partitions_destroy(set->noted);
  free(set);
}

static struct shard *shard_of(struct diffd_node_set *set, struct diffd_key key) {
  return &set->places[key.high >> 58].shard;
}

/* Bits of the key's high half that neither shard nor partition are chosen by. */
static uint64_t tag_of(struct diffd_key key) {
  return USED | (key.high >> 8 & (((uint64_t)1 << TAG_BITS) - 1)) << RANK_BITS;
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

static bool has_room(const struct shard *shard) {
  return 4 * (shard->count + 1) <= 3 * shard->cap;
}

/* Makes the shard `cap` entries large; false where there is no memory for it. */
static bool resize(struct diffd_node_set *set, struct shard *shard, size_t cap) {
  struct shard grown = *shard;
  grown.cap = cap;
  grown.entries = new_entries(cap);
  if (grown.entries == NULL)
    return false;
  for (size_t i = 0; i < shard->cap; i++)
    if (shard->entries[i].word != 0)
      *find(&grown, shard->entries[i].low, shard->entries[i].word & ~RANK_MASK) = shard->entries[i];
  size_t count = shard->count;
  drop_entries(set, shard);
  set_entries(shard, grown.entries, cap);
  shard->count = count;
  return true;
}

/* Makes room for one entry more, or finds that there will be none. */
static enum diffd_status make_room(struct diffd_node_set *set, struct shard *shard, struct diffd_error *err) {
  if (shard->stuck || has_room(shard))
    return DIFFD_OK;
  size_t cap = shard->cap == 0 ? shard->first_cap : 2 * shard->cap;
  uint64_t bytes = cap * sizeof *shard->entries;
  bool taken = true;
  if (shard->cap == 0)
    diffd_budget_force(set->budget, bytes);
  else
    taken = diffd_budget_take(set->budget, bytes);
  if (taken && resize(set, shard, cap))
    return DIFFD_OK;
  if (taken)
    diffd_budget_give(set->budget, bytes);
  if (shard->cap == 0)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the touched nodes");
  shard->stuck = true;
  return DIFFD_OK;
}

static enum diffd_status touch(struct diffd_node_set *set, unsigned thread, struct diffd_key key,
                               struct diffd_error *err) {
  struct shard *shard = shard_of(set, key);
  uint64_t tag = tag_of(key);
  pthread_mutex_lock(&shard->lock);
  enum diffd_status status = make_room(set, shard, err);
  bool beyond = false;
  if (status == DIFFD_OK) {
    struct entry *entry = find(shard, key.low, tag);
    beyond = entry->word == 0 && !has_room(shard);
    if (entry->word == 0 && !beyond) {
      *entry = (struct entry){key.low, tag};
      shard->count++;
    }
  }
  pthread_mutex_unlock(&shard->lock);
  if (status != DIFFD_OK || !beyond)
    return status;
  struct diffd_record record = {key.low, tag};
  return diffd_partitions_append(set->touched, thread, diffd_key_partition(key), record, err);
}

enum diffd_status diffd_node_set_touch(struct diffd_node_set *set, unsigned thread,
                                       const struct diffd_key *keys, size_t count, struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  for (size_t i = 0; status == DIFFD_OK && i < count; i++)
    status = touch(set, thread, keys[i], err);
  return status;
}

void diffd_node_set_prefetch(const struct diffd_node_set *set, struct diffd_key key) {
  const struct shard *shard = &set->places[key.high >> 58].shard;
  /* Another thread may give the shard other entries meanwhile: then this is in vain, and does no harm. */
  uintptr_t entries = (uintptr_t)__atomic_load_n(&shard->entries, __ATOMIC_RELAXED);
  uint64_t at = diffd_scale(key.low, __atomic_load_n(&shard->cap, __ATOMIC_RELAXED));
  __builtin_prefetch((const void *)(entries + at * sizeof(struct entry)), 1);
}

static void raise_rank(struct entry *entry, uint64_t rank) {
  uint64_t word = __atomic_load_n(&entry->word, __ATOMIC_RELAXED);
  while ((word & RANK_MASK) < rank)
    if (__atomic_compare_exchange_n(&entry->word, &word, (word & ~RANK_MASK) | rank, true, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED))
      return;
}

enum diffd_status diffd_node_set_note(struct diffd_node_set *set, unsigned thread, struct diffd_key key,
                                      uint64_t rank, struct diffd_error *err) {
  struct shard *shard = shard_of(set, key);
  if (shard->count == 0)
    return DIFFD_OK;
  struct entry *entry = find(shard, key.low, tag_of(key));
  if (__atomic_load_n(&entry->word, __ATOMIC_RELAXED) != 0)
    raise_rank(entry, rank);
  else if (shard->stuck)
    return diffd_partitions_append(set->noted, thread, diffd_key_partition(key),
                                   (struct diffd_record){key.low, tag_of(key) | rank}, err);
  return DIFFD_OK;
}

/* ---- Taking the ranks ---- */

/* Where the ranks of declared nodes go: an array, or partitions of the text. */
struct harvest {
  struct diffd_node_set *set;
  uint64_t sizes[2];
  uint64_t *ranks;
  size_t cap;
  size_t count;
  struct diffd_partitions *places;
  struct shard part; /* of a partition that is put together, or of a range of it */
  struct diffd_key_range range;
  bool full; /* the range has more nodes than the part may hold */
};

static enum diffd_status put_rank(struct harvest *harvest, uint64_t rank, struct diffd_error *err) {
  if (harvest->places == NULL) {
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): there is room for as many ranks as were counted */
    harvest->ranks[harvest->count++] = rank;
    return DIFFD_OK;
  }
  bool in_next = diffd_node_rank_in_next(rank);
  enum { HALF = DIFFD_PARTITIONS / 2 };
  uint64_t begin = diffd_node_rank_begin(rank);
  unsigned place = (unsigned)((diffd_uint128)begin * HALF / (harvest->sizes[in_next] + 1));
  return diffd_partitions_append(harvest->places, 0, (in_next ? HALF : 0) + place,
                                 (struct diffd_record){rank, 0}, err);
}

static enum diffd_status harvest_shard(struct harvest *harvest, const struct shard *shard,
                                       struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  for (size_t at = 0; status == DIFFD_OK && at < shard->cap; at++)
    if ((shard->entries[at].word & RANK_MASK) != 0)
      status = put_rank(harvest, shard->entries[at].word & RANK_MASK, err);
  return status;
}

static enum diffd_status gather_touched(void *arg, const struct diffd_record *records, size_t count,
                                        struct diffd_error *err) {
  (void)err;
  struct harvest *harvest = arg;
  struct shard *part = &harvest->part;
  for (size_t i = 0; i < count; i++) {
    if (!diffd_key_range_has(harvest->range, records[i].a))
      continue;
    struct entry *entry = find(part, diffd_key_range_hash(records[i].a), records[i].b);
    if (entry->word == 0 && !has_room(part)) {
      harvest->full = true;
      return DIFFD_NOT_FOUND; /* ends the going through; nobody is told */
    }
    part->count += entry->word == 0;
    *entry = (struct entry){diffd_key_range_hash(records[i].a), records[i].b};
  }
  return DIFFD_OK;
}

static enum diffd_status gather_noted(void *arg, const struct diffd_record *records, size_t count,
                                      struct diffd_error *err) {
  (void)err;
  const struct harvest *harvest = arg;
  for (size_t i = 0; i < count && harvest->part.count > 0; i++) {
    if (!diffd_key_range_has(harvest->range, records[i].a))
      continue;
    struct entry *entry = find(&harvest->part, diffd_key_range_hash(records[i].a), records[i].b & ~RANK_MASK);
    if (entry->word != 0)
      raise_rank(entry, records[i].b & RANK_MASK);
  }
  return DIFFD_OK;
}

/* Puts the touched nodes of a range together, and makes the range one that the part can hold. */
static enum diffd_status gather_range(struct harvest *harvest, unsigned partition, struct diffd_error *err) {
  struct shard *part = &harvest->part;
  for (;;) {
    memset(part->entries, 0, part->cap * sizeof *part->entries);
    part->count = 0;
    harvest->full = false;
    enum diffd_status status =
        diffd_partitions_each(harvest->set->touched, partition, gather_touched, harvest, err);
    if (!harvest->full)
      return status;
    if (!diffd_key_range_halve(&harvest->range))
      return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for nodes whose hashes are the same");
  }
}

static enum diffd_status harvest_partition(struct harvest *harvest, unsigned partition,
                                           struct diffd_error *err) {
  struct diffd_node_set *set = harvest->set;
  enum diffd_status status;
  harvest->range = diffd_key_range_all();
  do {
    status = gather_range(harvest, partition, err);
    if (status == DIFFD_OK)
      status = diffd_partitions_each(set->noted, partition, gather_noted, harvest, err);
    if (status == DIFFD_OK)
      status = harvest_shard(harvest, &harvest->part, err);
  } while (status == DIFFD_OK && diffd_key_range_next(&harvest->range));
  return status;
}

/* The part is as large as the largest partition needs it, or as the budget allows. */
static enum diffd_status harvest_partitions(struct harvest *harvest, struct diffd_error *err) {
  struct diffd_node_set *set = harvest->set;
  struct shard *part = &harvest->part;
  uint64_t most = 0;
  for (unsigned i = 0; i < DIFFD_PARTITIONS; i++)
    if (diffd_partitions_count(set->touched, i) > most)
      most = diffd_partitions_count(set->touched, i);
  uint64_t room = diffd_budget_left(set->budget) / 4;
  uint64_t cap_max = (room > PART_BYTES_MIN ? room : PART_BYTES_MIN) / sizeof *part->entries;
  size_t cap = (size_t)(most + most / 2 + 4 < cap_max ? most + most / 2 + 4 : cap_max);
  diffd_budget_force(set->budget, cap * sizeof *part->entries);
  set_entries(part, new_entries(cap), cap);
  enum diffd_status status = DIFFD_OK;
  if (part->entries == NULL)
    status = diffd_fail(err, DIFFD_NO_MEMORY, "no memory to put touched nodes together");
  for (unsigned i = 0; status == DIFFD_OK && i < DIFFD_PARTITIONS; i++) {
    if (diffd_partitions_count(set->touched, i) > 0)
      status = harvest_partition(harvest, i, err);
    diffd_partitions_forget(set->touched, i);
    diffd_partitions_forget(set->noted, i);
  }
  drop_entries(set, part);
  return status;
}

/* Room for so many ranks, which the caller took from the budget. */
static enum diffd_status make_ranks(struct harvest *harvest, size_t cap, struct diffd_error *err) {
  enum { PAGE = 4096 };
  harvest->cap = cap;
  harvest->ranks = cap > 0 ? diffd_pages_new(cap * sizeof *harvest->ranks, PAGE) : NULL;
  if (cap > 0 && harvest->ranks == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the places of %zu nodes", cap);
  return DIFFD_OK;
}

struct batch {
  struct harvest *harvest;
  diffd_ranks_fn *each;
  void *arg;
};

static enum diffd_status hand_over_ranks(const struct batch *batch, struct diffd_error *err) {
  size_t count = batch->harvest->count;
  batch->harvest->count = 0;
  return count > 0 ? batch->each(batch->arg, batch->harvest->ranks, count, err) : DIFFD_OK;
}

static enum diffd_status add_to_batch(void *arg, const struct diffd_record *records, size_t count,
                                      struct diffd_error *err) {
  const struct batch *batch = arg;
  struct harvest *harvest = batch->harvest;
  enum diffd_status status = DIFFD_OK;
  for (size_t i = 0; status == DIFFD_OK && i < count; i++) {
    harvest->ranks[harvest->count++] = records[i].a;
    if (harvest->count == harvest->cap)
      status = hand_over_ranks(batch, err);
  }
  return status;
}

static enum diffd_status hand_over_places(struct batch *batch, struct diffd_error *err) {
  struct harvest *harvest = batch->harvest;
  enum diffd_status status = DIFFD_OK;
  for (unsigned i = 0; status == DIFFD_OK && i < DIFFD_PARTITIONS; i++) {
    status = diffd_partitions_take(harvest->places, i, add_to_batch, batch, err);
    if (status == DIFFD_OK)
      status = hand_over_ranks(batch, err);
  }
  return status;
}

/* Everything beyond the budget: by way of partitions of the text. */
static enum diffd_status take_by_places(struct harvest *harvest, struct batch *batch,
                                        struct diffd_error *err) {
  struct diffd_node_set *set = harvest->set;
  enum diffd_status status = diffd_partitions_like(set->touched, &harvest->places, err);
  for (size_t i = 0; status == DIFFD_OK && i < SHARDS; i++) {
    status = harvest_shard(harvest, &set->places[i].shard, err);
    drop_entries(set, &set->places[i].shard);
  }
  if (status == DIFFD_OK && diffd_partitions_total(set->touched) > 0)
    status = harvest_partitions(harvest, err);
  diffd_budget_force(set->budget, BATCH_RANKS * sizeof *harvest->ranks);
  if (status == DIFFD_OK)
    status = make_ranks(harvest, BATCH_RANKS, err);
  if (status == DIFFD_OK)
    status = hand_over_places(batch, err);
  diffd_budget_give(set->budget, BATCH_RANKS * sizeof *harvest->ranks);
  diffd_partitions_destroy(harvest->places);
  return status;
}

/* All ranks at once, whose room was taken from the budget. */
static enum diffd_status take_at_once(struct harvest *harvest, size_t count, const struct batch *batch,
                                      struct diffd_error *err) {
  struct diffd_node_set *set = harvest->set;
  enum diffd_status status = make_ranks(harvest, count, err);
  for (size_t i = 0; status == DIFFD_OK && i < SHARDS; i++) {
    status = harvest_shard(harvest, &set->places[i].shard, err);
    drop_entries(set, &set->places[i].shard);
  }
  if (status == DIFFD_OK)
    status = hand_over_ranks(batch, err);
  diffd_budget_give(set->budget, count * sizeof *harvest->ranks);
  return status;
}

enum diffd_status diffd_node_set_take_ranks(struct diffd_node_set *set, uint64_t previous_size,
                                            uint64_t next_size, diffd_ranks_fn *each, void *arg,
                                            struct diffd_error *err) {
  struct harvest harvest = {.set = set, .sizes = {previous_size, next_size}};
  struct batch batch = {&harvest, each, arg};
  size_t count = 0;
  bool stuck = false;
  for (size_t i = 0; i < SHARDS; i++) {
    count += set->places[i].shard.count;
    stuck = stuck || set->places[i].shard.stuck;
  }
  bool at_once = !stuck && diffd_budget_take(set->budget, count * sizeof *harvest.ranks);
  enum diffd_status status =
      at_once ? take_at_once(&harvest, count, &batch, err) : take_by_places(&harvest, &batch, err);
  diffd_pages_free(harvest.ranks, harvest.cap * sizeof *harvest.ranks);
  return status;
}
