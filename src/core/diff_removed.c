/* SPDX-License-Identifier: Apache-2.0
 *
 * Step 3 of a diff: the edges of previous that next lacks, in previous's order.
 *
 * The table holds them in the order of their keys. Their places are dealt out to blocks of the text; within a
 * block a bit for each byte puts them in order, so that nothing is sorted.
 */
#include <stdlib.h>
#include <string.h>

#include "core/change_emit.h"
#include "core/diff_run.h"
#include "core/threads.h"

enum {
  FEW = 48, /* up to here a block's edges are read one by one, beyond it the block is read in windows */
  EDGE_LEN = 1024, /* what is read for one of them */
  BIT_WORDS = DIFFD_BLOCK_LEN_MAX / 64,
};

struct removed {
  struct diffd_diff_run *run;
  size_t block_count;
  uint64_t *begin;    /* where each block's places begin in `places`; one more at the end */
  uint64_t *cursor;   /* atomic; where the next place of a block goes */
  uint32_t *places;   /* offsets in their block */
  unsigned partition; /* atomic; the next to look at */
  uint64_t block;     /* atomic; the next to write */
};

static void count_place(void *arg, uint64_t position) {
  struct removed *removed = arg;
  __atomic_fetch_add(&removed->cursor[position / removed->run->block_len], 1, __ATOMIC_RELAXED);
}

static void deal_place(void *arg, uint64_t position) {
  struct removed *removed = arg;
  uint64_t at = __atomic_fetch_add(&removed->cursor[position / removed->run->block_len], 1, __ATOMIC_RELAXED);
  removed->places[at] = (uint32_t)(position % removed->run->block_len);
}

static void each_partition(struct removed *removed, void (*each)(void *arg, uint64_t position)) {
  for (;;) {
    unsigned partition = __atomic_fetch_add(&removed->partition, 1, __ATOMIC_RELAXED);
    if (partition >= DIFFD_EDGE_PARTITIONS)
      return;
    diffd_edge_table_each_unseen(removed->run->edges, partition, each, removed);
  }
}

static void count_places(void *arg, unsigned thread) {
  (void)thread;
  each_partition(arg, count_place);
}

static void deal_places(void *arg, unsigned thread) {
  (void)thread;
  each_partition(arg, deal_place);
}

static enum diffd_status collect_places(struct removed *removed, struct diffd_error *err) {
  size_t blocks = removed->block_count;
  removed->begin = malloc((blocks + 1) * sizeof *removed->begin);
  removed->cursor = calloc(blocks + 1, sizeof *removed->cursor);
  if (removed->begin == NULL || removed->cursor == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the places of removed edges");
  diffd_run_threads(removed->run->threads, count_places, removed);
  uint64_t total = 0;
  for (size_t i = 0; i <= blocks; i++) {
    uint64_t count = removed->cursor[i];
    removed->begin[i] = removed->cursor[i] = total;
    total += count;
  }
  removed->places = malloc((total + 1) * sizeof *removed->places);
  if (removed->places == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the places of %llu removed edges",
                      (unsigned long long)total);
  removed->partition = 0;
  diffd_run_threads(removed->run->threads, deal_places, removed);
  removed->run->counts.removed = total;
  return DIFFD_OK;
}

static enum diffd_status write_block(struct removed *removed, uint64_t block, uint64_t *bits,
                                     struct diffd_change_emit *emit, struct diffd_ordered_out *out,
                                     struct diffd_error *err) {
  uint64_t begin = removed->begin[block];
  uint64_t end = removed->begin[block + 1];
  enum diffd_status status = DIFFD_OK;
  emit->reread.window_len = end - begin > FEW ? DIFFD_REREAD_WINDOW_MAX : EDGE_LEN;
  for (uint64_t i = begin; i < end; i++)
    bits[removed->places[i] / 64] |= (uint64_t)1 << (removed->places[i] % 64);
  for (size_t word = 0; begin < end && word < BIT_WORDS; word++) {
    for (; bits[word] != 0 && status == DIFFD_OK; bits[word] &= bits[word] - 1) {
      uint64_t place = word * 64 + (uint64_t)__builtin_ctzll(bits[word]);
      status = diffd_change_emit_edge(emit, block * removed->run->block_len + place, out, err);
    }
    bits[word] = 0;
  }
  return status;
}

static void write_blocks(void *arg, unsigned thread) {
  (void)thread;
  struct removed *removed = arg;
  struct diffd_diff_run *run = removed->run;
  struct diffd_error err;
  struct diffd_change_emit emit;
  struct diffd_ordered_out out = diffd_ordered_out_init(&run->ordered);
  enum diffd_status status = diffd_change_emit_init(&emit, run->previous, run->line_scan, &run->keyer,
                                                    run->nodes, run->sink, DIFFD_REMOVED, &err);
  uint64_t *bits = calloc(BIT_WORDS, sizeof *bits);
  if (status == DIFFD_OK && bits == NULL)
    status = diffd_fail(&err, DIFFD_NO_MEMORY, "no memory to order removed edges");
  while (status == DIFFD_OK) {
    out.number = __atomic_fetch_add(&removed->block, 1, __ATOMIC_RELAXED);
    if (out.number >= removed->block_count)
      break;
    if (diffd_context_cancelled(run->ctx))
      status = diffd_fail(&err, DIFFD_CANCELLED, "stopped while writing removed edges");
    else
      status = write_block(removed, out.number, bits, &emit, &out, &err);
    if (status == DIFFD_OK)
      status = diffd_ordered_out_done(&out, &err);
  }
  if (status != DIFFD_OK)
    diffd_diff_run_fail(run, status, &err);
  free(bits);
  diffd_buffer_clean_up(&out.bytes);
  diffd_change_emit_clean_up(&emit);
}

enum diffd_status diffd_diff_write_removed(struct diffd_diff_run *run, struct diffd_error *err) {
  struct removed removed = {.run = run};
  removed.block_count = (size_t)diffd_source_size(run->previous) / run->block_len + 1;
  enum diffd_status status = collect_places(&removed, err);
  if (status == DIFFD_OK && run->counts.removed > 0) {
    diffd_diff_run_begin_ordered(run);
    diffd_run_threads(run->threads, write_blocks, &removed);
    diffd_diff_run_end_ordered(run);
    status = diffd_diff_run_result(run, err);
  }
  free(removed.begin);
  free(removed.cursor);
  free(removed.places);
  return status;
}
