/* SPDX-License-Identifier: Apache-2.0
 *
 * What `diff` and `graph` share: graphs from files of DOT and from flow logs.
 */
#ifndef DIFFD_CLI_WORK_H
#define DIFFD_CLI_WORK_H

#include "cli/cli.h"
#include "core/flow_graph.h"

struct diffd_work_options {
  unsigned threads;            /* 0: one per CPU */
  uint64_t memory_limit_bytes; /* 0: none was given */
  const char *tmp_dir;         /* --tmp-dir, or TMPDIR, or NULL */
  int node_ids;                /* enum diffd_node_ids */
  int bad_records;             /* 0: skip, 1: fail */
};

/* Puts the usual in place of what was not given: TMPDIR, and half of the memory that the process may have. */
void diffd_work_complete(const struct diffd_cli *cli, struct diffd_work_options *options);

/* Opens a file of DOT; `-` is stdin. A pipe is made to hold more, where the system allows it. A folder is a
 * fault that points at --logs. */
enum diffd_status diffd_work_open(const char *path, struct diffd_reader **ret,
                                  struct diffd_error *err) DIFFD_MUST_CHECK;

/* Makes the graph of flow logs below `paths`: the records of the window, or all where it is NULL. Warnings go
 * to stderr. `memory_limit_bytes` is this graph's share. */
enum diffd_status diffd_work_graph(struct diffd_cli *cli, const char *const *paths, size_t path_count,
                                   const struct diffd_window *window,
                                   const struct diffd_work_options *options, uint64_t memory_limit_bytes,
                                   struct diffd_edges **ret, struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
