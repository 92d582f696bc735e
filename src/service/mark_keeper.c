/* SPDX-License-Identifier: Apache-2.0 */
#include "service/mark_keeper.h"

#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "handlers/event.h"
#include "service/pending.h"

/* How soon a round is made again that was broken off. */
enum { AGAIN_MS = 5000 };

/* An id that was released while a round was under way: the round's list may still have it. */
struct ended {
  struct ended *next;
  char id[DIFFD_JOB_ID_MAX + 1];
};

struct diffd_mark_keeper {
  struct diffd_job_source *source;
  struct diffd_marker *marker;
  struct diffd_context ctx;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t wake; /* a mark is made, or the end */
  const char *marking; /* the id whose mark is being made; its hold begins when it is made */
  bool stop;
  bool in_round;
  bool forgot; /* an ended id could not be noted: the round goes no further */
  bool away;   /* the marker cannot be reached: likewise, and the next round comes soon */
  struct diffd_mark_hold *holds;
  struct ended *ended;
};

/* The end of the service does not wait for a marker that does not answer. */
static bool is_stopped(void *arg) {
  struct diffd_mark_keeper *keeper = arg;
  (void)pthread_mutex_lock(&keeper->lock);
  bool stop = keeper->stop;
  (void)pthread_mutex_unlock(&keeper->lock);
  return stop;
}

static bool is_free_locked(const struct diffd_mark_keeper *keeper, const char *id) {
  for (const struct diffd_mark_hold *hold = keeper->holds; hold != NULL; hold = hold->next)
    if (strcmp(hold->id, id) == 0)
      return false;
  for (const struct ended *ended = keeper->ended; ended != NULL; ended = ended->next)
    if (strcmp(ended->id, id) == 0)
      return false;
  return true;
}

/* The lock is let go while the mark is made: that may take long, and concerns nobody but this id's worker.
 * A marker that cannot be reached has been tried for long already: thousands of jobs must not each wait that
 * long, least of all at the start. */
static void mark_one_locked(struct diffd_mark_keeper *keeper, const char *id) {
  struct diffd_error err;
  struct diffd_context ctx = keeper->ctx;
  ctx.diff_id = id;
  keeper->marking = id;
  (void)pthread_mutex_unlock(&keeper->lock);
  enum diffd_status status = diffd_marker_mark(keeper->marker, &ctx, id, &err);
  if (status != DIFFD_OK && status != DIFFD_CANCELLED)
    diffd_event_dependency_hiccup(&ctx, "marker", err.detail);
  (void)pthread_mutex_lock(&keeper->lock);
  keeper->away = status == DIFFD_UNAVAILABLE;
  keeper->marking = NULL;
  (void)pthread_cond_broadcast(&keeper->wake);
}

static void mark_all(struct diffd_mark_keeper *keeper, const struct diffd_pending *pending) {
  (void)pthread_mutex_lock(&keeper->lock);
  for (size_t i = 0; !keeper->stop && !keeper->forgot && !keeper->away && i < pending->count; i++)
    if (is_free_locked(keeper, pending->ids[i]))
      mark_one_locked(keeper, pending->ids[i]);
  (void)pthread_mutex_unlock(&keeper->lock);
}

static enum diffd_status make_round(struct diffd_mark_keeper *keeper, struct diffd_error *err) {
  struct diffd_pending pending;
  (void)pthread_mutex_lock(&keeper->lock);
  keeper->in_round = true;
  keeper->away = false;
  (void)pthread_mutex_unlock(&keeper->lock);
  enum diffd_status status = diffd_pending_collect(keeper->source, &pending, err);
  if (status == DIFFD_OK) {
    mark_all(keeper, &pending);
    diffd_pending_clean_up(&pending);
  }
  (void)pthread_mutex_lock(&keeper->lock);
  keeper->in_round = false;
  keeper->forgot = false;
  while (keeper->ended != NULL) {
    struct ended *ended = keeper->ended;
    keeper->ended = ended->next;
    free(ended);
  }
  (void)pthread_mutex_unlock(&keeper->lock);
  return status;
}

