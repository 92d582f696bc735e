/* SPDX-License-Identifier: Apache-2.0
 *
 * Which idle connections are kept, for whom, and how long.
 */
#include "net/curl_pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/thread.h"

enum { IDLE_MAX = 3, LIFETIME_MS = 600000, JITTER_MS = 60000, LINKS = 200 };

static struct diffd_curl_pool *make_pool(void) {
  static const struct diffd_curl_pool_options options = {
      .idle_max = IDLE_MAX, .idle_timeout_ms = 3600000, .lifetime_ms = LIFETIME_MS, .jitter_ms = JITTER_MS};
  struct diffd_curl_pool *pool;
  struct diffd_error err;
  assert_int_equal(diffd_curl_load(&err), DIFFD_OK);
  assert_int_equal(diffd_curl_pool_new(&options, &pool, &err), DIFFD_OK);
  return pool;
}

static struct diffd_curl_link *take(struct diffd_curl_pool *pool, const char *place) {
  struct diffd_curl_link *link;
  struct diffd_error err;
  assert_int_equal(diffd_curl_pool_take(pool, place, &link, &err), DIFFD_OK);
  return link;
}

/* Marks a link, so that it is known again: an address may be another link's later. */
static struct diffd_curl_link *mark(struct diffd_curl_link *link, int *with) {
  assert_int_equal(curl_easy_setopt(link->easy, CURLOPT_PRIVATE, with), CURLE_OK);
  return link;
}

static int *mark_of(const struct diffd_curl_link *link) {
  char *with = NULL;
  assert_int_equal(curl_easy_getinfo(link->easy, CURLINFO_PRIVATE, &with), CURLE_OK);
  return (int *)(void *)with;
}

static void test_the_last_link_to_a_place_is_taken_first(void **state) {
  /* It is the likeliest to live. Other places have their own, and a dead one is not kept. */
  struct diffd_curl_pool *pool = make_pool();
  int marks[3];
  (void)state;
  struct diffd_curl_link *a = mark(take(pool, "http://a:80 "), &marks[0]);
  struct diffd_curl_link *b = mark(take(pool, "http://a:80 "), &marks[1]);
  struct diffd_curl_link *dead = mark(take(pool, "http://a:80 "), &marks[2]);
  diffd_curl_pool_give_back(pool, a, true);
  diffd_curl_pool_give_back(pool, b, true);
  diffd_curl_pool_give_back(pool, dead, false);
  struct diffd_curl_link *other = take(pool, "http://a:80 http://proxy");
  assert_null(mark_of(other));
  struct diffd_curl_link *first = take(pool, "http://a:80 ");
  struct diffd_curl_link *second = take(pool, "http://a:80 ");
  struct diffd_curl_link *third = take(pool, "http://a:80 ");
  assert_ptr_equal(mark_of(first), &marks[1]);
  assert_ptr_equal(mark_of(second), &marks[0]);
  assert_null(mark_of(third));
  diffd_curl_pool_give_back(pool, other, false);
  diffd_curl_pool_give_back(pool, first, false);
  diffd_curl_pool_give_back(pool, second, false);
  diffd_curl_pool_give_back(pool, third, false);
  diffd_curl_pool_destroy(pool);
}

static void test_no_more_are_kept_than_allowed(void **state) {
  /* The ones that were given back first go. */
  struct diffd_curl_pool *pool = make_pool();
  struct diffd_curl_link *links[IDLE_MAX + 2];
  int marks[IDLE_MAX + 2];
  (void)state;
  for (size_t i = 0; i < IDLE_MAX + 2; i++)
    links[i] = mark(take(pool, "p"), &marks[i]);
  for (size_t i = 0; i < IDLE_MAX + 2; i++)
    diffd_curl_pool_give_back(pool, links[i], true);
  for (size_t i = 0; i < IDLE_MAX + 2; i++) {
    links[i] = take(pool, "p");
    assert_ptr_equal(mark_of(links[i]), i < IDLE_MAX ? &marks[IDLE_MAX + 1 - i] : NULL);
  }
  for (size_t i = 0; i < IDLE_MAX + 2; i++)
    diffd_curl_pool_give_back(pool, links[i], false);
  diffd_curl_pool_destroy(pool);
}

static void test_lifetimes_differ_by_no_more_than_the_jitter(void **state) {
  /* Ten minutes, one more or less, and not all the same. */
  struct diffd_curl_pool *pool = make_pool();
  uint64_t least = UINT64_MAX;
  uint64_t most = 0;
  (void)state;
  for (int i = 0; i < LINKS; i++) {
    uint64_t before = diffd_monotonic_ms();
    struct diffd_curl_link *link = take(pool, "p");
    uint64_t after = diffd_monotonic_ms();
    assert_true(link->expires_ms >= before + LIFETIME_MS - JITTER_MS);
    assert_true(link->expires_ms <= after + LIFETIME_MS + JITTER_MS);
    least = link->expires_ms < least ? link->expires_ms : least;
    most = link->expires_ms > most ? link->expires_ms : most;
    diffd_curl_pool_give_back(pool, link, false);
  }
  assert_true(most - least > JITTER_MS / 2); /* else one in 2^200 */
  diffd_curl_pool_destroy(pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_last_link_to_a_place_is_taken_first),
      cmocka_unit_test(test_no_more_are_kept_than_allowed),
      cmocka_unit_test(test_lifetimes_differ_by_no_more_than_the_jitter),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
