/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys: a 128-bit seeded hash stands for an edge's identity, and one for a node's id.
 *
 * What is hashed for an edge is one canonical text, the bytes from its source id to the quote after its
 * protocol as go-vpcflow writes them, and apart from it the colour. A canonical line holds that text as it
 * is. For any other edge it is rebuilt from the unquoted values so that no two identities share one: a
 * canonical value holds neither quote nor blank nor control byte, and what could imitate a separator is
 * written with a control byte before it.
 *
 * XXH3 is no cryptographic hash; the secret comes from a random seed that never shows in any output, so that
 * nobody can choose keys that collide. Thread-safe after init.
 */
#ifndef DIFFD_CORE_EDGE_KEY_H
#define DIFFD_CORE_EDGE_KEY_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/buffer.h"
#include "diffd/change.h"

struct diffd_key {
  uint64_t low;
  uint64_t high;
};

enum { DIFFD_KEY_SECRET_LEN = 192 };

struct diffd_keyer {
  unsigned char secret[DIFFD_KEY_SECRET_LEN];
  struct diffd_key green;
  struct diffd_key red;
};

/* `seed` is random and secret. */
void diffd_keyer_init(struct diffd_keyer *keyer, const uint8_t seed[16]);

/* The key of a text that is canonical from the source id's first byte to the quote after the protocol. */
static inline struct diffd_key diffd_keyer_canonical(const struct diffd_keyer *keyer, const char *text,
                                                     size_t len, bool red) {
  XXH128_hash_t hash = XXH3_128bits_withSecret(text, len, keyer->secret, sizeof keyer->secret);
  const struct diffd_key *color = red ? &keyer->red : &keyer->green;
  return (struct diffd_key){hash.low64 ^ color->low, hash.high64 ^ color->high};
}

/* The key of any identity; `scratch` is overwritten. DIFFD_NO_MEMORY. */
enum diffd_status diffd_keyer_identity(const struct diffd_keyer *keyer, const struct diffd_identity *identity,
                                       struct diffd_buffer *scratch, struct diffd_key *ret,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;

/* The key of a node's unquoted id. */
static inline struct diffd_key diffd_keyer_node(const struct diffd_keyer *keyer, const char *id, size_t len) {
  XXH128_hash_t hash = XXH3_128bits_withSecret(id, len, keyer->secret, sizeof keyer->secret);
  return (struct diffd_key){hash.low64, hash.high64};
}

#endif