/* Waits for the next round; false when told to stop. */
static bool sleep_until_next(struct diffd_mark_keeper *keeper) {
  uint64_t interval = keeper->marker->timeout_ms >= 3 ? keeper->marker->timeout_ms / 3 : 1;
  (void)pthread_mutex_lock(&keeper->lock);
  if (keeper->away && interval > AGAIN_MS)
    interval = AGAIN_MS;
  uint64_t until = diffd_monotonic_ms() + interval;
  for (uint64_t now = diffd_monotonic_ms(); !keeper->stop && now < until; now = diffd_monotonic_ms())
    (void)diffd_cond_wait_ms(&keeper->wake, &keeper->lock, until - now);
  bool stop = keeper->stop;
  (void)pthread_mutex_unlock(&keeper->lock);
  return !stop;
}

static void *run(void *arg) {
  struct diffd_mark_keeper *keeper = arg;
  while (sleep_until_next(keeper)) {
    struct diffd_error err;
    if (make_round(keeper, &err) != DIFFD_OK)
      diffd_event_dependency_failure(&keeper->ctx, "queuer", err.detail);
  }
  return NULL;
}

static void clean_up(struct diffd_mark_keeper *keeper) {
  (void)pthread_cond_destroy(&keeper->wake);
  (void)pthread_mutex_destroy(&keeper->lock);
  free(keeper);
}

enum diffd_status diffd_mark_keeper_start(struct diffd_job_source *source, struct diffd_marker *marker,
                                          struct diffd_log *log, struct diffd_mark_keeper **ret,
                                          struct diffd_error *err) {
  struct diffd_mark_keeper *keeper = calloc(1, sizeof *keeper);
  if (keeper == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to keep marks");
  keeper->source = source;
  keeper->marker = marker;
  keeper->ctx = (struct diffd_context){.cancelled = is_stopped, .cancelled_arg = keeper, .log = log};
  enum diffd_status status = diffd_cond_init(&keeper->wake, err);
  if (status != DIFFD_OK) {
    free(keeper);
    return status;
  }
  (void)pthread_mutex_init(&keeper->lock, NULL);
  status = make_round(keeper, err);
  if (status == DIFFD_OK)
    status = diffd_thread_start(&keeper->thread, run, keeper, err);
  if (status != DIFFD_OK) {
    clean_up(keeper);
    return status;
  }
  *ret = keeper;
  return DIFFD_OK;
}

void diffd_mark_keeper_end(struct diffd_mark_keeper *keeper) {
  (void)pthread_mutex_lock(&keeper->lock);
  keeper->stop = true;
  (void)pthread_cond_broadcast(&keeper->wake);
  (void)pthread_mutex_unlock(&keeper->lock);
}

void diffd_mark_keeper_stop(struct diffd_mark_keeper *keeper) {
  if (keeper == NULL)
    return;
  diffd_mark_keeper_end(keeper);
  (void)pthread_join(keeper->thread, NULL);
  clean_up(keeper);
}

void diffd_mark_keeper_hold(struct diffd_mark_keeper *keeper, struct diffd_mark_hold *hold, const char *id) {
  (void)pthread_mutex_lock(&keeper->lock);
  hold->id = id;
  hold->next = keeper->holds;
  keeper->holds = hold;
  while (keeper->marking != NULL && strcmp(keeper->marking, id) == 0)
    (void)pthread_cond_wait(&keeper->wake, &keeper->lock);
  (void)pthread_mutex_unlock(&keeper->lock);
}

static void note_end_locked(struct diffd_mark_keeper *keeper, const char *id) {
  struct ended *ended = calloc(1, sizeof *ended);
  if (ended == NULL) {
    keeper->forgot = true;
    return;
  }
  (void)strncpy(ended->id, id, DIFFD_JOB_ID_MAX);
  ended->next = keeper->ended;
  keeper->ended = ended;
}

void diffd_mark_keeper_release(struct diffd_mark_keeper *keeper, struct diffd_mark_hold *hold) {
  (void)pthread_mutex_lock(&keeper->lock);
  struct diffd_mark_hold **place = &keeper->holds;
  while (*place != hold)
    place = &(*place)->next;
  *place = hold->next;
  if (keeper->in_round)
    note_end_locked(keeper, hold->id);
  (void)pthread_mutex_unlock(&keeper->lock);
}
