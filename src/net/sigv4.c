/* SPDX-License-Identifier: Apache-2.0 */
#include "net/sigv4.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "net/openssl_library.h"

enum {
  OWN_HEADERS = 4, /* host, x-amz-content-sha256, x-amz-date, x-amz-security-token */
  QUERY_PAIRS_MAX = 32,
  TEXT_MAX = 128 * 1024,
  SCOPE_MAX = 256,
  MAC_BYTES = SHA256_DIGEST_LENGTH,
  SIGNED_NAMES_MAX = 4096,
};

struct headers {
  struct diffd_http_header items[DIFFD_SIGV4_HEADERS_MAX + OWN_HEADERS];
  size_t count;
};

struct query_pair {
  struct diffd_span name;
  struct diffd_span value;
};

static void to_hex(const unsigned char bytes[static MAC_BYTES], char ret[static DIFFD_SHA256_HEX]) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < MAC_BYTES; i++) {
    ret[2 * i] = digits[bytes[i] >> 4];
    ret[2 * i + 1] = digits[bytes[i] & 15];
  }
  ret[DIFFD_SHA256_HEX - 1] = '\0';
}

enum diffd_status diffd_sha256_hex(struct diffd_span bytes, char ret[static DIFFD_SHA256_HEX],
                                   struct diffd_error *err) {
  unsigned char digest[MAC_BYTES];
  enum diffd_status status = diffd_openssl_load(err);
  if (status != DIFFD_OK)
    return status;
  if (SHA256((const unsigned char *)bytes.ptr, bytes.len, digest) == NULL)
    return diffd_fail(err, DIFFD_INTERNAL, "OpenSSL gave no SHA-256");
  to_hex(digest, ret);
  return DIFFD_OK;
}

static bool is_unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

enum diffd_status diffd_uri_encode(struct diffd_buffer *out, struct diffd_span text, bool keep_slash,
                                   struct diffd_error *err) {
  static const char digits[] = "0123456789ABCDEF";
  enum diffd_status status = DIFFD_OK;
  for (size_t i = 0; status == DIFFD_OK && i < text.len; i++) {
    char c = text.ptr[i];
    const char encoded[] = {'%', digits[(unsigned char)c >> 4], digits[(unsigned char)c & 15]};
    bool plain = is_unreserved(c) || (c == '/' && keep_slash);
    status =
        plain ? diffd_buffer_append(out, &c, 1, err) : diffd_buffer_append(out, encoded, sizeof encoded, err);
  }
  return status;
}

static enum diffd_status append_text(struct diffd_buffer *out, const char *text, struct diffd_error *err) {
  return diffd_buffer_append(out, text, strlen(text), err);
}

/* Keeps the headers sorted by their name in lower case, as the canonical request wants them. */
static void add_header(struct headers *headers, const char *name, const char *value) {
  size_t at = headers->count++;
  for (; at > 0 && strcasecmp(headers->items[at - 1].name, name) > 0; at--)
    headers->items[at] = headers->items[at - 1];
  headers->items[at] = (struct diffd_http_header){name, value};
}

static enum diffd_status collect_headers(const struct diffd_sigv4_request *request, const char *amz_date,
                                         const char *session_token, struct headers *ret,
                                         struct diffd_error *err) {
  ret->count = 0;
  if (request->header_count > DIFFD_SIGV4_HEADERS_MAX)
    return diffd_fail(err, DIFFD_INTERNAL, "more than %d headers to sign", DIFFD_SIGV4_HEADERS_MAX);
  add_header(ret, "host", request->host);
  add_header(ret, "x-amz-content-sha256", request->payload_sha256);
  add_header(ret, "x-amz-date", amz_date);
  if (session_token[0] != '\0')
    add_header(ret, "x-amz-security-token", session_token);
  for (size_t i = 0; i < request->header_count; i++)
    add_header(ret, request->headers[i].name, request->headers[i].value);
  return DIFFD_OK;
}

static enum diffd_status append_lower(struct diffd_buffer *out, const char *text, struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  for (; status == DIFFD_OK && *text != '\0'; text++) {
    char c = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;
    status = diffd_buffer_append(out, &c, 1, err);
  }
  return status;
}

/* Without the blanks around it, and with each run of blanks in it as one space. */
static enum diffd_status append_trimmed(struct diffd_buffer *out, const char *text, struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  bool gap = false, begun = false;
  for (; status == DIFFD_OK && *text != '\0'; text++) {
    if (*text == ' ' || *text == '\t') {
      gap = begun;
      continue;
    }
    if (gap)
      status = diffd_buffer_append(out, " ", 1, err);
    if (status == DIFFD_OK)
      status = diffd_buffer_append(out, text, 1, err);
    begun = true;
    gap = false;
  }
  return status;
}

