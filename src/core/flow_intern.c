/* SPDX-License-Identifier: Apache-2.0
 *
 * An open-addressing table of hashes beside an arena of strings.
 */
#include "core/flow_intern.h"

#include <stdlib.h>
#include <string.h>

enum {
  FIRST_ENDS = 64,
  FIRST_SLOTS = 128,
  FIRST_BYTES = 4096,
};

void diffd_flow_intern_clean_up(struct diffd_flow_intern *intern) {
  free(intern->ends);
  free(intern->bytes);
  free(intern->slots);
  *intern = (struct diffd_flow_intern){0};
}

uint64_t diffd_flow_intern_memory(const struct diffd_flow_intern *intern) {
  return intern->cap + intern->end_cap * (uint64_t)sizeof *intern->ends +
         intern->slot_count * (uint64_t)sizeof *intern->slots;
}

static enum diffd_status no_memory(struct diffd_error *err) {
  return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the names and addresses of the flow logs");
}

static void put_slot(struct diffd_flow_intern *intern, struct diffd_flow_intern_slot slot) {
  uint32_t at = (uint32_t)slot.hash & (intern->slot_count - 1);
  while (intern->slots[at].number != 0)
    at = (at + 1) & (intern->slot_count - 1);
  intern->slots[at] = slot;
}

static enum diffd_status grow_slots(struct diffd_flow_intern *intern, struct diffd_error *err) {
  struct diffd_flow_intern grown = *intern;
  grown.slot_count = intern->slot_count == 0 ? FIRST_SLOTS : intern->slot_count * 2;
  grown.slots = grown.slot_count == 0 ? NULL : calloc(grown.slot_count, sizeof *grown.slots);
  if (grown.slots == NULL)
    return no_memory(err);
  for (uint32_t at = 0; at < intern->slot_count; at++)
    if (intern->slots[at].number != 0)
      put_slot(&grown, intern->slots[at]);
  free(intern->slots);
  *intern = grown;
  return DIFFD_OK;
}

static enum diffd_status append(struct diffd_flow_intern *intern, struct diffd_span string,
                                struct diffd_error *err) {
  if (intern->count == intern->end_cap) {
    uint32_t cap = intern->end_cap == 0 ? FIRST_ENDS : intern->end_cap * 2;
    uint64_t *ends = cap == 0 ? NULL : realloc(intern->ends, (size_t)cap * sizeof *intern->ends);
    if (ends == NULL)
      return no_memory(err);
    intern->ends = ends;
    intern->end_cap = cap;
  }
  uint64_t len = intern->count == 0 ? 0 : intern->ends[intern->count - 1];
  if (string.len > intern->cap - len) {
    uint64_t cap = intern->cap == 0 ? FIRST_BYTES : intern->cap * 2;
    if (cap < len + string.len)
      cap = len + string.len;
    char *bytes = realloc(intern->bytes, cap);
    if (bytes == NULL)
      return no_memory(err);
    intern->bytes = bytes;
    intern->cap = cap;
  }
  memcpy(intern->bytes + len, string.ptr, string.len);
  intern->ends[intern->count++] = len + string.len;
  return DIFFD_OK;
}

enum diffd_status diffd_flow_intern_add(struct diffd_flow_intern *intern, struct diffd_span string,
                                        XXH128_hash_t hash, uint32_t *ret, struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  if (intern->count >= intern->slot_count / 2)
    status = grow_slots(intern, err);
  if (status == DIFFD_OK)
    status = append(intern, string, err);
  if (status != DIFFD_OK)
    return status;
  put_slot(intern, (struct diffd_flow_intern_slot){hash.low64, (uint32_t)hash.high64, intern->count});
  *ret = intern->count - 1;
  return DIFFD_OK;
}
