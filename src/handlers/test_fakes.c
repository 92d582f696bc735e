/* SPDX-License-Identifier: Apache-2.0
 *
 * Modules for unit tests: see the header.
 */
#include "handlers/test_fakes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOCK(fakes)   (void)pthread_mutex_lock(&(fakes)->lock)
#define UNLOCK(fakes) (void)pthread_mutex_unlock(&(fakes)->lock)

void fakes_sleep_ms(unsigned ms) {
  struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
  (void)nanosleep(&time, NULL);
}

static void DIFFD_PRINTF(2, 3) append(char *text, const char *fmt, ...) {
  va_list args;
  size_t len = strlen(text);
  va_start(args, fmt);
  (void)vsnprintf(text + len, FAKE_TEXT_MAX - len, fmt, args);
  va_end(args);
}

typedef char ids[FAKE_JOBS_MAX][DIFFD_JOB_ID_MAX + 1];

static char *find(ids all, const char *id) {
  for (size_t i = 0; i < FAKE_JOBS_MAX; i++)
    if (strcmp(all[i], id) == 0)
      return all[i];
  return NULL;
}

static void add(ids all, const char *id) {
  char *place = find(all, id);
  if (place == NULL)
    place = find(all, "");
  if (place == NULL)
    abort();
  (void)snprintf(place, DIFFD_JOB_ID_MAX + 1, "%s", id);
}

static enum diffd_status answer(enum diffd_status status, const char *call, struct diffd_error *err) {
  return status == DIFFD_OK ? DIFFD_OK : diffd_fail(err, status, "%s was told to fail", call);
}

/* Storage. */

static enum diffd_status storage_get(struct diffd_storage *self, const struct diffd_context *ctx,
                                     const char *id, struct diffd_reader **ret, int64_t *ret_size,
                                     struct diffd_error *err) {
  struct fakes *fakes = ((struct fake_storage *)self)->fakes;
  (void)ctx;
  LOCK(fakes);
  append(fakes->calls, "get ");
  enum diffd_status status = answer(fakes->get_fails, "get", err);
  if (status == DIFFD_OK && find(fakes->stored, id) == NULL)
    status = diffd_fail(err, DIFFD_NOT_FOUND, "no diff %s", id);
  if (status == DIFFD_OK) {
    FILE *file = tmpfile();
    if (file == NULL || fputs(fakes->content, file) < 0 || fflush(file) != 0)
      abort();
    int fd = dup(fileno(file));
    if (fd < 0 || lseek(fd, 0, SEEK_SET) != 0)
      abort();
    (void)fclose(file);
    *ret_size = (int64_t)strlen(fakes->content);
    status = diffd_reader_from_fd(fd, true, ret, err);
  }
  UNLOCK(fakes);
  return status;
}

static enum diffd_status storage_exists(struct diffd_storage *self, const struct diffd_context *ctx,
                                        const char *id, struct diffd_error *err) {
  struct fakes *fakes = ((struct fake_storage *)self)->fakes;
  (void)ctx;
  LOCK(fakes);
  append(fakes->calls, "exists ");
  enum diffd_status status = answer(fakes->exists_fails, "exists", err);
  if (status == DIFFD_OK && find(fakes->stored, id) == NULL)
    status = diffd_fail(err, DIFFD_NOT_FOUND, "no diff %s", id);
  UNLOCK(fakes);
  return status;
}

struct fake_writer {
  struct diffd_writer base;
  struct fakes *fakes;
  char id[DIFFD_JOB_ID_MAX + 1];
  char bytes[FAKE_TEXT_MAX];
};

static enum diffd_status writer_write(struct diffd_writer *self, const void *buf, size_t len,
                                      struct diffd_error *err) {
  struct fake_writer *writer = (struct fake_writer *)self;
  (void)err;
  append(writer->bytes, "%.*s", (int)len, (const char *)buf);
  return DIFFD_OK;
}

