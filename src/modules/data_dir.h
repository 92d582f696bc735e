/* SPDX-License-Identifier: Apache-2.0
 *
 * The data directory of the embedded modules:
 *
 *   diffs/<id>.dot              finished diffs
 *   marks/<id>_in_progress      marks
 *   queue.db                    the queue
 *   tmp/                        files that are not finished; emptied at start
 *   lock                        held by the one process that works here; its text is the process id
 */
#ifndef DIFFD_MODULES_DATA_DIR_H
#define DIFFD_MODULES_DATA_DIR_H

#include "base/durable_file.h"

struct diffd_data_dir;

/* Opens the directory for this process alone, and makes what is missing of it, parents too (mode 0700).
 * Empties tmp/. DIFFD_BUSY where another process holds it, with a text that says which and what to do;
 * DIFFD_IO, DIFFD_NO_SPACE, DIFFD_NO_MEMORY. Threads may share the open directory. */
enum diffd_status diffd_data_dir_open(const char *path, struct diffd_data_dir **ret,
                                      struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_data_dir_close(struct diffd_data_dir *dir); /* accepts NULL */

/* These live as long as the directory is open. */
const struct diffd_durable_folder *diffd_data_dir_diffs(const struct diffd_data_dir *dir);
const struct diffd_durable_folder *diffd_data_dir_marks(const struct diffd_data_dir *dir);
const char *diffd_data_dir_tmp_path(const struct diffd_data_dir *dir);
const char *diffd_data_dir_queue_path(const struct diffd_data_dir *dir);

#endif
