/* SPDX-License-Identifier: Apache-2.0
 *
 * Any query: a value that is found is never longer than the query, and is found again in a buffer of just its
 * size, but in none that is smaller.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct diffd_span query = {(const char *)data, size};
  struct diffd_error err;
  size_t len = 0;
  char *buf = malloc(size + 1);
  if (buf == NULL)
    return 0;
  enum diffd_status status = diffd_query_get(query, "next_start", buf, size, &len, &err);
  if (status != DIFFD_OK && status != DIFFD_NOT_FOUND)
    abort();
  if (status == DIFFD_OK) {
    size_t again = 0;
    char *exact = malloc(len > 0 ? len : 1);
    if (exact == NULL || len > size)
      abort();
    if (diffd_query_get(query, "next_start", exact, len, &again, &err) != DIFFD_OK || again != len ||
        memcmp(exact, buf, len) != 0)
      abort();
    if (len > 0 && diffd_query_get(query, "next_start", exact, len - 1, &again, &err) != DIFFD_INVALID)
      abort();
    free(exact);
  }
  free(buf);
  return 0;
}
