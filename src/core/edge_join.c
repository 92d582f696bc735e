/* SPDX-License-Identifier: Apache-2.0 */
#include "core/edge_join.h"

#include <string.h>

#include "base/scale.h"
#include "core/edge_table.h"
#include "core/key_range.h"
#include "core/pages.h"

enum {
  TABLE_BYTES_MIN = 1024 * 1024,
  LOOK_AHEAD = 8, /* records whose slots are on their way */
};

/* A record, and in its word one bit for what next has too; a word of 0 is an empty slot. */
struct slot {
  uint64_t low;
  uint64_t word;
};
static const uint64_t SEEN = (uint64_t)1 << DIFFD_POSITION_BITS;

struct join {
  struct slot *slots;
  uint64_t cap;
  uint64_t count;
  struct diffd_key_range range;
  bool full;   /* the range has more keys than the table may hold */
  bool copies; /* some record's key was in the table already */
  bool unseen; /* some slot was not seen */
  diffd_place_fn *added;
  diffd_place_fn *removed;
  void *arg;
};

static const struct slot *place_of(const struct join *join, uint64_t low) {
  return join->slots + diffd_scale(diffd_key_range_hash(low), join->cap);
}

/* The slot of a record's key, or the empty one where it would stand. */
static struct slot *find(const struct join *join, const struct diffd_record *record) {
  struct slot *slot = join->slots + diffd_scale(diffd_key_range_hash(record->a), join->cap);
  uint64_t tag = diffd_record_tag(*record);
  for (;;) {
    if (slot->word == 0 ||
        (slot->low == record->a && diffd_record_tag((struct diffd_record){slot->low, slot->word}) == tag))
      return slot;
    if (++slot == join->slots + join->cap)
      slot = join->slots;
  }
}

/* Fetches what a record some places ahead will need. */
static void fetch_ahead(const struct join *join, const struct diffd_record *records, size_t i, size_t count) {
  if (i + LOOK_AHEAD < count)
    __builtin_prefetch(place_of(join, records[i + LOOK_AHEAD].a), 1);
}

static enum diffd_status insert(void *arg, const struct diffd_record *records, size_t count,
                                struct diffd_error *err) {
  (void)err;
  struct join *join = arg;
  for (size_t i = 0; i < count; i++) {
    fetch_ahead(join, records, i, count);
    if (!diffd_key_range_has(join->range, records[i].a))
      continue;
    struct slot *slot = find(join, &records[i]);
    if (slot->word != 0) {
      join->copies = true;
      continue;
    }
    if (4 * (join->count + 1) > 3 * join->cap) {
      join->full = true;
      return DIFFD_NOT_FOUND; /* ends the going through; nobody is told */
    }
    *slot = (struct slot){records[i].a, records[i].b};
    join->count++;
  }
  return DIFFD_OK;
}

static enum diffd_status look_up(void *arg, const struct diffd_record *records, size_t count,
                                 struct diffd_error *err) {
  const struct join *join = arg;
  enum diffd_status status = DIFFD_OK;
  for (size_t i = 0; status == DIFFD_OK && i < count; i++) {
    fetch_ahead(join, records, i, count);
    if (!diffd_key_range_has(join->range, records[i].a))
      continue;
    struct slot *slot = find(join, &records[i]);
    if (slot->word == 0)
      status = join->added(join->arg, diffd_record_position(records[i]), err);
    else
      slot->word |= SEEN;
  }
  return status;
}

static enum diffd_status sweep(struct join *join, struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  for (uint64_t i = 0; status == DIFFD_OK && i < join->cap; i++) {
    uint64_t word = join->slots[i].word;
    if (word == 0 || (word & SEEN) != 0)
      continue;
    join->unseen = true;
    status = join->removed(join->arg, diffd_record_position((struct diffd_record){0, word}), err);
  }
  return status;
}

/* Copies of unseen edges: the records that are not the one in their slot. */
static enum diffd_status remove_copies(void *arg, const struct diffd_record *records, size_t count,
                                       struct diffd_error *err) {
  const struct join *join = arg;
  enum diffd_status status = DIFFD_OK;
  for (size_t i = 0; status == DIFFD_OK && i < count; i++) {
    fetch_ahead(join, records, i, count);
    if (!diffd_key_range_has(join->range, records[i].a))
      continue;
    uint64_t word = find(join, &records[i])->word;
    if ((word & SEEN) == 0 && word != records[i].b)
      status = join->removed(join->arg, diffd_record_position(records[i]), err);
  }
  return status;
}

/* Puts previous's records of a range into the table, and makes the range one that the table can hold. */
static enum diffd_status fill(struct join *join, const struct diffd_partitions *previous, unsigned partition,
                              struct diffd_error *err) {
  for (;;) {
    memset(join->slots, 0, join->cap * sizeof *join->slots);
    join->count = 0;
    join->full = join->copies = join->unseen = false;
    enum diffd_status status = diffd_partitions_each(previous, partition, insert, join, err);
    if (!join->full)
      return status;
    if (!diffd_key_range_halve(&join->range))
      return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for edges whose hashes are the same");
  }
}

static enum diffd_status join_ranges(struct join *join, const struct diffd_partitions *previous,
                                     const struct diffd_partitions *next, unsigned partition,
                                     struct diffd_error *err) {
  enum diffd_status status;
  join->range = diffd_key_range_all();
  do {
    status = fill(join, previous, partition, err);
    if (status == DIFFD_OK)
      status = diffd_partitions_each(next, partition, look_up, join, err);
    if (status == DIFFD_OK)
      status = sweep(join, err);
    if (status == DIFFD_OK && join->copies && join->unseen)
      status = diffd_partitions_each(previous, partition, remove_copies, join, err);
  } while (status == DIFFD_OK && diffd_key_range_next(&join->range));
  return status;
}

/* A table for the records, or for as many as the bytes have room for. */
static uint64_t table_cap(uint64_t records, uint64_t table_bytes) {
  uint64_t most = (table_bytes > TABLE_BYTES_MIN ? table_bytes : TABLE_BYTES_MIN) / sizeof(struct slot);
  uint64_t wanted = records + records / 2 + 4;
  return wanted < most ? wanted : most;
}

enum diffd_status diffd_edge_join(struct diffd_partitions *previous, struct diffd_partitions *next,
                                  unsigned partition, struct diffd_budget *budget, uint64_t table_bytes,
                                  diffd_place_fn *added, diffd_place_fn *removed, void *arg,
                                  struct diffd_error *err) {
  uint64_t cap = table_cap(diffd_partitions_count(previous, partition), table_bytes);
  struct join join = {.cap = cap, .added = added, .removed = removed, .arg = arg};
  enum { PAGE = 4096 };
  size_t bytes = (size_t)cap * sizeof *join.slots;
  diffd_budget_force(budget, bytes);
  join.slots = diffd_pages_new(bytes, PAGE);
  enum diffd_status status = DIFFD_OK;
  if (join.slots == NULL)
    status = diffd_fail(err, DIFFD_NO_MEMORY, "no memory to join a part of the edges");
  if (status == DIFFD_OK)
    status = join_ranges(&join, previous, next, partition, err);
  diffd_pages_free(join.slots, bytes);
  diffd_budget_give(budget, bytes);
  diffd_partitions_forget(previous, partition);
  diffd_partitions_forget(next, partition);
  return status;
}
