/* SPDX-License-Identifier: Apache-2.0
 *
 * Modules for unit tests, which hold everything in memory, write down what they were asked, and fail or wait
 * when a test wants it. Linked into tests alone. Safe to call from several threads at once.
 */
#ifndef DIFFD_HANDLERS_TEST_FAKES_H
#define DIFFD_HANDLERS_TEST_FAKES_H

#include <pthread.h>

#include "diffd/differ.h"
#include "diffd/log.h"
#include "diffd/marker.h"
#include "diffd/queuer.h"
#include "diffd/storage.h"

enum { FAKE_TEXT_MAX = 16 * 1024, FAKE_JOBS_MAX = 16 };

struct fakes;

struct fake_storage {
  struct diffd_storage base;
  struct fakes *fakes;
};
struct fake_marker {
  struct diffd_marker base;
  struct fakes *fakes;
};
struct fake_queuer {
  struct diffd_queuer base;
  struct fakes *fakes;
};
struct fake_source {
  struct diffd_job_source base;
  struct fakes *fakes;
};
struct fake_differ {
  struct diffd_differ base;
  struct fakes *fakes;
};
struct fake_log {
  struct diffd_log base;
  struct fakes *fakes;
};

/* A job in the fake queue. */
struct fake_job {
  struct diffd_job job;
  bool used;
  bool running;
  bool parked;
  uint32_t failures;
  int64_t not_before;
};

/* What a test sets and reads; the lock is for reads and writes while threads are at work. */
struct fakes {
  pthread_mutex_t lock;
  struct fake_storage storage;
  struct fake_marker marker;
  struct fake_queuer queuer;
  struct fake_source source;
  struct fake_differ differ;
  struct fake_log log;
  struct diffd_context ctx; /* never cancelled, logs into `log` */

  char calls[FAKE_TEXT_MAX];  /* "check storage.exists mark ..." each followed by a space */
  char logged[FAKE_TEXT_MAX]; /* a line an event: "level message name=value ..." */

  char stored[FAKE_JOBS_MAX][DIFFD_JOB_ID_MAX + 1];
  char marked[FAKE_JOBS_MAX][DIFFD_JOB_ID_MAX + 1];
  char content[FAKE_TEXT_MAX]; /* what the last commit stored, and every get gives */
  struct fake_job jobs[FAKE_JOBS_MAX];

  /* What the named call answers instead, or DIFFD_OK. */
  enum diffd_status exists_fails, get_fails, put_fails, commit_fails;
  enum diffd_status check_fails, mark_fails, unmark_fails;
  enum diffd_status queue_fails, diff_fails;
  unsigned park_after;      /* failures that park a job; 0: 1000 */
  int64_t lease_not_before; /* of every lease; INT64_MIN at first */
  _Atomic int64_t ready_at; /* what the differ answers; INT64_MIN at first */

  /* While true the differ waits (until its context is cancelled, or stopping where `waits_for_grapher`). */
  bool hold;
  bool waits_for_grapher;
  unsigned at_work, most_at_work, diffs;
  unsigned marks;        /* calls of mark */
  unsigned slow_mark_ms; /* how long each of them takes */
  bool mark_hangs;       /* each waits until its context is cancelled */
};

void fakes_init(struct fakes *fakes);
void fakes_clean_up(struct fakes *fakes);

bool fakes_is_stored(struct fakes *fakes, const char *id);
bool fakes_is_marked(struct fakes *fakes, const char *id);
void fakes_set_stored(struct fakes *fakes, const char *id);
void fakes_set_marked(struct fakes *fakes, const char *id);
void fakes_set_hold(struct fakes *fakes, bool hold);
/* Copies under the lock. */
unsigned fakes_at_work(struct fakes *fakes);
unsigned fakes_marks(struct fakes *fakes);
unsigned fakes_queued(struct fakes *fakes); /* jobs in the queue that are not parked */
bool fakes_logged(struct fakes *fakes, const char *part);
/* Whether the job waits in the queue until that time. */
bool fakes_is_waiting(struct fakes *fakes, const char *id, int64_t not_before);
void fakes_add_job(struct fakes *fakes, const char *id);
void fakes_remove_job(struct fakes *fakes, const char *id);
void fakes_unmark(struct fakes *fakes, const char *id);

/* Waits until the condition holds; false after some seconds. */
#define FAKES_WAIT(condition)                                                                                \
  __extension__({                                                                                            \
    int tries_ = 0;                                                                                          \
    while (!(condition) && tries_++ < 5000)                                                                  \
      fakes_sleep_ms(1);                                                                                     \
    (condition);                                                                                             \
  })
void fakes_sleep_ms(unsigned ms);

#endif
