/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/produce.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "diffd/stat.h"
#include "handlers/event.h"
#include "handlers/mark_renewer.h"

/* How often a wait looks whether it should end. */
enum { LOOK_MS = 50 };

/* An id at work. Whoever works and whoever waits for the outcome hold it. */
struct work {
  struct work *next;
  const char *id; /* the worker's, valid until finished */
  unsigned holders;
  bool finished;
  enum diffd_status status;
  struct diffd_production production;
  struct diffd_error err;
};

struct diffd_producer {
  struct diffd_producer_options options;
  pthread_mutex_t lock;
  pthread_cond_t changed; /* a work finished, or a place is free */
  struct work *works;     /* those that are not finished */
  unsigned free_places;
};

enum diffd_status diffd_producer_new(const struct diffd_producer_options *options,
                                     struct diffd_producer **ret, struct diffd_error *err) {
  struct diffd_producer *producer = calloc(1, sizeof *producer);
  if (producer == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the workers");
  enum diffd_status status = diffd_cond_init(&producer->changed, err);
  if (status != DIFFD_OK) {
    free(producer);
    return status;
  }
  (void)pthread_mutex_init(&producer->lock, NULL);
  producer->options = *options;
  producer->free_places = options->places;
  *ret = producer;
  return DIFFD_OK;
}

void diffd_producer_destroy(struct diffd_producer *producer) {
  if (producer == NULL)
    return;
  (void)pthread_cond_destroy(&producer->changed);
  (void)pthread_mutex_destroy(&producer->lock);
  free(producer);
}

static enum diffd_status unmark(struct diffd_producer *producer, const struct diffd_context *ctx,
                                const struct diffd_job *job, struct diffd_production *production,
                                struct diffd_error *err) {
  production->dependency = "marker";
  return diffd_marker_unmark(producer->options.marker, ctx, job->id, err);
}

/* From the differ into the storage; nothing shows before the sink's commit. */
static enum diffd_status store(struct diffd_producer *producer, const struct diffd_context *ctx,
                               const struct diffd_job *job, struct diffd_production *production,
                               struct diffd_error *err) {
  struct diffd_writer *writer;
  struct diffd_change_sink *sink;
  production->dependency = "storage";
  enum diffd_status status = diffd_storage_put(producer->options.storage, ctx, job->id, &writer, err);
  if (status != DIFFD_OK)
    return status;
  status = diffd_dot_sink_new(writer, &sink, err);
  if (status != DIFFD_OK) {
    diffd_writer_destroy(writer);
    return status;
  }
  production->dependency = "differ";
  status = diffd_differ_diff(producer->options.differ, ctx, job, sink, err);
  if (status == DIFFD_OK) {
    production->dependency = "storage";
    status = sink->ops->commit(sink, err);
  }
  diffd_change_sink_destroy(sink);
  return status;
}

static enum diffd_status make(struct diffd_producer *producer, const struct diffd_context *ctx,
                              const struct diffd_job *job, struct diffd_production *production,
                              struct diffd_error *err) {
  struct diffd_mark_renewer *renewer;
  struct diffd_marker *marker = producer->options.marker;
  production->dependency = "storage";
  enum diffd_status status = diffd_storage_exists(producer->options.storage, ctx, job->id, err);
  if (status == DIFFD_OK) {
    production->was_stored = true;
    return unmark(producer, ctx, job, production, err);
  }
  if (status != DIFFD_NOT_FOUND)
    return status;
  production->dependency = "worker";
  status = diffd_mark_renewer_start(marker, ctx, job->id, &renewer, err);
  if (status != DIFFD_OK)
    return status;
  status = store(producer, ctx, job, production, err);
  /* Stopped before the mark is removed, so that it does not come back. */
  diffd_mark_renewer_stop(renewer);
  return status != DIFFD_OK ? status : unmark(producer, ctx, job, production, err);
}

static struct work *find_locked(struct diffd_producer *producer, const char *id) {
  struct work *work = producer->works;
  while (work != NULL && strcmp(work->id, id) != 0)
    work = work->next;
  return work;
}

static void release_locked(struct work *work) {
  if (--work->holders == 0)
    free(work);
}

/* Tells the outcome to those who wait for it. */
static void finish_locked(struct diffd_producer *producer, struct work *work, enum diffd_status status,
                          const struct diffd_production *production, const struct diffd_error *err) {
  struct work **place = &producer->works;
  while (*place != work)
    place = &(*place)->next;
  *place = work->next;
  work->finished = true;
  work->status = status;
  work->production = *production;
  if (status != DIFFD_OK)
    work->err = *err;
  release_locked(work);
  (void)pthread_cond_broadcast(&producer->changed);
}

static enum diffd_status wait_for_place_locked(struct diffd_producer *producer,
                                               const struct diffd_context *ctx, struct diffd_error *err) {
  while (!diffd_context_stopping(ctx)) {
    if (producer->free_places > 0) {
      producer->free_places--;
      return DIFFD_OK;
    }
    (void)diffd_cond_wait_ms(&producer->changed, &producer->lock, LOOK_MS);
  }
  return diffd_fail(err, DIFFD_CANCELLED,
                    "the job was not started: it waited for a free worker when the "
                    "service was told to stop or its caller hung up");
}

static bool is_ready(const struct diffd_producer *producer, const struct diffd_job *job) {
  const struct diffd_clock *clock = producer->options.clock;
  return clock->wall(clock->arg).seconds >= diffd_differ_ready_at(producer->options.differ, job);
}

/* A delivery may come before the logs of its windows are complete, and a diff of half of them would stay for
 * ever. A diff that is stored already needs no logs. */
static enum diffd_status wait_until_ready(struct diffd_producer *producer, const struct diffd_context *ctx,
                                          const struct diffd_job *job, struct diffd_production *production,
                                          struct diffd_error *err) {
  struct diffd_mark_renewer *renewer;
  if (is_ready(producer, job))
    return DIFFD_OK;
  production->dependency = "storage";
  enum diffd_status status = diffd_storage_exists(producer->options.storage, ctx, job->id, err);
  if (status != DIFFD_NOT_FOUND)
    return status;
  production->dependency = "worker";
  status = diffd_mark_renewer_start(producer->options.marker, ctx, job->id, &renewer, err);
  if (status != DIFFD_OK)
    return status;
  (void)pthread_mutex_lock(&producer->lock);
  while (!is_ready(producer, job) && !diffd_context_stopping(ctx))
    (void)diffd_cond_wait_ms(&producer->changed, &producer->lock, LOOK_MS);
  (void)pthread_mutex_unlock(&producer->lock);
  diffd_mark_renewer_stop(renewer);
  return is_ready(producer, job)
             ? DIFFD_OK
             : diffd_fail(
                   err, DIFFD_CANCELLED,
                   "the job was not started: it waited for the logs of its windows to be complete when the "
                   "service was told to stop or its caller hung up");
}

/* One line a try, joined ones apart: whoever made it counts it. */
static void count_try(const struct diffd_context *ctx, enum diffd_status status,
                      const struct diffd_production *production, uint64_t started_ms) {
  char dependency[32];
  const char *const tags[] = {dependency};
  double duration_ms = (double)(diffd_monotonic_ms() - started_ms);
  (void)snprintf(dependency, sizeof dependency, "dependency:%s", production->dependency);
  if (status == DIFFD_OK) {
    diffd_stat_record(ctx->stat, DIFFD_STAT_COUNT, "diffd.jobs.done", 1, NULL, 0);
    diffd_stat_record(ctx->stat, DIFFD_STAT_TIMING, "diffd.jobs.duration", duration_ms, NULL, 0);
  } else if (status == DIFFD_CANCELLED) {
    diffd_stat_record(ctx->stat, DIFFD_STAT_COUNT, "diffd.jobs.given_back", 1, NULL, 0);
  } else {
    diffd_stat_record(ctx->stat, DIFFD_STAT_COUNT, "diffd.jobs.failed", 1, tags, 1);
  }
}

static enum diffd_status own_locked(struct diffd_producer *producer, const struct diffd_context *ctx,
                                    const struct diffd_job *job, struct diffd_production *production,
                                    struct diffd_error *err) {
  struct work *work = calloc(1, sizeof *work);
  if (work == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a job");
  work->id = job->id;
  work->holders = 1;
  work->next = producer->works;
  producer->works = work;
  (void)pthread_mutex_unlock(&producer->lock);
  enum diffd_status status = wait_until_ready(producer, ctx, job, production, err);
  (void)pthread_mutex_lock(&producer->lock);
  if (status == DIFFD_OK)
    status = wait_for_place_locked(producer, ctx, err);
  if (status == DIFFD_OK) {
    (void)pthread_mutex_unlock(&producer->lock);
    uint64_t started_ms = diffd_monotonic_ms();
    status = make(producer, ctx, job, production, err);
    count_try(ctx, status, production, started_ms);
    (void)pthread_mutex_lock(&producer->lock);
    producer->free_places++;
  }
  finish_locked(producer, work, status, production, err);
  return status;
}

static enum diffd_status join_locked(struct diffd_producer *producer, const struct diffd_context *ctx,
                                     struct work *work, struct diffd_production *production,
                                     struct diffd_error *err) {
  work->holders++;
  while (!work->finished && !diffd_context_stopping(ctx))
    (void)diffd_cond_wait_ms(&producer->changed, &producer->lock, LOOK_MS);
  enum diffd_status status = DIFFD_CANCELLED;
  if (work->finished) {
    status = work->status;
    *production = work->production;
    if (status != DIFFD_OK)
      *err = work->err;
  } else {
    (void)diffd_fail(err, DIFFD_CANCELLED, "the wait for the same job, already at work, was ended");
  }
  production->joined = true;
  release_locked(work);
  return status;
}

enum diffd_status diffd_producer_make(struct diffd_producer *producer, const struct diffd_context *ctx,
                                      const struct diffd_job *job, struct diffd_production *production,
                                      struct diffd_error *err) {
  enum diffd_status status;
  struct work *work;
  (void)pthread_mutex_lock(&producer->lock);
  /* Another caller's work may end because that caller went away: then it is taken up here. */
  do {
    *production = (struct diffd_production){.dependency = "worker"};
    work = find_locked(producer, job->id);
    status = work != NULL ? join_locked(producer, ctx, work, production, err)
                          : own_locked(producer, ctx, job, production, err);
  } while (work != NULL && status == DIFFD_CANCELLED && !diffd_context_stopping(ctx));
  (void)pthread_mutex_unlock(&producer->lock);
  return status;
}
