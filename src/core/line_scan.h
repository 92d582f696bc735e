/* SPDX-License-Identifier: Apache-2.0
 *
 * The first look at a block of text: where its white space is, and how many quotes lie before each place.
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
  DIFFD_SCAN_STEP = 64,        /* bytes a kernel looks at in one step */
  DIFFD_SCAN_PADDING = 64,     /* readable bytes that must follow the text; their content is ignored */
  DIFFD_SCAN_MAX = 512 * 1024, /* longest text, in bytes */
};

struct diffd_line_index {
  /* Offsets of all bytes <= 0x20, ascending, in `count` entries. Room for one per byte of text, and
   * DIFFD_SCAN_STEP more: kernels write ahead of what counts. */
  uint32_t *space;
  size_t count;
  /* quotes[i]: the weight of all quotes before byte 64 * i. A `"` weighs 1, one behind a backslash 2. Room
   * for one entry per step begun, and one more. */
  uint32_t *quotes;
  /* The quotes and escaped quotes of each step, a bit a byte. Room as for `quotes`. */
  uint64_t *quote_bits;
  uint64_t *escaped_bits;
};

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

/* An index with room for a text of DIFFD_SCAN_MAX bytes. DIFFD_NO_MEMORY. */
enum diffd_status diffd_line_index_init(struct diffd_line_index *ret,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_line_index_clean_up(struct diffd_line_index *index);

/* The weight of the quotes in text[0, offset). */
static inline uint32_t diffd_line_index_quotes(const struct diffd_line_index *index, size_t offset) {
  size_t step = offset / DIFFD_SCAN_STEP;
  uint64_t below = ((uint64_t)1 << (offset % DIFFD_SCAN_STEP)) - 1;
  return index->quotes[step] + (uint32_t)__builtin_popcountll(index->quote_bits[step] & below) +
         (uint32_t)__builtin_popcountll(index->escaped_bits[step] & below);
}

#endif
