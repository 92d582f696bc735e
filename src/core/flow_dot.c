/* SPDX-License-Identifier: Apache-2.0
 *
 * Edges as DOT, byte for byte as go-vpcflow prints a graph.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "core/flow_graph.h"

enum {
  NUMBER_ROOM = 24, /* bytes: 20 digits, or a sign and 19, and what a copy of a constant length takes more */
  TIMES_ROOM = 96,  /* what an edge says of its times, twice */
  FIXED_MAX = 1024, /* more than all of an edge that is no id and no name */
  EDGES_AT_ONCE = 256,
  CHUNK = 256 * 1024, /* bytes that are printed before they are handed on */
  CHUNK_MAX = 64 * 1024 * 1024,
};

#define PUT(at, text) put(at, text, sizeof(text) - 1)

static inline char *put(char *at, const char *text, size_t len) {
  memcpy(at, text, len);
  return at + len;
}

/* Two digits at a time, the last first. Writes up to `end`, and returns where the text begins. */
static inline char *put_digits(char *end, uint64_t number) {
  static const char pairs[] =
      "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243"
      "4445464748495051525354555657585960616263646566676869707172737475767778798081828384858687"
      "888990919293949596979899";
  while (number >= 100) {
    end -= 2;
    memcpy(end, pairs + 2 * (number % 100), 2);
    number /= 100;
  }
  if (number < 10) {
    *--end = (char)('0' + number);
    return end;
  }
  memcpy(end - 2, pairs + 2 * number, 2);
  return end - 2;
}

static char *put_number(char *at, uint64_t number) {
  char digits[NUMBER_ROOM];
  const char *begin = put_digits(digits + NUMBER_ROOM, number);
  return put(at, begin, (size_t)(digits + NUMBER_ROOM - begin));
}

static char *put_time(char *at, int64_t seconds) {
  if (seconds >= 0)
    return put_number(at, (uint64_t)seconds);
  *at++ = '-';
  return put_number(at, -(uint64_t)seconds);
}

/* A number's text stands twice in an edge, as an attribute and in the label. It is made once, and copied with
 * a constant length, which is cheaper than its own; what is too much is overwritten by what follows. */
struct number_text {
  char room[2 * NUMBER_ROOM]; /* the text ends in the middle */
  const char *text;
  size_t len;
};

static inline void make_text(struct number_text *ret, uint64_t number) {
  ret->text = put_digits(ret->room + NUMBER_ROOM, number);
  ret->len = (size_t)(ret->room + NUMBER_ROOM - ret->text);
}

static inline char *put_text(char *at, const struct number_text *number) {
  memcpy(at, number->text, NUMBER_ROOM);
  return at + number->len;
}

/* What is the same in all edges of a graph: its times, as attributes and in the label. */
struct times_text {
  char attributes[TIMES_ROOM];
  char label[TIMES_ROOM];
  size_t attributes_len;
  size_t label_len;
};

static struct times_text times_text(const struct diffd_edges_head *head) {
  struct times_text times;
  memset(&times, 0, sizeof times);
  char *at = PUT(times.attributes, "\" govpc_start=\"");
  at = put_time(at, head->start);
  at = PUT(at, "\" govpc_end=\"");
  at = put_time(at, head->end);
  times.attributes_len = (size_t)(at - times.attributes);
  at = PUT(times.label, "\\nstart=");
  at = put_time(at, head->start);
  at = PUT(at, "\\nend=");
  at = put_time(at, head->end);
  at = PUT(at, "\"]");
  times.label_len = (size_t)(at - times.label);
  return times;
}

/* Ids and names are borrowed until the next call on their source, so that each goes to its place at once,
 * with room for all that is fixed behind it. */
static inline enum diffd_status put_span(struct diffd_output *out, struct diffd_span span,
                                         struct diffd_error *err) {
  if (out->cap - out->len < span.len + FIXED_MAX) {
    enum diffd_status status = diffd_buffer_reserve(out, span.len + FIXED_MAX, err);
    if (status != DIFFD_OK)
      return status;
  }
  memcpy(out->ptr + out->len, span.ptr, span.len);
  out->len += span.len;
  return DIFFD_OK;
}

static inline void put_fixed(struct diffd_output *out, const char *text, size_t len) {
  memcpy(out->ptr + out->len, text, len);
  out->len += len;
}
#define PUT_FIXED(out, text) put_fixed(out, text, sizeof(text) - 1)

/* The numbers of an edge as text: each stands twice, as an attribute and in the label. */
struct edge_numbers {
  struct number_text srcport, dstport, protocol, packets, bytes;
};

