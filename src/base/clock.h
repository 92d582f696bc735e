/* SPDX-License-Identifier: Apache-2.0
 *
 * The two clocks, handed in so that tests can turn them: wall time for marks and for times that users
 * see, monotonic time for intervals.
 */
#ifndef DIFFD_BASE_CLOCK_H
#define DIFFD_BASE_CLOCK_H

#include "base/rfc3339.h"

/* Calls may come from several threads at once. */
struct diffd_clock {
  struct diffd_instant (*wall)(void *arg);
  int64_t (*monotonic_ms)(void *arg); /* milliseconds since some fixed point; never goes back */
  void *arg;
};

/* The clocks of the system. */
extern const struct diffd_clock diffd_system_clock;

#endif
