/* SPDX-License-Identifier: Apache-2.0
 *
 * The head of an HTTP/1.1 answer (RFC 9112), line by line as it comes: status, then fields, with a bound on
 * both.
 */
#ifndef DIFFD_NET_HTTP_HEAD_H
#define DIFFD_NET_HTTP_HEAD_H

#include "base/buffer.h"
#include "diffd/http_client.h"

enum {
  DIFFD_HTTP_HEAD_MAX_BYTES = 64 * 1024, /* all lines together, interim answers and trailers too */
  DIFFD_HTTP_HEAD_MAX_FIELDS = 100,
};

struct diffd_http_head {
  bool complete;   /* the empty line behind a status of 200 or more has come: what follows are trailers */
  unsigned status; /* 0 before the first line */
  size_t bytes;    /* of all lines so far */
  size_t count;
  struct {
    size_t name, value; /* where in `text` */
  } at[DIFFD_HTTP_HEAD_MAX_FIELDS];
  struct diffd_buffer text; /* names in lower case, values; NUL-terminated */
  struct diffd_http_header headers[DIFFD_HTTP_HEAD_MAX_FIELDS]; /* into `text`, once complete */
};

void diffd_http_head_init(struct diffd_http_head *head);
void diffd_http_head_clean_up(struct diffd_http_head *head);

/* Takes one line with its line end. Once the head is complete, lines (trailers) are counted and dropped.
 * DIFFD_UNAVAILABLE where there are too many, or where a line is none of HTTP's; DIFFD_NO_MEMORY. */
enum diffd_status diffd_http_head_line(struct diffd_http_head *head, const char *line, size_t len,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;

/* Whether a field of this name (in lower case) holds the token, in a list apart by commas, in any case. */
bool diffd_http_head_has_token(const struct diffd_http_head *head, const char *name, const char *token);

#endif
