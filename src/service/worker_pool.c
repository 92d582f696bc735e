/* SPDX-License-Identifier: Apache-2.0 */
#include "service/worker_pool.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/thread.h"
#include "diffd/stat.h"
#include "handlers/event.h"
#include "service/mark_keeper.h"

/* How long a worker rests after its source failed, so that a broken disk does not fill the log. */
enum { REST_MS = 1000 };

struct diffd_worker_pool {
  struct diffd_worker_pool_options options;
  struct diffd_mark_keeper *keeper;
  atomic_bool stopping;
  atomic_bool cancelled;
  pthread_mutex_t lock;
  pthread_cond_t ended; /* a worker ended, or the pool stops */
  unsigned running;     /* workers that did not end */
  unsigned thread_count;
  pthread_t threads[];
};

static bool is_stopping(void *arg) {
  return atomic_load(&((struct diffd_worker_pool *)arg)->stopping);
}

static bool is_cancelled(void *arg) {
  return atomic_load(&((struct diffd_worker_pool *)arg)->cancelled);
}

/* `failures` counts those of the job up to now. */
static void tell_failures(const struct diffd_context *ctx, const char *message,
                          const struct diffd_lease *lease, uint32_t failures, const char *reason) {
  const struct diffd_log_field fields[] = {
      {"diff_id", lease->job.id, 0}, {"failures", NULL, failures}, {"reason", reason, 0}};
  diffd_log_event(ctx->log, DIFFD_LOG_INFO, message, fields, reason != NULL ? 3 : 2, DIFFD_PLACE);
}

static void tell_job(const struct diffd_context *ctx, const char *message, const struct diffd_lease *lease,
                     const char *reason) {
  tell_failures(ctx, message, lease, lease->failures, reason);
}

static void unmark(struct diffd_worker_pool *pool, const struct diffd_context *ctx, const char *id) {
  struct diffd_error err;
  if (diffd_marker_unmark(pool->options.marker, ctx, id, &err) != DIFFD_OK)
    diffd_event_dependency_failure(ctx, "marker", err.detail);
}

static void give_back(struct diffd_worker_pool *pool, const struct diffd_context *ctx,
                      const struct diffd_lease *lease, int64_t not_before) {
  struct diffd_error err;
  if (diffd_job_source_give_back(pool->options.source, lease, not_before, &err) != DIFFD_OK)
    diffd_event_dependency_failure(ctx, "queuer", err.detail);
}

static void end_well(struct diffd_worker_pool *pool, const struct diffd_context *ctx,
                     const struct diffd_lease *lease, const struct diffd_production *production) {
  struct diffd_error err;
  if (diffd_job_source_done(pool->options.source, lease, &err) != DIFFD_OK) {
    diffd_event_dependency_failure(ctx, "queuer", err.detail);
    return;
  }
  /* A POST that came between the unmarking and this moment made a mark, and the queue, which had the job yet,
   * took nothing: nobody else would remove that mark. */
  unmark(pool, ctx, lease->job.id);
  tell_job(ctx, "job-done", lease, production->was_stored ? "the diff was stored already" : NULL);
}

static void end_badly(struct diffd_worker_pool *pool, const struct diffd_context *ctx,
                      const struct diffd_lease *lease, const struct diffd_production *production,
                      const struct diffd_error *reason) {
  struct diffd_error err;
  enum diffd_retry retry;
  bool permanent = diffd_status_is_permanent(reason->status);
  diffd_event_dependency_failure(ctx, production->dependency, reason->detail);
  if (diffd_job_source_fail(pool->options.source, lease, permanent, reason->detail, &retry, &err) !=
      DIFFD_OK) {
    diffd_event_dependency_failure(ctx, "queuer", err.detail);
    return;
  }
  if (retry == DIFFD_RETRY_PARKED) {
    unmark(pool, ctx, lease->job.id);
    diffd_stat_record(ctx->stat, DIFFD_STAT_COUNT, "diffd.jobs.parked", 1, NULL, 0);
    tell_failures(ctx, "job-parked", lease, lease->failures + 1, reason->detail);
  } else {
    tell_failures(ctx, "job-failed", lease, lease->failures + 1, reason->detail);
  }
}

/* A job waits, in progress. Where other processes take from the source, too, nobody keeps the marks of what
 * waits: whoever has the job in hand renews its mark. */
static void wait_on(struct diffd_worker_pool *pool, const struct diffd_context *ctx,
                    const struct diffd_lease *lease, int64_t not_before) {
  struct diffd_error err;
  if (pool->options.source->shared &&
      diffd_marker_mark(pool->options.marker, ctx, lease->job.id, &err) != DIFFD_OK)
    diffd_event_dependency_hiccup(ctx, "marker", err.detail);
  give_back(pool, ctx, lease, not_before);
}

static void work_on(struct diffd_worker_pool *pool, const struct diffd_context *outer,
                    const struct diffd_lease *lease) {
  struct diffd_production production;
  struct diffd_error err;
  struct diffd_context inner = *outer;
  const struct diffd_context *ctx = &inner;
  inner.diff_id = lease->job.id;
  int64_t now = pool->options.clock->wall(pool->options.clock->arg).seconds;
  int64_t ready_at = diffd_differ_ready_at(pool->options.differ, &lease->job);
  if (lease->not_before > now) {
    wait_on(pool, ctx, lease, lease->not_before);
    return;
  }
  if (ready_at > now) {
    wait_on(pool, ctx, lease, ready_at);
    tell_job(ctx, "job-waits", lease, "the logs of its windows are not complete yet");
    return;
  }
  if (diffd_context_stopping(ctx)) {
    give_back(pool, ctx, lease, INT64_MIN);
    return;
  }
  tell_job(ctx, "job-started", lease, NULL);
  switch (diffd_producer_make(pool->options.producer, ctx, &lease->job, &production, &err)) {
  case DIFFD_OK:
    end_well(pool, ctx, lease, &production);
    return;
  case DIFFD_CANCELLED:
    give_back(pool, ctx, lease, INT64_MIN);
    tell_job(ctx, "job-given-back", lease, err.detail);
    return;
  default:
    end_badly(pool, ctx, lease, &production, &err);
  }
}

