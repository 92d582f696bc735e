/* SPDX-License-Identifier: Apache-2.0
 *
 * An open-addressing table of edges. A record costs one keyed hash and, most of the time, one cache line.
 */
#include "core/flow_digest.h"

#include <stdlib.h>
#include <string.h>

enum {
  FIRST_SLOTS = 2048,
  FIRST_SHIFT = 64 - 11,
};

enum diffd_status diffd_flow_digest_init(struct diffd_flow_digest *digest,
                                         const struct diffd_flow_hash_key *key, struct diffd_error *err) {
  memset(digest, 0, offsetof(struct diffd_flow_digest, waiting));
  digest->key = key;
  digest->start = INT64_MAX;
  digest->end = INT64_MIN;
  digest->slot_count = FIRST_SLOTS;
  digest->shift = FIRST_SHIFT;
  digest->seen = calloc((size_t)1 << DIFFD_FLOW_SEEN_BITS, sizeof *digest->seen);
  if (digest->seen == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the digest of flow logs");
  enum diffd_status status =
      diffd_flow_pages_in_memory(FIRST_SLOTS * sizeof *digest->slots, &digest->pages, err);
  digest->slots = digest->pages.ptr;
  return status;
}

void diffd_flow_digest_free_table(struct diffd_flow_digest *digest) {
  diffd_flow_pages_clean_up(&digest->pages);
  digest->slots = NULL;
  digest->slot_count = digest->used = 0;
}

void diffd_flow_digest_clean_up(struct diffd_flow_digest *digest) {
  diffd_flow_digest_free_table(digest);
  diffd_flow_intern_clean_up(&digest->pairs);
  diffd_flow_intern_clean_up(&digest->v6);
  free(digest->seen);
  digest->seen = NULL;
}

static inline uint64_t hash_entry(const struct diffd_flow_digest *digest,
                                  const struct diffd_flow_entry *entry) {
  return diffd_flow_hash(digest->key, &entry->hi, 2 * sizeof entry->hi);
}

/* Room for all that waits, at a load of at most three quarters. */
static bool has_room(const struct diffd_flow_digest *digest) {
  return digest->used + DIFFD_FLOW_BATCH <= digest->slot_count / 4 * 3;
}

/* There is an empty slot. */
static inline void put_entry(struct diffd_flow_digest *digest, const struct diffd_flow_entry *entry,
                             uint64_t at) {
  while (digest->slots[at].lo != 0)
    at = (at + 1) & (digest->slot_count - 1);
  digest->slots[at] = *entry;
}

/* Entries that wait while a table is spread out. */
struct aside {
  struct diffd_flow_entry *entries;
  size_t count;
  size_t cap;
};

static bool put_aside(struct aside *aside, const struct diffd_flow_entry *entry) {
  if (aside->count == aside->cap) {
    size_t cap = aside->cap == 0 ? 64 : aside->cap * 2;
    struct diffd_flow_entry *entries = realloc(aside->entries, cap * sizeof *entries);
    if (entries == NULL)
      return false;
    aside->entries = entries;
    aside->cap = cap;
  }
  aside->entries[aside->count++] = *entry;
  return true;
}

/* Spreads the entries of the lower half over the whole table, in place. Homes are the hash's upper bits, so
 * an entry's new home is twice the old one or next to that: from the last to the first, each finds its place
 * among those that are spread already, and memory is gone through in its order. The few whose new home is not
 * above them (at the very front), or that went round the end, wait until all others are done. */
static bool spread(struct diffd_flow_digest *digest, uint64_t old_count) {
  struct aside aside = {0};
  bool ok = true;
  for (uint64_t i = old_count; ok && i-- > 0;) {
    struct diffd_flow_entry entry = digest->slots[i];
    if (entry.lo == 0)
      continue;
    uint64_t at = hash_entry(digest, &entry) >> digest->shift;
    digest->slots[i].lo = 0;
    if (at < i)
      at = digest->slot_count; /* what is below is not spread yet */
    while (at < digest->slot_count && digest->slots[at].lo != 0)
      at++;
    if (at < digest->slot_count)
      digest->slots[at] = entry;
    else
      ok = put_aside(&aside, &entry);
  }
  for (size_t i = 0; i < aside.count; i++)
    put_entry(digest, &aside.entries[i], hash_entry(digest, &aside.entries[i]) >> digest->shift);
  free(aside.entries);
  return ok;
}

static enum diffd_status make_room(struct diffd_flow_digest *digest, struct diffd_error *err) {
  uint64_t old_count = digest->slot_count, size = 2 * old_count * sizeof *digest->slots;
  uint64_t names = diffd_flow_intern_memory(&digest->pairs) + diffd_flow_intern_memory(&digest->v6);
  uint64_t max = digest->memory_max_bytes;
  if (max != 0 && size + names > max) {
    if (names > max)
      return diffd_fail(
          err, DIFFD_NO_MEMORY,
          "the names and IPv6 addresses of the flow logs alone need more than the memory limit: raise "
          "it (DIFF_MEMORY_LIMIT, --memory-limit)");
    return digest->spill(digest->spill_arg, digest, err);
  }
  enum diffd_status status = diffd_flow_pages_grow(&digest->pages, size, err);
  if (status != DIFFD_OK)
    return status;
  digest->slots = digest->pages.ptr;
  digest->slot_count *= 2;
  digest->shift--;
  if (!spread(digest, old_count))
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the flow logs' digest");
  return DIFFD_OK;
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

enum diffd_status diffd_flow_digest_flush(struct diffd_flow_digest *digest, struct diffd_error *err) {
  if (!has_room(digest)) {
    enum diffd_status status = make_room(digest, err);
    if (status != DIFFD_OK)
      return status;
  }
  unsigned count = digest->waiting_count;
  digest->waiting_count = 0;
  uint64_t mask = digest->slot_count - 1;
  __attribute__((uninitialized)) uint64_t homes[DIFFD_FLOW_BATCH];
  for (unsigned i = 0; i < count; i++) {
    homes[i] = hash_entry(digest, &digest->waiting[i]) >> digest->shift;
    __builtin_prefetch(&digest->slots[homes[i]], 1);
  }
  for (unsigned i = 0; i < count; i++) {
    const struct diffd_flow_entry *entry = &digest->waiting[i];
    uint64_t at = homes[i];
    while (digest->slots[at].lo != 0 && !diffd_flow_entry_same(&digest->slots[at], entry))
      at = (at + 1) & mask;
    if (digest->slots[at].lo == 0) {
      digest->slots[at] = *entry;
      digest->used++;
    } else {
      enum diffd_status status = diffd_flow_entry_add(&digest->slots[at], entry, err);
      if (status != DIFFD_OK)
        return status;
    }
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

uint32_t diffd_flow_digest_find_pair(struct diffd_flow_digest *digest,
                                     const struct diffd_flow_record *record) {
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

enum diffd_status diffd_flow_digest_add(struct diffd_flow_digest *digest,
                                        const struct diffd_flow_record *record, uint32_t pair,
                                        struct diffd_error *err) {
  uint64_t source = record->source.v4, destination = record->destination.v4;
  uint64_t families = 0;
  if (record->source.v6 || record->destination.v6) {
    enum diffd_status status = DIFFD_OK;
    families = (record->source.v6 ? DIFFD_FLOW_SOURCE_V6 : 0) |
               (record->destination.v6 ? DIFFD_FLOW_DESTINATION_V6 : 0);
    if (record->source.v6)
      status = v6_number(digest, record->source.bytes, &source, err);
    if (status == DIFFD_OK && record->destination.v6)
      status = v6_number(digest, record->destination.bytes, &destination, err);
    if (status != DIFFD_OK)
      return status;
  }
  struct diffd_flow_entry *entry = &digest->waiting[digest->waiting_count++];
  uint64_t ports = diffd_flow_ports(record->srcport, record->dstport);
  entry->hi = source << 32 | destination;
  entry->lo = (uint64_t)pair << DIFFD_FLOW_PAIR_SHIFT | ports << DIFFD_FLOW_PORTS_SHIFT |
              (uint64_t)record->protocol << DIFFD_FLOW_PROTOCOL_SHIFT |
              (uint64_t)record->color << DIFFD_FLOW_COLOR_SHIFT | families | DIFFD_FLOW_USED;
  entry->packets = record->packets;
  entry->bytes = record->bytes;
  digest->start = record->start < digest->start ? record->start : digest->start;
  digest->end = record->end > digest->end ? record->end : digest->end;
  return digest->waiting_count == DIFFD_FLOW_BATCH ? diffd_flow_digest_flush(digest, err) : DIFFD_OK;
}

void diffd_flow_digest_pack(struct diffd_flow_digest *digest) {
  uint64_t to = 0;
  for (uint64_t from = 0; to < digest->used; from++)
    if (digest->slots[from].lo != 0)
      digest->slots[to++] = digest->slots[from];
}

void diffd_flow_digest_clear(struct diffd_flow_digest *digest) {
  memset(digest->slots, 0, digest->slot_count * sizeof *digest->slots);
  digest->used = 0;
}
