/* SPDX-License-Identifier: Apache-2.0 */
/* The table finds what was appended, remembers what was seen, and gives every place that was not, copies too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/edge_table.h"

static struct diffd_key key_of(uint64_t i) {
  struct diffd_keyer keyer;
  diffd_keyer_init(&keyer, (const uint8_t *)"0123456789abcdef");
  return diffd_keyer_node(&keyer, (const char *)&i, sizeof i);
}

/* Records of keys, the first at position 1. */
static struct diffd_partitions *records_of(const struct diffd_key *keys, size_t count, unsigned threads,
                                           struct diffd_budget *budget) {
  struct diffd_partitions *records;
  struct diffd_error err;
  assert_int_equal(diffd_partitions_new(threads, budget, NULL, &records, &err), DIFFD_OK);
  for (size_t i = 0; i < count; i++)
    assert_int_equal(diffd_partitions_append(records, (unsigned)(i % threads), diffd_key_partition(keys[i]),
                                             diffd_edge_record(keys[i], i + 1), &err),
                     DIFFD_OK);
  return records;
}

static struct diffd_budget budget;

static struct diffd_edge_table *build(const struct diffd_key *keys, size_t count, unsigned threads) {
  struct diffd_edge_table *table;
  struct diffd_error err;
  budget = (struct diffd_budget){.limit_bytes = UINT64_MAX};
  assert_int_equal(diffd_edge_table_new(records_of(keys, count, threads, &budget), &budget, &table, &err),
                   DIFFD_OK);
  assert_int_equal(diffd_edge_table_make_room(table, &err), DIFFD_OK);
  for (unsigned p = 0; p < DIFFD_PARTITIONS; p++)
    assert_int_equal(diffd_edge_table_build(table, p, &err), DIFFD_OK);
  return table;
}

static void count_place(void *arg, uint64_t position) {
  ((uint8_t *)arg)[position]++;
}

static void test_unseen_places_come_once_each(void **state) {
  (void)state;
  enum { COUNT = 30000 };
  struct diffd_key *keys = calloc(COUNT, sizeof *keys);
  uint8_t *places = calloc(COUNT + 1, 1);
  for (uint64_t i = 0; i < COUNT; i++)
    keys[i] = key_of(i % 20000); /* the last ten thousand are copies */
  struct diffd_edge_table *table = build(keys, COUNT, 3);
  for (uint64_t i = 0; i < 5000; i++)
    assert_true(diffd_edge_table_see(table, keys[i]));
  for (uint64_t i = 20000; i < 25000; i++)
    assert_false(diffd_edge_table_see(table, key_of(i)));
  for (unsigned p = 0; p < DIFFD_PARTITIONS; p++)
    diffd_edge_table_each_unseen(table, p, count_place, places);
  for (uint64_t i = 0; i < COUNT; i++)
    assert_int_equal(places[i + 1], i % 20000 >= 5000);
  diffd_edge_table_destroy(table);
  assert_int_equal(budget.used_bytes, 0); /* what was taken is given back */
  free(places);
  free(keys);
}

/* Both sides' places of a join. */
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

static void test_a_join_beyond_the_budget_gives_the_same_places(void **state) {
  (void)state;
  enum { COUNT = 200000 };
  struct diffd_key *keys = calloc(2 * COUNT, sizeof *keys);
  struct joined joined = {calloc(COUNT + 1, 1), calloc(COUNT + 1, 1)};
  for (uint64_t i = 0; i < COUNT; i++) {
    keys[i] = key_of(i % (COUNT - 100));     /* previous, with a few copies */
    keys[COUNT + i] = key_of(i + COUNT / 2); /* next shares a half with it */
  }
  struct diffd_budget small = {.limit_bytes = 1 << 20};
  struct diffd_edge_table *table;
  struct diffd_error err;
  struct diffd_partitions *next = records_of(keys + COUNT, COUNT, 1, &small);
  assert_int_equal(diffd_edge_table_new(records_of(keys, COUNT, 2, &small), &small, &table, &err), DIFFD_OK);
  assert_true(diffd_partitions_spilled(next));
  assert_int_equal(diffd_edge_table_make_room(table, &err), DIFFD_NOT_FOUND);
  small.limit_bytes = 8 << 20; /* the records that must be in memory are beyond the megabyte already */
  for (unsigned p = 0; p < DIFFD_PARTITIONS; p++)
    assert_int_equal(diffd_edge_table_join(table, next, p, join_added, join_removed, &joined, &err),
                     DIFFD_OK);
  for (uint64_t i = 0; i < COUNT; i++) {
    assert_int_equal(joined.removed[i + 1], i % (COUNT - 100) < COUNT / 2);
    assert_int_equal(joined.added[i + 1], i + COUNT / 2 >= COUNT - 100);
  }
  diffd_edge_table_destroy(table);
  diffd_partitions_destroy(next);
  assert_int_equal(small.used_bytes, 0);
  free(joined.added);
  free(joined.removed);
  free(keys);
}

static void test_an_empty_table_has_nothing(void **state) {
  (void)state;
  struct diffd_edge_table *table = build(NULL, 0, 1);
  assert_false(diffd_edge_table_see(table, key_of(1)));
  diffd_edge_table_destroy(table);
}

static void test_copies_of_one_edge_are_not_quadratic(void **state) {
  (void)state;
  enum { COUNT = 300000 };
  struct diffd_key *keys = calloc(COUNT, sizeof *keys);
  uint8_t *places = calloc(COUNT + 1, 1);
  for (size_t i = 0; i < COUNT; i++)
    keys[i] = key_of(1);
  struct diffd_edge_table *table = build(keys, COUNT, 2);
  for (unsigned p = 0; p < DIFFD_PARTITIONS; p++)
    diffd_edge_table_each_unseen(table, p, count_place, places);
  for (size_t i = 1; i <= COUNT; i++)
    assert_int_equal(places[i], 1);
  diffd_edge_table_destroy(table);
  assert_int_equal(budget.used_bytes, 0); /* what was taken is given back */
  free(places);
  free(keys);
}

static void test_keys_that_differ_in_their_last_bits_are_apart(void **state) {
  (void)state;
  const struct diffd_key keys[] = {{1, 0}, {1, (uint64_t)1 << 33}, {1, (uint64_t)1 << 55}, {2, 0}, {0, 0}};
  struct diffd_edge_table *table = build(keys, 4, 1);
  for (size_t i = 0; i < 4; i++)
    assert_true(diffd_edge_table_see(table, keys[i]));
  assert_false(diffd_edge_table_see(table, keys[4]));
  diffd_edge_table_destroy(table);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_unseen_places_come_once_each),
      cmocka_unit_test(test_a_join_beyond_the_budget_gives_the_same_places),
      cmocka_unit_test(test_an_empty_table_has_nothing),
      cmocka_unit_test(test_copies_of_one_edge_are_not_quadratic),
      cmocka_unit_test(test_keys_that_differ_in_their_last_bits_are_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
