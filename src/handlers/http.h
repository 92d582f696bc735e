/* SPDX-License-Identifier: Apache-2.0
 *
 * A request and its answer as the handlers see them, so that they need no socket and no server library.
 */
#ifndef DIFFD_HANDLERS_HTTP_H
#define DIFFD_HANDLERS_HTTP_H

#include "base/buffer.h"
#include "diffd/middleware.h"

enum {
  DIFFD_RESPONSE_OWN_HEADERS_MAX = 6, /* that handlers and server put on an answer */
  DIFFD_RESPONSE_HEADERS_MAX = DIFFD_RESPONSE_OWN_HEADERS_MAX + DIFFD_RESPONSE_ADDED_MAX,
};

struct diffd_response_header {
  const char *name; /* both in static storage, or in `owned` */
  const char *value;
  char *owned;    /* NULL, or what holds both */
  bool of_answer; /* goes with the answer when it is replaced */
};

/* The body is either bytes or a reader. Owns both. */
struct diffd_response {
  int status; /* 0 until a handler has answered */
  struct diffd_response_header headers[DIFFD_RESPONSE_HEADERS_MAX];
  size_t header_count;
  size_t added_count; /* of these, how many middlewares added */
  struct diffd_buffer body;
  struct diffd_reader *reader; /* NULL: the body is in `body` */
  int64_t size;                /* bytes of the reader; -1 where unknown */
};

static inline struct diffd_response diffd_response_init(void) {
  return (struct diffd_response){.body = diffd_buffer_init(DIFFD_RESPONSE_BODY_MAX), .size = -1};
}
void diffd_response_clean_up(struct diffd_response *response);

/* Takes the answer back: status, body and the headers that go with it. Headers that middlewares added stay.
 */
void diffd_response_drop_answer(struct diffd_response *response);

/* Adds a header of the answer; both strings in static storage. */
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
