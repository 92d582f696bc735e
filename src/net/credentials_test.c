/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials are kept, renewed in time and by one caller at a time, and a renewal that fails hurts nobody
 * whose credentials still hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/test_dir.h"
#include "diffd/log.h"
#include "net/test_credentials.h"

#define AGENT "GET http://localhost/c"

struct fixture {
  struct test_world w;
  struct diffd_credentials_source *source;
  struct diffd_log log;
  atomic_int warnings;
};

static void count_warning(struct diffd_log *self, enum diffd_log_level level, const char *message,
                          const struct diffd_log_field *fields, size_t field_count, const char *place) {
  struct fixture *f = (struct fixture *)(void *)((char *)self - offsetof(struct fixture, log));
  (void)fields;
  (void)field_count;
  (void)place;
  if (level == DIFFD_LOG_WARN && strcmp(message, "credentials-not-renewed") == 0)
    atomic_fetch_add(&f->warnings, 1);
}

static const struct diffd_log_ops log_ops = {.event = count_warning};

/* A container's agent is the one provider. */
static void begin(struct fixture *f) {
  memset(f, 0, sizeof *f);
  test_world_begin(&f->w);
  f->log.ops = &log_ops;
  f->w.ctx.log = &f->log;
  f->w.config.container_full_uri = "http://localhost/c";
  f->w.config.shared_credentials_file = f->w.config.config_file = "/dev/null";
  assert_int_equal(diffd_credentials_source_new(&f->w.options, &f->source, &f->w.err), DIFFD_OK);
}

static void end(struct fixture *f) {
  diffd_credentials_source_destroy(f->source);
  test_world_end(&f->w);
}

static void answer(struct fixture *f, const char *body) {
  test_peer_reset(&f->w.direct);
  test_reply(&f->w.direct, (struct test_reply){AGENT, body != NULL ? 200 : 400, body});
}

static void expect_key(struct fixture *f, const char *key, int requests) {
  if (diffd_credentials_get(f->source, &f->w.ctx, &f->w.got, &f->w.err) != DIFFD_OK)
    fail_msg("%s: %s", key, f->w.err.detail);
  assert_string_equal(f->w.got.access_key_id, key);
  assert_int_equal(f->w.direct.requests, requests);
}

static void expect_failure(struct fixture *f, int requests) {
  test_expect_fail(&f->w, diffd_credentials_get(f->source, &f->w.ctx, &f->w.got, &f->w.err),
                   DIFFD_UNAVAILABLE, "no AWS credentials");
  assert_int_equal(f->w.direct.requests, requests);
}

/* TEST_NOW is 22:13:20. */
static void test_renewed_before_they_expire(void **state) {
  struct fixture f;
  (void)state;
  begin(&f);
  answer(&f, TEST_JSON_ANSWER("ONE", "2023-11-14T23:13:20Z"));
  expect_key(&f, "ONE", 1);
  expect_key(&f, "ONE", 1);
  answer(&f, TEST_JSON_ANSWER("TWO", "2023-11-15T23:13:20Z"));
  test_world_pass(&f.w, 3600 - 301);
  expect_key(&f, "ONE", 0);
  test_world_pass(&f.w, 1);
  expect_key(&f, "TWO", 1);
  expect_key(&f, "TWO", 1);
  end(&f);
}

static void test_a_failed_renewal_hurts_nobody_in_time(void **state) {
  struct fixture f;
  (void)state;
  begin(&f);
  answer(&f, TEST_JSON_ANSWER("ONE", "2023-11-14T23:13:20Z"));
  expect_key(&f, "ONE", 1);
  answer(&f, NULL);
  test_world_pass(&f.w, 3600 - 200);
  expect_key(&f, "ONE", 1);
  assert_int_equal(f.warnings, 1);
  expect_key(&f, "ONE", 1); /* not asked again at once */
  test_world_pass(&f.w, 10);
  expect_key(&f, "ONE", 2);
  test_world_pass(&f.w, 189); /* a second is left */
  expect_key(&f, "ONE", 3);
  test_world_pass(&f.w, 1);
  expect_failure(&f, 4);
  expect_failure(&f, 5);
  answer(&f, TEST_JSON_ANSWER("TWO", "2023-11-15T23:13:20Z"));
  expect_key(&f, "TWO", 1);
  end(&f);
}

