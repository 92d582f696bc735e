/* SPDX-License-Identifier: Apache-2.0 */
#include "core/source.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/thread.h"
#include "core/aligned_text.h"
#include "core/chunk_store.h"

enum { WAIT_STEP_MS = 50 }; /* how often a waiting reader looks whether it was cancelled */

struct diffd_source {
  const struct diffd_context *ctx;
  struct diffd_reader *reader;
  const char *name;
  int fd; /* of a regular file, else -1 */
  struct stat opened;

  struct diffd_chunk_store *store; /* of what can be read once only, else NULL */
  pthread_t drainer;
  pthread_mutex_t lock;
  pthread_cond_t came;
  uint64_t available; /* bytes in the store */
  bool ended;         /* no more will come */
  bool stop;          /* the source is being closed */
  enum diffd_status end_status;
  struct diffd_error end_error;
};

/* True where the reader's bytes should go on being drained. */
static bool publish(struct diffd_source *source, uint64_t available) {
  pthread_mutex_lock(&source->lock);
  source->available = available;
  bool go_on = !source->stop;
  pthread_cond_broadcast(&source->came);
  pthread_mutex_unlock(&source->lock);
  return go_on;
}

/* Reads until the chunk is full, or the stream at its end or broken: *ret_len bytes have come then, too. */
static enum diffd_status fill(struct diffd_source *source, char *chunk, size_t *ret_len,
                              struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  size_t len = 0;
  while (status == DIFFD_OK && len < DIFFD_LINE_CHUNK_MAX) {
    size_t got = 0;
    status = diffd_reader_read(source->reader, chunk + len, DIFFD_LINE_CHUNK_MAX - len, &got, err);
    if (status == DIFFD_OK)
      len += got;
  }
  *ret_len = len;
  return status;
}

static enum diffd_status drain_with(struct diffd_source *source, char *chunk, struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  uint64_t available = 0;
  while (status == DIFFD_OK) {
    size_t len;
    status = fill(source, chunk, &len, err);
    if (len == 0)
      continue;
    struct diffd_error append_err;
    enum diffd_status appended = diffd_chunk_store_append(source->store, chunk, len, &append_err);
    if (appended != DIFFD_OK) {
      *err = append_err;
      return appended;
    }
    available += len;
    if (!publish(source, available))
      return DIFFD_CANCELLED; /* nobody is left to hear of it */
  }
  return status;
}

static void *drain(void *arg) {
  struct diffd_source *source = arg;
  struct diffd_error err = {.status = DIFFD_OK};
  enum diffd_status status;
  /* Whole pages, at the places of pages: the kernel copies to these fastest, see aligned_text.h. */
  char *chunk = aligned_alloc(DIFFD_TEXT_PAGE, DIFFD_LINE_CHUNK_MAX + DIFFD_TEXT_PAGE);
  if (chunk == NULL) {
    status = diffd_fail(&err, DIFFD_NO_MEMORY, "no memory to read the input");
  } else {
    memset(chunk + DIFFD_LINE_CHUNK_MAX, 0, DIFFD_TEXT_PAGE);
    status = drain_with(source, chunk, &err);
  }
  free(chunk);
  pthread_mutex_lock(&source->lock);
  source->ended = true;
  source->end_status = status == DIFFD_END ? DIFFD_OK : status;
  source->end_error = err;
  pthread_cond_broadcast(&source->came);
  pthread_mutex_unlock(&source->lock);
  return NULL;
}

static enum diffd_status start_drain(struct diffd_source *source, const char *tmp_dir, uint64_t memory_bytes,
                                     struct diffd_error *err) {
  struct diffd_chunk_store *store;
  enum diffd_status status = diffd_chunk_store_new(tmp_dir, memory_bytes, &store, err);
  if (status != DIFFD_OK)
    return status;
  source->store = store;
  status = diffd_thread_start(&source->drainer, drain, source, err);
  if (status == DIFFD_OK)
    return DIFFD_OK;
  source->store = NULL;
  diffd_chunk_store_destroy(store);
  return diffd_fail_within(err, "reading %s", source->name);
}

