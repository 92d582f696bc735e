/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers on their way out. Files go by sendfile, bytes as they are; a stream that may block is read by the
 * request pool, a block ahead, while its connection is suspended.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/http_exchange.h"

enum { BLOCK_BYTES = 256 * 1024 };

struct http_stream {
  struct diffd_task task;
  struct diffd_http_server *server;
  struct http_connection *connection;
  struct MHD_Connection *mhd;
  struct diffd_reader *reader;
  struct http_stream *next_filling;
  char request_id[DIFFD_REQUEST_ID_MAX];
  enum diffd_status status; /* DIFFD_OK, DIFFD_END, or why it broke off */
  size_t at;
  size_t len;
  char block[BLOCK_BYTES];
};

/* False where the drain is over: then nothing may wait for a peer any more. */
static bool begin_filling(struct http_stream *stream) {
  struct diffd_http_server *server = stream->server;
  (void)pthread_mutex_lock(&server->lock);
  bool may = !server->cancelled;
  if (may) {
    stream->next_filling = server->filling;
    server->filling = stream;
  }
  (void)pthread_mutex_unlock(&server->lock);
  return may;
}

static void end_filling(struct http_stream *stream) {
  struct diffd_http_server *server = stream->server;
  (void)pthread_mutex_lock(&server->lock);
  struct http_stream **place = &server->filling;
  while (*place != stream)
    place = &(*place)->next_filling;
  *place = stream->next_filling;
  (void)pthread_mutex_unlock(&server->lock);
}

void diffd_http_interrupt_streams(struct diffd_http_server *server) {
  (void)pthread_mutex_lock(&server->lock);
  for (struct http_stream *stream = server->filling; stream != NULL; stream = stream->next_filling)
    diffd_reader_interrupt(stream->reader);
  (void)pthread_mutex_unlock(&server->lock);
}

static enum diffd_status read_block(struct http_stream *stream, struct diffd_error *err) {
  if (!begin_filling(stream))
    return diffd_fail(err, DIFFD_CANCELLED, "the service stops");
  enum diffd_status status =
      diffd_reader_read(stream->reader, stream->block, sizeof stream->block, &stream->len, err);
  end_filling(stream);
  return status;
}

static void fill(struct diffd_task *task) {
  struct http_stream *stream = (struct http_stream *)task;
  struct diffd_error err;
  stream->at = 0;
  stream->len = 0;
  stream->status = read_block(stream, &err);
  if (stream->status != DIFFD_OK && stream->status != DIFFD_END)
    diffd_log(stream->server->options.log, DIFFD_LOG_ERROR, "dependency-failure",
              {"dependency", "storage", 0}, {"reason", err.detail, 0}, {"request_id", stream->request_id, 0});
  diffd_http_resume(stream->server, stream->connection, stream->mhd);
}

static ssize_t read_stream(void *arg, uint64_t pos, char *buf, size_t max) {
  struct http_stream *stream = arg;
  (void)pos;
  if (stream->at < stream->len) {
    size_t len = stream->len - stream->at < max ? stream->len - stream->at : max;
    memcpy(buf, stream->block + stream->at, len);
    stream->at += len;
    return (ssize_t)len;
  }
  if (stream->status == DIFFD_END)
    return MHD_CONTENT_READER_END_OF_STREAM;
  if (stream->status != DIFFD_OK)
    return MHD_CONTENT_READER_END_WITH_ERROR;
  if (!diffd_http_suspend(stream->server, stream->connection, stream->mhd))
    return MHD_CONTENT_READER_END_WITH_ERROR;
  diffd_executor_submit(stream->server->requests, &stream->task);
  return 0;
}

static void free_stream(void *arg) {
  struct http_stream *stream = arg;
  diffd_reader_destroy(stream->reader);
  free(stream);
}

static struct MHD_Response *from_stream(struct exchange *exchange) {
  struct http_stream *stream = calloc(1, sizeof *stream);
  if (stream == NULL)
    return NULL;
  uint64_t size = exchange->response.size >= 0 ? (uint64_t)exchange->response.size : MHD_SIZE_UNKNOWN;
  stream->task.run = fill;
  stream->server = exchange->server;
  stream->connection = exchange->connection;
  stream->mhd = exchange->mhd;
  memcpy(stream->request_id, exchange->request_id, sizeof stream->request_id);
  stream->reader = exchange->response.reader;
  struct MHD_Response *response =
      MHD_create_response_from_callback(size, BLOCK_BYTES, read_stream, stream, free_stream);
  if (response == NULL)
    free(stream);
  else
    exchange->response.reader = NULL;
  return response;
}

/* The descriptor is the reader's, so the library, which closes its own, is given another. */
static struct MHD_Response *from_file(int file, uint64_t size) {
  int fd = fcntl(file, F_DUPFD_CLOEXEC, 0);
  if (fd < 0)
    return NULL;
  struct MHD_Response *response = MHD_create_response_from_fd64(size, fd);
  if (response == NULL)
    (void)close(fd);
  return response;
}

static struct MHD_Response *from_reader(struct exchange *exchange) {
  int file = diffd_reader_file(exchange->response.reader);
  if (exchange->response.size == 0)
    return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
  if (file >= 0 && exchange->response.size > 0)
    return from_file(file, (uint64_t)exchange->response.size);
  return from_stream(exchange);
}

static bool add_headers(const struct exchange *exchange, struct MHD_Response *response) {
  for (size_t i = 0; i < exchange->response.header_count; i++)
    if (MHD_add_response_header(response, exchange->response.headers[i].name,
                                exchange->response.headers[i].value) != MHD_YES)
      return false;
  if (atomic_load(&exchange->server->stopping))
    return MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES;
  return true;
}

struct MHD_Response *diffd_http_make_response(struct exchange *exchange) {
  struct MHD_Response *response =
      exchange->response.reader != NULL
          ? from_reader(exchange)
          : MHD_create_response_from_buffer(exchange->response.body.len, exchange->response.body.ptr,
                                            MHD_RESPMEM_MUST_COPY);
  if (response != NULL && !add_headers(exchange, response)) {
    MHD_destroy_response(response);
    response = NULL;
  }
  return response;
}
