/* SPDX-License-Identifier: Apache-2.0
 *
 * Byte strings to small numbers: 0, 1, 2, ... in the order of their first coming. One thread at a time.
 *
 * Strings are told apart by 96 bits of a keyed hash: with a million of them, that two share these has a
 * chance of 1e-17, and nobody who does not know the key can do better.
 */
#ifndef DIFFD_CORE_FLOW_INTERN_H
#define DIFFD_CORE_FLOW_INTERN_H

#include "core/flow_hash.h"
#include "diffd/stream.h"

struct diffd_flow_intern_slot {
  uint64_t hash;
  uint32_t more_hash;
  uint32_t number; /* and 1; 0: empty */
};

/* Zero is an empty one. */
struct diffd_flow_intern {
  struct diffd_flow_intern_slot *slots; /* a power of two */
  uint32_t slot_count;
  uint32_t count;
  uint64_t *ends; /* the end of each string in `bytes` */
  uint32_t end_cap;
  char *bytes;
  uint64_t cap;
};

#define DIFFD_FLOW_NO_NUMBER UINT32_MAX

void diffd_flow_intern_clean_up(struct diffd_flow_intern *intern);

/* The number of the string with that hash; DIFFD_FLOW_NO_NUMBER where it was not added. */
static inline uint32_t diffd_flow_intern_find(const struct diffd_flow_intern *intern, XXH128_hash_t hash) {
  if (intern->slot_count == 0)
    return DIFFD_FLOW_NO_NUMBER;
  uint32_t mask = intern->slot_count - 1;
  for (uint32_t at = (uint32_t)hash.low64 & mask; intern->slots[at].number != 0; at = (at + 1) & mask)
    if (intern->slots[at].hash == hash.low64 && intern->slots[at].more_hash == (uint32_t)hash.high64)
      return intern->slots[at].number - 1;
  return DIFFD_FLOW_NO_NUMBER;
}

/* Adds a string that diffd_flow_intern_find does not find. It is copied. DIFFD_NO_MEMORY. */
enum diffd_status diffd_flow_intern_add(struct diffd_flow_intern *intern, struct diffd_span string,
                                        XXH128_hash_t hash, uint32_t *ret,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;

/* Lives until the next add. */
static inline struct diffd_span diffd_flow_intern_get(const struct diffd_flow_intern *intern,
                                                      uint32_t number) {
  uint64_t begin = number == 0 ? 0 : intern->ends[number - 1];
  return (struct diffd_span){intern->bytes + begin, (size_t)(intern->ends[number] - begin)};
}

/* Private memory held, in bytes. */
uint64_t diffd_flow_intern_memory(const struct diffd_flow_intern *intern);

#endif
