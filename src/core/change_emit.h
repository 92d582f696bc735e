/* SPDX-License-Identifier: Apache-2.0
 *
 * From the place of a changed edge to the sink's bytes for it, and to the nodes that it touches. One thread
 * at a time.
 */
#ifndef DIFFD_CORE_CHANGE_EMIT_H
#define DIFFD_CORE_CHANGE_EMIT_H

#include "core/diff_run.h"
#include "core/reread.h"

enum { DIFFD_TOUCHES_MAX = 64 };

struct diffd_change_emit {
  struct diffd_diff_run *run;
  unsigned thread;
  struct diffd_source *source;
  enum diffd_change_status status;
  struct diffd_reread reread;
  char *piece; /* of a text that is not at hand; made when first needed */
  /* Nodes that are not in the set yet: the memory that they need there is on its way. */
  struct diffd_key touches[DIFFD_TOUCHES_MAX];
  size_t touch_count;
};

/* For the edges of `source`, which is one of the run's. `thread` is the caller's number. DIFFD_NO_MEMORY. */
enum diffd_status diffd_change_emit_init(struct diffd_change_emit *emit, struct diffd_diff_run *run,
                                         unsigned thread, struct diffd_source *source,
                                         enum diffd_change_status status,
                                         struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_change_emit_clean_up(struct diffd_change_emit *emit);

/* The edge whose statement begins at `begin` changed. Flushes `out` where it gets full. After the last edge
 * the touches are to be flushed. */
enum diffd_status diffd_change_emit_edge(struct diffd_change_emit *emit, uint64_t begin,
                                         struct diffd_ordered_out *out,
                                         struct diffd_error *err) DIFFD_MUST_CHECK;
/* Puts the touched nodes into the run's set. */
enum diffd_status diffd_change_emit_flush_touches(struct diffd_change_emit *emit,
                                                  struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
