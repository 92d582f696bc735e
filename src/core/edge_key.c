/* SPDX-License-Identifier: Apache-2.0 */
#include "core/edge_key.h"

#include <string.h>

/* Before each byte that a canonical text could not hold, or that could be taken for a separator. */
enum { ESCAPE = 0x01 };

static struct diffd_key hash_color(const struct diffd_keyer *keyer, const char *color, size_t len) {
  /* Another part of the secret than for the rest of the identity, so that the two never cancel out. */
  XXH64_hash_t low = XXH3_64bits_withSecret(color, len, keyer->secret + 8, XXH3_SECRET_SIZE_MIN);
  XXH64_hash_t high = XXH3_64bits_withSecret(color, len, keyer->secret + 40, XXH3_SECRET_SIZE_MIN);
  return (struct diffd_key){low, high};
}

void diffd_keyer_init(struct diffd_keyer *keyer, const uint8_t seed[16]) {
  XXH3_generateSecret(keyer->secret, sizeof keyer->secret, seed, 16);
  keyer->green = hash_color(keyer, "green", 5);
  keyer->red = hash_color(keyer, "red", 3);
}

/* An id may hold anything; a blank in it would look like the ones around the arrow. */
static enum diffd_status put_escaped(struct diffd_buffer *out, struct diffd_span value, char special,
                                     struct diffd_error *err) {
  enum diffd_status status = diffd_buffer_reserve(out, 2 * value.len, err);
  if (status != DIFFD_OK || value.len == 0)
    return status;
  /* Nearly every value goes as it is. */
  if (memchr(value.ptr, special, value.len) == NULL && memchr(value.ptr, ESCAPE, value.len) == NULL)
    return diffd_buffer_append(out, value.ptr, value.len, err);
  for (size_t i = 0; i < value.len; i++) {
    char c = value.ptr[i];
    if (c == special || c == ESCAPE)
      out->ptr[out->len++] = ESCAPE;
    out->ptr[out->len++] = c == special ? 'a' : c;
  }
  return DIFFD_OK;
}

static enum diffd_status put_attribute(struct diffd_buffer *out, const char *before, struct diffd_span value,
                                       struct diffd_error *err) {
  if (value.ptr == NULL)
    return DIFFD_OK;
  enum diffd_status status = diffd_buffer_append(out, before, strlen(before), err);
  if (status == DIFFD_OK)
    status = put_escaped(out, value, '"', err);
  if (status == DIFFD_OK)
    status = diffd_buffer_append(out, "\"", 1, err);
  return status;
}

enum diffd_status diffd_keyer_identity(const struct diffd_keyer *keyer, const struct diffd_identity *identity,
                                       struct diffd_buffer *scratch, struct diffd_key *ret,
                                       struct diffd_error *err) {
  const struct {
    const char *before;
    struct diffd_span value;
  } attributes[] = {
      {" [govpc_accountID=\"", identity->account}, {" govpc_eniID=\"", identity->eni},
      {" govpc_srcPort=\"", identity->srcport},    {" govpc_dstPort=\"", identity->dstport},
      {" govpc_protocol=\"", identity->protocol},
  };
  scratch->len = 0;
  enum diffd_status status = put_escaped(scratch, identity->source, ' ', err);
  if (status == DIFFD_OK)
    status = diffd_buffer_append(scratch, " -> ", 4, err);
  if (status == DIFFD_OK)
    status = put_escaped(scratch, identity->destination, ' ', err);
  for (size_t i = 0; status == DIFFD_OK && i < sizeof attributes / sizeof attributes[0]; i++)
    status = put_attribute(scratch, attributes[i].before, attributes[i].value, err);
  if (status != DIFFD_OK)
    return status;
  XXH128_hash_t hash =
      XXH3_128bits_withSecret(scratch->ptr, scratch->len, keyer->secret, sizeof keyer->secret);
  struct diffd_key color = {0, 0};
  if (identity->color.ptr != NULL)
    color = hash_color(keyer, identity->color.ptr, identity->color.len);
  *ret = (struct diffd_key){hash.low64 ^ color.low, hash.high64 ^ color.high};
  return DIFFD_OK;
}
