/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a bucket is reached
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html): by its own host name, or by a
 * path on the server's. Pure; safe to call from any thread.
 */
#ifndef DIFFD_NET_S3_ENDPOINT_H
#define DIFFD_NET_S3_ENDPOINT_H

#include "net/url.h"

enum { DIFFD_S3_BUCKET_MAX = 255, DIFFD_S3_REGION_MAX = 63, DIFFD_S3_ROOT_MAX = 1024 };

struct diffd_s3_endpoint {
  char authority[DIFFD_URL_HOST_MAX + 1 + 8]; /* as the Host field is sent */
  char base[DIFFD_URL_HOST_MAX + 1 + 24];     /* "https://" and the authority */
  char root[DIFFD_S3_ROOT_MAX + 1]; /* what stands before the key's slash, percent-encoded: "" or "/bucket" */
};

/* `endpoint_url` NULL: AWS's. Path style where another server is named, and where the bucket's name is no
 * label of a host name (dots do not match AWS's certificate). DIFFD_INVALID. */
enum diffd_status diffd_s3_endpoint_make(const char *bucket, const char *region, const char *endpoint_url,
                                         struct diffd_s3_endpoint *ret,
                                         struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
