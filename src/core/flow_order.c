/* SPDX-License-Identifier: Apache-2.0
 *
 * Ranks of names and pairs, and the translation of entries.
 */
#include "core/flow_order.h"

#include <stdlib.h>
#include <string.h>

void diffd_flow_order_init(struct diffd_flow_order *order, const struct diffd_flow_hash_key *key,
                           struct diffd_flow_room room) {
  *order = (struct diffd_flow_order){0};
  diffd_flow_nodes_init(&order->nodes, key, room);
}

static void free_maps(struct diffd_flow_order *order) {
  for (size_t i = 0; i < order->map_count; i++) {
    free(order->maps[i].pair_rank);
    free(order->maps[i].v6_position);
  }
  free(order->maps);
  order->maps = NULL;
  order->map_count = 0;
}

void diffd_flow_order_clean_up(struct diffd_flow_order *order) {
  free_maps(order);
  diffd_flow_nodes_clean_up(&order->nodes);
  free(order->names);
  free(order->name_bytes);
  free(order->pairs);
  *order = (struct diffd_flow_order){0};
}

void diffd_flow_order_drop_lookups(struct diffd_flow_order *order) {
  free_maps(order);
  diffd_flow_nodes_drop_lookups(&order->nodes);
}

static enum diffd_status no_memory(struct diffd_error *err) {
  return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the names of the graph");
}

