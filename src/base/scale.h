/* SPDX-License-Identifier: Apache-2.0
 *
 * A hash scaled to a range that is no power of two, without a division.
 */
#ifndef DIFFD_BASE_SCALE_H
#define DIFFD_BASE_SCALE_H

#include <stdint.h>

__extension__ typedef unsigned __int128 diffd_uint128;

/* A number below `range`, as evenly spread as the upper bits of `hash`. */
static inline uint64_t diffd_scale(uint64_t hash, uint64_t range) {
  return (uint64_t)(((diffd_uint128)hash * range) >> 64);
}

#endif
