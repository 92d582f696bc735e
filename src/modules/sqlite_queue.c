/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/sqlite_queue.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/diff_id.h"
#include "base/thread.h"
#include "modules/sqlite_queue_db.h"

enum {
  WAITING_MAX_DEFAULT = 100000,
  FAILURES_MAX = 10,
  PERMANENT_FAILURES_MAX = 2,
  CRASHES_MAX = 100,
  FIRST_RETRY_MS = 5 * 1000,
  LAST_RETRY_MS = 10 * 60 * 1000,
  CANCEL_POLL_MS = 100, /* how long a cancellation may stay unseen */
  OTHERS_POLL_MS = 500, /* how long a change by another process may stay unseen */
  CLOCK_STEP_MS = 1000, /* by so much the wall clock must be set back to be noticed */
  PAGE_ROWS = 64,       /* rows that are read under one lock */
  REASON_MAX = DIFFD_ERROR_DETAIL_MAX,
};

struct diffd_sqlite_queue {
  struct diffd_queuer queuer;
  struct diffd_job_source source;
  const struct diffd_clock *clock;
  uint32_t waiting_max;
  pthread_mutex_t lock; /* guards everything below */
  pthread_cond_t came;  /* a job became due, or may have */
  bool came_made;
  struct diffd_queue_db db;
  int64_t waiting;      /* jobs that wait, as far as this process knows */
  int64_t data_version; /* changes when another process has changed the database */
  bool changed;         /* something may be due that `next_due` does not know */
  int64_t next_due;     /* when the last look found nothing due: when something will be, wall clock, ms */
  int64_t looked_ms;    /* when that look was, by the monotonic clock */
  int64_t clock_gap_ms; /* what the wall clock was ahead of the monotonic one when that was last looked at */
};

static struct diffd_sqlite_queue *of_queuer(struct diffd_queuer *self) {
  return (struct diffd_sqlite_queue *)self;
}

static struct diffd_sqlite_queue *of_source(struct diffd_job_source *self) {
  return (struct diffd_sqlite_queue *)(void *)((char *)self - offsetof(struct diffd_sqlite_queue, source));
}

static int64_t wall_ms(const struct diffd_sqlite_queue *queue) {
  struct diffd_instant now = queue->clock->wall(queue->clock->arg);
  return now.seconds * 1000 + now.nanoseconds / 1000000;
}

static int64_t to_ms(int64_t seconds) {
  if (seconds > INT64_MAX / 1000)
    return INT64_MAX;
  return seconds < INT64_MIN / 1000 ? INT64_MIN : seconds * 1000;
}

/* A job waits that did not before, due at some time that the waiting threads do not know yet. */
static void job_waits_locked(struct diffd_sqlite_queue *queue) {
  queue->waiting++;
  queue->changed = true;
  (void)pthread_cond_signal(&queue->came);
}

/* ---- the queuer ---- */

/* Another process may have made jobs wait; then they are counted anew. */
static enum diffd_status refresh_waiting_locked(struct diffd_sqlite_queue *queue, struct diffd_error *err) {
  int64_t version = 0;
  enum diffd_status status = diffd_queue_db_number(&queue->db, DIFFD_QUEUE_DATA_VERSION, 0, &version, err);
  if (status != DIFFD_OK || version == queue->data_version)
    return status;
  status = diffd_queue_db_number(&queue->db, DIFFD_QUEUE_COUNT, 0, &queue->waiting, err);
  if (status == DIFFD_OK)
    queue->data_version = version;
  return status;
}

static enum diffd_status state_locked(struct diffd_sqlite_queue *queue, const char *id, int64_t *ret,
                                      struct diffd_error *err) {
  diffd_queue_db_bind_text(&queue->db, DIFFD_QUEUE_STATE_OF, 1, id, DIFFD_JOB_ID_MAX + 1);
  return diffd_queue_db_number(&queue->db, DIFFD_QUEUE_STATE_OF, -1, ret, err);
}

