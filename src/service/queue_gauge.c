/* SPDX-License-Identifier: Apache-2.0 */
#include "service/queue_gauge.h"

#include <stdlib.h>

#include "base/thread.h"

struct diffd_queue_gauge {
  struct diffd_job_source *source;
  struct diffd_stat *stat;
  uint64_t report_ms;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool stop;
  pthread_t thread;
};

static enum diffd_status count(void *arg, const struct diffd_job *job, struct diffd_error *err) {
  (void)job;
  (void)err;
  ++*(size_t *)arg;
  return DIFFD_OK;
}

/* A source that fails is told of by those who need it. */
static void report(const struct diffd_queue_gauge *gauge) {
  struct diffd_error err;
  size_t jobs = 0;
  if (diffd_job_source_each_pending(gauge->source, count, &jobs, &err) == DIFFD_OK)
    diffd_stat_record(gauge->stat, DIFFD_STAT_GAUGE, "diffd.jobs.pending", (double)jobs, NULL, 0);
}

static void *run(void *arg) {
  struct diffd_queue_gauge *gauge = arg;
  uint64_t next_ms = diffd_monotonic_ms() + gauge->report_ms;
  (void)pthread_mutex_lock(&gauge->lock);
  while (!gauge->stop) {
    uint64_t now = diffd_monotonic_ms();
    if (now < next_ms) {
      (void)diffd_cond_wait_ms(&gauge->wake, &gauge->lock, next_ms - now);
      continue;
    }
    (void)pthread_mutex_unlock(&gauge->lock);
    report(gauge);
    next_ms = diffd_monotonic_ms() + gauge->report_ms;
    (void)pthread_mutex_lock(&gauge->lock);
  }
  (void)pthread_mutex_unlock(&gauge->lock);
  return NULL;
}

static void clean_up(struct diffd_queue_gauge *gauge) {
  (void)pthread_cond_destroy(&gauge->wake);
  (void)pthread_mutex_destroy(&gauge->lock);
  free(gauge);
}

enum diffd_status diffd_queue_gauge_start(struct diffd_job_source *source, struct diffd_stat *stat,
                                          uint64_t report_ms, struct diffd_queue_gauge **ret,
                                          struct diffd_error *err) {
  if (stat == NULL) {
    *ret = NULL;
    return DIFFD_OK;
  }
  struct diffd_queue_gauge *gauge = calloc(1, sizeof *gauge);
  if (gauge == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to count jobs");
  gauge->source = source;
  gauge->stat = stat;
  gauge->report_ms = report_ms;
  enum diffd_status status = diffd_cond_init(&gauge->wake, err);
  if (status != DIFFD_OK) {
    free(gauge);
    return status;
  }
  (void)pthread_mutex_init(&gauge->lock, NULL);
  status = diffd_thread_start(&gauge->thread, run, gauge, err);
  if (status != DIFFD_OK) {
    clean_up(gauge);
    return status;
  }
  *ret = gauge;
  return DIFFD_OK;
}

void diffd_queue_gauge_stop(struct diffd_queue_gauge *gauge) {
  if (gauge == NULL)
    return;
  (void)pthread_mutex_lock(&gauge->lock);
  gauge->stop = true;
  (void)pthread_cond_broadcast(&gauge->wake);
  (void)pthread_mutex_unlock(&gauge->lock);
  (void)pthread_join(gauge->thread, NULL);
  clean_up(gauge);
}
