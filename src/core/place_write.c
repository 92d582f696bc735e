/* SPDX-License-Identifier: Apache-2.0 */
#include "core/place_write.h"

#include <stdlib.h>
#include <string.h>

#include "core/change_emit.h"
#include "core/threads.h"

enum {
  NEAR = 4096,     /* bytes; edges that are no further apart are read in one go: to read on costs less */
  EDGE_LEN = 1024, /* what is read for the last of them */
  BIT_WORDS = DIFFD_BLOCK_LEN_MAX / 64,
};

struct places {
  struct diffd_diff_run *run;
  struct diffd_source *source;
  enum diffd_change_status change;
  const struct diffd_place_feed *feed;
  uint64_t first_block;
  uint64_t block_count;
  uint64_t *begin;  /* where each block's places begin in `place`; one more at the end */
  uint64_t *cursor; /* atomic; where the next place of a block goes */
  uint32_t *place;  /* offsets in their block */
  unsigned part;    /* atomic; the next to look at */
  uint64_t block;   /* atomic; the next to write, from the first */
};

static uint64_t block_of(const struct places *places, uint64_t position) {
  return position / places->run->block_len - places->first_block;
}

static void count_place(void *arg, uint64_t position) {
  struct places *places = arg;
  __atomic_fetch_add(&places->cursor[block_of(places, position)], 1, __ATOMIC_RELAXED);
}

static void deal_place(void *arg, uint64_t position) {
  struct places *places = arg;
  uint64_t at = __atomic_fetch_add(&places->cursor[block_of(places, position)], 1, __ATOMIC_RELAXED);
  places->place[at] = (uint32_t)(position % places->run->block_len);
}

static void each_part(struct places *places, void (*place)(void *arg, uint64_t position)) {
  for (;;) {
    unsigned part = __atomic_fetch_add(&places->part, 1, __ATOMIC_RELAXED);
    if (part >= places->feed->part_count)
      return;
    places->feed->each(places->feed->arg, part, place, places);
  }
}

static void count_places(void *arg, unsigned thread) {
  (void)thread;
  each_part(arg, count_place);
}

static void deal_places(void *arg, unsigned thread) {
  (void)thread;
  each_part(arg, deal_place);
}

static enum diffd_status collect_places(struct places *places, uint64_t *ret_total, struct diffd_error *err) {
  uint64_t blocks = places->block_count;
  places->begin = malloc((blocks + 1) * sizeof *places->begin);
  places->cursor = calloc(blocks + 1, sizeof *places->cursor);
  if (places->begin == NULL || places->cursor == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the places of changed edges");
  diffd_run_threads(places->run->threads, count_places, places);
  uint64_t total = 0;
  for (uint64_t i = 0; i <= blocks; i++) {
    uint64_t count = places->cursor[i];
    places->begin[i] = places->cursor[i] = total;
    total += count;
  }
  places->place = malloc((total + 1) * sizeof *places->place);
  if (places->place == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the places of %llu changed edges",
                      (unsigned long long)total);
  places->part = 0;
  diffd_run_threads(places->run->threads, deal_places, places);
  *ret_total = total;
  return DIFFD_OK;
}

/* Puts a block's places in order. */
static void sort_places(uint32_t *place, size_t count, uint64_t *bits) {
  for (size_t i = 0; i < count; i++)
    bits[place[i] / 64] |= (uint64_t)1 << (place[i] % 64);
  size_t sorted = 0;
  for (size_t word = 0; sorted < count && word < BIT_WORDS; word++) {
    for (; bits[word] != 0; bits[word] &= bits[word] - 1)
      place[sorted++] = (uint32_t)(word * 64) + (uint32_t)__builtin_ctzll(bits[word]);
  }
}

/* How much to read at place[0], if it is not at hand. */
static size_t window_for(const uint32_t *place, size_t count) {
  size_t last = 0;
  while (last + 1 < count && place[last + 1] - place[last] <= NEAR &&
         place[last + 1] - place[0] + EDGE_LEN <= DIFFD_REREAD_WINDOW_MAX)
    last++;
  return place[last] - place[0] + EDGE_LEN;
}

static enum diffd_status write_block(struct places *places, uint64_t block, uint64_t *bits,
                                     struct diffd_change_emit *emit, struct diffd_ordered_out *out,
                                     struct diffd_error *err) {
  uint32_t *place = places->place + places->begin[block];
  size_t count = (size_t)(places->begin[block + 1] - places->begin[block]);
  uint64_t block_begin = (places->first_block + block) * places->run->block_len;
  enum diffd_status status = DIFFD_OK;
  sort_places(place, count, bits);
  uint64_t read_to = 0; /* what the last window reaches */
  for (size_t i = 0; status == DIFFD_OK && i < count; i++) {
    if (place[i] + EDGE_LEN > read_to) {
      emit->reread.window_len = window_for(place + i, count - i);
      read_to = place[i] + emit->reread.window_len;
    }
    status = diffd_change_emit_edge(emit, block_begin + place[i], out, err);
  }
  return status == DIFFD_OK ? diffd_change_emit_flush_touches(emit, err) : status;
}

static void write_blocks(void *arg, unsigned thread) {
  struct places *places = arg;
  struct diffd_diff_run *run = places->run;
  struct diffd_error err;
  struct diffd_change_emit emit;
  struct diffd_ordered_out out = diffd_ordered_out_init(&run->ordered);
  enum diffd_status status = diffd_change_emit_init(&emit, run, thread, places->source, places->change, &err);
  uint64_t *bits = calloc(BIT_WORDS, sizeof *bits);
  if (status == DIFFD_OK && bits == NULL)
    status = diffd_fail(&err, DIFFD_NO_MEMORY, "no memory to order changed edges");
  while (status == DIFFD_OK && bits != NULL) {
    out.number = __atomic_fetch_add(&places->block, 1, __ATOMIC_RELAXED);
    if (out.number >= places->block_count)
      break;
    if (diffd_context_cancelled(run->ctx))
      status = diffd_fail(&err, DIFFD_CANCELLED, "stopped while writing changed edges");
    else
      status = write_block(places, out.number, bits, &emit, &out, &err);
    if (status == DIFFD_OK)
      status = diffd_ordered_out_done(&out, &err);
  }
  if (status != DIFFD_OK)
    diffd_diff_run_fail(run, status, &err);
  free(bits);
  diffd_buffer_clean_up(&out.bytes);
  diffd_change_emit_clean_up(&emit);
}

enum diffd_status diffd_place_write(struct diffd_diff_run *run, struct diffd_source *source,
                                    enum diffd_change_status change, const struct diffd_place_feed *feed,
                                    uint64_t first_block, uint64_t block_count, uint64_t *ret_count,
                                    struct diffd_error *err) {
  struct places places = {.run = run,
                          .source = source,
                          .change = change,
                          .feed = feed,
                          .first_block = first_block,
                          .block_count = block_count};
  enum diffd_status status = collect_places(&places, ret_count, err);
  if (status == DIFFD_OK && *ret_count > 0) {
    diffd_diff_run_begin_ordered(run);
    diffd_run_threads(run->threads, write_blocks, &places);
    diffd_diff_run_end_ordered(run);
    status = diffd_diff_run_result(run, err);
  }
  free(places.begin);
  free(places.cursor);
  free(places.place);
  return status;
}
