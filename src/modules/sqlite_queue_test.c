/* SPDX-License-Identifier: Apache-2.0 */
/* Every job that was queued is given out, to one worker at a time, until it is done or parked, whoever dies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/test_dir.h"
#include "modules/sqlite_queue.h"
#include "modules/sqlite_queue_library.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

struct fixture {
  char path[TEST_PATH_MAX];
  struct diffd_sqlite_queue *queue;
  struct diffd_queuer *queuer;
  struct diffd_job_source *source;
  struct diffd_queue_recovery recovery;
  struct diffd_sqlite_queue_options options;
  struct diffd_clock clock;
  atomic_int_least64_t now_ms;   /* of both clocks, */
  atomic_int_least64_t wrong_ms; /* by which the wall clock is ahead */
  struct diffd_context ctx;
  struct diffd_error err;
};

static struct diffd_instant fake_wall(void *arg) {
  const struct fixture *f = arg;
  int64_t ms = atomic_load(&f->now_ms) + atomic_load(&f->wrong_ms);
  return (struct diffd_instant){ms / 1000, (uint32_t)(ms % 1000) * 1000000};
}

static int64_t fake_monotonic(void *arg) {
  return atomic_load(&((struct fixture *)arg)->now_ms);
}

static void reopen(struct fixture *f) {
  diffd_sqlite_queue_close(f->queue);
  f->queue = NULL;
  if (diffd_sqlite_queue_open(f->path, &f->options, &f->queue, &f->recovery, &f->err) != DIFFD_OK)
    fail_msg("%s", f->err.detail);
  f->queuer = diffd_sqlite_queue_queuer(f->queue);
  f->source = diffd_sqlite_queue_source(f->queue);
}

static void open_queue(const struct test_dir *dir, struct fixture *f) {
  memset(f, 0, sizeof *f);
  (void)test_path(dir, "queue.db", f->path);
  f->clock = (struct diffd_clock){fake_wall, fake_monotonic, f};
  f->options.clock = &f->clock;
  atomic_store(&f->now_ms, INT64_C(1551398460000));
  reopen(f);
}

static struct diffd_job job(const char *id) {
  struct diffd_job made = {.previous = {60, 120}, .next = {-60, 240}};
  (void)snprintf(made.id, sizeof made.id, "%s", id);
  return made;
}

static void queue_in(struct fixture *f, const char *id) {
  struct diffd_job queued = job(id);
  if (diffd_queuer_queue(f->queuer, &f->ctx, &queued, &f->err) != DIFFD_OK)
    fail_msg("%s", f->err.detail);
}

static bool looked_once(void *arg) {
  return ++*(int *)arg > 1;
}

/* What is due now, without waiting. */
static enum diffd_status take_now(struct fixture *f, struct diffd_lease *lease) {
  int looks = 0;
  struct diffd_context ctx = {.cancelled = looked_once, .cancelled_arg = &looks};
  return diffd_job_source_take(f->source, &ctx, lease, &f->err);
}

static struct diffd_lease must_take(struct fixture *f, const char *id) {
  struct diffd_lease lease;
  if (take_now(f, &lease) != DIFFD_OK)
    fail_msg("nothing is due: %s", f->err.detail);
  assert_string_equal(lease.job.id, id);
  return lease;
}

static void must_take_nothing(struct fixture *f) {
  struct diffd_lease lease;
  assert_int_equal(take_now(f, &lease), DIFFD_CANCELLED);
}

struct found {
  struct diffd_queue_entry entry;
  char reason[DIFFD_ERROR_DETAIL_MAX];
  const char *id;
  size_t count;
};

static enum diffd_status find(void *arg, const struct diffd_queue_entry *entry, struct diffd_error *err) {
  (void)err;
  struct found *found = arg;
  if (found->id == NULL || strcmp(entry->job.id, found->id) == 0) {
    found->entry = *entry;
    (void)snprintf(found->reason, sizeof found->reason, "%s", entry->reason);
    found->count++;
  }
  return DIFFD_OK;
}

static struct found look(struct fixture *f, const char *id) {
  struct found found = {.id = id};
  assert_int_equal(diffd_sqlite_queue_list(f->queue, find, &found, &f->err), DIFFD_OK);
  return found;
}

static enum diffd_status count_job(void *arg, const struct diffd_job *pending, struct diffd_error *err) {
  (void)pending;
  (void)err;
  ++*(size_t *)arg;
  return DIFFD_OK;
}

