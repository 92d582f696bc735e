/* SPDX-License-Identifier: Apache-2.0 */
/* Each record comes back whole from the range that its id belongs to, from memory and from the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/node_ranges.h"

enum { COUNT = 20000, ID_MAX = 40, TEXT_MAX = 80, RANGES = 50, THREADS = 3 };

/* What was put, by number: ids with a common beginning, some of which end early; texts that begin with the
 * id, that do not, and that are away. */
struct input {
  char id[ID_MAX];
  char text[TEXT_MAX];
  struct diffd_node_record record;
  unsigned seen;
};

static uint64_t scramble(uint64_t i) {
  i = (i ^ i >> 31) * UINT64_C(0x9e3779b97f4a7c15);
  return (i ^ i >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
}

static struct input *make_inputs(void) {
  struct input *inputs = calloc(COUNT, sizeof *inputs);
  if (inputs == NULL)
    abort();
  for (unsigned i = 0; i < COUNT; i++) {
    struct input *input = &inputs[i];
    int id_len = i % 1000 == 7
                     ? snprintf(input->id, sizeof input->id, "m%u", i)
                     : snprintf(input->id, sizeof input->id, "node%llu", (unsigned long long)scramble(i));
    int text_len = snprintf(input->text, sizeof input->text, i % 3 == 1 ? "\"%s\"" : "%s [a=b]", input->id);
    input->record = (struct diffd_node_record){.id = {input->id, (size_t)id_len},
                                               .text = {input->text, (size_t)text_len},
                                               .text_len = (size_t)text_len};
    if (i % 3 == 2)
      input->record = (struct diffd_node_record){.id = {input->id, (size_t)id_len}, .rank = i, .text_len = i};
  }
  return inputs;
}

struct check {
  struct input *inputs;
  struct diffd_span last_max; /* the greatest id of the ranges before */
  struct diffd_span max;
  size_t records;
};

static int compare_inputs(const void *a, const void *b) {
  return diffd_node_id_compare(((const struct input *)a)->record.id, ((const struct input *)b)->record.id);
}

static enum diffd_status check_piece(void *arg, struct diffd_span piece, struct diffd_error *err) {
  (void)err;
  struct check *check = arg;
  for (size_t at = 0; at < piece.len;) {
    struct input key;
    at += diffd_node_record_read(piece.ptr + at, &key.record);
    struct input *input = bsearch(&key, check->inputs, COUNT, sizeof *input, compare_inputs);
    if (input == NULL) {
      fail_msg("a record that was never put");
      return DIFFD_OK;
    }
    input->seen++;
    assert_int_equal(key.record.text_len, input->record.text_len);
    assert_int_equal(key.record.rank, input->record.rank);
    assert_true((key.record.text.ptr == NULL) == (input->record.text.ptr == NULL));
    assert_int_equal(key.record.text.len, input->record.text.len);
    if (key.record.text.ptr != NULL)
      assert_memory_equal(key.record.text.ptr, input->record.text.ptr, input->record.text.len);
    if (check->last_max.ptr != NULL)
      assert_true(diffd_node_id_compare(check->last_max, input->record.id) < 0);
    if (check->max.ptr == NULL || diffd_node_id_compare(check->max, input->record.id) < 0)
      check->max = input->record.id;
    check->records++;
  }
  return DIFFD_OK;
}

static void deal_and_check(uint64_t memory_max) {
  struct input *inputs = make_inputs();
  struct diffd_budget budget = {.limit_bytes = UINT64_MAX / 2};
  struct diffd_node_store store;
  struct diffd_node_ranges *ranges;
  struct diffd_error err;
  struct diffd_span sample[500];
  for (size_t i = 0; i < 500; i++)
    sample[i] = inputs[i * 7].record.id;
  diffd_node_store_init(&store, &budget, NULL, memory_max);
  assert_int_equal(diffd_node_ranges_new(&store, THREADS, sample, 500, RANGES, &ranges, &err), DIFFD_OK);
  assert_int_equal(diffd_node_ranges_count(ranges), RANGES);
  for (unsigned i = 0; i < COUNT; i++)
    assert_int_equal(diffd_node_ranges_put(ranges, i % THREADS, &inputs[i].record, &err), DIFFD_OK);
  assert_true((store.file >= 0) == (memory_max == 0));
  qsort(inputs, COUNT, sizeof *inputs, compare_inputs);
  for (size_t i = 0; i < COUNT; i++) { /* the ids moved with them */
    inputs[i].record.id.ptr = inputs[i].id;
    if (inputs[i].record.text.ptr != NULL)
      inputs[i].record.text.ptr = inputs[i].text;
  }
  struct check check = {.inputs = inputs};
  for (size_t i = 0; i < RANGES; i++) {
    enum diffd_node_keep keep = i % 3 == 0   ? DIFFD_NODES_KEEP
                                : i % 3 == 1 ? DIFFD_NODES_AS_IS
                                             : DIFFD_NODES_DROP;
    size_t before = check.records;
    assert_in_range(diffd_node_ranges_bytes(ranges, i), 1, COUNT * (ID_MAX + TEXT_MAX) / RANGES * 3);
    assert_int_equal(diffd_node_ranges_each(ranges, i, keep, check_piece, &check, &err), DIFFD_OK);
    assert_int_equal(check.records - before, diffd_node_ranges_records(ranges, i));
    check.last_max = check.max;
    diffd_node_ranges_drop(ranges, i);
  }
  for (unsigned i = 0; i < COUNT; i++)
    assert_int_equal(inputs[i].seen, 1);
  diffd_node_ranges_destroy(ranges);
  diffd_node_store_clean_up(&store);
  assert_int_equal(budget.used_bytes, 0);
  assert_int_equal(store.kept_bytes, 0);
  free(inputs);
}

static void test_in_memory(void **state) {
  (void)state;
  deal_and_check(UINT64_MAX / 2);
}

static void test_in_the_file(void **state) {
  (void)state;
  deal_and_check(0);
}

/* Where all of a sample is one id, or there is none, one range has everything. */
static void test_no_bounds(void **state) {
  (void)state;
  struct diffd_budget budget = {.limit_bytes = UINT64_MAX / 2};
  struct diffd_node_store store;
  struct diffd_node_ranges *ranges;
  struct diffd_error err;
  struct diffd_span same[3] = {{"abc", 3}, {"abc", 3}, {"abc", 3}};
  diffd_node_store_init(&store, &budget, NULL, 0);
  for (size_t count = 0; count <= 3; count += 3) {
    assert_int_equal(diffd_node_ranges_new(&store, 1, same, count, RANGES, &ranges, &err), DIFFD_OK);
    assert_int_equal(diffd_node_ranges_count(ranges), 1);
    diffd_node_ranges_destroy(ranges);
  }
  diffd_node_store_clean_up(&store);
}

/* The integers have the order of the bytes, also where an id ends. */
static void test_prefixes(void **state) {
  (void)state;
  struct diffd_span ids[] = {{"", 0},   {"n", 1},           {"n1", 2},   {"n10", 3},
                             {"n2", 2}, {"n200000000", 10}, {"n\xff", 2}};
  for (size_t i = 1; i < sizeof ids / sizeof *ids; i++) {
    assert_true(diffd_node_id_compare(ids[i - 1], ids[i]) < 0);
    for (size_t skip = 0; skip <= 1; skip++)
      assert_true(diffd_node_id_prefix(ids[i - 1], skip) <= diffd_node_id_prefix(ids[i], skip));
  }
  assert_int_equal(diffd_node_id_prefix(ids[5], 2), UINT64_C(0x3030303030303030));
  assert_int_equal(diffd_node_id_prefix(ids[3], 1), UINT64_C(0x3130000000000000));
  assert_int_equal(diffd_node_id_common(ids[3], ids[5]), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_in_memory),
      cmocka_unit_test(test_in_the_file),
      cmocka_unit_test(test_no_bounds),
      cmocka_unit_test(test_prefixes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
