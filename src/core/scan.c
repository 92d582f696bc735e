/* SPDX-License-Identifier: Apache-2.0 */
#include "core/scan.h"

#include <stdlib.h>
#include <string.h>

#include "core/threads.h"
#include "core/turns.h"

struct scan {
  struct diffd_source *source;
  const struct diffd_scan_options *options;
  const struct diffd_scan_pass *pass;
  uint64_t next_block; /* atomic */

  struct diffd_turns confirm;  /* its turn guards what follows */
  struct diffd_general *carry; /* the general reader that is inside a statement at the last block's end */
  struct diffd_scan_result result;
  size_t node_region_cap;

  pthread_mutex_t failure_lock;
  enum diffd_status status;
  struct diffd_error error;
  bool has_place;
  uint64_t error_offset;
};

struct worker {
  struct diffd_ordered_out out;
  struct scan *scan;
  unsigned thread;
  struct diffd_block block;
};

/* Keeps the failure, and lets nobody wait for a turn that will not come. The first to fail is told. */
static void fail_scan(struct scan *scan, enum diffd_status status, const struct diffd_error *err,
                      bool has_place, uint64_t offset) {
  pthread_mutex_lock(&scan->failure_lock);
  if (scan->status == DIFFD_OK) {
    scan->status = status;
    scan->error = *err;
    scan->has_place = has_place && status == DIFFD_BAD_GRAPH;
    scan->error_offset = offset;
  }
  pthread_mutex_unlock(&scan->failure_lock);
  diffd_turns_break(&scan->confirm);
  if (scan->pass->ordered != NULL)
    diffd_turns_break(&scan->pass->ordered->turns);
}

static enum diffd_status note_nodes(struct scan *scan, const struct diffd_block *block,
                                    struct diffd_error *err) {
  if (block->first_node == UINT64_MAX)
    return DIFFD_OK;
  if (scan->result.node_region_count == scan->node_region_cap) {
    size_t cap = 2 * scan->node_region_cap + 16;
    struct diffd_node_region *regions = realloc(scan->result.node_regions, cap * sizeof *regions);
    if (regions == NULL)
      return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the places of nodes");
    scan->result.node_regions = regions;
    scan->node_region_cap = cap;
  }
  scan->result.node_regions[scan->result.node_region_count++] =
      (struct diffd_node_region){block->first_node, block->base + block->stop};
  return DIFFD_OK;
}

/* Hands over the items that there are, and writes what comes of them. */
static enum diffd_status hand_over(struct worker *worker, struct diffd_error *err) {
  struct scan *scan = worker->scan;
  const struct diffd_scan_pass *pass = scan->pass;
  enum diffd_status status = DIFFD_OK;
  if (worker->block.item_count > 0)
    status = pass->process(pass->arg, worker->thread, &worker->block, &worker->out, err);
  worker->block.item_count = 0;
  return status == DIFFD_OK ? diffd_ordered_out_flush(&worker->out, err) : status;
}

/* Counts what the block has, in its turn. */
static enum diffd_status count_block(struct scan *scan, struct diffd_block *block, struct diffd_error *err) {
  scan->result.edges += block->edges;
  enum diffd_status status = note_nodes(scan, block, err);
  block->edges = 0;
  block->first_node = UINT64_MAX;
  return status;
}

/* Makes the block's general reader the one that the text before left open. */
static void adopt_carry(struct scan *scan, struct diffd_block *block) {
  diffd_general_destroy(block->general);
  block->general = scan->carry;
  scan->carry = NULL;
}

/* Settles whether the guess about the block's beginning was right, and reads it again if not. `guess` is how
 * the guess went, with its failure in *err. */
static enum diffd_status settle_guess(struct worker *worker, enum diffd_status guess,
                                      struct diffd_error *err) {
  struct scan *scan = worker->scan;
  struct diffd_block *block = &worker->block;
  if (scan->carry == NULL)
    return guess;
  bool found = block->edges > 0 || block->first_node != UINT64_MAX;
  if (guess == DIFFD_OK && found && diffd_dot_parser_between_statements(scan->carry->parser)) {
    /* The statement before is complete. It belongs in front of what was found here. */
    size_t count = block->item_count;
    scan->carry->owner = block;
    enum diffd_status status = diffd_dot_parser_cut(scan->carry->parser, err);
    if (status == DIFFD_OK && block->item_count > count) {
      struct diffd_item carried = block->items[count];
      memmove(block->items + 1, block->items, count * sizeof *block->items);
      block->items[0] = carried;
    }
    diffd_general_destroy(scan->carry);
    scan->carry = NULL;
    return status;
  }
  block->item_count = 0;
  block->edges = 0;
  block->first_node = UINT64_MAX;
  adopt_carry(scan, block);
  block->in_general = true;
  return diffd_block_parse(block, err);
}

