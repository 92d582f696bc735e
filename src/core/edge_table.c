/* SPDX-License-Identifier: Apache-2.0 */
#include "core/edge_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/scale.h"

/* A record, and a slot, are the key's low half and a word of three fields; a word of 0 is an empty slot. Of
 * the key's high half the top 8 bits are the partition, the next 23 are kept: 95 bits in all, an error chance
 * of 1e-14 for 20 million edges against 20 million. */
struct entry {
  uint64_t low;
  uint64_t word; /* position in the low 40 bits, then SEEN, then 23 bits of the key */
};
static const uint64_t POSITION_MASK = ((uint64_t)1 << DIFFD_POSITION_BITS) - 1;
static const uint64_t SEEN = (uint64_t)1 << DIFFD_POSITION_BITS;
enum { TAG_SHIFT = DIFFD_POSITION_BITS + 1, KEY_TAG_SHIFT = 56 - 23 };
static const uint64_t TAG_MASK = (((uint64_t)1 << 23) - 1) << TAG_SHIFT;

/* Small enough that 256 half-filled ones a thread are no burden. */
enum { CHUNK_ENTRIES = 1023 };
struct chunk {
  struct chunk *before;
  uint64_t count;
  struct entry entries[CHUNK_ENTRIES];
};

struct copy {
  uint64_t slot;
  uint64_t position;
};

struct partition {
  uint64_t first_slot;
  uint64_t slot_count;
  struct copy *copies; /* positions beyond a slot's own */
  size_t copy_count;
  size_t copy_cap;
};

struct diffd_edge_table {
  unsigned threads;
  struct chunk **chunks; /* the newest chunk of [thread][partition] */
  struct partition partitions[DIFFD_EDGE_PARTITIONS];
  struct entry *slots;
  size_t slots_bytes;
};