static enum diffd_status writer_commit(struct diffd_writer *self, struct diffd_error *err) {
  struct fake_writer *writer = (struct fake_writer *)self;
  struct fakes *fakes = writer->fakes;
  LOCK(fakes);
  append(fakes->calls, "commit ");
  enum diffd_status status = answer(fakes->commit_fails, "commit", err);
  if (status == DIFFD_OK) {
    add(fakes->stored, writer->id);
    memcpy(fakes->content, writer->bytes, sizeof fakes->content);
  }
  UNLOCK(fakes);
  return status;
}

static void writer_destroy(struct diffd_writer *self) {
  free(self);
}

static const struct diffd_writer_ops writer_ops = {
    .write = writer_write, .commit = writer_commit, .destroy = writer_destroy};

static enum diffd_status storage_put(struct diffd_storage *self, const struct diffd_context *ctx,
                                     const char *id, struct diffd_writer **ret, struct diffd_error *err) {
  struct fakes *fakes = ((struct fake_storage *)self)->fakes;
  (void)ctx;
  LOCK(fakes);
  append(fakes->calls, "put ");
  enum diffd_status status = answer(fakes->put_fails, "put", err);
  UNLOCK(fakes);
  if (status != DIFFD_OK)
    return status;
  struct fake_writer *writer = calloc(1, sizeof *writer);
  if (writer == NULL)
    abort();
  writer->base.ops = &writer_ops;
  writer->fakes = fakes;
  (void)snprintf(writer->id, sizeof writer->id, "%s", id);
  *ret = &writer->base;
  return DIFFD_OK;
}

static const struct diffd_storage_ops storage_ops = {
    .get = storage_get, .exists = storage_exists, .put = storage_put};

/* Marker. */

static enum diffd_status marker_mark(struct diffd_marker *self, const struct diffd_context *ctx,
                                     const char *id, struct diffd_error *err) {
  struct fakes *fakes = ((struct fake_marker *)self)->fakes;
  LOCK(fakes);
  append(fakes->calls, "mark ");
  fakes->marks++;
  if (fakes->mark_hangs) {
    UNLOCK(fakes);
    while (!diffd_context_cancelled(ctx))
      fakes_sleep_ms(1);
    return diffd_fail(err, DIFFD_CANCELLED, "the mark was cancelled");
  }
  if (fakes->slow_mark_ms > 0) {
    UNLOCK(fakes);
    fakes_sleep_ms(fakes->slow_mark_ms);
    LOCK(fakes);
  }
  enum diffd_status status = answer(fakes->mark_fails, "mark", err);
  if (status == DIFFD_OK)
    add(fakes->marked, id);
  UNLOCK(fakes);
  return status;
}

static enum diffd_status marker_unmark(struct diffd_marker *self, const struct diffd_context *ctx,
                                       const char *id, struct diffd_error *err) {
  struct fakes *fakes = ((struct fake_marker *)self)->fakes;
  (void)ctx;
  LOCK(fakes);
  append(fakes->calls, "unmark ");
  enum diffd_status status = answer(fakes->unmark_fails, "unmark", err);
  char *place = find(fakes->marked, id);
  if (status == DIFFD_OK && place != NULL)
    place[0] = '\0';
  UNLOCK(fakes);
  return status;
}

static enum diffd_status marker_check(struct diffd_marker *self, const struct diffd_context *ctx,
                                      const char *id, struct diffd_error *err) {
  struct fakes *fakes = ((struct fake_marker *)self)->fakes;
  (void)ctx;
  LOCK(fakes);
  append(fakes->calls, "check ");
  enum diffd_status status = answer(fakes->check_fails, "check", err);
  if (status == DIFFD_OK)
    status =
        diffd_fail(err, find(fakes->marked, id) != NULL ? DIFFD_IN_PROGRESS : DIFFD_NOT_FOUND, "the mark");
  UNLOCK(fakes);
  return status;
}

static const struct diffd_marker_ops marker_ops = {
    .mark = marker_mark, .unmark = marker_unmark, .check = marker_check};

/* Queuer and source. */

