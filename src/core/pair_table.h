/* SPDX-License-Identifier: Apache-2.0
 *
 * Pairs of short values that were seen before, by number.
 *
 * The table only grows, up to a limit, and a pair never moves: who learnt a number from the thread that
 * writes, through something that orders memory, may read its pair without a lock. Whether a pair is found
 * matters to nobody's output, only to how much is kept, so that a full or crowded place in the table simply
 * takes no more, and keys made to collide cost nothing but room.
 */
#ifndef DIFFD_CORE_PAIR_TABLE_H
#define DIFFD_CORE_PAIR_TABLE_H

#include "core/short_text.h"
#include "diffd/stream.h"

enum {
  DIFFD_PAIR_FIRST_MAX = 22,  /* bytes */
  DIFFD_PAIR_SECOND_MAX = 32, /* bytes */
  DIFFD_PAIRS_A_PAGE = 256,
  /* 4096 pairs in 272 KiB: a larger table leaves the cache of a core, and looking pairs up there costs more
   * than all the rest of encoding a line. */
  DIFFD_PAIR_PAGES_MAX = 16,
};

/* Readable for 32 bytes from each value on, within the pair. */
struct diffd_pair {
  uint8_t first_len;
  uint8_t second_len;
  char first[DIFFD_PAIR_FIRST_MAX];
  char second[DIFFD_PAIR_SECOND_MAX + 8];
};
_Static_assert(sizeof(struct diffd_pair) == 64, "a pair is a line of the cache");

/* Whether a pair is this one; the values must be readable for 16 bytes. */
static inline bool diffd_pair_is(const struct diffd_pair *pair, struct diffd_span first,
                                 struct diffd_span second) {
  return pair->first_len == first.len && pair->second_len == second.len &&
         (diffd_short_differs(pair->first, first.ptr, first.len) |
          diffd_short_differs(pair->second, second.ptr, second.len)) == 0;
}

struct diffd_pair_table {
  struct diffd_pair *page[DIFFD_PAIR_PAGES_MAX];
  uint32_t count;
  uint32_t max;
  uint32_t *slot; /* by hash: buckets of a few; 0, or the number plus one below some bits of the hash */
  uint32_t bucket_mask;
};

/* Room for `pages` pages of pairs, a power of two up to DIFFD_PAIR_PAGES_MAX. DIFFD_NO_MEMORY. */
enum diffd_status diffd_pair_table_init(struct diffd_pair_table *ret, uint32_t pages,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_pair_table_clean_up(struct diffd_pair_table *table);
/* Bytes that it will have grown to at the most. */
uint64_t diffd_pair_table_memory_max(const struct diffd_pair_table *table);

/* The number of a pair, which is added where it is new; -1 where there is no room for it. Each value must be
 * readable for 16 bytes. One thread at a time. */
int32_t diffd_pair_table_number(struct diffd_pair_table *table, struct diffd_span first,
                                struct diffd_span second);

static inline const struct diffd_pair *diffd_pair_table_at(const struct diffd_pair_table *table,
                                                           uint32_t number) {
  return &table->page[number / DIFFD_PAIRS_A_PAGE][number % DIFFD_PAIRS_A_PAGE];
}

#endif
