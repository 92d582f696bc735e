/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses to positions, and positions to ids.
 */
#include "core/flow_nodes.h"

#include <stdlib.h>
#include <string.h>

enum {
  FIRST_SLOTS = 1024,
  FIRST_SHIFT = 64 - 10,
  LOOKAHEAD = 16, /* entries whose slots are prefetched at once */
};

static enum diffd_status no_memory(struct diffd_error *err) {
  return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the addresses of the graph");
}

void diffd_flow_nodes_init(struct diffd_flow_nodes *nodes, const struct diffd_flow_hash_key *key,
                           struct diffd_flow_room room) {
  *nodes = (struct diffd_flow_nodes){.key = key, .room = room};
}

void diffd_flow_nodes_clean_up(struct diffd_flow_nodes *nodes) {
  diffd_flow_pages_clean_up(&nodes->slot_pages);
  diffd_flow_pages_clean_up(&nodes->word_pages);
  free(nodes->v6);
  free(nodes->is_v6);
  free(nodes->node_of);
  free(nodes->first_of);
  *nodes = (struct diffd_flow_nodes){0};
}

void diffd_flow_nodes_drop_lookups(struct diffd_flow_nodes *nodes) {
  diffd_flow_pages_clean_up(&nodes->slot_pages);
  nodes->slots = NULL;
  nodes->slot_count = nodes->used = 0;
  nodes->key = NULL;
}

/* The upper bits of a hash are the home, so that growing streams through both tables in their order. */
static enum diffd_status grow(struct diffd_flow_nodes *nodes, struct diffd_error *err) {
  struct diffd_flow_nodes grown = *nodes;
  grown.slot_count = nodes->slot_count == 0 ? FIRST_SLOTS : nodes->slot_count * 2;
  grown.shift = nodes->slot_count == 0 ? FIRST_SHIFT : nodes->shift - 1;
  enum diffd_status status =
      diffd_flow_pages_get(&nodes->room, grown.slot_count * sizeof *grown.slots, &grown.slot_pages, err);
  if (status != DIFFD_OK)
    return status;
  grown.slots = grown.slot_pages.ptr;
  for (uint64_t i = 0; i < nodes->slot_count; i++) {
    if (nodes->slots[i] == 0)
      continue;
    uint32_t address = (uint32_t)nodes->slots[i];
    uint64_t at = diffd_flow_hash(nodes->key, &address, sizeof address) >> grown.shift;
    while (grown.slots[at] != 0)
      at = (at + 1) & (grown.slot_count - 1);
    grown.slots[at] = nodes->slots[i];
  }
  diffd_flow_pages_clean_up(&nodes->slot_pages);
  *nodes = grown;
  return DIFFD_OK;
}

static enum diffd_status reserve(struct diffd_flow_nodes *nodes, unsigned more, struct diffd_error *err) {
  if (nodes->used + more <= nodes->slot_count / 2)
    return DIFFD_OK;
  if (nodes->used + more >= UINT32_MAX - 1)
    return diffd_fail(err, DIFFD_NO_MEMORY, "more addresses than a graph can have");
  return grow(nodes, err);
}

/* There is room. */
static inline void add_v4(struct diffd_flow_nodes *nodes, uint64_t home, uint32_t address) {
  while (nodes->slots[home] != 0 && (uint32_t)nodes->slots[home] != address)
    home = (home + 1) & (nodes->slot_count - 1);
  if (nodes->slots[home] == 0) {
    nodes->slots[home] = UINT64_C(1) << 32 | address;
    nodes->used++;
  }
}

