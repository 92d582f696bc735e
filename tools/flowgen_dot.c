/* SPDX-License-Identifier: Apache-2.0
 *
 * Pairs of graphs as go-vpcflow writes them: random order, nodes after the edges, some edges gone, as many
 * come. An edge is a function of its number and the seed; no two numbers give the same identity.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowgen.h"

enum { EDGES_A_NODE = 20, FLUSH_AT = 1 << 20, OWN_OCTETS = 156 };

struct edge {
  uint32_t source; /* indexes of nodes */
  uint32_t destination;
  uint64_t eni;
  uint32_t account;
  uint16_t srcport;
  uint16_t dstport;
  uint8_t protocol;
  bool red;
};

struct maker {
  const struct flowgen_options *options;
  uint32_t nodes; /* of previous */
};

/* Addresses whose octets all have three digits, so that the original's ids, which drop the dots, differ. */
static uint32_t address_of(uint32_t node) {
  uint32_t address = 100 + node / (OWN_OCTETS * OWN_OCTETS * OWN_OCTETS) % 124;
  address = address << 8 | (100 + node / (OWN_OCTETS * OWN_OCTETS) % OWN_OCTETS);
  address = address << 8 | (100 + node / OWN_OCTETS % OWN_OCTETS);
  return address << 8 | (100 + node % OWN_OCTETS);
}

/* Edge `number`: source and port are injective together; the destination follows a power law. */
static struct edge edge_of(const struct maker *maker, uint32_t number) {
  static const uint16_t known[] = {443, 80, 53, 22, 5432, 6379, 3306, 8080};
  uint64_t random = flowgen_mix(maker->options->seed, number);
  uint32_t round = number / maker->nodes;
  double uniform = (double)(random >> 40) / (double)(1 << 24);
  struct edge edge = {.source = number % maker->nodes, .account = (uint32_t)(random & 3), .protocol = 6};
  edge.destination = (uint32_t)(uniform * uniform * uniform * maker->nodes);
  if (number >= maker->options->edges && (random & 4) != 0) /* a machine that previous does not know */
    edge.source = maker->nodes + (uint32_t)(number - maker->options->edges);
  edge.dstport =
      round < 8 ? known[round] : (uint16_t)(10000 + (round * 7919U + (edge.source & 1023)) % 50000);
  if (edge.dstport == 53)
    edge.protocol = 17;
  edge.eni = flowgen_mix(~maker->options->seed, edge.destination);
  edge.red = (random >> 8) % 20 == 0;
  return edge;
}

static const char *const accounts[] = {"123456789010", "210987654321", "111122223333", "444455556666"};

static void put_node_id(struct flowgen_text *out, uint32_t node) {
  uint32_t address = address_of(node);
  flowgen_put(out, "n", 1);
  for (int shift = 24; shift >= 0; shift -= 8)
    flowgen_put_number(out, (address >> shift) & 255);
}

struct attribute {
  const char *name;
  char value[32];
  size_t len;
};
enum { ATTRIBUTES = 9 };

static void set_number(struct attribute *attribute, const char *name, uint64_t number) {
  struct flowgen_text text = {attribute->value, 0, sizeof attribute->value};
  attribute->name = name;
  flowgen_put_number(&text, number);
  attribute->len = text.len;
}

static void set_attributes(const struct edge *edge, uint64_t random, bool next,
                           struct attribute attributes[static ATTRIBUTES]) {
  struct flowgen_text eni = {attributes[1].value, 0, sizeof attributes[1].value};
  attributes[0].name = "accountID";
  attributes[0].len = strlen(accounts[edge->account]);
  memcpy(attributes[0].value, accounts[edge->account], attributes[0].len);
  attributes[1].name = "eniID";
  flowgen_put_string(&eni, "eni-");
  flowgen_put_hex(&eni, edge->eni, 8);
  attributes[1].len = eni.len;
  set_number(&attributes[2], "srcPort", edge->srcport);
  set_number(&attributes[3], "dstPort", edge->dstport);
  set_number(&attributes[4], "protocol", edge->protocol);
  set_number(&attributes[5], "packets", 1 + (random & 0xfff));
  set_number(&attributes[6], "bytes", 40 + (random >> 12 & 0xffff));
  set_number(&attributes[7], "start", next ? 1709596800 : 1709510400);
  set_number(&attributes[8], "end", next ? 1709683199 : 1709596799);
}