static size_t pending(struct fixture *f) {
  size_t count = 0;
  assert_int_equal(diffd_job_source_each_pending(f->source, count_job, &count, &f->err), DIFFD_OK);
  return count;
}

static void test_first_come_first_served(void **state) {
  struct fixture f;
  open_queue(*state, &f);
  must_take_nothing(&f);
  queue_in(&f, "c");
  queue_in(&f, "a");
  queue_in(&f, "a");
  atomic_fetch_add(&f.now_ms, 1);
  queue_in(&f, "b");
  assert_int_equal(pending(&f), 3);
  struct diffd_lease lease = must_take(&f, "c");
  assert_int_equal(lease.job.previous.start, 60);
  assert_int_equal(lease.job.previous.stop, 120);
  assert_int_equal(lease.job.next.start, -60);
  assert_int_equal(lease.job.next.stop, 240);
  assert_int_equal(lease.failures, 0);
  queue_in(&f, "c"); /* runs already: nothing changes */
  (void)must_take(&f, "a");
  (void)must_take(&f, "b");
  must_take_nothing(&f);
  assert_int_equal(pending(&f), 3);
  assert_int_equal(diffd_job_source_done(f.source, &lease, &f.err), DIFFD_OK);
  assert_int_equal(diffd_job_source_done(f.source, &lease, &f.err), DIFFD_NOT_FOUND);
  assert_int_equal(pending(&f), 2);
  diffd_sqlite_queue_close(f.queue);
}

static void test_retries_wait_longer_and_end_parked(void **state) {
  static const int64_t waits_s[] = {5, 10, 20, 40, 80, 160, 320, 600, 600};
  struct fixture f;
  enum diffd_retry retry;
  open_queue(*state, &f);
  queue_in(&f, "a");
  for (size_t i = 0; i < sizeof waits_s / sizeof waits_s[0]; i++) {
    struct diffd_lease lease = must_take(&f, "a");
    assert_int_equal(lease.failures, i);
    assert_int_equal(diffd_job_source_fail(f.source, &lease, false, "grapher down", &retry, &f.err),
                     DIFFD_OK);
    assert_int_equal(retry, DIFFD_RETRY_LATER);
    atomic_fetch_add(&f.now_ms, waits_s[i] * 1000 - 1);
    must_take_nothing(&f);
    atomic_fetch_add(&f.now_ms, 1);
  }
  struct diffd_lease lease = must_take(&f, "a");
  assert_int_equal(diffd_job_source_fail(f.source, &lease, false, "still down", &retry, &f.err), DIFFD_OK);
  assert_int_equal(retry, DIFFD_RETRY_PARKED);
  assert_int_equal(pending(&f), 0);
  struct found found = look(&f, "a");
  assert_int_equal(found.entry.state, DIFFD_QUEUE_PARKED);
  assert_int_equal(found.entry.failures, 10);
  assert_string_equal(found.reason, "still down");
  atomic_fetch_add(&f.now_ms, 1000 * 86400);
  must_take_nothing(&f);
  queue_in(&f, "a"); /* tried afresh */
  assert_int_equal(must_take(&f, "a").failures, 0);
  diffd_sqlite_queue_close(f.queue);
}

static void test_two_permanent_failures_park(void **state) {
  struct fixture f;
  enum diffd_retry retry;
  open_queue(*state, &f);
  queue_in(&f, "a");
  static const bool permanent[] = {true, false, true};
  for (size_t i = 0; i < 3; i++) {
    struct diffd_lease lease = must_take(&f, "a");
    assert_int_equal(diffd_job_source_fail(f.source, &lease, permanent[i], "no graph", &retry, &f.err),
                     DIFFD_OK);
    assert_int_equal(retry, i < 2 ? DIFFD_RETRY_LATER : DIFFD_RETRY_PARKED);
    assert_int_equal(diffd_job_source_fail(f.source, &lease, true, "again", &retry, &f.err), DIFFD_NOT_FOUND);
    atomic_fetch_add(&f.now_ms, 600000);
  }
  /* The operator's retry forgets what was counted. */
  assert_int_equal(diffd_sqlite_queue_retry(f.queue, "a", &f.err), DIFFD_OK);
  struct diffd_lease lease = must_take(&f, "a");
  assert_int_equal(lease.failures, 0);
  assert_int_equal(diffd_sqlite_queue_retry(f.queue, "a", &f.err), DIFFD_IN_PROGRESS);
  assert_int_equal(diffd_job_source_fail(f.source, &lease, true, "no graph", &retry, &f.err), DIFFD_OK);
  assert_int_equal(retry, DIFFD_RETRY_LATER);
  assert_int_equal(diffd_sqlite_queue_retry(f.queue, "a", &f.err), DIFFD_OK); /* at once, without waiting */
  (void)must_take(&f, "a");
  assert_int_equal(diffd_sqlite_queue_retry(f.queue, "none", &f.err), DIFFD_NOT_FOUND);
  diffd_sqlite_queue_close(f.queue);
}

