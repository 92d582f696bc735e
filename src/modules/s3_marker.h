/* SPDX-License-Identifier: Apache-2.0
 *
 * Marks in an S3 bucket: each is the object `<id>_in_progress`, its content the time of marking (RFC 3339).
 */
#ifndef DIFFD_MODULES_S3_MARKER_H
#define DIFFD_MODULES_S3_MARKER_H

#include "base/clock.h"
#include "diffd/marker.h"
#include "net/s3.h"

/* Marks older than timeout_ms count as none. One whose time is in the future counts as fresh for one time-out
 * from when it was stored, by S3's clock. Client and clock must outlive it. DIFFD_NO_MEMORY. */
enum diffd_status diffd_s3_marker_new(struct diffd_s3 *s3, uint64_t timeout_ms,
                                      const struct diffd_clock *clock, struct diffd_marker **ret,
                                      struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
