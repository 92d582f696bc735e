/* SPDX-License-Identifier: Apache-2.0 */
#include "core/partitions.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/tmp_file.h"

enum { CHUNK_RECORDS = (DIFFD_CHUNK_BYTES - 16) / 16 };

/* In memory, and in the file byte for byte the same. */
struct chunk {
  uint64_t count;  /* told when it is full */
  uint64_t before; /* in memory the address of the chunk before, in the file its offset and 1; 0: none */
  struct diffd_record records[CHUNK_RECORDS];
};
_Static_assert(sizeof(struct chunk) == DIFFD_CHUNK_BYTES, "a chunk is one of the pool's");

/* What one thread appended to one partition. */
struct list {
  struct chunk *newest;  /* in memory; the only one that may not be full */
  uint64_t last_in_file; /* the newest chunk's offset in the file and 1, or 0 */
  uint64_t before;       /* records in all chunks before the newest */
};

/* Where the next record of each partition goes, and where its chunk ends. Appending touches nothing else but
 * the record, so that what 256 partitions need stays in a core's first cache. */
struct cursors {
  struct diffd_record *next[DIFFD_PARTITIONS];
  struct diffd_record *end[DIFFD_PARTITIONS];
};

struct appender {
  struct cursors at;
  struct list lists[DIFFD_PARTITIONS];
};

struct diffd_partitions {
  unsigned threads;
  struct diffd_chunk_pool *pool;
  const char *tmp_dir;
  pthread_mutex_t lock; /* for what follows */
  int file;             /* or -1 */
  uint64_t file_len;
  struct appender appenders[]; /* of each thread */
};