static enum diffd_status queue_locked(struct diffd_sqlite_queue *queue, const struct diffd_job *job,
                                      struct diffd_error *err) {
  int changed = 0;
  enum diffd_status status = refresh_waiting_locked(queue, err);
  if (status == DIFFD_OK && queue->waiting >= queue->waiting_max) {
    int64_t state = -1;
    status = state_locked(queue, job->id, &state, err);
    if (status != DIFFD_OK || state == DIFFD_QUEUE_WAITING || state == DIFFD_QUEUE_RUNNING)
      return status;
    return diffd_fail(err, DIFFD_BUSY, "%" PRId64 " jobs are waiting already: try again later",
                      queue->waiting);
  }
  if (status != DIFFD_OK)
    return status;
  const int64_t numbers[] = {job->previous.start, job->previous.stop, job->next.start, job->next.stop,
                             wall_ms(queue)};
  diffd_queue_db_bind_text(&queue->db, DIFFD_QUEUE_INSERT, 1, job->id, DIFFD_JOB_ID_MAX);
  for (int i = 0; i < 5; i++)
    diffd_queue_db_bind(&queue->db, DIFFD_QUEUE_INSERT, i + 2, numbers[i]);
  status = diffd_queue_db_finish(&queue->db, DIFFD_QUEUE_INSERT, "putting a job into", &changed, err);
  if (status == DIFFD_OK && changed > 0)
    job_waits_locked(queue);
  return status;
}

static enum diffd_status queuer_queue(struct diffd_queuer *self, const struct diffd_context *ctx,
                                      const struct diffd_job *job, struct diffd_error *err) {
  (void)ctx;
  struct diffd_sqlite_queue *queue = of_queuer(self);
  if (!diffd_job_id_is_valid(job->id, strnlen(job->id, sizeof job->id)))
    return diffd_fail(err, DIFFD_INVALID, "a job without a valid id cannot be queued");
  (void)pthread_mutex_lock(&queue->lock);
  enum diffd_status status = queue_locked(queue, job, err);
  (void)pthread_mutex_unlock(&queue->lock);
  return status;
}

static void queuer_destroy(struct diffd_queuer *self) {
  (void)self;
}

static const struct diffd_queuer_ops queuer_ops = {.queue = queuer_queue, .destroy = queuer_destroy};

/* ---- the source ---- */

/* Notes that nothing is due now, and when something will be. */
static enum diffd_status look_ahead_locked(struct diffd_sqlite_queue *queue, struct diffd_error *err) {
  int64_t due = 0;
  enum diffd_status status = diffd_queue_db_number(&queue->db, DIFFD_QUEUE_NEXT_DUE, INT64_MAX, &due, err);
  if (status != DIFFD_OK)
    return status;
  queue->changed = false;
  queue->next_due = due;
  queue->looked_ms = queue->clock->monotonic_ms(queue->clock->arg);
  return DIFFD_END;
}

/* Takes the job that has been due the longest; DIFFD_END where none is due. */
static enum diffd_status take_due_locked(struct diffd_sqlite_queue *queue, struct diffd_lease *ret,
                                         struct diffd_error *err) {
  static const char doing[] = "taking a job from";
  struct diffd_lease lease = {.not_before = INT64_MIN};
  diffd_queue_db_bind(&queue->db, DIFFD_QUEUE_TAKE, 1, wall_ms(queue));
  enum diffd_status status = diffd_queue_db_row(&queue->db, DIFFD_QUEUE_TAKE, doing, err);
  if (status == DIFFD_END)
    return look_ahead_locked(queue, err);
  if (status != DIFFD_OK)
    return status;
  status = diffd_queue_db_job(&queue->db, DIFFD_QUEUE_TAKE, &lease.job, err);
  if (status != DIFFD_OK) {
    diffd_queue_db_reset(&queue->db, DIFFD_QUEUE_TAKE);
    return status;
  }
  lease.failures = (uint32_t)diffd_queue_db_column(&queue->db, DIFFD_QUEUE_TAKE, DIFFD_QUEUE_FAILURES);
  status = diffd_queue_db_finish(&queue->db, DIFFD_QUEUE_TAKE, doing, NULL, err);
  if (status != DIFFD_OK)
    return status;
  queue->waiting--;
  queue->changed = true; /* there may be more */
  *ret = lease;
  return DIFFD_OK;
}

