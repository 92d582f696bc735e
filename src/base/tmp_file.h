/* SPDX-License-Identifier: Apache-2.0
 *
 * Files without a name, for what does not fit in memory: gone when they are closed, however the process ends.
 */
#ifndef DIFFD_BASE_TMP_FILE_H
#define DIFFD_BASE_TMP_FILE_H

#include <stdint.h>

#include "diffd/status.h"

/* An unlinked file in `dir` (NULL: /tmp), open for reading and writing; the caller closes it. DIFFD_IO,
 * DIFFD_NO_SPACE. */
enum diffd_status diffd_tmp_file_open(const char *dir, int *ret_fd, struct diffd_error *err) DIFFD_MUST_CHECK;
/* Writes all bytes at an offset in bytes; any thread. DIFFD_IO; DIFFD_NO_SPACE says what to do. */
enum diffd_status diffd_tmp_file_write(int fd, const char *bytes, size_t len, uint64_t offset,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;
/* Reads exactly `len` bytes at an offset; any thread. DIFFD_IO, also where there are fewer. */
enum diffd_status diffd_tmp_file_read(int fd, char *bytes, size_t len, uint64_t offset,
                                      struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