/* The step that blocks take in order. */
static enum diffd_status confirm_block(struct worker *worker, enum diffd_status guess,
                                       struct diffd_error *err) {
  struct scan *scan = worker->scan;
  struct diffd_block *block = &worker->block;
  enum diffd_status status = settle_guess(worker, guess, err);
  while (status == DIFFD_OK && block->tail) {
    /* Still in turn, so that a line of any length needs no more memory than a block. */
    status = count_block(scan, block, err);
    if (status == DIFFD_OK)
      status = hand_over(worker, err);
    if (status == DIFFD_OK && diffd_context_cancelled(scan->options->ctx))
      status = diffd_fail(err, DIFFD_CANCELLED, "stopped while reading %s", scan->options->name);
    if (status == DIFFD_OK)
      status = diffd_block_parse_tail(block, err);
  }
  if (status == DIFFD_OK && block->last) {
    if (!block->in_general)
      diffd_dot_parser_enter_body(block->general->parser, block->base + block->stop);
    block->general->owner = block;
    status = diffd_dot_parser_finish(block->general->parser, err);
    if (status != DIFFD_OK)
      block->error_offset = diffd_dot_parser_error_offset(block->general->parser);
    block->in_general = false;
  }
  if (status == DIFFD_OK)
    status = count_block(scan, block, err);
  if (status != DIFFD_OK)
    return status;
  if (block->in_general) {
    scan->carry = block->general;
    block->general = NULL;
    return diffd_general_new(&block->general, err);
  }
  return DIFFD_OK;
}

static enum diffd_status process_block(struct worker *worker, struct diffd_error *err) {
  enum diffd_status status = hand_over(worker, err);
  if (status != DIFFD_OK || worker->scan->pass->ordered == NULL)
    return status;
  return diffd_ordered_out_done(&worker->out, err);
}

/* One block, or false in *ret_more where there is none. */
static enum diffd_status scan_block(struct worker *worker, bool *ret_more, struct diffd_error *err) {
  struct scan *scan = worker->scan;
  struct diffd_block *block = &worker->block;
  uint64_t number = __atomic_fetch_add(&scan->next_block, 1, __ATOMIC_RELAXED);
  worker->out.number = number;
  if (diffd_context_cancelled(scan->options->ctx))
    return diffd_fail(err, DIFFD_CANCELLED, "stopped while reading %s", scan->options->name);
  enum diffd_status status = diffd_block_load(block, number, err);
  *ret_more = status == DIFFD_OK && !block->past_end;
  if (status != DIFFD_OK || block->past_end)
    return status;
  block->in_general = number == 0; /* only the first block begins before the brace */
  enum diffd_status guess = diffd_block_parse(block, err);
  if (guess != DIFFD_OK && guess != DIFFD_BAD_GRAPH)
    return guess;
  if (!diffd_turns_wait(&scan->confirm, number))
    return diffd_fail(err, DIFFD_CANCELLED, "another thread failed");
  status = confirm_block(worker, guess, err);
  if (status != DIFFD_OK) {
    fail_scan(scan, status, err, true, block->error_offset);
    return status;
  }
  diffd_turns_next(&scan->confirm);
  if (scan->options->progress != NULL)
    scan->options->progress(scan->options->progress_arg, block->stop - block->start);
  return process_block(worker, err);
}

static void run_worker(void *arg, unsigned thread) {
  struct scan *scan = arg;
  struct diffd_error err = {.status = DIFFD_OK};
  struct worker worker = {.scan = scan, .thread = thread, .out = diffd_ordered_out_init(scan->pass->ordered)};
  enum diffd_status status =
      diffd_block_init(&worker.block, scan->source, scan->options->keyer, scan->options->kernel,
                       scan->options->block_len, DIFFD_WANT_EDGES, &err);
  bool more = true;
  while (status == DIFFD_OK && more)
    status = scan_block(&worker, &more, &err);
  if (status != DIFFD_OK)
    fail_scan(scan, status, &err, false, 0);
  diffd_block_clean_up(&worker.block);
  diffd_buffer_clean_up(&worker.out.bytes);
}

/* Puts name, line and column before the text of a failure at an offset. */
static enum diffd_status place_error(struct scan *scan, struct diffd_error *err) {
  struct diffd_dot_place place = {1, 1};
  char piece[4096];
  uint64_t at = 0;
  while (at < scan->error_offset) {
    struct diffd_error ignored;
    size_t len = scan->error_offset - at < sizeof piece ? (size_t)(scan->error_offset - at) : sizeof piece;
    if (diffd_source_read(scan->source, at, piece, len, &len, &ignored) != DIFFD_OK || len == 0)
      break;
    diffd_dot_place_advance(&place, piece, len);
    at += len;
  }
  return diffd_fail_within(err, "%s:%llu:%llu", scan->options->name, (unsigned long long)place.line,
                           (unsigned long long)place.column);
}

enum diffd_status diffd_scan(struct diffd_source *source, const struct diffd_scan_options *options,
                             const struct diffd_scan_pass *pass, struct diffd_scan_result *ret,
                             struct diffd_error *err) {
  struct scan scan = {.source = source, .options = options, .pass = pass};
  diffd_turns_init(&scan.confirm);
  pthread_mutex_init(&scan.failure_lock, NULL);
  diffd_run_threads(options->threads, run_worker, &scan);
  enum diffd_status status = scan.status;
  if (status != DIFFD_OK) {
    *err = scan.error;
    if (scan.has_place)
      status = place_error(&scan, err);
  }
  if (status == DIFFD_OK)
    status = diffd_source_check_unchanged(source, err);
  if (status == DIFFD_OK)
    *ret = scan.result;
  else
    free(scan.result.node_regions);
  diffd_general_destroy(scan.carry);
  pthread_mutex_destroy(&scan.failure_lock);
  diffd_turns_clean_up(&scan.confirm);
  return status;
}
