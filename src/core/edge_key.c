/* SPDX-License-Identifier: Apache-2.0 */
#include "core/edge_key.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Before each byte that a canonical text could not hold, or that could be taken for a separator. */
enum { ESCAPE = 0x01 };

static struct diffd_key hash_color(const struct diffd_keyer *keyer, const char *color, size_t len) {
  /* Another part of the secret than for the rest of the identity, so that the two never cancel out. */
  XXH64_hash_t low = XXH3_64bits_withSecret(color, len, keyer->secret + 8, XXH3_SECRET_SIZE_MIN);
  XXH64_hash_t high = XXH3_64bits_withSecret(color, len, keyer->secret + 40, XXH3_SECRET_SIZE_MIN);
  return (struct diffd_key){low, high};
}

/* Nearly every colour is one of the two whose keys are there already. */
static struct diffd_key key_of_color(const struct diffd_keyer *keyer, struct diffd_span color) {
  if (color.ptr == NULL)
    return (struct diffd_key){0, 0};
  if (color.len == 5 && memcmp(color.ptr, "green", 5) == 0)
    return keyer->green;
  if (color.len == 3 && memcmp(color.ptr, "red", 3) == 0)
    return keyer->red;
  return hash_color(keyer, color.ptr, color.len);
}

void diffd_keyer_init(struct diffd_keyer *keyer, const uint8_t seed[16]) {
  XXH3_generateSecret(keyer->secret, sizeof keyer->secret, seed, 16);
  keyer->green = hash_color(keyer, "green", 5);
  keyer->red = hash_color(keyer, "red", 3);
}

static inline uint64_t load64(const char *at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
  return word;
}

/* Nonzero where a byte of the word is the one that `bytes` is made of eight times; see Bit Twiddling Hacks,
 * "Determine if a word has a byte equal to n". */
static inline uint64_t has_byte(uint64_t word, uint64_t bytes) {
  const uint64_t ones = UINT64_C(0x0101010101010101);
  uint64_t differing = word ^ bytes;
  return (differing - ones) & ~differing & (ones << 7);
}

/* Copies `len` bytes that are not `special` and no ESCAPE; false, with nothing meant by what was copied,
 * where there is one. Eight at a time, the last eight overlapping: most values have no more than sixteen. */
static inline bool copy_plain(char *out, const char *value, size_t len, char special) {
  const uint64_t ones = UINT64_C(0x0101010101010101);
  const uint64_t specials = ones * (unsigned char)special;
  uint64_t found = 0;
  if (len < 8) {
    char last[8] = {0};
    for (size_t i = 0; i < len; i++)
      last[i] = value[i];
    memcpy(out, last, sizeof last); /* there is room; what follows is overwritten */
    uint64_t word = load64(last);
    return (has_byte(word, specials) | has_byte(word, ones * ESCAPE)) == 0;
  }
  for (size_t i = 0; i < len - 8; i += 8) {
    uint64_t word = load64(value + i);
    found |= has_byte(word, specials) | has_byte(word, ones * ESCAPE);
    memcpy(out + i, &word, sizeof word);
  }
  uint64_t word = load64(value + len - 8);
  found |= has_byte(word, specials) | has_byte(word, ones * ESCAPE);
  memcpy(out + len - 8, &word, sizeof word);
  return found == 0;
}

/* An id may hold anything; a blank in it would look like the ones around the arrow. There is room for twice
 * the value. */
static inline char *put_escaped(char *out, struct diffd_span value, char special) {
  if (copy_plain(out, value.ptr, value.len, special))
    return out + value.len;
  for (size_t i = 0; i < value.len; i++) {
    char c = value.ptr[i];
    if (c == special || c == ESCAPE)
      *out++ = ESCAPE;
    *out++ = c == special ? 'a' : c;
  }
  return out;
}

#define LITERAL(out, text) literal((out), (text), sizeof(text) - 1)
static inline char *literal(char *out, const char *text, size_t len) {
  memcpy(out, text, len);
  return out + len;
}

#define ATTRIBUTE(out, before, value)                                                                        \
  ((value).ptr == NULL ? (out) : put_value(LITERAL((out), (before)), (value)))
static inline char *put_value(char *out, struct diffd_span value) {
  return LITERAL(put_escaped(out, value, '"'), "\"");
}

/* What the canonical text of an identity needs at most, every byte escaped. */
static size_t canonical_max(const struct diffd_identity *identity) {
  return 128 +
         2 * (identity->source.len + identity->destination.len + identity->account.len + identity->eni.len +
              identity->srcport.len + identity->dstport.len + identity->protocol.len);
}

/* Copies a value into a place that holds zeros; false where it has no room, or a NUL, which would look like
 * its end. */
#define PUT_SHORT(place, value) put_short((place), sizeof(place), (value))
static inline bool put_short(char *place, size_t room, struct diffd_span value) {
  if (value.len >= room)
    return false;
  memcpy(place, value.ptr, value.len);
  return memchr(value.ptr, '\0', value.len) == NULL;
}

static inline bool put_all_short(const struct diffd_identity *in, struct diffd_short_identity *out) {
  bool all_there = in->account.ptr != NULL && in->eni.ptr != NULL && in->srcport.ptr != NULL &&
                   in->dstport.ptr != NULL && in->protocol.ptr != NULL;
  if (!all_there)
    return false;
  *out = (struct diffd_short_identity){0};
  return PUT_SHORT(out->source, in->source) && PUT_SHORT(out->destination, in->destination) &&
         PUT_SHORT(out->account, in->account) && PUT_SHORT(out->eni, in->eni) &&
         PUT_SHORT(out->srcport, in->srcport) && PUT_SHORT(out->dstport, in->dstport) &&
         PUT_SHORT(out->protocol, in->protocol);
}

