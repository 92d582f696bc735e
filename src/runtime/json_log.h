/* SPDX-License-Identifier: Apache-2.0
 *
 * The log that writes one JSON object a line, with its keys in this order: level, the event's fields as they
 * stand in the call, file, time, message.
 */
#ifndef DIFFD_RUNTIME_JSON_LOG_H
#define DIFFD_RUNTIME_JSON_LOG_H

#include "base/clock.h"
#include "diffd/log.h"

/* A longer line is cut: its fields' strings are shortened until it fits. Bytes, with the newline. */
enum { DIFFD_LOG_LINE_MAX = 8192 };

/* Writes events of `level` and above to the descriptor, each with one write(2), so that lines of several
 * threads and processes do not mix (POSIX promises that for pipes up to PIPE_BUF). What cannot be written is
 * lost: the service goes on. The descriptor and the clock stay the caller's. DIFFD_NO_MEMORY. */
enum diffd_status diffd_json_log_new(int fd, enum diffd_log_level level, const struct diffd_clock *clock,
                                     struct diffd_log **ret, struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
