/* SPDX-License-Identifier: Apache-2.0 */
#include "net/s3_parts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/openssl_library.h"

enum { PARTS_OF_ONE_SIZE = 1000, MD5_BYTES = 16, FIRST_CAP = 64 };

size_t diffd_s3_part_bytes(unsigned number) {
  return (size_t)DIFFD_S3_PART_BYTES << ((number - 1) / PARTS_OF_ONE_SIZE);
}

void diffd_s3_parts_clean_up(struct diffd_s3_parts *parts) {
  for (unsigned i = 0; i < parts->count; i++)
    free(parts->etags[i]);
  free((void *)parts->etags);
  *parts = (struct diffd_s3_parts){0};
}

static enum diffd_status make_room(struct diffd_s3_parts *parts, unsigned count, struct diffd_error *err) {
  assert(count <= DIFFD_S3_PARTS_MAX);
  if (count > parts->cap) {
    unsigned cap = parts->cap > 0 ? parts->cap : FIRST_CAP;
    while (cap < count)
      cap *= 2;
    char **etags = (char **)realloc((void *)parts->etags, cap * sizeof *etags);
    if (etags == NULL)
      return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the list of an upload's parts");
    parts->etags = etags;
    parts->cap = cap;
  }
  while (parts->count < count)
    parts->etags[parts->count++] = NULL;
  return DIFFD_OK;
}

enum diffd_status diffd_s3_parts_set(struct diffd_s3_parts *parts, unsigned number, const char *etag,
                                     struct diffd_error *err) {
  if (etag[0] == '\0')
    return diffd_fail(err, DIFFD_UNAVAILABLE, "S3 took a part of an upload and gave no ETag for it");
  enum diffd_status status = make_room(parts, number, err);
  if (status != DIFFD_OK)
    return status;
  char *copy = strdup(etag);
  if (copy == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the list of an upload's parts");
  free(parts->etags[number - 1]);
  parts->etags[number - 1] = copy;
  return DIFFD_OK;
}

static enum diffd_status append_xml_text(struct diffd_buffer *out, const char *text,
                                         struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  for (; status == DIFFD_OK && *text != '\0'; text++) {
    const char *entity = *text == '&' ? "&amp;" : *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : NULL;
    status = entity != NULL ? diffd_buffer_append(out, entity, strlen(entity), err)
                            : diffd_buffer_append(out, text, 1, err);
  }
  return status;
}

enum diffd_status diffd_s3_parts_complete(const struct diffd_s3_parts *parts, struct diffd_buffer *out,
                                          struct diffd_error *err) {
  enum diffd_status status = diffd_buffer_printf(
      out, err, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
  for (unsigned i = 0; status == DIFFD_OK && i < parts->count; i++) {
    if (parts->etags[i] == NULL)
      return diffd_fail(err, DIFFD_INTERNAL, "part %u of an upload was never sent", i + 1);
    status = diffd_buffer_printf(out, err, "<Part><PartNumber>%u</PartNumber><ETag>", i + 1);
    if (status == DIFFD_OK)
      status = append_xml_text(out, parts->etags[i], err);
    if (status == DIFFD_OK)
      status = diffd_buffer_printf(out, err, "</ETag></Part>");
  }
  return status != DIFFD_OK ? status : diffd_buffer_printf(out, err, "</CompleteMultipartUpload>");
}

static int hex_digit(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads `"0123456789abcdef0123456789abcdef"`, with or without the quotes. */
static bool read_md5(const char *etag, unsigned char ret[static MD5_BYTES]) {
  if (*etag == '"')
    etag++;
  for (size_t i = 0; i < MD5_BYTES; i++, etag += 2) {
    int high = hex_digit(etag[0]);
    int low = high >= 0 ? hex_digit(etag[1]) : -1;
    if (low < 0)
      return false;
    ret[i] = (unsigned char)(high * 16 + low);
  }
  return strcmp(etag, "") == 0 || strcmp(etag, "\"") == 0;
}

/* The MD5 of the parts' MD5s; false where an etag is none, or OpenSSL has no MD5. */
static bool digest_parts(const struct diffd_s3_parts *parts, unsigned char ret[static EVP_MAX_MD_SIZE]) {
  unsigned char md5[MD5_BYTES];
  unsigned len = 0;
  struct diffd_error ignored;
  if (diffd_openssl_load(&ignored) != DIFFD_OK)
    return false;
  EVP_MD_CTX *digest = EVP_MD_CTX_new();
  bool ok = digest != NULL && EVP_DigestInit_ex(digest, EVP_md5(), NULL) == 1;
  for (unsigned i = 0; ok && i < parts->count; i++)
    ok = parts->etags[i] != NULL && read_md5(parts->etags[i], md5) &&
         EVP_DigestUpdate(digest, md5, sizeof md5) == 1;
  ok = ok && EVP_DigestFinal_ex(digest, ret, &len) == 1 && len == MD5_BYTES;
  EVP_MD_CTX_free(digest);
  return ok;
}

bool diffd_s3_parts_made(const struct diffd_s3_parts *parts, uint64_t size,
                         const struct diffd_s3_object *object) {
  unsigned char expect[EVP_MAX_MD_SIZE], actual[MD5_BYTES];
  char hash[2 * MD5_BYTES + 1], count[16];
  if (object->size < 0 || (uint64_t)object->size != size)
    return false;
  const char *etag = object->etag[0] == '"' ? object->etag + 1 : object->etag;
  const char *dash = strrchr(etag, '-');
  (void)snprintf(count, sizeof count, "-%u", parts->count);
  if (dash == NULL || strncmp(dash, count, strlen(count)) != 0 ||
      strspn(dash + strlen(count), "\"") != strlen(dash + strlen(count)))
    return false;
  if (object->kms || !digest_parts(parts, expect))
    return true;
  if ((size_t)(dash - etag) != 2 * MD5_BYTES)
    return false;
  memcpy(hash, etag, 2 * MD5_BYTES);
  hash[2 * MD5_BYTES] = '\0';
  return read_md5(hash, actual) && memcmp(actual, expect, MD5_BYTES) == 0;
}
