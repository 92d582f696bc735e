/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/http_watch.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/thread.h"

enum { ROUND_MS = 100, POLL_MAX = 64 };

struct diffd_http_watch {
  pthread_mutex_t lock;
  pthread_cond_t changed; /* a first connection came, or the end */
  struct diffd_watched *connections;
  bool stop;
  pthread_t thread;
};

/* The connections of one call of poll. */
struct batch {
  struct pollfd fds[POLL_MAX];
  struct diffd_watched *connections[POLL_MAX];
  nfds_t count;
};

static void poll_batch_locked(struct batch *batch) {
  if (batch->count > 0 && poll(batch->fds, batch->count, 0) > 0)
    for (nfds_t i = 0; i < batch->count; i++)
      if (batch->fds[i].revents != 0)
        atomic_store(&batch->connections[i]->hung_up, true);
  batch->count = 0;
}

static void look_locked(struct diffd_http_watch *watch, uint64_t now) {
  struct batch batch = {.count = 0};
  for (struct diffd_watched *one = watch->connections; one != NULL; one = one->next) {
    if (one->deadline_ms != 0 && now >= one->deadline_ms) {
      one->deadline_ms = 0;
      (void)shutdown(one->fd, SHUT_RDWR); /* the library sees the end, and closes */
    }
    if (!one->suspended || atomic_load(&one->hung_up))
      continue;
    batch.fds[batch.count] = (struct pollfd){.fd = one->fd, .events = POLLRDHUP};
    batch.connections[batch.count++] = one;
    if (batch.count == POLL_MAX)
      poll_batch_locked(&batch);
  }
  poll_batch_locked(&batch);
}

static void *run(void *arg) {
  struct diffd_http_watch *watch = arg;
  (void)pthread_mutex_lock(&watch->lock);
  while (!watch->stop) {
    if (watch->connections == NULL)
      (void)pthread_cond_wait(&watch->changed, &watch->lock);
    else
      (void)diffd_cond_wait_ms(&watch->changed, &watch->lock, ROUND_MS);
    look_locked(watch, diffd_monotonic_ms());
  }
  (void)pthread_mutex_unlock(&watch->lock);
  return NULL;
}

enum diffd_status diffd_http_watch_new(struct diffd_http_watch **ret, struct diffd_error *err) {
  struct diffd_http_watch *watch = calloc(1, sizeof *watch);
  if (watch == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to watch connections");
  enum diffd_status status = diffd_cond_init(&watch->changed, err);
  if (status != DIFFD_OK) {
    free(watch);
    return status;
  }
  (void)pthread_mutex_init(&watch->lock, NULL);
  status = diffd_thread_start(&watch->thread, run, watch, err);
  if (status != DIFFD_OK) {
    (void)pthread_cond_destroy(&watch->changed);
    (void)pthread_mutex_destroy(&watch->lock);
    free(watch);
    return status;
  }
  *ret = watch;
  return DIFFD_OK;
}

void diffd_http_watch_destroy(struct diffd_http_watch *watch) {
  if (watch == NULL)
    return;
  (void)pthread_mutex_lock(&watch->lock);
  watch->stop = true;
  (void)pthread_cond_broadcast(&watch->changed);
  (void)pthread_mutex_unlock(&watch->lock);
  (void)pthread_join(watch->thread, NULL);
  (void)pthread_cond_destroy(&watch->changed);
  (void)pthread_mutex_destroy(&watch->lock);
  free(watch);
}

void diffd_http_watch_add(struct diffd_http_watch *watch, struct diffd_watched *connection, int fd) {
  (void)pthread_mutex_lock(&watch->lock);
  connection->fd = fd;
  connection->deadline_ms = 0;
  connection->suspended = false;
  atomic_init(&connection->hung_up, false);
  connection->previous = NULL;
  connection->next = watch->connections;
  if (connection->next != NULL)
    connection->next->previous = connection;
  else
    (void)pthread_cond_signal(&watch->changed);
  watch->connections = connection;
  (void)pthread_mutex_unlock(&watch->lock);
}

void diffd_http_watch_remove(struct diffd_http_watch *watch, struct diffd_watched *connection) {
  (void)pthread_mutex_lock(&watch->lock);
  if (connection->previous != NULL)
    connection->previous->next = connection->next;
  else
    watch->connections = connection->next;
  if (connection->next != NULL)
    connection->next->previous = connection->previous;
  (void)pthread_mutex_unlock(&watch->lock);
}

void diffd_http_watch_deadline(struct diffd_http_watch *watch, struct diffd_watched *connection,
                               uint64_t timeout_ms) {
  (void)pthread_mutex_lock(&watch->lock);
  connection->deadline_ms = timeout_ms > 0 ? diffd_monotonic_ms() + timeout_ms : 0;
  (void)pthread_mutex_unlock(&watch->lock);
}

void diffd_http_watch_suspended(struct diffd_http_watch *watch, struct diffd_watched *connection,
                                bool suspended) {
  (void)pthread_mutex_lock(&watch->lock);
  connection->suspended = suspended;
  (void)pthread_mutex_unlock(&watch->lock);
}
