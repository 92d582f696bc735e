/* SPDX-License-Identifier: Apache-2.0
 *
 * Large arrays: private zeroed memory, or an unlinked file that is mapped, which no memory limit counts.
 */
#ifndef DIFFD_CORE_FLOW_PAGES_H
#define DIFFD_CORE_FLOW_PAGES_H

#include "diffd/stream.h"

struct diffd_flow_pages {
  void *ptr; /* NULL: none */
  size_t size;
  bool in_file;
};

/* DIFFD_NO_MEMORY. `size` is more than 0. */
enum diffd_status diffd_flow_pages_in_memory(size_t size, struct diffd_flow_pages *ret,
                                             struct diffd_error *err) DIFFD_MUST_CHECK;
/* The file's blocks are reserved at once, so that a full disk is DIFFD_NO_SPACE here and no signal later.
 * DIFFD_IO. */
enum diffd_status diffd_flow_pages_in_file(const char *tmp_dir, size_t size, struct diffd_flow_pages *ret,
                                           struct diffd_error *err) DIFFD_MUST_CHECK;
/* Where arrays go: in memory, but in files where they are larger than that. */
struct diffd_flow_room {
  uint64_t array_max_bytes; /* 0: none goes to a file */
  const char *tmp_dir;
};
/* As the two above. */
enum diffd_status diffd_flow_pages_get(const struct diffd_flow_room *room, size_t size,
                                       struct diffd_flow_pages *ret,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;
/* Makes an array in memory larger; what is new is zero. It may move, without being copied. DIFFD_NO_MEMORY,
 * and then it is as it was. */
enum diffd_status diffd_flow_pages_grow(struct diffd_flow_pages *pages, size_t size,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;
/* Gives back what is behind the first `size` bytes. */
void diffd_flow_pages_shrink(struct diffd_flow_pages *pages, size_t size);
void diffd_flow_pages_clean_up(struct diffd_flow_pages *pages);

#endif
