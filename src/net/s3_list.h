/* SPDX-License-Identifier: Apache-2.0
 *
 * One page of ListObjectsV2
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html), out of its XML. Pure; safe to
 * call from any thread.
 */
#ifndef DIFFD_NET_S3_LIST_H
#define DIFFD_NET_S3_LIST_H

#include "base/buffer.h"

enum {
  DIFFD_S3_PAGE_BYTES_MAX =
      8 * 1024 * 1024,               /* of the XML: 1000 keys of 1 KiB, each byte as %XX, and the rest */
  DIFFD_S3_PAGE_OBJECTS_MAX = 10000, /* S3 gives 1000 */
  DIFFD_S3_TOKEN_MAX = 8191,
};

struct diffd_s3_page_object {
  size_t key_at; /* in `keys` */
  size_t key_len;
  int64_t size; /* -1 where it was not told */
};
struct diffd_s3_page {
  struct diffd_buffer keys;
  struct diffd_buffer objects; /* struct diffd_s3_page_object, one after the other */
  size_t count;
  char next_token[DIFFD_S3_TOKEN_MAX + 1]; /* "" on the last page */
};

/* Keys are decoded where the answer says that they are encoded. The caller cleans the page up, on success
 * only. DIFFD_UNAVAILABLE where the text is no such page, has a DOCTYPE, or has more in it than the limits
 * above; DIFFD_NO_MEMORY. */
enum diffd_status diffd_s3_page_read(struct diffd_span text, struct diffd_s3_page *ret,
                                     struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_s3_page_clean_up(struct diffd_s3_page *page);
struct diffd_s3_page_object diffd_s3_page_object(const struct diffd_s3_page *page, size_t index);

#endif
