/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node_ranges.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/tmp_file.h"

enum {
  /* Of all pieces that are being filled, whatever their number: half of what the budget has left within
     these. */
  OPEN_BYTES = 8 * 1024 * 1024,
  OPEN_BYTES_MIN = 512 * 1024,
  PIECE_LEN = 16 * 1024,
  PIECE_LEN_MIN = 2 * 1024,
  BOUNDS_BYTES = 1024 * 1024, /* of all bounds */
  ID_APART = 1,               /* the text does not begin with the id */
  TEXT_AWAY = 2,              /* the text is not here */
};

/* A record: this, then rank and length where the text is away, then the id, and the text. Where the text
 * begins with the id, as it nearly always does, that is one run of bytes. */
struct head {
  uint32_t id_len;
  uint32_t text_len_and_flags; /* flags in the two low bits */
};
struct away {
  uint64_t rank;
  uint64_t text_len;
};

struct piece {
  char *bytes; /* NULL: in the file */
  size_t len;
  size_t cap; /* room, until it is in the file */
  uint64_t file_at;
};

/* What one thread put into one range. The last piece is the one that is being filled. */
struct part {
  struct piece *pieces;
  size_t piece_count;
  size_t piece_cap;
  uint64_t bytes;
  size_t records;
};

struct diffd_node_ranges {
  struct diffd_node_store *store;
  unsigned threads;
  size_t count;
  size_t piece_len;
  struct part *parts; /* of thread 0, then of thread 1, and so on */
  /* Range i has the ids from bounds[i - 1], that one too, to bounds[i]. They begin alike for `common` bytes;
   * prefixes are of what comes then. */
  struct diffd_span *bounds;
  uint64_t *prefixes;
  char *bound_bytes;
  size_t common;
};

int diffd_node_id_compare(struct diffd_span a, struct diffd_span b) {
  int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
  if (order != 0)
    return order;
  return a.len < b.len ? -1 : a.len > b.len;
}

uint64_t diffd_node_id_prefix(struct diffd_span id, size_t skip) {
  uint64_t word = 0;
  if (id.len >= skip + sizeof word)
    memcpy(&word, id.ptr + skip, sizeof word);
  else if (id.len > skip)
    memcpy(&word, id.ptr + skip, id.len - skip);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  return word;
}

size_t diffd_node_id_common(struct diffd_span a, struct diffd_span b) {
  size_t len = a.len < b.len ? a.len : b.len;
  size_t same = 0;
  while (same < len && a.ptr[same] == b.ptr[same])
    same++;
  return same;
}

/* ---- Records ---- */

size_t diffd_node_record_read(const char *at, struct diffd_node_record *ret) {
  struct head head;
  memcpy(&head, at, sizeof head);
  const char *id = at + sizeof head;
  size_t text_len = head.text_len_and_flags >> 2;
  *ret = (struct diffd_node_record){.text_len = text_len};
  if ((head.text_len_and_flags & TEXT_AWAY) != 0) {
    struct away away;
    memcpy(&away, id, sizeof away);
    id += sizeof away;
    ret->rank = away.rank;
    ret->text_len = away.text_len;
  } else {
    ret->text = (struct diffd_span){id, text_len};
  }
  ret->id = (struct diffd_span){id, head.id_len};
  if ((head.text_len_and_flags & (ID_APART | TEXT_AWAY)) == 0)
    return (size_t)(id - at) + text_len;
  if ((head.text_len_and_flags & ID_APART) != 0)
    ret->text.ptr = id + head.id_len;
  return (size_t)(id - at) + head.id_len + text_len;
}

static bool begins_with_id(const struct diffd_node_record *record) {
  return record->text.len >= record->id.len && memcmp(record->text.ptr, record->id.ptr, record->id.len) == 0;
}

/* The flags that say how a record is put, and its length then. */
static uint32_t flags_of(const struct diffd_node_record *record, size_t *ret_len) {
  if (record->text.ptr == NULL) {
    *ret_len = sizeof(struct head) + sizeof(struct away) + record->id.len;
    return TEXT_AWAY;
  }
  *ret_len = sizeof(struct head) + record->text.len;
  if (begins_with_id(record))
    return 0;
  *ret_len += record->id.len;
  return ID_APART;
}

