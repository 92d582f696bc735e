/* SPDX-License-Identifier: Apache-2.0
 *
 * Times as clients, marks and logs write them (RFC 3339), and as the original puts them into diff ids.
 *
 * All functions are pure and safe to call from any thread.
 */
#ifndef DIFFD_BASE_RFC3339_H
#define DIFFD_BASE_RFC3339_H

#include <stdint.h>

#include "diffd/stream.h"

/* A point in time: seconds since 1970-01-01T00:00:00Z, rounded down, and nanoseconds after that second. */
struct diffd_instant {
  int64_t seconds;
  uint32_t nanoseconds; /* 0..999999999 */
};

/* Reads `2019-03-01T00:01:00.5+01:00`: RFC 3339 with up to nine fractional digits, and two leniencies that
 * clients rely on: a one-digit hour and a comma before the fraction. DIFFD_INVALID with a text that names the
 * fault; the caller puts the parameter's name before it (diffd_fail_within). What is refused: lower-case `t`
 * and `z`, second 60, hour 24, days that the month does not have, ten fractional digits, an offset
 * without colon, a year outside 0000-9999 once the time is in UTC. */
enum diffd_status diffd_rfc3339_parse(struct diffd_span text, struct diffd_instant *ret,
                                      struct diffd_error *err) DIFFD_MUST_CHECK;

/* The same, with the offset that it was written with: seconds by which the writer's clock is ahead of UTC. */
struct diffd_spelled_time {
  struct diffd_instant instant;
  int offset_seconds;
};
enum diffd_status diffd_rfc3339_parse_spelled(struct diffd_span text, struct diffd_spelled_time *ret,
                                              struct diffd_error *err) DIFFD_MUST_CHECK;

/* The latest full minute that is not after `seconds`, also before 1970. */
int64_t diffd_truncate_to_minute(int64_t seconds);

enum { DIFFD_TIME_TEXT_MAX = 64 }; /* bytes, with the NUL, of every text below */

/* `2019-03-01T00:01:00Z`. A time outside the years 0000-9999 (none that was parsed) becomes `@SECONDS`. */
void diffd_rfc3339_format(int64_t seconds, char text[static DIFFD_TIME_TEXT_MAX]);
/* `2026-11-23T17:11:36.238038299Z`, always nine digits, so that texts sort as their times do. */
void diffd_rfc3339_format_nanos(struct diffd_instant instant, char text[static DIFFD_TIME_TEXT_MAX]);
/* `2019-07-01 00:00:00 +0000 UTC`, `2019-07-01 02:00:00.5 +0200 +0200`, as Go on a machine in UTC prints a
 * time that it parsed: neither converted nor truncated. */
void diffd_go_time_format(struct diffd_spelled_time time, char text[static DIFFD_TIME_TEXT_MAX]);

#endif
