/* SPDX-License-Identifier: Apache-2.0 */
/* Sorted runs become one, in order, each edge once with the sums of all its copies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/flow_merge.h"
#include "core/flow_sort.h"

enum { RUNS = 9, PER_RUN = 700, KEYS = 500 };

static enum diffd_status merge(const struct diffd_flow_run *runs, size_t count, struct diffd_flow_entry *to,
                               uint64_t *ret_count, struct diffd_error *err) {
  const struct diffd_context context = {0};
  const struct diffd_flow_order order = {0}; /* of no use to runs that are translated already */
  return diffd_flow_merge(&context, &order, runs, count, to, ret_count, err);
}

static void test_the_first_edge_and_the_last_are_summed_too(void **state) {
  (void)state;
  const struct diffd_flow_entry a[] = {{1, 1, 10, 100}, {3, 1, 1, 1}},
                                b[] = {{1, 1, 5, 7}, {2, 9, 2, 2}, {3, 1, 1, 2}};
  const struct diffd_flow_run runs[] = {{a, 2, 0, true}, {b, 3, 1, true}, {NULL, 0, 2, true}};
  const struct diffd_flow_entry expected[] = {{1, 1, 15, 107}, {2, 9, 2, 2}, {3, 1, 2, 3}};
  struct diffd_flow_entry to[5];
  uint64_t count;
  struct diffd_error err;
  assert_int_equal(merge(runs, 3, to, &count, &err), DIFFD_OK);
  assert_int_equal(count, 3);
  assert_memory_equal(to, expected, sizeof expected);
  assert_int_equal(merge(runs, 0, to, &count, &err), DIFFD_OK);
  assert_int_equal(count, 0);
}

static void test_a_sum_of_more_than_64_bits_fails(void **state) {
  (void)state;
  const struct diffd_flow_entry a[] = {{1, 1, UINT64_MAX, 1}}, b[] = {{1, 1, 1, 1}};
  const struct diffd_flow_run runs[] = {{a, 1, 0, true}, {b, 1, 1, true}};
  struct diffd_flow_entry to[2];
  uint64_t count;
  struct diffd_error err;
  assert_int_equal(merge(runs, 2, to, &count, &err), DIFFD_BAD_LOGS);
}

/* The reference counts in an array with a place for every key. */
static void test_many_runs_give_what_counting_gives(void **state) {
  (void)state;
  static struct diffd_flow_entry entries[RUNS][PER_RUN], to[RUNS * PER_RUN];
  static uint64_t packets[KEYS], bytes[KEYS];
  struct diffd_flow_run runs[RUNS];
  unsigned random = 5;
  for (size_t run = 0; run < RUNS; run++) {
    for (size_t i = 0; i < PER_RUN; i++) {
      unsigned key = (random = random * 1103515245u + 12345u) / 65536 % KEYS;
      /* Keys differ in bytes far apart, so that the sort goes through all of them. */
      entries[run][i] =
          (struct diffd_flow_entry){(uint64_t)(key / 100) << 40 | key / 10 % 10, (key % 10) << 4, key + 1, i};
      packets[key] += key + 1;
      bytes[key] += i;
    }
    diffd_flow_sort(entries[run], PER_RUN);
    runs[run] = (struct diffd_flow_run){entries[run], PER_RUN, run, true};
  }
  uint64_t count, at = 0;
  struct diffd_error err;
  assert_int_equal(merge(runs, RUNS, to, &count, &err), DIFFD_OK);
  for (unsigned key = 0; key < KEYS; key++) {
    if (packets[key] == 0)
      continue;
    assert_true(at < count);
    assert_true(to[at].hi == ((uint64_t)(key / 100) << 40 | key / 10 % 10) && to[at].lo == (key % 10) << 4);
    assert_true(to[at].packets == packets[key] && to[at].bytes == bytes[key]);
    at++;
  }
  assert_int_equal(at, count);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_first_edge_and_the_last_are_summed_too),
      cmocka_unit_test(test_a_sum_of_more_than_64_bits_fails),
      cmocka_unit_test(test_many_runs_give_what_counting_gives),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