static void test_short_lived_ones_are_not_asked_for_with_each_call(void **state) {
  struct fixture f;
  (void)state;
  begin(&f);
  answer(&f, TEST_JSON_ANSWER("ONE", "2023-11-14T22:14:00Z")); /* 40 s */
  for (int i = 0; i < 5; i++)
    expect_key(&f, "ONE", 1);
  test_world_pass(&f.w, 10);
  expect_key(&f, "ONE", 2);
  end(&f);
}

static void test_refused_ones_are_replaced(void **state) {
  struct fixture f;
  (void)state;
  begin(&f);
  answer(&f, TEST_JSON_ANSWER("ONE", "2023-11-14T23:13:20Z"));
  expect_key(&f, "ONE", 1);
  struct diffd_credentials one = f.w.got;
  answer(&f, TEST_JSON_ANSWER("TWO", "2023-11-14T23:13:20Z"));
  diffd_credentials_refused(f.source, &one);
  expect_key(&f, "TWO", 1);
  diffd_credentials_refused(f.source, &one); /* late word of a request that was made with the old ones */
  expect_key(&f, "TWO", 1);
  struct diffd_credentials two = f.w.got;
  diffd_credentials_refused(f.source, &two); /* a server that refuses everything */
  expect_key(&f, "TWO", 1);
  test_world_pass(&f.w, 10);
  answer(&f, NULL);
  diffd_credentials_refused(f.source, &two);
  expect_failure(&f, 1);
  end(&f);
}

static void test_files_are_read_again_when_they_change(void **state) {
  struct fixture f;
  char path[TEST_PATH_MAX];
  begin(&f);
  diffd_credentials_source_destroy(f.source);
  f.w.config.container_full_uri = NULL;
  f.w.config.metadata_disabled = true;
  f.w.config.shared_credentials_file = test_path(*state, "credentials", path);
  assert_int_equal(diffd_credentials_source_new(&f.w.options, &f.source, &f.w.err), DIFFD_OK);
  expect_failure(&f, 0);
  test_write(*state, "credentials", "[default]\naws_access_key_id = A\naws_secret_access_key = a\n");
  expect_key(&f, "A", 0);
  test_write(*state, "credentials", "[default]\naws_access_key_id = SECOND\naws_secret_access_key = a\n");
  expect_key(&f, "SECOND", 0);
  test_write(*state, "credentials", "[default]\naws_access_key_id = HALF\n");
  expect_key(&f, "SECOND", 0);
  assert_int_equal(f.warnings, 1);
  expect_key(&f, "SECOND", 0);
  assert_int_equal(f.warnings, 1);
  test_write(*state, "credentials", "[default]\naws_access_key_id = HALF\naws_secret_access_key = b\n");
  expect_key(&f, "HALF", 0);
  end(&f);
}

/* ---- threads ---- */

enum { THREADS = 8 };

struct caller {
  struct fixture *f;
  struct diffd_credentials got;
  struct diffd_error err;
  enum diffd_status status;
};

static void *call_get(void *arg) {
  struct caller *caller = arg;
  caller->status = diffd_credentials_get(caller->f->source, &caller->f->w.ctx, &caller->got, &caller->err);
  return NULL;
}

