/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/http_server.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/thread.h"
#include "runtime/http_exchange.h"

bool diffd_http_suspend(struct diffd_http_server *server, struct http_connection *connection,
                        struct MHD_Connection *mhd) {
  (void)pthread_mutex_lock(&server->lock);
  bool allowed = !server->cancelled;
  if (allowed)
    server->suspended++;
  (void)pthread_mutex_unlock(&server->lock);
  if (!allowed)
    return false;
  MHD_suspend_connection(mhd);
  diffd_http_watch_suspended(server->watch, &connection->watched, true);
  return true;
}

void diffd_http_resume(struct diffd_http_server *server, struct http_connection *connection,
                       struct MHD_Connection *mhd) {
  diffd_http_watch_suspended(server->watch, &connection->watched, false);
  MHD_resume_connection(mhd);
  (void)pthread_mutex_lock(&server->lock);
  server->suspended--;
  (void)pthread_cond_broadcast(&server->fewer);
  (void)pthread_mutex_unlock(&server->lock);
}

/* The exchange's life. */

static void split_uri(struct exchange *exchange) {
  const char *path = exchange->uri;
  /* A proxy's absolute form: what names the server is passed over. */
  if (strncasecmp(path, "http://", 7) == 0) {
    path += 7 + strcspn(path + 7, "/?");
  }
  size_t len = strcspn(path, "?");
  exchange->request.path = (struct diffd_span){path, len};
  if (len == 0 && path != exchange->uri)
    exchange->request.path = (struct diffd_span){"/", 1};
  if (path[len] == '?')
    exchange->request.query = (struct diffd_span){path + len + 1, strlen(path + len + 1)};
}

static struct exchange *exchange_new(struct diffd_http_server *server, struct http_connection *connection,
                                     struct MHD_Connection *mhd, const char *method) {
  struct exchange *exchange = calloc(1, sizeof *exchange);
  char *own_method = strdup(method);
  if (exchange == NULL || own_method == NULL || connection->uri == NULL) {
    free(exchange);
    free(own_method);
    return NULL;
  }
  exchange->server = server;
  exchange->connection = connection;
  exchange->mhd = mhd;
  exchange->uri = connection->uri;
  connection->uri = NULL;
  exchange->request.method = own_method;
  exchange->body = diffd_buffer_init(DIFFD_REQUEST_BODY_MAX);
  exchange->response = diffd_response_init();
  exchange->started_ms = diffd_monotonic_ms();
  (void)snprintf(exchange->request_id, sizeof exchange->request_id, "%016" PRIx64 "-%" PRIu64,
                 server->options.instance, (uint64_t)atomic_fetch_add(&server->request_count, 1) + 1);
  split_uri(exchange);
  exchange->is_long = server->options.is_long(server->options.arg, &exchange->request);
  (void)pthread_mutex_lock(&server->lock);
  server->exchanges++;
  (void)pthread_mutex_unlock(&server->lock);
  return exchange;
}

static void exchange_destroy(struct exchange *exchange) {
  struct diffd_http_server *server = exchange->server;
  diffd_response_clean_up(&exchange->response);
  diffd_buffer_clean_up(&exchange->body);
  free((void *)(uintptr_t)exchange->request.method);
  free(exchange->uri);
  free(exchange->headers);
  free(exchange);
  (void)pthread_mutex_lock(&server->lock);
  server->exchanges--;
  (void)pthread_cond_broadcast(&server->fewer);
  (void)pthread_mutex_unlock(&server->lock);
}

/* The work, in a thread of a pool. */

static bool is_cancelled(void *arg) {
  struct diffd_http_server *server = ((struct exchange *)arg)->server;
  (void)pthread_mutex_lock(&server->lock);
  bool cancelled = server->cancelled;
  (void)pthread_mutex_unlock(&server->lock);
  return cancelled;
}

static bool is_stopping(void *arg) {
  const struct exchange *exchange = arg;
  return atomic_load(&exchange->server->stopping) ||
         (exchange->is_long && atomic_load(&exchange->connection->watched.hung_up));
}

static struct diffd_context context_of(struct exchange *exchange) {
  return (struct diffd_context){.cancelled = is_cancelled,
                                .cancelled_arg = exchange,
                                .stopping = is_stopping,
                                .stopping_arg = exchange,
                                .log = exchange->server->options.log,
                                .stat = exchange->server->options.stat,
                                .request_id = exchange->request_id};
}

