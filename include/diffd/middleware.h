/* SPDX-License-Identifier: Apache-2.0
 *
 * Middleware stands around the HTTP handlers: each sees a request before they do and may answer it in their
 * place (who are you? not so many!), and sees the answer before it leaves (another header, a count).
 */
#ifndef DIFFD_MIDDLEWARE_H
#define DIFFD_MIDDLEWARE_H

#include "diffd/http_client.h"
#include "diffd/job.h"
#include "diffd/stream.h"

DIFFD_PUBLIC_BEGIN

enum {
  DIFFD_REQUEST_BODY_MAX = 64 * 1024,  /* bytes */
  DIFFD_RESPONSE_BODY_MAX = 16 * 1024, /* of a body that is given as bytes */
  DIFFD_RESPONSE_ADDED_MAX = 16,       /* headers that middlewares may add to one answer */
};

/* A request as it came: path, query and headers are as they were sent, percent-encoding and all. Everything
 * is borrowed for the call. */
struct diffd_request {
  const char *method;
  struct diffd_span path;
  struct diffd_span query; /* what stands after the `?`; absent where there is none */
  const struct diffd_http_header *headers;
  size_t header_count;
  struct diffd_span body; /* of `POST /{topic}/{event}`; bodies of other requests are read and dropped */
  bool body_too_large;    /* it was longer than DIFFD_REQUEST_BODY_MAX, and `body` is not all of it */
};

/* The value of the first header of that name, in any case, or NULL. */
const char *diffd_request_header(const struct diffd_request *request, const char *name);

/* The answer, borrowed for the call; used by one thread at a time. */
struct diffd_response;
/* 0 until somebody has answered. */
int diffd_response_status(const struct diffd_response *response);
/* Answers, in the place of what was answered before; headers that were added stay. `content_type` may be NULL
 * where the body is empty. Both are copied. A HEAD gets the length of the body without it;
 * the statuses 204 and 304 have no body. DIFFD_INVALID (a
 * status outside 200 to 599, or no value for a header), DIFFD_TOO_LARGE, DIFFD_NO_MEMORY; the answer is as
 * before then. */
enum diffd_status diffd_response_answer(struct diffd_response *response, int status, const char *content_type,
                                        struct diffd_span body, struct diffd_error *err) DIFFD_MUST_CHECK;
/* Adds a header to the answer, whoever gives it, now or later; both are copied. DIFFD_INVALID (no name or
 * value for a header, or one that comes with the answer or is the server's own: Content-Type, Content-Length,
 * Transfer-Encoding, Connection, Date), DIFFD_TOO_LARGE (DIFFD_RESPONSE_ADDED_MAX), DIFFD_NO_MEMORY. */
enum diffd_status diffd_response_add_header(struct diffd_response *response, const char *name,
                                            const char *value, struct diffd_error *err) DIFFD_MUST_CHECK;

/* What becomes of a request. */
enum diffd_verdict {
  DIFFD_PASS_ON,  /* the next one sees it, and after the last the handlers; an answer given already is dropped
                   */
  DIFFD_ANSWERED, /* nobody else sees it; without an answer this is a 500 */
};

struct diffd_middleware;
struct diffd_middleware_ops {
  /* Every request that the server could read comes here, whatever its path, also those that end as 404. In a
   * thread that answers requests (DIFF_HTTP_THREADS): it may wait, and ends when the context says so. */
  enum diffd_verdict (*before)(struct diffd_middleware *self, const struct diffd_context *ctx,
                               const struct diffd_request *request, struct diffd_response *response);
  /* NULL, or: sees the answer to a request that `before` passed on; the last middleware is the first here.
   * The thread may be another. */
  void (*after)(struct diffd_middleware *self, const struct diffd_context *ctx,
                const struct diffd_request *request, struct diffd_response *response);
  void (*destroy)(struct diffd_middleware *self);
};
/* Calls may come from several threads at once. */
struct diffd_middleware {
  const struct diffd_middleware_ops *ops;
};

enum diffd_verdict diffd_middleware_before(struct diffd_middleware *middleware,
                                           const struct diffd_context *ctx,
                                           const struct diffd_request *request,
                                           struct diffd_response *response);
void diffd_middleware_after(struct diffd_middleware *middleware, const struct diffd_context *ctx,
                            const struct diffd_request *request, struct diffd_response *response);
void diffd_middleware_destroy(struct diffd_middleware *middleware); /* accepts NULL */

DIFFD_PUBLIC_END

#endif