static bool may_have_due_locked(const struct diffd_sqlite_queue *queue) {
  return queue->changed || wall_ms(queue) >= queue->next_due ||
         queue->clock->monotonic_ms(queue->clock->arg) - queue->looked_ms >= OTHERS_POLL_MS;
}

/* Makes what is due after a time due now. What waits for its logs is given back again, so that too early does
 * no harm. */
static enum diffd_status hasten_locked(struct diffd_sqlite_queue *queue, int64_t now, int64_t after,
                                       struct diffd_error *err) {
  diffd_queue_db_bind(&queue->db, DIFFD_QUEUE_HASTEN, 1, now);
  diffd_queue_db_bind(&queue->db, DIFFD_QUEUE_HASTEN, 2, after);
  queue->changed = true;
  return diffd_queue_db_finish(&queue->db, DIFFD_QUEUE_HASTEN, "following the clock in", NULL, err);
}

static int64_t clock_gap_ms(const struct diffd_sqlite_queue *queue) {
  return wall_ms(queue) - queue->clock->monotonic_ms(queue->clock->arg);
}

/* Times of the queue are wall-clock times, since they outlive the process. When the clock is set back, what
 * was queued before would wait until it is there again, which may be years. */
static enum diffd_status follow_clock_locked(struct diffd_sqlite_queue *queue, struct diffd_error *err) {
  int64_t gap = clock_gap_ms(queue), now = wall_ms(queue);
  bool set_back = gap < queue->clock_gap_ms - CLOCK_STEP_MS;
  queue->clock_gap_ms = gap;
  return set_back ? hasten_locked(queue, now, now, err) : DIFFD_OK;
}

/* Sleeps until a job comes, the next one is due, or it is time to look at the cancellation again. */
static void wait_locked(struct diffd_sqlite_queue *queue) {
  int64_t ms = CANCEL_POLL_MS, now = wall_ms(queue);
  if (queue->next_due > now && queue->next_due - now < ms)
    ms = queue->next_due - now;
  (void)diffd_cond_wait_ms(&queue->came, &queue->lock, (uint64_t)ms);
}

static enum diffd_status source_take(struct diffd_job_source *self, const struct diffd_context *ctx,
                                     struct diffd_lease *ret, struct diffd_error *err) {
  struct diffd_sqlite_queue *queue = of_source(self);
  enum diffd_status status = DIFFD_END;
  (void)pthread_mutex_lock(&queue->lock);
  for (;;) {
    if (diffd_context_cancelled(ctx))
      status = diffd_fail(err, DIFFD_CANCELLED, "no more jobs are taken");
    else if ((status = follow_clock_locked(queue, err)) == DIFFD_OK)
      status = may_have_due_locked(queue) ? take_due_locked(queue, ret, err) : DIFFD_END;
    if (status != DIFFD_END)
      break;
    wait_locked(queue);
  }
  /* Whoever still waits may find the next one. */
  if (queue->changed)
    (void)pthread_cond_signal(&queue->came);
  (void)pthread_mutex_unlock(&queue->lock);
  return status;
}

static enum diffd_status fail_not_running(const struct diffd_lease *lease, struct diffd_error *err) {
  return diffd_fail(err, DIFFD_NOT_FOUND, "the queue has no running job %s: somebody else changed it",
                    lease->job.id);
}

static enum diffd_status source_done(struct diffd_job_source *self, const struct diffd_lease *lease,
                                     struct diffd_error *err) {
  struct diffd_sqlite_queue *queue = of_source(self);
  int changed = 0;
  (void)pthread_mutex_lock(&queue->lock);
  diffd_queue_db_bind_text(&queue->db, DIFFD_QUEUE_DONE, 1, lease->job.id, DIFFD_JOB_ID_MAX);
  enum diffd_status status =
      diffd_queue_db_finish(&queue->db, DIFFD_QUEUE_DONE, "removing a job from", &changed, err);
  (void)pthread_mutex_unlock(&queue->lock);
  return status == DIFFD_OK && changed == 0 ? fail_not_running(lease, err) : status;
}