static void work(struct diffd_task *task) {
  struct exchange *exchange = (struct exchange *)task;
  const struct diffd_http_server_options *options = &exchange->server->options;
  const struct diffd_context ctx = context_of(exchange);
  options->handle(options->arg, &ctx, &exchange->request, &exchange->response);
  assert(exchange->response.status != 0);
  exchange->done = true;
  diffd_http_resume(exchange->server, exchange->connection, exchange->mhd);
}

/* A long request that is screened waits for no job's place: whoever may not ask is told so at once. */
static void screen(struct diffd_task *task) {
  struct exchange *exchange = (struct exchange *)task;
  const struct diffd_http_server_options *options = &exchange->server->options;
  const struct diffd_context ctx = context_of(exchange);
  if (options->screen(options->arg, &ctx, &exchange->request, &exchange->response)) {
    assert(exchange->response.status != 0);
    exchange->done = true;
    diffd_http_resume(exchange->server, exchange->connection, exchange->mhd);
  } else if (exchange->is_long) {
    exchange->task.run = work;
    diffd_executor_submit(exchange->server->jobs, &exchange->task);
  } else {
    work(task);
  }
}

/* Reading a request, in an event thread. */

/* What the headers say about the body's length, and about the connection's end. */
struct framing {
  unsigned content_lengths;
  unsigned transfer_encodings;
  bool chunked;
  uint64_t content_length;
  bool close;
  bool keep_alive;
};

static bool has_token(const char *list, const char *token) {
  size_t len = strlen(token);
  while (*list != '\0') {
    list += strspn(list, ", \t");
    size_t word = strcspn(list, ", \t");
    if (word == len && strncasecmp(list, token, len) == 0)
      return true;
    list += word;
  }
  return false;
}

