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

static struct diffd_budget budget;
static struct diffd_chunk_pool pool;

/* Records of keys, the first at position 1. */
static struct diffd_partitions *records_of(const struct diffd_key *keys, size_t count, unsigned threads) {
  struct diffd_partitions *records;
  struct diffd_error err;
  assert_int_equal(diffd_partitions_new(threads, &pool, NULL, &records, &err), DIFFD_OK);
  for (size_t i = 0; i < count; i++)
    assert_int_equal(diffd_partitions_append(records, (unsigned)(i % threads), diffd_key_partition(keys[i]),
                                             diffd_edge_record(keys[i], i + 1), &err),
                     DIFFD_OK);
  return records;
}

static struct diffd_edge_table *build(const struct diffd_key *keys, size_t count, unsigned threads) {
  struct diffd_edge_table *table;
  struct diffd_error err;
  budget = (struct diffd_budget){.limit_bytes = UINT64_MAX};
  diffd_chunk_pool_init(&pool, &budget);
  assert_int_equal(diffd_edge_table_new(records_of(keys, count, threads), &budget, &table, &err), DIFFD_OK);
  for (unsigned p = 0; p < DIFFD_PARTITIONS; p++)
    assert_int_equal(diffd_edge_table_build(table, p % threads, p, &err), DIFFD_OK);
  return table;
}

static void destroy(struct diffd_edge_table *table) {
  diffd_edge_table_destroy(table);
  diffd_chunk_pool_clean_up(&pool);
  assert_int_equal(budget.used_bytes, 0); /* what was taken is given back */
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
  struct diffd_error err;
  for (uint64_t i = 0; i < 5000; i++)
    assert_true(diffd_edge_table_see(table, keys[i]));
  for (uint64_t i = 20000; i < 25000; i++)
    assert_false(diffd_edge_table_see(table, key_of(i)));
  for (unsigned p = 0; p < DIFFD_PARTITIONS; p++)
    assert_int_equal(diffd_edge_table_each_unseen(table, p, count_place, places, &err), DIFFD_OK);
  for (uint64_t i = 0; i < COUNT; i++)
    assert_int_equal(places[i + 1], i % 20000 >= 5000);
  destroy(table);
  free(places);
  free(keys);
}

static void test_no_table_is_made_beyond_the_budget(void **state) {
  (void)state;
  enum { COUNT = 200000 };
  struct diffd_key *keys = calloc(COUNT, sizeof *keys);
  for (uint64_t i = 0; i < COUNT; i++)
    keys[i] = key_of(i);
  budget = (struct diffd_budget){.limit_bytes = UINT64_MAX};
  diffd_chunk_pool_init(&pool, &budget);
  struct diffd_partitions *records = records_of(keys, COUNT, 2);
  struct diffd_edge_table *table;
  struct diffd_error err;
  budget.limit_bytes = budget.used_bytes + COUNT * 21; /* a slot and a third for each is more */
  assert_int_equal(diffd_edge_table_new(records, &budget, &table, &err), DIFFD_NOT_FOUND);
  budget.limit_bytes = budget.used_bytes + COUNT * 22;
  assert_int_equal(diffd_edge_table_new(records, &budget, &table, &err), DIFFD_OK);
  destroy(table);
  free(keys);
}

static void test_an_empty_table_has_nothing(void **state) {
  (void)state;
  struct diffd_edge_table *table = build(NULL, 0, 1);
  assert_false(diffd_edge_table_see(table, key_of(1)));
  destroy(table);
}

static void test_copies_of_one_edge_are_not_quadratic(void **state) {
  /* And they take the memory of the records that they come from: 38 bytes each with the table, as any edge.
   */
  (void)state;
  enum { COUNT = 300000 };
  struct diffd_key *keys = calloc(COUNT, sizeof *keys);
  uint8_t *places = calloc(COUNT + 1, 1);
  for (size_t i = 0; i < COUNT; i++)
    keys[i] = key_of(1);
  struct diffd_edge_table *table = build(keys, COUNT, 2);
  struct diffd_error err;
  for (unsigned p = 0; p < DIFFD_PARTITIONS; p++)
    assert_int_equal(diffd_edge_table_each_unseen(table, p, count_place, places, &err), DIFFD_OK);
  for (size_t i = 1; i <= COUNT; i++)
    assert_int_equal(places[i], 1);
  destroy(table);
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
  destroy(table);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_unseen_places_come_once_each),
      cmocka_unit_test(test_no_table_is_made_beyond_the_budget),
      cmocka_unit_test(test_an_empty_table_has_nothing),
      cmocka_unit_test(test_copies_of_one_edge_are_not_quadratic),
      cmocka_unit_test(test_keys_that_differ_in_their_last_bits_are_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
