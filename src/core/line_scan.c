/* SPDX-License-Identifier: Apache-2.0 */
#include "core/line_scan.h"

#include <stdlib.h>
#include <string.h>

enum diffd_status diffd_line_index_init(struct diffd_line_index *ret, struct diffd_error *err) {
  size_t steps = DIFFD_SCAN_MAX / DIFFD_SCAN_STEP + 2;
  struct diffd_line_index index = {
      .space = malloc((DIFFD_SCAN_MAX + DIFFD_SCAN_STEP) * sizeof *index.space),
      .quotes = malloc(steps * sizeof *index.quotes),
      .quote_bits = malloc(steps * sizeof *index.quote_bits),
      .escaped_bits = malloc(steps * sizeof *index.escaped_bits),
  };
  *ret = index;
  if (index.space == NULL || index.quotes == NULL || index.quote_bits == NULL || index.escaped_bits == NULL) {
    diffd_line_index_clean_up(ret);
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a line index");
  }
  return DIFFD_OK;
}

void diffd_line_index_clean_up(struct diffd_line_index *index) {
  free(index->space);
  free(index->quotes);
  free(index->quote_bits);
  free(index->escaped_bits);
  memset(index, 0, sizeof *index);
}

void diffd_line_scan_scalar(const char *text, size_t len, struct diffd_line_index *index) {
  size_t count = 0;
  size_t steps = (len + DIFFD_SCAN_STEP - 1) / DIFFD_SCAN_STEP;
  uint32_t weight = 0;
  bool backslash = false;
  for (size_t step = 0; step < steps; step++) {
    uint64_t quotes = 0;
    uint64_t escaped = 0;
    size_t base = step * DIFFD_SCAN_STEP;
    size_t end = base + DIFFD_SCAN_STEP < len ? base + DIFFD_SCAN_STEP : len;
    for (size_t i = base; i < end; i++) {
      unsigned char c = (unsigned char)text[i];
      uint64_t bit = (uint64_t)1 << (i - base);
      if (c <= 0x20)
        index->space[count++] = (uint32_t)i;
      if (c == '"') {
        quotes |= bit;
        if (backslash)
          escaped |= bit;
      }
      backslash = c == '\\';
    }
    index->quotes[step] = weight;
    index->quote_bits[step] = quotes;
    index->escaped_bits[step] = escaped;
    weight += (uint32_t)__builtin_popcountll(quotes) + (uint32_t)__builtin_popcountll(escaped);
  }
  index->quotes[steps] = weight;
  index->quote_bits[steps] = index->escaped_bits[steps] = 0;
  index->count = count;
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