static enum MHD_Result note_header(void *arg, enum MHD_ValueKind kind, const char *key, const char *value) {
  struct framing *framing = arg;
  (void)kind;
  if (strcasecmp(key, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0) {
    framing->content_lengths++;
    framing->content_length = value != NULL ? strtoull(value, NULL, 10) : 0;
  } else if (strcasecmp(key, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
    framing->transfer_encodings++;
    framing->chunked = value != NULL && strcasecmp(value, "chunked") == 0;
  } else if (strcasecmp(key, MHD_HTTP_HEADER_CONNECTION) == 0 && value != NULL) {
    framing->close = framing->close || has_token(value, "close");
    framing->keep_alive = framing->keep_alive || has_token(value, "keep-alive");
  }
  return MHD_YES;
}

static enum MHD_Result keep_header(void *arg, enum MHD_ValueKind kind, const char *key, const char *value) {
  struct exchange *exchange = arg;
  (void)kind;
  exchange->headers[exchange->request.header_count++] =
      (struct diffd_http_header){key, value != NULL ? value : ""};
  return MHD_YES;
}

/* The texts stay where they are until the request's end (MHD_get_connection_values). */
static bool keep_headers(struct exchange *exchange) {
  int count = MHD_get_connection_values(exchange->mhd, MHD_HEADER_KIND, NULL, NULL);
  if (count <= 0)
    return count == 0;
  exchange->headers = calloc((size_t)count, sizeof *exchange->headers);
  if (exchange->headers == NULL)
    return false;
  (void)MHD_get_connection_values(exchange->mhd, MHD_HEADER_KIND, keep_header, exchange);
  exchange->request.headers = exchange->headers;
  return true;
}

static enum MHD_Result send_answer(struct exchange *exchange) {
  exchange->kept = exchange->kept && !atomic_load(&exchange->server->stopping);
  struct MHD_Response *response = diffd_http_make_response(exchange);
  if (response == NULL)
    return MHD_NO;
  enum MHD_Result result = MHD_queue_response(exchange->mhd, (unsigned)exchange->response.status, response);
  MHD_destroy_response(response);
  return result;
}

/* Answers before the request is read: the connection does not outlive such an answer. */
static enum MHD_Result refuse(struct exchange *exchange, int status, const char *text) {
  diffd_response_text(&exchange->response, status, text);
  diffd_response_header(&exchange->response, MHD_HTTP_HEADER_CONNECTION, "close");
  if (status == 503)
    diffd_response_retry_later(&exchange->response);
  exchange->done = true;
  exchange->kept = false;
  diffd_log(exchange->server->options.log, DIFFD_LOG_INFO, "invalid-input", {"reason", text, 0},
            {"request_id", exchange->request_id, 0});
  return send_answer(exchange);
}

/* A peer and a proxy that read a request's length differently can be played against each other (RFC 9112,
 * section 6.3), and the library lets such requests through. */
static enum MHD_Result begin(struct exchange *exchange, const char *version) {
  struct framing framing = {0};
  (void)MHD_get_connection_values(exchange->mhd, MHD_HEADER_KIND, note_header, &framing);
  exchange->kept = !framing.close && (framing.keep_alive || strcasecmp(version, MHD_HTTP_VERSION_1_0) != 0);
  if (framing.content_lengths > 1)
    return refuse(exchange, 400, "more than one Content-Length");
  if (framing.content_lengths > 0 && framing.transfer_encodings > 0)
    return refuse(exchange, 400, "both Content-Length and Transfer-Encoding");
  if (framing.transfer_encodings > 1)
    return refuse(exchange, 400, "more than one Transfer-Encoding");
  if (framing.transfer_encodings > 0 && !framing.chunked)
    return refuse(exchange, 501, "the only Transfer-Encoding known here is chunked");
  if (framing.content_length > DIFFD_HTTP_DROPPED_MAX)
    return refuse(exchange, 413, "the body is larger than 64 KiB");
  return exchange->server->options.screen == NULL || keep_headers(exchange) ? MHD_YES : MHD_NO;
}

static enum MHD_Result take_body(struct exchange *exchange, const char *data, size_t *size) {
  struct diffd_error err;
  size_t len = *size;
  *size = 0;
  exchange->body_bytes += len;
  if (exchange->body_bytes > DIFFD_HTTP_DROPPED_MAX)
    return MHD_NO;
  if (!exchange->is_long || exchange->request.body_too_large)
    return MHD_YES;
  if (exchange->body_bytes > DIFFD_REQUEST_BODY_MAX) {
    exchange->request.body_too_large = true;
    return MHD_YES;
  }
  return diffd_buffer_append(&exchange->body, data, len, &err) == DIFFD_OK ? MHD_YES : MHD_NO;
}

static enum MHD_Result hand_over(struct exchange *exchange) {
  struct diffd_http_server *server = exchange->server;
  diffd_http_watch_deadline(server->watch, &exchange->connection->watched, 0);
  exchange->request.body = (struct diffd_span){exchange->body.ptr, exchange->body.len};
  bool screened = server->options.screen != NULL;
  exchange->task.run = screened ? screen : work;
  if (!diffd_http_suspend(server, exchange->connection, exchange->mhd))
    return refuse(exchange, 503, "the service stops");
  diffd_executor_submit(exchange->is_long && !screened ? server->jobs : server->requests, &exchange->task);
  return MHD_YES;
}

static struct http_connection *connection_of(struct MHD_Connection *mhd) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info != NULL ? info->socket_context : NULL;
}

/* Called when the headers are there, for each part of the body, at the request's end, and after resuming. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *mhd, const char *url, const char *method,
                                  const char *version, const char *data, size_t *size, void **state) {
  struct diffd_http_server *server = arg;
  struct exchange *exchange = *state;
  (void)url;
  if (exchange == NULL) {
    struct http_connection *connection = connection_of(mhd);
    exchange = connection != NULL ? exchange_new(server, connection, mhd, method) : NULL;
    *state = exchange;
    return exchange != NULL ? begin(exchange, version) : MHD_NO;
  }
  if (*size > 0)
    return take_body(exchange, data, size);
  return exchange->done ? send_answer(exchange) : hand_over(exchange);
}

/* The request's line as it came: the library decodes what it hands to on_request. */
static void *on_uri(void *arg, const char *uri, struct MHD_Connection *mhd) {
  struct diffd_http_server *server = arg;
  struct http_connection *connection = connection_of(mhd);
  if (connection != NULL) {
    free(connection->uri);
    connection->uri = strdup(uri);
    diffd_connection_changes(server->states, &connection->state, DIFFD_CONNECTION_ACTIVE);
    diffd_http_watch_deadline(server->watch, &connection->watched, server->options.request_timeout_ms);
  }
  return NULL;
}

static void log_access(const struct exchange *exchange, enum MHD_RequestTerminationCode how) {
  char peer[NI_MAXHOST] = "";
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(exchange->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  if (info != NULL && info->client_addr != NULL)
    (void)getnameinfo(info->client_addr,
                      info->client_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                               : sizeof(struct sockaddr_in),
                      peer, sizeof peer, NULL, 0, NI_NUMERICHOST);
  diffd_log(exchange->server->options.log, DIFFD_LOG_DEBUG, "access", {"method", exchange->request.method, 0},
            {"uri", exchange->uri, 0}, {"status", NULL, exchange->response.status},
            {"duration_ms", NULL, (int64_t)(diffd_monotonic_ms() - exchange->started_ms)}, {"peer", peer, 0},
            {"sent", how == MHD_REQUEST_TERMINATED_COMPLETED_OK ? "whole" : "broken off", 0},
            {"request_id", exchange->request_id, 0});
}

static void count_request(const struct exchange *exchange) {
  static const char *const methods[] = {"method:GET", "method:HEAD", "method:POST"};
  const struct diffd_http_server_options *options = &exchange->server->options;
  const char *method = "method:other"; /* a peer can make up as many as it likes */
  char route[32];
  char status[16];
  if (options->stat == NULL || exchange->response.status == 0)
    return;
  for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
    if (strcmp(exchange->request.method, methods[i] + strlen("method:")) == 0)
      method = methods[i];
  (void)snprintf(route, sizeof route, "route:%s", options->route(options->arg, &exchange->request));
  (void)snprintf(status, sizeof status, "status:%d", exchange->response.status);
  const char *const tags[] = {method, route, status};
  diffd_stat_record(options->stat, DIFFD_STAT_COUNT, "http.server.requests", 1, tags, 3);
  diffd_stat_record(options->stat, DIFFD_STAT_TIMING, "http.server.latency",
                    (double)(diffd_monotonic_ms() - exchange->started_ms), tags, 3);
}

static void on_completed(void *arg, struct MHD_Connection *mhd, void **state,
                         enum MHD_RequestTerminationCode how) {
  struct diffd_http_server *server = arg;
  struct exchange *exchange = *state;
  (void)mhd;
  if (exchange == NULL)
    return;
  *state = NULL;
  log_access(exchange, how);
  count_request(exchange);
  if (exchange->kept && how == MHD_REQUEST_TERMINATED_COMPLETED_OK)
    diffd_connection_changes(server->states, &exchange->connection->state, DIFFD_CONNECTION_IDLE);
  /* What follows on the connection has to begin before it has been idle for too long. */
  diffd_http_watch_deadline(server->watch, &exchange->connection->watched,
                            server->options.idle_timeout_ms + server->options.request_timeout_ms);
  exchange_destroy(exchange);
}

static void on_connection(void *arg, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode what) {
  struct diffd_http_server *server = arg;
  if (what == MHD_CONNECTION_NOTIFY_STARTED) {
    struct http_connection *connection = calloc(1, sizeof *connection);
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    *context = connection;
    if (connection == NULL || info == NULL) {
      free(connection);
      *context = NULL;
      return;
    }
    diffd_connection_changes(server->states, &connection->state, DIFFD_CONNECTION_NEW);
    diffd_http_watch_add(server->watch, &connection->watched, info->connect_fd);
    diffd_http_watch_deadline(server->watch, &connection->watched, server->options.request_timeout_ms);
  } else if (*context != NULL) {
    struct http_connection *connection = *context;
    diffd_http_watch_remove(server->watch, &connection->watched);
    diffd_connection_changes(server->states, &connection->state, DIFFD_CONNECTION_NONE);
    free(connection->uri);
    free(connection);
    *context = NULL;
  }
}

/* Start and end. */

static void DIFFD_PRINTF(2, 0) on_library_message(void *arg, const char *fmt, va_list args) {
  const struct diffd_http_server *server = arg;
  char text[512];
  (void)vsnprintf(text, sizeof text, fmt, args);
  diffd_log(server->options.log, DIFFD_LOG_DEBUG, "http-library", {"reason", text, 0});
}

static enum diffd_status start_daemon(struct diffd_http_server *server, struct diffd_error *err) {
  const struct diffd_http_server_options *options = &server->options;
  unsigned idle_s = (unsigned)((options->idle_timeout_ms + 999) / 1000);
  /* One thread is no pool to the library: the option must be absent then. */
  struct MHD_OptionItem pool[] = {{MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)options->event_threads, NULL},
                                  {MHD_OPTION_END, 0, NULL}};
  server->daemon = MHD_start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request,
      server, MHD_OPTION_EXTERNAL_LOGGER, on_library_message, server, MHD_OPTION_LISTEN_SOCKET,
      options->listen_fd, MHD_OPTION_CONNECTION_LIMIT, options->max_connections,
      MHD_OPTION_CONNECTION_TIMEOUT, idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)DIFFD_HTTP_HEAD_MAX,
      MHD_OPTION_THREAD_STACK_SIZE, (size_t)DIFFD_THREAD_STACK_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1,
      MHD_OPTION_URI_LOG_CALLBACK, on_uri, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
      MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_ARRAY,
      options->event_threads > 1 ? pool : &pool[1], MHD_OPTION_END);
  if (server->daemon == NULL)
    return diffd_fail_errno(err, errno != 0 ? errno : EIO, "starting the HTTP server");
  return DIFFD_OK;
}

