/* SPDX-License-Identifier: Apache-2.0
 *
 * The edges of a finished digest, in graph order.
 */
#include "core/flow_edges.h"

#include <stdlib.h>

static struct diffd_edges_head edges_head(struct diffd_edges *self) {
  const struct diffd_flow_edges *edges = (const struct diffd_flow_edges *)self;
  return (struct diffd_edges_head){.node_count = edges->order.nodes.node_count,
                                   .name_count = edges->order.name_count,
                                   .start = edges->start,
                                   .end = edges->end};
}

/* Printing asks for a source, which is mostly the last one's, and a destination in turn: two texts are kept,
 * and the one that was not asked for last is replaced. */
static struct diffd_node edges_node(struct diffd_edges *self, uint32_t index) {
  struct diffd_flow_edges *edges = (struct diffd_flow_edges *)self;
  unsigned which = edges->last_text;
  if (edges->text_node[which] != index) {
    which ^= 1;
    if (edges->text_node[which] != index) {
      diffd_flow_nodes_text(&edges->order.nodes, index, &edges->text[which]);
      edges->text_node[which] = index;
    }
    edges->last_text = which;
  }
  const struct diffd_flow_node_text *text = &edges->text[which];
  return (struct diffd_node){.id = {text->id, text->id_len}, .label = {text->label, text->label_len}};
}

static struct diffd_span edges_name(struct diffd_edges *self, uint32_t index) {
  return ((const struct diffd_flow_edges *)self)->order.names[index];
}

static enum diffd_status edges_rewind(struct diffd_edges *self, struct diffd_error *err) {
  (void)err;
  ((struct diffd_flow_edges *)self)->next = 0;
  return DIFFD_OK;
}

static inline uint32_t node_of(const struct diffd_flow_nodes *nodes, uint32_t position) {
  return nodes->node_of != NULL ? nodes->node_of[position] : position;
}

static enum diffd_status edges_next(struct diffd_edges *self, struct diffd_flow_edge *batch, size_t cap,
                                    size_t *ret_count, struct diffd_error *err) {
  struct diffd_flow_edges *edges = (struct diffd_flow_edges *)self;
  const struct diffd_flow_nodes *nodes = &edges->order.nodes;
  (void)err;
  if (edges->next == edges->count)
    return DIFFD_END;
  size_t count = edges->count - edges->next < cap ? (size_t)(edges->count - edges->next) : cap;
  for (size_t i = 0; i < count; i++) {
    const struct diffd_flow_entry *entry = &edges->entries[edges->next + i];
    struct diffd_flow_pair pair = edges->order.pairs[diffd_flow_entry_pair(entry)];
    uint32_t ports = (uint32_t)(entry->lo >> DIFFD_FLOW_PORTS_SHIFT) & 0x1ffff;
    batch[i] = (struct diffd_flow_edge){
        .source = node_of(nodes, diffd_flow_entry_source(entry)),
        .destination = node_of(nodes, diffd_flow_entry_destination(entry)),
        .account = pair.account,
        .eni = pair.eni,
        .srcport = diffd_flow_ports_source(ports),
        .dstport = diffd_flow_ports_destination(ports),
        .protocol = (uint8_t)(entry->lo >> DIFFD_FLOW_PROTOCOL_SHIFT),
        .color = (uint8_t)(entry->lo >> DIFFD_FLOW_COLOR_SHIFT & 1),
        .packets = entry->packets,
        .bytes = entry->bytes,
    };
  }
  edges->next += count;
  *ret_count = count;
  return DIFFD_OK;
}

static void edges_destroy(struct diffd_edges *self) {
  struct diffd_flow_edges *edges = (struct diffd_flow_edges *)self;
  diffd_flow_order_clean_up(&edges->order);
  diffd_flow_pages_clean_up(&edges->pages);
  free(edges);
}

static const struct diffd_edges_ops edges_ops = {
    .head = edges_head,
    .node = edges_node,
    .name = edges_name,
    .rewind = edges_rewind,
    .next = edges_next,
    .destroy = edges_destroy,
};

