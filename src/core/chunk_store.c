/* SPDX-License-Identifier: Apache-2.0 */
#include "core/chunk_store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/tmp_file.h"

enum {
  PIECE_MAX = 1024 * 1024, /* bytes of memory that are taken at once */
  FIRST_CHUNKS = 256,
};

/* Where an encoded chunk is. */
struct place {
  union {
    const char *memory;
    uint64_t offset; /* in the file */
  };
  uint32_t len;
  bool in_file;
};

/* Memory for encoded chunks; one after the other, each in one piece. */
struct piece {
  struct piece *before;
  char bytes[];
};

struct diffd_chunk_store {
  struct diffd_line_codec *codec;
  char *kept; /* a chunk is encoded here, in the cache of the CPU, before its place is known */
  const char *tmp_dir;
  uint64_t memory_max;
  struct piece *piece; /* the last */
  size_t piece_cap;
  size_t piece_used;
  uint64_t pieces_bytes;
  bool in_file; /* memory is used up; chunks go to the file */
  int fd;       /* or -1 */
  uint64_t file_len;

  /* Of what readers look at: the places, and by what they say, the memory, file and tables of the codec that
   * were written before. */
  pthread_mutex_t lock;
  struct place *place;
  size_t count;
  size_t cap;
  struct diffd_chunk_store_sizes sizes;
};