static int compare_names(const void *a, const void *b) {
  const struct diffd_span *x = a, *y = b;
  int order = memcmp(x->ptr, y->ptr, x->len < y->len ? x->len : y->len);
  return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

/* A pair's text is "ACCOUNT ENI"; neither has a space in it. */
static void split_pair(struct diffd_span text, struct diffd_span *ret_account, struct diffd_span *ret_eni) {
  const char *space = memchr(text.ptr, ' ', text.len);
  *ret_account = (struct diffd_span){text.ptr, (size_t)(space - text.ptr)};
  *ret_eni = (struct diffd_span){space + 1, text.len - ret_account->len - 1};
}

static uint32_t unique_names(struct diffd_span *names, uint64_t count) {
  uint32_t kept = 0;
  for (uint64_t i = 0; i < count; i++)
    if (kept == 0 || compare_names(&names[i], &names[kept - 1]) != 0)
      names[kept++] = names[i];
  return kept;
}

/* The names outlive the digests, so they are copied. */
static enum diffd_status keep_names(struct diffd_flow_order *order, struct diffd_error *err) {
  uint64_t len = 1;
  for (uint32_t i = 0; i < order->name_count; i++)
    len += order->names[i].len;
  char *at = order->name_bytes = malloc(len);
  if (at == NULL)
    return no_memory(err);
  for (uint32_t i = 0; i < order->name_count; i++) {
    memcpy(at, order->names[i].ptr, order->names[i].len);
    order->names[i].ptr = at;
    at += order->names[i].len;
  }
  return DIFFD_OK;
}

static enum diffd_status rank_names(struct diffd_flow_order *order,
                                    const struct diffd_flow_digest *const *digests, size_t digest_count,
                                    struct diffd_error *err) {
  uint64_t total = 0, at = 0;
  for (size_t i = 0; i < digest_count; i++)
    total += 2 * (uint64_t)digests[i]->pairs.count;
  order->names = malloc((total + 1) * sizeof *order->names);
  if (order->names == NULL)
    return no_memory(err);
  for (size_t i = 0; i < digest_count; i++)
    for (uint32_t pair = 0; pair < digests[i]->pairs.count; pair++, at += 2)
      split_pair(diffd_flow_intern_get(&digests[i]->pairs, pair), &order->names[at], &order->names[at + 1]);
  qsort(order->names, total, sizeof *order->names, compare_names);
  order->name_count = unique_names(order->names, total);
  return keep_names(order, err);
}

static uint32_t name_rank(const struct diffd_flow_order *order, struct diffd_span name) {
  const struct diffd_span *found =
      bsearch(&name, order->names, order->name_count, sizeof *order->names, compare_names);
  return (uint32_t)(found - order->names);
}

static int compare_pairs(const void *a, const void *b) {
  const struct diffd_flow_pair *x = a, *y = b;
  if (x->account != y->account)
    return x->account < y->account ? -1 : 1;
  return (x->eni > y->eni) - (x->eni < y->eni);
}

static struct diffd_flow_pair pair_of(const struct diffd_flow_order *order,
                                      const struct diffd_flow_digest *digest, uint32_t number) {
  struct diffd_span account, eni;
  split_pair(diffd_flow_intern_get(&digest->pairs, number), &account, &eni);
  return (struct diffd_flow_pair){name_rank(order, account), name_rank(order, eni)};
}

static enum diffd_status rank_pairs(struct diffd_flow_order *order,
                                    const struct diffd_flow_digest *const *digests, size_t digest_count,
                                    struct diffd_error *err) {
  uint64_t total = 0, at = 0;
  for (size_t i = 0; i < digest_count; i++)
    total += digests[i]->pairs.count;
  order->pairs = malloc((total + 1) * sizeof *order->pairs);
  if (order->pairs == NULL)
    return no_memory(err);
  for (size_t i = 0; i < digest_count; i++)
    for (uint32_t pair = 0; pair < digests[i]->pairs.count; pair++)
      order->pairs[at++] = pair_of(order, digests[i], pair);
  qsort(order->pairs, total, sizeof *order->pairs, compare_pairs);
  for (uint64_t i = 0; i < total; i++)
    if (order->pair_count == 0 || compare_pairs(&order->pairs[i], &order->pairs[order->pair_count - 1]) != 0)
      order->pairs[order->pair_count++] = order->pairs[i];
  return DIFFD_OK;
}

static enum diffd_status map_pairs(struct diffd_flow_order *order,
                                   const struct diffd_flow_digest *const *digests, size_t digest_count,
                                   struct diffd_error *err) {
  for (size_t i = 0; i < digest_count; i++) {
    uint32_t count = digests[i]->pairs.count;
    uint32_t *rank = order->maps[i].pair_rank = malloc((count + (size_t)1) * sizeof *rank);
    if (rank == NULL)
      return no_memory(err);
    for (uint32_t number = 0; number < count; number++) {
      struct diffd_flow_pair pair = pair_of(order, digests[i], number);
      const struct diffd_flow_pair *found =
          bsearch(&pair, order->pairs, order->pair_count, sizeof pair, compare_pairs);
      rank[number] = (uint32_t)(found - order->pairs);
    }
  }
  return DIFFD_OK;
}

static enum diffd_status order_nodes(struct diffd_flow_order *order, enum diffd_node_ids ids,
                                     const struct diffd_flow_digest *const *digests, size_t digest_count,
                                     struct diffd_error *err) {
  const struct diffd_flow_intern **interns = malloc((digest_count + 1) * sizeof *interns);
  uint32_t **positions = calloc(digest_count + 1, sizeof *positions);
  enum diffd_status status = DIFFD_OK;
  if (interns == NULL || positions == NULL) {
    status = no_memory(err);
  } else {
    for (size_t i = 0; i < digest_count; i++)
      interns[i] = &digests[i]->v6;
    status = diffd_flow_nodes_order(&order->nodes, ids, interns, digest_count, positions, err);
    for (size_t i = 0; status == DIFFD_OK && i < digest_count; i++)
      order->maps[i].v6_position = positions[i];
  }
  free(interns);
  free(positions);
  return status;
}

enum diffd_status diffd_flow_order_make(struct diffd_flow_order *order, enum diffd_node_ids ids,
                                        const struct diffd_flow_digest *const *digests, size_t digest_count,
                                        struct diffd_error *err) {
  order->maps = calloc(digest_count + 1, sizeof *order->maps);
  if (order->maps == NULL)
    return no_memory(err);
  order->map_count = digest_count;
  enum diffd_status status = rank_names(order, digests, digest_count, err);
  if (status == DIFFD_OK)
    status = rank_pairs(order, digests, digest_count, err);
  if (status == DIFFD_OK)
    status = map_pairs(order, digests, digest_count, err);
  if (status == DIFFD_OK)
    status = order_nodes(order, ids, digests, digest_count, err);
  return status;
}

static inline uint32_t end_position(const struct diffd_flow_order *order, const struct diffd_flow_map *map,
                                    bool v6, uint64_t home, uint32_t word) {
  return v6 ? map->v6_position[word] : diffd_flow_nodes_position(&order->nodes, home, word);
}

void diffd_flow_order_translate(const struct diffd_flow_order *order, size_t digest,
                                const struct diffd_flow_entry *from, struct diffd_flow_entry *to,
                                uint64_t count) {
  enum { AT_ONCE = 16 }; /* entries whose addresses are prefetched before the first is looked for */
  const struct diffd_flow_map *map = &order->maps[digest];
  const struct diffd_flow_nodes *nodes = &order->nodes;
  bool has_v4 = nodes->slot_count > 0;
  for (uint64_t begin = 0; begin < count; begin += AT_ONCE) {
    uint64_t source_home[AT_ONCE] = {0}, destination_home[AT_ONCE] = {0};
    uint64_t here = count - begin < AT_ONCE ? count - begin : AT_ONCE;
    for (uint64_t i = 0; has_v4 && i < here; i++) {
      source_home[i] = diffd_flow_nodes_home(nodes, diffd_flow_entry_source(&from[begin + i]));
      destination_home[i] = diffd_flow_nodes_home(nodes, diffd_flow_entry_destination(&from[begin + i]));
    }
    for (uint64_t i = 0; i < here; i++) {
      struct diffd_flow_entry entry = from[begin + i];
      uint64_t source = end_position(order, map, (entry.lo & DIFFD_FLOW_SOURCE_V6) != 0, source_home[i],
                                     diffd_flow_entry_source(&entry));
      uint64_t destination = end_position(order, map, (entry.lo & DIFFD_FLOW_DESTINATION_V6) != 0,
                                          destination_home[i], diffd_flow_entry_destination(&entry));
      uint64_t pair = map->pair_rank[diffd_flow_entry_pair(&entry)];
      entry.hi = source << 32 | destination;
      entry.lo = pair << DIFFD_FLOW_PAIR_SHIFT | (entry.lo & DIFFD_FLOW_COMMON_BITS);
      to[begin + i] = entry;
    }
  }
}
