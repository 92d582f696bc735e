/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP client: sends one request and gives the answer's head, with the body still to be read. The
 * queuer and the grapher each use one, and an embedding program may put its own in their place (to sign
 * requests, to go through a tunnel, to count them).
 */
#ifndef DIFFD_HTTP_CLIENT_H
#define DIFFD_HTTP_CLIENT_H

#include "diffd/job.h"
#include "diffd/stream.h"

DIFFD_PUBLIC_BEGIN

/* RFC 9110 field. Neither name nor value holds CR, LF or NUL. */
struct diffd_http_header {
  const char *name;
  const char *value;
};

/* Everything is borrowed for the call of `send`. */
struct diffd_http_request {
  const char *method; /* "GET", "HEAD", "POST", "PUT", "DELETE" */
  const char *url;    /* absolute, http or https, percent-encoded; sent as it is written */
  const struct diffd_http_header *headers;
  size_t header_count;
  struct diffd_span body;     /* absent: no body; its Content-Length is set by the client */
  uint64_t header_timeout_ms; /* from the call to the end of the answer's head; 0: 60000 */
  uint64_t stall_timeout_ms;  /* the longest time in which a body may bring no byte; 0: 60000 */
};

/* The answer. `headers` belong to `body` and live until that is destroyed; their names are in lower case. */
struct diffd_http_response {
  unsigned status; /* 200 to 599: what comes before (1xx) is the client's matter */
  const struct diffd_http_header *headers;
  size_t header_count;
  int64_t body_bytes;        /* as Content-Length tells; -1 where it does not, or after decoding */
  struct diffd_reader *body; /* never NULL. A body that ends before its Content-Length, or whose last chunk
                                is missing, fails with DIFFD_UNAVAILABLE: DIFFD_END means whole. */
};

struct diffd_http_client;
struct diffd_http_client_ops {
  /* Sends, and waits for the head of the answer. Redirects are answers like any other. The body may be
   * read slowly: what has not been read holds the peer back, never grows memory. The context must outlive
   * the body; once it is cancelled, sending and reading end within 100 ms with DIFFD_CANCELLED. The caller
   * owns ret->body. DIFFD_UNAVAILABLE (with the host and the reason), DIFFD_INVALID (the URL),
   * DIFFD_CANCELLED, DIFFD_NO_MEMORY. */
  enum diffd_status (*send)(struct diffd_http_client *self, const struct diffd_context *ctx,
                            const struct diffd_http_request *request, struct diffd_http_response *ret,
                            struct diffd_error *err);
  void (*destroy)(struct diffd_http_client *self);
};
/* Calls may come from several threads at once; each body is read by one thread. */
struct diffd_http_client {
  const struct diffd_http_client_ops *ops;
};

enum diffd_status diffd_http_client_send(struct diffd_http_client *client, const struct diffd_context *ctx,
                                         const struct diffd_http_request *request,
                                         struct diffd_http_response *ret,
                                         struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_http_client_destroy(struct diffd_http_client *client); /* accepts NULL */

/* The value of the first header of that name (in lower case), or NULL. */
const char *diffd_http_response_header(const struct diffd_http_response *response, const char *name);

DIFFD_PUBLIC_END

#endif
