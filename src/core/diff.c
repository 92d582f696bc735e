/* SPDX-License-Identifier: Apache-2.0
 *
 * The diff: which way two graphs are compared, and the steps for two graphs in DOT.
 */
#include "diffd/diff.h"

#include <stdlib.h>
#include <string.h>

#include "core/change_emit.h"
#include "core/diff_run.h"
#include "core/flow_graph.h"
#include "core/merge.h"
#include "core/threads.h"

void diffd_diff_run_fail(struct diffd_diff_run *run, enum diffd_status status,
                         const struct diffd_error *err) {
  pthread_mutex_lock(&run->failure_lock);
  if (run->status == DIFFD_OK) {
    run->status = status;
    run->error = *err;
  }
  pthread_mutex_unlock(&run->failure_lock);
  diffd_turns_break(&run->ordered.turns);
}

enum diffd_status diffd_diff_run_result(const struct diffd_diff_run *run, struct diffd_error *err) {
  if (run->status != DIFFD_OK)
    *err = run->error;
  return run->status;
}

static enum diffd_status write_to_sink(void *arg, const char *bytes, size_t len, struct diffd_error *err) {
  struct diffd_diff_run *run = arg;
  return run->sink->ops->write(run->sink, bytes, len, err);
}

void diffd_diff_run_begin_ordered(struct diffd_diff_run *run) {
  diffd_turns_init(&run->ordered.turns);
  run->ordered.write = write_to_sink;
  run->ordered.arg = run;
}

void diffd_diff_run_end_ordered(struct diffd_diff_run *run) {
  diffd_turns_clean_up(&run->ordered.turns);
}

/* How many bytes both inputs have, or 0. */
static uint64_t total_bytes(const struct diffd_diff_run *run) {
  int64_t previous = diffd_source_size(run->previous);
  int64_t next = diffd_source_size(run->next);
  return previous < 0 || next < 0 ? 0 : (uint64_t)previous + (uint64_t)next;
}

static void count_progress(void *arg, uint64_t bytes) {
  struct diffd_diff_run *run = arg;
  uint64_t done = __atomic_add_fetch(&run->done_bytes, bytes, __ATOMIC_RELAXED);
  run->options->progress(run->options->progress_arg, done, total_bytes(run));
}

static struct diffd_scan_options scan_options(struct diffd_diff_run *run, const char *name) {
  return (struct diffd_scan_options){
      .ctx = run->ctx,
      .keyer = &run->keyer,
      .line_scan = run->line_scan,
      .block_len = run->block_len,
      .threads = run->threads,
      .name = name,
      .progress = run->options->progress != NULL ? count_progress : NULL,
      .progress_arg = run,
  };
}

static const char *previous_name(const struct diffd_diff_options *options) {
  return options->previous_name != NULL ? options->previous_name : "previous";
}

static const char *next_name(const struct diffd_diff_options *options) {
  return options->next_name != NULL ? options->next_name : "next";
}

/* ---- Step 1: previous into the table ---- */

static enum diffd_status keep_edges(void *arg, unsigned thread, struct diffd_block *block,
                                    struct diffd_ordered_out *out, struct diffd_error *err) {
  (void)out;
  struct diffd_diff_run *run = arg;
  for (size_t i = 0; i < block->item_count; i++) {
    const struct diffd_item *item = &block->items[i];
    if (item->begin >> DIFFD_POSITION_BITS != 0)
      return diffd_fail(err, DIFFD_TOO_LARGE, "a graph may have at most 1 TiB");
    enum diffd_status status = diffd_edge_table_append(run->edges, thread, item->key, item->begin, err);
    if (status != DIFFD_OK)
      return status;
  }
  return DIFFD_OK;
}

struct build {
  struct diffd_diff_run *run;
  unsigned next_partition; /* atomic */
};

static void build_partitions(void *arg, unsigned thread) {
  (void)thread;
  struct build *build = arg;
  struct diffd_error err;
  for (;;) {
    unsigned partition = __atomic_fetch_add(&build->next_partition, 1, __ATOMIC_RELAXED);
    if (partition >= DIFFD_EDGE_PARTITIONS)
      return;
    enum diffd_status status = diffd_edge_table_build(build->run->edges, partition, &err);
    if (status != DIFFD_OK) {
      diffd_diff_run_fail(build->run, status, &err);
      return;
    }
  }
}

