/* SPDX-License-Identifier: Apache-2.0 */
#include "core/edge_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/scale.h"

/* A slot is a record with one bit between position and tag; a word of 0 is an empty slot. */
struct slot {
  uint64_t low;
  uint64_t word;
};
static const uint64_t POSITION_MASK = ((uint64_t)1 << DIFFD_POSITION_BITS) - 1;
static const uint64_t SEEN = (uint64_t)1 << DIFFD_POSITION_BITS;
enum { TAG_SHIFT = DIFFD_POSITION_BITS + 1 };
static const uint64_t TAG_MASK = (((uint64_t)1 << DIFFD_TAG_BITS) - 1) << TAG_SHIFT;

struct copy {
  uint64_t slot;
  uint64_t position;
};

struct part {
  struct slot *slots;
  uint64_t slot_count;
  struct copy *copies; /* positions beyond a slot's own */
  size_t copy_count;
  size_t copy_cap;
};

struct diffd_edge_table {
  struct diffd_partitions *records;
  struct diffd_budget *budget;
  struct part parts[DIFFD_PARTITIONS];
  struct slot *slots; /* of all parts */
  size_t slots_bytes;
};

struct diffd_record diffd_edge_record(struct diffd_key key, uint64_t position) {
  return (struct diffd_record){key.low, diffd_key_tag(key) << TAG_SHIFT | position};
}

enum diffd_status diffd_edge_table_new(struct diffd_partitions *records, struct diffd_budget *budget,
                                       struct diffd_edge_table **ret, struct diffd_error *err) {
  struct diffd_edge_table *table = calloc(1, sizeof *table);
  if (table == NULL) {
    diffd_partitions_destroy(records);
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the table of edges");
  }
  table->records = records;
  table->budget = budget;
  *ret = table;
  return DIFFD_OK;
}

static void drop_copies(struct diffd_edge_table *table, struct part *part) {
  free(part->copies);
  diffd_budget_give(table->budget, part->copy_cap * sizeof *part->copies);
  part->copies = NULL;
  part->copy_count = part->copy_cap = 0;
}

void diffd_edge_table_destroy(struct diffd_edge_table *table) {
  if (table == NULL)
    return;
  for (size_t i = 0; i < DIFFD_PARTITIONS; i++)
    drop_copies(table, &table->parts[i]);
  if (table->slots != NULL) {
    (void)munmap(table->slots, table->slots_bytes);
    diffd_budget_give(table->budget, table->slots_bytes);
  }
  diffd_partitions_destroy(table->records);
  free(table);
}

/* Three quarters full at the most, and never quite full. */
static uint64_t slots_for(uint64_t records) {
  return records * 4 / 3 + 1;
}

enum diffd_status diffd_edge_table_make_room(struct diffd_edge_table *table, struct diffd_error *err) {
  uint64_t total = 0;
  for (unsigned i = 0; i < DIFFD_PARTITIONS; i++)
    total += slots_for(diffd_partitions_count(table->records, i));
  size_t bytes = total * sizeof(struct slot);
  if (diffd_partitions_spilled(table->records) || !diffd_budget_take(table->budget, bytes))
    return DIFFD_NOT_FOUND;
  void *slots = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (slots == MAP_FAILED) {
    diffd_budget_give(table->budget, bytes);
    return diffd_fail_errno(err, errno, "making a table of %zu bytes for previous's edges", bytes);
  }
  /* Look-ups go everywhere; with small pages most of their time would be address translation. */
  (void)madvise(slots, bytes, MADV_HUGEPAGE);
  table->slots = slots;
  table->slots_bytes = bytes;
  uint64_t first = 0;
  for (unsigned i = 0; i < DIFFD_PARTITIONS; i++) {
    table->parts[i].slots = table->slots + first;
    table->parts[i].slot_count = slots_for(diffd_partitions_count(table->records, i));
    first += table->parts[i].slot_count;
  }
  return DIFFD_OK;
}

static enum diffd_status add_copy(struct diffd_edge_table *table, struct part *part, uint64_t slot,
                                  uint64_t position, struct diffd_error *err) {
  if (part->copy_count == part->copy_cap) {
    size_t cap = part->copy_cap + part->copy_cap / 2 + 16;
    struct copy *copies = realloc(part->copies, cap * sizeof *copies);
    if (copies == NULL)
      return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for more copies of one edge");
    diffd_budget_force(table->budget, (cap - part->copy_cap) * sizeof *copies);
    part->copies = copies;
    part->copy_cap = cap;
  }
  part->copies[part->copy_count++] = (struct copy){slot, position};
  return DIFFD_OK;
}

static uint64_t next_slot(const struct part *part, uint64_t slot) {
  return slot + 1 == part->slot_count ? 0 : slot + 1;
}

struct insertion {
  struct diffd_edge_table *table;
  struct part *part;
};

