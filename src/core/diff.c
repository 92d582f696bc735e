/* SPDX-License-Identifier: Apache-2.0
 *
 * The diff: which way two graphs are compared, and the steps for two graphs in DOT.
 */
#include "diffd/diff.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory_size.h"
#include "core/change_emit.h"
#include "core/diff_run.h"
#include "core/edge_join.h"
#include "core/flow_graph.h"
#include "core/merge.h"
#include "core/place_write.h"
#include "core/threads.h"

void diffd_diff_run_fail(struct diffd_diff_run *run, enum diffd_status status,
                         const struct diffd_error *err) {
  pthread_mutex_lock(&run->failure_lock);
  if (run->status == DIFFD_OK) {
    run->status = status;
    run->error = *err;
  }
  pthread_mutex_unlock(&run->failure_lock);
  if (run->is_ordered)
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
  run->is_ordered = true;
}

void diffd_diff_run_end_ordered(struct diffd_diff_run *run) {
  run->is_ordered = false;
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
      .kernel = run->kernel,
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

/* ---- Reading edges into records ---- */

struct keep {
  struct diffd_diff_run *run;
  struct diffd_partitions *records;
};

static enum diffd_status keep_edges(void *arg, unsigned thread, struct diffd_block *block,
                                    struct diffd_ordered_out *out, struct diffd_error *err) {
  (void)out;
  const struct keep *keep = arg;
  for (size_t i = 0; i < block->item_count; i++) {
    const struct diffd_item *item = &block->items[i];
    if (item->begin >> DIFFD_POSITION_BITS != 0)
      return diffd_fail(err, DIFFD_TOO_LARGE, "a graph may have at most 1 TiB");
    enum diffd_status status = diffd_partitions_append(keep->records, thread, diffd_key_partition(item->key),
                                                       diffd_edge_record(item->key, item->begin), err);
    if (status != DIFFD_OK)
      return status;
  }
  return DIFFD_OK;
}

/* Reads a graph whole; *ret_records is the caller's. */
static enum diffd_status read_edges(struct diffd_diff_run *run, struct diffd_source *source, const char *name,
                                    struct diffd_scan_result *ret_scan, struct diffd_partitions **ret_records,
                                    struct diffd_error *err) {
  struct keep keep = {.run = run};
  enum diffd_status status =
      diffd_partitions_new(run->threads, &run->pool, run->options->tmp_dir, &keep.records, err);
  if (status != DIFFD_OK)
    return status;
  struct diffd_scan_options options = scan_options(run, name);
  struct diffd_scan_pass pass = {.arg = &keep, .process = keep_edges};
  status = diffd_scan(source, &options, &pass, ret_scan, err);
  if (status == DIFFD_OK)
    *ret_records = keep.records;
  else
    diffd_partitions_destroy(keep.records);
  return status;
}

/* ---- Comparing in memory ---- */

enum { LOOK_AHEAD = 24 }; /* look-ups whose memory is on its way */

struct partition_work {
  struct diffd_diff_run *run;
  unsigned next_partition; /* atomic */
};

static void build_partitions(void *arg, unsigned thread) {
  struct partition_work *work = arg;
  struct diffd_error err;
  for (;;) {
    unsigned partition = __atomic_fetch_add(&work->next_partition, 1, __ATOMIC_RELAXED);
    if (partition >= DIFFD_PARTITIONS)
      return;
    enum diffd_status status = diffd_edge_table_build(work->run->edges, thread, partition, &err);
    if (status != DIFFD_OK) {
      diffd_diff_run_fail(work->run, status, &err);
      return;
    }
  }
}

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
  return diffd_change_emit_flush_touches(emit, err);
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

/* Next streams past the table: what the table lacks is written at once. */
static enum diffd_status write_added(struct diffd_diff_run *run, struct diffd_error *err) {
  struct added *added = calloc(1, sizeof *added);
  if (added == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the threads' work");
  added->run = run;
  enum diffd_status status = DIFFD_OK;
  unsigned made = 0;
  for (; made < run->threads && status == DIFFD_OK; made++)
    status = diffd_change_emit_init(&added->emits[made], run, made, run->next, DIFFD_ADDED, err);
  if (status == DIFFD_OK)
    status = scan_next(added, err);
  for (unsigned i = 0; i < made; i++) {
    run->counts.added += added->counts[i];
    diffd_change_emit_clean_up(&added->emits[i]);
  }
  free(added);
  return status;
}

static uint64_t block_count(const struct diffd_diff_run *run, struct diffd_source *source) {
  return (uint64_t)diffd_source_size(source) / run->block_len + 1;
}

static enum diffd_status feed_unseen(void *arg, unsigned part,
                                     void (*place)(void *place_arg, uint64_t position), void *place_arg,
                                     struct diffd_error *err) {
  return diffd_edge_table_each_unseen(arg, part, place, place_arg, err);
}

static enum diffd_status compare_in_memory(struct diffd_diff_run *run, struct diffd_error *err) {
  struct partition_work work = {.run = run};
  diffd_run_threads(run->threads, build_partitions, &work);
  enum diffd_status status = diffd_diff_run_result(run, err);
  if (status == DIFFD_OK)
    status = run->sink->ops->begin(run->sink, err);
  if (status == DIFFD_OK)
    status = write_added(run, err);
  struct diffd_place_feed feed = {DIFFD_PARTITIONS, feed_unseen, run->edges};
  if (status == DIFFD_OK)
    status = diffd_place_write(run, run->previous, DIFFD_REMOVED, &feed, 0, block_count(run, run->previous),
                               &run->counts.removed, err);
  return status;
}

/* ---- Comparing a partition at a time ---- */

/* Places of changed edges, in partitions of the text: each is a run of whole blocks. */
struct spilled_places {
  struct diffd_partitions *records;
  uint64_t blocks_each;
};

struct join {
  struct diffd_diff_run *run;
  struct diffd_partitions *previous;
  struct diffd_partitions *next;
  uint64_t table_bytes; /* for each thread */
  struct spilled_places added;
  struct spilled_places removed;
  unsigned next_partition; /* atomic */
};

struct join_thread {
  struct join *join;
  unsigned thread;
};

static enum diffd_status put_place(const struct join_thread *to, const struct spilled_places *places,
                                   uint64_t position, struct diffd_error *err) {
  unsigned part = (unsigned)(position / to->join->run->block_len / places->blocks_each);
  return diffd_partitions_append(places->records, to->thread, part, (struct diffd_record){position, 0}, err);
}

static enum diffd_status put_added(void *arg, uint64_t position, struct diffd_error *err) {
  const struct join_thread *to = arg;
  return put_place(to, &to->join->added, position, err);
}

static enum diffd_status put_removed(void *arg, uint64_t position, struct diffd_error *err) {
  const struct join_thread *to = arg;
  return put_place(to, &to->join->removed, position, err);
}

static void join_partitions(void *arg, unsigned thread) {
  struct join *join = arg;
  struct join_thread to = {join, thread};
  struct diffd_error err;
  enum diffd_status status = DIFFD_OK;
  while (status == DIFFD_OK) {
    unsigned partition = __atomic_fetch_add(&join->next_partition, 1, __ATOMIC_RELAXED);
    if (partition >= DIFFD_PARTITIONS)
      return;
    if (diffd_context_cancelled(join->run->ctx))
      status = diffd_fail(&err, DIFFD_CANCELLED, "stopped while comparing edges");
    else
      status = diffd_edge_join(join->previous, join->next, partition, &join->run->budget, join->table_bytes,
                               put_added, put_removed, &to, &err);
  }
  diffd_diff_run_fail(join->run, status, &err);
}

static enum diffd_status open_places(struct diffd_diff_run *run, struct diffd_source *source,
                                     struct spilled_places *places, struct diffd_error *err) {
  places->blocks_each = block_count(run, source) / DIFFD_PARTITIONS + 1;
  return diffd_partitions_new(run->threads, &run->pool, run->options->tmp_dir, &places->records, err);
}

/* Where places of one part of the text come from. */
struct place_records {
  const struct diffd_partitions *records;
  unsigned partition;
};

struct place_call {
  void (*place)(void *arg, uint64_t position);
  void *arg;
};

static enum diffd_status call_place(void *arg, const struct diffd_record *records, size_t count,
                                    struct diffd_error *err) {
  (void)err;
  const struct place_call *call = arg;
  for (size_t i = 0; i < count; i++)
    call->place(call->arg, records[i].a);
  return DIFFD_OK;
}

static enum diffd_status feed_records(void *arg, unsigned part,
                                      void (*place)(void *place_arg, uint64_t position), void *place_arg,
                                      struct diffd_error *err) {
  (void)part;
  const struct place_records *from = arg;
  struct place_call call = {place, place_arg};
  return diffd_partitions_each(from->records, from->partition, call_place, &call, err);
}

static enum diffd_status write_places(struct diffd_diff_run *run, struct diffd_source *source,
                                      enum diffd_change_status change, const struct spilled_places *places,
                                      uint64_t *ret_count, struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  for (unsigned i = 0; status == DIFFD_OK && i < DIFFD_PARTITIONS; i++) {
    struct place_records from = {places->records, i};
    struct diffd_place_feed feed = {1, feed_records, &from};
    uint64_t count = 0;
    if (diffd_partitions_count(places->records, i) > 0)
      status = diffd_place_write(run, source, change, &feed, i * places->blocks_each, places->blocks_each,
                                 &count, err);
    diffd_partitions_forget(places->records, i);
    *ret_count += count;
  }
  return status;
}

static enum diffd_status join_and_write(struct join *join, struct diffd_error *err) {
  struct diffd_diff_run *run = join->run;
  enum diffd_status status =
      read_edges(run, run->next, next_name(run->options), &run->next_scan, &join->next, err);
  if (status == DIFFD_OK)
    status = open_places(run, run->next, &join->added, err);
  if (status == DIFFD_OK)
    status = open_places(run, run->previous, &join->removed, err);
  if (status != DIFFD_OK)
    return status;
  join->table_bytes = diffd_budget_left(&run->budget) / 2 / run->threads;
  diffd_run_threads(run->threads, join_partitions, join);
  status = diffd_diff_run_result(run, err);
  if (status == DIFFD_OK)
    status = run->sink->ops->begin(run->sink, err);
  if (status == DIFFD_OK)
    status = write_places(run, run->next, DIFFD_ADDED, &join->added, &run->counts.added, err);
  if (status == DIFFD_OK)
    status = write_places(run, run->previous, DIFFD_REMOVED, &join->removed, &run->counts.removed, err);
  return status;
}

static enum diffd_status compare_by_partitions(struct diffd_diff_run *run, struct diffd_partitions *previous,
                                               struct diffd_error *err) {
  struct join join = {.run = run, .previous = previous};
  enum diffd_status status = join_and_write(&join, err);
  diffd_partitions_destroy(previous);
  diffd_partitions_destroy(join.next);
  diffd_partitions_destroy(join.added.records);
  diffd_partitions_destroy(join.removed.records);
  return status;
}

/* ---- The whole ---- */

static enum diffd_status run_steps(struct diffd_diff_run *run, struct diffd_error *err) {
  /* Nothing is written before previous is known to be whole. */
  struct diffd_partitions *records = NULL;
  enum diffd_status status =
      read_edges(run, run->previous, previous_name(run->options), &run->previous_scan, &records, err);
  if (status == DIFFD_OK) {
    status = diffd_edge_table_new(records, &run->budget, &run->edges, err);
    if (status == DIFFD_OK)
      status = compare_in_memory(run, err);
    else if (status == DIFFD_NOT_FOUND)
      status = compare_by_partitions(run, records, err);
    else
      diffd_partitions_destroy(records);
  }
  diffd_edge_table_destroy(run->edges);
  run->edges = NULL;
  if (status == DIFFD_OK)
    status = diffd_diff_write_nodes(run, err);
  if (status == DIFFD_OK)
    status = diffd_source_check_unchanged(run->previous, err);
  if (status == DIFFD_OK)
    status = diffd_source_check_unchanged(run->next, err);
  return status;
}

/* A graph that can be read once only is kept, and gets a share of the memory that may grow for it. */
static enum diffd_status open_source(struct diffd_diff_run *run, struct diffd_reader *reader,
                                     const char *name, uint64_t share_bytes, struct diffd_source **ret,
                                     struct diffd_error *err) {
  if (diffd_reader_file(reader) < 0)
    run->budget.limit_bytes -= share_bytes;
  return diffd_source_open(run->ctx, reader, name, run->options->tmp_dir, share_bytes, ret, err);
}

static enum diffd_status open_run(struct diffd_diff_run *run, struct diffd_reader **previous,
                                  struct diffd_reader **next, struct diffd_error *err) {
  const struct diffd_diff_options *options = run->options;
  uint64_t share_bytes = run->budget.limit_bytes / 4;
  struct diffd_reader *reader = *previous;
  *previous = NULL;
  enum diffd_status status =
      open_source(run, reader, previous_name(options), share_bytes, &run->previous, err);
  if (status != DIFFD_OK)
    return status;
  reader = *next;
  *next = NULL;
  status = open_source(run, reader, next_name(options), share_bytes, &run->next, err);
  if (status == DIFFD_OK)
    status = diffd_node_set_new(run->threads, &run->pool, options->tmp_dir, &run->nodes, err);
  return status;
}

/* Blocks of a size that buffers have room for. */
static size_t block_len(const struct diffd_diff_options *options) {
  if (options->block_bytes == 0 || options->block_bytes > DIFFD_BLOCK_LEN_MAX)
    return DIFFD_BLOCK_LEN_MAX;
  return options->block_bytes < DIFFD_BLOCK_LEN_MIN ? DIFFD_BLOCK_LEN_MIN : options->block_bytes;
}

/* What may grow with the graphs: the limit, less what the threads need whatever the graphs are. */
static uint64_t growing_bytes(const struct diffd_diff_options *options, unsigned threads) {
  enum { THREAD_BYTES = 6 * 1024 * 1024 };
  uint64_t limit = options->memory_limit_bytes;
  if (limit == 0)
    limit = diffd_memory_size() / 2;
  uint64_t fixed = (uint64_t)threads * THREAD_BYTES;
  return fixed < limit - limit / 4 ? limit - fixed : limit / 4;
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
  enum diffd_status status = diffd_canon_choose(options->kernel, &run.kernel, err);
  if (status != DIFFD_OK)
    return status;
  run.budget.limit_bytes = growing_bytes(options, run.threads);
  diffd_chunk_pool_init(&run.pool, &run.budget);
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
  diffd_chunk_pool_clean_up(&run.pool);
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
