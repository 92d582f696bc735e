/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries one behind the other, and an open-addressing index to them, a quarter as large. Growing moves no
 * entry and hashes none; a record costs one keyed hash and two cache lines, both of which are on their way
 * before they are needed.
 */
#include "core/flow_digest.h"

#include <stdlib.h>
#include <string.h>

enum {
  FIRST_ENTRIES = 2048,
  FIRST_SLOTS = 4096,
  FIRST_SHIFT = 64 - 12,
};

static enum diffd_status start_index(struct diffd_flow_digest *digest, struct diffd_error *err) {
  enum diffd_status status =
      diffd_flow_pages_in_memory(FIRST_SLOTS * sizeof *digest->index, &digest->index_pages, err);
  if (status != DIFFD_OK)
    return status;
  digest->index = digest->index_pages.ptr;
  digest->index_count = FIRST_SLOTS;
  digest->shift = FIRST_SHIFT;
  return DIFFD_OK;
}

enum diffd_status diffd_flow_digest_init(struct diffd_flow_digest *digest,
                                         const struct diffd_flow_hash_key *key, struct diffd_error *err) {
  memset(digest, 0, offsetof(struct diffd_flow_digest, waiting));
  digest->key = key;
  digest->start = INT64_MAX;
  digest->end = INT64_MIN;
  digest->seen = calloc((size_t)1 << DIFFD_FLOW_SEEN_BITS, sizeof *digest->seen);
  if (digest->seen == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the digest of flow logs");
  enum diffd_status status =
      diffd_flow_pages_in_memory(FIRST_ENTRIES * sizeof *digest->entries, &digest->pages, err);
  if (status != DIFFD_OK)
    return status;
  digest->entries = digest->pages.ptr;
  digest->entry_cap = FIRST_ENTRIES;
  return start_index(digest, err);
}

void diffd_flow_digest_free_index(struct diffd_flow_digest *digest) {
  diffd_flow_pages_clean_up(&digest->index_pages);
  digest->index = NULL;
  digest->index_count = 0;
}

void diffd_flow_digest_free_table(struct diffd_flow_digest *digest) {
  diffd_flow_digest_free_index(digest);
  diffd_flow_pages_clean_up(&digest->pages);
  digest->entries = NULL;
  digest->entry_cap = digest->used = 0;
}

void diffd_flow_digest_clean_up(struct diffd_flow_digest *digest) {
  diffd_flow_digest_free_table(digest);
  diffd_flow_intern_clean_up(&digest->pairs);
  diffd_flow_intern_clean_up(&digest->v6);
  free(digest->seen);
  digest->seen = NULL;
}

static bool index_has_room(const struct diffd_flow_digest *digest) {
  return digest->used + DIFFD_FLOW_BATCH <= digest->index_count / 4 * 3;
}

/* Room for all that waits, with at most three quarters of the index in use. */
static inline bool has_room(const struct diffd_flow_digest *digest) {
  return digest->used + DIFFD_FLOW_BATCH <= digest->entry_cap && index_has_room(digest);
}

/* Slots begin with the upper bits of their hashes, of which the home is made: they tell themselves where they
 * belong, and both indexes are gone through in their order. */
static enum diffd_status grow_index(struct diffd_flow_digest *digest, struct diffd_error *err) {
  struct diffd_flow_pages pages;
  uint64_t count = 2 * digest->index_count;
  enum diffd_status status = diffd_flow_pages_in_memory(count * sizeof *digest->index, &pages, err);
  if (status != DIFFD_OK)
    return status;
  uint64_t *grown = pages.ptr;
  unsigned shift = digest->shift - 1;
  for (uint64_t i = 0; i < digest->index_count; i++) {
    uint64_t slot = digest->index[i];
    if (slot == 0)
      continue;
    uint64_t at = slot >> shift;
    while (grown[at] != 0)
      at = (at + 1) & (count - 1);
    grown[at] = slot;
  }
  diffd_flow_digest_free_index(digest);
  digest->index_pages = pages;
  digest->index = grown;
  digest->index_count = count;
  digest->shift = shift;
  return DIFFD_OK;
}

/* By half, or up to what the memory allows. */
static enum diffd_status grow_entries(struct diffd_flow_digest *digest, uint64_t max_bytes,
                                      struct diffd_error *err) {
  uint64_t cap = digest->entry_cap + digest->entry_cap / 2;
  if (cap > max_bytes / sizeof *digest->entries)
    cap = max_bytes / sizeof *digest->entries;
  enum diffd_status status = diffd_flow_pages_grow(&digest->pages, cap * sizeof *digest->entries, err);
  if (status != DIFFD_OK)
    return status;
  digest->entries = digest->pages.ptr;
  digest->entry_cap = cap;
  return DIFFD_OK;
}

/* What the table may have, beside names. */
static enum diffd_status table_max(const struct diffd_flow_digest *digest, uint64_t *ret,
                                   struct diffd_error *err) {
  uint64_t names = diffd_flow_intern_memory(&digest->pairs) + diffd_flow_intern_memory(&digest->v6);
  uint64_t max = digest->memory_max_bytes;
  if (max != 0 && names > max)
    return diffd_fail(
        err, DIFFD_NO_MEMORY,
        "the names and IPv6 addresses of the flow logs alone need more than the memory limit: raise "
        "it (DIFF_MEMORY_LIMIT, --memory-limit)");
  *ret = max == 0 ? UINT64_MAX : max - names;
  return DIFFD_OK;
}

static enum diffd_status make_room(struct diffd_flow_digest *digest, struct diffd_error *err) {
  uint64_t max;
  enum diffd_status status = table_max(digest, &max, err);
  if (status != DIFFD_OK)
    return status;
  /* While the index grows, its old form is there as well. */
  uint64_t index = digest->index_count * sizeof *digest->index * (index_has_room(digest) ? 1 : 3);
  uint64_t entries = (digest->used + DIFFD_FLOW_BATCH) * sizeof *digest->entries;
  if (entries < digest->pages.size)
    entries = digest->pages.size;
  if (index + entries > max || digest->used + DIFFD_FLOW_BATCH >= UINT32_MAX)
    return digest->spill(digest->spill_arg, digest, err);
  if (!index_has_room(digest))
    status = grow_index(digest, err);
  if (status == DIFFD_OK && !has_room(digest))
    status = grow_entries(digest, max - index, err);
  return status;
}

enum diffd_status diffd_flow_entry_add(struct diffd_flow_entry *sum, const struct diffd_flow_entry *entry,
                                       struct diffd_error *err) {
  if (__builtin_add_overflow(sum->packets, entry->packets, &sum->packets))
    return diffd_fail(err, DIFFD_BAD_LOGS,
                      "the packets of one edge do not fit into 64 bits: the logs are damaged");
  if (__builtin_add_overflow(sum->bytes, entry->bytes, &sum->bytes))
    return diffd_fail(err, DIFFD_BAD_LOGS,
                      "the bytes of one edge do not fit into 64 bits: the logs are damaged");
  return DIFFD_OK;
}

static inline uint64_t hash_entry(const struct diffd_flow_digest *digest,
                                  const struct diffd_flow_entry *entry) {
  return diffd_flow_hash(digest->key, &entry->hi, 2 * sizeof entry->hi);
}

/* Whether a slot may be that of a hash; mostly it is then. */
static inline bool slot_fits(uint64_t slot, uint64_t hash) {
  return slot >> 32 == hash >> 32;
}

/* The number and 1 of the first entry whose hash looks the same; 0 where there is none. */
static inline uint32_t find_candidate(const struct diffd_flow_digest *digest, uint64_t hash) {
  uint64_t at = hash >> digest->shift, slot;
  while ((slot = digest->index[at]) != 0 && !slot_fits(slot, hash))
    at = (at + 1) & (digest->index_count - 1);
  return (uint32_t)slot;
}

/* Adds an entry that is not the first candidate: it is new, its first came with the records that wait, or
 * another has the same upper half of a hash. There is room. */
static enum diffd_status add_new(struct diffd_flow_digest *digest, uint64_t hash,
                                 const struct diffd_flow_entry *entry, struct diffd_error *err) {
  uint64_t at = hash >> digest->shift, slot;
  for (; (slot = digest->index[at]) != 0; at = (at + 1) & (digest->index_count - 1)) {
    struct diffd_flow_entry *there = &digest->entries[(uint32_t)slot - 1];
    if (slot_fits(slot, hash) && diffd_flow_entry_same(there, entry))
      return diffd_flow_entry_add(there, entry, err);
  }
  digest->entries[digest->used++] = *entry;
  digest->index[at] = (hash & ~(uint64_t)UINT32_MAX) | digest->used;
  return DIFFD_OK;
}

/* Slots were on their way when the records came. Two steps over all that waits, so that the memory for one
 * record comes while others are looked at: entries, then sums. */
enum diffd_status diffd_flow_digest_flush(struct diffd_flow_digest *digest, struct diffd_error *err) {
  if (!has_room(digest)) {
    enum diffd_status status = make_room(digest, err);
    if (status != DIFFD_OK)
      return status;
  }
  unsigned count = digest->waiting_count;
  digest->waiting_count = 0;
  const uint64_t *hashes = digest->hashes;
  __attribute__((uninitialized)) uint32_t candidates[DIFFD_FLOW_BATCH];
  for (unsigned i = 0; i < count; i++) {
    candidates[i] = find_candidate(digest, hashes[i]);
    __builtin_prefetch(&digest->entries[candidates[i] == 0 ? digest->used : candidates[i] - 1], 1);
  }
  for (unsigned i = 0; i < count; i++) {
    const struct diffd_flow_entry *entry = &digest->waiting[i];
    struct diffd_flow_entry *there = candidates[i] == 0 ? NULL : &digest->entries[candidates[i] - 1];
    enum diffd_status status = there != NULL && diffd_flow_entry_same(there, entry)
                                   ? diffd_flow_entry_add(there, entry, err)
                                   : add_new(digest, hashes[i], entry, err);
    if (status != DIFFD_OK)
      return status;
  }
  return DIFFD_OK;
}

/* "ACCOUNT ENI". Where they do not stand side by side in the line, they are brought together in `joined`. */
struct joined_pair {
  char bytes[2 * DIFFD_FLOW_NAME_MAX + 1];
};

static struct diffd_span join_pair(const struct diffd_flow_record *record, struct joined_pair *joined) {
  size_t len = record->account.len + 1 + record->eni.len;
  if (len > sizeof joined->bytes)
    return (struct diffd_span){0};
  memcpy(joined->bytes, record->account.ptr, record->account.len);
  joined->bytes[record->account.len] = ' ';
  memcpy(joined->bytes + record->account.len + 1, record->eni.ptr, record->eni.len);
  return (struct diffd_span){joined->bytes, len};
}

static __attribute__((noinline)) uint32_t find_joined_pair(const struct diffd_flow_digest *digest,
                                                           const struct diffd_flow_record *record) {
  struct joined_pair joined;
  struct diffd_span text = join_pair(record, &joined);
  if (text.ptr == NULL)
    return DIFFD_FLOW_NO_NUMBER;
  return diffd_flow_intern_find(&digest->pairs, diffd_flow_hash128(digest->key, text.ptr, text.len));
}

static inline uint64_t load64(const char *at) {
  uint64_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

/* For 16 to 48 bytes: the first 16, the last 16, and 16 between. */
static inline bool same_text(const char *a, const char *b, size_t len) {
  size_t middle = len - 16 < 16 ? len - 16 : 16;
  uint64_t differ = (load64(a) ^ load64(b)) | (load64(a + 8) ^ load64(b + 8));
  differ |= (load64(a + middle) ^ load64(b + middle)) | (load64(a + middle + 8) ^ load64(b + middle + 8));
  differ |= (load64(a + len - 16) ^ load64(b + len - 16)) | (load64(a + len - 8) ^ load64(b + len - 8));
  return differ == 0;
}

static inline uint32_t find_pair(struct diffd_flow_digest *digest, const struct diffd_flow_record *record) {
  struct diffd_span text = record->account_eni;
  if (text.ptr == NULL)
    return find_joined_pair(digest, record);
  struct diffd_flow_seen_pair *seen = NULL;
  if (text.len >= 16 && text.len <= DIFFD_FLOW_SEEN_MAX) {
    /* Who makes texts that meet in one place gains nothing: the hash decides then. */
    uint64_t mixed = load64(text.ptr + text.len - 8) * UINT64_C(0x9e3779b97f4a7c15);
    seen = &digest->seen[mixed >> (64 - DIFFD_FLOW_SEEN_BITS)];
    if (seen->len == text.len && same_text(seen->text, text.ptr, text.len))
      return seen->number;
  }
  uint32_t number =
      diffd_flow_intern_find(&digest->pairs, diffd_flow_hash128(digest->key, text.ptr, text.len));
  if (number != DIFFD_FLOW_NO_NUMBER && seen != NULL) {
    memcpy(seen->text, text.ptr, text.len);
    seen->len = (uint32_t)text.len;
    seen->number = number;
  }
  return number;
}

uint32_t diffd_flow_digest_find_pair(struct diffd_flow_digest *digest,
                                     const struct diffd_flow_record *record) {
  return find_pair(digest, record);
}

enum diffd_status diffd_flow_digest_add_pair(struct diffd_flow_digest *digest,
                                             const struct diffd_flow_record *record, uint32_t *ret,
                                             struct diffd_error *err) {
  struct joined_pair joined;
  struct diffd_span text = join_pair(record, &joined);
  XXH128_hash_t hash = diffd_flow_hash128(digest->key, text.ptr, text.len);
  *ret = diffd_flow_intern_find(&digest->pairs, hash);
  return *ret != DIFFD_FLOW_NO_NUMBER ? DIFFD_OK
                                      : diffd_flow_intern_add(&digest->pairs, text, hash, ret, err);
}

static enum diffd_status v6_number(struct diffd_flow_digest *digest, const uint8_t address[16], uint64_t *ret,
                                   struct diffd_error *err) {
  XXH128_hash_t hash = diffd_flow_hash128(digest->key, address, 16);
  uint32_t number = diffd_flow_intern_find(&digest->v6, hash);
  if (number == DIFFD_FLOW_NO_NUMBER) {
    struct diffd_span bytes = {(const char *)address, 16};
    enum diffd_status status = diffd_flow_intern_add(&digest->v6, bytes, hash, &number, err);
    if (status != DIFFD_OK)
      return status;
  }
  *ret = number;
  return DIFFD_OK;
}

/* Sets the ends of an entry and their bits where one of them is an IPv6 address. */
static __attribute__((noinline)) enum diffd_status number_ends(struct diffd_flow_digest *digest,
                                                               const struct diffd_flow_record *record,
                                                               struct diffd_flow_entry *entry,
                                                               struct diffd_error *err) {
  uint64_t source = record->source.v4, destination = record->destination.v4;
  enum diffd_status status = DIFFD_OK;
  if (record->source.v6)
    status = v6_number(digest, record->source.bytes, &source, err);
  if (status == DIFFD_OK && record->destination.v6)
    status = v6_number(digest, record->destination.bytes, &destination, err);
  if (status != DIFFD_OK)
    return status;
  entry->hi = source << 32 | destination;
  entry->lo |= (record->source.v6 ? DIFFD_FLOW_SOURCE_V6 : 0) |
               (record->destination.v6 ? DIFFD_FLOW_DESTINATION_V6 : 0);
  return DIFFD_OK;
}

static inline enum diffd_status add_record(struct diffd_flow_digest *digest,
                                           const struct diffd_flow_record *record, uint32_t pair,
                                           struct diffd_error *err) {
  struct diffd_flow_entry *entry = &digest->waiting[digest->waiting_count];
  uint64_t ports = diffd_flow_ports(record->srcport, record->dstport);
  entry->hi = (uint64_t)record->source.v4 << 32 | record->destination.v4;
  entry->lo = (uint64_t)pair << DIFFD_FLOW_PAIR_SHIFT | ports << DIFFD_FLOW_PORTS_SHIFT |
              (uint64_t)record->protocol << DIFFD_FLOW_PROTOCOL_SHIFT |
              (uint64_t)record->color << DIFFD_FLOW_COLOR_SHIFT | DIFFD_FLOW_USED;
  entry->packets = record->packets;
  entry->bytes = record->bytes;
  if (record->source.v6 || record->destination.v6) {
    enum diffd_status status = number_ends(digest, record, entry, err);
    if (status != DIFFD_OK)
      return status;
  }
  digest->start = record->start < digest->start ? record->start : digest->start;
  digest->end = record->end > digest->end ? record->end : digest->end;
  uint64_t hash = hash_entry(digest, entry);
  digest->hashes[digest->waiting_count] = hash;
  __builtin_prefetch(&digest->index[hash >> digest->shift]);
  return ++digest->waiting_count == DIFFD_FLOW_BATCH ? diffd_flow_digest_flush(digest, err) : DIFFD_OK;
}

enum diffd_status diffd_flow_digest_add(struct diffd_flow_digest *digest,
                                        const struct diffd_flow_record *record, uint32_t pair,
                                        struct diffd_error *err) {
  return add_record(digest, record, pair, err);
}

enum diffd_status diffd_flow_digest_add_known(struct diffd_flow_digest *digest,
                                              const struct diffd_flow_record *records, uint32_t count,
                                              uint32_t *ret_added, struct diffd_error *err) {
  uint32_t added = 0;
  for (; added < count; added++) {
    uint32_t pair = find_pair(digest, &records[added]);
    if (pair == DIFFD_FLOW_NO_NUMBER)
      break;
    enum diffd_status status = add_record(digest, &records[added], pair, err);
    if (status != DIFFD_OK)
      return status;
  }
  *ret_added = added;
  return DIFFD_OK;
}

void diffd_flow_digest_clear(struct diffd_flow_digest *digest) {
  memset(digest->index, 0, digest->index_count * sizeof *digest->index);
  digest->used = 0;
}
