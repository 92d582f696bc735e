/* SPDX-License-Identifier: Apache-2.0 */
#include "core/edge_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/scale.h"

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

struct copy {
  uint64_t slot;
  uint64_t position;
};

struct part {
  struct slot *slots;
  uint64_t row_count;
  struct copy *copies; /* positions beyond a slot's own */
  size_t copy_count;
  size_t copy_cap;
};

struct diffd_edge_table {
  struct diffd_partitions *records;
  struct diffd_budget *budget;
  struct part parts[DIFFD_PARTITIONS];
  struct slot *slots; /* of all parts */
  size_t slots_bytes; /* taken from the budget */
  void *mapped;       /* what the slots are in, or NULL */
  size_t mapped_bytes;
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
  if (table->mapped != NULL)
    (void)munmap(table->mapped, table->mapped_bytes);
  diffd_budget_give(table->budget, table->slots_bytes);
  diffd_partitions_destroy(table->records);
  free(table);
}

/* Three quarters full at the most, and never quite full. */
static uint64_t rows_for(uint64_t records) {
  return records / 3 + 1;
}

/* Memory of zeros that begins with a huge page, so that it can consist of them: look-ups go everywhere, and
 * with small pages most of their time would be address translation. */
static enum diffd_status map_slots(struct diffd_edge_table *table, size_t bytes, struct diffd_error *err) {
  enum { HUGE_PAGE = 2 * 1024 * 1024 };
  size_t mapped_bytes = bytes + HUGE_PAGE;
  char *mapped = mmap(NULL, mapped_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED)
    return diffd_fail_errno(err, errno, "making a table of %zu bytes for previous's edges", bytes);
  table->mapped = mapped;
  table->mapped_bytes = mapped_bytes;
  table->slots = (struct slot *)(void *)(mapped + (HUGE_PAGE - (uintptr_t)mapped % HUGE_PAGE));
  (void)madvise(table->slots, bytes, MADV_HUGEPAGE);
  return DIFFD_OK;
}

enum diffd_status diffd_edge_table_make_room(struct diffd_edge_table *table, struct diffd_error *err) {
  uint64_t total = 0;
  for (unsigned i = 0; i < DIFFD_PARTITIONS; i++)
    total += rows_for(diffd_partitions_count(table->records, i));
  size_t bytes = total * ROW * sizeof(struct slot);
  if (diffd_partitions_spilled(table->records) || !diffd_budget_take(table->budget, bytes))
    return DIFFD_NOT_FOUND;
  table->slots_bytes = bytes;
  enum diffd_status status = map_slots(table, bytes, err);
  if (status != DIFFD_OK)
    return status;
  uint64_t first = 0;
  for (unsigned i = 0; i < DIFFD_PARTITIONS; i++) {
    table->parts[i].slots = table->slots + first * ROW;
    table->parts[i].row_count = rows_for(diffd_partitions_count(table->records, i));
    first += table->parts[i].row_count;
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
  struct part *part;
};

static enum diffd_status insert(void *arg, const struct diffd_record *records, size_t count,
                                struct diffd_error *err) {
  const struct insertion *in = arg;
  struct part *part = in->part;
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
    enum diffd_status status =
        add_copy(in->table, part, (uint64_t)(slot - part->slots), records[i].b & POSITION_MASK, err);
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

static enum diffd_status each_unseen(const struct part *part, diffd_place_fn *each, void *arg,
                                     struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  for (uint64_t slot = 0; status == DIFFD_OK && slot < part->row_count * ROW; slot++) {
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
  part->row_count = rows_for(diffd_partitions_count(table->records, partition));
  size_t bytes = part->row_count * ROW * sizeof *part->slots;
  if (bytes > table->budget->limit_bytes)
    return diffd_fail(
        err, DIFFD_NO_MEMORY,
        "the memory limit is too small for this graph: a 256th of its edges needs %zu bytes; raise it",
        bytes);
  /* The records that the partition gives back make room for most of it. */
  diffd_budget_force(table->budget, bytes);
  enum diffd_status status = DIFFD_OK;
  part->slots = calloc(part->row_count * ROW, sizeof *part->slots);
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