static struct fake_job *find_job(struct fakes *fakes, const char *id) {
  for (size_t i = 0; i < FAKE_JOBS_MAX; i++)
    if (fakes->jobs[i].used && strcmp(fakes->jobs[i].job.id, id) == 0)
      return &fakes->jobs[i];
  return NULL;
}

/* The job that a lease is about: it has to be there. */
static struct fake_job *leased_job(struct fakes *fakes, const struct diffd_lease *lease) {
  struct fake_job *job = find_job(fakes, lease->job.id);
  if (job == NULL)
    abort();
  return job;
}

static void add_job_locked(struct fakes *fakes, const struct diffd_job *job) {
  struct fake_job *place = find_job(fakes, job->id);
  for (size_t i = 0; place == NULL && i < FAKE_JOBS_MAX; i++)
    if (!fakes->jobs[i].used)
      place = &fakes->jobs[i];
  if (place == NULL)
    abort();
  if (!place->used || place->parked)
    *place = (struct fake_job){.job = *job, .used = true, .not_before = INT64_MIN};
}

static enum diffd_status queuer_queue(struct diffd_queuer *self, const struct diffd_context *ctx,
                                      const struct diffd_job *job, struct diffd_error *err) {
  struct fakes *fakes = ((struct fake_queuer *)self)->fakes;
  (void)ctx;
  LOCK(fakes);
  append(fakes->calls, "queue ");
  enum diffd_status status = answer(fakes->queue_fails, "queue", err);
  if (status == DIFFD_OK)
    add_job_locked(fakes, job);
  UNLOCK(fakes);
  return status;
}

static const struct diffd_queuer_ops queuer_ops = {.queue = queuer_queue};

static enum diffd_status source_take(struct diffd_job_source *self, const struct diffd_context *ctx,
                                     struct diffd_lease *ret, struct diffd_error *err) {
  struct fakes *fakes = ((struct fake_source *)self)->fakes;
  while (!diffd_context_cancelled(ctx)) {
    LOCK(fakes);
    for (size_t i = 0; i < FAKE_JOBS_MAX; i++) {
      struct fake_job *job = &fakes->jobs[i];
      if (!job->used || job->running || job->parked || job->not_before > (int64_t)time(NULL))
        continue;
      job->running = true;
      append(fakes->calls, "take ");
      *ret = (struct diffd_lease){
          .job = job->job, .failures = job->failures, .not_before = fakes->lease_not_before};
      UNLOCK(fakes);
      return DIFFD_OK;
    }
    UNLOCK(fakes);
    fakes_sleep_ms(1);
  }
  return diffd_fail(err, DIFFD_CANCELLED, "told to stop");
}

static enum diffd_status source_done(struct diffd_job_source *self, const struct diffd_lease *lease,
                                     struct diffd_error *err) {
  struct fakes *fakes = ((struct fake_source *)self)->fakes;
  (void)err;
  LOCK(fakes);
  append(fakes->calls, "done ");
  leased_job(fakes, lease)->used = false;
  UNLOCK(fakes);
  return DIFFD_OK;
}

static enum diffd_status source_fail(struct diffd_job_source *self, const struct diffd_lease *lease,
                                     bool permanent, const char *reason, enum diffd_retry *ret,
                                     struct diffd_error *err) {
  struct fakes *fakes = ((struct fake_source *)self)->fakes;
  (void)err;
  LOCK(fakes);
  append(fakes->calls, permanent ? "fail-for-good " : "fail ");
  append(fakes->logged, "fail reason=%s\n", reason);
  struct fake_job *job = leased_job(fakes, lease);
  job->running = false;
  job->failures++;
  job->parked = job->failures >= (fakes->park_after > 0 ? fakes->park_after : 1000);
  *ret = job->parked ? DIFFD_RETRY_PARKED : DIFFD_RETRY_LATER;
  UNLOCK(fakes);
  return DIFFD_OK;
}

