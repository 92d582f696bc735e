/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts the states of the server's connections, as Go's net/http names them
 * (https://pkg.go.dev/net/http#ConnState): new when accepted, active while a request is read and answered,
 * idle between two requests, closed at the end. A connection is never hijacked here.
 */
#ifndef DIFFD_RUNTIME_CONNECTION_STATES_H
#define DIFFD_RUNTIME_CONNECTION_STATES_H

#include "diffd/service.h"

enum diffd_connection_state {
  DIFFD_CONNECTION_NONE, /* before new, and after closed */
  DIFFD_CONNECTION_NEW,
  DIFFD_CONNECTION_ACTIVE,
  DIFFD_CONNECTION_IDLE,
  DIFFD_CONNECTION_STATES,
};

struct diffd_connection_states;

/* Counters and gauges go to `stat`, under the names of `names`, both borrowed; the gauges every
 * names->report_ms, from a thread of its own, and once more at the end. With no `stat`, *ret is NULL.
 * DIFFD_NO_MEMORY, DIFFD_IO. */
enum diffd_status diffd_connection_states_new(struct diffd_stat *stat, const struct diffd_stats_config *names,
                                              struct diffd_connection_states **ret,
                                              struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_connection_states_destroy(struct diffd_connection_states *states); /* accepts NULL */

/* One connection goes from *state to `to`, and is counted there. `states` may be NULL. Any thread may call;
 * one at a time for a connection. */
void diffd_connection_changes(struct diffd_connection_states *states, enum diffd_connection_state *state,
                              enum diffd_connection_state to);

#endif