#ifdef __SSE2__
/* The same where values stand in a text around them, of which so many bytes from a value's first on may be
 * read: each is loaded whole with what follows it, which a mask clears. */
enum { AROUND = sizeof(((struct diffd_short_identity *)NULL)->eni) };

/* From AROUND - len on, all bits for `len` bytes and none for the others. */
static const char masks[2 * AROUND] = {
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
};

static inline bool is_near(struct diffd_span value, struct diffd_span around, size_t room) {
  return (uintptr_t)value.ptr - (uintptr_t)around.ptr <= around.len - AROUND && value.len < room;
}

/* Puts the value's bytes into a place of 16 or 8 bytes; a bit for each byte that is NUL and the value's. */
static inline unsigned put_near(char *place, size_t room, struct diffd_span value) {
  const char *mask_at = masks + AROUND - value.len;
  __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)value.ptr);
  __m128i mask = _mm_loadu_si128((const __m128i *)(const void *)mask_at);
  __m128i kept = _mm_and_si128(bytes, mask);
  if (room == sizeof(__m128i))
    _mm_storeu_si128((__m128i *)(void *)place, kept);
  else
    _mm_storel_epi64((__m128i *)(void *)place, kept);
  __m128i nul = _mm_and_si128(_mm_cmpeq_epi8(bytes, _mm_setzero_si128()), mask);
  return (unsigned)_mm_movemask_epi8(nul);
}

/* The part of an interface's id that goes beyond one step: the second half of a step that begins with a word.
 */
static inline unsigned put_eni_end(char *eni, struct diffd_span value) {
  enum { WORD = 8 };
  const char *mask_at = masks + AROUND - value.len + WORD;
  __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(value.ptr + WORD));
  __m128i mask = _mm_loadu_si128((const __m128i *)(const void *)mask_at);
  _mm_storel_epi64((__m128i *)(void *)(eni + sizeof(__m128i)),
                   _mm_srli_si128(_mm_and_si128(bytes, mask), WORD));
  __m128i nul = _mm_and_si128(_mm_cmpeq_epi8(bytes, _mm_setzero_si128()), mask);
  return (unsigned)_mm_movemask_epi8(nul);
}

static inline bool put_all_near(const struct diffd_identity *in, struct diffd_span around,
                                struct diffd_short_identity *out) {
  bool near = around.len >= AROUND && is_near(in->source, around, sizeof out->source) &&
              is_near(in->destination, around, sizeof out->destination) &&
              is_near(in->account, around, sizeof out->account) &&
              is_near(in->eni, around, sizeof out->eni) &&
              is_near(in->srcport, around, sizeof out->srcport) &&
              is_near(in->dstport, around, sizeof out->dstport) &&
              is_near(in->protocol, around, sizeof out->protocol);
  if (!near)
    return false;
  unsigned nul = put_near(out->eni, sizeof(__m128i), in->eni) | put_eni_end(out->eni, in->eni);
  nul |= put_near(out->srcport, sizeof out->srcport, in->srcport);
  nul |= put_near(out->dstport, sizeof out->dstport, in->dstport);
  nul |= put_near(out->protocol, sizeof out->protocol, in->protocol);
  nul |= put_near(out->source, sizeof out->source, in->source);
  nul |= put_near(out->destination, sizeof out->destination, in->destination);
  nul |= put_near(out->account, sizeof out->account, in->account);
  return nul == 0;
}
#else
static inline bool put_all_near(const struct diffd_identity *in, struct diffd_span around,
                                struct diffd_short_identity *out) {
  (void)in, (void)around, (void)out;
  return false;
}
#endif

enum diffd_status diffd_keyer_identity(const struct diffd_keyer *keyer, const struct diffd_identity *identity,
                                       struct diffd_span around, struct diffd_buffer *scratch,
                                       struct diffd_key *ret, struct diffd_error *err) {
  struct diffd_key color = key_of_color(keyer, identity->color);
  __attribute__((uninitialized)) struct diffd_short_identity brief;
  if (put_all_near(identity, around, &brief) || put_all_short(identity, &brief)) {
    *ret = diffd_keyer_short(keyer, &brief, color);
    return DIFFD_OK;
  }
  scratch->len = 0;
  enum diffd_status status = diffd_buffer_reserve(scratch, canonical_max(identity), err);
  if (status != DIFFD_OK)
    return status;
  char *out = put_escaped(scratch->ptr, identity->source, ' ');
  out = LITERAL(out, " -> ");
  out = put_escaped(out, identity->destination, ' ');
  out = ATTRIBUTE(out, " [govpc_accountID=\"", identity->account);
  out = ATTRIBUTE(out, " govpc_eniID=\"", identity->eni);
  out = ATTRIBUTE(out, " govpc_srcPort=\"", identity->srcport);
  out = ATTRIBUTE(out, " govpc_dstPort=\"", identity->dstport);
  out = ATTRIBUTE(out, " govpc_protocol=\"", identity->protocol);
  *ret = diffd_keyer_text(keyer, scratch->ptr, (size_t)(out - scratch->ptr), color);
  return DIFFD_OK;
}
