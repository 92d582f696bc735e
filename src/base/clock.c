/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <time.h>

static struct diffd_instant system_wall(void *arg) {
  (void)arg;
  struct timespec now = {0};
  (void)clock_gettime(CLOCK_REALTIME, &now);
  return (struct diffd_instant){.seconds = now.tv_sec, .nanoseconds = (uint32_t)now.tv_nsec};
}

static int64_t system_monotonic_ms(void *arg) {
  (void)arg;
  struct timespec now = {0};
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const struct diffd_clock diffd_system_clock = {.wall = system_wall, .monotonic_ms = system_monotonic_ms};
