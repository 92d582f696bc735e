/* SPDX-License-Identifier: Apache-2.0 */
#include "core/edge_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/scale.h"
#include "core/pages.h"

/* A slot is a record with one bit between position and tag; a word of 0 is an empty slot. Four slots are a
 * row, which is a cache line. A key belongs to a row, and stands in the first empty slot of that or, for one
 * key in seven, of a row after it: so most look-ups need one cache line, and four comparisons without a
 * branch. */
struct slot {
  uint64_t low;
  uint64_t word;
};
enum { ROW = 4 };
static const uint64_t POSITION_MASK = ((uint64_t)1 << DIFFD_POSITION_BITS) - 1;
static const uint64_t SEEN = (uint64_t)1 << DIFFD_POSITION_BITS;
enum { TAG_SHIFT = DIFFD_POSITION_BITS + 1 };
static const uint64_t TAG_MASK = (((uint64_t)1 << DIFFD_TAG_BITS) - 1) << TAG_SHIFT;

struct part {
  struct slot *slots;
  uint64_t row_count;
};

struct diffd_edge_table {
  struct diffd_partitions *records;
  struct diffd_partitions *copies; /* {slot, position}, of positions beyond a slot's own */
  struct diffd_budget *budget;
  struct part parts[DIFFD_PARTITIONS];
  struct slot *slots; /* of all parts */
  size_t slots_bytes;
};

struct diffd_record diffd_edge_record(struct diffd_key key, uint64_t position) {
  return (struct diffd_record){key.low, diffd_key_tag(key) << TAG_SHIFT | position};
}

void diffd_edge_table_destroy(struct diffd_edge_table *table) {
  if (table == NULL)
    return;
  diffd_pages_free(table->slots, table->slots_bytes);
  diffd_budget_give(table->budget, table->slots_bytes);
  diffd_partitions_destroy(table->copies);
  diffd_partitions_destroy(table->records);
  free(table);
}

/* Three quarters full at the most, and never quite full. */
static uint64_t rows_for(uint64_t records) {
  return records / 3 + 1;
}

static uint64_t count_rows(const struct diffd_partitions *records) {
  uint64_t total = 0;
  for (unsigned i = 0; i < DIFFD_PARTITIONS; i++)
    total += rows_for(diffd_partitions_count(records, i));
  return total;
}

static void deal_rows(struct diffd_edge_table *table) {
  uint64_t first = 0;
  for (unsigned i = 0; i < DIFFD_PARTITIONS; i++) {
    table->parts[i].slots = table->slots + first * ROW;
    table->parts[i].row_count = rows_for(diffd_partitions_count(table->records, i));
    first += table->parts[i].row_count;
  }
}

enum diffd_status diffd_edge_table_new(struct diffd_partitions *records, struct diffd_budget *budget,
                                       struct diffd_edge_table **ret, struct diffd_error *err) {
  size_t bytes = count_rows(records) * ROW * sizeof(struct slot);
  if (diffd_partitions_spilled(records) || !diffd_budget_take(budget, bytes))
    return DIFFD_NOT_FOUND;
  struct diffd_partitions *copies = NULL;
  enum diffd_status status = diffd_partitions_like(records, &copies, err);
  struct diffd_edge_table *table = calloc(1, sizeof *table);
  /* It begins with a huge page, so that it can consist of them: look-ups go everywhere, and with small pages
   * most of their time would be address translation. */
  struct slot *slots = diffd_pages_new(bytes, DIFFD_HUGE_PAGE);
  if (status == DIFFD_OK && (table == NULL || slots == NULL))
    status =
        diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a table of %zu bytes for previous's edges", bytes);
  if (status != DIFFD_OK) {
    diffd_pages_free(slots, bytes);
    diffd_budget_give(budget, bytes);
    diffd_partitions_destroy(copies);
    free(table);
    return status;
  }
  table->records = records;
  table->copies = copies;
  table->budget = budget;
  table->slots = slots;
  table->slots_bytes = bytes;
  deal_rows(table);
  *ret = table;
  return DIFFD_OK;
}

static struct slot *row_of(const struct part *part, uint64_t low) {
  return part->slots + diffd_scale(low, part->row_count) * ROW;
}

_Static_assert(ROW == 4, "a row's slots are written out where compilers leave loops");

/* A bit for each slot of a row that has this low half. */
static inline unsigned equal_slots(const struct slot *row, uint64_t low) {
  return (unsigned)(row[0].low == low) | (unsigned)(row[1].low == low) << 1 |
         (unsigned)(row[2].low == low) << 2 | (unsigned)(row[3].low == low) << 3;
}

/* A bit for each slot of a row that is empty, while the table is built. */
static inline unsigned empty_slots(const struct slot *row) {
  return (unsigned)(row[0].word == 0) | (unsigned)(row[1].word == 0) << 1 |
         (unsigned)(row[2].word == 0) << 2 | (unsigned)(row[3].word == 0) << 3;
}