enum diffd_status diffd_flow_edges_new(const struct diffd_flow_hash_key *key, struct diffd_flow_room room,
                                       struct diffd_flow_edges **ret, struct diffd_error *err) {
  struct diffd_flow_edges *edges = calloc(1, sizeof *edges);
  if (edges == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a graph");
  edges->base.ops = &edges_ops;
  edges->text_node[0] = edges->text_node[1] = UINT32_MAX;
  diffd_flow_order_init(&edges->order, key, room);
  *ret = edges;
  return DIFFD_OK;
}

static bool less_collided(const struct diffd_flow_nodes *nodes, const struct diffd_flow_entry *a,
                          const struct diffd_flow_entry *b) {
  uint32_t a_source = nodes->node_of[diffd_flow_entry_source(a)];
  uint32_t b_source = nodes->node_of[diffd_flow_entry_source(b)];
  if (a_source != b_source)
    return a_source < b_source;
  uint32_t a_destination = nodes->node_of[diffd_flow_entry_destination(a)];
  uint32_t b_destination = nodes->node_of[diffd_flow_entry_destination(b)];
  if (a_destination != b_destination)
    return a_destination < b_destination;
  return a->lo != b->lo ? a->lo < b->lo : a->hi < b->hi;
}

static void sift_down(const struct diffd_flow_nodes *nodes, struct diffd_flow_entry *entries, uint64_t count,
                      uint64_t i) {
  struct diffd_flow_entry moved = entries[i];
  for (;;) {
    uint64_t child = 2 * i + 1;
    if (child >= count)
      break;
    if (child + 1 < count && less_collided(nodes, &entries[child], &entries[child + 1]))
      child++;
    if (!less_collided(nodes, &moved, &entries[child]))
      break;
    entries[i] = entries[child];
    i = child;
  }
  entries[i] = moved;
}

/* In place, and never slower than n log n. */
static void heap_sort(const struct diffd_flow_nodes *nodes, struct diffd_flow_entry *entries,
                      uint64_t count) {
  for (uint64_t i = count / 2; i-- > 0;)
    sift_down(nodes, entries, count, i);
  for (uint64_t end = count; end-- > 1;) {
    struct diffd_flow_entry largest = entries[0];
    entries[0] = entries[end];
    entries[end] = largest;
    sift_down(nodes, entries, end, 0);
  }
}

/* The end of the entries from `begin` on whose sources, or whose ends, are one node each; and whether one
 * node stands for more than one address among them. */
static uint64_t group_end(const struct diffd_flow_nodes *nodes, const struct diffd_flow_entry *entries,
                          uint64_t begin, uint64_t count, bool by_destination, bool *ret_mixed) {
  const struct diffd_flow_entry *first = &entries[begin];
  uint32_t source = nodes->node_of[diffd_flow_entry_source(first)];
  uint32_t destination = nodes->node_of[diffd_flow_entry_destination(first)];
  uint64_t end = begin + 1;
  *ret_mixed = false;
  for (; end < count; end++) {
    const struct diffd_flow_entry *entry = &entries[end];
    if (nodes->node_of[diffd_flow_entry_source(entry)] != source ||
        (by_destination && nodes->node_of[diffd_flow_entry_destination(entry)] != destination))
      break;
    *ret_mixed |= by_destination ? entry->hi != first->hi
                                 : diffd_flow_entry_source(entry) != diffd_flow_entry_source(first);
  }
  return end;
}

/* Entries ascend by addresses, and the addresses of a node stand side by side, so that only groups are out of
 * order in which one node is several addresses. */
void diffd_flow_edges_sort_collided(const struct diffd_flow_nodes *nodes, struct diffd_flow_entry *entries,
                                    uint64_t count) {
  for (uint64_t begin = 0; begin < count;) {
    bool mixed;
    uint64_t end = group_end(nodes, entries, begin, count, false, &mixed);
    if (mixed)
      heap_sort(nodes, entries + begin, end - begin);
    for (uint64_t at = begin; !mixed && at < end;) {
      bool mixed_here;
      uint64_t here = group_end(nodes, entries, at, end, true, &mixed_here);
      if (mixed_here)
        heap_sort(nodes, entries + at, here - at);
      at = here;
    }
    begin = end;
  }
}
