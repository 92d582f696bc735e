/* SPDX-License-Identifier: Apache-2.0
 *
 * One request to S3: signed, sent, and sent again where that can help. What the files of the S3 client share.
 */
#ifndef DIFFD_NET_S3_SEND_H
#define DIFFD_NET_S3_SEND_H

#include <stdatomic.h>

#include "base/buffer.h"
#include "net/s3.h"
#include "net/s3_answer.h"
#include "net/s3_endpoint.h"

struct diffd_s3 {
  struct diffd_s3_options options; /* the strings are our own copies */
  struct diffd_s3_endpoint endpoint;
  atomic_int_fast64_t skew_seconds; /* what must be added to our clock to get S3's */
  atomic_uint_fast64_t draws;       /* random numbers that were drawn */
};

enum { DIFFD_S3_CALL_HEADERS_MAX = 8 };

/* Everything is borrowed for the call. */
struct diffd_s3_call {
  const char *method;
  struct diffd_span key; /* absent: the bucket itself */
  const char *query;     /* percent-encoded; NULL: none */
  const struct diffd_http_header *headers;
  size_t header_count;
  struct diffd_span body; /* absent: none */
  const char *doing;      /* "storing" */
  const char *action;     /* the permission that it needs: "s3:PutObject" */
  bool reads;             /* a missing object may look like a forbidden one */
  bool patient;           /* work of a job that would be lost: tried for longer */
};

/* Sends until S3 does it or says what cannot be helped. *ret is an answer of 2xx, whose body the caller owns.
 * ret_answer may be NULL; it tells the last answer that S3 gave, also on failure (status 0: none).
 * DIFFD_NOT_FOUND, DIFFD_UNAVAILABLE, DIFFD_CANCELLED, DIFFD_NO_MEMORY. */
enum diffd_status diffd_s3_send(struct diffd_s3 *s3, const struct diffd_context *ctx,
                                const struct diffd_s3_call *call, struct diffd_http_response *ret,
                                struct diffd_s3_answer *ret_answer, struct diffd_error *err) DIFFD_MUST_CHECK;
/* The same where the answer's body says nothing. */
enum diffd_status diffd_s3_do(struct diffd_s3 *s3, const struct diffd_context *ctx,
                              const struct diffd_s3_call *call, struct diffd_s3_object *ret_object,
                              struct diffd_s3_answer *ret_answer, struct diffd_error *err) DIFFD_MUST_CHECK;
/* The same where it is a short text, appended to *ret. */
enum diffd_status diffd_s3_ask(struct diffd_s3 *s3, const struct diffd_context *ctx,
                               const struct diffd_s3_call *call, struct diffd_buffer *ret,
                               struct diffd_s3_answer *ret_answer, struct diffd_error *err) DIFFD_MUST_CHECK;

/* How often a request is tried again at most. */
unsigned diffd_s3_retries(const struct diffd_s3_call *call);
/* Waits before try number `try` (from 1). False where the context was cancelled meanwhile. */
bool diffd_s3_pause(struct diffd_s3 *s3, const struct diffd_context *ctx, unsigned attempt);

/* Whose request it is, for diffd_s3_answer_fail. */
struct diffd_s3_asked diffd_s3_asked(const struct diffd_s3 *s3, const struct diffd_s3_call *call,
                                     const char *access_key_id);
/* What the answer's headers tell of the object. */
void diffd_s3_object_read(const struct diffd_http_response *response, struct diffd_s3_object *ret);
/* A number of decimal digits alone; -1 where it is none. */
int64_t diffd_s3_number(const char *text);

#endif
