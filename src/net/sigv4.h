/* SPDX-License-Identifier: Apache-2.0
 *
 * AWS Signature Version 4 in the Authorization header
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
 */
#ifndef DIFFD_NET_SIGV4_H
#define DIFFD_NET_SIGV4_H

#include "base/buffer.h"
#include "diffd/http_client.h"
#include "net/credentials.h"

enum { DIFFD_SIGV4_HEADERS_MAX = 16, DIFFD_SHA256_HEX = 65, DIFFD_AMZ_DATE = 17 };

struct diffd_sigv4_request {
  const char *method;
  const char *host;  /* as sent, with its port where that is not the scheme's own */
  const char *path;  /* percent-encoded as sent; begins with a slash */
  const char *query; /* percent-encoded as sent, in any order; "" for none */
  const struct diffd_http_header
      *headers; /* further ones to be signed: content-type, content-md5, x-amz-... */
  size_t header_count;
  const char *payload_sha256; /* lower-case hexadecimal, or "UNSIGNED-PAYLOAD" */
  const char *region;
  const char *service; /* "s3", "sts" */
  int64_t now;         /* wall-clock second, the server's idea of it */
};

/* What must be sent beside the request's own headers. */
struct diffd_sigv4_signature {
  char amz_date[DIFFD_AMZ_DATE];     /* X-Amz-Date */
  struct diffd_buffer authorization; /* Authorization; NUL-terminated; the caller cleans it up */
};
/* X-Amz-Content-Sha256 (payload_sha256) and, where there is one, X-Amz-Security-Token are signed too and
 * must be sent. DIFFD_NO_MEMORY, DIFFD_TOO_LARGE, DIFFD_INTERNAL (OpenSSL), DIFFD_INVALID (no OpenSSL). */
enum diffd_status diffd_sigv4_sign(const struct diffd_sigv4_request *request,
                                   const struct diffd_credentials *credentials,
                                   struct diffd_sigv4_signature *ret,
                                   struct diffd_error *err) DIFFD_MUST_CHECK;

/* DIFFD_INTERNAL, DIFFD_INVALID where there is no OpenSSL. */
enum diffd_status diffd_sha256_hex(struct diffd_span bytes, char ret[static DIFFD_SHA256_HEX],
                                   struct diffd_error *err) DIFFD_MUST_CHECK;
/* Appends with every byte but A-Z a-z 0-9 - . _ ~ percent-encoded in upper case; `/` is kept with keep_slash.
 */
enum diffd_status diffd_uri_encode(struct diffd_buffer *out, struct diffd_span text, bool keep_slash,
                                   struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