enum diffd_status diffd_source_open(const struct diffd_context *ctx, struct diffd_reader *reader,
                                    const char *name, const char *tmp_dir, uint64_t memory_bytes,
                                    struct diffd_source **ret, struct diffd_error *err) {
  struct diffd_source *source = calloc(1, sizeof *source);
  if (source == NULL) {
    diffd_reader_destroy(reader);
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for an input");
  }
  enum diffd_status status = diffd_cond_init(&source->came, err);
  if (status != DIFFD_OK) {
    free(source);
    diffd_reader_destroy(reader);
    return status;
  }
  pthread_mutex_init(&source->lock, NULL);
  source->ctx = ctx;
  source->reader = reader;
  source->name = name;
  source->fd = diffd_reader_file(reader);
  if (source->fd < 0)
    status = start_drain(source, tmp_dir, memory_bytes, err);
  else if (fstat(source->fd, &source->opened) != 0)
    status = diffd_fail_errno(err, errno, "%s", name);
  if (status != DIFFD_OK) {
    diffd_source_close(source);
    return status;
  }
  *ret = source;
  return DIFFD_OK;
}

void diffd_source_close(struct diffd_source *source) {
  if (source == NULL)
    return;
  if (source->store != NULL) {
    pthread_mutex_lock(&source->lock);
    source->stop = true;
    pthread_mutex_unlock(&source->lock);
    diffd_reader_interrupt(source->reader);
    pthread_join(source->drainer, NULL);
    diffd_chunk_store_destroy(source->store);
  }
  pthread_cond_destroy(&source->came);
  pthread_mutex_destroy(&source->lock);
  diffd_reader_destroy(source->reader);
  free(source);
}

/* Waits until `wanted` bytes have come or no more will; *ret_available is how many there are. */
static enum diffd_status wait_for(struct diffd_source *source, uint64_t wanted, uint64_t *ret_available,
                                  struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  pthread_mutex_lock(&source->lock);
  while (status == DIFFD_OK && source->available < wanted && !source->ended) {
    (void)diffd_cond_wait_ms(&source->came, &source->lock, WAIT_STEP_MS);
    if (diffd_context_cancelled(source->ctx))
      status = diffd_fail(err, DIFFD_CANCELLED, "stopped while waiting for %s", source->name);
  }
  if (status == DIFFD_OK && source->ended && source->end_status != DIFFD_OK && source->available < wanted) {
    status = source->end_status;
    *err = source->end_error;
    (void)diffd_fail_within(err, "%s", source->name);
  }
  *ret_available = source->available;
  pthread_mutex_unlock(&source->lock);
  return status;
}

static enum diffd_status read_stored(struct diffd_source *source, uint64_t offset, char *buf, size_t cap,
                                     size_t *ret_len, struct diffd_error *err) {
  uint64_t available;
  enum diffd_status status = wait_for(source, offset + cap, &available, err);
  if (status != DIFFD_OK)
    return status;
  uint64_t left = offset < available ? available - offset : 0;
  size_t len = cap < left ? cap : (size_t)left;
  status = diffd_chunk_store_read(source->store, offset, buf, len, err);
  if (status != DIFFD_OK)
    return diffd_fail_within(err, "%s", source->name);
  *ret_len = len;
  return DIFFD_OK;
}

enum diffd_status diffd_source_read(struct diffd_source *source, uint64_t offset, char *buf, size_t cap,
                                    size_t *ret_len, struct diffd_error *err) {
  if (source->store != NULL)
    return read_stored(source, offset, buf, cap, ret_len, err);
  size_t len = 0;
  while (len < cap) {
    ssize_t got = pread(source->fd, buf + len, cap - len, (off_t)(offset + len));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return diffd_fail_errno(err, errno, "reading %s", source->name);
    if (got == 0)
      break;
    len += (size_t)got;
  }
  *ret_len = len;
  return DIFFD_OK;
}

int64_t diffd_source_size(struct diffd_source *source) {
  if (source->store == NULL)
    return source->opened.st_size;
  pthread_mutex_lock(&source->lock);
  int64_t size = source->ended ? (int64_t)source->available : -1;
  pthread_mutex_unlock(&source->lock);
  return size;
}

enum diffd_status diffd_source_check_unchanged(struct diffd_source *source, struct diffd_error *err) {
  struct stat now;
  if (source->store != NULL)
    return DIFFD_OK;
  if (fstat(source->fd, &now) != 0)
    return diffd_fail_errno(err, errno, "%s", source->name);
  if (now.st_size != source->opened.st_size || now.st_mtim.tv_sec != source->opened.st_mtim.tv_sec ||
      now.st_mtim.tv_nsec != source->opened.st_mtim.tv_nsec)
    return diffd_fail(err, DIFFD_IO, "%s was changed while it was read; try again when nobody writes to it",
                      source->name);
  return DIFFD_OK;
}
