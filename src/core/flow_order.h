/* SPDX-License-Identifier: Apache-2.0
 *
 * What puts the edges of several digests into one order: the ranks of names, of pairs of account and ENI, and
 * of addresses.
 */
#ifndef DIFFD_CORE_FLOW_ORDER_H
#define DIFFD_CORE_FLOW_ORDER_H

#include "core/flow_digest.h"
#include "core/flow_nodes.h"

struct diffd_flow_pair {
  uint32_t account; /* names by rank */
  uint32_t eni;
};

/* From the numbers of one digest to ranks and positions. */
struct diffd_flow_map {
  uint32_t *pair_rank;
  uint32_t *v6_position; /* NULL: the digest has no IPv6 address */
};

struct diffd_flow_order {
  struct diffd_flow_nodes nodes;
  struct diffd_span *names; /* ascending; they point into `name_bytes` */
  char *name_bytes;
  uint32_t name_count;
  struct diffd_flow_pair *pairs; /* ascending */
  uint32_t pair_count;
  struct diffd_flow_map *maps; /* one a digest */
  size_t map_count;
};

void diffd_flow_order_init(struct diffd_flow_order *order, const struct diffd_flow_hash_key *key,
                           struct diffd_flow_room room);
void diffd_flow_order_clean_up(struct diffd_flow_order *order);

/* Makes the order of all that the digests know; order->nodes holds the IPv4 addresses of their entries
 * already. DIFFD_NO_MEMORY. */
enum diffd_status diffd_flow_order_make(struct diffd_flow_order *order, enum diffd_node_ids ids,
                                        const struct diffd_flow_digest *const *digests, size_t digest_count,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;

/* Frees what only translating needs. */
void diffd_flow_order_drop_lookups(struct diffd_flow_order *order);

/* Turns raw entries of the digest of that index into ordered ones: from `from` to `to`, which may be the
 * same. */
void diffd_flow_order_translate(const struct diffd_flow_order *order, size_t digest,
                                const struct diffd_flow_entry *from, struct diffd_flow_entry *to,
                                uint64_t count);

#endif
