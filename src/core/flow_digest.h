/* SPDX-License-Identifier: Apache-2.0
 *
 * The digest: OK records of one window, grouped into edges. Memory grows with distinct edges alone.
 *
 * One thread at a time; several threads have a digest each, which flow_order brings together.
 */
#ifndef DIFFD_CORE_FLOW_DIGEST_H
#define DIFFD_CORE_FLOW_DIGEST_H

#include "core/flow_entry.h"
#include "core/flow_hash.h"
#include "core/flow_intern.h"
#include "core/flow_pages.h"
#include "core/flow_record.h"

/* So many records wait while the slots that they need are fetched, and are then looked at all at once. */
enum { DIFFD_FLOW_BATCH = 64 };

/* Pairs of account and ENI that were found lately, by their last bytes: a look here is cheaper than a hash.
 */
enum { DIFFD_FLOW_SEEN_BITS = 10, DIFFD_FLOW_SEEN_MAX = 48 /* bytes */ };
struct diffd_flow_seen_pair {
  char text[DIFFD_FLOW_SEEN_MAX];
  uint32_t len; /* 0: none */
  uint32_t number;
};

struct diffd_flow_digest {
  const struct diffd_flow_hash_key *key; /* borrowed */
  struct diffd_flow_pages pages;
  struct diffd_flow_entry *entries; /* in `pages`, in the order of their first coming */
  uint64_t entry_cap;
  uint64_t used;
  /* Where entries are found: a slot is the upper half of its entry's hash, and the entry's number and 1, or
   * 0. A hash's home is hash >> shift. */
  struct diffd_flow_pages index_pages;
  uint64_t *index; /* in `index_pages`; a power of two */
  uint64_t index_count;
  unsigned shift;
  struct diffd_flow_intern pairs; /* "ACCOUNT ENI" */
  struct diffd_flow_intern v6;    /* 16 bytes each */
  int64_t start;                  /* the earliest start, INT64_MAX: no record */
  int64_t end;                    /* the latest end, INT64_MIN: no record */
  uint64_t memory_max_bytes;      /* 0: none */
  /* Called where the table holds what the memory allows; takes the entries elsewhere and clears it. */
  enum diffd_status (*spill)(void *arg, struct diffd_flow_digest *digest, struct diffd_error *err);
  void *spill_arg;
  struct diffd_flow_seen_pair *seen; /* 1 << DIFFD_FLOW_SEEN_BITS */
  unsigned waiting_count;
  uint64_t hashes[DIFFD_FLOW_BATCH]; /* of what waits */
  struct diffd_flow_entry waiting[DIFFD_FLOW_BATCH];
};

/* DIFFD_NO_MEMORY. */
enum diffd_status diffd_flow_digest_init(struct diffd_flow_digest *digest,
                                         const struct diffd_flow_hash_key *key,
                                         struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_flow_digest_clean_up(struct diffd_flow_digest *digest);

/* The number of the record's account and ENI; DIFFD_FLOW_NO_NUMBER where no record had them yet. */
uint32_t diffd_flow_digest_find_pair(struct diffd_flow_digest *digest,
                                     const struct diffd_flow_record *record);
/* Gives them a number, where they have none yet. DIFFD_NO_MEMORY. */
enum diffd_status diffd_flow_digest_add_pair(struct diffd_flow_digest *digest,
                                             const struct diffd_flow_record *record, uint32_t *ret,
                                             struct diffd_error *err) DIFFD_MUST_CHECK;

/* Adds an OK record with its pair's number. DIFFD_BAD_LOGS where a sum leaves 64 bits, DIFFD_NO_MEMORY, and
 * what spill returns. */
enum diffd_status diffd_flow_digest_add(struct diffd_flow_digest *digest,
                                        const struct diffd_flow_record *record, uint32_t pair,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;
/* Adds records, as above, up to the first of a pair that has no number yet. */
enum diffd_status diffd_flow_digest_add_known(struct diffd_flow_digest *digest,
                                              const struct diffd_flow_record *records, uint32_t count,
                                              uint32_t *ret_added, struct diffd_error *err) DIFFD_MUST_CHECK;
/* Takes what waits into the table. Before entries are looked at. */
enum diffd_status diffd_flow_digest_flush(struct diffd_flow_digest *digest,
                                          struct diffd_error *err) DIFFD_MUST_CHECK;

/* Adds one's counters to the other's. DIFFD_BAD_LOGS where a sum leaves 64 bits. */
enum diffd_status diffd_flow_entry_add(struct diffd_flow_entry *sum, const struct diffd_flow_entry *entry,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;

/* Frees what only adding needs, so that the caller may put the entries in any order. */
void diffd_flow_digest_free_index(struct diffd_flow_digest *digest);
/* Frees the table, of which nothing more is needed; names and addresses stay. */
void diffd_flow_digest_free_table(struct diffd_flow_digest *digest);
/* Forgets all entries; names and addresses keep their numbers. */
void diffd_flow_digest_clear(struct diffd_flow_digest *digest);

#endif
