/* SPDX-License-Identifier: Apache-2.0 */
#include "core/place_write.h"

#include <stdlib.h>
#include <string.h>

#include "core/change_emit.h"
#include "core/pages.h"
#include "core/threads.h"

enum {
  NEAR = 4096,     /* bytes; edges that are no further apart are read in one go: to read on costs less */
  EDGE_LEN = 1024, /* what is read for the last of them */
  BIT_WORDS = DIFFD_BLOCK_LEN_MAX / 64,
  ROUND_PLACES_MIN = 64 * 1024, /* that are written in one round, however small the budget is */
};

struct places {
  struct diffd_diff_run *run;
  struct diffd_source *source;
  enum diffd_change_status change;
  const struct diffd_place_feed *feed;
  uint64_t first_block;
  uint64_t block_count;
  uint64_t *ends;       /* atomic; of each block: how many places it has, then where the next goes in `place`,
                           and in the end where they end there, as those of the next block begin */
  uint32_t *place;      /* offsets in their block, of the round's blocks */
  uint64_t round_begin; /* the round's blocks, counted from first_block */
  uint64_t round_end;
  unsigned part;  /* atomic; the next to look at */
  uint64_t block; /* atomic; the next to write, from round_begin */
};

static uint64_t block_of(const struct places *places, uint64_t position) {
  return position / places->run->block_len - places->first_block;
}

static void count_place(void *arg, uint64_t position) {
  struct places *places = arg;
  __atomic_fetch_add(&places->ends[block_of(places, position)], 1, __ATOMIC_RELAXED);
}

static void deal_place(void *arg, uint64_t position) {
  struct places *places = arg;
  uint64_t block = block_of(places, position);
  if (block < places->round_begin || block >= places->round_end)
    return;
  uint64_t at = __atomic_fetch_add(&places->ends[block], 1, __ATOMIC_RELAXED);
  places->place[at] = (uint32_t)(position % places->run->block_len);
}

static void each_part(struct places *places, void (*place)(void *arg, uint64_t position)) {
  for (;;) {
    unsigned part = __atomic_fetch_add(&places->part, 1, __ATOMIC_RELAXED);
    if (part >= places->feed->part_count)
      return;
    struct diffd_error err;
    enum diffd_status status = places->feed->each(places->feed->arg, part, place, places, &err);
    if (status != DIFFD_OK) {
      diffd_diff_run_fail(places->run, status, &err);
      return;
    }
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

static enum diffd_status count_all(struct places *places, uint64_t *ret_total, struct diffd_error *err) {
  places->ends = calloc(places->block_count + 1, sizeof *places->ends);
  if (places->ends == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the places of changed edges");
  diffd_run_threads(places->run->threads, count_places, places);
  *ret_total = 0;
  for (uint64_t i = 0; i < places->block_count; i++)
    *ret_total += places->ends[i];
  return diffd_diff_run_result(places->run, err);
}

/* How many of the places are to be written in one round. */
static uint64_t round_places(const struct places *places, uint64_t total) {
  uint64_t room = diffd_budget_left(&places->run->budget) / 2 / sizeof *places->place;
  uint64_t most = room < ROUND_PLACES_MIN ? ROUND_PLACES_MIN : room;
  return total < most ? total : most;
}

/* Takes as many blocks into the round as it may have places, one at least, and gives each its begin; how many
 * places that are. */
static uint64_t choose_blocks(struct places *places, uint64_t places_max) {
  uint64_t total = 0;
  uint64_t block = places->round_begin = places->round_end;
  do {
    uint64_t count = places->ends[block];
    places->ends[block] = total;
    total += count;
    block++;
  } while (block < places->block_count && total + places->ends[block] <= places_max);
  places->round_end = block;
  return total;
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
  uint64_t begin = block == places->round_begin ? 0 : places->ends[block - 1];
  uint32_t *place = places->place + begin;
  size_t count = (size_t)(places->ends[block] - begin);
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
    if (out.number >= places->round_end - places->round_begin)
      break;
    if (diffd_context_cancelled(run->ctx))
      status = diffd_fail(&err, DIFFD_CANCELLED, "stopped while writing changed edges");
    else
      status = write_block(places, places->round_begin + out.number, bits, &emit, &out, &err);
    if (status == DIFFD_OK)
      status = diffd_ordered_out_done(&out, &err);
  }
  if (status != DIFFD_OK)
    diffd_diff_run_fail(run, status, &err);
  free(bits);
  diffd_buffer_clean_up(&out.bytes);
  diffd_change_emit_clean_up(&emit);
}

/* Deals places out to the blocks of a round, and writes them. */
static enum diffd_status write_round(struct places *places, uint64_t places_max, struct diffd_error *err) {
  struct diffd_diff_run *run = places->run;
  uint64_t total = choose_blocks(places, places_max);
  if (total == 0)
    return DIFFD_OK;
  size_t bytes = (size_t)total * sizeof *places->place;
  enum { PAGE = 4096 };
  places->place = diffd_pages_new(bytes, PAGE);
  if (places->place == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the places of %llu changed edges",
                      (unsigned long long)total);
  diffd_budget_force(&run->budget, bytes);
  diffd_diff_run_begin_ordered(run);
  places->part = 0;
  places->block = 0;
  diffd_run_threads(run->threads, deal_places, places);
  enum diffd_status status = diffd_diff_run_result(run, err);
  if (status == DIFFD_OK) {
    diffd_run_threads(run->threads, write_blocks, places);
    status = diffd_diff_run_result(run, err);
  }
  diffd_diff_run_end_ordered(run);
  diffd_pages_free(places->place, bytes);
  diffd_budget_give(&run->budget, bytes);
  return status;
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
  uint64_t total = 0;
  enum diffd_status status = count_all(&places, &total, err);
  uint64_t places_max = round_places(&places, total);
  while (status == DIFFD_OK && total > 0 && places.round_end < block_count)
    status = write_round(&places, places_max, err);
  free(places.ends);
  if (status == DIFFD_OK)
    *ret_count = total;
  return status;
}