static enum diffd_status append_headers(struct diffd_buffer *out, const struct headers *headers,
                                        struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  for (size_t i = 0; status == DIFFD_OK && i < headers->count; i++) {
    status = append_lower(out, headers->items[i].name, err);
    if (status == DIFFD_OK)
      status = diffd_buffer_append(out, ":", 1, err);
    if (status == DIFFD_OK)
      status = append_trimmed(out, headers->items[i].value, err);
    if (status == DIFFD_OK)
      status = diffd_buffer_append(out, "\n", 1, err);
  }
  return status;
}

static enum diffd_status append_names(struct diffd_buffer *out, const struct headers *headers,
                                      struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  for (size_t i = 0; status == DIFFD_OK && i < headers->count; i++) {
    if (i > 0)
      status = diffd_buffer_append(out, ";", 1, err);
    if (status == DIFFD_OK)
      status = append_lower(out, headers->items[i].name, err);
  }
  return status;
}

static int compare_spans(struct diffd_span a, struct diffd_span b) {
  size_t shorter = a.len < b.len ? a.len : b.len;
  int order = shorter > 0 ? memcmp(a.ptr, b.ptr, shorter) : 0;
  if (order != 0)
    return order;
  return a.len < b.len ? -1 : a.len > b.len;
}

static bool is_after(const struct query_pair *a, const struct query_pair *b) {
  int order = compare_spans(a->name, b->name);
  return order > 0 || (order == 0 && compare_spans(a->value, b->value) > 0);
}

static struct query_pair take_pair(const char **query) {
  size_t len = strcspn(*query, "&");
  const char *equals = memchr(*query, '=', len);
  struct query_pair pair = {.name = {*query, len}, .value = {"", 0}};
  if (equals != NULL) {
    pair.name.len = (size_t)(equals - *query);
    pair.value = (struct diffd_span){equals + 1, len - pair.name.len - 1};
  }
  *query += len;
  if (**query == '&')
    ++*query;
  return pair;
}

/* The query's pairs are encoded already; they are sorted, and one without `=` gets it. */
static enum diffd_status append_query(struct diffd_buffer *out, const char *query, struct diffd_error *err) {
  struct query_pair pairs[QUERY_PAIRS_MAX];
  size_t count = 0;
  enum diffd_status status = DIFFD_OK;
  while (*query != '\0') {
    if (count == QUERY_PAIRS_MAX)
      return diffd_fail(err, DIFFD_INTERNAL, "more than %d parameters to sign", QUERY_PAIRS_MAX);
    struct query_pair pair = take_pair(&query);
    size_t at = count++;
    for (; at > 0 && is_after(&pairs[at - 1], &pair); at--)
      pairs[at] = pairs[at - 1];
    pairs[at] = pair;
  }
  for (size_t i = 0; status == DIFFD_OK && i < count; i++) {
    if (i > 0)
      status = diffd_buffer_append(out, "&", 1, err);
    if (status == DIFFD_OK)
      status = diffd_buffer_append(out, pairs[i].name.ptr, pairs[i].name.len, err);
    if (status == DIFFD_OK)
      status = diffd_buffer_append(out, "=", 1, err);
    if (status == DIFFD_OK)
      status = diffd_buffer_append(out, pairs[i].value.ptr, pairs[i].value.len, err);
  }
  return status;
}

static enum diffd_status hash_canonical_request(const struct diffd_sigv4_request *request,
                                                const struct headers *headers, const char *signed_names,
                                                char ret[static DIFFD_SHA256_HEX], struct diffd_error *err) {
  struct diffd_buffer text = diffd_buffer_init(TEXT_MAX);
  enum diffd_status status = diffd_buffer_printf(&text, err, "%s\n%s\n", request->method, request->path);
  if (status == DIFFD_OK)
    status = append_query(&text, request->query, err);
  if (status == DIFFD_OK)
    status = append_text(&text, "\n", err);
  if (status == DIFFD_OK)
    status = append_headers(&text, headers, err);
  if (status == DIFFD_OK)
    status = diffd_buffer_printf(&text, err, "\n%s\n%s", signed_names, request->payload_sha256);
  if (status == DIFFD_OK)
    status = diffd_sha256_hex((struct diffd_span){text.ptr, text.len}, ret, err);
  diffd_buffer_clean_up(&text);
  return status;
}

