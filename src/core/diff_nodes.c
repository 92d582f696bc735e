/* SPDX-License-Identifier: Apache-2.0
 *
 * The last step of a diff: one statement for each node that the changed edges touch.
 *
 * Only the parts of both graphs where node statements stand are read again, and of what is found there only
 * the place of the one that wins is kept.
 */
#include <stdlib.h>
#include <string.h>

#include "core/diff_run.h"
#include "core/node_write.h"
#include "core/reread.h"
#include "core/threads.h"

struct find {
  struct diffd_diff_run *run;
  size_t next_region; /* atomic; previous's first, then next's */
};

static enum diffd_status note_items(struct diffd_diff_run *run, unsigned thread,
                                    const struct diffd_block *block, bool in_next, struct diffd_error *err) {
  enum { LOOK_AHEAD = 16 }; /* whose memory is on its way */
  enum diffd_status status = DIFFD_OK;
  for (size_t i = 0; i < block->item_count && i < LOOK_AHEAD; i++)
    diffd_node_set_prefetch(run->nodes, block->items[i].key);
  for (size_t i = 0; status == DIFFD_OK && i < block->item_count; i++) {
    if (i + LOOK_AHEAD < block->item_count)
      diffd_node_set_prefetch(run->nodes, block->items[i + LOOK_AHEAD].key);
    status = diffd_node_set_note(run->nodes, thread, block->items[i].key,
                                 diffd_node_rank(in_next, block->items[i].begin), err);
  }
  return status;
}

/* Cuts a loaded piece of a region after its last newline, so that lines stay whole. */
static void keep_whole_lines(struct diffd_block *block) {
  const char *newline = block->len > 0 ? memrchr(block->text, '\n', block->len) : NULL;
  if (newline != NULL)
    block->stop = (size_t)(newline - block->text) + 1;
}

/* Reads on until the statement that may be open at a region's end is handed over, which takes the token after
 * it: what looks like a node may be the source of an edge. Whatever else is found on the way is found twice,
 * and does no harm. */
static enum diffd_status read_open_statement(struct diffd_diff_run *run, unsigned thread,
                                             struct diffd_block *block, bool in_next,
                                             struct diffd_error *err) {
  uint64_t edges = block->edges;
  while (block->in_general && !diffd_dot_parser_closed(block->general->parser)) {
    uint64_t begin = block->base + block->stop;
    uint64_t end = begin + DIFFD_REREAD_WINDOW_MAX;
    enum diffd_status status = diffd_block_load_range(block, begin, &end, err);
    if (status != DIFFD_OK || block->len == 0)
      return status;
    status = diffd_block_parse(block, err);
    if (status == DIFFD_OK)
      status = note_items(run, thread, block, in_next, err);
    if (status != DIFFD_OK || block->item_count > 0 || block->edges > edges)
      return status;
  }
  return DIFFD_OK;
}

static enum diffd_status read_region(struct diffd_diff_run *run, unsigned thread, struct diffd_block *block,
                                     const struct diffd_node_region *region, bool in_next,
                                     struct diffd_error *err) {
  /* A canonical line begins with a tab, before the statement. Anything else there is not this statement's. */
  char before;
  size_t got = 0;
  enum diffd_status status = diffd_source_read(block->source, region->begin - 1, &before, 1, &got, err);
  uint64_t begin = status == DIFFD_OK && got == 1 && before == '\t' ? region->begin - 1 : region->begin;
  block->in_general = false;
  block->edges = 0;
  while (status == DIFFD_OK && begin < region->end) {
    uint64_t end = region->end;
    status = diffd_block_load_range(block, begin, &end, err);
    if (status != DIFFD_OK || block->len == 0)
      break;
    if (end < region->end)
      keep_whole_lines(block);
    status = diffd_block_parse(block, err);
    if (status == DIFFD_OK)
      status = note_items(run, thread, block, in_next, err);
    begin = block->base + block->stop;
  }
  if (status == DIFFD_OK)
    status = read_open_statement(run, thread, block, in_next, err);
  if (status == DIFFD_BAD_GRAPH)
    return diffd_fail(err, DIFFD_IO,
                      "a graph was changed while it was read; try again when nobody writes to it");
  return status;
}

static enum diffd_status find_in_regions(struct find *find, unsigned thread, struct diffd_block blocks[2],
                                         struct diffd_error *err) {
  struct diffd_diff_run *run = find->run;
  size_t previous_count = run->previous_scan.node_region_count;
  size_t count = previous_count + run->next_scan.node_region_count;
  for (;;) {
    size_t at = __atomic_fetch_add(&find->next_region, 1, __ATOMIC_RELAXED);
    if (at >= count)
      return DIFFD_OK;
    if (diffd_context_cancelled(run->ctx))
      return diffd_fail(err, DIFFD_CANCELLED, "stopped while looking for nodes");
    bool in_next = at >= previous_count;
    const struct diffd_node_region *region =
        in_next ? &run->next_scan.node_regions[at - previous_count] : &run->previous_scan.node_regions[at];
    enum diffd_status status = read_region(run, thread, &blocks[in_next], region, in_next, err);
    if (status != DIFFD_OK)
      return status;
  }
}

static void find_statements(void *arg, unsigned thread) {
  struct find *find = arg;
  struct diffd_diff_run *run = find->run;
  struct diffd_error err;
  struct diffd_block blocks[2] = {0};
  enum diffd_status status = diffd_block_init(&blocks[0], run->previous, &run->keyer, run->kernel,
                                              run->block_len, DIFFD_WANT_NODES, &err);
  if (status == DIFFD_OK)
    status = diffd_block_init(&blocks[1], run->next, &run->keyer, run->kernel, run->block_len,
                              DIFFD_WANT_NODES, &err);
  if (status == DIFFD_OK)
    status = find_in_regions(find, thread, blocks, &err);
  if (status != DIFFD_OK)
    diffd_diff_run_fail(run, status, &err);
  diffd_block_clean_up(&blocks[0]);
  diffd_block_clean_up(&blocks[1]);
}

static enum diffd_status add_ranks(void *arg, uint64_t *ranks, size_t count, struct diffd_error *err) {
  return diffd_node_write_add(arg, ranks, count, err);
}

enum diffd_status diffd_diff_write_nodes(struct diffd_diff_run *run, struct diffd_error *err) {
  if (run->counts.added + run->counts.removed == 0)
    return DIFFD_OK;
  struct find find = {.run = run};
  diffd_run_threads(run->threads, find_statements, &find);
  enum diffd_status status = diffd_diff_run_result(run, err);
  struct diffd_node_write *write = NULL;
  if (status == DIFFD_OK)
    status = diffd_node_write_new(run, &write, err);
  if (status == DIFFD_OK)
    status = diffd_node_set_take_ranks(run->nodes, (uint64_t)diffd_source_size(run->previous),
                                       (uint64_t)diffd_source_size(run->next), add_ranks, write, err);
  if (status == DIFFD_OK)
    status = diffd_node_write_finish(write, err);
  diffd_node_write_destroy(write);
  return status;
}