static char *copy(char *out, const void *bytes, size_t len) {
  memcpy(out, bytes, len);
  return out + len;
}

static void put_record(char *out, const struct diffd_node_record *record, uint32_t flags) {
  struct head head = {(uint32_t)record->id.len, (uint32_t)record->text.len << 2 | flags};
  struct away away = {record->rank, record->text_len};
  out = copy(out, &head, sizeof head);
  if ((flags & TEXT_AWAY) != 0)
    out = copy(out, &away, sizeof away);
  if (flags != 0)
    out = copy(out, record->id.ptr, record->id.len);
  if ((flags & TEXT_AWAY) == 0)
    (void)copy(out, record->text.ptr, record->text.len);
}

/* ---- Where records go ---- */

void diffd_node_store_init(struct diffd_node_store *store, struct diffd_budget *budget, const char *tmp_dir,
                           uint64_t memory_max) {
  *store =
      (struct diffd_node_store){.budget = budget, .tmp_dir = tmp_dir, .memory_max = memory_max, .file = -1};
}

void diffd_node_store_clean_up(struct diffd_node_store *store) {
  if (store->file >= 0)
    (void)close(store->file);
}

static int file_of(const struct diffd_node_store *store) {
  return __atomic_load_n(&store->file, __ATOMIC_ACQUIRE);
}