/* A record's own slot, or the empty one where it would stand. */
static struct slot *find(const struct part *part, uint64_t low, uint64_t tag) {
  struct slot *slot = row_of(part, low);
  const struct slot *end = part->slots + part->row_count * ROW;
  for (;;) {
    uint64_t word = __atomic_load_n(&slot->word, __ATOMIC_RELAXED);
    if (word == 0 || (slot->low == low && (word & TAG_MASK) == tag))
      return slot;
    if (++slot == end)
      slot = part->slots;
  }
}

struct insertion {
  struct diffd_edge_table *table;
  const struct part *part;
  unsigned thread;
  unsigned partition;
};

static enum diffd_status insert(void *arg, const struct diffd_record *records, size_t count,
                                struct diffd_error *err) {
  const struct insertion *in = arg;
  const struct part *part = in->part;
  enum { LOOK_AHEAD = 8 }; /* records whose rows are on their way */
  for (size_t i = 0; i < count; i++) {
    __builtin_prefetch(row_of(part, records[i + LOOK_AHEAD < count ? i + LOOK_AHEAD : i].a), 1);
    struct slot *slot = row_of(part, records[i].a);
    unsigned empty = empty_slots(slot);
    if (__builtin_expect(equal_slots(slot, records[i].a) == 0 && empty != 0, 1))
      slot += __builtin_ctz(empty);
    else
      slot = find(part, records[i].a, records[i].b & TAG_MASK);
    if (slot->word == 0) {
      *slot = (struct slot){records[i].a, records[i].b};
      continue;
    }
    struct diffd_record copy = {(uint64_t)(slot - part->slots), diffd_record_position(records[i])};
    enum diffd_status status =
        diffd_partitions_append(in->table->copies, in->thread, in->partition, copy, err);
    if (status != DIFFD_OK)
      return status;
  }
  return DIFFD_OK;
}

enum diffd_status diffd_edge_table_build(struct diffd_edge_table *table, unsigned thread, unsigned partition,
                                         struct diffd_error *err) {
  struct insertion in = {table, &table->parts[partition], thread, partition};
  return diffd_partitions_take(table->records, partition, insert, &in, err);
}

void diffd_edge_table_prefetch(const struct diffd_edge_table *table, struct diffd_key key) {
  const struct slot *row = row_of(&table->parts[diffd_key_partition(key)], key.low);
  __builtin_prefetch(row, 1);
  __builtin_prefetch(row + ROW, 1); /* one look-up in six goes on there */
}

/* True where the slot is not empty, and marked as seen then. */
static bool mark_seen(struct slot *slot, uint64_t word) {
  /* Nothing but this bit ever changes now, so that a plain store loses nobody's. */
  if (word != 0 && (word & SEEN) == 0)
    __atomic_store_n(&slot->word, word | SEEN, __ATOMIC_RELAXED);
  return word != 0;
}

static bool see(struct part *part, uint64_t low, uint64_t tag) {
  struct slot *slot = row_of(part, low);
  unsigned equal = equal_slots(slot, low);
  if (equal != 0)
    slot += __builtin_ctz(equal);
  uint64_t word = __atomic_load_n(&slot->word, __ATOMIC_RELAXED);
  if (__builtin_expect(equal == 0 || (word & TAG_MASK) != tag, 0)) {
    slot = find(part, low, tag);
    word = __atomic_load_n(&slot->word, __ATOMIC_RELAXED);
  }
  return mark_seen(slot, word);
}

bool diffd_edge_table_see(struct diffd_edge_table *table, struct diffd_key key) {
  return see(&table->parts[diffd_key_partition(key)], key.low, diffd_key_tag(key) << TAG_SHIFT);
}

struct unseen {
  const struct part *part;
  void (*each)(void *arg, uint64_t position);
  void *arg;
};

static enum diffd_status each_unseen_copy(void *arg, const struct diffd_record *copies, size_t count,
                                          struct diffd_error *err) {
  (void)err;
  const struct unseen *unseen = arg;
  for (size_t i = 0; i < count; i++)
    if ((unseen->part->slots[copies[i].a].word & SEEN) == 0)
      unseen->each(unseen->arg, copies[i].b);
  return DIFFD_OK;
}

enum diffd_status diffd_edge_table_each_unseen(const struct diffd_edge_table *table, unsigned partition,
                                               void (*each)(void *arg, uint64_t position), void *arg,
                                               struct diffd_error *err) {
  struct unseen unseen = {&table->parts[partition], each, arg};
  const struct part *part = unseen.part;
  for (uint64_t slot = 0; slot < part->row_count * ROW; slot++) {
    uint64_t word = part->slots[slot].word;
    if (word != 0 && (word & SEEN) == 0)
      each(arg, word & POSITION_MASK);
  }
  return diffd_partitions_each(table->copies, partition, each_unseen_copy, &unseen, err);
}