static int64_t retry_after_ms(uint32_t failures_before) {
  int64_t ms = FIRST_RETRY_MS;
  for (uint32_t i = 0; i < failures_before && ms < LAST_RETRY_MS; i++)
    ms *= 2;
  return ms < LAST_RETRY_MS ? ms : LAST_RETRY_MS;
}

static enum diffd_status fail_locked(struct diffd_sqlite_queue *queue, const struct diffd_lease *lease,
                                     bool permanent, const char *reason, enum diffd_retry *ret,
                                     struct diffd_error *err) {
  static const char doing[] = "noting a failed job in";
  struct diffd_queue_db *db = &queue->db;
  diffd_queue_db_bind_text(db, DIFFD_QUEUE_FAIL, 1, lease->job.id, DIFFD_JOB_ID_MAX);
  diffd_queue_db_bind(db, DIFFD_QUEUE_FAIL, 2, permanent ? 1 : 0);
  diffd_queue_db_bind(db, DIFFD_QUEUE_FAIL, 3, wall_ms(queue) + retry_after_ms(lease->failures));
  diffd_queue_db_bind_text(db, DIFFD_QUEUE_FAIL, 4, reason, REASON_MAX);
  diffd_queue_db_bind(db, DIFFD_QUEUE_FAIL, 5, FAILURES_MAX);
  diffd_queue_db_bind(db, DIFFD_QUEUE_FAIL, 6, PERMANENT_FAILURES_MAX);
  enum diffd_status status = diffd_queue_db_row(db, DIFFD_QUEUE_FAIL, doing, err);
  if (status == DIFFD_END)
    return fail_not_running(lease, err);
  if (status != DIFFD_OK)
    return status;
  bool parked = diffd_queue_db_column(db, DIFFD_QUEUE_FAIL, 0) == DIFFD_QUEUE_PARKED;
  status = diffd_queue_db_finish(db, DIFFD_QUEUE_FAIL, doing, NULL, err);
  if (status != DIFFD_OK)
    return status;
  if (!parked)
    job_waits_locked(queue);
  *ret = parked ? DIFFD_RETRY_PARKED : DIFFD_RETRY_LATER;
  return DIFFD_OK;
}

static enum diffd_status source_fail(struct diffd_job_source *self, const struct diffd_lease *lease,
                                     bool permanent, const char *reason, enum diffd_retry *ret,
                                     struct diffd_error *err) {
  struct diffd_sqlite_queue *queue = of_source(self);
  (void)pthread_mutex_lock(&queue->lock);
  enum diffd_status status = fail_locked(queue, lease, permanent, reason, ret, err);
  (void)pthread_mutex_unlock(&queue->lock);
  return status;
}

static enum diffd_status source_give_back(struct diffd_job_source *self, const struct diffd_lease *lease,
                                          int64_t not_before, struct diffd_error *err) {
  struct diffd_sqlite_queue *queue = of_source(self);
  int changed = 0;
  (void)pthread_mutex_lock(&queue->lock);
  diffd_queue_db_bind_text(&queue->db, DIFFD_QUEUE_GIVE_BACK, 1, lease->job.id, DIFFD_JOB_ID_MAX);
  diffd_queue_db_bind(&queue->db, DIFFD_QUEUE_GIVE_BACK, 2,
                      not_before == INT64_MIN ? wall_ms(queue) : to_ms(not_before));
  enum diffd_status status =
      diffd_queue_db_finish(&queue->db, DIFFD_QUEUE_GIVE_BACK, "giving a job back to", &changed, err);
  if (changed > 0)
    job_waits_locked(queue);
  (void)pthread_mutex_unlock(&queue->lock);
  return status == DIFFD_OK && changed == 0 ? fail_not_running(lease, err) : status;
}

/* ---- listing ---- */

