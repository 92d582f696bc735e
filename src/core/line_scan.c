/* SPDX-License-Identifier: Apache-2.0 */
#include "core/line_scan.h"

#include <stdlib.h>
#include <string.h>

/* A canonical edge has a byte of white space in 25 and a node in 10; no line of either is shorter than 16
 * bytes. */
enum { BYTES_PER_SPACE = 5, BYTES_PER_LINE = 15 };

enum diffd_status diffd_line_index_init(struct diffd_line_index *ret, size_t text_max,
                                        struct diffd_error *err) {
  size_t space_max = text_max / BYTES_PER_SPACE + DIFFD_SCAN_STEP;
  size_t line_max = text_max / BYTES_PER_LINE + DIFFD_SCAN_STEP;
  *ret = (struct diffd_line_index){
      .text_max = text_max,
      .space_max = space_max,
      .line_max = line_max,
      .space = malloc((space_max + DIFFD_SCAN_STEP) * sizeof *ret->space),
      .line = malloc(line_max * sizeof *ret->line),
  };
  if (ret->space != NULL && ret->line != NULL)
    return DIFFD_OK;
  diffd_line_index_clean_up(ret);
  return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for an index of lines");
}

void diffd_line_index_clean_up(struct diffd_line_index *index) {
  free(index->space);
  free(index->line);
  memset(index, 0, sizeof *index);
}

/* Counts of what has been found so far. */
struct scalar_state {
  uint32_t spaces;
  uint32_t quotes;
  size_t lines;
};

static void scan_step(const char *text, size_t begin, size_t end, struct diffd_line_index *index,
                      struct scalar_state *state) {
  for (size_t i = begin; i < end; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c <= 0x20)
      index->space[state->spaces++] = (uint32_t)i;
    if (c == '\n')
      index->line[state->lines++] = (struct diffd_line_end){(uint32_t)i, state->spaces, state->quotes};
    if (c == '"')
      state->quotes++;
  }
}

void diffd_line_scan_scalar(const char *text, size_t len, struct diffd_line_index *index) {
  struct scalar_state state = {0};
  size_t at = 0;
  while (at < len && diffd_line_index_has_room(index, state.spaces, state.lines)) {
    size_t end = at + DIFFD_SCAN_STEP < len ? at + DIFFD_SCAN_STEP : len;
    scan_step(text, at, end, index, &state);
    at = end;
  }
  index->covered = at;
  index->space_count = state.spaces;
  index->line_count = state.lines;
}

enum diffd_status diffd_line_scan_choose(const char *name, diffd_line_scan **ret, struct diffd_error *err) {
  bool avx2 = false;
#if defined(__x86_64__)
  avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt");
  if (avx2 && (name == NULL || strcmp(name, "avx2") == 0)) {
    *ret = diffd_line_scan_avx2;
    return DIFFD_OK;
  }
#endif
  if (name == NULL || strcmp(name, "scalar") == 0) {
    *ret = diffd_line_scan_scalar;
    return DIFFD_OK;
  }
  return diffd_fail(err, DIFFD_INVALID, "kernel \"%s\" is not to be had here: choose %s", name,
                    avx2 ? "scalar or avx2" : "scalar");
}
