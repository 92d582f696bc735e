/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the HTTP server share: the server, its connections, and an exchange (one request and its
 * answer).
 */
#ifndef DIFFD_RUNTIME_HTTP_EXCHANGE_H
#define DIFFD_RUNTIME_HTTP_EXCHANGE_H

#include <pthread.h>

#include "runtime/connection_states.h"
#include "runtime/executor.h"
#include "runtime/http_library.h"
#include "runtime/http_server.h"
#include "runtime/http_watch.h"

enum { DIFFD_REQUEST_ID_MAX = 40 };

struct diffd_http_server {
  struct diffd_http_server_options options;
  struct MHD_Daemon *daemon;
  struct diffd_executor *requests;
  struct diffd_executor *jobs;
  struct diffd_http_watch *watch;
  struct diffd_connection_states *states;
  bool quiesced;
  atomic_bool stopping;
  atomic_uint_fast64_t request_count;
  pthread_mutex_t lock;
  pthread_cond_t fewer;
  bool cancelled;              /* from here on nothing is suspended any more */
  size_t exchanges;            /* that began and did not end */
  size_t suspended;            /* connections that are suspended, or whose resuming is under way */
  struct http_stream *filling; /* answers that a thread is reading a block of now */
};

/* One TCP connection. */
struct http_connection {
  struct diffd_watched watched;
  enum diffd_connection_state state; /* the event threads' */
  char *uri;                         /* of the request whose line has come; NULL before */
};

struct exchange {
  struct diffd_task task;
  struct diffd_http_server *server;
  struct http_connection *connection;
  struct MHD_Connection *mhd;
  bool done; /* the response is there */
  bool is_long;
  bool kept; /* the connection outlives the answer, if nothing goes wrong */
  char *uri;
  struct diffd_request request;      /* its spans point into uri and body */
  struct diffd_http_header *headers; /* the request's, whose texts are the library's; NULL: not kept */
  struct diffd_buffer body;
  uint64_t body_bytes; /* read, dropped ones too */
  struct diffd_response response;
  uint64_t started_ms;
  char request_id[DIFFD_REQUEST_ID_MAX];
};

/* Suspends the connection; from an event thread, in a callback of that connection. False where the drain is
 * over: then it must not be suspended any more. */
bool diffd_http_suspend(struct diffd_http_server *server, struct http_connection *connection,
                        struct MHD_Connection *mhd);
/* Lets it go on; afterwards it is the event threads', and nothing of it may be touched. */
void diffd_http_resume(struct diffd_http_server *server, struct http_connection *connection,
                       struct MHD_Connection *mhd);

/* Makes the threads that read blocks of answers return soon; once cancelled is set, none begins. */
void diffd_http_interrupt_streams(struct diffd_http_server *server);

/* libmicrohttpd's form of the exchange's response, whose reader it takes where there is one. NULL where
 * memory is short. */
struct MHD_Response *diffd_http_make_response(struct exchange *exchange);

#endif
