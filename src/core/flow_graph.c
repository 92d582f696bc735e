/* SPDX-License-Identifier: Apache-2.0
 *
 * The build of a graph: threads read inputs into a digest each, the digests are put into one order and
 * sorted, and the sorted runs are merged.
 */
#include "core/flow_graph.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory_size.h"
#include "base/thread.h"
#include "core/flow_edges.h"
#include "core/flow_merge.h"
#include "core/flow_read.h"
#include "core/flow_sort.h"
#include "core/flow_spill.h"
#include "core/threads.h"

enum {
  DIGEST_MIN = 1 << 20, /* bytes; with less, runs would be too many */
  ARRAY_MIN = 1 << 20,  /* bytes */
};

struct build;

/* One thread, its digest, and how it ended. */
struct worker {
  struct build *build;
  size_t number;
  pthread_t thread;
  struct diffd_flow_digest digest;
  struct diffd_flow_spill spill;
  struct diffd_flow_counts counts;
  enum diffd_status status;
  struct diffd_error err;
};

struct build {
  const struct diffd_context *ctx;
  const struct diffd_flow_options *options;
  const struct diffd_flow_input *inputs;
  size_t input_count;
  const struct diffd_flow_kernel *kernel;
  struct diffd_flow_hash_key key;
  struct diffd_flow_room room;
  uint64_t digest_max_bytes; /* of each thread; 0: none */
  _Atomic size_t next_input;
  _Atomic bool failed;
  _Atomic uint64_t stored_bytes;
  struct diffd_flow_order *order;
  struct worker *workers;
  size_t worker_count;
};

/* Runs `work` for each worker, the first of them on this thread. Fails as the first failed worker did. */
static enum diffd_status for_each_worker(struct build *build, void *(*work)(void *worker),
                                         struct diffd_error *err) {
  size_t started = 1;
  struct diffd_error ignored;
  for (; started < build->worker_count; started++)
    if (diffd_thread_start(&build->workers[started].thread, work, &build->workers[started], &ignored) !=
        DIFFD_OK)
      break;
  (void)work(&build->workers[0]);
  for (size_t i = 1; i < started; i++)
    (void)pthread_join(build->workers[i].thread, NULL);
  /* What got no thread is done here. */
  for (size_t i = started; i < build->worker_count; i++)
    (void)work(&build->workers[i]);
  for (size_t i = 0; i < build->worker_count; i++)
    if (build->workers[i].status != DIFFD_OK) {
      *err = build->workers[i].err;
      return build->workers[i].status;
    }
  return DIFFD_OK;
}

static void *read_inputs(void *arg) {
  struct worker *worker = arg;
  struct build *build = worker->build;
  struct diffd_flow_read *read = NULL;
  struct diffd_flow_read_setup setup = {.ctx = build->ctx,
                                        .options = build->options,
                                        .digest = &worker->digest,
                                        .kernel = build->kernel,
                                        .stored_bytes = &build->stored_bytes};
  worker->status = diffd_flow_read_new(&setup, &read, &worker->err);
  while (worker->status == DIFFD_OK && !atomic_load(&build->failed)) {
    size_t input = atomic_fetch_add(&build->next_input, 1);
    if (input >= build->input_count)
      break;
    worker->status = diffd_flow_read_input(read, &build->inputs[input], &worker->err);
  }
  if (worker->status == DIFFD_OK)
    worker->status = diffd_flow_digest_flush(&worker->digest, &worker->err);
  if (worker->status == DIFFD_OK)
    worker->counts = diffd_flow_read_counts(read);
  else
    atomic_store(&build->failed, true);
  diffd_flow_read_destroy(read);
  return NULL;
}

static void *translate_and_sort(void *arg) {
  struct worker *worker = arg;
  struct diffd_flow_digest *digest = &worker->digest;
  diffd_flow_digest_free_index(digest);
  diffd_flow_order_translate(worker->build->order, worker->number, digest->entries, digest->entries,
                             digest->used);
  diffd_flow_sort(digest->entries, digest->used);
  return NULL;
}

/* Once one thread's digest did not fit into memory, what is left of all goes to runs as well. */
static enum diffd_status spill_rest(struct build *build, bool *ret_spilled, struct diffd_error *err) {
  bool spilled = false;
  for (size_t i = 0; i < build->worker_count; i++)
    spilled |= build->workers[i].spill.count > 0;
  for (size_t i = 0; spilled && i < build->worker_count; i++) {
    struct worker *worker = &build->workers[i];
    enum diffd_status status = diffd_flow_spill_digest(&worker->spill, &worker->digest, err);
    if (status != DIFFD_OK)
      return status;
    diffd_flow_digest_free_table(&worker->digest);
  }
  *ret_spilled = spilled;
  return DIFFD_OK;
}