enum diffd_status diffd_diff_read_previous(struct diffd_diff_run *run, struct diffd_error *err) {
  struct diffd_scan_options options = scan_options(run, previous_name(run->options));
  struct diffd_scan_pass pass = {.arg = run, .process = keep_edges};
  enum diffd_status status = diffd_scan(run->previous, &options, &pass, &run->previous_scan, err);
  if (status == DIFFD_OK)
    status = diffd_edge_table_begin_build(run->edges, err);
  if (status != DIFFD_OK)
    return status;
  struct build build = {.run = run};
  diffd_run_threads(run->threads, build_partitions, &build);
  return diffd_diff_run_result(run, err);
}

/* ---- Step 2: next against the table ---- */

enum { LOOK_AHEAD = 24 }; /* look-ups whose memory is on its way */

struct added {
  struct diffd_diff_run *run;
  struct diffd_change_emit emits[DIFFD_THREADS_MAX];
  uint64_t counts[DIFFD_THREADS_MAX];
};

static enum diffd_status look_up_edges(void *arg, unsigned thread, struct diffd_block *block,
                                       struct diffd_ordered_out *out, struct diffd_error *err) {
  struct added *added = arg;
  struct diffd_edge_table *edges = added->run->edges;
  struct diffd_change_emit *emit = &added->emits[thread];
  const struct diffd_item *items = block->items;
  size_t count = block->item_count;
  for (size_t i = 0; i < count && i < LOOK_AHEAD; i++)
    diffd_edge_table_prefetch(edges, items[i].key);
  for (size_t i = 0; i < count; i++) {
    if (i + LOOK_AHEAD < count)
      diffd_edge_table_prefetch(edges, items[i + LOOK_AHEAD].key);
    if (diffd_edge_table_see(edges, items[i].key))
      continue;
    added->counts[thread]++;
    diffd_reread_lend(&emit->reread, block->text, block->base, block->len);
    enum diffd_status status = diffd_change_emit_edge(emit, items[i].begin, out, err);
    if (status != DIFFD_OK)
      return status;
  }
  return DIFFD_OK;
}

static enum diffd_status scan_next(struct added *added, struct diffd_error *err) {
  struct diffd_diff_run *run = added->run;
  struct diffd_scan_options options = scan_options(run, next_name(run->options));
  struct diffd_scan_pass pass = {.arg = added, .process = look_up_edges, .ordered = &run->ordered};
  diffd_diff_run_begin_ordered(run);
  enum diffd_status status = diffd_scan(run->next, &options, &pass, &run->next_scan, err);
  diffd_diff_run_end_ordered(run);
  return status;
}

