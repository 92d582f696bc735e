/* SPDX-License-Identifier: Apache-2.0 */
#include "core/canon.h"

#include <string.h>

#include "core/decimal.h"

/* ---- The scalar kernel ---- */

#define KERNEL
#define KERNEL_CALL

static inline bool ends_label(char c) {
  return c == '\0' || c == '\n' || c == '"';
}

static inline bool ends_value(char c) {
  return ends_label(c) || c == 0x01 || c == '\\';
}

static inline bool stands_in_id(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '_';
}

static inline uint64_t label_stops(const char *at) {
  uint64_t bits = 0;
  for (unsigned i = 0; i < 64; i++)
    bits |= (uint64_t)ends_label(at[i]) << i;
  return bits;
}

static inline uint64_t value_stops(const char *at) {
  uint64_t bits = 0;
  for (unsigned i = 0; i < 64; i++)
    bits |= (uint64_t)ends_value(at[i]) << i;
  return bits;
}

static inline uint64_t id_stops(const char *at) {
  uint64_t bits = 0;
  for (unsigned i = 0; i < 64; i++)
    bits |= (uint64_t)!stands_in_id(at[i]) << i;
  return bits;
}

static inline size_t lowest(uint64_t bits) {
  return bits != 0 ? (size_t)__builtin_ctzll(bits) : 64;
}

static inline uint64_t without_lowest(uint64_t bits) {
  return bits & (bits - 1);
}

static inline bool are_equal(const char *at, const char *text, size_t len) {
  return memcmp(at, text, len) == 0;
}

static inline void put_padded(char *place, size_t room, const char *at, size_t len) {
  memset(place, 0, room);
  memcpy(place, at, len < room ? len : room);
}

#include "core/canon_walk.h"

static enum diffd_canon_kind read_scalar(const char *line, struct diffd_canon_line *ret) {
  return read_line(line, ret);
}

static enum diffd_canon_kind read_edges_scalar(const struct diffd_keyer *keyer, struct diffd_canon_run *run) {
  return read_edges(keyer, run);
}

const struct diffd_canon_kernel diffd_canon_scalar = {"scalar", read_scalar, read_edges_scalar};

enum diffd_status diffd_canon_choose(const char *name, const struct diffd_canon_kernel **ret,
                                     struct diffd_error *err) {
  bool avx2 = false;
#if defined(__x86_64__)
  avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  if (avx2 && (name == NULL || strcmp(name, "avx2") == 0)) {
    *ret = &diffd_canon_avx2;
    return DIFFD_OK;
  }
#endif
  if (name == NULL || strcmp(name, "scalar") == 0) {
    *ret = &diffd_canon_scalar;
    return DIFFD_OK;
  }
  return diffd_fail(err, DIFFD_INVALID, "kernel \"%s\" is not to be had here: choose %s", name,
                    avx2 ? "scalar or avx2" : "scalar");
}

/* ---- The values of an edge ---- */

/* Steps over `skip` bytes of literal and takes what stands before the next `stop`. */
static struct diffd_span take_value(const char **at, size_t skip, char stop) {
  const char *value = *at + skip;
  const char *end = value;
  while (*end != stop)
    end++;
  *at = end;
  return (struct diffd_span){value, (size_t)(end - value)};
}

void diffd_canon_edge_fields(const char *text, size_t len, struct diffd_identity *ret_identity,
                             struct diffd_counters *ret_counters) {
  (void)len;
  const char *at = text;
  struct diffd_identity identity;
  identity.source = take_value(&at, 0, ' ');
  identity.destination = take_value(&at, sizeof " -> " - 1, ' ');
  identity.account = take_value(&at, sizeof " [govpc_accountID=\"" - 1, '"');
  identity.eni = take_value(&at, sizeof "\" govpc_eniID=\"" - 1, '"');
  identity.srcport = take_value(&at, sizeof "\" govpc_srcPort=\"" - 1, '"');
  identity.dstport = take_value(&at, sizeof "\" govpc_dstPort=\"" - 1, '"');
  identity.protocol = take_value(&at, sizeof "\" govpc_protocol=\"" - 1, '"');
  struct diffd_span packets = take_value(&at, sizeof "\" govpc_packets=\"" - 1, '"');
  struct diffd_span bytes = take_value(&at, sizeof "\" govpc_bytes=\"" - 1, '"');
  struct diffd_span start = take_value(&at, sizeof "\" govpc_start=\"" - 1, '"');
  struct diffd_span end = take_value(&at, sizeof "\" govpc_end=\"" - 1, '"');
  identity.color = take_value(&at, sizeof "\" color=" - 1, ' ');
  struct diffd_counters counters = {0};
  uint64_t number;
  if (diffd_decimal(packets, UINT64_MAX, &counters.packets))
    counters.present |= DIFFD_HAS_PACKETS;
  if (diffd_decimal(bytes, UINT64_MAX, &counters.bytes))
    counters.present |= DIFFD_HAS_BYTES;
  if (diffd_decimal(start, INT64_MAX, &number)) {
    counters.start = (int64_t)number;
    counters.present |= DIFFD_HAS_START;
  }
  if (diffd_decimal(end, INT64_MAX, &number)) {
    counters.end = (int64_t)number;
    counters.present |= DIFFD_HAS_END;
  }
  *ret_identity = identity;
  *ret_counters = counters;
}
