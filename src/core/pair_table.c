/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pair_table.h"

#include <stdlib.h>
#include <string.h>

enum {
  BUCKET = 8, /* slots: half a line of the cache */
  NUMBER_BITS = 17,
};

enum diffd_status diffd_pair_table_init(struct diffd_pair_table *ret, uint32_t pages,
                                        struct diffd_error *err) {
  uint32_t buckets = pages * DIFFD_PAIRS_A_PAGE / BUCKET;
  *ret = (struct diffd_pair_table){.max = pages * DIFFD_PAIRS_A_PAGE, .bucket_mask = buckets - 1};
  ret->slot = calloc((size_t)buckets * BUCKET, sizeof *ret->slot);
  return ret->slot != NULL ? DIFFD_OK : diffd_fail(err, DIFFD_NO_MEMORY, "no memory to keep an input");
}

void diffd_pair_table_clean_up(struct diffd_pair_table *table) {
  for (size_t i = 0; i < DIFFD_PAIR_PAGES_MAX; i++)
    free(table->page[i]);
  free(table->slot);
  memset(table, 0, sizeof *table);
}

uint64_t diffd_pair_table_memory_max(const struct diffd_pair_table *table) {
  return table->max * (uint64_t)(sizeof(struct diffd_pair) + sizeof *table->slot);
}

static inline uint64_t mix(struct diffd_span value, uint64_t low_factor, uint64_t high_factor) {
  struct diffd_short_words words = diffd_short_words(value.ptr, value.len);
  if (value.len > 16)
    words.high += diffd_short_word(value.ptr + value.len - 8);
  return words.low * low_factor + words.high * high_factor;
}

static inline uint64_t hash_of(struct diffd_span first, struct diffd_span second) {
  uint64_t hash = mix(first, 0x9e3779b97f4a7c15u, 0xd6e8feb86659fd93u) ^
                  mix(second, 0xc2b2ae3d27d4eb4fu, 0xff51afd7ed558ccdu);
  hash ^= hash >> 32;
  hash *= 0x9fb21c651e98df25u;
  return hash ^ hash >> 29;
}

static bool add(struct diffd_pair_table *table, struct diffd_span first, struct diffd_span second) {
  if (table->count == table->max)
    return false;
  struct diffd_pair **page = &table->page[table->count / DIFFD_PAIRS_A_PAGE];
  if (*page == NULL)
    *page = aligned_alloc(sizeof **page, DIFFD_PAIRS_A_PAGE * sizeof **page);
  if (*page == NULL) {
    table->max = table->count; /* the table is as good without more */
    return false;
  }
  struct diffd_pair *pair = *page + table->count % DIFFD_PAIRS_A_PAGE;
  *pair = (struct diffd_pair){(uint8_t)first.len, (uint8_t)second.len, {0}, {0}};
  memcpy(pair->first, first.ptr, first.len);
  memcpy(pair->second, second.ptr, second.len);
  table->count++;
  return true;
}

int32_t diffd_pair_table_number(struct diffd_pair_table *table, struct diffd_span first,
                                struct diffd_span second) {
  if (first.len > DIFFD_PAIR_FIRST_MAX || second.len > DIFFD_PAIR_SECOND_MAX)
    return -1;
  uint64_t hash = hash_of(first, second);
  uint32_t *bucket = table->slot + (size_t)((uint32_t)hash & table->bucket_mask) * BUCKET;
  uint32_t tag = (uint32_t)(hash >> 32) & (UINT32_MAX << NUMBER_BITS);
  for (size_t i = 0; i < BUCKET; i++) {
    uint32_t *slot = &bucket[(hash >> 29 ^ i) % BUCKET];
    if (*slot == 0) {
      if (!add(table, first, second))
        return -1;
      *slot = tag | table->count;
      return (int32_t)table->count - 1;
    }
    uint32_t number = (*slot ^ tag) - 1;
    if (number < table->count && diffd_pair_is(diffd_pair_table_at(table, number), first, second))
      return (int32_t)number;
  }
  return -1;
}
