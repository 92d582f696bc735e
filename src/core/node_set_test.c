/* SPDX-License-Identifier: Apache-2.0 */
/* Of a node's statements the last of next wins, else the last of previous, whoever finds them first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/node_set.h"
#include "core/radix_sort.h"

static struct diffd_key key_of(uint64_t i) {
  struct diffd_keyer keyer;
  diffd_keyer_init(&keyer, (const uint8_t *)"0123456789abcdef");
  return diffd_keyer_node(&keyer, (const char *)&i, sizeof i);
}

/* Keeps batches of ranks, each sorted, and checks that they come in order. */
struct kept {
  uint64_t *ranks;
  size_t count;
  size_t batches;
};

static enum diffd_status keep_ranks(void *arg, uint64_t *ranks, size_t count, struct diffd_error *err) {
  (void)err;
  struct kept *kept = arg;
  diffd_radix_sort_u64(ranks, kept->ranks + kept->count, count);
  if (kept->count > 0)
    assert_true(kept->ranks[kept->count - 1] < ranks[0]);
  memcpy(kept->ranks + kept->count, ranks, count * sizeof *ranks);
  kept->count += count;
  kept->batches++;
  return DIFFD_OK;
}

enum { COUNT = 40000 };

static void touch_and_note(struct diffd_budget *budget, struct kept *kept) {
  struct diffd_node_set *set;
  struct diffd_error err;
  struct diffd_chunk_pool pool;
  diffd_chunk_pool_init(&pool, budget);
  assert_int_equal(diffd_node_set_new(2, &pool, NULL, &set, &err), DIFFD_OK);
  assert_int_equal(diffd_node_set_note(set, 0, key_of(1), 5, &err), DIFFD_OK); /* nothing is touched yet */
  for (uint64_t i = 0; i < 2 * COUNT; i++) {
    struct diffd_key key = key_of(i % COUNT);
    diffd_node_set_prefetch(set, key);
    assert_int_equal(diffd_node_set_touch(set, (unsigned)i % 2, &key, 1, &err), DIFFD_OK);
  }
  for (uint64_t i = 0; i < COUNT; i += 2) { /* every other one is declared */
    assert_int_equal(diffd_node_set_note(set, 0, key_of(i), diffd_node_rank(i % 4 == 0, i + 1), &err),
                     DIFFD_OK);
    assert_int_equal(diffd_node_set_note(set, 1, key_of(i), diffd_node_rank(false, i + 2), &err), DIFFD_OK);
    assert_int_equal(diffd_node_set_note(set, 1, key_of(COUNT + i), diffd_node_rank(true, 9), &err),
                     DIFFD_OK);
  }
  kept->ranks = calloc(COUNT + 1, sizeof *kept->ranks);
  assert_int_equal(diffd_node_set_take_ranks(set, COUNT + 10, COUNT + 10, keep_ranks, kept, &err), DIFFD_OK);
  diffd_node_set_destroy(set);
  diffd_chunk_pool_clean_up(&pool);
  assert_int_equal(budget->used_bytes, 0); /* what was taken is given back */
  assert_int_equal(kept->count, COUNT / 2);
  for (uint64_t i = 0; i < COUNT / 4; i++) {
    assert_int_equal(kept->ranks[i], diffd_node_rank(false, 4 * i + 2 + 2));
    assert_int_equal(kept->ranks[COUNT / 4 + i], diffd_node_rank(true, 4 * i + 1));
  }
  free(kept->ranks);
}

static void test_the_greatest_rank_of_touched_nodes_is_kept(void **state) {
  (void)state;
  struct diffd_budget budget = {.limit_bytes = UINT64_MAX};
  struct kept kept = {0};
  touch_and_note(&budget, &kept);
  assert_int_equal(kept.batches, 1);
}

static void test_a_set_beyond_the_budget_keeps_the_same_ranks(void **state) {
  (void)state;
  struct diffd_budget budget = {.limit_bytes = 300 * 1024};
  struct kept kept = {0};
  touch_and_note(&budget, &kept);
  assert_true(kept.batches > 1);
}

static void test_records_sort_by_key_and_stay_stable(void **state) {
  (void)state;
  enum { RECORDS = 5000 };
  struct diffd_sort_record *records = calloc(2 * RECORDS, sizeof *records);
  srandom(3);
  for (size_t i = 0; i < RECORDS; i++)
    records[i] = (struct diffd_sort_record){(uint64_t)random() % 700 << (i % 3 == 0 ? 40 : 0), i};
  diffd_radix_sort_records(records, records + RECORDS, RECORDS);
  for (size_t i = 1; i < RECORDS; i++)
    assert_true(records[i - 1].key < records[i].key ||
                (records[i - 1].key == records[i].key && records[i - 1].value < records[i].value));
  free(records);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_greatest_rank_of_touched_nodes_is_kept),
      cmocka_unit_test(test_a_set_beyond_the_budget_keeps_the_same_ranks),
      cmocka_unit_test(test_records_sort_by_key_and_stay_stable),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