static enum diffd_status source_give_back(struct diffd_job_source *self, const struct diffd_lease *lease,
                                          int64_t not_before, struct diffd_error *err) {
  struct fakes *fakes = ((struct fake_source *)self)->fakes;
  (void)err;
  LOCK(fakes);
  append(fakes->calls, not_before == INT64_MIN ? "give-back " : "give-back-until ");
  struct fake_job *job = leased_job(fakes, lease);
  job->running = false;
  job->not_before = not_before;
  UNLOCK(fakes);
  return DIFFD_OK;
}

static enum diffd_status source_each_pending(struct diffd_job_source *self,
                                             enum diffd_status (*each)(void *arg, const struct diffd_job *job,
                                                                       struct diffd_error *err),
                                             void *arg, struct diffd_error *err) {
  struct fakes *fakes = ((struct fake_source *)self)->fakes;
  enum diffd_status status = DIFFD_OK;
  LOCK(fakes);
  for (size_t i = 0; status == DIFFD_OK && i < FAKE_JOBS_MAX; i++)
    if (fakes->jobs[i].used && !fakes->jobs[i].parked)
      status = each(arg, &fakes->jobs[i].job, err);
  UNLOCK(fakes);
  return status;
}

static const struct diffd_job_source_ops source_ops = {.take = source_take,
                                                       .done = source_done,
                                                       .fail = source_fail,
                                                       .give_back = source_give_back,
                                                       .each_pending = source_each_pending};

/* Differ. */

static bool is_held(struct fakes *fakes) {
  LOCK(fakes);
  bool hold = fakes->hold;
  UNLOCK(fakes);
  return hold;
}

static enum diffd_status differ_work(struct fakes *fakes, const struct diffd_context *ctx,
                                     const struct diffd_job *job, struct diffd_change_sink *sink,
                                     struct diffd_error *err) {
  char text[FAKE_TEXT_MAX] = "";
  while (is_held(fakes)) {
    if (diffd_context_cancelled(ctx) || (fakes->waits_for_grapher && diffd_context_stopping(ctx)))
      return diffd_fail(err, DIFFD_CANCELLED, "told to stop");
    fakes_sleep_ms(1);
  }
  enum diffd_status status = sink->ops->begin(sink, err);
  append(text, "diff of %s", job->id);
  if (status == DIFFD_OK)
    status = sink->ops->write(sink, text, strlen(text), err);
  return status;
}

static enum diffd_status differ_diff(struct diffd_differ *self, const struct diffd_context *ctx,
                                     const struct diffd_job *job, struct diffd_change_sink *sink,
                                     struct diffd_error *err) {
  struct fakes *fakes = ((struct fake_differ *)self)->fakes;
  LOCK(fakes);
  append(fakes->calls, "diff ");
  fakes->diffs++;
  fakes->at_work++;
  if (fakes->at_work > fakes->most_at_work)
    fakes->most_at_work = fakes->at_work;
  enum diffd_status fails = fakes->diff_fails;
  UNLOCK(fakes);
  enum diffd_status status = differ_work(fakes, ctx, job, sink, err);
  if (status == DIFFD_OK)
    status = answer(fails, "diff", err);
  LOCK(fakes);
  fakes->at_work--;
  UNLOCK(fakes);
  return status;
}

static int64_t differ_ready_at(struct diffd_differ *self, const struct diffd_job *job) {
  (void)job;
  return ((struct fake_differ *)self)->fakes->ready_at;
}

static const struct diffd_differ_ops differ_ops = {.diff = differ_diff, .ready_at = differ_ready_at};

/* Log. */

static void log_event(struct diffd_log *self, enum diffd_log_level level, const char *message,
                      const struct diffd_log_field *fields, size_t field_count, const char *place) {
  static const char *const levels[] = {"debug", "info", "warn", "error"};
  struct fakes *fakes = ((struct fake_log *)self)->fakes;
  (void)place;
  LOCK(fakes);
  append(fakes->logged, "%s %s", levels[level], message);
  for (size_t i = 0; i < field_count; i++) {
    if (fields[i].string != NULL)
      append(fakes->logged, " %s=%s", fields[i].name, fields[i].string);
    else
      append(fakes->logged, " %s=%lld", fields[i].name, (long long)fields[i].number);
  }
  append(fakes->logged, "\n");
  UNLOCK(fakes);
}

