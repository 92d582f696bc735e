/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of flow logs, headers among them. Each line alone: what a kernel takes, the plain parser takes alike.
 * And, where the first byte is even, the whole text: read in pieces of any size, which that byte chooses, by
 * any kernel, it gives the same graph and counts, or the same failure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/flow_graph.h"
#include "core/flow_record.h"
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

enum { LINE_MAX_HERE = 4096 };

static bool same_address(const struct diffd_flow_address *a, const struct diffd_flow_address *b) {
  return a->v6 == b->v6 && (a->v6 ? memcmp(a->bytes, b->bytes, 16) == 0 : a->v4 == b->v4);
}

static bool same_record(const struct diffd_flow_record *a, const struct diffd_flow_record *b) {
  return a->account.len == b->account.len && memcmp(a->account.ptr, b->account.ptr, a->account.len) == 0 &&
         a->eni.len == b->eni.len && memcmp(a->eni.ptr, b->eni.ptr, a->eni.len) == 0 &&
         a->account_eni.len == b->account_eni.len && same_address(&a->source, &b->source) &&
         same_address(&a->destination, &b->destination) && a->srcport == b->srcport &&
         a->dstport == b->dstport && a->protocol == b->protocol && a->color == b->color &&
         a->packets == b->packets && a->bytes == b->bytes && a->start == b->start && a->end == b->end;
}

/* The line stands amid `around`. */
static void check_line(const struct diffd_flow_kernel *kernel, const struct diffd_flow_format *format,
                       struct diffd_span line, char around) {
  static char bytes[DIFFD_FLOW_PAD + LINE_MAX_HERE + 1 + DIFFD_FLOW_PAD];
  static uint32_t mark_room[1 + LINE_MAX_HERE + 1 + 64], newline_room[LINE_MAX_HERE + 1 + 64];
  struct diffd_flow_record fast, plain;
  const char *fault;
  char *text = bytes + DIFFD_FLOW_PAD;
  memset(bytes, around, DIFFD_FLOW_PAD + line.len + 1 + DIFFD_FLOW_PAD);
  memcpy(text, line.ptr, line.len);
  text[line.len] = '\n';
  struct diffd_flow_marks marks = {.marks = mark_room + 1, .newlines = newline_room};
  mark_room[0] = UINT32_MAX;
  kernel->scan(text, 0, (uint32_t)line.len + 1, &marks);
  if (marks.newline_count != 1 || marks.newlines[0] + 1 != format->columns ||
      !kernel->record(format, text, marks.marks, &fast))
    return;
  if (diffd_flow_record_parse(format, line, &plain, &fault) != DIFFD_FLOW_RECORD ||
      !same_record(&fast, &plain))
    abort();
}

static void check_lines(struct diffd_span text, char around) {
  const struct diffd_flow_kernel *kernels[] = {diffd_flow_kernel_find("scalar"),
                                               diffd_flow_kernel_find(NULL)};
  struct diffd_flow_format format = diffd_flow_format_default();
  struct diffd_error err;
  while (text.len > 0) {
    const char *newline = memchr(text.ptr, '\n', text.len);
    struct diffd_span line = {text.ptr, newline != NULL ? (size_t)(newline - text.ptr) : text.len};
    if (line.len <= LINE_MAX_HERE)
      for (size_t i = 0; i < 2; i++)
        check_line(kernels[i], &format, line, around);
    if (diffd_flow_is_header(line) && diffd_flow_format_parse(line, &format, &err) != DIFFD_OK)
      return;
    size_t used = line.len + (newline != NULL);
    text = (struct diffd_span){text.ptr + used, text.len - used};
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1 || size > 256 * 1024)
    return 0;
  check_lines((struct diffd_span){(const char *)data + 1, size - 1}, (char)('0' + data[0] % 10));
  if (data[0] % 2 != 0)
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
