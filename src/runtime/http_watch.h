/* SPDX-License-Identifier: Apache-2.0
 *
 * Watches the server's connections where libmicrohttpd does not: it cuts those whose request takes too long
 * to arrive (the library's time-out is for inactivity, and a client that drips a byte a second is active),
 * and sees when the peer of a suspended connection hangs up.
 *
 * A descriptor may be shut down or polled only while the library has not closed it: both happen under the
 * lock that diffd_http_watch_remove, called before the closing, takes.
 */
#ifndef DIFFD_RUNTIME_HTTP_WATCH_H
#define DIFFD_RUNTIME_HTTP_WATCH_H

#include <stdatomic.h>
#include <stdint.h>

#include "diffd/status.h"

/* One TCP connection. The members are the watch's, but for hung_up, which any thread may read. */
struct diffd_watched {
  struct diffd_watched *previous;
  struct diffd_watched *next;
  int fd;
  uint64_t deadline_ms; /* of the monotonic clock; 0: none */
  bool suspended;
  atomic_bool hung_up;
};

struct diffd_http_watch;

/* Starts the watching thread. DIFFD_NO_MEMORY, DIFFD_IO. */
enum diffd_status diffd_http_watch_new(struct diffd_http_watch **ret,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;
/* No connection may be left. Accepts NULL. */
void diffd_http_watch_destroy(struct diffd_http_watch *watch);

/* All of these are safe to call from any thread. */
void diffd_http_watch_add(struct diffd_http_watch *watch, struct diffd_watched *connection, int fd);
void diffd_http_watch_remove(struct diffd_http_watch *watch, struct diffd_watched *connection);
/* Cuts the connection when so much time has passed; 0: not any more. */
void diffd_http_watch_deadline(struct diffd_http_watch *watch, struct diffd_watched *connection,
                               uint64_t timeout_ms);
/* From now on hang-ups are looked for, or not. */
void diffd_http_watch_suspended(struct diffd_http_watch *watch, struct diffd_watched *connection,
                                bool suspended);

#endif
