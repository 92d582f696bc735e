/* SPDX-License-Identifier: Apache-2.0
 *
 * Stats: counters, gauges and timings for dashboards. A stat never fails and never waits for a peer: what
 * cannot be sent is dropped.
 */
#ifndef DIFFD_STAT_H
#define DIFFD_STAT_H

#include "diffd/status.h"

DIFFD_PUBLIC_BEGIN

/* The kinds of dogstatsd, and what its lines call them. */
enum diffd_stat_kind {
  DIFFD_STAT_COUNT,     /* "c": added to the counter */
  DIFFD_STAT_GAUGE,     /* "g": the value now */
  DIFFD_STAT_HISTOGRAM, /* "h": one observation */
  DIFFD_STAT_TIMING,    /* "ms": one observation, in milliseconds */
};

struct diffd_stat;
struct diffd_stat_ops {
  /* Called from any thread. The name and the tags ("key:value") are borrowed for the call. */
  void (*record)(struct diffd_stat *self, enum diffd_stat_kind kind, const char *name, double value,
                 const char *const *tags, size_t tag_count);
  void (*destroy)(struct diffd_stat *self);
};
struct diffd_stat {
  const struct diffd_stat_ops *ops;
};

/* `stat` may be NULL: then nothing happens. */
void diffd_stat_record(struct diffd_stat *stat, enum diffd_stat_kind kind, const char *name, double value,
                       const char *const *tags, size_t tag_count);
void diffd_stat_destroy(struct diffd_stat *stat); /* accepts NULL */

DIFFD_PUBLIC_END

#endif
