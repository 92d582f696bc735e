/* SPDX-License-Identifier: Apache-2.0
 *
 * Storage in an S3 bucket: each diff is the object `<id>.dot`.
 */
#ifndef DIFFD_MODULES_S3_STORAGE_H
#define DIFFD_MODULES_S3_STORAGE_H

#include "diffd/storage.h"
#include "net/s3.h"

/* Of two workers that store one diff the first one's stays, where the server knows conditional writes; where
 * not, the last one's. The client must outlive it. DIFFD_NO_MEMORY. */
enum diffd_status diffd_s3_storage_new(struct diffd_s3 *s3, struct diffd_storage **ret,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
