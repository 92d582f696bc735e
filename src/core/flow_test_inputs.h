/* SPDX-License-Identifier: Apache-2.0
 *
 * For the tests of flow logs: logs that are bytes in memory, graphs as text, and gzip members.
 */
#ifndef DIFFD_CORE_FLOW_TEST_INPUTS_H
#define DIFFD_CORE_FLOW_TEST_INPUTS_H

#include "core/flow_graph.h"

/* A log in memory, read `piece` bytes at a time (0: all at once). */
struct flow_test_log {
  const char *name;
  const char *bytes;
  size_t len;
  size_t piece;
};

enum diffd_status flow_test_open(void *log, struct diffd_reader **ret, struct diffd_error *err);

/* Builds from logs in memory; `context` may be NULL. */
enum diffd_status flow_test_build(const struct diffd_context *context, const struct flow_test_log *logs,
                                  size_t count, const struct diffd_flow_options *options,
                                  struct diffd_edges **ret, struct diffd_flow_counts *ret_counts,
                                  struct diffd_error *err);

/* The graph's DOT, NUL-terminated; the caller frees it. Asserts that all goes well; destroys the edges. */
char *flow_test_dot(struct diffd_edges *edges);

/* A whole file; the caller frees it. */
char *flow_test_file(const char *path, size_t *ret_len);

/* A gzip member of the bytes; the caller frees it. */
char *flow_test_gzip(const char *bytes, size_t len, size_t *ret_len);

#endif
