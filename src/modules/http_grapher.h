/* SPDX-License-Identifier: Apache-2.0
 *
 * The grapher that asks a vpcflow-grapherd: POST says which window's graph is wanted, GET gives it once it is
 * made.
 */
#ifndef DIFFD_MODULES_HTTP_GRAPHER_H
#define DIFFD_MODULES_HTTP_GRAPHER_H

#include "base/clock.h"
#include "diffd/grapher.h"
#include "diffd/http_client.h"

struct diffd_http_grapher_options {
  const char *endpoint;         /* GRAPHER_ENDPOINT, http or https; its path and query are kept; copied */
  uint64_t polling_interval_ms; /* GRAPHER_POLLING_INTERVAL */
  int64_t polling_timeout_ms; /* GRAPHER_POLLING_TIMEOUT, from the accepted POST to the head of the graph; -1:
                                 without end, 0: one look */
  uint64_t abandoned_ms;      /* how long a body may still come when the context is stopping; 0: 30 min */
  struct diffd_http_client *client; /* borrowed */
  const struct diffd_clock *clock;  /* borrowed */
  /* NULL: the system's sleep; else what passes the time of `clock` in tests. */
  void (*sleep_ms)(void *arg, uint64_t ms);
  void *sleep_arg;
};

/* Its `get` comes back when the grapher has accepted the POST. The graph is a DOT reader whose first read
 * waits until the grapher has made it, so that one window is read while the other is still being waited for;
 * it is never held whole.
 *
 * The waiting ends with DIFFD_CANCELLED when the context is stopping; a body that comes goes on then. It ends
 * with DIFFD_UNAVAILABLE when the time is over or the grapher answers what no graph will follow, and with
 * DIFFD_INVALID where the same request would be refused again (most of 4xx). 500, 502, 503 and failed
 * connections are ridden out; after a 404 the graph is asked for again. DIFFD_TOO_LARGE beyond 1 TiB.
 *
 * The constructor: DIFFD_INVALID (the endpoint), DIFFD_NO_MEMORY. */
enum diffd_status diffd_http_grapher_new(const struct diffd_http_grapher_options *options,
                                         struct diffd_grapher **ret,
                                         struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