enum diffd_status diffd_chunk_store_new(const char *tmp_dir, uint64_t memory_bytes,
                                        struct diffd_chunk_store **ret, struct diffd_error *err) {
  struct diffd_chunk_store *store = calloc(1, sizeof *store);
  if (store == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to keep an input");
  pthread_mutex_init(&store->lock, NULL);
  store->tmp_dir = tmp_dir;
  store->memory_max = memory_bytes;
  store->fd = -1;
  enum diffd_status status = diffd_line_codec_new(memory_bytes, &store->codec, err);
  if (status == DIFFD_OK) {
    store->kept = malloc(DIFFD_LINE_KEPT_MAX);
    if (store->kept == NULL)
      status = diffd_fail(err, DIFFD_NO_MEMORY, "no memory to keep an input");
  }
  if (status != DIFFD_OK) {
    diffd_chunk_store_destroy(store);
    return status;
  }
  *ret = store;
  return DIFFD_OK;
}

void diffd_chunk_store_destroy(struct diffd_chunk_store *store) {
  if (store == NULL)
    return;
  while (store->piece != NULL) {
    struct piece *before = store->piece->before;
    free(store->piece);
    store->piece = before;
  }
  if (store->fd >= 0)
    (void)close(store->fd);
  diffd_line_codec_destroy(store->codec);
  pthread_mutex_destroy(&store->lock);
  free(store->place);
  free(store->kept);
  free(store);
}

static uint64_t memory_used(const struct diffd_chunk_store *store) {
  return store->pieces_bytes + store->cap * sizeof *store->place + diffd_line_codec_memory_max(store->codec);
}

/* Takes another piece of memory that has room for `len` bytes, if the limit allows it and the system has it.
 */
static bool take_piece(struct diffd_chunk_store *store, size_t len) {
  uint64_t used = memory_used(store);
  uint64_t left = used < store->memory_max ? store->memory_max - used : 0;
  size_t bytes = left < PIECE_MAX ? (size_t)left : PIECE_MAX;
  if (bytes == 0 || bytes < sizeof(struct piece) + len)
    return false;
  struct piece *piece = malloc(bytes);
  if (piece == NULL)
    return false;
  piece->before = store->piece;
  store->piece = piece;
  store->piece_cap = bytes - sizeof *piece;
  store->piece_used = 0;
  store->pieces_bytes += bytes;
  return true;
}

/* Puts the encoded chunk where there is room for it. */
static enum diffd_status put(struct diffd_chunk_store *store, size_t len, struct place *ret,
                             struct diffd_error *err) {
  if (!store->in_file && (store->piece == NULL || store->piece_cap - store->piece_used < len))
    store->in_file = !take_piece(store, len);
  if (!store->in_file) {
    char *at = store->piece->bytes + store->piece_used;
    memcpy(at, store->kept, len);
    store->piece_used += len;
    *ret = (struct place){.memory = at, .len = (uint32_t)len};
    return DIFFD_OK;
  }
  enum diffd_status status = store->fd < 0 ? diffd_tmp_file_open(store->tmp_dir, &store->fd, err) : DIFFD_OK;
  if (status == DIFFD_OK)
    status = diffd_tmp_file_write(store->fd, store->kept, len, store->file_len, err);
  if (status != DIFFD_OK)
    return status;
  *ret = (struct place){.offset = store->file_len, .len = (uint32_t)len, .in_file = true};
  store->file_len += len;
  return DIFFD_OK;
}

static enum diffd_status reserve_place(struct diffd_chunk_store *store, struct diffd_error *err) {
  if (store->count < store->cap)
    return DIFFD_OK;
  size_t cap = store->cap == 0 ? FIRST_CHUNKS : 2 * store->cap;
  pthread_mutex_lock(&store->lock);
  struct place *place = realloc(store->place, cap * sizeof *place);
  if (place != NULL)
    store->place = place;
  pthread_mutex_unlock(&store->lock);
  if (place == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for an index of an input");
  store->cap = cap;
  return DIFFD_OK;
}

enum diffd_status diffd_chunk_store_append(struct diffd_chunk_store *store, const char *text, size_t len,
                                           struct diffd_error *err) {
  enum diffd_status status = reserve_place(store, err);
  if (status != DIFFD_OK)
    return status;
  size_t kept_len = diffd_line_codec_encode(store->codec, text, len, store->kept);
  struct place place;
  status = put(store, kept_len, &place, err);
  if (status != DIFFD_OK)
    return status;
  pthread_mutex_lock(&store->lock);
  store->place[store->count++] = place;
  store->sizes = (struct diffd_chunk_store_sizes){memory_used(store), store->file_len};
  pthread_mutex_unlock(&store->lock);
  return DIFFD_OK;
}

struct diffd_chunk_store_sizes diffd_chunk_store_sizes(struct diffd_chunk_store *store) {
  pthread_mutex_lock(&store->lock);
  struct diffd_chunk_store_sizes sizes = store->sizes;
  pthread_mutex_unlock(&store->lock);
  return sizes;
}

/* Reads a part of one chunk. */
static enum diffd_status read_chunk(struct diffd_chunk_store *store, size_t number, size_t begin, char *buf,
                                    size_t len, struct diffd_error *err) {
  pthread_mutex_lock(&store->lock);
  struct place place = store->place[number];
  pthread_mutex_unlock(&store->lock);
  if (!place.in_file) {
    diffd_line_codec_decode(store->codec, place.memory, begin, len, buf);
    return DIFFD_OK;
  }
  char *kept = malloc(place.len);
  if (kept == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to read an input again");
  enum diffd_status status = diffd_tmp_file_read(store->fd, kept, place.len, place.offset, err);
  if (status == DIFFD_OK)
    diffd_line_codec_decode(store->codec, kept, begin, len, buf);
  free(kept);
  return status;
}

enum diffd_status diffd_chunk_store_read(struct diffd_chunk_store *store, uint64_t offset, char *buf,
                                         size_t len, struct diffd_error *err) {
  while (len > 0) {
    size_t begin = (size_t)(offset % DIFFD_LINE_CHUNK_MAX);
    size_t part = DIFFD_LINE_CHUNK_MAX - begin < len ? DIFFD_LINE_CHUNK_MAX - begin : len;
    enum diffd_status status =
        read_chunk(store, (size_t)(offset / DIFFD_LINE_CHUNK_MAX), begin, buf, part, err);
    if (status != DIFFD_OK)
      return status;
    offset += part;
    buf += part;
    len -= part;
  }
  return DIFFD_OK;
}