struct row {
  struct diffd_queue_entry entry;
  int64_t number;
  char reason[REASON_MAX + 1];
};

static enum diffd_status read_row_locked(struct diffd_sqlite_queue *queue, struct row *ret,
                                         struct diffd_error *err) {
  struct diffd_queue_db *db = &queue->db;
  const char *reason =
      (const char *)sqlite3_column_text(db->statements[DIFFD_QUEUE_PAGE], DIFFD_QUEUE_REASON);
  (void)snprintf(ret->reason, sizeof ret->reason, "%s", reason != NULL ? reason : "");
  ret->number = diffd_queue_db_column(db, DIFFD_QUEUE_PAGE, DIFFD_QUEUE_NUMBER);
  ret->entry.state = (enum diffd_queue_state)diffd_queue_db_column(db, DIFFD_QUEUE_PAGE, DIFFD_QUEUE_STATE);
  ret->entry.failures = (uint32_t)diffd_queue_db_column(db, DIFFD_QUEUE_PAGE, DIFFD_QUEUE_FAILURES);
  ret->entry.crashes = (uint32_t)diffd_queue_db_column(db, DIFFD_QUEUE_PAGE, DIFFD_QUEUE_CRASHES);
  ret->entry.next_try = diffd_queue_db_column(db, DIFFD_QUEUE_PAGE, DIFFD_QUEUE_DUE) / 1000;
  ret->entry.queued_at = diffd_queue_db_column(db, DIFFD_QUEUE_PAGE, DIFFD_QUEUE_QUEUED_AT) / 1000;
  ret->entry.reason = ret->reason;
  return diffd_queue_db_job(db, DIFFD_QUEUE_PAGE, &ret->entry.job, err);
}

/* Reads rows after `number`; none at the end. */
static enum diffd_status read_page_locked(struct diffd_sqlite_queue *queue, int64_t number, int below_state,
                                          struct row rows[static PAGE_ROWS], size_t *ret_count,
                                          struct diffd_error *err) {
  size_t count = 0;
  diffd_queue_db_bind(&queue->db, DIFFD_QUEUE_PAGE, 1, number);
  diffd_queue_db_bind(&queue->db, DIFFD_QUEUE_PAGE, 2, below_state);
  diffd_queue_db_bind(&queue->db, DIFFD_QUEUE_PAGE, 3, PAGE_ROWS);
  enum diffd_status status = diffd_queue_db_row(&queue->db, DIFFD_QUEUE_PAGE, "listing", err);
  while (status == DIFFD_OK && count < PAGE_ROWS) {
    status = read_row_locked(queue, &rows[count++], err);
    if (status == DIFFD_OK)
      status = diffd_queue_db_row(&queue->db, DIFFD_QUEUE_PAGE, "listing", err);
  }
  if (status != DIFFD_END) {
    diffd_queue_db_reset(&queue->db, DIFFD_QUEUE_PAGE);
    return status;
  }
  *ret_count = count;
  return DIFFD_OK;
}