static void put_label(struct flowgen_text *out, const struct attribute attributes[static ATTRIBUTES]) {
  flowgen_put_string(out, "label=\"");
  for (size_t i = 0; i < ATTRIBUTES; i++) {
    flowgen_put_string(out, attributes[i].name);
    flowgen_put(out, "=", 1);
    flowgen_put(out, attributes[i].value, attributes[i].len);
    flowgen_put(out, "\\n", i + 1 < ATTRIBUTES ? 2 : 0);
  }
  flowgen_put(out, "\"", 1);
}

static void put_edge(struct flowgen_text *out, const struct edge *edge,
                     const struct attribute attributes[static ATTRIBUTES]) {
  flowgen_put(out, "\t", 1);
  put_node_id(out, edge->source);
  flowgen_put(out, " -> ", 4);
  put_node_id(out, edge->destination);
  flowgen_put(out, " [", 2);
  for (size_t i = 0; i < ATTRIBUTES; i++) {
    flowgen_put(out, "govpc_", 6);
    flowgen_put_string(out, attributes[i].name);
    flowgen_put(out, "=\"", 2);
    flowgen_put(out, attributes[i].value, attributes[i].len);
    flowgen_put(out, "\" ", 2);
  }
  flowgen_put_string(out, edge->red ? "color=red " : "color=green ");
  put_label(out, attributes);
  flowgen_put(out, "]\n", 2);
}

/* The same edge with its attributes in another order, and quotes at other places; `random` picks which. */
static void put_requoted(struct flowgen_text *out, const struct edge *edge,
                         const struct attribute attributes[static ATTRIBUTES], uint64_t random) {
  static const char *const colors[2][2] = {{"color=green ", "color=red "},
                                           {"color=\"green\" ", "color=\"red\" "}};
  size_t first = random % ATTRIBUTES;
  size_t color_at = (random >> 8) % ATTRIBUTES;
  flowgen_put(out, "\t", 1);
  put_node_id(out, edge->source);
  flowgen_put(out, " -> ", 4);
  put_node_id(out, edge->destination);
  flowgen_put(out, " [", 2);
  for (size_t i = 0; i < ATTRIBUTES; i++) {
    const struct attribute *attribute = &attributes[(first + i) % ATTRIBUTES];
    bool plain = (random >> (16 + i) & 1) != 0 && attribute->value[0] != 'e'; /* eni-... needs its quotes */
    if (i == color_at)
      flowgen_put_string(out, colors[random >> 30 & 1][edge->red]);
    flowgen_put(out, "govpc_", 6);
    flowgen_put_string(out, attribute->name);
    flowgen_put(out, plain ? "=" : "=\"", plain ? 1 : 2);
    flowgen_put(out, attribute->value, attribute->len);
    flowgen_put(out, plain ? " " : "\" ", plain ? 1 : 2);
  }
  put_label(out, attributes);
  flowgen_put(out, "]\n", 2);
}

/* The same edge as other writers put it, with all that DOT allows between tokens; `random` picks which of the
 * many ways. */
static void put_restyled(struct flowgen_text *out, const struct edge *edge,
                         const struct attribute attributes[static ATTRIBUTES], uint64_t random) {
  static const char *const separators[] = {" ", ", ", ";", ",", "  ", " /* , */ ", "\n\t\t", "; "};
  static const char *const equals[] = {"=", " = ", "= ", " ="};
  bool quoted = (random & 1) != 0;
  size_t first = (random >> 1) % ATTRIBUTES;
  flowgen_put_string(out, quoted ? "  \"" : "");
  put_node_id(out, edge->source);
  flowgen_put_string(out, quoted ? "\"->" : " -> ");
  put_node_id(out, edge->destination);
  flowgen_put_string(out, (random & 32) != 0 ? "[" : " [ ");
  if ((random & 64) != 0)
    flowgen_put_string(out, edge->red ? "color = \"red\" " : "\"color\"=green, ");
  for (size_t i = 0; i < ATTRIBUTES; i++) {
    const struct attribute *attribute = &attributes[(first + i) % ATTRIBUTES];
    uint64_t bits = random >> (7 + 6 * (i % 9));
    bool plain = (bits & 1) != 0 && attribute->value[0] != 'e'; /* a number needs no quotes; eni-... does */
    flowgen_put_string(out, "govpc_");
    flowgen_put_string(out, attribute->name);
    flowgen_put_string(out, equals[bits >> 1 & 3]);
    flowgen_put_string(out, plain ? "" : "\"");
    flowgen_put(out, attribute->value, attribute->len);
    flowgen_put_string(out, plain ? "" : "\"");
    flowgen_put_string(out, separators[bits >> 3 & 7]);
  }
  if ((random & 64) == 0)
    flowgen_put_string(out, edge->red ? "color=red" : "\"color\"=\"green\"");
  flowgen_put_string(out, (random & 128) != 0 ? " label=\"x ] -> \\\" y\" ]" : "]");
  flowgen_put_string(out, (random & 256) != 0 ? ";\n" : "\n");
}

