/* SPDX-License-Identifier: Apache-2.0 */
#include "plain/plain_diff.h"

#include <stdlib.h>
#include <string.h>

#include "core/dot_parse.h"

enum { VALUES = 8 };

struct statement {
  bool edge;
  char *value[VALUES]; /* NULL: absent; a node has its id in the first */
  size_t len[VALUES];
  struct diffd_span text;
  size_t mark_at;
  enum diffd_mark_kind mark_kind;
};

struct graph {
  struct diffd_span bytes;
  struct statement *all;
  size_t count;
};

static void *or_die(void *pointer) {
  if (pointer == NULL)
    abort();
  return pointer;
}

static enum diffd_status keep(void *arg, const struct diffd_dot_statement *s, struct diffd_error *err) {
  (void)err;
  struct graph *graph = arg;
  const struct diffd_span values[VALUES] = {
      s->identity.source,  s->identity.destination, s->identity.account,  s->identity.eni,
      s->identity.srcport, s->identity.dstport,     s->identity.protocol, s->identity.color,
  };
  graph->all = or_die(realloc(graph->all, (graph->count + 1) * sizeof *graph->all));
  struct statement *to = &graph->all[graph->count++];
  *to = (struct statement){.edge = s->kind == DIFFD_DOT_EDGE, .mark_kind = s->mark_kind};
  to->text = (struct diffd_span){graph->bytes.ptr + s->begin, (size_t)(s->end - s->begin)};
  to->mark_at = to->edge ? (size_t)(s->mark_at - s->begin) : 0;
  for (int i = 0; i < (to->edge ? VALUES : 1); i++)
    if (values[i].ptr != NULL) {
      to->value[i] = or_die(malloc(values[i].len + 1));
      memcpy(to->value[i], values[i].ptr, values[i].len);
      to->len[i] = values[i].len;
    }
  return DIFFD_OK;
}

static enum diffd_status read_graph(struct graph *graph, struct diffd_error *err) {
  struct diffd_dot_parser *parser;
  struct diffd_dot_handler handler = {.statement = keep, .arg = graph};
  enum diffd_status status = diffd_dot_parser_new(handler, &parser, err);
  if (status != DIFFD_OK)
    return status;
  status = diffd_dot_parser_feed(parser, graph->bytes.ptr, graph->bytes.len, err);
  if (status == DIFFD_OK)
    status = diffd_dot_parser_finish(parser, err);
  diffd_dot_parser_destroy(parser);
  return status;
}

static void free_graph(struct graph *graph) {
  for (size_t i = 0; i < graph->count; i++)
    for (int v = 0; v < VALUES; v++)
      free(graph->all[i].value[v]);
  free(graph->all);
}

static bool same_value(const struct statement *a, int i, const struct statement *b, int j) {
  if (a->value[i] == NULL || b->value[j] == NULL)
    return a->value[i] == b->value[j];
  return a->len[i] == b->len[j] && memcmp(a->value[i], b->value[j], a->len[i]) == 0;
}

static bool has_edge(const struct graph *graph, const struct statement *edge) {
  for (size_t i = 0; i < graph->count; i++) {
    int v = 0;
    while (v < VALUES && same_value(&graph->all[i], v, edge, v))
      v++;
    if (graph->all[i].edge && v == VALUES)
      return true;
  }
  return false;
}

static void put(struct diffd_buffer *out, const char *bytes, size_t len) {
  struct diffd_error err;
  if (diffd_buffer_append(out, bytes, len, &err) != DIFFD_OK)
    abort();
}

static void put_text(struct diffd_buffer *out, const char *text) {
  put(out, text, strlen(text));
}

static void put_edge(struct diffd_buffer *out, const struct statement *edge, const char *word) {
  size_t after = edge->mark_at;
  put(out, edge->text.ptr, edge->mark_at);
  if (edge->mark_kind == DIFFD_MARK_LABEL) {
    put_text(out, "\\ndiff=");
    put_text(out, word);
    put_text(out, "\"");
    after += 2;
  }
  put_text(out, edge->mark_kind == DIFFD_MARK_NONE ? " [govpc_diff=\"" : " govpc_diff=\"");
  put_text(out, word);
  put_text(out, edge->mark_kind == DIFFD_MARK_LIST ? "\"" : "\"]");
  put(out, edge->text.ptr + after, edge->text.len - after);
  put(out, "\n", 1);
}

/* Writes what `graph` has and `other` lacks, and marks the nodes of it in both. */
static void put_missing(struct diffd_buffer *out, const struct graph *graph, const struct graph *other,
                        const char *word, struct graph *touched) {
  for (size_t i = 0; i < graph->count; i++) {
    const struct statement *edge = &graph->all[i];
    if (!edge->edge || has_edge(other, edge))
      continue;
    put_edge(out, edge, word);
    touched->all = or_die(realloc(touched->all, (touched->count + 1) * sizeof *touched->all));
    touched->all[touched->count++] = *edge;
  }
}

static bool is_touched(const struct graph *touched, const struct statement *node) {
  for (size_t i = 0; i < touched->count; i++)
    if (same_value(&touched->all[i], 0, node, 0) || same_value(&touched->all[i], 1, node, 0))
      return true;
  return false;
}

static int by_id(const void *a, const void *b) {
  const struct statement *x = *(struct statement *const *)a;
  const struct statement *y = *(struct statement *const *)b;
  int order = memcmp(x->value[0], y->value[0], x->len[0] < y->len[0] ? x->len[0] : y->len[0]);
  return order != 0 ? order : (x->len[0] > y->len[0]) - (x->len[0] < y->len[0]);
}

/* The last of next goes before the last of previous: later entries of `winners` replace earlier ones. */
static void put_nodes(struct diffd_buffer *out, struct graph *graphs[2], const struct graph *touched) {
  struct statement **winners = or_die(calloc(graphs[0]->count + graphs[1]->count + 1, sizeof *winners));
  size_t count = 0;
  for (int g = 0; g < 2; g++)
    for (size_t i = 0; i < graphs[g]->count; i++) {
      struct statement *node = &graphs[g]->all[i];
      if (node->edge || !is_touched(touched, node))
        continue;
      size_t at = 0;
      while (at < count && !same_value(winners[at], 0, node, 0))
        at++;
      winners[at] = node;
      count += at == count;
    }
  qsort(winners, count, sizeof(struct statement *), by_id);
  for (size_t i = 0; i < count; i++) {
    put(out, winners[i]->text.ptr, winners[i]->text.len);
    put(out, "\n", 1);
  }
  free(winners);
}

enum diffd_status plain_diff(struct diffd_span previous, struct diffd_span next, struct diffd_buffer *ret,
                             struct diffd_error *err) {
  struct graph p = {.bytes = previous};
  struct graph n = {.bytes = next};
  struct graph touched = {0};
  enum diffd_status status = read_graph(&p, err);
  if (status == DIFFD_OK)
    status = read_graph(&n, err);
  if (status == DIFFD_OK) {
    put(ret, "digraph {\n", 10);
    put_missing(ret, &n, &p, "ADDED", &touched);
    put_missing(ret, &p, &n, "REMOVED", &touched);
    put_nodes(ret, (struct graph *[2]){&p, &n}, &touched);
    put(ret, "}", 1);
  }
  free_graph(&p);
  free_graph(&n);
  free(touched.all);
  return status;
}