static enum diffd_status insert(void *arg, const struct diffd_record *records, size_t count,
                                struct diffd_error *err) {
  const struct insertion *in = arg;
  struct part *part = in->part;
  for (size_t i = 0; i < count; i++) {
    uint64_t slot = diffd_scale(records[i].a, part->slot_count);
    struct slot *there = &part->slots[slot];
    while (there->word != 0 &&
           (there->low != records[i].a || ((there->word ^ records[i].b) & TAG_MASK) != 0)) {
      slot = next_slot(part, slot);
      there = &part->slots[slot];
    }
    if (there->word == 0) {
      *there = (struct slot){records[i].a, records[i].b};
      continue;
    }
    enum diffd_status status = add_copy(in->table, part, slot, records[i].b & POSITION_MASK, err);
    if (status != DIFFD_OK)
      return status;
  }
  return DIFFD_OK;
}

enum diffd_status diffd_edge_table_build(struct diffd_edge_table *table, unsigned partition,
                                         struct diffd_error *err) {
  struct insertion in = {table, &table->parts[partition]};
  return diffd_partitions_take(table->records, partition, insert, &in, err);
}

void diffd_edge_table_prefetch(const struct diffd_edge_table *table, struct diffd_key key) {
  const struct part *part = &table->parts[diffd_key_partition(key)];
  __builtin_prefetch(&part->slots[diffd_scale(key.low, part->slot_count)]);
}

static bool see(struct part *part, uint64_t low, uint64_t tag) {
  uint64_t slot = diffd_scale(low, part->slot_count);
  for (;; slot = next_slot(part, slot)) {
    struct slot *there = &part->slots[slot];
    uint64_t word = __atomic_load_n(&there->word, __ATOMIC_RELAXED);
    if (word == 0)
      return false;
    if (there->low == low && (word & TAG_MASK) == tag) {
      /* Nothing but this bit ever changes now, so that a plain store loses nobody's. */
      if ((word & SEEN) == 0)
        __atomic_store_n(&there->word, word | SEEN, __ATOMIC_RELAXED);
      return true;
    }
  }
}

bool diffd_edge_table_see(struct diffd_edge_table *table, struct diffd_key key) {
  return see(&table->parts[diffd_key_partition(key)], key.low, diffd_key_tag(key) << TAG_SHIFT);
}

static enum diffd_status each_unseen(const struct part *part, diffd_place_fn *each, void *arg,
                                     struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  for (uint64_t slot = 0; status == DIFFD_OK && slot < part->slot_count; slot++) {
    uint64_t word = part->slots[slot].word;
    if (word != 0 && (word & SEEN) == 0)
      status = each(arg, word & POSITION_MASK, err);
  }
  for (size_t i = 0; status == DIFFD_OK && i < part->copy_count; i++)
    if ((part->slots[part->copies[i].slot].word & SEEN) == 0)
      status = each(arg, part->copies[i].position, err);
  return status;
}

/* A function that cannot fail, as one that could. */
struct infallible {
  void (*each)(void *arg, uint64_t position);
  void *arg;
};

static enum diffd_status call_infallible(void *arg, uint64_t position, struct diffd_error *err) {
  (void)err;
  const struct infallible *f = arg;
  f->each(f->arg, position);
  return DIFFD_OK;
}

void diffd_edge_table_each_unseen(const struct diffd_edge_table *table, unsigned partition,
                                  void (*each)(void *arg, uint64_t position), void *arg) {
  struct diffd_error ignored;
  struct infallible f = {each, arg};
  (void)each_unseen(&table->parts[partition], call_infallible, &f, &ignored);
}

struct probe {
  struct part *part;
  diffd_place_fn *added;
  void *arg;
};

static enum diffd_status probe(void *arg, const struct diffd_record *records, size_t count,
                               struct diffd_error *err) {
  const struct probe *in = arg;
  enum diffd_status status = DIFFD_OK;
  for (size_t i = 0; status == DIFFD_OK && i < count; i++)
    if (!see(in->part, records[i].a, records[i].b & TAG_MASK))
      status = in->added(in->arg, records[i].b & POSITION_MASK, err);
  return status;
}

enum diffd_status diffd_edge_table_join(struct diffd_edge_table *table, struct diffd_partitions *next,
                                        unsigned partition, diffd_place_fn *added, diffd_place_fn *removed,
                                        void *arg, struct diffd_error *err) {
  struct part *part = &table->parts[partition];
  part->slot_count = slots_for(diffd_partitions_count(table->records, partition));
  size_t bytes = part->slot_count * sizeof *part->slots;
  if (bytes > table->budget->limit_bytes)
    return diffd_fail(
        err, DIFFD_NO_MEMORY,
        "the memory limit is too small for this graph: a 256th of its edges needs %zu bytes; raise it",
        bytes);
  /* The records that the partition gives back make room for most of it. */
  diffd_budget_force(table->budget, bytes);
  enum diffd_status status = DIFFD_OK;
  part->slots = calloc(part->slot_count, sizeof *part->slots);
  if (part->slots == NULL)
    status = diffd_fail(err, DIFFD_NO_MEMORY, "no memory to join a part of the edges");
  if (status == DIFFD_OK)
    status = diffd_edge_table_build(table, partition, err);
  struct probe in = {part, added, arg};
  if (status == DIFFD_OK)
    status = diffd_partitions_take(next, partition, probe, &in, err);
  if (status == DIFFD_OK)
    status = each_unseen(part, removed, arg, err);
  free(part->slots);
  part->slots = NULL;
  diffd_budget_give(table->budget, bytes);
  drop_copies(table, part);
  return status;
}
