/* SPDX-License-Identifier: Apache-2.0 */
#include "core/line_scan.h"

#include <stdlib.h>
#include <string.h>

enum diffd_status diffd_line_index_init(struct diffd_line_index *ret, size_t text_max,
                                        struct diffd_error *err) {
  size_t room = text_max + DIFFD_SCAN_STEP;
  *ret = (struct diffd_line_index){
      .text_max = text_max,

      .space = malloc(room * sizeof *ret->space),
      .line = malloc(room * sizeof *ret->line),
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

void diffd_line_scan_scalar(const char *text, size_t len, struct diffd_line_index *index) {
  uint32_t spaces = 0;
  uint32_t quotes = 0;
  size_t lines = 0;
  bool backslash = false;
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c <= 0x20)
      index->space[spaces++] = (uint32_t)i;
    if (c == '\n')
      index->line[lines++] = (struct diffd_line_end){(uint32_t)i, spaces, quotes};
    if (c == '"')
      quotes += backslash ? 2 : 1;
    backslash = c == '\\';
  }
  index->space_count = spaces;
  index->line_count = lines;
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
