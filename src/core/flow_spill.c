/* SPDX-License-Identifier: Apache-2.0
 *
 * Sorted runs of a digest.
 *
 * The order of all edges is not known before all logs are read, but that of any two of them is: names and
 * addresses that come later move none of those that are there. So a run is sorted by an order made of the
 * digest alone, and keeps the digest's own numbers, which the merge translates when the whole order stands.
 */
#include "core/flow_spill.h"

#include <stdlib.h>

#include "core/flow_sort.h"

void diffd_flow_spill_clean_up(struct diffd_flow_spill *spill) {
  for (size_t i = 0; i < spill->count; i++)
    diffd_flow_pages_clean_up(&spill->runs[i].pages);
  free(spill->runs);
  spill->runs = NULL;
  spill->count = spill->cap = 0;
}

/* From an order back to the numbers of its only digest. */
struct back {
  uint32_t *pair; /* by rank */
  uint32_t *v6;   /* by index of the order's IPv6 addresses */
};

static enum diffd_status back_init(const struct diffd_flow_order *order,
                                   const struct diffd_flow_digest *digest, struct back *ret,
                                   struct diffd_error *err) {
  const struct diffd_flow_map *map = &order->maps[0];
  struct back back = {.pair = malloc((digest->pairs.count + (size_t)1) * sizeof *back.pair),
                      .v6 = malloc((digest->v6.count + (size_t)1) * sizeof *back.v6)};
  if (back.pair == NULL || back.v6 == NULL) {
    free(back.pair);
    free(back.v6);
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to put a part of a graph in order");
  }
  for (uint32_t number = 0; number < digest->pairs.count; number++)
    back.pair[map->pair_rank[number]] = number;
  for (uint32_t number = 0; number < digest->v6.count; number++)
    back.v6[order->nodes.words[map->v6_position[number]]] = number;
  *ret = back;
  return DIFFD_OK;
}

static uint64_t raw_end(const struct diffd_flow_nodes *nodes, const struct back *back, uint32_t position,
                        uint64_t v6_bit, uint64_t *lo) {
  uint32_t word = nodes->words[position];
  if (!diffd_flow_nodes_is_v6(nodes, position))
    return word;
  *lo |= v6_bit;
  return back->v6[word];
}

static void write_raw(const struct diffd_flow_order *order, const struct back *back,
                      const struct diffd_flow_digest *digest, struct diffd_flow_entry *to) {
  for (uint64_t i = 0; i < digest->used; i++) {
    struct diffd_flow_entry entry = digest->entries[i];
    uint64_t lo = (uint64_t)back->pair[diffd_flow_entry_pair(&entry)] << DIFFD_FLOW_PAIR_SHIFT |
                  (entry.lo & DIFFD_FLOW_COMMON_BITS) | DIFFD_FLOW_USED;
    uint64_t source =
        raw_end(&order->nodes, back, diffd_flow_entry_source(&entry), DIFFD_FLOW_SOURCE_V6, &lo);
    uint64_t destination =
        raw_end(&order->nodes, back, diffd_flow_entry_destination(&entry), DIFFD_FLOW_DESTINATION_V6, &lo);
    entry.hi = source << 32 | destination;
    entry.lo = lo;
    to[i] = entry;
  }
}

static enum diffd_status reserve_run(struct diffd_flow_spill *spill, struct diffd_error *err) {
  if (spill->count < spill->cap)
    return DIFFD_OK;
  size_t cap = spill->cap == 0 ? 16 : spill->cap * 2;
  struct diffd_flow_spilled_run *runs = realloc(spill->runs, cap * sizeof *runs);
  if (runs == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for %zu parts of a graph", cap);
  spill->runs = runs;
  spill->cap = cap;
  return DIFFD_OK;
}

static enum diffd_status write_run(struct diffd_flow_spill *spill, const struct diffd_flow_order *order,
                                   struct diffd_flow_digest *digest, struct diffd_error *err) {
  struct back back = {0};
  enum diffd_status status = back_init(order, digest, &back, err);
  if (status != DIFFD_OK)
    return status;
  struct diffd_flow_spilled_run run = {.count = digest->used};
  status = reserve_run(spill, err);
  if (status == DIFFD_OK) {
    size_t size = run.count * sizeof *digest->entries;
    status = diffd_flow_pages_in_file(spill->room.tmp_dir, size, &run.pages, err);
    if (status != DIFFD_OK)
      (void)diffd_fail_within(err, "the flow logs' edges need more than the memory limit");
  }
  if (status == DIFFD_OK) {
    diffd_flow_order_translate(order, 0, digest->entries, digest->entries, digest->used);
    diffd_flow_sort(digest->entries, digest->used);
    write_raw(order, &back, digest, run.pages.ptr);
    spill->runs[spill->count++] = run;
  }
  free(back.pair);
  free(back.v6);
  return status;
}

enum diffd_status diffd_flow_spill_digest(void *arg, struct diffd_flow_digest *digest,
                                          struct diffd_error *err) {
  struct diffd_flow_spill *spill = arg;
  const struct diffd_flow_digest *digests[] = {digest};
  if (digest->used == 0)
    return DIFFD_OK;
  struct diffd_flow_order order;
  diffd_flow_order_init(&order, spill->key, spill->room);
  enum diffd_status status = diffd_flow_nodes_add_entries(&order.nodes, digest->entries, digest->used, err);
  if (status == DIFFD_OK)
    status = diffd_flow_order_make(&order, spill->ids, digests, 1, err);
  if (status == DIFFD_OK)
    status = write_run(spill, &order, digest, err);
  diffd_flow_order_clean_up(&order);
  if (status == DIFFD_OK)
    diffd_flow_digest_clear(digest);
  return status;
}
