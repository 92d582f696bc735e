/* SPDX-License-Identifier: Apache-2.0
 *
 * Storage in a folder: each diff is the file `<id>.dot`.
 */
#ifndef DIFFD_MODULES_FILE_STORAGE_H
#define DIFFD_MODULES_FILE_STORAGE_H

#include "base/durable_file.h"
#include "diffd/storage.h"

/* The readers that it gives have a file(), and their size is known. The folder must outlive it. */
enum diffd_status diffd_file_storage_new(const struct diffd_durable_folder *diffs, struct diffd_storage **ret,
                                         struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
