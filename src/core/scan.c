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
  bool ended;                  /* the source's end was read */
  bool beyond;                 /* somebody found nothing where a block would be: no block comes any more */
  struct diffd_scan_result result;
  size_t node_region_cap;

  pthread_mutex_t failure_lock;
  enum diffd_status status;
  struct diffd_error error;
  bool has_place;
  uint64_t error_offset;
};

/* A block that was read on a guess. */
struct guess {
  struct diffd_block block;
  uint64_t number;
  bool waits; /* for its turn to be confirmed */
  enum diffd_status status;
  struct diffd_error error;
};

struct worker {
  struct diffd_ordered_out out;
  bool out_waits; /* for its turn to be written */
  struct scan *scan;
  unsigned thread;
  /* Two, so that while one waits for its turn the next is read: what another thread is late by costs this one
   * nothing, unless it is a whole block. */
  struct guess guesses[2];
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

/* Hands over the items that there are. */
static enum diffd_status hand_over(struct worker *worker, struct diffd_block *block,
                                   struct diffd_error *err) {
  const struct diffd_scan_pass *pass = worker->scan->pass;
  enum diffd_status status = DIFFD_OK;
  if (block->item_count > 0)
    status = pass->process(pass->arg, worker->thread, block, &worker->out, err);
  block->item_count = 0;
  return status == DIFFD_OK ? diffd_ordered_out_relieve(&worker->out, err) : status;
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

/* Settles whether the guess about the block's beginning was right, and reads it again if not. */
static enum diffd_status settle_guess(struct scan *scan, struct guess *guess, struct diffd_error *err) {
  struct diffd_block *block = &guess->block;
  if (scan->carry == NULL) {
    *err = guess->error;
    return guess->status;
  }
  bool found = block->edges > 0 || block->first_node != UINT64_MAX;
  if (guess->status == DIFFD_OK && found && diffd_dot_parser_between_statements(scan->carry->parser)) {
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

static enum diffd_status fail_changed(const struct scan *scan, struct diffd_error *err) {
  return diffd_fail(err, DIFFD_IO, "%s was changed while it was read; try again when nobody writes to it",
                    scan->options->name);
}

/* The step that blocks take in order. */
static enum diffd_status confirm_block(struct worker *worker, struct guess *guess, struct diffd_error *err) {
  struct scan *scan = worker->scan;
  struct diffd_block *block = &guess->block;
  if (scan->ended || scan->beyond)
    return fail_changed(scan, err);
  enum diffd_status status = settle_guess(scan, guess, err);
  while (status == DIFFD_OK && block->tail) {
    /* Still in turn, so that a line of any length needs no more memory than a block. */
    status = count_block(scan, block, err);
    if (status == DIFFD_OK)
      status = hand_over(worker, block, err);
    if (status == DIFFD_OK && diffd_context_cancelled(scan->options->ctx))
      status = diffd_fail(err, DIFFD_CANCELLED, "stopped while reading %s", scan->options->name);
    if (status == DIFFD_OK)
      status = diffd_block_parse_tail(block, err);
  }
  if (status == DIFFD_OK && block->last) {
    scan->ended = true;
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

/* Writes what is left of the last block's output, which ends its turn. */
static enum diffd_status end_output(struct worker *worker, struct diffd_error *err) {
  if (!worker->out_waits)
    return DIFFD_OK;
  worker->out_waits = false;
  return diffd_ordered_out_done(&worker->out, err);
}

/* Confirms a block in its turn and hands it over. What an earlier block has to write is written before, so
 * that a turn to confirm never waits for a turn to write that this very thread has to end: the lowest number
 * that is anywhere to be found is always on its way. */
static enum diffd_status finish_block(struct worker *worker, struct guess *guess, struct diffd_error *err) {
  struct scan *scan = worker->scan;
  struct diffd_block *block = &guess->block;
  guess->waits = false;
  enum diffd_status status = end_output(worker, err);
  if (status != DIFFD_OK)
    return status;
  if (!diffd_turns_wait(&scan->confirm, guess->number))
    return diffd_fail(err, DIFFD_CANCELLED, "another thread failed");
  worker->out.number = guess->number;
  status = confirm_block(worker, guess, err);
  if (status != DIFFD_OK) {
    fail_scan(scan, status, err, true, block->error_offset);
    return status;
  }
  diffd_turns_next(&scan->confirm);
  if (scan->options->progress != NULL)
    scan->options->progress(scan->options->progress_arg, block->stop - block->start);
  status = hand_over(worker, block, err);
  if (status != DIFFD_OK || scan->pass->ordered == NULL)
    return status;
  worker->out_waits = true;
  return diffd_turns_come(&scan->pass->ordered->turns, guess->number) ? end_output(worker, err) : DIFFD_OK;
}

/* Reads the next block, or tells by false in *ret_more that there is none. */
static enum diffd_status read_block(struct scan *scan, struct guess *guess, bool *ret_more,
                                    struct diffd_error *err) {
  guess->number = __atomic_fetch_add(&scan->next_block, 1, __ATOMIC_RELAXED);
  if (diffd_context_cancelled(scan->options->ctx))
    return diffd_fail(err, DIFFD_CANCELLED, "stopped while reading %s", scan->options->name);
  struct diffd_block *block = &guess->block;
  enum diffd_status status = diffd_block_load(block, guess->number, err);
  *ret_more = status == DIFFD_OK && !block->past_end;
  if (status != DIFFD_OK || block->past_end)
    return status;
  block->in_general = guess->number == 0; /* only the first block begins before the brace */
  guess->status = diffd_block_parse(block, &guess->error);
  if (guess->status == DIFFD_OK || guess->status == DIFFD_BAD_GRAPH)
    return DIFFD_OK;
  *err = guess->error;
  return guess->status;
}

/* Lets those by who wait for a number that turned out to be beyond the end. There are some where a file grows
 * while it is read. */
static void skip_turn(struct scan *scan, uint64_t number) {
  struct diffd_ordered *ordered = scan->pass->ordered;
  if (diffd_turns_wait(&scan->confirm, number)) {
    scan->beyond = true;
    diffd_turns_next(&scan->confirm);
  }
  if (ordered != NULL && diffd_turns_wait(&ordered->turns, number))
    diffd_turns_next(&ordered->turns);
}

static enum diffd_status read_blocks(struct worker *worker, struct diffd_error *err) {
  struct guess *now = &worker->guesses[0];
  struct guess *before = &worker->guesses[1];
  enum diffd_status status = DIFFD_OK;
  bool more = true;
  while (status == DIFFD_OK && more) {
    status = read_block(worker->scan, now, &more, err);
    if (status == DIFFD_OK && before->waits)
      status = finish_block(worker, before, err);
    if (status != DIFFD_OK || !more)
      break;
    if (diffd_turns_come(&worker->scan->confirm, now->number)) {
      status = finish_block(worker, now, err);
    } else {
      now->waits = true;
      struct guess *other = before;
      before = now;
      now = other;
    }
  }
  if (status == DIFFD_OK && before->waits)
    status = finish_block(worker, before, err);
  if (status == DIFFD_OK)
    status = end_output(worker, err);
  if (status == DIFFD_OK)
    skip_turn(worker->scan, now->number);
  return status;
}

static void run_worker(void *arg, unsigned thread) {
  struct scan *scan = arg;
  const struct diffd_scan_options *options = scan->options;
  struct diffd_error err = {.status = DIFFD_OK};
  struct worker worker = {.scan = scan, .thread = thread, .out = diffd_ordered_out_init(scan->pass->ordered)};
  unsigned blocks = options->threads > 1 ? 2 : 1; /* one thread alone never waits */
  enum diffd_status status = DIFFD_OK;
  for (unsigned i = 0; i < blocks && status == DIFFD_OK; i++)
    status = diffd_block_init(&worker.guesses[i].block, scan->source, options->keyer, options->kernel,
                              options->block_len, DIFFD_WANT_EDGES, &err);
  if (status == DIFFD_OK)
    status = read_blocks(&worker, &err);
  if (status != DIFFD_OK)
    fail_scan(scan, status, &err, false, 0);
  for (unsigned i = 0; i < blocks; i++)
    diffd_block_clean_up(&worker.guesses[i].block);
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
  if (status == DIFFD_OK && !scan.ended)
    status = fail_changed(&scan, err);
  if (status == DIFFD_OK)
    *ret = scan.result;
  else
    free(scan.result.node_regions);
  diffd_general_destroy(scan.carry);
  pthread_mutex_destroy(&scan.failure_lock);
  diffd_turns_clean_up(&scan.confirm);
  return status;
}
