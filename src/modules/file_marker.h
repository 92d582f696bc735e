/* SPDX-License-Identifier: Apache-2.0
 *
 * Marks in a folder: each is the file `<id>_in_progress`, its content the time of marking (RFC 3339).
 */
#ifndef DIFFD_MODULES_FILE_MARKER_H
#define DIFFD_MODULES_FILE_MARKER_H

#include "base/clock.h"
#include "base/durable_file.h"
#include "diffd/marker.h"

/* Marks older than timeout_ms count as none. One whose time is in the future counts as fresh for one
 * time-out from when that was first seen: its file's modification time, set back if it lies in the
 * future too. Folder and clock must outlive it. */
enum diffd_status diffd_file_marker_new(const struct diffd_durable_folder *marks, uint64_t timeout_ms,
                                        const struct diffd_clock *clock, struct diffd_marker **ret,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;

/* Removes every mark whose id `keep` does not want, and whatever else lies in the folder: for the start, when
 * the embedded queue knows what is in progress. *ret_removed may be NULL. */
enum diffd_status diffd_file_marks_sweep(const struct diffd_durable_folder *marks,
                                         bool (*keep)(void *arg, const char *id), void *arg,
                                         size_t *ret_removed, struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
