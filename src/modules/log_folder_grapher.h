/* SPDX-License-Identifier: Apache-2.0
 *
 * The grapher that reads VPC flow logs from a folder tree: AWS's layout, or .log and .log.gz files anywhere
 * below.
 */
#ifndef DIFFD_MODULES_LOG_FOLDER_GRAPHER_H
#define DIFFD_MODULES_LOG_FOLDER_GRAPHER_H

#include "core/flow_graph.h"
#include "diffd/grapher.h"

struct diffd_log_folder_options {
  const char *path;      /* VPC_FLOW_LOGS_DIR; copied */
  int64_t delay_seconds; /* VPC_FLOW_LOGS_DELAY: so long after its stop a window's logs are complete */
  int64_t late_seconds;  /* VPC_FLOW_LOGS_LATE: so long after the stop files are still looked at */
  bool fail_on_bad_record;
  enum diffd_node_ids node_ids;
  unsigned threads;            /* per graph; 0: one per CPU */
  uint64_t memory_limit_bytes; /* per graph; 0: none */
  const char *tmp_dir;         /* copied; NULL: /tmp */
};

/* Its graphs are edges. No records at all give an empty graph and a warning (no-flow-records) in the
 * context's log, where skipped lines and data that AWS lost are told too. DIFFD_NO_MEMORY. */
enum diffd_status diffd_log_folder_grapher_new(const struct diffd_log_folder_options *options,
                                               struct diffd_grapher **ret,
                                               struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
