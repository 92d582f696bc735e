/* SPDX-License-Identifier: Apache-2.0
 *
 * Canonical lines: what go-vpcflow writes, recognised by white space and literals.
 *
 *   \tSRC -> DST [govpc_accountID="A" govpc_eniID="E" govpc_srcPort="S" govpc_dstPort="D" govpc_protocol="P"
 *   govpc_packets="N" govpc_bytes="N" govpc_start="N" govpc_end="N" color=green|red label="..."]\n
 *   \tID [label="..."]\n
 *
 * (the first is one line). Ids are `n` and then digits, a-f and `_`, so that none is a keyword; no value
 * holds white space, a quote or a backslash before its closing quote. The next line begins with a tab and an
 * `n`, or with the closing brace, so that the statement does not go on there. Whatever else DOT allows is no
 * canonical line and takes the general reader, which finds the same edge in it.
 */
#ifndef DIFFD_CORE_CANON_H
#define DIFFD_CORE_CANON_H

#include "core/line_scan.h"
#include "diffd/change.h"

enum {
  DIFFD_CANON_EDGE_SPACES = 15, /* the white space of an edge's line, tab and newline with it */
  DIFFD_CANON_NODE_SPACES = 3,
};

/* Offsets within the text that the index belongs to. */
struct diffd_canon_edge {
  uint32_t begin; /* the source id's first byte, and the key's */
  uint32_t source_end;
  uint32_t destination; /* the destination id's first byte */
  uint32_t destination_end;
  uint32_t key_end; /* the byte after the quote that closes the protocol */
  uint32_t end;     /* the newline */
  bool red;
};

struct diffd_canon_node {
  uint32_t begin; /* the id's first byte */
  uint32_t id_end;
  uint32_t end; /* the newline */
};

/* True, and *ret filled, where line[number] of the index is a canonical edge or node. The line must begin
 * after the newline before it, or with the text; the text must be indexed and padded as line_scan.h says, and
 * what follows the line in its source must follow it here, as far as two bytes. */
bool diffd_canon_edge(const char *text, const struct diffd_line_index *index, size_t number,
                      struct diffd_canon_edge *ret);
bool diffd_canon_node(const char *text, const struct diffd_line_index *index, size_t number,
                      struct diffd_canon_node *ret);

/* The identity and counters of a canonical edge's statement, whose text begins with its source id. */
void diffd_canon_edge_fields(const char *text, size_t len, struct diffd_identity *ret_identity,
                             struct diffd_counters *ret_counters);

#endif
