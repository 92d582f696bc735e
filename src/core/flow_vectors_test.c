/* SPDX-License-Identifier: Apache-2.0 */
/* The original's graphs come out of the original's flow logs, plain and gzip, for its ids and in any order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/flow_test_inputs.h"

enum { VECTORS = 12 };

static char *vector_file(unsigned vector, const char *name, size_t *ret_len) {
  char path[4096];
  const char *data = getenv("DIFFD_TEST_DATA");
  assert_non_null(data);
  (void)snprintf(path, sizeof path, "%s/vectors/graph/%03u/%s", data, vector, name);
  return flow_test_file(path, ret_len);
}

static int compare_lines(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorts the lines of a text in place of it. */
static char *sorted_lines(char *text) {
  size_t count = 0, len = strlen(text);
  char **lines = malloc((len + 1) * sizeof *lines);
  char *sorted = calloc(1, len + 2), *save = NULL;
  assert_true(lines != NULL && sorted != NULL);
  for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
    lines[count++] = line;
  qsort(lines, count, sizeof *lines, compare_lines);
  char *at = sorted;
  for (size_t i = 0; i < count; i++) {
    at = stpcpy(at, lines[i]);
    *at++ = '\n';
  }
  free(lines);
  free(text);
  return sorted;
}

static struct diffd_edges *build_vector(const struct flow_test_log *log, enum diffd_node_ids ids) {
  struct diffd_flow_options options = {.all = true, .node_ids = ids, .fail_on_bad_record = true};
  struct diffd_flow_counts counts;
  struct diffd_edges *edges;
  struct diffd_error err = {0};
  if (flow_test_build(NULL, log, 1, &options, &edges, &counts, &err) != DIFFD_OK)
    fail_msg("%s", err.detail);
  return edges;
}

static void test_graphs_are_the_originals(void **state) {
  (void)state;
  static const char *const names[] = {"flow.log", "flow.log.gz"};
  for (unsigned vector = 0; vector < VECTORS; vector++)
    for (size_t i = 0; i < 2; i++) {
      struct flow_test_log log = {.name = names[i]};
      char *bytes = vector_file(vector, names[i], &log.len);
      log.bytes = bytes;
      size_t len;
      char *expected = vector_file(vector, "graph.dot", &len);
      char *dot = flow_test_dot(build_vector(&log, DIFFD_NODE_IDS_ORIGINAL));
      assert_int_equal(strlen(dot), len);
      expected = sorted_lines(expected);
      dot = sorted_lines(dot);
      assert_string_equal(dot, expected);
      free(dot);
      free(expected);
      free(bytes);
    }
}

/* One line of the original's digest, made of an edge. */
static char *put_digest_line(char *at, struct diffd_edges *edges, const struct diffd_flow_edge *edge) {
  struct diffd_edges_head head = diffd_edges_head(edges);
  struct diffd_span account = diffd_edges_name(edges, edge->account);
  at += sprintf(at, "2 %.*s ", (int)account.len, account.ptr);
  struct diffd_span eni = diffd_edges_name(edges, edge->eni);
  at += sprintf(at, "%.*s ", (int)eni.len, eni.ptr);
  struct diffd_span source = diffd_edges_node(edges, edge->source).label;
  at += sprintf(at, "%.*s ", (int)source.len, source.ptr);
  struct diffd_span destination = diffd_edges_node(edges, edge->destination).label;
  at += sprintf(at, "%.*s ", (int)destination.len, destination.ptr);
  return at + sprintf(at, "%u %u %u %llu %llu %lld %lld %s OK\n", edge->srcport, edge->dstport,
                      edge->protocol, (unsigned long long)edge->packets, (unsigned long long)edge->bytes,
                      (long long)head.start, (long long)head.end,
                      edge->color == DIFFD_RED ? "REJECT" : "ACCEPT");
}

static void test_digests_are_the_originals(void **state) {
  (void)state;
  for (unsigned vector = 0; vector < VECTORS; vector++) {
    struct flow_test_log log = {.name = "flow.log"};
    char *bytes = vector_file(vector, "flow.log", &log.len);
    log.bytes = bytes;
    size_t len, count;
    char *expected = sorted_lines(vector_file(vector, "digest.txt", &len));
    struct diffd_edges *edges = build_vector(&log, DIFFD_NODE_IDS_INJECTIVE);
    char *digest = calloc(1, 2 * len + 4096), *at = digest;
    struct diffd_flow_edge batch[7];
    struct diffd_error err;
    assert_non_null(digest);
    while (diffd_edges_next(edges, batch, 7, &count, &err) == DIFFD_OK)
      for (size_t i = 0; i < count; i++)
        at = put_digest_line(at, edges, &batch[i]);
    diffd_edges_destroy(edges);
    digest = sorted_lines(digest);
    assert_string_equal(digest, expected);
    free(digest);
    free(expected);
    free(bytes);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_graphs_are_the_originals),
      cmocka_unit_test(test_digests_are_the_originals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
