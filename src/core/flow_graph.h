/* SPDX-License-Identifier: Apache-2.0
 *
 * From flow logs to the graph of one window: read, digest, edges in graph order.
 *
 * The same records in any order and any number of inputs give the same edges. Records are grouped by account,
 * ENI, source, destination, ports, protocol and action; the larger port is ephemeral and becomes 0 (the
 * source on a tie); packets and bytes are summed (an overflow of 64 bits is DIFFD_BAD_LOGS); every edge
 * carries the earliest start and the latest end of all OK records in the window.
 */
#ifndef DIFFD_CORE_FLOW_GRAPH_H
#define DIFFD_CORE_FLOW_GRAPH_H

#include "diffd/graph.h"
#include "diffd/job.h"

/* One file of flow logs: plain or gzip, told by its first bytes. Opened when its turn comes, closed after. */
struct diffd_flow_input {
  const char *name; /* for texts of errors and the log */
  enum diffd_status (*open)(void *arg, struct diffd_reader **ret, struct diffd_error *err);
  void *arg;
};

enum diffd_node_ids {
  DIFFD_NODE_IDS_INJECTIVE, /* n10_1_11_1, n6_ and 32 hexadecimal digits */
  DIFFD_NODE_IDS_ORIGINAL,  /* n and the address without dots and colons; may collide */
};

struct diffd_flow_options {
  struct diffd_window window; /* records by their own start, start inclusive, stop exclusive */
  bool all;                   /* every record, whatever the window says */
  enum diffd_node_ids node_ids;
  bool fail_on_bad_record;
  unsigned threads; /* 0: one per CPU, at most one per input */
  /* Private memory that the build may use, beside some 2 MiB a thread; 0: without limit. Beyond it edges go
   * to unlinked files of tmp_dir, and the graph is the same. Names and IPv6 addresses stay in memory: where
   * these alone need more than a thread's share, the build fails with DIFFD_NO_MEMORY. Files are mapped, not
   * counted. */
  uint64_t memory_limit_bytes;
  const char *tmp_dir; /* NULL: /tmp */
  uint8_t seed[16];    /* random and secret; keys the hashes, shows in no output */
  const char *kernel;  /* "scalar", "avx2", or NULL for the best that this CPU has */
  /* Called with the bytes read of all inputs together, as they are stored; from any thread; NULL: never. */
  void (*progress)(void *arg, uint64_t done_bytes);
  void *progress_arg;
};

struct diffd_flow_counts {
  uint64_t records;  /* OK records in the window */
  uint64_t outside;  /* OK records outside of it */
  uint64_t nodata;   /* NODATA records in the window */
  uint64_t skipdata; /* SKIPDATA records in the window: AWS lost some */
  uint64_t bad;      /* lines that are no record; each input's first goes to the context's log (bad-record) */
  uint64_t edges;
};

/* Builds the graph. *ret is the caller's; it may outlive inputs, options and context. DIFFD_BAD_LOGS with
 * "name:line: ...", and what opening and reading return, each with the input's name. Looks at the context's
 * cancellation. */
enum diffd_status diffd_flow_graph_build(const struct diffd_context *ctx,
                                         const struct diffd_flow_input *inputs, size_t input_count,
                                         const struct diffd_flow_options *options, struct diffd_edges **ret,
                                         struct diffd_flow_counts *ret_counts,
                                         struct diffd_error *err) DIFFD_MUST_CHECK;

/* Writes edges as the DOT graph of the contract: `digraph {`, edges, nodes, `}` with no newline. Starts at
 * the first edge; does not commit the writer. */
enum diffd_status diffd_edges_write_dot(struct diffd_edges *edges, struct diffd_writer *writer,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;
/* The same as a stream that is made while it is read. Takes the edges, also on failure. */
enum diffd_status diffd_edges_dot_reader(struct diffd_edges *edges, struct diffd_reader **ret,
                                         struct diffd_error *err) DIFFD_MUST_CHECK;
/* Appends one edge's DOT statement without indentation or newline, so that every printer agrees. */
struct diffd_output;
enum diffd_status diffd_flow_edge_print(struct diffd_edges *edges, const struct diffd_flow_edge *edge,
                                        struct diffd_output *out, struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