enum diffd_status diffd_diff_write_added(struct diffd_diff_run *run, struct diffd_error *err) {
  struct added *added = calloc(1, sizeof *added);
  if (added == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the threads' work");
  added->run = run;
  enum diffd_status status = DIFFD_OK;
  unsigned made = 0;
  for (; made < run->threads && status == DIFFD_OK; made++)
    status = diffd_change_emit_init(&added->emits[made], run->next, run->line_scan, &run->keyer, run->nodes,
                                    run->sink, DIFFD_ADDED, err);
  if (status == DIFFD_OK)
    status = scan_next(added, err);
  for (unsigned i = 0; i < made; i++) {
    run->counts.added += added->counts[i];
    diffd_change_emit_clean_up(&added->emits[i]);
  }
  free(added);
  return status;
}

/* ---- The whole ---- */

static enum diffd_status run_steps(struct diffd_diff_run *run, struct diffd_error *err) {
  enum diffd_status status = diffd_diff_read_previous(run, err);
  /* Nothing is written before previous is known to be whole. */
  if (status == DIFFD_OK)
    status = run->sink->ops->begin(run->sink, err);
  if (status == DIFFD_OK)
    status = diffd_diff_write_added(run, err);
  if (status == DIFFD_OK)
    status = diffd_diff_write_removed(run, err);
  if (status == DIFFD_OK)
    status = diffd_diff_write_nodes(run, err);
  if (status == DIFFD_OK)
    status = diffd_source_check_unchanged(run->previous, err);
  if (status == DIFFD_OK)
    status = diffd_source_check_unchanged(run->next, err);
  return status;
}

static enum diffd_status open_run(struct diffd_diff_run *run, struct diffd_reader **previous,
                                  struct diffd_reader **next, struct diffd_error *err) {
  const struct diffd_diff_options *options = run->options;
  struct diffd_reader *reader = *previous;
  *previous = NULL;
  enum diffd_status status =
      diffd_source_open(run->ctx, reader, previous_name(options), options->tmp_dir, &run->previous, err);
  if (status != DIFFD_OK)
    return status;
  reader = *next;
  *next = NULL;
  status = diffd_source_open(run->ctx, reader, next_name(options), options->tmp_dir, &run->next, err);
  if (status == DIFFD_OK)
    status = diffd_edge_table_new(run->threads, &run->edges, err);
  if (status == DIFFD_OK)
    status = diffd_node_set_new(&run->nodes, err);
  return status;
}

/* Blocks of a size that buffers have room for. */
static size_t block_len(const struct diffd_diff_options *options) {
  if (options->block_bytes == 0 || options->block_bytes > DIFFD_BLOCK_LEN_MAX)
    return DIFFD_BLOCK_LEN_MAX;
  return options->block_bytes < DIFFD_BLOCK_LEN_MIN ? DIFFD_BLOCK_LEN_MIN : options->block_bytes;
}

static enum diffd_status diff_dot(const struct diffd_context *ctx, struct diffd_reader **previous,
                                  struct diffd_reader **next, const struct diffd_diff_options *options,
                                  struct diffd_change_sink *sink, struct diffd_diff_counts *ret,
                                  struct diffd_error *err) {
  struct diffd_diff_run run = {.ctx = ctx,
                               .options = options,
                               .sink = sink,
                               .threads = diffd_thread_count(options->threads),
                               .block_len = block_len(options)};
  enum diffd_status status = diffd_line_scan_choose(options->kernel, &run.line_scan, err);
  if (status != DIFFD_OK)
    return status;
  diffd_keyer_init(&run.keyer, options->seed);
  pthread_mutex_init(&run.failure_lock, NULL);
  status = open_run(&run, previous, next, err);
  if (status == DIFFD_OK)
    status = run_steps(&run, err);
  run.counts.previous_edges = run.previous_scan.edges;
  run.counts.next_edges = run.next_scan.edges;
  free(run.previous_scan.node_regions);
  free(run.next_scan.node_regions);
  diffd_edge_table_destroy(run.edges);
  diffd_node_set_destroy(run.nodes);
  diffd_source_close(run.previous);
  diffd_source_close(run.next);
  pthread_mutex_destroy(&run.failure_lock);
  if (status == DIFFD_OK)
    *ret = run.counts;
  return status;
}

/* Edges become DOT where the other graph is DOT. */
static enum diffd_status make_dot(struct diffd_graph *graph, struct diffd_error *err) {
  if (graph->edges == NULL)
    return DIFFD_OK;
  struct diffd_edges *edges = graph->edges;
  graph->edges = NULL;
  return diffd_edges_dot_reader(edges, &graph->dot, err);
}

enum diffd_status diffd_diff(const struct diffd_context *ctx, struct diffd_graph *previous,
                             struct diffd_graph *next, const struct diffd_diff_options *options,
                             struct diffd_change_sink *sink, struct diffd_diff_counts *ret,
                             struct diffd_error *err) {
  enum diffd_status status;
  if (previous->edges != NULL && next->edges != NULL) {
    status = diffd_merge(ctx, previous->edges, next->edges, sink, ret, err);
  } else {
    status = make_dot(previous, err);
    if (status == DIFFD_OK)
      status = make_dot(next, err);
    if (status == DIFFD_OK)
      status = diff_dot(ctx, &previous->dot, &next->dot, options, sink, ret, err);
  }
  diffd_graph_clean_up(previous);
  diffd_graph_clean_up(next);
  return status;
}
