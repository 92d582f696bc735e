/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs at work side by side: no id twice, no more than there are places, marks renewed, stops obeyed.
 */
#include "handlers/produce.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "handlers/test_fakes.h"

struct fixture {
  struct fakes fakes;
  struct diffd_producer *producer;
};

/* One caller in a thread of its own. */
struct caller {
  struct fixture *f;
  pthread_t thread;
  struct diffd_job job;
  atomic_bool stop;
  enum diffd_status status;
  struct diffd_production production;
  struct diffd_error err;
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
  diffd_producer_destroy(f->producer);
  fakes_clean_up(&f->fakes);
  free(f);
  return 0;
}

static bool is_stopping(void *arg) {
  return atomic_load((atomic_bool *)arg);
}

static void *call(void *arg) {
  struct caller *caller = arg;
  struct diffd_context ctx = caller->f->fakes.ctx;
  ctx.stopping = is_stopping;
  ctx.stopping_arg = &caller->stop;
  caller->status =
      diffd_producer_make(caller->f->producer, &ctx, &caller->job, &caller->production, &caller->err);
  return NULL;
}

static void start(struct fixture *f, struct caller *caller, const char *id) {
  memset(caller, 0, sizeof *caller);
  caller->f = f;
  (void)snprintf(caller->job.id, sizeof caller->job.id, "%s", id);
  assert_int_equal(pthread_create(&caller->thread, NULL, call, caller), 0);
}

static enum diffd_status finish(struct caller *caller) {
  assert_int_equal(pthread_join(caller->thread, NULL), 0);
  return caller->status;
}

/* Two deliveries of one id: one works, both get its outcome, and the diff is made once. */
static void test_join(void **state) {
  struct fixture *f = *state;
  struct caller first;
  struct caller second;
  fakes_set_hold(&f->fakes, true);
  start(f, &first, "a");
  assert_true(FAKES_WAIT(fakes_at_work(&f->fakes) == 1));
  start(f, &second, "a");
  fakes_sleep_ms(100);
  assert_int_equal(fakes_at_work(&f->fakes), 1);
  fakes_set_hold(&f->fakes, false);
  assert_int_equal(finish(&first), DIFFD_OK);
  assert_int_equal(finish(&second), DIFFD_OK);
  assert_int_equal(f->fakes.diffs, 1);
  assert_false(first.production.joined);
  assert_true(second.production.joined);
}

/* The joined one fails with the worker's reason. */
static void test_join_failure(void **state) {
  struct fixture *f = *state;
  struct caller first;
  struct caller second;
  fakes_set_hold(&f->fakes, true);
  f->fakes.diff_fails = DIFFD_BAD_LOGS;
  start(f, &first, "a");
  assert_true(FAKES_WAIT(fakes_at_work(&f->fakes) == 1));
  start(f, &second, "a");
  fakes_sleep_ms(100);
  fakes_set_hold(&f->fakes, false);
  assert_int_equal(finish(&first), DIFFD_BAD_LOGS);
  assert_int_equal(finish(&second), DIFFD_BAD_LOGS);
  assert_int_equal(f->fakes.diffs, 1);
  assert_string_equal(second.err.detail, "diff was told to fail");
  assert_string_equal(second.production.dependency, "differ");
}

/* When the first one's caller goes away, whoever joined takes the work up. */
static void test_join_takes_over(void **state) {
  struct fixture *f = *state;
  struct caller first;
  struct caller second;
  fakes_set_hold(&f->fakes, true);
  f->fakes.waits_for_grapher = true;
  start(f, &first, "a");
  assert_true(FAKES_WAIT(fakes_at_work(&f->fakes) == 1));
  start(f, &second, "a");
  fakes_sleep_ms(100);
  atomic_store(&first.stop, true);
  assert_int_equal(finish(&first), DIFFD_CANCELLED);
  fakes_set_hold(&f->fakes, false);
  assert_int_equal(finish(&second), DIFFD_OK);
  assert_false(second.production.joined);
  assert_int_equal(f->fakes.diffs, 2);
}

