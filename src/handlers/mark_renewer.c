/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/mark_renewer.h"

#include <stdlib.h>

#include "base/thread.h"
#include "handlers/event.h"

struct diffd_mark_renewer {
  struct diffd_marker *marker;
  const struct diffd_context *ctx;
  const char *id;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool stop;
};

static void mark(const struct diffd_mark_renewer *renewer) {
  struct diffd_error err;
  if (diffd_marker_mark(renewer->marker, renewer->ctx, renewer->id, &err) != DIFFD_OK)
    diffd_event_dependency_hiccup(renewer->ctx, "marker", err.detail);
}

static uint64_t interval_ms(const struct diffd_marker *marker) {
  return marker->timeout_ms >= 3 ? marker->timeout_ms / 3 : 1;
}

/* Waits one interval; false when told to stop. */
static bool sleep_locked(struct diffd_mark_renewer *renewer) {
  uint64_t until = diffd_monotonic_ms() + interval_ms(renewer->marker);
  for (uint64_t now = diffd_monotonic_ms(); !renewer->stop && now < until; now = diffd_monotonic_ms())
    (void)diffd_cond_wait_ms(&renewer->wake, &renewer->lock, until - now);
  return !renewer->stop;
}

static void *run(void *arg) {
  struct diffd_mark_renewer *renewer = arg;
  (void)pthread_mutex_lock(&renewer->lock);
  while (sleep_locked(renewer)) {
    (void)pthread_mutex_unlock(&renewer->lock);
    mark(renewer);
    (void)pthread_mutex_lock(&renewer->lock);
  }
  (void)pthread_mutex_unlock(&renewer->lock);
  return NULL;
}

static void clean_up(struct diffd_mark_renewer *renewer) {
  (void)pthread_cond_destroy(&renewer->wake);
  (void)pthread_mutex_destroy(&renewer->lock);
  free(renewer);
}

enum diffd_status diffd_mark_renewer_start(struct diffd_marker *marker, const struct diffd_context *ctx,
                                           const char *id, struct diffd_mark_renewer **ret,
                                           struct diffd_error *err) {
  struct diffd_mark_renewer *renewer = calloc(1, sizeof *renewer);
  if (renewer == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to keep a mark");
  renewer->marker = marker;
  renewer->ctx = ctx;
  renewer->id = id;
  enum diffd_status status = diffd_cond_init(&renewer->wake, err);
  if (status != DIFFD_OK) {
    free(renewer);
    return status;
  }
  (void)pthread_mutex_init(&renewer->lock, NULL);
  mark(renewer);
  status = diffd_thread_start(&renewer->thread, run, renewer, err);
  if (status != DIFFD_OK) {
    clean_up(renewer);
    return status;
  }
  *ret = renewer;
  return DIFFD_OK;
}

void diffd_mark_renewer_stop(struct diffd_mark_renewer *renewer) {
  (void)pthread_mutex_lock(&renewer->lock);
  renewer->stop = true;
  (void)pthread_cond_broadcast(&renewer->wake);
  (void)pthread_mutex_unlock(&renewer->lock);
  (void)pthread_join(renewer->thread, NULL);
  clean_up(renewer);
}
