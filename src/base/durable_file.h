/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that appear whole or not at all, and that survive a loss of power once they have appeared:
 * temporary name, fsync, rename, fsync of the folder.
 */
#ifndef DIFFD_BASE_DURABLE_FILE_H
#define DIFFD_BASE_DURABLE_FILE_H

#include "diffd/stream.h"

/* A folder of durable files. Borrowed by whoever is given one; threads may share it. */
struct diffd_durable_folder {
  int fd;           /* the folder */
  int tmp_fd;       /* where files grow; on the same file system */
  const char *path; /* the folder's path, for texts of errors */
};

/* A writer of the file `name` in the folder; its commit replaces what has that name. What is not committed
 * leaves nothing behind, not even in tmp once the writer is destroyed. When syncing the folder fails, commit
 * fails, although the whole file may be seen. `name` is one plain file name of at most 200 bytes. The
 * folder must outlive the writer. DIFFD_NO_SPACE, DIFFD_IO, DIFFD_NO_MEMORY, here and from the writer. */
enum diffd_status diffd_durable_file_new(const struct diffd_durable_folder *folder, const char *name,
                                         struct diffd_writer **ret, struct diffd_error *err) DIFFD_MUST_CHECK;

/* Writes the whole file at once. */
enum diffd_status diffd_durable_file_put(const struct diffd_durable_folder *folder, const char *name,
                                         const void *bytes, size_t len,
                                         struct diffd_error *err) DIFFD_MUST_CHECK;

/* Removes the file for good. DIFFD_NOT_FOUND, DIFFD_IO. */
enum diffd_status diffd_durable_file_remove(const struct diffd_durable_folder *folder, const char *name,
                                            struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