/* Calls `each` outside of the lock, so that it may take its time. */
static enum diffd_status each_row(struct diffd_sqlite_queue *queue, int below_state,
                                  enum diffd_status (*each)(void *arg, const struct diffd_queue_entry *entry,
                                                            struct diffd_error *err),
                                  void *arg, struct diffd_error *err) {
  CLEANUP(freep) struct row *rows = calloc(PAGE_ROWS, sizeof *rows);
  if (rows == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to list the queue");
  int64_t number = INT64_MIN;
  for (;;) {
    size_t count = 0;
    (void)pthread_mutex_lock(&queue->lock);
    enum diffd_status status = read_page_locked(queue, number, below_state, rows, &count, err);
    (void)pthread_mutex_unlock(&queue->lock);
    for (size_t i = 0; status == DIFFD_OK && i < count; i++)
      status = each(arg, &rows[i].entry, err);
    if (status != DIFFD_OK || count == 0)
      return status;
    number = rows[count - 1].number;
  }
}

struct pending {
  enum diffd_status (*each)(void *arg, const struct diffd_job *job, struct diffd_error *err);
  void *arg;
};

static enum diffd_status each_pending_entry(void *arg, const struct diffd_queue_entry *entry,
                                            struct diffd_error *err) {
  const struct pending *pending = arg;
  return pending->each(pending->arg, &entry->job, err);
}

static enum diffd_status source_each_pending(struct diffd_job_source *self,
                                             enum diffd_status (*each)(void *arg, const struct diffd_job *job,
                                                                       struct diffd_error *err),
                                             void *arg, struct diffd_error *err) {
  struct pending pending = {each, arg};
  return each_row(of_source(self), DIFFD_QUEUE_PARKED, each_pending_entry, &pending, err);
}

static void source_destroy(struct diffd_job_source *self) {
  (void)self;
}

static const struct diffd_job_source_ops source_ops = {
    .take = source_take,
    .done = source_done,
    .fail = source_fail,
    .give_back = source_give_back,
    .each_pending = source_each_pending,
    .destroy = source_destroy,
};

enum diffd_status diffd_sqlite_queue_list(struct diffd_sqlite_queue *queue,
                                          enum diffd_status (*each)(void *arg,
                                                                    const struct diffd_queue_entry *entry,
                                                                    struct diffd_error *err),
                                          void *arg, struct diffd_error *err) {
  return each_row(queue, DIFFD_QUEUE_PARKED + 1, each, arg, err);
}

static enum diffd_status retry_locked(struct diffd_sqlite_queue *queue, const char *id,
                                      struct diffd_error *err) {
  int changed = 0;
  int64_t state = -1;
  diffd_queue_db_bind_text(&queue->db, DIFFD_QUEUE_RETRY, 1, id, DIFFD_JOB_ID_MAX + 1);
  diffd_queue_db_bind(&queue->db, DIFFD_QUEUE_RETRY, 2, wall_ms(queue));
  enum diffd_status status =
      diffd_queue_db_finish(&queue->db, DIFFD_QUEUE_RETRY, "changing a job in", &changed, err);
  if (status == DIFFD_OK && changed > 0) {
    job_waits_locked(queue);
    queue->data_version = -1; /* it may have waited before: count anew */
    return DIFFD_OK;
  }
  if (status == DIFFD_OK)
    status = state_locked(queue, id, &state, err);
  if (status != DIFFD_OK)
    return status;
  if (state == DIFFD_QUEUE_RUNNING)
    return diffd_fail(err, DIFFD_IN_PROGRESS, "the job %s is being worked on", id);
  return diffd_fail(err, DIFFD_NOT_FOUND, "the queue has no job %s", id);
}

enum diffd_status diffd_sqlite_queue_retry(struct diffd_sqlite_queue *queue, const char *id,
                                           struct diffd_error *err) {
  (void)pthread_mutex_lock(&queue->lock);
  enum diffd_status status = retry_locked(queue, id, err);
  (void)pthread_mutex_unlock(&queue->lock);
  return status;
}

const char *diffd_queue_state_text(enum diffd_queue_state state) {
  static const char *const texts[] = {"waiting", "running", "parked"};
  return (unsigned)state < 3 ? texts[state] : "unknown";
}

struct diffd_queuer *diffd_sqlite_queue_queuer(struct diffd_sqlite_queue *queue) {
  return &queue->queuer;
}

struct diffd_job_source *diffd_sqlite_queue_source(struct diffd_sqlite_queue *queue) {
  return &queue->source;
}

/* ---- opening and closing ---- */

/* Jobs that the last process was working on when it died wait again, behind those that are due already, so
 * that one which kills the process does not starve the others. */
static enum diffd_status recover(struct diffd_sqlite_queue *queue, struct diffd_queue_recovery *ret,
                                 struct diffd_error *err) {
  int ran = 0;
  int64_t before = 0;
  char reason[128];
  (void)snprintf(reason, sizeof reason,
                 "its work was begun %d times and never ended: the service died or was killed", CRASHES_MAX);
  queue->clock_gap_ms = clock_gap_ms(queue);
  enum diffd_status status = diffd_queue_db_number(&queue->db, DIFFD_QUEUE_COUNT, 0, &before, err);
  if (status != DIFFD_OK)
    return status;
  diffd_queue_db_bind(&queue->db, DIFFD_QUEUE_RECOVER, 1, wall_ms(queue));
  diffd_queue_db_bind(&queue->db, DIFFD_QUEUE_RECOVER, 2, CRASHES_MAX);
  diffd_queue_db_bind_text(&queue->db, DIFFD_QUEUE_RECOVER, 3, reason, sizeof reason);
  status = diffd_queue_db_finish(&queue->db, DIFFD_QUEUE_RECOVER, "recovering", &ran, err);
  /* No retry waits longer; where one seems to, the clock was set back meanwhile. */
  if (status == DIFFD_OK)
    status = hasten_locked(queue, wall_ms(queue), wall_ms(queue) + LAST_RETRY_MS, err);
  if (status == DIFFD_OK)
    status = diffd_queue_db_number(&queue->db, DIFFD_QUEUE_COUNT, 0, &queue->waiting, err);
  if (status == DIFFD_OK)
    status = diffd_queue_db_number(&queue->db, DIFFD_QUEUE_DATA_VERSION, 0, &queue->data_version, err);
  if (status == DIFFD_OK)
    *ret = (struct diffd_queue_recovery){.waiting = (uint64_t)queue->waiting,
                                         .resumed = (uint64_t)(queue->waiting - before),
                                         .parked = (uint64_t)(ran - (queue->waiting - before))};
  return status;
}

static enum diffd_status queue_new(const char *path, bool make, struct diffd_sqlite_queue **ret,
                                   struct diffd_error *err) {
  struct diffd_sqlite_queue *queue = calloc(1, sizeof *queue);
  if (queue == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the queue");
  queue->queuer.ops = &queuer_ops;
  queue->source.ops = &source_ops;
  queue->clock = &diffd_system_clock;
  queue->waiting_max = WAITING_MAX_DEFAULT;
  queue->changed = true;
  (void)pthread_mutex_init(&queue->lock, NULL); /* one without attributes cannot fail */
  enum diffd_status status = diffd_cond_init(&queue->came, err);
  queue->came_made = status == DIFFD_OK;
  if (status == DIFFD_OK)
    status = diffd_queue_db_init(&queue->db, path, make, err);
  if (status != DIFFD_OK) {
    diffd_sqlite_queue_close(queue);
    return status;
  }
  *ret = queue;
  return DIFFD_OK;
}

enum diffd_status diffd_sqlite_queue_open(const char *path, const struct diffd_sqlite_queue_options *options,
                                          struct diffd_sqlite_queue **ret,
                                          struct diffd_queue_recovery *ret_recovery,
                                          struct diffd_error *err) {
  struct diffd_sqlite_queue *queue = NULL;
  struct diffd_queue_recovery recovery;
  enum diffd_status status = queue_new(path, true, &queue, err);
  if (status != DIFFD_OK)
    return status;
  if (options->clock != NULL)
    queue->clock = options->clock;
  if (options->waiting_max != 0)
    queue->waiting_max = options->waiting_max;
  status = recover(queue, &recovery, err);
  if (status != DIFFD_OK) {
    diffd_sqlite_queue_close(queue);
    return status;
  }
  if (ret_recovery != NULL)
    *ret_recovery = recovery;
  *ret = queue;
  return DIFFD_OK;
}

enum diffd_status diffd_sqlite_queue_attach(const char *path, struct diffd_sqlite_queue **ret,
                                            struct diffd_error *err) {
  return queue_new(path, false, ret, err);
}

void diffd_sqlite_queue_close(struct diffd_sqlite_queue *queue) {
  if (queue == NULL)
    return;
  diffd_queue_db_clean_up(&queue->db);
  if (queue->came_made)
    (void)pthread_cond_destroy(&queue->came);
  (void)pthread_mutex_destroy(&queue->lock);
  free(queue);
}
