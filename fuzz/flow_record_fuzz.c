/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of flow logs, headers among them: any text, read in pieces of any size by any kernel, gives the same
 * graph and counts, or the same failure. The first byte chooses the pieces.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/flow_graph.h"
#include "plain/memory_streams.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct log {
  struct diffd_span text;
  size_t piece;
};

struct outcome {
  enum diffd_status status;
  struct diffd_error err;
  struct diffd_flow_counts counts;
  struct diffd_buffer dot;
};

static enum diffd_status open_log(void *arg, struct diffd_reader **ret, struct diffd_error *err) {
  const struct log *log = arg;
  (void)err;
  *ret = memory_stream_reader(log->text, log->piece, SIZE_MAX);
  return DIFFD_OK;
}

static struct outcome build(struct log log, const char *kernel, enum diffd_node_ids ids) {
  struct diffd_flow_options options = {.all = true, .kernel = kernel, .node_ids = ids, .threads = 1};
  struct diffd_flow_input input = {.name = "a.log", .open = open_log, .arg = &log};
  const struct diffd_context context = {0};
  struct outcome outcome = {.dot = diffd_buffer_init(SIZE_MAX)};
  struct diffd_edges *edges;
  outcome.status =
      diffd_flow_graph_build(&context, &input, 1, &options, &edges, &outcome.counts, &outcome.err);
  if (outcome.status != DIFFD_OK)
    return outcome;
  bool committed;
  struct diffd_writer *writer = memory_writer(&outcome.dot, &committed);
  if (diffd_edges_write_dot(edges, writer, &outcome.err) != DIFFD_OK)
    abort();
  diffd_writer_destroy(writer);
  diffd_edges_destroy(edges);
  return outcome;
}

static void expect_same(const struct outcome *a, const struct outcome *b) {
  if (a->status != b->status || memcmp(&a->counts, &b->counts, sizeof a->counts) != 0 ||
      a->dot.len != b->dot.len || (a->dot.len > 0 && memcmp(a->dot.ptr, b->dot.ptr, a->dot.len) != 0))
    abort();
  if (a->status != DIFFD_OK && strcmp(a->err.detail, b->err.detail) != 0)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1 || size > 256 * 1024)
    return 0;
  struct log log = {.text = {(const char *)data + 1, size - 1}, .piece = SIZE_MAX};
  struct outcome whole = build(log, NULL, DIFFD_NODE_IDS_INJECTIVE);
  log.piece = 1 + data[0] % 128u;
  struct outcome pieces = build(log, "scalar", DIFFD_NODE_IDS_INJECTIVE);
  struct outcome original = build(log, NULL, DIFFD_NODE_IDS_ORIGINAL);
  expect_same(&whole, &pieces);
  if (whole.status != original.status || memcmp(&whole.counts, &original.counts, sizeof whole.counts) != 0)
    abort();
  diffd_buffer_clean_up(&whole.dot);
  diffd_buffer_clean_up(&pieces.dot);
  diffd_buffer_clean_up(&original.dot);
  return 0;
}