static void rest(struct diffd_worker_pool *pool) {
  (void)pthread_mutex_lock(&pool->lock);
  if (!atomic_load(&pool->stopping))
    (void)diffd_cond_wait_ms(&pool->ended, &pool->lock, REST_MS);
  (void)pthread_mutex_unlock(&pool->lock);
}

static void take_and_work(struct diffd_worker_pool *pool) {
  /* To a source, stopping is reason enough to give out nothing more. */
  const struct diffd_context take_ctx = {
      .cancelled = is_stopping, .cancelled_arg = pool, .log = pool->options.log, .stat = pool->options.stat};
  const struct diffd_context ctx = {.cancelled = is_cancelled,
                                    .cancelled_arg = pool,
                                    .stopping = is_stopping,
                                    .stopping_arg = pool,
                                    .log = pool->options.log,
                                    .stat = pool->options.stat};
  struct diffd_lease lease;
  struct diffd_error err;
  enum diffd_status status = diffd_job_source_take(pool->options.source, &take_ctx, &lease, &err);
  if (status == DIFFD_OK) {
    struct diffd_mark_hold hold;
    diffd_mark_keeper_hold(pool->keeper, &hold, lease.job.id);
    work_on(pool, &ctx, &lease);
    diffd_mark_keeper_release(pool->keeper, &hold);
  } else if (status != DIFFD_CANCELLED) {
    diffd_event_dependency_failure(&ctx, "queuer", err.detail);
    rest(pool);
  }
}

static void *run(void *arg) {
  struct diffd_worker_pool *pool = arg;
  while (!atomic_load(&pool->stopping))
    take_and_work(pool);
  (void)pthread_mutex_lock(&pool->lock);
  pool->running--;
  (void)pthread_cond_broadcast(&pool->ended);
  (void)pthread_mutex_unlock(&pool->lock);
  return NULL;
}

static enum diffd_status start_workers(struct diffd_worker_pool *pool, struct diffd_error *err) {
  for (unsigned i = 0; i < pool->options.workers; i++) {
    (void)pthread_mutex_lock(&pool->lock);
    pool->running++;
    (void)pthread_mutex_unlock(&pool->lock);
    enum diffd_status status = diffd_thread_start(&pool->threads[i], run, pool, err);
    if (status != DIFFD_OK) {
      (void)pthread_mutex_lock(&pool->lock);
      pool->running--;
      (void)pthread_mutex_unlock(&pool->lock);
      return status;
    }
    pool->thread_count++;
  }
  return DIFFD_OK;
}

enum diffd_status diffd_worker_pool_start(const struct diffd_worker_pool_options *options,
                                          struct diffd_worker_pool **ret, struct diffd_error *err) {
  struct diffd_worker_pool *pool = calloc(1, sizeof *pool + options->workers * sizeof pool->threads[0]);
  if (pool == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for %u workers", options->workers);
  pool->options = *options;
  enum diffd_status status = diffd_cond_init(&pool->ended, err);
  if (status != DIFFD_OK) {
    free(pool);
    return status;
  }
  (void)pthread_mutex_init(&pool->lock, NULL);
  status = diffd_mark_keeper_start(options->source, options->marker, options->log, &pool->keeper, err);
  if (status == DIFFD_OK)
    status = start_workers(pool, err);
  if (status != DIFFD_OK) {
    diffd_worker_pool_destroy(pool);
    return status;
  }
  *ret = pool;
  return DIFFD_OK;
}

void diffd_worker_pool_quiesce(struct diffd_worker_pool *pool) {
  (void)pthread_mutex_lock(&pool->lock);
  atomic_store(&pool->stopping, true);
  (void)pthread_cond_broadcast(&pool->ended);
  (void)pthread_mutex_unlock(&pool->lock);
}

size_t diffd_worker_pool_drain(struct diffd_worker_pool *pool, uint64_t timeout_ms) {
  uint64_t until = diffd_monotonic_ms() + timeout_ms;
  (void)pthread_mutex_lock(&pool->lock);
  for (uint64_t now = diffd_monotonic_ms(); pool->running > 0 && now < until; now = diffd_monotonic_ms())
    (void)diffd_cond_wait_ms(&pool->ended, &pool->lock, until - now);
  size_t left = pool->running;
  atomic_store(&pool->cancelled, true);
  (void)pthread_mutex_unlock(&pool->lock);
  /* A worker that has just taken a job may wait for the mark that is being made for it. */
  if (pool->keeper != NULL)
    diffd_mark_keeper_end(pool->keeper);
  for (unsigned i = 0; i < pool->thread_count; i++)
    (void)pthread_join(pool->threads[i], NULL);
  pool->thread_count = 0;
  return left;
}

void diffd_worker_pool_destroy(struct diffd_worker_pool *pool) {
  if (pool == NULL)
    return;
  diffd_worker_pool_quiesce(pool);
  (void)diffd_worker_pool_drain(pool, 0);
  diffd_mark_keeper_stop(pool->keeper);
  (void)pthread_cond_destroy(&pool->ended);
  (void)pthread_mutex_destroy(&pool->lock);
  free(pool);
}