enum diffd_status diffd_flow_nodes_add_entries(struct diffd_flow_nodes *nodes,
                                               const struct diffd_flow_entry *entries, uint64_t count,
                                               struct diffd_error *err) {
  uint64_t homes[2 * LOOKAHEAD];
  uint32_t addresses[2 * LOOKAHEAD];
  for (uint64_t i = 0; i < count;) {
    enum diffd_status status = reserve(nodes, 2 * LOOKAHEAD, err);
    if (status != DIFFD_OK)
      return status;
    unsigned found = 0;
    for (; i < count && found + 2 <= 2 * LOOKAHEAD; i++) {
      uint64_t lo = entries[i].lo;
      if (lo == 0)
        continue;
      addresses[found] = diffd_flow_entry_source(&entries[i]);
      found += (lo & DIFFD_FLOW_SOURCE_V6) == 0;
      addresses[found] = diffd_flow_entry_destination(&entries[i]);
      found += (lo & DIFFD_FLOW_DESTINATION_V6) == 0;
    }
    for (unsigned k = 0; k < found; k++)
      homes[k] = diffd_flow_nodes_home(nodes, addresses[k]);
    for (unsigned k = 0; k < found; k++)
      add_v4(nodes, homes[k], addresses[k]);
  }
  return DIFFD_OK;
}

static int compare_v6(const void *a, const void *b) {
  return memcmp(a, b, 16);
}

/* Gathers the distinct IPv6 addresses, ascending. */
static enum diffd_status order_v6(struct diffd_flow_nodes *nodes,
                                  const struct diffd_flow_intern *const *interns, size_t intern_count,
                                  struct diffd_error *err) {
  uint64_t total = 0;
  for (size_t i = 0; i < intern_count; i++)
    total += interns[i]->count;
  if (total == 0)
    return DIFFD_OK;
  if (total + nodes->used >= UINT32_MAX - 1)
    return diffd_fail(err, DIFFD_NO_MEMORY, "more addresses than a graph can have");
  nodes->v6 = malloc(total * sizeof *nodes->v6);
  if (nodes->v6 == NULL)
    return no_memory(err);
  uint64_t at = 0;
  for (size_t i = 0; i < intern_count; i++)
    for (uint32_t number = 0; number < interns[i]->count; number++)
      memcpy(nodes->v6[at++], diffd_flow_intern_get(interns[i], number).ptr, 16);
  qsort(nodes->v6, total, sizeof *nodes->v6, compare_v6);
  uint32_t kept = 1;
  for (uint64_t i = 1; i < total; i++)
    if (memcmp(nodes->v6[i], nodes->v6[kept - 1], 16) != 0)
      memmove(nodes->v6[kept++], nodes->v6[i], 16);
  nodes->v6_count = kept;
  return DIFFD_OK;
}

