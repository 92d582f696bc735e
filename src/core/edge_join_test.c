/* SPDX-License-Identifier: Apache-2.0 */
/* A join gives the places that differ, whatever the budget, the size of a partition, and the number of
 * copies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/edge_join.h"
#include "core/edge_table.h"

static struct diffd_key key_of(uint64_t i) {
  struct diffd_keyer keyer;
  diffd_keyer_init(&keyer, (const uint8_t *)"0123456789abcdef");
  return diffd_keyer_node(&keyer, (const char *)&i, sizeof i);
}

/* How often each place came. */
struct joined {
  uint8_t *added;
  uint8_t *removed;
};

static enum diffd_status join_added(void *arg, uint64_t position, struct diffd_error *err) {
  (void)err;
  ((struct joined *)arg)->added[position]++;
  return DIFFD_OK;
}

static enum diffd_status join_removed(void *arg, uint64_t position, struct diffd_error *err) {
  (void)err;
  ((struct joined *)arg)->removed[position]++;
  return DIFFD_OK;
}

/* Joins `count` keys of each side, all in `partition`, or each in its own where that is DIFFD_PARTITIONS. The
 * first is at position 1. */
static struct joined join(const struct diffd_key *previous, const struct diffd_key *next, size_t count,
                          unsigned partition, uint64_t limit_bytes) {
  struct diffd_budget budget = {.limit_bytes = limit_bytes};
  struct diffd_chunk_pool pool;
  struct diffd_partitions *sides[2];
  struct diffd_error err;
  diffd_chunk_pool_init(&pool, &budget);
  for (unsigned side = 0; side < 2; side++) {
    const struct diffd_key *keys = side == 0 ? previous : next;
    assert_int_equal(diffd_partitions_new(2, &pool, NULL, &sides[side], &err), DIFFD_OK);
    for (size_t i = 0; i < count; i++) {
      unsigned p = partition < DIFFD_PARTITIONS ? partition : diffd_key_partition(keys[i]);
      assert_int_equal(
          diffd_partitions_append(sides[side], i % 2, p, diffd_edge_record(keys[i], i + 1), &err), DIFFD_OK);
    }
    assert_int_equal(diffd_partitions_total(sides[side]), count);
  }
  struct joined joined = {calloc(count + 1, 1), calloc(count + 1, 1)};
  for (unsigned p = 0; p < DIFFD_PARTITIONS; p++)
    assert_int_equal(diffd_edge_join(sides[0], sides[1], p, &budget, limit_bytes / 4, join_added,
                                     join_removed, &joined, &err),
                     DIFFD_OK);
  assert_int_equal(budget.used_bytes, 0); /* what was taken is given back */
  diffd_partitions_destroy(sides[0]);
  diffd_partitions_destroy(sides[1]);
  diffd_chunk_pool_clean_up(&pool);
  return joined;
}

enum { COUNT = 200000 };

/* Previous has a few copies; next shares a half with it, and has a few copies as well. */
static void check_join(unsigned partition, uint64_t limit_bytes) {
  struct diffd_key *previous = calloc(COUNT, sizeof *previous);
  struct diffd_key *next = calloc(COUNT, sizeof *next);
  for (uint64_t i = 0; i < COUNT; i++) {
    previous[i] = key_of(i % (COUNT - 100));
    next[i] = key_of(i % (COUNT - 50) + COUNT / 2);
  }
  struct joined joined = join(previous, next, COUNT, partition, limit_bytes);
  for (uint64_t i = 0; i < COUNT; i++) {
    assert_int_equal(joined.removed[i + 1], i % (COUNT - 100) < COUNT / 2);
    assert_int_equal(joined.added[i + 1], i % (COUNT - 50) + COUNT / 2 >= COUNT - 100);
  }
  free(joined.added);
  free(joined.removed);
  free(previous);
  free(next);
}

static void test_partitions_in_memory(void **state) {
  (void)state;
  check_join(DIFFD_PARTITIONS, UINT64_MAX);
}

static void test_partitions_in_a_file(void **state) {
  (void)state;
  check_join(DIFFD_PARTITIONS, 1 << 20);
}

static void test_a_partition_beyond_the_budget_is_taken_in_ranges(void **state) {
  (void)state;
  check_join(7, 1 << 20);
}

static void test_copies_beyond_the_budget_all_come(void **state) {
  (void)state;
  struct diffd_key *previous = calloc(COUNT, sizeof *previous);
  struct diffd_key *next = calloc(COUNT, sizeof *next);
  for (uint64_t i = 0; i < COUNT; i++) {
    previous[i] = key_of(i % 3);
    next[i] = key_of(1 + i % 4);
  }
  struct joined joined = join(previous, next, COUNT, DIFFD_PARTITIONS, 1 << 20);
  for (uint64_t i = 0; i < COUNT; i++) {
    assert_int_equal(joined.removed[i + 1], i % 3 == 0);
    assert_int_equal(joined.added[i + 1], i % 4 >= 2);
  }
  free(joined.added);
  free(joined.removed);
  free(previous);
  free(next);
}

static void test_the_pool_gives_back_what_it_has_and_no_more_than_half(void **state) {
  (void)state;
  enum { LIMIT = 8 << 20, MOST = LIMIT / DIFFD_CHUNK_BYTES };
  struct diffd_budget budget = {.limit_bytes = LIMIT};
  struct diffd_chunk_pool pool;
  struct diffd_error err;
  void *chunks[MOST + 1];
  size_t count = 0;
  diffd_chunk_pool_init(&pool, &budget);
  while (count < MOST && (chunks[count] = diffd_chunk_pool_get(&pool)) != NULL)
    memset(chunks[count++], 1, DIFFD_CHUNK_BYTES);
  assert_int_equal(budget.used_bytes, LIMIT / 2);
  assert_true(count > MOST / 2 - 8 && count <= MOST / 2);
  diffd_chunk_pool_put(&pool, chunks[3]);
  assert_ptr_equal(diffd_chunk_pool_get(&pool), chunks[3]); /* what was given back serves again */
  assert_int_equal(diffd_chunk_pool_force(&pool, &chunks[count++], &err), DIFFD_OK);
  assert_true(budget.used_bytes > LIMIT / 2);
  while (count > 0)
    diffd_chunk_pool_put(&pool, chunks[--count]);
  assert_int_equal(budget.used_bytes, 0);
  diffd_chunk_pool_clean_up(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_partitions_in_memory),
      cmocka_unit_test(test_partitions_in_a_file),
      cmocka_unit_test(test_a_partition_beyond_the_budget_is_taken_in_ranges),
      cmocka_unit_test(test_copies_beyond_the_budget_all_come),
      cmocka_unit_test(test_the_pool_gives_back_what_it_has_and_no_more_than_half),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
