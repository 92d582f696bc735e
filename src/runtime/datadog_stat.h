/* SPDX-License-Identifier: Apache-2.0
 *
 * Stats to an agent, over UDP, in the lines of dogstatsd
 * (https://docs.datadoghq.com/developers/dogstatsd/datagram_shell): `name:1.000000|c|#tag,tag` and a newline.
 *
 * Recording only appends to a bounded buffer; a thread of its own resolves the agent's name, again every half
 * minute, and sends. Whether an agent listens does not matter.
 */
#ifndef DIFFD_RUNTIME_DATADOG_STAT_H
#define DIFFD_RUNTIME_DATADOG_STAT_H

#include <stdint.h>

#include "diffd/stat.h"

struct diffd_datadog_options {
  const char *address;     /* "host:port"; of a name with both families the IPv4 address is taken */
  size_t packet_max_bytes; /* the largest datagram, 1 to 65507 */
  uint64_t flush_ms;       /* how often lines are sent; full datagrams leave earlier */
  const char *const *tags; /* that every line carries, after its own; copied */
  size_t tag_count;
};

/* Lines wait in at most so many bytes; what comes when they are full, and a line that is longer than a
 * datagram, is dropped, and counted in the next flush as `diffd.stats.dropped`. */
enum { DIFFD_DATADOG_PENDING_MAX = 1 << 20 };

/* Starts the sending thread. Destroying it sends what is left, and waits for that a second at most: only a
 * name that does not resolve takes longer. In names and tags, characters that have a meaning in a line
 * become `_`; values that are no finite number are dropped. DIFFD_INVALID (the address), DIFFD_NO_MEMORY,
 * DIFFD_IO. */
enum diffd_status diffd_datadog_stat_new(const struct diffd_datadog_options *options, struct diffd_stat **ret,
                                         struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