/* Opens the file if nobody did; of two threads that do at once the second gives its own back. */
static enum diffd_status open_file(struct diffd_node_store *store, struct diffd_error *err) {
  if (file_of(store) >= 0)
    return DIFFD_OK;
  int file;
  enum diffd_status status = diffd_tmp_file_open(store->tmp_dir, &file, err);
  int none = -1;
  if (status == DIFFD_OK &&
      !__atomic_compare_exchange_n(&store->file, &none, file, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    (void)close(file);
  return status;
}

/* A piece is counted from its beginning until it is written to the file or dropped. */
static void count_piece(struct diffd_node_store *store, const struct piece *piece) {
  diffd_budget_force(store->budget, piece->cap);
  __atomic_add_fetch(&store->kept_bytes, piece->cap, __ATOMIC_RELAXED);
}

static void uncount_piece(struct diffd_node_store *store, struct piece *piece) {
  diffd_budget_give(store->budget, piece->cap);
  __atomic_sub_fetch(&store->kept_bytes, piece->cap, __ATOMIC_RELAXED);
  piece->cap = 0;
}

static void free_bytes(struct piece *piece) {
  free(piece->bytes);
  piece->bytes = NULL;
}

static void drop_piece(struct diffd_node_store *store, struct piece *piece) {
  free_bytes(piece);
  uncount_piece(store, piece);
  piece->len = 0;
}

/* Ends a piece, which stays or goes to the file. */
static enum diffd_status close_piece(struct diffd_node_store *store, struct piece *piece,
                                     struct diffd_error *err) {
  if (__atomic_load_n(&store->kept_bytes, __ATOMIC_RELAXED) <= store->memory_max &&
      diffd_budget_left(store->budget) > 0)
    return DIFFD_OK;
  enum diffd_status status = open_file(store, err);
  if (status != DIFFD_OK)
    return status;
  piece->file_at = __atomic_fetch_add(&store->file_len, piece->len, __ATOMIC_RELAXED);
  status = diffd_tmp_file_write(file_of(store), piece->bytes, piece->len, piece->file_at, err);
  free_bytes(piece);
  uncount_piece(store, piece);
  return status;
}

static enum diffd_status load_piece(const struct diffd_node_store *store, struct piece *piece,
                                    struct diffd_error *err) {
  if (piece->bytes != NULL)
    return DIFFD_OK;
  piece->bytes = malloc(piece->len);
  if (piece->bytes == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to sort nodes");
  return diffd_tmp_file_read(file_of(store), piece->bytes, piece->len, piece->file_at, err);
}

/* ---- Ranges ---- */

static int compare_spans(const void *a, const void *b) {
  return diffd_node_id_compare(*(const struct diffd_span *)a, *(const struct diffd_span *)b);
}

/* Copies every so manieth id, of those that are not the one before. */
static void choose_bounds(struct diffd_node_ranges *ranges, const struct diffd_span *ids, size_t id_count,
                          size_t count_max) {
  char *out = ranges->bound_bytes;
  size_t bytes = 0;
  size_t bounds = 0;
  for (size_t i = 1; i < count_max; i++) {
    struct diffd_span id = ids[i * id_count / count_max];
    struct diffd_span before = bounds > 0 ? ranges->bounds[bounds - 1] : ids[0];
    if (diffd_node_id_compare(before, id) == 0 || id.len > BOUNDS_BYTES - bytes)
      continue;
    ranges->bounds[bounds++] = (struct diffd_span){out + bytes, id.len};
    memcpy(out + bytes, id.ptr, id.len);
    bytes += id.len;
  }
  ranges->count = bounds + 1;
  ranges->common = bounds > 0 ? diffd_node_id_common(ranges->bounds[0], ranges->bounds[bounds - 1]) : 0;
  for (size_t i = 0; i < bounds; i++)
    ranges->prefixes[i] = diffd_node_id_prefix(ranges->bounds[i], ranges->common);
}

static size_t open_bytes(const struct diffd_node_store *store) {
  uint64_t half = diffd_budget_left(store->budget) / 2;
  return half < OPEN_BYTES_MIN ? OPEN_BYTES_MIN : half > OPEN_BYTES ? OPEN_BYTES : (size_t)half;
}

enum diffd_status diffd_node_ranges_new(struct diffd_node_store *store, unsigned threads,
                                        struct diffd_span *ids, size_t id_count, size_t count_max,
                                        struct diffd_node_ranges **ret, struct diffd_error *err) {
  size_t open_share = open_bytes(store) / threads;
  size_t most = open_share / PIECE_LEN_MIN;
  if (count_max > most)
    count_max = most;
  if (count_max > id_count)
    count_max = id_count;
  struct diffd_node_ranges *ranges = calloc(1, sizeof *ranges);
  if (ranges == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to sort nodes");
  ranges->store = store;
  ranges->threads = threads;
  ranges->bounds = malloc((count_max + 1) * sizeof *ranges->bounds);
  ranges->prefixes = malloc((count_max + 1) * sizeof *ranges->prefixes);
  ranges->bound_bytes = malloc(BOUNDS_BYTES);
  ranges->parts = calloc((count_max + 1) * threads, sizeof *ranges->parts);
  if (ranges->bounds == NULL || ranges->prefixes == NULL || ranges->bound_bytes == NULL ||
      ranges->parts == NULL) {
    diffd_node_ranges_destroy(ranges);
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to sort nodes in %zu ranges", count_max);
  }
  if (id_count > 0)
    qsort(ids, id_count, sizeof *ids, compare_spans);
  choose_bounds(ranges, ids, id_count, count_max);
  size_t share = open_share / ranges->count;
  ranges->piece_len = share < PIECE_LEN_MIN ? PIECE_LEN_MIN : share > PIECE_LEN ? PIECE_LEN : share;
  *ret = ranges;
  return DIFFD_OK;
}

void diffd_node_ranges_destroy(struct diffd_node_ranges *ranges) {
  if (ranges == NULL)
    return;
  for (size_t i = 0; i < ranges->count; i++)
    diffd_node_ranges_drop(ranges, i);
  free(ranges->parts);
  free(ranges->bounds);
  free(ranges->prefixes);
  free(ranges->bound_bytes);
  free(ranges);
}

/* The number of bounds that are not beyond the id. What the integers do not tell apart, the bytes do. */
static size_t range_of(const struct diffd_node_ranges *ranges, struct diffd_span id) {
  size_t low = 0;
  size_t high = ranges->count - 1;
  if (high == 0)
    return 0;
  size_t head = id.len < ranges->common ? id.len : ranges->common;
  int order = memcmp(id.ptr, ranges->bounds[0].ptr, head);
  if (order != 0)
    return order < 0 ? 0 : high;
  uint64_t prefix = diffd_node_id_prefix(id, ranges->common);
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    uint64_t bound = ranges->prefixes[middle];
    bool beyond = bound != prefix ? bound > prefix : diffd_node_id_compare(ranges->bounds[middle], id) > 0;
    if (beyond)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

/* A new piece with room for a record. */
static enum diffd_status open_piece(const struct diffd_node_ranges *ranges, struct part *part, size_t len,
                                    struct piece **ret, struct diffd_error *err) {
  if (part->pieces == NULL || part->piece_count == part->piece_cap) {
    size_t cap = 2 * part->piece_cap + 2;
    struct piece *pieces = realloc(part->pieces, cap * sizeof *pieces);
    if (pieces == NULL)
      return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for %zu pieces of nodes", cap);
    part->pieces = pieces;
    part->piece_cap = cap;
  }
  struct piece piece = {.cap = len > ranges->piece_len ? len : ranges->piece_len};
  piece.bytes = malloc(piece.cap);
  if (piece.bytes == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a piece of nodes");
  count_piece(ranges->store, &piece);
  *ret = &part->pieces[part->piece_count++];
  **ret = piece;
  return DIFFD_OK;
}

enum diffd_status diffd_node_ranges_put(struct diffd_node_ranges *ranges, unsigned thread,
                                        const struct diffd_node_record *record, struct diffd_error *err) {
  struct part *part = &ranges->parts[thread * ranges->count + range_of(ranges, record->id)];
  size_t len;
  uint32_t flags = flags_of(record, &len);
  struct piece *piece = part->piece_count > 0 ? &part->pieces[part->piece_count - 1] : NULL;
  enum diffd_status status = DIFFD_OK;
  if (piece == NULL || len > piece->cap - piece->len) {
    if (piece != NULL)
      status = close_piece(ranges->store, piece, err);
    if (status == DIFFD_OK)
      status = open_piece(ranges, part, len, &piece, err);
    if (status != DIFFD_OK)
      return status;
  }
  put_record(piece->bytes + piece->len, record, flags);
  piece->len += len;
  part->bytes += len;
  part->records++;
  return DIFFD_OK;
}

size_t diffd_node_ranges_count(const struct diffd_node_ranges *ranges) {
  return ranges->count;
}

uint64_t diffd_node_ranges_bytes(const struct diffd_node_ranges *ranges, size_t range) {
  uint64_t bytes = 0;
  for (unsigned thread = 0; thread < ranges->threads; thread++)
    bytes += ranges->parts[thread * ranges->count + range].bytes;
  return bytes;
}

size_t diffd_node_ranges_records(const struct diffd_node_ranges *ranges, size_t range) {
  size_t records = 0;
  for (unsigned thread = 0; thread < ranges->threads; thread++)
    records += ranges->parts[thread * ranges->count + range].records;
  return records;
}

enum diffd_status diffd_node_ranges_each(struct diffd_node_ranges *ranges, size_t range,
                                         enum diffd_node_keep keep, diffd_node_piece_fn *each, void *arg,
                                         struct diffd_error *err) {
  for (unsigned thread = 0; thread < ranges->threads; thread++) {
    struct part *part = &ranges->parts[thread * ranges->count + range];
    for (size_t i = 0; i < part->piece_count; i++) {
      struct piece *piece = &part->pieces[i];
      enum diffd_status status = load_piece(ranges->store, piece, err);
      if (status == DIFFD_OK)
        status = each(arg, (struct diffd_span){piece->bytes, piece->len}, err);
      if (status != DIFFD_OK)
        return status;
      if (keep == DIFFD_NODES_DROP)
        drop_piece(ranges->store, piece);
      else if (keep == DIFFD_NODES_AS_IS && piece->cap == 0)
        free_bytes(piece);
    }
  }
  return DIFFD_OK;
}

void diffd_node_ranges_drop(struct diffd_node_ranges *ranges, size_t range) {
  for (unsigned thread = 0; thread < ranges->threads; thread++) {
    struct part *part = &ranges->parts[thread * ranges->count + range];
    for (size_t i = 0; i < part->piece_count; i++)
      drop_piece(ranges->store, &part->pieces[i]);
    free(part->pieces);
    *part = (struct part){0};
  }
}