static void flush(FILE *file, const char *path, struct flowgen_text *out) {
  if (fwrite(out->ptr, 1, out->len, file) != out->len)
    flowgen_die("cannot write", path);
  out->len = 0;
}

static void write_graph(const struct maker *maker, const char *name, const uint32_t *numbers, bool next) {
  char path[4096];
  (void)snprintf(path, sizeof path, "%s/%s", maker->options->out, name);
  FILE *file = fopen(path, "wb");
  if (file == NULL)
    flowgen_die("cannot make", path);
  size_t node_count = maker->nodes + (size_t)maker->options->edges;
  uint8_t *touched = flowgen_alloc(node_count, 1);
  struct flowgen_text out = {0};
  flowgen_put_string(&out, "digraph {\n");
  for (size_t i = 0; i < maker->options->edges; i++) {
    struct edge edge = edge_of(maker, numbers[i]);
    uint64_t random = flowgen_mix(maker->options->seed + 1 + next, numbers[i]);
    struct attribute attributes[ATTRIBUTES];
    set_attributes(&edge, random, next, attributes);
    touched[edge.source] = touched[edge.destination] = 1;
    if (maker->options->requote)
      put_requoted(&out, &edge, attributes, random);
    else if (maker->options->restyle)
      put_restyled(&out, &edge, attributes, random);
    else
      put_edge(&out, &edge, attributes);
    if (out.len > FLUSH_AT)
      flush(file, path, &out);
  }
  for (size_t node = 0; node < node_count; node++) {
    if (!touched[node])
      continue;
    flowgen_put(&out, "\t", 1);
    put_node_id(&out, (uint32_t)node);
    flowgen_put_string(&out, " [label=\"");
    flowgen_put_v4(&out, address_of((uint32_t)node));
    flowgen_put_string(&out, "\"]\n");
    if (out.len > FLUSH_AT)
      flush(file, path, &out);
  }
  flowgen_put(&out, "}", 1);
  flush(file, path, &out);
  if (fclose(file) != 0)
    flowgen_die("cannot write", path);
  free(out.ptr);
  free(touched);
}

int flowgen_dot(const struct flowgen_options *options) {
  size_t edges = (size_t)options->edges;
  size_t changed = (size_t)((double)edges * options->change_percent / 100);
  struct maker maker = {.options = options, .nodes = (uint32_t)(edges / EDGES_A_NODE + 2)};
  struct flowgen_random random = {.seed = flowgen_mix(options->seed, UINT64_MAX)};
  uint32_t *numbers = flowgen_alloc(edges, sizeof *numbers);
  flowgen_make_folders(options->out);
  for (size_t i = 0; i < edges; i++)
    numbers[i] = (uint32_t)i;
  flowgen_shuffle(&random, numbers, edges);
  write_graph(&maker, "previous.dot", numbers, false);
  /* The first ones of the shuffled order go, and numbers past the last come in their place. */
  flowgen_shuffle(&random, numbers, edges);
  for (size_t i = 0; i < changed; i++)
    numbers[i] = (uint32_t)(edges + i);
  flowgen_shuffle(&random, numbers, edges);
  write_graph(&maker, "next.dot", numbers, true);
  free(numbers);
  (void)printf("edges %zu\nremoved %zu\nadded %zu\nprevious %s/previous.dot\nnext %s/next.dot\n", edges,
               changed, changed, options->out, options->out);
  return 0;
}
