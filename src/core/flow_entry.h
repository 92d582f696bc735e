/* SPDX-License-Identifier: Apache-2.0
 *
 * One edge of a digest in 32 bytes, in each of the forms that it goes through.
 *
 * `hi` is source << 32 | destination. `lo` is pair << 32 and the low bits below. A pair is an account with an
 * ENI.
 *
 *   raw      an end is an IPv4 address, or where its v6 bit is set a digest's own number of an IPv6 address;
 *            the pair is a digest's own number. The used bit is set, so that all zeros is an empty slot.
 *   ordered  an end is the address's position among all addresses in order, the pair its rank; used and v6
 * bits are clear. Entries ascend as (hi, lo) numbers where edges ascend in graph order.
 */
#ifndef DIFFD_CORE_FLOW_ENTRY_H
#define DIFFD_CORE_FLOW_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

struct diffd_flow_entry {
  uint64_t hi;
  uint64_t lo;
  uint64_t packets;
  uint64_t bytes;
};

enum {
  DIFFD_FLOW_USED = 1,
  DIFFD_FLOW_SOURCE_V6 = 2,
  DIFFD_FLOW_DESTINATION_V6 = 4,
  DIFFD_FLOW_COLOR_SHIFT = 3,    /* 1 bit */
  DIFFD_FLOW_PROTOCOL_SHIFT = 4, /* 8 bits */
  DIFFD_FLOW_PORTS_SHIFT = 12,   /* 17 bits */
  DIFFD_FLOW_PAIR_SHIFT = 32,    /* 32 bits */
};
/* Ports, protocol and colour: what is the same in both forms. */
#define DIFFD_FLOW_COMMON_BITS ((UINT64_C(1) << 29) - (1 << DIFFD_FLOW_COLOR_SHIFT))

/* The larger port is ephemeral and becomes 0, the source on a tie. So one of both is 0, and 17 bits hold them
 * in their order: (0, port) is the port, (port, 0) is 65536 and the port. */
static inline uint32_t diffd_flow_ports(uint16_t source, uint16_t destination) {
  if (source >= destination)
    return destination;
  return source == 0 ? 0 : UINT32_C(65536) + source;
}
static inline uint16_t diffd_flow_ports_source(uint32_t ports) {
  return ports > 65535 ? (uint16_t)(ports - 65536) : 0;
}
static inline uint16_t diffd_flow_ports_destination(uint32_t ports) {
  return ports > 65535 ? 0 : (uint16_t)ports;
}

static inline uint32_t diffd_flow_entry_source(const struct diffd_flow_entry *entry) {
  return (uint32_t)(entry->hi >> 32);
}
static inline uint32_t diffd_flow_entry_destination(const struct diffd_flow_entry *entry) {
  return (uint32_t)entry->hi;
}
static inline uint32_t diffd_flow_entry_pair(const struct diffd_flow_entry *entry) {
  return (uint32_t)(entry->lo >> DIFFD_FLOW_PAIR_SHIFT);
}
static inline bool diffd_flow_entry_less(const struct diffd_flow_entry *a, const struct diffd_flow_entry *b) {
  return a->hi != b->hi ? a->hi < b->hi : a->lo < b->lo;
}
static inline bool diffd_flow_entry_same(const struct diffd_flow_entry *a, const struct diffd_flow_entry *b) {
  return a->hi == b->hi && a->lo == b->lo;
}

#endif
