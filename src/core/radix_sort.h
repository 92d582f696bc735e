/* SPDX-License-Identifier: Apache-2.0
 *
 * Sorting many fixed-size records by an unsigned key, in time that grows with their number alone.
 */
#ifndef DIFFD_CORE_RADIX_SORT_H
#define DIFFD_CORE_RADIX_SORT_H

#include <stddef.h>
#include <stdint.h>

struct diffd_sort_record {
  uint64_t key;
  uint64_t value;
};

/* Sorts ascending, stable; `spare` has room for `count` as well and is overwritten. */
void diffd_radix_sort_records(struct diffd_sort_record *records, struct diffd_sort_record *spare,
                              size_t count);
void diffd_radix_sort_u64(uint64_t *keys, uint64_t *spare, size_t count);

#endif