enum diffd_status diffd_edge_table_new(unsigned threads, struct diffd_edge_table **ret,
                                       struct diffd_error *err) {
  struct diffd_edge_table *table = calloc(1, sizeof *table);
  if (table == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the table of edges");
  table->threads = threads;
  table->chunks = calloc((size_t)threads * DIFFD_EDGE_PARTITIONS, sizeof(struct chunk *));
  if (table->chunks == NULL) {
    free(table);
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the table of edges");
  }
  *ret = table;
  return DIFFD_OK;
}

static void free_chunks(struct chunk *newest) {
  while (newest != NULL) {
    struct chunk *before = newest->before;
    free(newest);
    newest = before;
  }
}

void diffd_edge_table_destroy(struct diffd_edge_table *table) {
  if (table == NULL)
    return;
  for (size_t i = 0; i < (size_t)table->threads * DIFFD_EDGE_PARTITIONS; i++)
    free_chunks(table->chunks[i]);
  for (size_t i = 0; i < DIFFD_EDGE_PARTITIONS; i++)
    free(table->partitions[i].copies);
  if (table->slots != NULL)
    (void)munmap(table->slots, table->slots_bytes);
  free(table->chunks);
  free(table);
}

static unsigned partition_of(struct diffd_key key) {
  return (unsigned)(key.high >> 56);
}

static uint64_t tag_of(struct diffd_key key) {
  return key.high >> KEY_TAG_SHIFT << TAG_SHIFT & TAG_MASK;
}

enum diffd_status diffd_edge_table_append(struct diffd_edge_table *table, unsigned thread,
                                          struct diffd_key key, uint64_t position, struct diffd_error *err) {
  struct chunk **newest = &table->chunks[(size_t)thread * DIFFD_EDGE_PARTITIONS + partition_of(key)];
  if (*newest == NULL || (*newest)->count == CHUNK_ENTRIES) {
    struct chunk *chunk = malloc(sizeof *chunk);
    if (chunk == NULL)
      return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for more edges");
    chunk->before = *newest;
    chunk->count = 0;
    *newest = chunk;
  }
  (*newest)->entries[(*newest)->count++] = (struct entry){key.low, tag_of(key) | position};
  return DIFFD_OK;
}

static uint64_t appended(const struct diffd_edge_table *table, unsigned partition) {
  uint64_t count = 0;
  for (size_t thread = 0; thread < table->threads; thread++)
    for (const struct chunk *c = table->chunks[thread * DIFFD_EDGE_PARTITIONS + partition]; c != NULL;
         c = c->before)
      count += c->count;
  return count;
}

enum diffd_status diffd_edge_table_begin_build(struct diffd_edge_table *table, struct diffd_error *err) {
  uint64_t total = 0;
  for (unsigned i = 0; i < DIFFD_EDGE_PARTITIONS; i++) {
    /* Three quarters full, and never quite full. */
    table->partitions[i].first_slot = total;
    table->partitions[i].slot_count = appended(table, i) * 4 / 3 + 1;
    total += table->partitions[i].slot_count;
  }
  table->slots_bytes = total * sizeof(struct entry);
  void *slots = mmap(NULL, table->slots_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (slots == MAP_FAILED)
    return diffd_fail_errno(err, errno, "making a table of %zu bytes for previous's edges",
                            table->slots_bytes);
  /* Look-ups go everywhere; with small pages most of their time would be address translation. */
  (void)madvise(slots, table->slots_bytes, MADV_HUGEPAGE);
  table->slots = slots;
  return DIFFD_OK;
}

/* Where a key's search begins: its low half's upper bits, scaled to the partition. */
static uint64_t first_slot(const struct partition *partition, uint64_t low) {
  return partition->first_slot + diffd_scale(low, partition->slot_count);
}

static uint64_t next_slot(const struct partition *partition, uint64_t slot) {
  slot++;
  return slot == partition->first_slot + partition->slot_count ? partition->first_slot : slot;
}

static enum diffd_status add_copy(struct partition *partition, uint64_t slot, uint64_t position,
                                  struct diffd_error *err) {
  if (partition->copy_count == partition->copy_cap) {
    size_t cap = partition->copy_cap + partition->copy_cap / 2 + 16;
    struct copy *copies = realloc(partition->copies, cap * sizeof *copies);
    if (copies == NULL)
      return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for more copies of one edge");
    partition->copies = copies;
    partition->copy_cap = cap;
  }
  partition->copies[partition->copy_count++] = (struct copy){slot, position};
  return DIFFD_OK;
}

static enum diffd_status insert(struct diffd_edge_table *table, struct partition *partition,
                                struct entry entry, struct diffd_error *err) {
  uint64_t slot = first_slot(partition, entry.low);
  for (; table->slots[slot].word != 0; slot = next_slot(partition, slot)) {
    const struct entry *there = &table->slots[slot];
    if (there->low == entry.low && ((there->word ^ entry.word) & TAG_MASK) == 0)
      return add_copy(partition, slot, entry.word & POSITION_MASK, err);
  }
  table->slots[slot] = entry;
  return DIFFD_OK;
}

enum diffd_status diffd_edge_table_build(struct diffd_edge_table *table, unsigned partition,
                                         struct diffd_error *err) {
  for (size_t thread = 0; thread < table->threads; thread++) {
    struct chunk **newest = &table->chunks[thread * DIFFD_EDGE_PARTITIONS + partition];
    while (*newest != NULL) {
      struct chunk *chunk = *newest;
      for (uint64_t i = 0; i < chunk->count; i++) {
        enum diffd_status status = insert(table, &table->partitions[partition], chunk->entries[i], err);
        if (status != DIFFD_OK)
          return status;
      }
      *newest = chunk->before;
      free(chunk);
    }
  }
  return DIFFD_OK;
}

void diffd_edge_table_prefetch(const struct diffd_edge_table *table, struct diffd_key key) {
  __builtin_prefetch(&table->slots[first_slot(&table->partitions[partition_of(key)], key.low)]);
}

bool diffd_edge_table_see(struct diffd_edge_table *table, struct diffd_key key) {
  const struct partition *partition = &table->partitions[partition_of(key)];
  uint64_t tag = tag_of(key);
  uint64_t slot = first_slot(partition, key.low);
  for (;; slot = next_slot(partition, slot)) {
    struct entry *there = &table->slots[slot];
    uint64_t word = __atomic_load_n(&there->word, __ATOMIC_RELAXED);
    if (word == 0)
      return false;
    if (there->low == key.low && (word & TAG_MASK) == tag) {
      if ((word & SEEN) == 0)
        __atomic_fetch_or(&there->word, SEEN, __ATOMIC_RELAXED);
      return true;
    }
  }
}

void diffd_edge_table_each_unseen(const struct diffd_edge_table *table, unsigned partition,
                                  void (*each)(void *arg, uint64_t position), void *arg) {
  const struct partition *p = &table->partitions[partition];
  for (uint64_t slot = p->first_slot; slot < p->first_slot + p->slot_count; slot++) {
    uint64_t word = table->slots[slot].word;
    if (word != 0 && (word & SEEN) == 0)
      each(arg, word & POSITION_MASK);
  }
  for (size_t i = 0; i < p->copy_count; i++)
    if ((table->slots[p->copies[i].slot].word & SEEN) == 0)
      each(arg, p->copies[i].position);
}