static void test_given_back_jobs_count_nothing(void **state) {
  struct fixture f;
  open_queue(*state, &f);
  queue_in(&f, "a");
  struct diffd_lease lease = must_take(&f, "a");
  assert_int_equal(diffd_job_source_give_back(f.source, &lease, INT64_MIN, &f.err), DIFFD_OK);
  lease = must_take(&f, "a");
  int64_t ready = atomic_load(&f.now_ms) / 1000 + 900;
  assert_int_equal(diffd_job_source_give_back(f.source, &lease, ready, &f.err), DIFFD_OK);
  assert_int_equal(diffd_job_source_give_back(f.source, &lease, ready, &f.err), DIFFD_NOT_FOUND);
  assert_int_equal(look(&f, "a").entry.next_try, ready);
  atomic_fetch_add(&f.now_ms, 899999);
  must_take_nothing(&f);
  reopen(&f);
  assert_int_equal(f.recovery.resumed, 0);
  must_take_nothing(&f);
  atomic_fetch_add(&f.now_ms, 1);
  lease = must_take(&f, "a");
  assert_int_equal(lease.failures, 0);
  assert_int_equal(diffd_job_source_give_back(f.source, &lease, INT64_MAX, &f.err), DIFFD_OK);
  must_take_nothing(&f);
  diffd_sqlite_queue_close(f.queue);
}

static void test_starts_that_never_ended(void **state) {
  struct fixture f;
  open_queue(*state, &f);
  queue_in(&f, "poison");
  for (int i = 1; i <= 100; i++) {
    (void)must_take(&f, "poison");
    reopen(&f);
    assert_int_equal(f.recovery.resumed, i < 100);
    assert_int_equal(f.recovery.parked, i == 100);
    assert_int_equal(f.recovery.waiting, i < 100);
  }
  must_take_nothing(&f);
  struct found found = look(&f, NULL);
  assert_int_equal(found.entry.state, DIFFD_QUEUE_PARKED);
  assert_int_equal(found.entry.crashes, 100);
  assert_int_equal(found.entry.failures, 0);
  assert_non_null(strstr(found.reason, "begun 100 times"));
  diffd_sqlite_queue_close(f.queue);
}

static void test_too_many_wait(void **state) {
  struct fixture f;
  struct diffd_sqlite_queue *beside = NULL;
  enum diffd_retry retry;
  open_queue(*state, &f);
  f.options.waiting_max = 2;
  reopen(&f);
  struct diffd_job more = job("c");
  queue_in(&f, "a");
  queue_in(&f, "b");
  assert_int_equal(diffd_queuer_queue(f.queuer, &f.ctx, &more, &f.err), DIFFD_BUSY);
  queue_in(&f, "a"); /* waits already */
  struct diffd_lease lease = must_take(&f, "a");
  queue_in(&f, "c");
  assert_int_equal(diffd_job_source_fail(f.source, &lease, false, "x", &retry, &f.err), DIFFD_OK);
  lease = must_take(&f, "b");
  more = job("d");
  assert_int_equal(diffd_queuer_queue(f.queuer, &f.ctx, &more, &f.err), DIFFD_BUSY);
  assert_int_equal(diffd_job_source_done(f.source, &lease, &f.err), DIFFD_OK);
  lease = must_take(&f, "c");
  queue_in(&f, "d");
  /* What another process changes is counted too. */
  assert_int_equal(diffd_job_source_fail(f.source, &lease, true, "x", &retry, &f.err), DIFFD_OK);
  atomic_fetch_add(&f.now_ms, 5000);
  (void)must_take(&f, "d");
  (void)must_take(&f, "a");
  lease = must_take(&f, "c");
  assert_int_equal(diffd_job_source_fail(f.source, &lease, true, "x", &retry, &f.err), DIFFD_OK);
  assert_int_equal(retry, DIFFD_RETRY_PARKED);
  queue_in(&f, "e");
  assert_int_equal(diffd_sqlite_queue_attach(f.path, &beside, &f.err), DIFFD_OK);
  assert_int_equal(diffd_sqlite_queue_retry(beside, "c", &f.err), DIFFD_OK);
  diffd_sqlite_queue_close(beside);
  more = job("g");
  assert_int_equal(diffd_queuer_queue(f.queuer, &f.ctx, &more, &f.err), DIFFD_BUSY);
  diffd_sqlite_queue_close(f.queue);
}

