/* SPDX-License-Identifier: Apache-2.0
 *
 * What becomes of a job in the queue: done, tried again, parked, given back; and its mark all the while.
 */
#include "service/worker_pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "handlers/test_fakes.h"

struct fixture {
  struct fakes fakes;
  struct diffd_producer *producer;
  struct diffd_worker_pool *pool;
};

static int set_up(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  struct diffd_error err;
  fakes_init(&f->fakes);
  struct diffd_producer_options options = {&f->fakes.storage.base, &f->fakes.marker.base,
                                           &f->fakes.differ.base, 2, &diffd_system_clock};
  *state = f;
  return diffd_producer_new(&options, &f->producer, &err) == DIFFD_OK ? 0 : -1;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  diffd_worker_pool_destroy(f->pool);
  diffd_producer_destroy(f->producer);
  fakes_clean_up(&f->fakes);
  free(f);
  return 0;
}

static void start(struct fixture *f) {
  struct diffd_error err;
  struct diffd_worker_pool_options options = {.source = &f->fakes.source.base,
                                              .marker = &f->fakes.marker.base,
                                              .differ = &f->fakes.differ.base,
                                              .producer = f->producer,
                                              .workers = 2,
                                              .clock = &diffd_system_clock,
                                              .log = &f->fakes.log.base};
  assert_int_equal(diffd_worker_pool_start(&options, &f->pool, &err), DIFFD_OK);
}

static void stop(struct fixture *f) {
  diffd_worker_pool_destroy(f->pool);
  f->pool = NULL;
}

/* A job that goes well is stored, unmarked, and forgotten by the queue, in that order. */
static void test_done(void **state) {
  struct fixture *f = *state;
  fakes_add_job(&f->fakes, "a");
  start(f);
  assert_true(FAKES_WAIT(fakes_logged(&f->fakes, "info job-done diff_id=a failures=0\n")));
  stop(f);
  assert_string_equal(f->fakes.calls, "mark take exists mark put diff commit unmark done unmark ");
  assert_true(fakes_is_stored(&f->fakes, "a"));
  assert_false(fakes_is_marked(&f->fakes, "a"));
  assert_int_equal(fakes_queued(&f->fakes), 0);
  assert_true(fakes_logged(&f->fakes, "info job-started diff_id=a failures=0\n"));
}

/* A failure that may pass keeps its mark; a permanent one is told as such. */
static void test_fail(void **state) {
  struct fixture *f = *state;
  f->fakes.diff_fails = DIFFD_IO;
  f->fakes.park_after = 3;
  fakes_add_job(&f->fakes, "a");
  start(f);
  assert_true(
      FAKES_WAIT(fakes_logged(&f->fakes, "info job-parked diff_id=a failures=3 reason=diff was told")));
  stop(f);
  assert_true(fakes_logged(&f->fakes,
                           "error dependency-failure dependency=differ reason=diff was told to fail "
                           "diff_id=a\n"));
  assert_true(fakes_logged(&f->fakes, "info job-failed diff_id=a failures=1 reason=diff was told to fail\n"));
  assert_non_null(strstr(f->fakes.calls, "fail "));
  assert_null(strstr(f->fakes.calls, "fail-for-good "));
  assert_false(fakes_is_marked(&f->fakes, "a"));
  assert_false(fakes_is_stored(&f->fakes, "a"));
}

/* What no new try can mend is told to the queue so. */
static void test_permanent(void **state) {
  struct fixture *f = *state;
  f->fakes.diff_fails = DIFFD_BAD_LOGS;
  f->fakes.park_after = 1;
  fakes_add_job(&f->fakes, "a");
  start(f);
  assert_true(FAKES_WAIT(fakes_logged(&f->fakes, "job-parked")));
  stop(f);
  assert_non_null(strstr(f->fakes.calls, "fail-for-good "));
  assert_false(fakes_is_marked(&f->fakes, "a"));
}

/* A mark that cannot be removed fails the job, which is then tried again. */
static void test_unmark_fails(void **state) {
  struct fixture *f = *state;
  f->fakes.unmark_fails = DIFFD_IO;
  fakes_add_job(&f->fakes, "a");
  start(f);
  assert_true(FAKES_WAIT(fakes_logged(&f->fakes, "job-failed")));
  stop(f);
  assert_int_equal(fakes_queued(&f->fakes), 1);
  assert_true(fakes_is_stored(&f->fakes, "a"));
}

/* A job whose logs are not complete goes back until they are, and stays in progress. */
static void test_not_ready(void **state) {
  struct fixture *f = *state;
  f->fakes.ready_at = (int64_t)time(NULL) + 1000;
  fakes_add_job(&f->fakes, "a");
  start(f);
  assert_true(FAKES_WAIT(fakes_logged(&f->fakes, "job-waits")));
  stop(f);
  assert_string_equal(f->fakes.calls, "mark take give-back-until ");
  assert_true(fakes_is_marked(&f->fakes, "a"));
  assert_int_equal(f->fakes.jobs[0].not_before, f->fakes.ready_at);
}

