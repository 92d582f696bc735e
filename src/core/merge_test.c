/* SPDX-License-Identifier: Apache-2.0 */
/* Two graphs of edges give by one merge the bytes that they give as DOT; edges out of order are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/flow_test_inputs.h"
#include "diffd/diff.h"
#include "plain/memory_streams.h"

enum { TEXT_MAX = 16 * 1024 * 1024 };

/* Random records of few hosts, so that graphs share edges, and original ids collide. */
static struct diffd_edges *random_edges(unsigned seed, int records, enum diffd_node_ids node_ids) {
  struct diffd_buffer text = diffd_buffer_init(TEXT_MAX);
  struct diffd_error err;
  static const char *const hosts[] = {"10.1.11.1", "10.11.1.1",   "10.1.1.11",       "1.1.1.1",
                                      "11.1.1.1",  "2001:db8::1", "::ffff:10.1.11.1"};
  srandom(seed);
  for (int i = 0; i < records; i++)
    assert_int_equal(
        diffd_buffer_printf(&text, &err, "2 %ld eni-%ld %s %s %ld %ld %ld %ld %ld 100 200 %s OK\n",
                            100 + random() % 2, random() % 3, hosts[random() % 7], hosts[random() % 7],
                            random() % 3, 80 + random() % 2, 6 + random() % 2, random() % 9, random() % 99,
                            random() % 3 == 0 ? "REJECT" : "ACCEPT"),
        DIFFD_OK);
  struct flow_test_log log = {"log", text.ptr, text.len, 0};
  struct diffd_flow_options options = {.all = true, .node_ids = node_ids, .threads = 1};
  struct diffd_flow_counts counts;
  struct diffd_edges *edges;
  assert_int_equal(flow_test_build(NULL, &log, 1, &options, &edges, &counts, &err), DIFFD_OK);
  diffd_buffer_clean_up(&text);
  return edges;
}

static enum diffd_status diff(struct diffd_graph graphs[2], struct diffd_buffer *out,
                              struct diffd_diff_counts *ret, struct diffd_error *err) {
  struct diffd_diff_options options = {.threads = 2};
  struct diffd_context ctx = {0};
  struct diffd_change_sink *sink;
  bool committed;
  assert_int_equal(diffd_dot_sink_new(memory_writer(out, &committed), &sink, err), DIFFD_OK);
  enum diffd_status status = diffd_diff(&ctx, &graphs[0], &graphs[1], &options, sink, ret, err);
  if (status == DIFFD_OK)
    status = sink->ops->commit(sink, err);
  diffd_change_sink_destroy(sink);
  assert_int_equal(committed, status == DIFFD_OK);
  return status;
}

/* Each combination of edges and DOT for the two graphs. */
static void expect_same_bytes(unsigned seed, int records, enum diffd_node_ids node_ids) {
  struct diffd_buffer first = diffd_buffer_init(TEXT_MAX);
  struct diffd_diff_counts first_counts = {0};
  for (int as_dot = 0; as_dot < 4; as_dot++) {
    struct diffd_graph graphs[2] = {{.edges = random_edges(seed, records, node_ids)},
                                    {.edges = random_edges(seed + 1, records + 3, node_ids)}};
    struct diffd_buffer out = diffd_buffer_init(TEXT_MAX);
    struct diffd_diff_counts counts;
    struct diffd_error err;
    for (int i = 0; i < 2; i++)
      if ((as_dot >> i & 1) != 0) {
        struct diffd_edges *edges = graphs[i].edges;
        graphs[i].edges = NULL;
        assert_int_equal(diffd_edges_dot_reader(edges, &graphs[i].dot, &err), DIFFD_OK);
      }
    assert_int_equal(diff(graphs, &out, &counts, &err), DIFFD_OK);
    if (as_dot == 0) {
      first = out;
      first_counts = counts;
      continue;
    }
    assert_int_equal(out.len, first.len);
    assert_memory_equal(out.ptr, first.ptr, first.len);
    assert_memory_equal(&counts, &first_counts, sizeof counts);
    diffd_buffer_clean_up(&out);
  }
  diffd_buffer_clean_up(&first);
}

static void test_edges_give_the_bytes_that_dot_gives(void **state) {
  (void)state;
  for (unsigned seed = 1; seed < 30; seed++)
    expect_same_bytes(seed, (int)seed * 3, DIFFD_NODE_IDS_INJECTIVE);
}

