/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests: lines as go-vpcflow writes them, from a seed.
 */
#ifndef DIFFD_CORE_CANONICAL_TEXT_TEST_H
#define DIFFD_CORE_CANONICAL_TEXT_TEST_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static inline uint64_t test_random(uint64_t *seed) {
  *seed ^= *seed << 13;
  *seed ^= *seed >> 7;
  *seed ^= *seed << 17;
  return *seed;
}

static inline unsigned test_below(uint64_t *seed, unsigned bound) {
  return (unsigned)(test_random(seed) >> 20) % bound;
}

/* Writes an edge of one of `interfaces` and returns its length, at most 600 bytes. */
static inline size_t put_canonical_edge(char *at, uint64_t *seed, unsigned interfaces) {
  char id[2][64];
  for (size_t i = 0; i < 2; i++)
    (void)snprintf(id[i], sizeof id[i], test_below(seed, 16) == 0 ? "n20010db8%u_%u" : "n10%u%u",
                   test_below(seed, 65536), test_below(seed, 65536));
  unsigned eni = test_below(seed, interfaces);
  unsigned account = eni % 7;
  unsigned port = test_below(seed, 65536);
  unsigned protocol = test_below(seed, 4) == 0 ? 17 : 6;
  unsigned packets = test_below(seed, 100000);
  unsigned bytes = test_below(seed, 1000000000);
  return (size_t)snprintf(
      at, 600,
      "\t%s -> %s [govpc_accountID=\"12345678901%u\" govpc_eniID=\"eni-%0*x\" govpc_srcPort=\"0\" "
      "govpc_dstPort=\"%u\" govpc_protocol=\"%u\" govpc_packets=\"%u\" govpc_bytes=\"%u\" "
      "govpc_start=\"1551484800\" govpc_end=\"1551571199\" color=%s label=\"accountID=12345678901%u\\n"
      "eniID=eni-%0*x\\nsrcPort=0\\ndstPort=%u\\nprotocol=%u\\npackets=%u\\nbytes=%u\\nstart=1551484800\\n"
      "end=1551571199\"]\n",
      id[0], id[1], account, eni % 2 ? 8 : 17, eni, port, protocol, packets, bytes,
      eni % 3 == 0 ? "red" : "green", account, eni % 2 ? 8 : 17, eni, port, protocol, packets, bytes);
}

static inline size_t put_canonical_node(char *at, uint64_t *seed) {
  unsigned a = test_below(seed, 256);
  unsigned b = test_below(seed, 256);
  return (size_t)snprintf(at, 64, "\tn10%u%u [label=\"10.0.%u.%u\"]\n", a, b, a, b);
}

/* A text of so many edges, and a node for every 20 of them; *ret_len bytes. The caller frees it. */
static inline char *new_canonical_text(uint64_t seed, size_t edges, unsigned interfaces, size_t *ret_len) {
  char *text = malloc(edges * 600 + 4096);
  if (text == NULL)
    abort();
  size_t len = (size_t)sprintf(text, "digraph {\n");
  for (size_t i = 0; i < edges; i++) {
    len += put_canonical_edge(text + len, &seed, interfaces);
    if (i % 20 == 0)
      len += put_canonical_node(text + len, &seed);
  }
  len += (size_t)sprintf(text + len, "}\n");
  *ret_len = len;
  return text;
}

#endif
