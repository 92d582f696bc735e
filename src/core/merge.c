/* SPDX-License-Identifier: Apache-2.0 */
#include "core/merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "core/canon.h"
#include "core/flow_graph.h"

enum {
  BATCH = 512, /* edges taken at a time */
  OUT_FULL = 512 * 1024,
  OUT_MAX = 16 * 1024 * 1024,
};

/* One graph on its way through the merge. Ranks are places in the order of both graphs' nodes, or names,
 * together. */
struct side {
  struct diffd_edges *edges;
  struct diffd_edges_head head;
  uint32_t *node_rank;
  uint32_t *name_rank;
  uint8_t *touched; /* a byte a node */
  struct diffd_flow_edge batch[BATCH];
  size_t at;
  size_t count;
  bool ended;
  struct diffd_flow_edge last; /* of the batch before, to check the order */
  bool has_last;
  uint64_t seen;
};

struct merge {
  const struct diffd_context *ctx;
  struct side previous;
  struct side next;
  struct diffd_change_sink *sink;
  struct diffd_buffer text; /* of one statement */
  struct diffd_buffer out;
  struct diffd_diff_counts counts;
};

/* ---- Nodes and names of both graphs in one order ---- */

typedef struct diffd_span get_id(struct diffd_edges *edges, uint32_t index);

static struct diffd_span node_id(struct diffd_edges *edges, uint32_t index) {
  return diffd_edges_node(edges, index).id;
}

static struct diffd_span name(struct diffd_edges *edges, uint32_t index) {
  return diffd_edges_name(edges, index);
}

/* An id that is printed without quotes, or a name that is printed between them. */
static bool is_printable(struct diffd_span id, bool quoted) {
  for (size_t i = 0; i < id.len; i++) {
    unsigned char c = (unsigned char)id.ptr[i];
    bool word =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
    if (quoted ? c < 0x20 || c == '"' || c == '\\' : !word || (i == 0 && c <= '9'))
      return false;
  }
  return quoted || id.len > 0;
}

/* A copy of an id, since spans live until the next call only, and the check that it comes in order. */
static enum diffd_status take_id(struct diffd_edges *edges, get_id *get, uint32_t index,
                                 struct diffd_buffer *held, struct diffd_error *err) {
  struct diffd_span id = get(edges, index);
  if (!is_printable(id, get == name))
    return diffd_fail(err, DIFFD_BAD_GRAPH, "node or name %u of a graph of edges cannot be printed as DOT",
                      index);
  if (index > 0) {
    int order = memcmp(held->ptr, id.ptr, held->len < id.len ? held->len : id.len);
    if (order > 0 || (order == 0 && held->len >= id.len))
      return diffd_fail(err, DIFFD_BAD_GRAPH, "node or name %u of a graph of edges is not in order", index);
  }
  held->len = 0;
  enum diffd_status status = diffd_buffer_reserve(held, id.len + 1, err);
  return status == DIFFD_OK ? diffd_buffer_append(held, id.ptr, id.len, err) : status;
}

static int compare_held(const struct diffd_buffer *a, const struct diffd_buffer *b) {
  int order = memcmp(a->ptr, b->ptr, a->len < b->len ? a->len : b->len);
  if (order != 0)
    return order;
  return a->len < b->len ? -1 : a->len > b->len;
}

