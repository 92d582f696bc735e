/* SPDX-License-Identifier: Apache-2.0
 *
 * The diff of two graphs.
 *
 * Edge identity: source, destination, govpc_accountID, govpc_eniID, govpc_srcPort, govpc_dstPort,
 * govpc_protocol and color, compared unquoted; direction counts, counters and labels do not. Every copy of a
 * changed edge is a change. Readers with a file() are read in place by several threads; what others bring is
 * kept while it arrives, in memory and then in an unlinked file of tmp_dir, and they are never held back.
 */
#ifndef DIFFD_DIFF_H
#define DIFFD_DIFF_H

#include "diffd/change.h"
#include "diffd/graph.h"
#include "diffd/job.h"

DIFFD_PUBLIC_BEGIN

struct diffd_diff_options {
  unsigned threads; /* 0: one per CPU, at most 64 */
  /* Private memory that the diff may use, in bytes; beyond it, work goes to unlinked files of tmp_dir, and
   * the output is the same. 0: half of what the process, its control groups or the machine may have. Each
   * thread needs some 6 MiB whatever the limit is; below that a diff is slow, but made. */
  uint64_t memory_limit_bytes;
  const char *tmp_dir;       /* for unlinked files; NULL: $TMPDIR is not read, /tmp is taken */
  uint8_t seed[16];          /* random and secret; keys the hashes, and never shows in any output */
  uint32_t block_bytes;      /* how much of a graph a thread takes at a time, 64 to 256 Ki; 0: 256 KiB */
  const char *kernel;        /* "scalar", "avx2", or NULL for the best that this CPU has */
  const char *previous_name; /* for texts of errors; NULL: "previous" */
  const char *next_name;     /* NULL: "next" */
  /* Called now and then with the bytes read and their total (0: not known), from any thread, several at once;
   * NULL: never. */
  void (*progress)(void *arg, uint64_t done_bytes, uint64_t total_bytes);
  void *progress_arg;
};

struct diffd_diff_counts {
  uint64_t previous_edges; /* statements, copies counted */
  uint64_t next_edges;
  uint64_t added;
  uint64_t removed;
  uint64_t nodes; /* node statements written */
};

/* Compares the graphs and hands the changes to the sink, which it begins but neither commits nor destroys: a
 * failure means that what the sink took must not become visible. Takes both graphs' content (they
 * are read to their ends and destroyed, on failure too). Thread-safe between calls.
 * DIFFD_BAD_GRAPH with "name:line:column: construct ...", DIFFD_IO, DIFFD_NO_SPACE, DIFFD_NO_MEMORY,
 * DIFFD_CANCELLED, and what readers and sink return. */
enum diffd_status diffd_diff(const struct diffd_context *ctx, struct diffd_graph *previous,
                             struct diffd_graph *next, const struct diffd_diff_options *options,
                             struct diffd_change_sink *sink, struct diffd_diff_counts *ret,
                             struct diffd_error *err) DIFFD_MUST_CHECK;

DIFFD_PUBLIC_END

#endif
