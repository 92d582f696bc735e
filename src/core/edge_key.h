/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys: a 128-bit seeded hash stands for an edge's identity, and one for a node's id.
 *
 * What is hashed for an edge is all of its identity but the colour, in one of two forms, and the colour apart
 * from it. Nearly every edge has all values, and short ones: then each stands in a place of its own, and
 * zeros fill it up. Any other edge, where a value is longer, holds a NUL or is not there, is hashed by its
 * canonical text, the bytes from the source id to the quote after the protocol as go-vpcflow writes them.
 * A canonical line holds that text as it is. Else it is rebuilt from the unquoted values so that no two
 * identities share one: a canonical value holds neither quote nor blank nor control byte, and what could
 * imitate a separator is written with a control byte before it. Each form has a part of the secret of its
 * own.
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

/* A statement's key, and the offset in its source where it begins. */
struct diffd_item {
  struct diffd_key key;
  uint64_t begin;
};

enum {
  DIFFD_KEY_SECRET_LEN = 192,
  DIFFD_KEY_TEXT_SECRET = 24, /* where the secret of texts begins; it may overlap with the other's */
};

/* An identity of short values, with one zero after each at least. Aligned, and the long value first, so that
 * none lies across two cache lines: what was just stored is read at once then. */
struct diffd_short_identity {
  _Alignas(32) char eni[24];
  char srcport[8];
  char dstport[8];
  char protocol[8];
  char source[16];
  char destination[16];
  char account[16];
};

struct diffd_keyer {
  unsigned char secret[DIFFD_KEY_SECRET_LEN];
  struct diffd_key green;
  struct diffd_key red;
};

/* `seed` is random and secret. */
void diffd_keyer_init(struct diffd_keyer *keyer, const uint8_t seed[16]);

/* The key of an edge in the short form. */
static inline struct diffd_key diffd_keyer_short(const struct diffd_keyer *keyer,
                                                 const struct diffd_short_identity *identity,
                                                 struct diffd_key color) {
  XXH128_hash_t hash =
      XXH3_128bits_withSecret(identity, sizeof *identity, keyer->secret, sizeof keyer->secret);
  return (struct diffd_key){hash.low64 ^ color.low, hash.high64 ^ color.high};
}

/* The key of an edge that is not short, by its canonical text from the source id's first byte to the quote
 * after the protocol. */
static inline struct diffd_key diffd_keyer_text(const struct diffd_keyer *keyer, const char *text, size_t len,
                                                struct diffd_key color) {
  XXH128_hash_t hash = XXH3_128bits_withSecret(text, len, keyer->secret + DIFFD_KEY_TEXT_SECRET,
                                               sizeof keyer->secret - DIFFD_KEY_TEXT_SECRET);
  return (struct diffd_key){hash.low64 ^ color.low, hash.high64 ^ color.high};
}

/* The key of any identity. `around` is a text that most values stand in, or empty: what follows a value in it
 * may be read, so that copying need not be exact. `scratch` is overwritten. DIFFD_NO_MEMORY. */
enum diffd_status diffd_keyer_identity(const struct diffd_keyer *keyer, const struct diffd_identity *identity,
                                       struct diffd_span around, struct diffd_buffer *scratch,
                                       struct diffd_key *ret, struct diffd_error *err) DIFFD_MUST_CHECK;

/* The key of a node's unquoted id. */
static inline struct diffd_key diffd_keyer_node(const struct diffd_keyer *keyer, const char *id, size_t len) {
  XXH128_hash_t hash = XXH3_128bits_withSecret(id, len, keyer->secret, sizeof keyer->secret);
  return (struct diffd_key){hash.low64, hash.high64};
}

#endif