static uint32_t find_v6(const struct diffd_flow_nodes *nodes, const char *address) {
  uint32_t low = 0, high = nodes->v6_count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (memcmp(nodes->v6[middle], address, 16) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static size_t word_label(const struct diffd_flow_nodes *nodes, uint32_t word, bool v6, char *out) {
  return v6 ? diffd_flow_v6_label(nodes->v6[word], out) : diffd_flow_v4_label(word, out);
}

static size_t word_id(const struct diffd_flow_nodes *nodes, uint32_t word, bool v6, char *out) {
  return v6 ? diffd_flow_v6_id(nodes->v6[word], out) : diffd_flow_v4_id(word, out);
}

static int compare_spans(struct diffd_span a, struct diffd_span b) {
  int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
  return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Octets sort as their decimal texts do, followed by an underscore or, the last one, by nothing. With each
 * octet replaced by its rank, addresses sort as numbers just as their ids sort as texts. */
struct octet_table {
  uint8_t to[2][256]; /* [1]: for the last octet */
};

enum { OCTET_KEYS = 12 * 12 * 12 };

/* Three characters as a number: nothing is 0, a digit 1 to 10, an underscore, which is greater, 11. */
static unsigned octet_key(unsigned octet, bool last) {
  unsigned digits[3], count = 0, key = 0;
  if (octet >= 100)
    digits[count++] = octet / 100;
  if (octet >= 10)
    digits[count++] = octet / 10 % 10;
  digits[count++] = octet % 10;
  for (unsigned i = 0; i < 3; i++)
    key = key * 12 + (i < count ? digits[i] + 1 : i == count && !last ? 11 : 0);
  return key;
}

static void rank_octets(struct octet_table *ranks, struct octet_table *octets) {
  for (unsigned last = 0; last < 2; last++) {
    bool used[OCTET_KEYS] = {false};
    uint8_t octet_of[OCTET_KEYS];
    unsigned rank = 0;
    for (unsigned octet = 0; octet < 256; octet++) {
      unsigned key = octet_key(octet, last);
      used[key] = true;
      octet_of[key] = (uint8_t)octet;
    }
    for (unsigned key = 0; key < OCTET_KEYS; key++) {
      if (!used[key])
        continue;
      ranks->to[last][octet_of[key]] = (uint8_t)rank;
      octets->to[last][rank++] = octet_of[key];
    }
  }
}

static uint32_t replace_octets(const struct octet_table *table, uint32_t word) {
  return (uint32_t)table->to[0][word >> 24] << 24 | (uint32_t)table->to[0][word >> 16 & 0xff] << 16 |
         (uint32_t)table->to[0][word >> 8 & 0xff] << 8 | table->to[1][word & 0xff];
}

/* Least significant byte first; four passes, so that the result is where it was. */
static void radix_sort_words(uint32_t *words, uint32_t *scratch, uint32_t count) {
  uint32_t *from = words, *to = scratch;
  for (unsigned shift = 0; shift < 32; shift += 8) {
    uint32_t starts[256] = {0}, sum = 0;
    for (uint32_t i = 0; i < count; i++)
      starts[from[i] >> shift & 0xff]++;
    for (unsigned digit = 0; digit < 256; digit++) {
      uint32_t here = starts[digit];
      starts[digit] = sum;
      sum += here;
    }
    for (uint32_t i = 0; i < count; i++)
      to[starts[from[i] >> shift & 0xff]++] = from[i];
    uint32_t *swap = from;
    from = to;
    to = swap;
  }
}

/* Merges sorted IPv4 addresses (at the end of words) and the IPv6 ones into words, by their ids. */
static void merge_families(struct diffd_flow_nodes *nodes, uint32_t v4_count) {
  uint32_t v4 = nodes->v6_count, v6 = 0;
  char v4_id[DIFFD_FLOW_ID_MAX], v6_id[DIFFD_FLOW_ID_MAX];
  for (uint32_t to = 0; to < nodes->address_count; to++) {
    bool take_v6 = v4 == nodes->v6_count + v4_count;
    if (!take_v6 && v6 < nodes->v6_count) {
      struct diffd_span a = {v4_id, diffd_flow_v4_id(nodes->words[v4], v4_id)};
      struct diffd_span b = {v6_id, diffd_flow_v6_id(nodes->v6[v6], v6_id)};
      take_v6 = compare_spans(b, a) < 0;
    }
    if (take_v6) {
      nodes->is_v6[to / 8] |= (uint8_t)(1u << to % 8);
      nodes->words[to] = v6++;
    } else {
      nodes->words[to] = nodes->words[v4++];
    }
  }
}

static uint32_t gather_v4(const struct diffd_flow_nodes *nodes, uint32_t *out) {
  uint32_t count = 0;
  for (uint64_t i = 0; i < nodes->slot_count; i++)
    if (nodes->slots[i] != 0)
      out[count++] = (uint32_t)nodes->slots[i];
  return count;
}

static enum diffd_status order_injective(struct diffd_flow_nodes *nodes, struct diffd_error *err) {
  uint32_t *v4 = nodes->words + nodes->v6_count;
  uint32_t count = gather_v4(nodes, v4);
  struct octet_table ranks, octets;
  struct diffd_flow_pages scratch;
  enum diffd_status status =
      diffd_flow_pages_get(&nodes->room, (count + (size_t)1) * sizeof *v4, &scratch, err);
  if (status != DIFFD_OK)
    return status;
  rank_octets(&ranks, &octets);
  for (uint32_t i = 0; i < count; i++)
    v4[i] = replace_octets(&ranks, v4[i]);
  radix_sort_words(v4, scratch.ptr, count);
  for (uint32_t i = 0; i < count; i++)
    v4[i] = replace_octets(&octets, v4[i]);
  diffd_flow_pages_clean_up(&scratch);
  if (nodes->v6_count > 0)
    merge_families(nodes, count);
  nodes->node_count = nodes->address_count;
  return DIFFD_OK;
}

/* For the original's ids: the first twelve characters of an id after the n, which are all that an IPv4
 * address has, in 5 bits each, decide most comparisons. */
struct original {
  uint64_t prefix;
  uint32_t word;
  uint32_t v6;
};

static size_t original_id(const struct diffd_flow_nodes *nodes, const struct original *original, char *out) {
  char label[DIFFD_FLOW_LABEL_MAX];
  size_t len = word_label(nodes, original->word, original->v6 != 0, label);
  return diffd_flow_original_id((struct diffd_span){label, len}, out);
}

static uint64_t original_prefix(const char *id, size_t len) {
  uint64_t prefix = 0;
  for (size_t i = 1; i <= 12; i++) {
    uint64_t code = 0;
    if (i < len)
      code = (uint64_t)(id[i] >= 'a' ? id[i] - 'a' + 11 : id[i] - '0' + 1);
    prefix = prefix << 5 | code;
  }
  return prefix;
}

static int compare_original_ids(const struct diffd_flow_nodes *nodes, const struct original *a,
                                const struct original *b) {
  if (a->prefix != b->prefix)
    return a->prefix < b->prefix ? -1 : 1;
  char a_text[DIFFD_FLOW_LABEL_MAX + 1], b_text[DIFFD_FLOW_LABEL_MAX + 1];
  struct diffd_span a_id = {a_text, original_id(nodes, a, a_text)};
  struct diffd_span b_id = {b_text, original_id(nodes, b, b_text)};
  return compare_spans(a_id, b_id);
}

/* By id, then by label, bytewise. */
static int compare_originals(const void *a, const void *b, void *arg) {
  const struct diffd_flow_nodes *nodes = arg;
  const struct original *x = a, *y = b;
  int order = compare_original_ids(nodes, x, y);
  if (order != 0)
    return order;
  char x_text[DIFFD_FLOW_LABEL_MAX], y_text[DIFFD_FLOW_LABEL_MAX];
  struct diffd_span x_label = {x_text, word_label(nodes, x->word, x->v6 != 0, x_text)};
  struct diffd_span y_label = {y_text, word_label(nodes, y->word, y->v6 != 0, y_text)};
  return compare_spans(x_label, y_label);
}

static void fill_original(const struct diffd_flow_nodes *nodes, uint32_t word, bool v6,
                          struct original *ret) {
  char id[DIFFD_FLOW_LABEL_MAX + 1];
  *ret = (struct original){.word = word, .v6 = v6};
  ret->prefix = original_prefix(id, original_id(nodes, ret, id));
}

/* Groups the sorted addresses into nodes. */
static void number_originals(struct diffd_flow_nodes *nodes, const struct original *originals) {
  for (uint32_t i = 0; i < nodes->address_count; i++) {
    nodes->words[i] = originals[i].word;
    if (originals[i].v6 != 0)
      nodes->is_v6[i / 8] |= (uint8_t)(1u << i % 8);
    if (i == 0 || compare_original_ids(nodes, &originals[i - 1], &originals[i]) != 0)
      nodes->first_of[nodes->node_count++] = i;
    nodes->node_of[i] = nodes->node_count - 1;
  }
}

static enum diffd_status order_original(struct diffd_flow_nodes *nodes, struct diffd_error *err) {
  size_t room = nodes->address_count + (size_t)1;
  struct original *originals = malloc(room * sizeof *originals);
  nodes->node_of = malloc(room * sizeof *nodes->node_of);
  nodes->first_of = malloc(room * sizeof *nodes->first_of);
  if (originals == NULL || nodes->node_of == NULL || nodes->first_of == NULL) {
    free(originals);
    return no_memory(err);
  }
  uint32_t v4_count = gather_v4(nodes, nodes->words);
  for (uint32_t i = 0; i < v4_count; i++)
    fill_original(nodes, nodes->words[i], false, &originals[i]);
  for (uint32_t i = 0; i < nodes->v6_count; i++)
    fill_original(nodes, i, true, &originals[v4_count + i]);
  qsort_r(originals, nodes->address_count, sizeof *originals, compare_originals, nodes);
  number_originals(nodes, originals);
  free(originals);
  return DIFFD_OK;
}

/* Writes each address's position where it is looked for: the table's slots, and by_v6[index of v6]. */
static void note_positions(struct diffd_flow_nodes *nodes, uint32_t *by_v6) {
  uint64_t homes[LOOKAHEAD];
  for (uint32_t begin = 0; begin < nodes->address_count; begin += LOOKAHEAD) {
    uint32_t count = nodes->address_count - begin;
    if (count > LOOKAHEAD)
      count = LOOKAHEAD;
    for (uint32_t i = 0; i < count; i++)
      if (!diffd_flow_nodes_is_v6(nodes, begin + i))
        homes[i] = diffd_flow_nodes_home(nodes, nodes->words[begin + i]);
    for (uint32_t i = 0; i < count; i++) {
      uint32_t word = nodes->words[begin + i];
      if (diffd_flow_nodes_is_v6(nodes, begin + i)) {
        by_v6[word] = begin + i;
        continue;
      }
      uint64_t at = homes[i];
      while ((uint32_t)nodes->slots[at] != word || nodes->slots[at] == 0)
        at = (at + 1) & (nodes->slot_count - 1);
      nodes->slots[at] = ((uint64_t)begin + i + 1) << 32 | word;
    }
  }
}

static enum diffd_status map_interns(const struct diffd_flow_nodes *nodes, const uint32_t *by_v6,
                                     const struct diffd_flow_intern *const *interns, size_t intern_count,
                                     uint32_t **ret_positions, struct diffd_error *err) {
  for (size_t i = 0; i < intern_count; i++)
    ret_positions[i] = NULL;
  for (size_t i = 0; i < intern_count; i++) {
    if (interns[i]->count == 0)
      continue;
    ret_positions[i] = malloc(interns[i]->count * sizeof **ret_positions);
    if (ret_positions[i] == NULL) {
      for (size_t k = 0; k < i; k++) {
        free(ret_positions[k]);
        ret_positions[k] = NULL;
      }
      return no_memory(err);
    }
    for (uint32_t number = 0; number < interns[i]->count; number++)
      ret_positions[i][number] = by_v6[find_v6(nodes, diffd_flow_intern_get(interns[i], number).ptr)];
  }
  return DIFFD_OK;
}

enum diffd_status diffd_flow_nodes_order(struct diffd_flow_nodes *nodes, enum diffd_node_ids ids,
                                         const struct diffd_flow_intern *const *interns, size_t intern_count,
                                         uint32_t **ret_positions, struct diffd_error *err) {
  enum diffd_status status = order_v6(nodes, interns, intern_count, err);
  if (status != DIFFD_OK)
    return status;
  nodes->address_count = (uint32_t)nodes->used + nodes->v6_count;
  status = diffd_flow_pages_get(&nodes->room, (nodes->address_count + (size_t)1) * sizeof *nodes->words,
                                &nodes->word_pages, err);
  if (status != DIFFD_OK)
    return status;
  nodes->words = nodes->word_pages.ptr;
  uint32_t *by_v6 = malloc((nodes->v6_count + (size_t)1) * sizeof *by_v6);
  if (nodes->v6_count > 0)
    nodes->is_v6 = calloc(nodes->address_count / 8 + (size_t)1, 1);
  if (by_v6 == NULL || (nodes->v6_count > 0 && nodes->is_v6 == NULL)) {
    free(by_v6);
    return no_memory(err);
  }
  status = ids == DIFFD_NODE_IDS_ORIGINAL ? order_original(nodes, err) : order_injective(nodes, err);
  if (status == DIFFD_OK) {
    note_positions(nodes, by_v6);
    status = map_interns(nodes, by_v6, interns, intern_count, ret_positions, err);
  }
  free(by_v6);
  return status;
}

void diffd_flow_nodes_text(const struct diffd_flow_nodes *nodes, uint32_t node,
                           struct diffd_flow_node_text *ret) {
  uint32_t position = nodes->first_of != NULL ? nodes->first_of[node] : node;
  bool v6 = diffd_flow_nodes_is_v6(nodes, position);
  ret->label_len = word_label(nodes, nodes->words[position], v6, ret->label);
  ret->id_len = nodes->first_of != NULL
                    ? diffd_flow_original_id((struct diffd_span){ret->label, ret->label_len}, ret->id)
                    : word_id(nodes, nodes->words[position], v6, ret->id);
}
