/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of a multipart upload: how large each is, their etags, and the request that makes an object of
 * them. No input or output; one thread at a time.
 */
#ifndef DIFFD_NET_S3_PARTS_H
#define DIFFD_NET_S3_PARTS_H

#include "base/buffer.h"
#include "net/s3.h"

enum { DIFFD_S3_PARTS_MAX = 10000 }; /* S3's own limit */

/* The size of part `number` (from 1): 5 MiB at first, doubled every 1000 parts, so that 10,000 of them hold
 * 4.8 TiB, near S3's own limit. */
size_t diffd_s3_part_bytes(unsigned number);

struct diffd_s3_parts {
  char **etags; /* by number; NULL where the part has not arrived */
  unsigned count;
  unsigned cap;
};
void diffd_s3_parts_clean_up(struct diffd_s3_parts *parts);
/* Keeps a part's etag. DIFFD_NO_MEMORY, DIFFD_UNAVAILABLE (there is none). */
enum diffd_status diffd_s3_parts_set(struct diffd_s3_parts *parts, unsigned number, const char *etag,
                                     struct diffd_error *err) DIFFD_MUST_CHECK;

/* Appends the body of CompleteMultipartUpload. DIFFD_TOO_LARGE, DIFFD_NO_MEMORY, DIFFD_INTERNAL (a part is
 * missing). */
enum diffd_status diffd_s3_parts_complete(const struct diffd_s3_parts *parts, struct diffd_buffer *out,
                                          struct diffd_error *err) DIFFD_MUST_CHECK;

/* Whether the object is what these parts, `size` bytes in all, become: by its etag, which is the MD5 of the
 * parts' MD5s and their number, or, where etags are no MD5, by size and number. */
bool diffd_s3_parts_made(const struct diffd_s3_parts *parts, uint64_t size,
                         const struct diffd_s3_object *object);

#endif
