/* SPDX-License-Identifier: Apache-2.0
 *
 * The first look at a block of text: where its lines end, where its white space is, how many quotes
 * there are.
 *
 * A canonical line is recognised by its white space alone (core/canon.h), so finding that for a whole block
 * at once, 64 bytes a step and without branches, is where the reader's speed comes from. The scalar kernel is
 * the specification; every other kernel gives the same index.
 */
#ifndef DIFFD_CORE_LINE_SCAN_H
#define DIFFD_CORE_LINE_SCAN_H

#include <stdint.h>

#include "diffd/status.h"

enum {
  DIFFD_SCAN_STEP = 64,    /* bytes a kernel looks at in one step */
  DIFFD_SCAN_PADDING = 64, /* readable bytes that must follow the text; their content is ignored */
};

/* A line's end, and what lies before it in the text. */
struct diffd_line_end {
  uint32_t at;     /* the newline's offset */
  uint32_t spaces; /* entries of `space` up to and with the newline */
  uint32_t quotes; /* `"` before it */
};

struct diffd_line_index {
  size_t text_max; /* the longest text that there is room for, in bytes */
  /* How much of the text the rest is about: all of it, or less where white space stands so densely that there
   * was no room for more, which it never does in canonical lines. */
  size_t covered;
  size_t space_max; /* entries, and DIFFD_SCAN_STEP more: kernels write ahead of what counts */
  size_t line_max;
  /* Offsets of all bytes <= 0x20, ascending. */
  uint32_t *space;
  size_t space_count;
  /* All newlines, ascending. */
  struct diffd_line_end *line;
  size_t line_count;
};

/* For kernels: whether whatever one step more finds has room. */
static inline bool diffd_line_index_has_room(const struct diffd_line_index *index, size_t spaces,
                                             size_t lines) {
  return spaces + DIFFD_SCAN_STEP <= index->space_max && lines + DIFFD_SCAN_STEP <= index->line_max;
}

/* Fills the index for text[0, len). */
typedef void diffd_line_scan(const char *text, size_t len, struct diffd_line_index *index);

diffd_line_scan diffd_line_scan_scalar;
#if defined(__x86_64__)
diffd_line_scan diffd_line_scan_avx2; /* needs AVX2, BMI and POPCNT */
#endif

/* The kernel of a name ("scalar", "avx2"), or for NULL the best that this CPU runs. DIFFD_INVALID names the
 * choices. */
enum diffd_status diffd_line_scan_choose(const char *name, diffd_line_scan **ret,
                                         struct diffd_error *err) DIFFD_MUST_CHECK;

/* An index with room for a text of text_max bytes, less than 4 GiB. DIFFD_NO_MEMORY. */
enum diffd_status diffd_line_index_init(struct diffd_line_index *ret, size_t text_max,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_line_index_clean_up(struct diffd_line_index *index);

#endif