static const struct diffd_log_ops log_ops = {.event = log_event};

void fakes_init(struct fakes *fakes) {
  memset(fakes, 0, sizeof *fakes);
  (void)pthread_mutex_init(&fakes->lock, NULL);
  fakes->storage = (struct fake_storage){{&storage_ops}, fakes};
  fakes->marker = (struct fake_marker){{&marker_ops, 600000}, fakes};
  fakes->queuer = (struct fake_queuer){{&queuer_ops}, fakes};
  fakes->source = (struct fake_source){{&source_ops, false}, fakes};
  fakes->differ = (struct fake_differ){{&differ_ops}, fakes};
  fakes->log = (struct fake_log){{&log_ops}, fakes};
  fakes->ctx = (struct diffd_context){.log = &fakes->log.base};
  fakes->ready_at = INT64_MIN;
  fakes->lease_not_before = INT64_MIN;
}

void fakes_clean_up(struct fakes *fakes) {
  (void)pthread_mutex_destroy(&fakes->lock);
}

bool fakes_is_stored(struct fakes *fakes, const char *id) {
  LOCK(fakes);
  bool found = find(fakes->stored, id) != NULL;
  UNLOCK(fakes);
  return found;
}

bool fakes_is_marked(struct fakes *fakes, const char *id) {
  LOCK(fakes);
  bool found = find(fakes->marked, id) != NULL;
  UNLOCK(fakes);
  return found;
}

void fakes_set_stored(struct fakes *fakes, const char *id) {
  LOCK(fakes);
  add(fakes->stored, id);
  UNLOCK(fakes);
}

void fakes_set_marked(struct fakes *fakes, const char *id) {
  LOCK(fakes);
  add(fakes->marked, id);
  UNLOCK(fakes);
}

void fakes_set_hold(struct fakes *fakes, bool hold) {
  LOCK(fakes);
  fakes->hold = hold;
  UNLOCK(fakes);
}

unsigned fakes_at_work(struct fakes *fakes) {
  LOCK(fakes);
  unsigned count = fakes->at_work;
  UNLOCK(fakes);
  return count;
}

unsigned fakes_marks(struct fakes *fakes) {
  LOCK(fakes);
  unsigned count = fakes->marks;
  UNLOCK(fakes);
  return count;
}

unsigned fakes_queued(struct fakes *fakes) {
  unsigned count = 0;
  LOCK(fakes);
  for (size_t i = 0; i < FAKE_JOBS_MAX; i++)
    count += fakes->jobs[i].used && !fakes->jobs[i].parked;
  UNLOCK(fakes);
  return count;
}

bool fakes_logged(struct fakes *fakes, const char *part) {
  LOCK(fakes);
  bool found = strstr(fakes->logged, part) != NULL;
  UNLOCK(fakes);
  return found;
}

void fakes_add_job(struct fakes *fakes, const char *id) {
  struct diffd_job job = {.previous = {0, 60}, .next = {60, 120}};
  (void)snprintf(job.id, sizeof job.id, "%s", id);
  LOCK(fakes);
  add_job_locked(fakes, &job);
  UNLOCK(fakes);
}

bool fakes_is_waiting(struct fakes *fakes, const char *id, int64_t not_before) {
  LOCK(fakes);
  struct fake_job *job = find_job(fakes, id);
  bool waiting = job != NULL && !job->running && !job->parked && job->not_before == not_before;
  UNLOCK(fakes);
  return waiting;
}

void fakes_remove_job(struct fakes *fakes, const char *id) {
  LOCK(fakes);
  struct fake_job *job = find_job(fakes, id);
  if (job != NULL)
    job->used = false;
  UNLOCK(fakes);
}

void fakes_unmark(struct fakes *fakes, const char *id) {
  LOCK(fakes);
  char *place = find(fakes->marked, id);
  if (place != NULL)
    place[0] = '\0';
  UNLOCK(fakes);
}
