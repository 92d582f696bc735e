/* SPDX-License-Identifier: Apache-2.0
 *
 * One pass over a graph by several threads: every statement, in blocks, checked whole.
 *
 * Each thread takes the next block and reads it on the guess that a statement begins with the block's first
 * line. Then blocks are confirmed in order: where the text before did end between two statements the guess
 * was right, else the block is read again by the general reader that is still inside a statement. What a pass
 * does with the statements happens after that, side by side again, and what it writes is written in order.
 */
#ifndef DIFFD_CORE_SCAN_H
#define DIFFD_CORE_SCAN_H

#include "core/block.h"
#include "core/ordered_out.h"

/* What a pass does. Functions get the pass's `arg`. */
struct diffd_scan_pass {
  void *arg;
  /* Looks at a block's items. Several threads at once, in no order.
   */
  enum diffd_status (*process)(void *arg, unsigned thread, struct diffd_block *block,
                               struct diffd_ordered_out *out, struct diffd_error *err);
  /* Where `out` goes, in the order of the blocks; NULL where process appends nothing. */
  struct diffd_ordered *ordered;
};

struct diffd_scan_options {
  const struct diffd_context *ctx;
  const struct diffd_keyer *keyer;
  const struct diffd_canon_kernel *kernel;
  size_t block_len;
  unsigned threads;
  const char *name;                            /* of the source, for texts of errors */
  void (*progress)(void *arg, uint64_t bytes); /* called with the bytes of each block; any thread; or NULL */
  void *progress_arg;
};

/* Where node statements stand: their blocks, so that nothing else need be read again for them. */
struct diffd_node_region {
  uint64_t begin; /* the first node statement's first byte */
  uint64_t end;   /* the block's end */
};
struct diffd_scan_result {
  uint64_t edges;
  struct diffd_node_region *node_regions; /* ascending; the caller's to free() */
  size_t node_region_count;
};

/* Reads the whole source. DIFFD_BAD_GRAPH names source, line, column and construct; the first fault in
 * the text is the one that is told. */
enum diffd_status diffd_scan(struct diffd_source *source, const struct diffd_scan_options *options,
                             const struct diffd_scan_pass *pass, struct diffd_scan_result *ret,
                             struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