static char *put_attributes(char *at, const struct edge_numbers *numbers, const struct times_text *times,
                            bool red) {
  at = PUT(at, "\" govpc_srcPort=\"");
  at = put_text(at, &numbers->srcport);
  at = PUT(at, "\" govpc_dstPort=\"");
  at = put_text(at, &numbers->dstport);
  at = PUT(at, "\" govpc_protocol=\"");
  at = put_text(at, &numbers->protocol);
  at = PUT(at, "\" govpc_packets=\"");
  at = put_text(at, &numbers->packets);
  at = PUT(at, "\" govpc_bytes=\"");
  at = put_text(at, &numbers->bytes);
  memcpy(at, times->attributes, TIMES_ROOM);
  at += times->attributes_len;
  return red ? PUT(at, "\" color=red label=\"accountID=") : PUT(at, "\" color=green label=\"accountID=");
}

static char *put_label(char *at, const struct edge_numbers *numbers, const struct times_text *times) {
  at = PUT(at, "\\nsrcPort=");
  at = put_text(at, &numbers->srcport);
  at = PUT(at, "\\ndstPort=");
  at = put_text(at, &numbers->dstport);
  at = PUT(at, "\\nprotocol=");
  at = put_text(at, &numbers->protocol);
  at = PUT(at, "\\npackets=");
  at = put_text(at, &numbers->packets);
  at = PUT(at, "\\nbytes=");
  at = put_text(at, &numbers->bytes);
  memcpy(at, times->label, TIMES_ROOM);
  return at + times->label_len;
}

static enum diffd_status print_edge(struct diffd_edges *edges, const struct times_text *times,
                                    const struct diffd_flow_edge *edge, struct diffd_output *out,
                                    struct diffd_error *err) {
  __attribute__((uninitialized)) struct edge_numbers numbers;
  make_text(&numbers.srcport, edge->srcport);
  make_text(&numbers.dstport, edge->dstport);
  make_text(&numbers.protocol, edge->protocol);
  make_text(&numbers.packets, edge->packets);
  make_text(&numbers.bytes, edge->bytes);
  enum diffd_status status = put_span(out, diffd_edges_node(edges, edge->source).id, err);
  if (status != DIFFD_OK)
    return status;
  PUT_FIXED(out, " -> ");
  status = put_span(out, diffd_edges_node(edges, edge->destination).id, err);
  if (status != DIFFD_OK)
    return status;
  PUT_FIXED(out, " [govpc_accountID=\"");
  size_t account = out->len;
  status = put_span(out, diffd_edges_name(edges, edge->account), err);
  if (status != DIFFD_OK)
    return status;
  size_t account_len = out->len - account;
  PUT_FIXED(out, "\" govpc_eniID=\"");
  size_t eni = out->len;
  status = put_span(out, diffd_edges_name(edges, edge->eni), err);
  if (status != DIFFD_OK)
    return status;
  size_t eni_len = out->len - eni;
  status = diffd_buffer_reserve(out, account_len + eni_len + FIXED_MAX, err);
  if (status != DIFFD_OK)
    return status;
  char *at = put_attributes(out->ptr + out->len, &numbers, times, edge->color == DIFFD_RED);
  at = put(at, out->ptr + account, account_len);
  at = PUT(at, "\\neniID=");
  at = put(at, out->ptr + eni, eni_len);
  at = put_label(at, &numbers, times);
  out->len = (size_t)(at - out->ptr);
  return DIFFD_OK;
}

enum diffd_status diffd_flow_edge_print(struct diffd_edges *edges, const struct diffd_flow_edge *edge,
                                        struct diffd_output *out, struct diffd_error *err) {
  const struct diffd_edges_head head = diffd_edges_head(edges);
  const struct times_text times = times_text(&head);
  size_t before = out->len;
  enum diffd_status status = print_edge(edges, &times, edge, out, err);
  if (status != DIFFD_OK)
    out->len = before;
  return status;
}

static enum diffd_status print_node(struct diffd_edges *edges, uint32_t index, struct diffd_output *out,
                                    struct diffd_error *err) {
  enum diffd_status status = diffd_buffer_append(out, "\t", 1, err);
  if (status == DIFFD_OK)
    status = put_span(out, diffd_edges_node(edges, index).id, err);
  if (status != DIFFD_OK)
    return status;
  PUT_FIXED(out, " [label=\"");
  status = put_span(out, diffd_edges_node(edges, index).label, err);
  if (status == DIFFD_OK)
    PUT_FIXED(out, "\"]\n");
  return status;
}

/* Prints a graph piece by piece. */
struct printer {
  struct diffd_edges *edges;
  uint32_t node_count;
  struct times_text times;
  enum { PRINT_HEAD, PRINT_EDGES, PRINT_NODES, PRINT_DONE } stage;
  uint32_t node;
  struct diffd_output out;
};

