/* SPDX-License-Identifier: Apache-2.0 */
/* Of a node's statements the last of next wins, else the last of previous, whoever finds them first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/node_set.h"
#include "core/radix_sort.h"

static struct diffd_key key_of(uint64_t i) {
  struct diffd_keyer keyer;
  diffd_keyer_init(&keyer, (const uint8_t *)"0123456789abcdef");
  return diffd_keyer_node(&keyer, (const char *)&i, sizeof i);
}

static void test_the_greatest_rank_of_touched_nodes_is_kept(void **state) {
  (void)state;
  enum { COUNT = 20000 };
  struct diffd_node_set *set;
  struct diffd_error err;
  uint64_t *ranks;
  size_t count;
  assert_int_equal(diffd_node_set_new(&set, &err), DIFFD_OK);
  diffd_node_set_note(set, key_of(1), 5); /* nothing is touched yet */
  for (uint64_t i = 0; i < COUNT; i++)
    for (int twice = 0; twice < 2; twice++)
      assert_int_equal(diffd_node_set_touch(set, key_of(i), &err), DIFFD_OK);
  for (uint64_t i = 0; i < COUNT; i += 2) { /* every other one is declared */
    diffd_node_set_note(set, key_of(i), diffd_node_rank(i % 4 == 0, i + 1));
    diffd_node_set_note(set, key_of(i), diffd_node_rank(false, i + 2));
    diffd_node_set_note(set, key_of(COUNT + i), diffd_node_rank(true, 9));
  }
  assert_int_equal(diffd_node_set_take_ranks(set, &ranks, &count, &err), DIFFD_OK);
  assert_int_equal(count, COUNT / 2);
  uint64_t *spare = calloc(count, sizeof *spare);
  diffd_radix_sort_u64(ranks, spare, count);
  for (uint64_t i = 0; i < COUNT / 4; i++) {
    assert_int_equal(ranks[i], diffd_node_rank(false, 4 * i + 2 + 2));
    assert_int_equal(ranks[COUNT / 4 + i], diffd_node_rank(true, 4 * i + 1));
  }
  free(spare);
  free(ranks);
  diffd_node_set_destroy(set);
}

static void test_records_sort_by_key_and_stay_stable(void **state) {
  (void)state;
  enum { COUNT = 5000 };
  struct diffd_sort_record *records = calloc(2 * COUNT, sizeof *records);
  srandom(3);
  for (size_t i = 0; i < COUNT; i++)
    records[i] = (struct diffd_sort_record){(uint64_t)random() % 700 << (i % 3 == 0 ? 40 : 0), i};
  diffd_radix_sort_records(records, records + COUNT, COUNT);
  for (size_t i = 1; i < COUNT; i++)
    assert_true(records[i - 1].key < records[i].key ||
                (records[i - 1].key == records[i].key && records[i - 1].value < records[i].value));
  free(records);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_greatest_rank_of_touched_nodes_is_kept),
      cmocka_unit_test(test_records_sort_by_key_and_stay_stable),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