enum diffd_status diffd_http_server_start(const struct diffd_http_server_options *options,
                                          struct diffd_http_server **ret, struct diffd_error *err) {
  struct diffd_http_server *server = calloc(1, sizeof *server);
  if (server == NULL) {
    (void)close(options->listen_fd);
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the HTTP server");
  }
  server->options = *options;
  (void)pthread_mutex_init(&server->lock, NULL);
  enum diffd_status status = diffd_cond_init(&server->fewer, err);
  if (status != DIFFD_OK) {
    (void)close(options->listen_fd);
    (void)pthread_mutex_destroy(&server->lock);
    free(server);
    return status;
  }
  status = diffd_microhttpd_load(err);
  if (status == DIFFD_OK)
    status = diffd_connection_states_new(options->stat, options->stat_names, &server->states, err);
  if (status == DIFFD_OK)
    status = diffd_http_watch_new(&server->watch, err);
  if (status == DIFFD_OK)
    status = diffd_executor_new(options->request_threads, &server->requests, err);
  if (status == DIFFD_OK)
    status = diffd_executor_new(options->job_threads, &server->jobs, err);
  if (status == DIFFD_OK)
    status = start_daemon(server, err);
  if (status != DIFFD_OK) {
    (void)close(options->listen_fd);
    server->quiesced = true;
    diffd_http_server_destroy(server);
    return status;
  }
  *ret = server;
  return DIFFD_OK;
}

