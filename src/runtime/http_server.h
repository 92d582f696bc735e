/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP server on libmicrohttpd. Its event threads never block: a request is read, its connection
 * suspended, the work done in a bounded pool, and the answer sent when the connection is resumed. Requests
 * that last as long as a job have a pool of their own.
 */
#ifndef DIFFD_RUNTIME_HTTP_SERVER_H
#define DIFFD_RUNTIME_HTTP_SERVER_H

#include "diffd/service.h"
#include "handlers/http.h"

struct diffd_http_server_options {
  int listen_fd;            /* as diffd_listen opens it; the server takes it */
  unsigned event_threads;   /* that read and send; at least 1 */
  unsigned request_threads; /* that answer short requests; at least 1 */
  unsigned job_threads;     /* that answer long ones; at least 1 */
  unsigned max_connections; /* beyond it the peers wait to be accepted */
  uint64_t
      request_timeout_ms;   /* for the reading of one request, from its connection's or its line's arrival */
  uint64_t idle_timeout_ms; /* for a connection where nothing moves; rounded up to seconds */
  uint64_t instance;        /* random; request ids begin with it */
  struct diffd_log *log;
  struct diffd_stat *stat;                     /* NULL: nothing is counted */
  const struct diffd_stats_config *stat_names; /* borrowed; of the states of connections */

  /* NULL, or: looks at every request before it waits for its turn, in a thread of the pool of short requests.
   * True where it answered: then `handle` is not asked. With it requests carry their headers. */
  bool (*screen)(void *arg, const struct diffd_context *ctx, const struct diffd_request *request,
                 struct diffd_response *response);
  /* Answers a request, in a thread of one of the pools. The context is stopping once the server is, and for
   * long requests when the caller has hung up; it is cancelled at the end of the drain. */
  void (*handle)(void *arg, const struct diffd_context *ctx, const struct diffd_request *request,
                 struct diffd_response *response);
  /* Whether the request is a long one, whose body is kept (up to DIFFD_REQUEST_BODY_MAX); bodies of short
   * ones are read and dropped. Called before the body is there, in an event thread. */
  bool (*is_long)(void *arg, const struct diffd_request *request);
  /* What stats call the kind of request: one of a few words, in static storage. */
  const char *(*route)(void *arg, const struct diffd_request *request);
  void *arg;
};

enum {
  DIFFD_HTTP_HEAD_MAX = 32 * 1024,      /* bytes of a request's line and headers together */
  DIFFD_HTTP_DROPPED_MAX = 1024 * 1024, /* bytes of a body that are read only to be dropped */
};

struct diffd_http_server;

/* Starts to serve. Takes listen_fd, on failure too. DIFFD_NO_MEMORY, DIFFD_IO. */
enum diffd_status diffd_http_server_start(const struct diffd_http_server_options *options,
                                          struct diffd_http_server **ret,
                                          struct diffd_error *err) DIFFD_MUST_CHECK;

/* Stops accepting, and makes the contexts stopping. Answers from here on close their connections. */
void diffd_http_server_quiesce(struct diffd_http_server *server);
/* Waits until no request is left, at most so long; then cancels what is left and waits for it to end. Gives
 * the number of requests that were cancelled or cut. */
size_t diffd_http_server_drain(struct diffd_http_server *server, uint64_t timeout_ms);
/* Quiesces and drains where that has not been done, and frees. Accepts NULL. */
void diffd_http_server_destroy(struct diffd_http_server *server);

#endif
