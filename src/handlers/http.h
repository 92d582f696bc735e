/* SPDX-License-Identifier: Apache-2.0
 *
 * A request and its answer as the handlers see them, so that they need no socket and no server library.
 */
#ifndef DIFFD_HANDLERS_HTTP_H
#define DIFFD_HANDLERS_HTTP_H

#include "base/buffer.h"
#include "diffd/job.h"

enum {
  DIFFD_REQUEST_BODY_MAX = 64 * 1024, /* bytes */
  DIFFD_RESPONSE_BODY_MAX = 16 * 1024,
  DIFFD_RESPONSE_HEADERS_MAX = 6,
};

/* Everything is borrowed for the call. Paths and queries are as they were sent, percent-encoding and all. */
struct diffd_request {
  const char *method;
  struct diffd_span path;
  struct diffd_span query; /* what stands after the `?`; absent where there is none */
  struct diffd_span body;
  bool body_too_large; /* it was longer than DIFFD_REQUEST_BODY_MAX, and `body` is not all of it */
};

struct diffd_response_header {
  const char *name; /* both in static storage */
  const char *value;
};

/* The body is either bytes or a reader. Owns both. */
struct diffd_response {
  int status; /* 0 until a handler has answered */
  struct diffd_response_header headers[DIFFD_RESPONSE_HEADERS_MAX];
  size_t header_count;
  struct diffd_buffer body;
  struct diffd_reader *reader; /* NULL: the body is in `body` */
  int64_t size;                /* bytes of the reader; -1 where unknown */
};

static inline struct diffd_response diffd_response_init(void) {
  return (struct diffd_response){.body = diffd_buffer_init(DIFFD_RESPONSE_BODY_MAX), .size = -1};
}
void diffd_response_clean_up(struct diffd_response *response);

/* Adds a header; both strings in static storage. */
void diffd_response_header(struct diffd_response *response, const char *name, const char *value);

/* An answer without a body. */
void diffd_response_empty(struct diffd_response *response, int status);
/* `{"message":"..."}` and a newline, as application/json. Where memory is short the body stays empty. */
void diffd_response_message(struct diffd_response *response, int status, const char *message);
/* The text as it is, as text/plain in UTF-8. */
void diffd_response_text(struct diffd_response *response, int status, const char *text);
/* Puts "Retry-After: 5" on it. */
void diffd_response_retry_later(struct diffd_response *response);

#endif
