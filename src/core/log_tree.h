/* SPDX-License-Identifier: Apache-2.0
 *
 * The flow log files of some paths: which are read, in a fixed order, each once.
 *
 * A path that is a folder gives the .log and .log.gz files anywhere below it, but for hidden ones. Links are
 * followed; a folder or file that is reached twice counts once. Where `x.log` and `x.log.gz` stand side by
 * side, the second is read (its checksum shows whether it is whole) and the log says so (log-file-skipped). A
 * path that is a file is read whatever its name; `-` is standard input. A file or folder that cannot be read
 * fails the whole and is named; opening a .log.gz file of no bytes is DIFFD_BAD_LOGS.
 */
#ifndef DIFFD_CORE_LOG_TREE_H
#define DIFFD_CORE_LOG_TREE_H

#include "core/flow_graph.h"

enum { DIFFD_LOG_FILES_MAX = 4 * 1000 * 1000 };

struct diffd_log_choice {
  bool all;                   /* every file, whatever time its name tells */
  struct diffd_window window; /* else those whose name tells a time from start to stop + late_seconds, */
  int64_t late_seconds;       /* and those whose name tells none */
};

struct diffd_log_tree;

/* Looks the files up. Writes to the context's log; looks at its cancellation. DIFFD_NOT_FOUND where a path
 * does not exist, DIFFD_IO, DIFFD_TOO_LARGE beyond DIFFD_LOG_FILES_MAX, DIFFD_NO_MEMORY, DIFFD_CANCELLED. */
enum diffd_status diffd_log_tree_collect(const struct diffd_context *ctx, const char *const *paths,
                                         size_t path_count, const struct diffd_log_choice *choice,
                                         struct diffd_log_tree **ret,
                                         struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_log_tree_destroy(struct diffd_log_tree *tree); /* accepts NULL */

/* Ascending by path; they live as long as the tree. */
const struct diffd_flow_input *diffd_log_tree_inputs(const struct diffd_log_tree *tree, size_t *ret_count);
/* The bytes of all chosen files on the disk, for a progress line; 0 where a pipe is among them. */
uint64_t diffd_log_tree_bytes(const struct diffd_log_tree *tree);

#endif
