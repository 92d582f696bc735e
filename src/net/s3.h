/* SPDX-License-Identifier: Apache-2.0
 *
 * A client of one S3 bucket (https://docs.aws.amazon.com/AmazonS3/latest/API/), at AWS or at another server
 * that speaks the same.
 *
 * What S3 says can be tried again (throttling, faults of its own, broken connections) is tried again, with
 * growing pauses; a clock that is wrong is corrected once and logged; credentials that have expired are asked
 * for anew once. What remains is DIFFD_UNAVAILABLE with a text that names the bucket and says what to do.
 * All functions also return DIFFD_CANCELLED soon after the context is cancelled, and DIFFD_NO_MEMORY. One
 * client may be used by several threads at once; each reader and each writer by one.
 */
#ifndef DIFFD_NET_S3_H
#define DIFFD_NET_S3_H

#include "base/clock.h"
#include "diffd/http_client.h"
#include "net/credentials.h"

enum {
  DIFFD_S3_KEY_MAX = 1024, /* bytes: S3's own limit */
  DIFFD_S3_ETAG_MAX = 127,
};

struct diffd_s3_options {
  const char *bucket;
  const char *region;
  const char *endpoint_url;   /* NULL: AWS's own of the region. Another server is addressed by path style. */
  const char *bucket_setting; /* what the user knows these two as, for texts: "DIFF_STORAGE_BUCKET" */
  const char *region_setting;
  struct diffd_http_client *client; /* one that does not retry by itself */
  struct diffd_credentials_source *credentials;
  const struct diffd_clock *clock;
  uint64_t seed;           /* random, for the pauses between tries */
  uint64_t retry_pause_ms; /* the first pause, doubled each time; 0: 100 */
};

struct diffd_s3;

/* All that the options point at is borrowed and must outlive the client. Nothing is asked yet. DIFFD_INVALID
 * (bucket, region or endpoint cannot be used, with the setting's name; or OpenSSL or expat is missing). */
enum diffd_status diffd_s3_new(const struct diffd_s3_options *options, struct diffd_s3 **ret,
                               struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_s3_destroy(struct diffd_s3 *s3); /* accepts NULL */

/* What S3 tells about an object. */
struct diffd_s3_object {
  int64_t size;                     /* bytes; -1: not told */
  int64_t last_modified;            /* wall-clock second by S3's clock; -1: not told */
  int64_t server_time;              /* the same clock when it answered; -1: not told */
  char etag[DIFFD_S3_ETAG_MAX + 1]; /* with its quotes; "" where there is none */
  bool kms;                         /* encrypted with a key of KMS: the etag is no MD5 then */
};

/* The part of an object that is wanted: from `first`, `length` bytes or fewer where it ends before; length 0:
 * all. */
struct diffd_s3_range {
  uint64_t first;
  uint64_t length;
};

/* Opens an object for reading. A connection that breaks is made again where it broke off, if the object is
 * still the same. `range` may be NULL: the whole. ret_object->size is the whole object's. The context must
 * outlive the reader, which can be interrupted. DIFFD_NOT_FOUND. */
enum diffd_status diffd_s3_get(struct diffd_s3 *s3, const struct diffd_context *ctx, struct diffd_span key,
                               const struct diffd_s3_range *range, struct diffd_reader **ret,
                               struct diffd_s3_object *ret_object, struct diffd_error *err) DIFFD_MUST_CHECK;
/* Reads a whole small object. DIFFD_NOT_FOUND; DIFFD_TOO_LARGE where it has more than `cap` bytes. */
enum diffd_status diffd_s3_get_small(struct diffd_s3 *s3, const struct diffd_context *ctx,
                                     struct diffd_span key, char *buf, size_t cap, size_t *ret_len,
                                     struct diffd_s3_object *ret_object,
                                     struct diffd_error *err) DIFFD_MUST_CHECK;
/* DIFFD_OK where there is such an object, else DIFFD_NOT_FOUND. A missing bucket is a failure. */
enum diffd_status diffd_s3_head(struct diffd_s3 *s3, const struct diffd_context *ctx, struct diffd_span key,
                                struct diffd_s3_object *ret_object, struct diffd_error *err) DIFFD_MUST_CHECK;
/* Stores a small object at once. */
enum diffd_status diffd_s3_put(struct diffd_s3 *s3, const struct diffd_context *ctx, struct diffd_span key,
                               struct diffd_span body, const char *content_type,
                               struct diffd_error *err) DIFFD_MUST_CHECK;
/* DIFFD_OK also where there was no such object. */
enum diffd_status diffd_s3_delete(struct diffd_s3 *s3, const struct diffd_context *ctx, struct diffd_span key,
                                  struct diffd_error *err) DIFFD_MUST_CHECK;

/* Begins to store an object of any size, which becomes visible, whole, with the writer's commit. What fits
 * into one part is one PUT; more is a multipart upload whose parts are sent side by side while the next is
 * written, and which is aborted where it is not committed. Memory: DIFFD_S3_IN_FLIGHT_MAX bytes and two
 * parts. The context must outlive the writer. DIFFD_TOO_LARGE beyond some 4.8 TiB. */
enum { DIFFD_S3_PART_BYTES = 5 * 1024 * 1024, DIFFD_S3_IN_FLIGHT_MAX = 64 * 1024 * 1024 };
enum diffd_status diffd_s3_upload(struct diffd_s3 *s3, const struct diffd_context *ctx, struct diffd_span key,
                                  const char *content_type, struct diffd_writer **ret,
                                  struct diffd_error *err) DIFFD_MUST_CHECK;
/* The same, but an object that is there already stays, where the server knows conditional writes
 * (If-None-Match): the commit gives DIFFD_OK, and what was uploaded is taken back. */
enum diffd_status diffd_s3_upload_new(struct diffd_s3 *s3, const struct diffd_context *ctx,
                                      struct diffd_span key, const char *content_type,
                                      struct diffd_writer **ret, struct diffd_error *err) DIFFD_MUST_CHECK;

struct diffd_s3_listed {
  struct diffd_span key; /* any bytes */
  int64_t size;
};
struct diffd_s3_list_options {
  struct diffd_span prefix;      /* absent: all */
  struct diffd_span start_after; /* absent: from the first */
  /* Called for each object in S3's order; borrowed for the call. What it returns that is not DIFFD_OK ends
   * the listing, and is returned. */
  enum diffd_status (*object)(void *arg, const struct diffd_s3_listed *listed, struct diffd_error *err);
  void *arg;
};
/* Lists by ListObjectsV2, page by page. */
enum diffd_status diffd_s3_list(struct diffd_s3 *s3, const struct diffd_context *ctx,
                                const struct diffd_s3_list_options *options,
                                struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
