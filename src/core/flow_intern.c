/* SPDX-License-Identifier: Apache-2.0
 *
 * An open-addressing table of numbers over an arena of strings.
 */
#include "core/flow_intern.h"

#include <stdlib.h>
#include <string.h>

enum {
  FIRST_ITEMS = 64,
  FIRST_SLOTS = 128,
  FIRST_BYTES = 4096,
};

void diffd_flow_intern_clean_up(struct diffd_flow_intern *intern) {
  free(intern->items);
  free(intern->bytes);
  free(intern->slots);
  *intern = (struct diffd_flow_intern){0};
}

uint64_t diffd_flow_intern_memory(const struct diffd_flow_intern *intern) {
  return intern->cap + intern->item_cap * (uint64_t)sizeof *intern->items +
         intern->slot_count * (uint64_t)sizeof *intern->slots;
}

static enum diffd_status no_memory(struct diffd_error *err) {
  return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the names and addresses of the flow logs");
}

static enum diffd_status grow_slots(struct diffd_flow_intern *intern, struct diffd_error *err) {
  uint32_t count = intern->slot_count == 0 ? FIRST_SLOTS : intern->slot_count * 2;
  uint32_t *slots = count == 0 ? NULL : calloc(count, sizeof *slots);
  if (slots == NULL)
    return no_memory(err);
  for (uint32_t number = 0; number < intern->count; number++) {
    uint32_t at = intern->items[number].hash & (count - 1);
    while (slots[at] != 0)
      at = (at + 1) & (count - 1);
    slots[at] = number + 1;
  }
  free(intern->slots);
  intern->slots = slots;
  intern->slot_count = count;
  return DIFFD_OK;
}

static enum diffd_status append(struct diffd_flow_intern *intern, struct diffd_span string, uint32_t hash,
                                struct diffd_error *err) {
  if (intern->count == intern->item_cap) {
    uint32_t cap = intern->item_cap == 0 ? FIRST_ITEMS : intern->item_cap * 2;
    struct diffd_flow_intern_item *items =
        cap == 0 ? NULL : realloc(intern->items, (size_t)cap * sizeof *intern->items);
    if (items == NULL)
      return no_memory(err);
    intern->items = items;
    intern->item_cap = cap;
  }
  if (string.len > intern->cap - intern->len) {
    uint64_t cap = intern->cap == 0 ? FIRST_BYTES : intern->cap * 2;
    if (cap < intern->len + string.len)
      cap = intern->len + string.len;
    char *bytes = realloc(intern->bytes, cap);
    if (bytes == NULL)
      return no_memory(err);
    intern->bytes = bytes;
    intern->cap = cap;
  }
  memcpy(intern->bytes + intern->len, string.ptr, string.len);
  intern->items[intern->count++] = (struct diffd_flow_intern_item){intern->len, (uint32_t)string.len, hash};
  intern->len += string.len;
  return DIFFD_OK;
}

enum diffd_status diffd_flow_intern_add(struct diffd_flow_intern *intern, struct diffd_span string,
                                        uint64_t hash, uint32_t *ret, struct diffd_error *err) {
  uint32_t short_hash = (uint32_t)hash;
  if (intern->count >= intern->slot_count / 2) {
    enum diffd_status status = grow_slots(intern, err);
    if (status != DIFFD_OK)
      return status;
  }
  uint32_t at = short_hash & (intern->slot_count - 1);
  for (; intern->slots[at] != 0; at = (at + 1) & (intern->slot_count - 1)) {
    const struct diffd_flow_intern_item *item = &intern->items[intern->slots[at] - 1];
    if (item->hash == short_hash && item->len == string.len &&
        memcmp(intern->bytes + item->offset, string.ptr, string.len) == 0) {
      *ret = intern->slots[at] - 1;
      return DIFFD_OK;
    }
  }
  enum diffd_status status = append(intern, string, short_hash, err);
  if (status != DIFFD_OK)
    return status;
  intern->slots[at] = intern->count;
  *ret = intern->count - 1;
  return DIFFD_OK;
}
