/* SPDX-License-Identifier: Apache-2.0
 *
 * Keyed hashes: XXH3 with a secret made from a random seed, so that nobody can make keys that collide.
 */
#ifndef DIFFD_CORE_FLOW_HASH_H
#define DIFFD_CORE_FLOW_HASH_H

#include <stddef.h>
#include <stdint.h>

#define XXH_INLINE_ALL /* short keys of known length become a few instructions */
#include <xxhash.h>

struct diffd_flow_hash_key {
  uint8_t secret[XXH3_SECRET_DEFAULT_SIZE];
};

static inline void diffd_flow_hash_key_init(struct diffd_flow_hash_key *key, const uint8_t seed[16]) {
  (void)XXH3_generateSecret(key->secret, sizeof key->secret, seed, 16);
}

static inline uint64_t diffd_flow_hash(const struct diffd_flow_hash_key *key, const void *bytes, size_t len) {
  return XXH3_64bits_withSecret(bytes, len, key->secret, sizeof key->secret);
}

/* For keys that are told apart by their hashes alone. */
static inline XXH128_hash_t diffd_flow_hash128(const struct diffd_flow_hash_key *key, const void *bytes,
                                               size_t len) {
  return XXH3_128bits_withSecret(bytes, len, key->secret, sizeof key->secret);
}

#endif