static void call_all(struct fixture *f, struct caller callers[static THREADS]) {
  pthread_t threads[THREADS];
  for (size_t i = 0; i < THREADS; i++) {
    callers[i].f = f;
    assert_int_equal(pthread_create(&threads[i], NULL, call_get, &callers[i]), 0);
  }
  for (size_t i = 0; i < THREADS; i++)
    assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void test_one_renewal_at_a_time(void **state) {
  struct fixture f;
  static struct caller callers[THREADS];
  (void)state;
  begin(&f);
  test_reply(&f.w.direct, (struct test_reply){AGENT, 200, TEST_JSON_ANSWER("ONE", "2023-11-14T23:13:20Z"),
                                              .takes_ms = 200});
  call_all(&f, callers);
  for (size_t i = 0; i < THREADS; i++) {
    assert_int_equal(callers[i].status, DIFFD_OK);
    assert_string_equal(callers[i].got.access_key_id, "ONE");
  }
  assert_int_equal(f.w.direct.requests, 1);
  end(&f);
}

static void test_a_failure_is_shared_by_those_who_wait(void **state) {
  struct fixture f;
  static struct caller callers[THREADS];
  (void)state;
  begin(&f);
  test_reply(&f.w.direct, (struct test_reply){AGENT, 400, NULL, .takes_ms = 400});
  call_all(&f, callers);
  for (size_t i = 0; i < THREADS; i++)
    assert_int_equal(callers[i].status, DIFFD_UNAVAILABLE);
  /* One that was late to start asks by itself; not each does. */
  assert_in_range(f.w.direct.requests, 1, THREADS / 2);
  end(&f);
}

/* While one renews, the others go on with what still holds: nobody waits for the slow answer. */
static void test_others_go_on_meanwhile(void **state) {
  struct fixture f;
  pthread_t thread;
  static struct caller first;
  (void)state;
  begin(&f);
  answer(&f, TEST_JSON_ANSWER("ONE", "2023-11-14T23:13:20Z"));
  expect_key(&f, "ONE", 1);
  test_world_pass(&f.w, 3600 - 200);
  test_peer_reset(&f.w.direct);
  test_reply(&f.w.direct, (struct test_reply){AGENT, 200, TEST_JSON_ANSWER("TWO", "2023-11-15T23:13:20Z"),
                                              .takes_ms = 1000});
  first.f = &f;
  assert_int_equal(pthread_create(&thread, NULL, call_get, &first), 0);
  while (atomic_load(&f.w.direct.requests) == 0)
    (void)usleep(1000);
  expect_key(&f, "ONE", 1);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_string_equal(first.got.access_key_id, "TWO");
  end(&f);
}

static bool flag_is_set(void *arg) {
  return atomic_load((atomic_bool *)arg);
}

/* Who waits can be told to stop; who is told to stop while it renews leaves the work to one that waits. */
static void test_being_told_to_stop(void **state) {
  struct fixture f;
  pthread_t thread;
  static struct caller other;
  atomic_bool cancelled = false;
  (void)state;
  begin(&f);
  test_reply(&f.w.direct, (struct test_reply){AGENT, 200, TEST_JSON_ANSWER("ONE", "2023-11-14T23:13:20Z"),
                                              .takes_ms = 600, .times = 1});
  test_reply(&f.w.direct, (struct test_reply){AGENT, 200, TEST_JSON_ANSWER("TWO", "2023-11-14T23:13:20Z")});
  struct diffd_context ctx = {.cancelled = flag_is_set, .cancelled_arg = &cancelled};
  other.f = &f;
  assert_int_equal(pthread_create(&thread, NULL, call_get, &other), 0);
  while (atomic_load(&f.w.direct.requests) == 0)
    (void)usleep(1000);
  atomic_store(&cancelled, true);
  assert_int_equal(diffd_credentials_get(f.source, &ctx, &f.w.got, &f.w.err), DIFFD_CANCELLED);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_int_equal(other.status, DIFFD_OK);
  assert_string_equal(other.got.access_key_id, "ONE");
  end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_renewed_before_they_expire),
      cmocka_unit_test(test_a_failed_renewal_hurts_nobody_in_time),
      cmocka_unit_test(test_short_lived_ones_are_not_asked_for_with_each_call),
      cmocka_unit_test(test_refused_ones_are_replaced),
      cmocka_unit_test_setup_teardown(test_files_are_read_again_when_they_change, test_dir_make,
                                      test_dir_destroy),
      cmocka_unit_test(test_one_renewal_at_a_time),
      cmocka_unit_test(test_a_failure_is_shared_by_those_who_wait),
      cmocka_unit_test(test_others_go_on_meanwhile),
      cmocka_unit_test(test_being_told_to_stop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