static struct printer printer_init(struct diffd_edges *edges) {
  struct diffd_edges_head head = diffd_edges_head(edges);
  return (struct printer){.edges = edges,
                          .node_count = head.node_count,
                          .times = times_text(&head),
                          .out = diffd_buffer_init(CHUNK_MAX)};
}

static enum diffd_status print_some_edges(struct printer *printer, struct diffd_error *err) {
  struct diffd_flow_edge batch[EDGES_AT_ONCE];
  size_t count;
  enum diffd_status status = diffd_edges_next(printer->edges, batch, EDGES_AT_ONCE, &count, err);
  if (status == DIFFD_END) {
    printer->stage = PRINT_NODES;
    return DIFFD_OK;
  }
  for (size_t i = 0; status == DIFFD_OK && i < count; i++) {
    status = put_span(&printer->out, (struct diffd_span){"\t", 1}, err);
    if (status == DIFFD_OK)
      status = print_edge(printer->edges, &printer->times, &batch[i], &printer->out, err);
    if (status == DIFFD_OK)
      PUT_FIXED(&printer->out, "\n");
  }
  return status;
}

/* Appends about CHUNK bytes, or all that is left. */
static enum diffd_status print_chunk(struct printer *printer, struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  while (status == DIFFD_OK && printer->stage != PRINT_DONE && printer->out.len < CHUNK) {
    switch (printer->stage) {
    case PRINT_HEAD:
      status = diffd_buffer_append(&printer->out, "digraph {\n", 10, err);
      printer->stage = PRINT_EDGES;
      break;
    case PRINT_EDGES:
      status = print_some_edges(printer, err);
      break;
    case PRINT_NODES:
      if (printer->node < printer->node_count) {
        status = print_node(printer->edges, printer->node++, &printer->out, err);
        break;
      }
      status = diffd_buffer_append(&printer->out, "}", 1, err);
      printer->stage = PRINT_DONE;
      break;
    case PRINT_DONE:
      break;
    }
  }
  return status;
}

enum diffd_status diffd_edges_write_dot(struct diffd_edges *edges, struct diffd_writer *writer,
                                        struct diffd_error *err) {
  struct printer printer = printer_init(edges);
  enum diffd_status status = diffd_edges_rewind(edges, err);
  while (status == DIFFD_OK && printer.stage != PRINT_DONE) {
    printer.out.len = 0;
    status = print_chunk(&printer, err);
    if (status == DIFFD_OK)
      status = diffd_writer_write(writer, printer.out.ptr, printer.out.len, err);
  }
  diffd_buffer_clean_up(&printer.out);
  return status;
}

struct dot_reader {
  struct diffd_reader base;
  struct printer printer;
  size_t given; /* bytes of the printer's output */
};

static enum diffd_status dot_read(struct diffd_reader *self, void *buf, size_t cap, size_t *ret_len,
                                  struct diffd_error *err) {
  struct dot_reader *reader = (struct dot_reader *)self;
  struct printer *printer = &reader->printer;
  if (reader->given == printer->out.len) {
    if (printer->stage == PRINT_DONE)
      return DIFFD_END;
    reader->given = printer->out.len = 0;
    enum diffd_status status = print_chunk(printer, err);
    if (status != DIFFD_OK)
      return status;
  }
  size_t len = printer->out.len - reader->given;
  if (len > cap)
    len = cap;
  memcpy(buf, printer->out.ptr + reader->given, len);
  reader->given += len;
  *ret_len = len;
  return DIFFD_OK;
}

static void dot_reader_destroy(struct diffd_reader *self) {
  struct dot_reader *reader = (struct dot_reader *)self;
  diffd_buffer_clean_up(&reader->printer.out);
  diffd_edges_destroy(reader->printer.edges);
  free(reader);
}

static const struct diffd_reader_ops dot_reader_ops = {.read = dot_read, .destroy = dot_reader_destroy};

enum diffd_status diffd_edges_dot_reader(struct diffd_edges *edges, struct diffd_reader **ret,
                                         struct diffd_error *err) {
  enum diffd_status status = diffd_edges_rewind(edges, err);
  struct dot_reader *reader = status == DIFFD_OK ? calloc(1, sizeof *reader) : NULL;
  if (reader == NULL) {
    diffd_edges_destroy(edges);
    return status != DIFFD_OK ? status : diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a reader");
  }
  reader->base.ops = &dot_reader_ops;
  reader->printer = printer_init(edges);
  *ret = &reader->base;
  return DIFFD_OK;
}