static enum diffd_status make_order(struct build *build, struct diffd_error *err) {
  const struct diffd_flow_digest *digests[DIFFD_THREADS_MAX];
  for (size_t i = 0; i < build->worker_count; i++) {
    const struct diffd_flow_spill *spill = &build->workers[i].spill;
    digests[i] = &build->workers[i].digest;
    enum diffd_status status =
        diffd_flow_nodes_add_entries(&build->order->nodes, digests[i]->entries, digests[i]->used, err);
    for (size_t k = 0; status == DIFFD_OK && k < spill->count; k++)
      status = diffd_flow_nodes_add_entries(&build->order->nodes, spill->runs[k].pages.ptr,
                                            spill->runs[k].count, err);
    if (status != DIFFD_OK)
      return status;
  }
  return diffd_flow_order_make(build->order, build->options->node_ids, digests, build->worker_count, err);
}

/* The sorted entries of all workers, in memory and in files. The caller frees *ret. */
static enum diffd_status list_runs(const struct build *build, struct diffd_flow_run **ret, size_t *ret_count,
                                   uint64_t *ret_entries, struct diffd_error *err) {
  size_t room = build->worker_count, count = 0;
  for (size_t i = 0; i < build->worker_count; i++)
    room += build->workers[i].spill.count;
  struct diffd_flow_run *runs = calloc(room + 1, sizeof *runs);
  if (runs == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to merge %zu parts of a graph", room);
  *ret_entries = 0;
  for (size_t i = 0; i < build->worker_count; i++) {
    const struct worker *worker = &build->workers[i];
    if (worker->digest.used > 0)
      runs[count++] = (struct diffd_flow_run){worker->digest.entries, worker->digest.used, i, true};
    for (size_t k = 0; k < worker->spill.count; k++)
      runs[count++] =
          (struct diffd_flow_run){worker->spill.runs[k].pages.ptr, worker->spill.runs[k].count, i, false};
  }
  for (size_t i = 0; i < count; i++)
    *ret_entries += runs[i].count;
  *ret = runs;
  *ret_count = count;
  return DIFFD_OK;
}

/* What one worker has in memory is the graph as it is. */
static void take_table(struct build *build, struct diffd_flow_edges *edges) {
  struct worker *worker = &build->workers[0];
  for (size_t i = 0; i < build->worker_count; i++)
    if (build->workers[i].digest.used > 0)
      worker = &build->workers[i];
  edges->pages = worker->digest.pages;
  edges->count = worker->digest.used;
  worker->digest.pages = (struct diffd_flow_pages){0};
}

static enum diffd_status merge_workers(struct build *build, struct diffd_flow_edges *edges, bool spilled,
                                       struct diffd_error *err) {
  struct diffd_flow_run *runs = NULL;
  size_t run_count = 0;
  uint64_t entries = 0;
  enum diffd_status status = list_runs(build, &runs, &run_count, &entries, err);
  if (status != DIFFD_OK)
    return status;
  if (run_count <= 1 && !spilled) {
    take_table(build, edges);
  } else {
    size_t size = (entries + 1) * sizeof(struct diffd_flow_entry);
    status = spilled ? diffd_flow_pages_in_file(build->room.tmp_dir, size, &edges->pages, err)
                     : diffd_flow_pages_in_memory(size, &edges->pages, err);
    if (status == DIFFD_OK)
      status =
          diffd_flow_merge(build->ctx, build->order, runs, run_count, edges->pages.ptr, &edges->count, err);
  }
  free(runs);
  if (status != DIFFD_OK)
    return status;
  diffd_flow_pages_shrink(&edges->pages, edges->count * sizeof(struct diffd_flow_entry));
  edges->entries = edges->pages.ptr;
  if (build->order->nodes.node_of != NULL)
    diffd_flow_edges_sort_collided(&build->order->nodes, edges->pages.ptr, edges->count);
  return DIFFD_OK;
}

/* The window's times, and the counts of all workers. */
static void sum_up(const struct build *build, struct diffd_flow_edges *edges, struct diffd_flow_counts *ret) {
  struct diffd_flow_counts counts = {.edges = edges->count};
  int64_t start = INT64_MAX, end = INT64_MIN;
  for (size_t i = 0; i < build->worker_count; i++) {
    const struct worker *worker = &build->workers[i];
    counts.records += worker->counts.records;
    counts.outside += worker->counts.outside;
    counts.nodata += worker->counts.nodata;
    counts.skipdata += worker->counts.skipdata;
    counts.bad += worker->counts.bad;
    if (worker->digest.start < start)
      start = worker->digest.start;
    if (worker->digest.end > end)
      end = worker->digest.end;
  }
  edges->start = counts.records > 0 ? start : 0;
  edges->end = counts.records > 0 ? end : 0;
  *ret = counts;
}

static enum diffd_status run(struct build *build, struct diffd_flow_edges *edges,
                             struct diffd_flow_counts *ret, struct diffd_error *err) {
  bool spilled = false;
  build->order = &edges->order;
  enum diffd_status status = for_each_worker(build, read_inputs, err);
  if (status == DIFFD_OK)
    status = spill_rest(build, &spilled, err);
  if (status == DIFFD_OK)
    status = make_order(build, err);
  if (status == DIFFD_OK && !spilled)
    status = for_each_worker(build, translate_and_sort, err);
  if (status == DIFFD_OK)
    status = merge_workers(build, edges, spilled, err);
  if (status != DIFFD_OK)
    return status;
  diffd_flow_order_drop_lookups(build->order);
  sum_up(build, edges, ret);
  return DIFFD_OK;
}

static size_t count_workers(const struct diffd_flow_options *options, size_t input_count) {
  size_t count = diffd_thread_count(options->threads);
  if (count > input_count)
    count = input_count;
  return count > 0 ? count : 1;
}

/* A thread's digest, at its largest, has a third of the thread's share: to put it in order takes as much
 * again, and what is the same for all graphs the rest. An array of all addresses has an eighth of all, then
 * goes to a file. */
static void divide_memory(struct build *build, size_t threads) {
  uint64_t limit = build->options->memory_limit_bytes;
  build->room.tmp_dir = build->options->tmp_dir != NULL ? build->options->tmp_dir : "/tmp";
  if (limit == 0)
    limit = diffd_memory_size() / 2;
  build->room.array_max_bytes = limit / 8 < ARRAY_MIN ? ARRAY_MIN : limit / 8;
  build->digest_max_bytes = limit / threads / 3;
  if (build->digest_max_bytes < DIGEST_MIN)
    build->digest_max_bytes = DIGEST_MIN;
}

static enum diffd_status start_workers(struct build *build, size_t count, struct diffd_error *err) {
  build->workers = calloc(count, sizeof *build->workers);
  if (build->workers == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for %zu threads", count);
  for (size_t i = 0; i < count; i++) {
    struct worker *worker = &build->workers[i];
    worker->build = build;
    worker->number = i;
    worker->spill =
        (struct diffd_flow_spill){.key = &build->key, .ids = build->options->node_ids, .room = build->room};
    build->worker_count++; /* from here on it is cleaned up, however far it came */
    enum diffd_status status = diffd_flow_digest_init(&worker->digest, &build->key, err);
    if (status != DIFFD_OK)
      return status;
    worker->digest.memory_max_bytes = build->digest_max_bytes;
    worker->digest.spill = diffd_flow_spill_digest;
    worker->digest.spill_arg = &worker->spill;
  }
  return DIFFD_OK;
}

enum diffd_status diffd_flow_graph_build(const struct diffd_context *ctx,
                                         const struct diffd_flow_input *inputs, size_t input_count,
                                         const struct diffd_flow_options *options, struct diffd_edges **ret,
                                         struct diffd_flow_counts *ret_counts, struct diffd_error *err) {
  struct build build = {.ctx = ctx, .options = options, .inputs = inputs, .input_count = input_count};
  struct diffd_flow_edges *edges = NULL;
  build.kernel = diffd_flow_kernel_find(options->kernel);
  if (build.kernel == NULL)
    return diffd_fail(err, DIFFD_INVALID, "this CPU has no kernel named %s: use scalar", options->kernel);
  diffd_flow_hash_key_init(&build.key, options->seed);
  size_t threads = count_workers(options, input_count);
  divide_memory(&build, threads);
  enum diffd_status status = diffd_flow_edges_new(&build.key, build.room, &edges, err);
  if (status == DIFFD_OK)
    status = start_workers(&build, threads, err);
  if (status == DIFFD_OK)
    status = run(&build, edges, ret_counts, err);
  for (size_t i = 0; i < build.worker_count; i++) {
    diffd_flow_digest_clean_up(&build.workers[i].digest);
    diffd_flow_spill_clean_up(&build.workers[i].spill);
  }
  free(build.workers);
  if (status == DIFFD_OK)
    *ret = &edges->base;
  else if (edges != NULL)
    diffd_edges_destroy(&edges->base);
  return status;
}