static void test_broken_databases(void **state) {
  const struct test_dir *dir = *state;
  struct fixture f;
  struct diffd_sqlite_queue *queue = NULL;
  char path[TEST_PATH_MAX];
  open_queue(dir, &f);
  struct stat st;
  assert_int_equal(stat(f.path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  for (int i = 0; i < 300; i++) {
    char id[32];
    (void)snprintf(id, sizeof id, "job-%d", i);
    queue_in(&f, id);
  }
  assert_int_equal(look(&f, NULL).count, 300);
  diffd_sqlite_queue_close(f.queue);
  test_write(dir, "text.db",
             "this is no database, and it is a good deal longer than a header, or so it seems to "
             "whoever reads it to its end");
  assert_int_equal(diffd_sqlite_queue_open(test_path(dir, "text.db", path), &f.options, &queue, NULL, &f.err),
                   DIFFD_IO);
  assert_non_null(strstr(f.err.detail, "text.db is broken"));
  assert_non_null(strstr(f.err.detail, "move the file"));
  /* Whichever page is garbage, the queue says so when it is opened. */
  enum { PAGE_BYTES = 4096 };
  char garbage[PAGE_BYTES], kept[PAGE_BYTES];
  memset(garbage, 0xa5, sizeof garbage);
  assert_int_equal(stat(f.path, &st), 0);
  assert_true(st.st_size > 5 * PAGE_BYTES);
  for (off_t at = 0; at < st.st_size; at += PAGE_BYTES) {
    int fd = open(f.path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pread(fd, kept, sizeof kept, at), sizeof kept);
    assert_int_equal(pwrite(fd, garbage, sizeof garbage, at), sizeof garbage);
    if (diffd_sqlite_queue_open(f.path, &f.options, &queue, NULL, &f.err) != DIFFD_IO ||
        strstr(f.err.detail, "is broken") == NULL)
      fail_msg("page at %lld: %s", (long long)at, f.err.detail);
    assert_int_equal(pwrite(fd, kept, sizeof kept, at), sizeof kept);
    assert_int_equal(close(fd), 0);
  }
  assert_int_equal(diffd_sqlite_queue_attach(test_path(dir, "none.db", path), &queue, &f.err),
                   DIFFD_NOT_FOUND);
  test_write(dir, "empty.db", "");
  assert_int_equal(diffd_sqlite_queue_attach(test_path(dir, "empty.db", path), &queue, &f.err),
                   DIFFD_NOT_FOUND);
  assert_int_equal(
      diffd_sqlite_queue_open(test_path(dir, "no/folder.db", path), &f.options, &queue, NULL, &f.err),
      DIFFD_IO);
  assert_null(queue);
}

static void test_a_newer_format_is_left_alone(void **state) {
  const struct test_dir *dir = *state;
  struct fixture f;
  struct diffd_sqlite_queue *queue = NULL;
  sqlite3 *db = NULL;
  open_queue(dir, &f);
  diffd_sqlite_queue_close(f.queue);
  assert_int_equal(sqlite3_open_v2(f.path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 2", NULL, NULL, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
  assert_int_equal(diffd_sqlite_queue_open(f.path, &f.options, &queue, NULL, &f.err), DIFFD_INVALID);
  assert_non_null(strstr(f.err.detail, "another version"));
}

/* ---- threads and processes ---- */

enum { JOBS = 200, WORKERS = 4 };

struct crew {
  struct diffd_job_source *source;
  atomic_int taken[JOBS];
  atomic_int done;
};

static bool crew_is_done(void *arg) {
  return atomic_load(&((struct crew *)arg)->done) >= JOBS;
}

static void *work(void *arg) {
  struct crew *crew = arg;
  struct diffd_context ctx = {.cancelled = crew_is_done, .cancelled_arg = crew};
  struct diffd_lease lease;
  struct diffd_error err;
  while (diffd_job_source_take(crew->source, &ctx, &lease, &err) == DIFFD_OK) {
    atomic_fetch_add(&crew->taken[atoi(lease.job.id)], 1);
    if (diffd_job_source_done(crew->source, &lease, &err) == DIFFD_OK)
      atomic_fetch_add(&crew->done, 1);
  }
  return NULL;
}

static void test_four_workers_get_each_job_once(void **state) {
  struct fixture f;
  struct crew crew = {0};
  pthread_t threads[WORKERS];
  open_queue(*state, &f);
  f.options.clock = NULL;
  reopen(&f);
  crew.source = f.source;
  for (int i = 0; i < WORKERS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, work, &crew), 0);
  for (int i = 0; i < JOBS; i++) {
    char id[16];
    (void)snprintf(id, sizeof id, "%d", i);
    queue_in(&f, id);
  }
  for (int i = 0; i < WORKERS; i++)
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  for (int i = 0; i < JOBS; i++)
    assert_int_equal(atomic_load(&crew.taken[i]), 1);
  assert_int_equal(pending(&f), 0);
  diffd_sqlite_queue_close(f.queue);
}

struct stopper {
  struct diffd_job_source *source;
  atomic_bool stop;
  enum diffd_status status;
  struct diffd_lease lease;
};

static bool is_stopped(void *arg) {
  return atomic_load(&((struct stopper *)arg)->stop);
}

static void *wait_for_a_job(void *arg) {
  struct stopper *stopper = arg;
  struct diffd_context ctx = {.cancelled = is_stopped, .cancelled_arg = stopper};
  struct diffd_error err;
  stopper->status = diffd_job_source_take(stopper->source, &ctx, &stopper->lease, &err);
  return NULL;
}

static int64_t real_ms(void) {
  return diffd_system_clock.monotonic_ms(NULL);
}

static void test_waiting_ends_soon(void **state) {
  struct fixture f;
  struct stopper stopper = {0};
  struct diffd_sqlite_queue *beside = NULL;
  pthread_t thread;
  open_queue(*state, &f);
  f.options.clock = NULL;
  reopen(&f);
  stopper.source = f.source;
  /* by cancelling */
  assert_int_equal(pthread_create(&thread, NULL, wait_for_a_job, &stopper), 0);
  assert_int_equal(usleep(50000), 0);
  int64_t begun = real_ms();
  atomic_store(&stopper.stop, true);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_int_equal(stopper.status, DIFFD_CANCELLED);
  assert_true(real_ms() - begun < 1500); /* 100 ms, and patience for a busy machine */
  /* by a job that comes */
  atomic_store(&stopper.stop, false);
  assert_int_equal(pthread_create(&thread, NULL, wait_for_a_job, &stopper), 0);
  assert_int_equal(usleep(50000), 0);
  queue_in(&f, "a");
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_int_equal(stopper.status, DIFFD_OK);
  /* by a parked job that another process tries again */
  enum diffd_retry retry;
  assert_int_equal(diffd_job_source_give_back(f.source, &stopper.lease, INT64_MAX / 1000, &f.err), DIFFD_OK);
  assert_int_equal(pthread_create(&thread, NULL, wait_for_a_job, &stopper), 0);
  assert_int_equal(usleep(50000), 0);
  assert_int_equal(diffd_sqlite_queue_attach(f.path, &beside, &f.err), DIFFD_OK);
  begun = real_ms();
  assert_int_equal(diffd_sqlite_queue_retry(beside, "a", &f.err), DIFFD_OK);
  diffd_sqlite_queue_close(beside);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_int_equal(stopper.status, DIFFD_OK);
  assert_true(real_ms() - begun < 3000);
  /* by a retry that becomes due */
  assert_int_equal(diffd_job_source_fail(f.source, &stopper.lease, false, "x", &retry, &f.err), DIFFD_OK);
  diffd_sqlite_queue_close(f.queue);
}

/* A clock that was wrong when jobs were queued, and is set right, does not keep them for years. */
static void test_the_clock_is_set_back(void **state) {
  const int64_t year_ms = INT64_C(365) * 86400 * 1000;
  struct fixture f;
  enum diffd_retry retry;
  open_queue(*state, &f);
  atomic_store(&f.wrong_ms, year_ms);
  queue_in(&f, "a");
  struct diffd_lease lease = must_take(&f, "a");
  assert_int_equal(diffd_job_source_fail(f.source, &lease, false, "x", &retry, &f.err), DIFFD_OK);
  must_take_nothing(&f);
  atomic_store(&f.wrong_ms, 0);
  lease = must_take(&f, "a");
  /* Set forward, by a little, or not at all, it changes nothing. */
  assert_int_equal(diffd_job_source_fail(f.source, &lease, false, "x", &retry, &f.err), DIFFD_OK);
  atomic_store(&f.wrong_ms, 500);
  must_take_nothing(&f);
  atomic_store(&f.wrong_ms, 0);
  must_take_nothing(&f);
  /* While nobody looked. */
  atomic_store(&f.wrong_ms, year_ms);
  lease = must_take(&f, "a");
  assert_int_equal(diffd_job_source_fail(f.source, &lease, false, "x", &retry, &f.err), DIFFD_OK);
  atomic_store(&f.wrong_ms, 0);
  reopen(&f);
  lease = must_take(&f, "a");
  assert_int_equal(diffd_job_source_fail(f.source, &lease, false, "x", &retry, &f.err), DIFFD_OK);
  reopen(&f);
  must_take_nothing(&f);
  diffd_sqlite_queue_close(f.queue);
}

/* Whatever moment the process is killed at: what queue() has acknowledged is there, and nothing is there
 * twice. */
static void test_killed_process(void **state) {
  struct fixture f;
  open_queue(*state, &f);
  diffd_sqlite_queue_close(f.queue);
  f.queue = NULL;
  int queued = 0, acknowledged = 0;
  for (int round = 0; round < 15; round++) {
    int says[2];
    assert_int_equal(pipe(says), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
      struct diffd_lease lease;
      reopen(&f);
      for (int i = queued;; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "%d", i);
        queue_in(&f, id);
        if (write(says[1], &i, sizeof i) != sizeof i)
          _exit(1);
        if (i % 3 == 0)
          (void)take_now(&f, &lease);
      }
    }
    assert_int_equal(close(says[1]), 0);
    assert_int_equal(usleep((useconds_t)(15000 + round * 1700)), 0);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    for (int i; read(says[0], &i, sizeof i) == sizeof i; acknowledged++)
      queued = i + 1;
    queued++; /* perhaps one more was queued, and not acknowledged */
    assert_int_equal(close(says[0]), 0);
  }
  reopen(&f);
  struct found found = look(&f, NULL);
  assert_true((int)found.count >= acknowledged && (int)found.count <= queued);
  for (int i = 0; i < JOBS * 1000; i++) {
    struct diffd_lease lease;
    if (take_now(&f, &lease) != DIFFD_OK)
      break;
    assert_int_equal(diffd_job_source_done(f.source, &lease, &f.err), DIFFD_OK);
  }
  assert_int_equal(look(&f, NULL).count, 0);
  diffd_sqlite_queue_close(f.queue);
}

/* A disk that is full (here: a limit on the size of files) fails the call, and the queue lives on. */
static void test_no_space(void **state) {
  struct fixture f;
  open_queue(*state, &f);
  diffd_sqlite_queue_close(f.queue);
  f.queue = NULL;
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    const struct rlimit limit = {60000, 60000};
    enum diffd_status status = DIFFD_OK;
    reopen(&f);
    if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || setrlimit(RLIMIT_FSIZE, &limit) != 0)
      _exit(10);
    int i = 0;
    for (; status == DIFFD_OK && i < 1000; i++) {
      struct diffd_job queued = {0};
      (void)snprintf(queued.id, sizeof queued.id, "%d", i);
      status = diffd_queuer_queue(f.queuer, &f.ctx, &queued, &f.err);
    }
    _exit((status == DIFFD_NO_SPACE || status == DIFFD_IO) && i > 2 ? i - 1 : 11);
  }
  int result;
  assert_int_equal(waitpid(child, &result, 0), child);
  assert_true(WIFEXITED(result));
  reopen(&f);
  assert_int_equal(look(&f, NULL).count, WEXITSTATUS(result));
  queue_in(&f, "more");
  diffd_sqlite_queue_close(f.queue);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, test_dir_make, test_dir_destroy)
int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_first_come_first_served),
      TEST(test_retries_wait_longer_and_end_parked),
      TEST(test_two_permanent_failures_park),
      TEST(test_given_back_jobs_count_nothing),
      TEST(test_starts_that_never_ended),
      TEST(test_too_many_wait),
      TEST(test_broken_databases),
      TEST(test_a_newer_format_is_left_alone),
      TEST(test_four_workers_get_each_job_once),
      TEST(test_waiting_ends_soon),
      TEST(test_killed_process),
      TEST(test_no_space),
      TEST(test_the_clock_is_set_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
