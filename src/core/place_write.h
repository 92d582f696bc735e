/* SPDX-License-Identifier: Apache-2.0
 *
 * Changed edges whose places are known, written in the order of the text.
 *
 * The places come in the order of keys. They are dealt out to blocks of the text; within a block a bit for
 * each byte puts them in order, so that nothing is sorted. Threads write a block each, one block after the
 * other. Where the budget has no room for all places, that is done for some blocks, and then for the next.
 */
#ifndef DIFFD_CORE_PLACE_WRITE_H
#define DIFFD_CORE_PLACE_WRITE_H

#include "core/diff_run.h"

/* Where places come from: `each` calls `place` for all places of a part. It is called twice or more for every
 * part, from any thread, and gives the same places each time. */
struct diffd_place_feed {
  unsigned part_count;
  enum diffd_status (*each)(void *arg, unsigned part, void (*place)(void *place_arg, uint64_t position),
                            void *place_arg, struct diffd_error *err);
  void *arg;
};

/* Writes the edges at all places, which are in the blocks [first_block, first_block + block_count) of
 * `source`; *ret_count is their number. */
enum diffd_status diffd_place_write(struct diffd_diff_run *run, struct diffd_source *source,
                                    enum diffd_change_status change, const struct diffd_place_feed *feed,
                                    uint64_t first_block, uint64_t block_count, uint64_t *ret_count,
                                    struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