static bool mac(const unsigned char *key, size_t key_len, const char *text,
                unsigned char ret[static MAC_BYTES]) {
  unsigned len = 0;
  return HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text, strlen(text), ret, &len) !=
             NULL &&
         len == MAC_BYTES;
}

/* After a hash, so that OpenSSL has been loaded. Each step of the key derivation is a MAC under the key of
 * the step before. */
static bool make_signature(const struct diffd_sigv4_request *request, const char *secret,
                           const char *amz_date, const char *to_sign, char ret[static DIFFD_SHA256_HEX]) {
  char first[4 + DIFFD_SECRET_KEY_MAX + 1], day[9];
  unsigned char key[MAC_BYTES], next[MAC_BYTES];
  (void)snprintf(first, sizeof first, "AWS4%s", secret);
  (void)snprintf(day, sizeof day, "%.8s", amz_date);
  const char *const steps[] = {request->region, request->service, "aws4_request", to_sign};
  bool ok = mac((const unsigned char *)first, strlen(first), day, key);
  for (size_t i = 0; ok && i < sizeof steps / sizeof steps[0]; i++) {
    ok = mac(key, sizeof key, steps[i], next);
    memcpy(key, next, sizeof key);
  }
  if (ok)
    to_hex(key, ret);
  explicit_bzero(first, sizeof first);
  explicit_bzero(key, sizeof key);
  explicit_bzero(next, sizeof next);
  return ok;
}

static enum diffd_status format_date(int64_t now, char ret[static DIFFD_AMZ_DATE], struct diffd_error *err) {
  time_t clock = (time_t)now;
  struct tm tm;
  if (gmtime_r(&clock, &tm) == NULL || strftime(ret, DIFFD_AMZ_DATE, "%Y%m%dT%H%M%SZ", &tm) == 0)
    return diffd_fail(err, DIFFD_INTERNAL, "the clock shows no date that can be signed: set it");
  return DIFFD_OK;
}

static enum diffd_status authorize(const struct diffd_sigv4_request *request, const struct headers *headers,
                                   const struct diffd_credentials *credentials, const char *amz_date,
                                   struct diffd_buffer *authorization, struct diffd_error *err) {
  char scope[SCOPE_MAX], to_sign[SCOPE_MAX + 128], hash[DIFFD_SHA256_HEX], signature[DIFFD_SHA256_HEX];
  struct diffd_buffer names = diffd_buffer_init(SIGNED_NAMES_MAX);
  int len =
      snprintf(scope, sizeof scope, "%.8s/%s/%s/aws4_request", amz_date, request->region, request->service);
  if (len < 0 || (size_t)len >= sizeof scope)
    return diffd_fail(err, DIFFD_INVALID, "the region is too long: \"%.64s...\"", request->region);
  enum diffd_status status = append_names(&names, headers, err);
  if (status == DIFFD_OK)
    status = diffd_buffer_append(&names, "", 1, err);
  if (status == DIFFD_OK)
    status = hash_canonical_request(request, headers, names.ptr, hash, err);
  if (status == DIFFD_OK) {
    (void)snprintf(to_sign, sizeof to_sign, "AWS4-HMAC-SHA256\n%s\n%s\n%s", amz_date, scope, hash);
    if (!make_signature(request, credentials->secret_access_key, amz_date, to_sign, signature))
      status = diffd_fail(err, DIFFD_INTERNAL, "OpenSSL gave no HMAC with SHA-256");
  }
  if (status == DIFFD_OK)
    status = diffd_buffer_printf(authorization, err,
                                 "AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%s",
                                 credentials->access_key_id, scope, names.ptr, signature);
  diffd_buffer_clean_up(&names);
  return status;
}

enum diffd_status diffd_sigv4_sign(const struct diffd_sigv4_request *request,
                                   const struct diffd_credentials *credentials,
                                   struct diffd_sigv4_signature *ret, struct diffd_error *err) {
  struct diffd_sigv4_signature signature = {.authorization = diffd_buffer_init(TEXT_MAX)};
  struct headers headers;
  enum diffd_status status = format_date(request->now, signature.amz_date, err);
  if (status == DIFFD_OK)
    status = collect_headers(request, signature.amz_date, credentials->session_token, &headers, err);
  if (status == DIFFD_OK)
    status = authorize(request, &headers, credentials, signature.amz_date, &signature.authorization, err);
  if (status != DIFFD_OK) {
    diffd_buffer_clean_up(&signature.authorization);
    return status;
  }
  *ret = signature;
  return DIFFD_OK;
}