/* Where other processes take from the source, too, nobody but its holder renews the mark of a job that waits:
 * for its logs, or for its next try. */
static void test_shared_source(void **state) {
  struct fixture *f = *state;
  f->fakes.source.base.shared = true;
  f->fakes.ready_at = (int64_t)time(NULL) + 1000;
  fakes_add_job(&f->fakes, "a");
  start(f);
  assert_true(FAKES_WAIT(fakes_logged(&f->fakes, "job-waits")));
  stop(f);
  assert_non_null(strstr(f->fakes.calls, "take mark give-back-until "));
  f->fakes.calls[0] = '\0';
  f->fakes.ready_at = INT64_MIN;
  f->fakes.lease_not_before = (int64_t)time(NULL) + 1000;
  fakes_add_job(&f->fakes, "b");
  start(f);
  assert_true(FAKES_WAIT(fakes_is_waiting(&f->fakes, "b", f->fakes.lease_not_before)));
  stop(f);
  assert_non_null(strstr(f->fakes.calls, "take mark give-back-until "));
  assert_null(strstr(f->fakes.calls, "diff"));
  assert_true(fakes_is_marked(&f->fakes, "b"));
}

/* The marks of jobs that wait are renewed, however long they wait. */
static void test_waiting_marks(void **state) {
  struct fixture *f = *state;
  f->fakes.ready_at = (int64_t)time(NULL) + 1000;
  f->fakes.marker.base.timeout_ms = 60;
  fakes_add_job(&f->fakes, "a");
  start(f);
  assert_true(FAKES_WAIT(fakes_marks(&f->fakes) >= 5));
}

/* A job at work finishes within the drain; the one that waits for a grapher ends at once and goes back. */
static void test_drain(void **state) {
  struct fixture *f = *state;
  fakes_set_hold(&f->fakes, true);
  fakes_add_job(&f->fakes, "a");
  start(f);
  assert_true(FAKES_WAIT(fakes_at_work(&f->fakes) == 1));
  diffd_worker_pool_quiesce(f->pool);
  fakes_add_job(&f->fakes, "b");
  fakes_sleep_ms(100);
  assert_int_equal(fakes_at_work(&f->fakes), 1);
  fakes_set_hold(&f->fakes, false);
  assert_int_equal(diffd_worker_pool_drain(f->pool, 10000), 0);
  assert_true(fakes_is_stored(&f->fakes, "a"));
  assert_false(fakes_is_stored(&f->fakes, "b"));
  stop(f);

  fakes_set_hold(&f->fakes, true);
  f->fakes.waits_for_grapher = true;
  start(f);
  assert_true(FAKES_WAIT(fakes_at_work(&f->fakes) == 1));
  diffd_worker_pool_quiesce(f->pool);
  assert_int_equal(diffd_worker_pool_drain(f->pool, 10000), 0);
  assert_true(fakes_logged(&f->fakes, "job-given-back diff_id=b"));
  assert_int_equal(fakes_queued(&f->fakes), 1);
  assert_true(fakes_is_marked(&f->fakes, "b"));
}

/* A job that takes too long is cancelled, and goes back uncounted. */
static void test_drain_timeout(void **state) {
  struct fixture *f = *state;
  fakes_set_hold(&f->fakes, true);
  fakes_add_job(&f->fakes, "a");
  start(f);
  assert_true(FAKES_WAIT(fakes_at_work(&f->fakes) == 1));
  diffd_worker_pool_quiesce(f->pool);
  assert_int_equal(diffd_worker_pool_drain(f->pool, 50), 1);
  assert_non_null(strstr(f->fakes.calls, "give-back "));
  assert_int_equal(f->fakes.jobs[0].failures, 0);
  assert_false(fakes_is_stored(&f->fakes, "a"));
}

/* Many jobs, few workers, marks renewed at a frantic pace: in the end no mark is left. */
static void test_no_mark_left(void **state) {
  struct fixture *f = *state;
  static const char *const ids[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
  f->fakes.marker.base.timeout_ms = 3;
  for (size_t i = 0; i < 8; i++)
    fakes_add_job(&f->fakes, ids[i]);
  start(f);
  assert_true(FAKES_WAIT(fakes_queued(&f->fakes) == 0));
  stop(f);
  for (size_t i = 0; i < 8; i++) {
    assert_true(fakes_is_stored(&f->fakes, ids[i]));
    assert_false(fakes_is_marked(&f->fakes, ids[i]));
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_done),         TEST(test_fail),          TEST(test_permanent), TEST(test_unmark_fails),
      TEST(test_not_ready),    TEST(test_waiting_marks), TEST(test_drain),     TEST(test_drain_timeout),
      TEST(test_no_mark_left), TEST(test_shared_source)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