static void test_colliding_ids_give_the_bytes_that_dot_gives(void **state) {
  (void)state;
  for (unsigned seed = 1; seed < 30; seed++)
    expect_same_bytes(seed, (int)seed * 3, DIFFD_NODE_IDS_ORIGINAL);
}

static void test_empty_graphs(void **state) {
  (void)state;
  expect_same_bytes(1, 0, DIFFD_NODE_IDS_INJECTIVE);
}

/* ---- A source of a caller's own ---- */

struct own_edges {
  struct diffd_edges base;
  struct diffd_node nodes[3];
  const struct diffd_flow_edge *edges;
  size_t count;
  size_t at;
};

static struct diffd_edges_head own_head(struct diffd_edges *self) {
  (void)self;
  return (struct diffd_edges_head){.node_count = 3, .name_count = 1};
}

static struct diffd_node own_node(struct diffd_edges *self, uint32_t index) {
  return ((struct own_edges *)self)->nodes[index];
}

static struct diffd_span own_name(struct diffd_edges *self, uint32_t index) {
  (void)self;
  (void)index;
  return (struct diffd_span){"x", 1};
}

static enum diffd_status own_rewind(struct diffd_edges *self, struct diffd_error *err) {
  (void)err;
  ((struct own_edges *)self)->at = 0;
  return DIFFD_OK;
}

static enum diffd_status own_next(struct diffd_edges *self, struct diffd_flow_edge *batch, size_t cap,
                                  size_t *ret_count, struct diffd_error *err) {
  (void)cap;
  (void)err;
  struct own_edges *own = (struct own_edges *)self;
  if (own->at == own->count)
    return DIFFD_END;
  *batch = own->edges[own->at++];
  *ret_count = 1;
  return DIFFD_OK;
}

static void own_destroy(struct diffd_edges *self) {
  free(self);
}

static struct diffd_edges *own(const char *last_id, const char *label, const struct diffd_flow_edge *edges,
                               size_t count) {
  static const struct diffd_edges_ops ops = {.head = own_head,
                                             .node = own_node,
                                             .name = own_name,
                                             .rewind = own_rewind,
                                             .next = own_next,
                                             .destroy = own_destroy};
  struct own_edges *source = calloc(1, sizeof *source);
  assert_non_null(source);
  source->base.ops = &ops;
  source->nodes[0] = (struct diffd_node){{"a", 1}, {label, strlen(label)}};
  source->nodes[1] = (struct diffd_node){{"b", 1}, {"B", 1}};
  source->nodes[2] = (struct diffd_node){{last_id, strlen(last_id)}, {"C", 1}};
  source->edges = edges;
  source->count = count;
  return &source->base;
}

static void expect_refused(const char *last_id, const char *label, const struct diffd_flow_edge *edges,
                           size_t count, const char *words) {
  struct diffd_graph graphs[2] = {{.edges = own("c", "A", edges, 0)},
                                  {.edges = own(last_id, label, edges, count)}};
  struct diffd_buffer out = diffd_buffer_init(TEXT_MAX);
  struct diffd_diff_counts counts;
  struct diffd_error err = {.status = DIFFD_OK};
  assert_int_equal(diff(graphs, &out, &counts, &err), DIFFD_BAD_GRAPH);
  assert_non_null(strstr(err.detail, words));
  diffd_buffer_clean_up(&out);
}

static void test_edges_that_break_the_order_or_cannot_be_printed_are_refused(void **state) {
  (void)state;
  const struct diffd_flow_edge unordered[] = {{.source = 1}, {.source = 0}};
  const struct diffd_flow_edge nowhere[] = {{.source = 3}};
  const struct diffd_flow_edge good[] = {{.source = 0}};
  expect_refused("c", "A", unordered, 2, "not in order");
  expect_refused("c", "A", nowhere, 1, "not there");
  expect_refused("ab", "A", good, 1, "not in order");
  expect_refused("b", "A", good, 1, "not in order");
  expect_refused("c d", "A", good, 1, "cannot be printed");
  expect_refused("c", "\"", good, 1, "label");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_edges_give_the_bytes_that_dot_gives),
      cmocka_unit_test(test_colliding_ids_give_the_bytes_that_dot_gives),
      cmocka_unit_test(test_empty_graphs),
      cmocka_unit_test(test_edges_that_break_the_order_or_cannot_be_printed_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