enum diffd_status diffd_partitions_new(unsigned threads, struct diffd_chunk_pool *pool, const char *tmp_dir,
                                       struct diffd_partitions **ret, struct diffd_error *err) {
  struct diffd_partitions *partitions =
      calloc(1, sizeof *partitions + (size_t)threads * sizeof(struct appender));
  if (partitions == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for partitions");
  partitions->threads = threads;
  partitions->pool = pool;
  partitions->tmp_dir = tmp_dir;
  partitions->file = -1;
  pthread_mutex_init(&partitions->lock, NULL);
  *ret = partitions;
  return DIFFD_OK;
}

enum diffd_status diffd_partitions_like(const struct diffd_partitions *model, struct diffd_partitions **ret,
                                        struct diffd_error *err) {
  return diffd_partitions_new(model->threads, model->pool, model->tmp_dir, ret, err);
}

static struct chunk *chunk_before(const struct chunk *chunk) {
  return (struct chunk *)(uintptr_t)chunk->before;
}

static void free_list(struct diffd_partitions *partitions, struct list *list) {
  while (list->newest != NULL) {
    struct chunk *before = chunk_before(list->newest);
    diffd_chunk_pool_put(partitions->pool, list->newest);
    list->newest = before;
  }
}

void diffd_partitions_destroy(struct diffd_partitions *partitions) {
  if (partitions == NULL)
    return;
  for (size_t thread = 0; thread < partitions->threads; thread++)
    for (size_t i = 0; i < DIFFD_PARTITIONS; i++)
      free_list(partitions, &partitions->appenders[thread].lists[i]);
  if (partitions->file >= 0)
    (void)close(partitions->file);
  pthread_mutex_destroy(&partitions->lock);
  free(partitions);
}

/* Writes a full chunk to the end of the file and empties it. */
static enum diffd_status spill(struct diffd_partitions *partitions, struct list *list, struct chunk *chunk,
                               struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  pthread_mutex_lock(&partitions->lock);
  if (partitions->file < 0)
    status = diffd_tmp_file_open(partitions->tmp_dir, &partitions->file, err);
  uint64_t offset = partitions->file_len;
  partitions->file_len += sizeof *chunk;
  pthread_mutex_unlock(&partitions->lock);
  if (status != DIFFD_OK)
    return status;
  uint64_t before = chunk->before;
  chunk->before = list->last_in_file;
  status = diffd_tmp_file_write(partitions->file, (const char *)chunk, sizeof *chunk, offset, err);
  chunk->before = before;
  chunk->count = 0;
  list->last_in_file = offset + 1;
  return status;
}

/* Makes room for one record more in the list's newest chunk, which is full. */
static enum diffd_status make_room(struct diffd_partitions *partitions, struct list *list,
                                   struct diffd_error *err) {
  struct chunk *newest = list->newest;
  if (newest != NULL) {
    newest->count = CHUNK_RECORDS;
    list->before += CHUNK_RECORDS;
  }
  void *got = diffd_chunk_pool_get(partitions->pool);
  if (got == NULL && newest != NULL)
    return spill(partitions, list, newest, err);
  if (got == NULL) { /* one of each list cannot be done without */
    enum diffd_status status = diffd_chunk_pool_force(partitions->pool, &got, err);
    if (status != DIFFD_OK)
      return status;
  }
  struct chunk *chunk = got;
  chunk->before = (uint64_t)(uintptr_t)newest;
  chunk->count = 0;
  list->newest = chunk;
  return DIFFD_OK;
}

enum diffd_status diffd_partitions_append(struct diffd_partitions *partitions, unsigned thread,
                                          unsigned partition, struct diffd_record record,
                                          struct diffd_error *err) {
  struct appender *appender = &partitions->appenders[thread];
  struct cursors *at = &appender->at;
  if (at->next[partition] == at->end[partition]) {
    struct list *list = &appender->lists[partition];
    enum diffd_status status = make_room(partitions, list, err);
    if (status != DIFFD_OK)
      return status;
    at->next[partition] = list->newest->records;
    at->end[partition] = list->newest->records + CHUNK_RECORDS;
  }
  /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a cursor that is not at its end is none of NULL */
  *at->next[partition]++ = record;
  return DIFFD_OK;
}

/* How many records the partition's newest chunk has. */
static uint64_t count_newest(const struct appender *appender, unsigned partition) {
  const struct chunk *newest = appender->lists[partition].newest;
  return newest != NULL ? (uint64_t)(appender->at.next[partition] - newest->records) : 0;
}

uint64_t diffd_partitions_count(const struct diffd_partitions *partitions, unsigned partition) {
  uint64_t count = 0;
  for (size_t thread = 0; thread < partitions->threads; thread++) {
    const struct appender *appender = &partitions->appenders[thread];
    count += appender->lists[partition].before + count_newest(appender, partition);
  }
  return count;
}

uint64_t diffd_partitions_total(const struct diffd_partitions *partitions) {
  uint64_t total = 0;
  for (unsigned i = 0; i < DIFFD_PARTITIONS; i++)
    total += diffd_partitions_count(partitions, i);
  return total;
}

bool diffd_partitions_spilled(const struct diffd_partitions *partitions) {
  return partitions->file >= 0;
}

static enum diffd_status each_in_file(const struct diffd_partitions *partitions, uint64_t at,
                                      diffd_records_fn *each, void *arg, struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  while (status == DIFFD_OK && at != 0) {
    struct chunk chunk;
    status = diffd_tmp_file_read(partitions->file, (char *)&chunk, sizeof chunk, at - 1, err);
    if (status == DIFFD_OK)
      status = each(arg, chunk.records, (size_t)chunk.count, err);
    at = chunk.before;
  }
  return status;
}

enum diffd_status diffd_partitions_each(const struct diffd_partitions *partitions, unsigned partition,
                                        diffd_records_fn *each, void *arg, struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  for (size_t thread = 0; status == DIFFD_OK && thread < partitions->threads; thread++) {
    const struct appender *appender = &partitions->appenders[thread];
    const struct list *list = &appender->lists[partition];
    uint64_t count = count_newest(appender, partition);
    for (const struct chunk *chunk = list->newest; status == DIFFD_OK && chunk != NULL;) {
      if (count > 0)
        status = each(arg, chunk->records, (size_t)count, err);
      chunk = chunk_before(chunk);
      count = CHUNK_RECORDS;
    }
    if (status == DIFFD_OK)
      status = each_in_file(partitions, list->last_in_file, each, arg, err);
  }
  return status;
}

void diffd_partitions_forget(struct diffd_partitions *partitions, unsigned partition) {
  for (size_t thread = 0; thread < partitions->threads; thread++) {
    struct appender *appender = &partitions->appenders[thread];
    free_list(partitions, &appender->lists[partition]);
    appender->lists[partition] = (struct list){0};
    appender->at.next[partition] = appender->at.end[partition] = NULL;
  }
}

static enum diffd_status take_list(struct diffd_partitions *partitions, struct list *list, uint64_t count,
                                   diffd_records_fn *each, void *arg, struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  while (status == DIFFD_OK && list->newest != NULL) {
    struct chunk *chunk = list->newest;
    if (count > 0)
      status = each(arg, chunk->records, (size_t)count, err);
    list->newest = chunk_before(chunk);
    diffd_chunk_pool_put(partitions->pool, chunk);
    count = CHUNK_RECORDS;
  }
  return status == DIFFD_OK ? each_in_file(partitions, list->last_in_file, each, arg, err) : status;
}

enum diffd_status diffd_partitions_take(struct diffd_partitions *partitions, unsigned partition,
                                        diffd_records_fn *each, void *arg, struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  for (size_t thread = 0; status == DIFFD_OK && thread < partitions->threads; thread++) {
    const struct appender *appender = &partitions->appenders[thread];
    struct list *list = &partitions->appenders[thread].lists[partition];
    status = take_list(partitions, list, count_newest(appender, partition), each, arg, err);
  }
  diffd_partitions_forget(partitions, partition);
  return status;
}
