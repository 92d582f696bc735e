/* SPDX-License-Identifier: Apache-2.0
 *
 * What we ask of NATS JetStream, in its JSON API
 * (https://docs.nats.io/reference/reference-protocols/nats_api_reference) over a link of ours, so that each
 * question ends in time and obeys its context. As the link's requests, all may give DIFFD_UNAVAILABLE,
 * DIFFD_CANCELLED and DIFFD_NO_MEMORY; DIFFD_NOT_FOUND where a stream, consumer or message is missing. Safe
 * to call from several threads at once.
 */
#ifndef DIFFD_NET_JETSTREAM_H
#define DIFFD_NET_JETSTREAM_H

#include <jansson.h>

#include "net/nats_link.h"

enum {
  DIFFD_JS_NAME_MAX = 128, /* characters of a stream's or consumer's name */
  DIFFD_JS_TIMEOUT_MS = 5000,
  /* Error codes of the server (its errors.json). */
  DIFFD_JS_NAME_TAKEN = 10058,     /* a stream of that name is there, made differently */
  DIFFD_JS_SUBJECT_TAKEN = 10065,  /* another stream has the subject */
  DIFFD_JS_CONSUMER_TAKEN = 10013, /* a consumer of that name is there, made differently */
  DIFFD_JS_CONSUMER_EXISTS = 10105,
};

/* Asks `$JS.API.` + `api`; `question` is borrowed and may be NULL. The answer is a JSON object that the
 * caller lets go. *ret_code is the server's code where it answered with an error, else 0; written always. */
enum diffd_status diffd_js_call(struct diffd_nats_link *link, const struct diffd_context *ctx,
                                const char *api, json_t *question, json_t **ret, int *ret_code,
                                struct diffd_error *err) DIFFD_MUST_CHECK;

/* The stream that has the subject. DIFFD_NOT_FOUND. */
enum diffd_status diffd_js_find_stream(struct diffd_nats_link *link, const struct diffd_context *ctx,
                                       const char *subject, char name[static DIFFD_JS_NAME_MAX + 1],
                                       struct diffd_error *err) DIFFD_MUST_CHECK;

/* Sends a message to a stream and comes back when it is stored there, at *ret_sequence; *ret_duplicate where
 * its Nats-Msg-Id was known already, and then the sequence is that of the first. DIFFD_BUSY where the stream
 * is full; DIFFD_NOT_FOUND where no stream has the subject. */
enum diffd_status diffd_js_publish(struct diffd_nats_link *link, const struct diffd_context *ctx,
                                   const struct diffd_nats_post *post, uint64_t *ret_sequence,
                                   bool *ret_duplicate, struct diffd_error *err) DIFFD_MUST_CHECK;

/* A message as a stream keeps it. */
struct diffd_js_message {
  uint64_t sequence;
  char *data; /* len bytes, and a NUL that does not count; the caller frees them */
  size_t len;
};
/* By its sequence; the last one of a subject; the first one of a subject at or after a sequence.
 * DIFFD_NOT_FOUND. */
enum diffd_status diffd_js_get(struct diffd_nats_link *link, const struct diffd_context *ctx,
                               const char *stream, uint64_t sequence, struct diffd_js_message *ret,
                               struct diffd_error *err) DIFFD_MUST_CHECK;
enum diffd_status diffd_js_get_last(struct diffd_nats_link *link, const struct diffd_context *ctx,
                                    const char *stream, const char *subject, struct diffd_js_message *ret,
                                    struct diffd_error *err) DIFFD_MUST_CHECK;
enum diffd_status diffd_js_get_next(struct diffd_nats_link *link, const struct diffd_context *ctx,
                                    const char *stream, const char *subject, uint64_t sequence,
                                    struct diffd_js_message *ret, struct diffd_error *err) DIFFD_MUST_CHECK;

/* Removes all messages of a subject; one message. */
enum diffd_status diffd_js_purge(struct diffd_nats_link *link, const struct diffd_context *ctx,
                                 const char *stream, const char *subject,
                                 struct diffd_error *err) DIFFD_MUST_CHECK;
enum diffd_status diffd_js_delete(struct diffd_nats_link *link, const struct diffd_context *ctx,
                                  const char *stream, uint64_t sequence,
                                  struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
