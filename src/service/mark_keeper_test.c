/* SPDX-License-Identifier: Apache-2.0
 *
 * Marks of jobs that wait are kept, and no mark comes back that a worker removed.
 */
#include "service/mark_keeper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "handlers/test_fakes.h"

static int set_up(void **state) {
  struct fakes *fakes = calloc(1, sizeof *fakes);
  fakes_init(fakes);
  *state = fakes;
  return 0;
}

static int tear_down(void **state) {
  fakes_clean_up(*state);
  free(*state);
  return 0;
}

static struct diffd_mark_keeper *start(struct fakes *fakes) {
  struct diffd_mark_keeper *keeper;
  struct diffd_error err;
  assert_int_equal(
      diffd_mark_keeper_start(&fakes->source.base, &fakes->marker.base, &fakes->log.base, &keeper, &err),
      DIFFD_OK);
  return keeper;
}

/* At the start everything that waits is marked, and a failing mark is told. */
static void test_start(void **state) {
  struct fakes *fakes = *state;
  fakes_add_job(fakes, "a");
  fakes_add_job(fakes, "b");
  struct diffd_mark_keeper *keeper = start(fakes);
  assert_true(fakes_is_marked(fakes, "a"));
  assert_true(fakes_is_marked(fakes, "b"));
  diffd_mark_keeper_stop(keeper);
  fakes->mark_fails = DIFFD_IO;
  keeper = start(fakes);
  assert_true(fakes_logged(
      fakes, "info dependency-failure dependency=marker reason=mark was told to fail diff_id=a"));
  diffd_mark_keeper_stop(keeper);
}

/* What a worker holds is left alone; what waits is marked again and again; what was released is the keeper's
 * again. */
static void test_hold(void **state) {
  struct fakes *fakes = *state;
  struct diffd_mark_hold hold;
  fakes->marker.base.timeout_ms = 30;
  fakes_add_job(fakes, "a");
  fakes_add_job(fakes, "b");
  struct diffd_mark_keeper *keeper = start(fakes);
  diffd_mark_keeper_hold(keeper, &hold, "a");
  fakes_unmark(fakes, "a");
  for (int i = 0; i < 5; i++) {
    fakes_unmark(fakes, "b");
    assert_true(FAKES_WAIT(fakes_is_marked(fakes, "b")));
    assert_false(fakes_is_marked(fakes, "a"));
  }
  diffd_mark_keeper_release(keeper, &hold);
  assert_true(FAKES_WAIT(fakes_is_marked(fakes, "a")));
  diffd_mark_keeper_stop(keeper);
}

/* A job that ends while a round is under way, and is on that round's list yet, gets no mark any more. */
static void test_ends_in_round(void **state) {
  struct fakes *fakes = *state;
  struct diffd_mark_hold hold;
  fakes->marker.base.timeout_ms = 600;
  fakes_add_job(fakes, "a");
  fakes_add_job(fakes, "b");
  fakes_add_job(fakes, "c");
  struct diffd_mark_keeper *keeper = start(fakes);
  fakes->slow_mark_ms = 100;
  assert_true(FAKES_WAIT(fakes_marks(fakes) == 4)); /* the second round is at its first mark */
  diffd_mark_keeper_hold(keeper, &hold, "c");
  fakes_unmark(fakes, "c");
  fakes_remove_job(fakes, "c");
  diffd_mark_keeper_release(keeper, &hold);
  assert_true(FAKES_WAIT(fakes_marks(fakes) >= 7)); /* the third round is under way */
  assert_false(fakes_is_marked(fakes, "c"));
  diffd_mark_keeper_stop(keeper);
}

/* A marker that cannot be reached is asked once a round, however many jobs wait, so that the start does not
 * wait for it again and again. */
static void test_marker_away(void **state) {
  struct fakes *fakes = *state;
  fakes_add_job(fakes, "a");
  fakes_add_job(fakes, "b");
  fakes->mark_fails = DIFFD_UNAVAILABLE;
  struct diffd_mark_keeper *keeper = start(fakes);
  assert_int_equal(fakes_marks(fakes), 1);
  diffd_mark_keeper_stop(keeper);
  fakes->mark_fails = DIFFD_OK;
  keeper = start(fakes);
  assert_true(fakes_is_marked(fakes, "a") && fakes_is_marked(fakes, "b"));
  diffd_mark_keeper_stop(keeper);
}

static void *hold_a(void *arg) {
  struct diffd_mark_hold hold;
  diffd_mark_keeper_hold(arg, &hold, "a");
  diffd_mark_keeper_release(arg, &hold);
  return NULL;
}

/* The end comes although a mark is under way that would never be made, and a worker waits for it. */
static void test_stops_within_a_mark(void **state) {
  struct fakes *fakes = *state;
  pthread_t worker;
  fakes->marker.base.timeout_ms = 30;
  fakes_add_job(fakes, "a");
  struct diffd_mark_keeper *keeper = start(fakes);
  pthread_mutex_lock(&fakes->lock);
  fakes->mark_hangs = true;
  unsigned before = fakes->marks;
  pthread_mutex_unlock(&fakes->lock);
  assert_true(FAKES_WAIT(fakes_marks(fakes) > before));
  assert_int_equal(pthread_create(&worker, NULL, hold_a, keeper), 0);
  diffd_mark_keeper_end(keeper);
  assert_int_equal(pthread_join(worker, NULL), 0);
  diffd_mark_keeper_stop(keeper);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {TEST(test_start), TEST(test_hold), TEST(test_ends_in_round),
                                     TEST(test_marker_away), TEST(test_stops_within_a_mark)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
