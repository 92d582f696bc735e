/* SPDX-License-Identifier: Apache-2.0
 *
 * Byte strings to small numbers: 0, 1, 2, ... in the order of their first coming. One thread at a time.
 */
#ifndef DIFFD_CORE_FLOW_INTERN_H
#define DIFFD_CORE_FLOW_INTERN_H

#include "diffd/stream.h"

struct diffd_flow_intern_item {
  uint64_t offset; /* in bytes */
  uint32_t len;
  uint32_t hash;
};

/* Zero is an empty one. */
struct diffd_flow_intern {
  struct diffd_flow_intern_item *items;
  uint32_t count;
  uint32_t item_cap;
  char *bytes;
  uint64_t len;
  uint64_t cap;
  uint32_t *slots; /* a number and 1, or 0; a power of two of them */
  uint32_t slot_count;
};

void diffd_flow_intern_clean_up(struct diffd_flow_intern *intern);

/* The number of a string, which is copied where it is new. `hash` is a keyed hash of it. DIFFD_NO_MEMORY. */
enum diffd_status diffd_flow_intern_add(struct diffd_flow_intern *intern, struct diffd_span string,
                                        uint64_t hash, uint32_t *ret,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;

/* Lives until the next add. */
static inline struct diffd_span diffd_flow_intern_get(const struct diffd_flow_intern *intern,
                                                      uint32_t number) {
  const struct diffd_flow_intern_item *item = &intern->items[number];
  return (struct diffd_span){intern->bytes + item->offset, item->len};
}

/* Private memory held, in bytes. */
uint64_t diffd_flow_intern_memory(const struct diffd_flow_intern *intern);

#endif