static enum diffd_status rank_both(struct diffd_edges *edges[2], const uint32_t counts[2], get_id *get,
                                   uint32_t *ranks[2], struct diffd_error *err) {
  struct diffd_buffer held[2] = {diffd_buffer_init(OUT_MAX), diffd_buffer_init(OUT_MAX)};
  enum diffd_status status = DIFFD_OK;
  uint32_t at[2] = {0, 0};
  bool have[2] = {false, false};
  for (uint32_t rank = 0; status == DIFFD_OK; rank++) {
    for (int i = 0; i < 2 && status == DIFFD_OK; i++)
      if (!have[i] && at[i] < counts[i]) {
        status = take_id(edges[i], get, at[i], &held[i], err);
        have[i] = true;
      }
    if (status != DIFFD_OK || (!have[0] && !have[1]))
      break;
    int order = !have[0] ? 1 : !have[1] ? -1 : compare_held(&held[0], &held[1]);
    for (int i = 0; i < 2; i++)
      if (i == 0 ? order <= 0 : order >= 0) {
        ranks[i][at[i]++] = rank;
        have[i] = false;
      }
  }
  diffd_buffer_clean_up(&held[0]);
  diffd_buffer_clean_up(&held[1]);
  return status;
}

static enum diffd_status open_side(struct side *side, struct diffd_edges *edges, struct diffd_error *err) {
  side->edges = edges;
  side->head = diffd_edges_head(edges);
  side->node_rank = calloc((size_t)side->head.node_count + 1, sizeof *side->node_rank);
  side->name_rank = calloc((size_t)side->head.name_count + 1, sizeof *side->name_rank);
  side->touched = calloc((size_t)side->head.node_count + 1, 1);
  if (side->node_rank == NULL || side->name_rank == NULL || side->touched == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for %u nodes", side->head.node_count);
  return DIFFD_OK;
}

static void close_side(struct side *side) {
  free(side->node_rank);
  free(side->name_rank);
  free(side->touched);
}

static enum diffd_status rank_sides(struct merge *merge, struct diffd_error *err) {
  struct side *sides[2] = {&merge->previous, &merge->next};
  struct diffd_edges *edges[2] = {sides[0]->edges, sides[1]->edges};
  enum diffd_status status =
      rank_both(edges, (const uint32_t[2]){sides[0]->head.node_count, sides[1]->head.node_count}, node_id,
                (uint32_t *[2]){sides[0]->node_rank, sides[1]->node_rank}, err);
  if (status == DIFFD_OK)
    status = rank_both(edges, (const uint32_t[2]){sides[0]->head.name_count, sides[1]->head.name_count}, name,
                       (uint32_t *[2]){sides[0]->name_rank, sides[1]->name_rank}, err);
  return status;
}

/* ---- Edges ---- */

static int by_number(uint64_t a, uint64_t b) {
  return a < b ? -1 : a > b;
}

static int compare_edges(const struct side *sa, const struct diffd_flow_edge *a, const struct side *sb,
                         const struct diffd_flow_edge *b) {
  int order = by_number(sa->node_rank[a->source], sb->node_rank[b->source]);
  if (order == 0)
    order = by_number(sa->node_rank[a->destination], sb->node_rank[b->destination]);
  if (order == 0)
    order = by_number(sa->name_rank[a->account], sb->name_rank[b->account]);
  if (order == 0)
    order = by_number(sa->name_rank[a->eni], sb->name_rank[b->eni]);
  if (order == 0)
    order = by_number(a->srcport, b->srcport);
  if (order == 0)
    order = by_number(a->dstport, b->dstport);
  if (order == 0)
    order = by_number(a->protocol, b->protocol);
  return order == 0 ? by_number(a->color, b->color) : order;
}

static enum diffd_status check_batch(struct side *side, struct diffd_error *err) {
  const struct diffd_flow_edge *before = side->has_last ? &side->last : NULL;
  for (size_t i = 0; i < side->count; i++) {
    const struct diffd_flow_edge *edge = &side->batch[i];
    if (edge->source >= side->head.node_count || edge->destination >= side->head.node_count ||
        edge->account >= side->head.name_count || edge->eni >= side->head.name_count ||
        edge->color > DIFFD_RED)
      return diffd_fail(err, DIFFD_BAD_GRAPH,
                        "an edge of a graph of edges names a node or name that is not there");
    if (before != NULL && compare_edges(side, before, side, edge) > 0)
      return diffd_fail(err, DIFFD_BAD_GRAPH, "the edges of a graph of edges are not in order");
    before = edge;
  }
  side->last = side->batch[side->count - 1];
  side->has_last = true;
  return DIFFD_OK;
}

/* The present edge, or NULL at the end. */
static enum diffd_status present(struct merge *merge, struct side *side, const struct diffd_flow_edge **ret,
                                 struct diffd_error *err) {
  if (side->at == side->count && !side->ended) {
    if (diffd_context_cancelled(merge->ctx))
      return diffd_fail(err, DIFFD_CANCELLED, "stopped while comparing edges");
    enum diffd_status status = diffd_edges_next(side->edges, side->batch, BATCH, &side->count, err);
    side->at = 0;
    if (status == DIFFD_END) {
      side->ended = true;
      side->count = 0;
    } else if (status != DIFFD_OK || (status = check_batch(side, err)) != DIFFD_OK) {
      return status;
    }
    side->seen += side->count;
  }
  *ret = side->at < side->count ? &side->batch[side->at] : NULL;
  return DIFFD_OK;
}

static enum diffd_status rewind_side(struct side *side, struct diffd_error *err) {
  side->at = side->count = 0;
  side->ended = side->has_last = false;
  side->seen = 0;
  return diffd_edges_rewind(side->edges, err);
}

static enum diffd_status flush(struct merge *merge, struct diffd_error *err) {
  if (merge->out.len == 0)
    return DIFFD_OK;
  enum diffd_status status = merge->sink->ops->write(merge->sink, merge->out.ptr, merge->out.len, err);
  merge->out.len = 0;
  return status;
}

static enum diffd_status emit(struct merge *merge, struct side *side, const struct diffd_flow_edge *edge,
                              enum diffd_change_status change_status, struct diffd_error *err) {
  side->touched[edge->source] = side->touched[edge->destination] = 1;
  merge->text.len = 0;
  enum diffd_status status = diffd_flow_edge_print(side->edges, edge, &merge->text, err);
  if (status != DIFFD_OK)
    return status;
  struct diffd_change change = {
      .status = change_status,
      .text = {merge->text.ptr, merge->text.len},
      .text_len = merge->text.len,
      .mark_at = merge->text.len - 2,
      .mark_kind = DIFFD_MARK_LABEL,
  };
  if (merge->sink->wants_fields)
    diffd_canon_edge_fields(merge->text.ptr, merge->text.len, &change.identity,
                            change_status == DIFFD_ADDED ? &change.after : &change.before);
  status = merge->sink->ops->encode_change(merge->sink, &change, &merge->out, err);
  return status == DIFFD_OK && merge->out.len >= OUT_FULL ? flush(merge, err) : status;
}

/* Emits the edges of `from` that `other` lacks. Copies stand side by side, so `other` waits at its edge until
 * all equal ones of `from` went by. */
static enum diffd_status emit_missing(struct merge *merge, struct side *from, struct side *other,
                                      enum diffd_change_status change_status, uint64_t *count,
                                      struct diffd_error *err) {
  for (;; from->at++) {
    const struct diffd_flow_edge *edge = NULL;
    const struct diffd_flow_edge *against = NULL;
    enum diffd_status status = present(merge, from, &edge, err);
    if (status != DIFFD_OK || edge == NULL)
      return status;
    int order = 1;
    for (;; other->at++) {
      status = present(merge, other, &against, err);
      if (status != DIFFD_OK)
        return status;
      order = against == NULL ? 1 : compare_edges(other, against, from, edge);
      if (order >= 0)
        break;
    }
    if (order != 0) {
      status = emit(merge, from, edge, change_status, err);
      (*count)++;
    }
    if (status != DIFFD_OK)
      return status;
  }
}

/* ---- Nodes ---- */

static enum diffd_status emit_node(struct merge *merge, struct diffd_edges *edges, uint32_t index,
                                   struct diffd_error *err) {
  struct diffd_node node = diffd_edges_node(edges, index);
  if (!is_printable(node.label, true))
    return diffd_fail(err, DIFFD_BAD_GRAPH,
                      "the label of node %u of a graph of edges cannot be printed as DOT", index);
  merge->text.len = 0;
  enum diffd_status status = diffd_buffer_printf(&merge->text, err, "%.*s [label=\"%.*s\"]", (int)node.id.len,
                                                 node.id.ptr, (int)node.label.len, node.label.ptr);
  if (status != DIFFD_OK)
    return status;
  struct diffd_node_text text = {
      .id = {merge->text.ptr, node.id.len},
      .text = {merge->text.ptr, merge->text.len},
      .text_len = merge->text.len,
  };
  merge->counts.nodes++;
  status = merge->sink->ops->encode_node(merge->sink, &text, &merge->out, err);
  return status == DIFFD_OK && merge->out.len >= OUT_FULL ? flush(merge, err) : status;
}

/* Both graphs' nodes in the order of their ids; next's statement goes before previous's. */
static enum diffd_status emit_nodes(struct merge *merge, struct diffd_error *err) {
  const struct side *previous = &merge->previous;
  const struct side *next = &merge->next;
  uint32_t p = 0;
  uint32_t n = 0;
  enum diffd_status status = DIFFD_OK;
  while (status == DIFFD_OK && (p < previous->head.node_count || n < next->head.node_count)) {
    uint32_t p_rank = p < previous->head.node_count ? previous->node_rank[p] : UINT32_MAX;
    uint32_t n_rank = n < next->head.node_count ? next->node_rank[n] : UINT32_MAX;
    bool in_previous = p_rank <= n_rank;
    bool in_next = n_rank <= p_rank;
    bool touched = (in_previous && previous->touched[p] != 0) || (in_next && next->touched[n] != 0);
    if (touched)
      status = emit_node(merge, in_next ? next->edges : previous->edges, in_next ? n : p, err);
    p += in_previous;
    n += in_next;
  }
  return status == DIFFD_OK ? flush(merge, err) : status;
}

static enum diffd_status run_merge(struct merge *merge, struct diffd_error *err) {
  struct side *previous = &merge->previous;
  struct side *next = &merge->next;
  enum diffd_status status = rank_sides(merge, err);
  if (status == DIFFD_OK)
    status = merge->sink->ops->begin(merge->sink, err);
  if (status == DIFFD_OK)
    status = emit_missing(merge, next, previous, DIFFD_ADDED, &merge->counts.added, err);
  merge->counts.next_edges = next->seen;
  if (status == DIFFD_OK)
    status = rewind_side(previous, err);
  if (status == DIFFD_OK)
    status = rewind_side(next, err);
  if (status == DIFFD_OK)
    status = emit_missing(merge, previous, next, DIFFD_REMOVED, &merge->counts.removed, err);
  merge->counts.previous_edges = previous->seen;
  return status == DIFFD_OK ? emit_nodes(merge, err) : status;
}

enum diffd_status diffd_merge(const struct diffd_context *ctx, struct diffd_edges *previous,
                              struct diffd_edges *next, struct diffd_change_sink *sink,
                              struct diffd_diff_counts *ret, struct diffd_error *err) {
  struct merge *merge = calloc(1, sizeof *merge);
  if (merge == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to compare edges");
  merge->ctx = ctx;
  merge->sink = sink;
  merge->text = diffd_buffer_init(OUT_MAX);
  merge->out = diffd_buffer_init(OUT_MAX);
  enum diffd_status status = open_side(&merge->previous, previous, err);
  if (status == DIFFD_OK)
    status = open_side(&merge->next, next, err);
  if (status == DIFFD_OK)
    status = run_merge(merge, err);
  if (status == DIFFD_OK)
    *ret = merge->counts;
  close_side(&merge->previous);
  close_side(&merge->next);
  diffd_buffer_clean_up(&merge->text);
  diffd_buffer_clean_up(&merge->out);
  free(merge);
  return status;
}