/* No more jobs at once than places; one whose caller hangs up while it waits is never started. */
static void test_places(void **state) {
  struct fixture *f = *state;
  struct caller callers[5];
  static const char *const ids[] = {"a", "b", "c", "d", "e"};
  fakes_set_hold(&f->fakes, true);
  for (size_t i = 0; i < 5; i++)
    start(f, &callers[i], ids[i]);
  assert_true(FAKES_WAIT(fakes_at_work(&f->fakes) == 2));
  size_t waiting = 0;
  fakes_sleep_ms(100);
  assert_int_equal(fakes_at_work(&f->fakes), 2);
  /* Whoever hangs up now is either at work, and goes on, or waits, and ends. */
  for (size_t i = 0; i < 5; i++)
    atomic_store(&callers[i].stop, true);
  fakes_sleep_ms(200);
  fakes_set_hold(&f->fakes, false);
  for (size_t i = 0; i < 5; i++)
    waiting += finish(&callers[i]) == DIFFD_CANCELLED;
  assert_int_equal(waiting, 3);
  assert_int_equal(f->fakes.diffs, 2);
  assert_int_equal(f->fakes.most_at_work, 2);
}

/* A mark is renewed while the job is at work, and no more once it is gone. */
static void test_renewal(void **state) {
  struct fixture *f = *state;
  struct caller caller;
  f->fakes.marker.base.timeout_ms = 60;
  fakes_set_hold(&f->fakes, true);
  start(f, &caller, "a");
  assert_true(FAKES_WAIT(fakes_marks(&f->fakes) >= 4));
  fakes_set_hold(&f->fakes, false);
  assert_int_equal(finish(&caller), DIFFD_OK);
  unsigned marks = fakes_marks(&f->fakes);
  fakes_sleep_ms(100);
  assert_int_equal(fakes_marks(&f->fakes), marks);
  assert_false(fakes_is_marked(&f->fakes, "a"));
}

/* A delivery whose logs are not complete yet waits, in progress and without a place; then it is made. One
 * whose caller hangs up meanwhile is not, and one whose diff is stored does not wait. */
static void test_not_ready(void **state) {
  struct fixture *f = *state;
  struct caller callers[3];
  static const char *const ids[] = {"a", "b", "c"};
  fakes_set_stored(&f->fakes, "c");
  f->fakes.ready_at = INT64_MAX;
  for (size_t i = 0; i < 3; i++)
    start(f, &callers[i], ids[i]);
  assert_int_equal(finish(&callers[2]), DIFFD_OK);
  assert_true(FAKES_WAIT(fakes_is_marked(&f->fakes, "a") && fakes_is_marked(&f->fakes, "b")));
  atomic_store(&callers[1].stop, true);
  assert_int_equal(finish(&callers[1]), DIFFD_CANCELLED);
  assert_int_equal(fakes_at_work(&f->fakes), 0);
  assert_false(fakes_is_stored(&f->fakes, "a"));
  f->fakes.ready_at = INT64_MIN; /* the logs are complete now */
  assert_int_equal(finish(&callers[0]), DIFFD_OK);
  assert_true(fakes_is_stored(&f->fakes, "a"));
  assert_false(fakes_is_stored(&f->fakes, "b"));
  assert_false(fakes_is_marked(&f->fakes, "a"));
}

/* A mark that cannot be made is told, and the diff is made nevertheless. */
static void test_mark_fails(void **state) {
  struct fixture *f = *state;
  struct diffd_job job = {.id = "a"};
  struct diffd_production production;
  struct diffd_error err;
  f->fakes.mark_fails = DIFFD_IO;
  assert_int_equal(diffd_producer_make(f->producer, &f->fakes.ctx, &job, &production, &err), DIFFD_OK);
  assert_true(fakes_logged(&f->fakes, "info dependency-failure dependency=marker"));
  assert_true(fakes_is_stored(&f->fakes, "a"));
}

/* Each dependency that fails is named. */
static void test_failures(void **state) {
  struct fixture *f = *state;
  struct diffd_job job = {.id = "a"};
  struct diffd_production production;
  struct diffd_error err;
  f->fakes.exists_fails = DIFFD_IO;
  assert_int_equal(diffd_producer_make(f->producer, &f->fakes.ctx, &job, &production, &err), DIFFD_IO);
  assert_string_equal(production.dependency, "storage");
  f->fakes.exists_fails = DIFFD_OK;
  f->fakes.put_fails = DIFFD_NO_SPACE;
  assert_int_equal(diffd_producer_make(f->producer, &f->fakes.ctx, &job, &production, &err), DIFFD_NO_SPACE);
  assert_string_equal(production.dependency, "storage");
  assert_true(fakes_is_marked(&f->fakes, "a"));
  assert_int_equal(f->fakes.diffs, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_join),    TEST(test_join_failure), TEST(test_join_takes_over), TEST(test_places),
      TEST(test_renewal), TEST(test_not_ready),    TEST(test_mark_fails),      TEST(test_failures)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