void diffd_http_server_quiesce(struct diffd_http_server *server) {
  if (server->quiesced)
    return;
  server->quiesced = true;
  atomic_store(&server->stopping, true);
  MHD_socket fd = MHD_quiesce_daemon(server->daemon);
  if (fd != MHD_INVALID_SOCKET)
    (void)close(fd);
}

/* Waits until *count is 0, at most so long; gives what it is then. */
static size_t wait_for_none(struct diffd_http_server *server, const size_t *count, uint64_t timeout_ms) {
  uint64_t until = diffd_monotonic_ms() + timeout_ms;
  (void)pthread_mutex_lock(&server->lock);
  for (uint64_t now = diffd_monotonic_ms(); *count > 0 && now < until; now = diffd_monotonic_ms())
    (void)diffd_cond_wait_ms(&server->fewer, &server->lock, until - now);
  size_t left = *count;
  (void)pthread_mutex_unlock(&server->lock);
  return left;
}

size_t diffd_http_server_drain(struct diffd_http_server *server, uint64_t timeout_ms) {
  size_t left = wait_for_none(server, &server->exchanges, timeout_ms);
  (void)pthread_mutex_lock(&server->lock);
  server->cancelled = true;
  (void)pthread_mutex_unlock(&server->lock);
  diffd_http_interrupt_streams(server);
  /* Stopping the library's daemon while a connection is suspended would abort the process. */
  while (wait_for_none(server, &server->suspended, UINT32_MAX) > 0)
    continue;
  return left;
}

void diffd_http_server_destroy(struct diffd_http_server *server) {
  if (server == NULL)
    return;
  if (server->daemon != NULL) {
    diffd_http_server_quiesce(server);
    (void)diffd_http_server_drain(server, 0);
    MHD_stop_daemon(server->daemon);
  }
  diffd_executor_destroy(server->jobs);
  diffd_executor_destroy(server->requests);
  diffd_http_watch_destroy(server->watch);
  diffd_connection_states_destroy(server->states);
  (void)pthread_cond_destroy(&server->fewer);
  (void)pthread_mutex_destroy(&server->lock);
  free(server);
}
