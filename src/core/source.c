/* SPDX-License-Identifier: Apache-2.0 */
#include "core/source.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/thread.h"
#include "base/tmp_file.h"

enum {
  DRAIN_CHUNK = 256 * 1024, /* bytes */
  WAIT_STEP_MS = 50,        /* how often a waiting reader looks whether it was cancelled */
};

struct diffd_source {
  const struct diffd_context *ctx;
  struct diffd_reader *reader;
  const char *name;
  int fd; /* where bytes are read from */
  struct stat opened;
  bool drained; /* a spool, not the file itself */

  pthread_t drainer;
  pthread_mutex_t lock;
  pthread_cond_t came;
  uint64_t available; /* bytes in the spool */
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

static void *drain(void *arg) {
  struct diffd_source *source = arg;
  struct diffd_error err = {.status = DIFFD_OK};
  enum diffd_status status = DIFFD_OK;
  uint64_t available = 0;
  char *chunk = malloc(DRAIN_CHUNK);
  if (chunk == NULL)
    status = diffd_fail(&err, DIFFD_NO_MEMORY, "no memory to read the input");
  while (status == DIFFD_OK) {
    size_t len = 0;
    status = diffd_reader_read(source->reader, chunk, DRAIN_CHUNK, &len, &err);
    if (status == DIFFD_OK)
      status = diffd_tmp_file_write(source->fd, chunk, len, available, &err);
    if (status != DIFFD_OK)
      break;
    available += len;
    if (!publish(source, available))
      status = DIFFD_CANCELLED;
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

static enum diffd_status start_drain(struct diffd_source *source, const char *tmp_dir,
                                     struct diffd_error *err) {
  enum diffd_status status = diffd_tmp_file_open(tmp_dir, &source->fd, err);
  if (status != DIFFD_OK)
    return status;
  status = diffd_thread_start(&source->drainer, drain, source, err);
  if (status != DIFFD_OK) {
    (void)close(source->fd);
    return diffd_fail_within(err, "%s", source->name);
  }
  source->drained = true;
  return DIFFD_OK;
}

enum diffd_status diffd_source_open(const struct diffd_context *ctx, struct diffd_reader *reader,
                                    const char *name, const char *tmp_dir, struct diffd_source **ret,
                                    struct diffd_error *err) {
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
    status = start_drain(source, tmp_dir, err);
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
  if (source->drained) {
    pthread_mutex_lock(&source->lock);
    source->stop = true;
    pthread_mutex_unlock(&source->lock);
    pthread_join(source->drainer, NULL);
    (void)close(source->fd);
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

enum diffd_status diffd_source_read(struct diffd_source *source, uint64_t offset, char *buf, size_t cap,
                                    size_t *ret_len, struct diffd_error *err) {
  if (source->drained) {
    uint64_t available;
    enum diffd_status status = wait_for(source, offset + cap, &available, err);
    if (status != DIFFD_OK)
      return status;
    if (offset >= available)
      cap = 0;
    else if (cap > available - offset)
      cap = (size_t)(available - offset);
  }
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
  if (!source->drained)
    return source->opened.st_size;
  pthread_mutex_lock(&source->lock);
  int64_t size = source->ended ? (int64_t)source->available : -1;
  pthread_mutex_unlock(&source->lock);
  return size;
}

enum diffd_status diffd_source_check_unchanged(struct diffd_source *source, struct diffd_error *err) {
  struct stat now;
  if (source->drained)
    return DIFFD_OK;
  if (fstat(source->fd, &now) != 0)
    return diffd_fail_errno(err, errno, "%s", source->name);
  if (now.st_size != source->opened.st_size || now.st_mtim.tv_sec != source->opened.st_mtim.tv_sec ||
      now.st_mtim.tv_nsec != source->opened.st_mtim.tv_nsec)
    return diffd_fail(err, DIFFD_IO, "%s was changed while it was read; try again when nobody writes to it",
                      source->name);
  return DIFFD_OK;
}
