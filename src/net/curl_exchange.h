/* SPDX-License-Identifier: Apache-2.0
 *
 * One try of one request over one connection: sends it, waits for the answer's head, then is the reader of
 * the answer's body. Everything happens in the caller's thread, while it waits; between two reads nothing
 * does, so that a slow reader holds the peer back.
 */
#ifndef DIFFD_NET_CURL_EXCHANGE_H
#define DIFFD_NET_CURL_EXCHANGE_H

#include <openssl/types.h>

#include "net/curl_pool.h"
#include "net/http_head.h"

/* What the whole client knows, and what a try needs of it. */
struct diffd_curl_exchange_options {
  struct diffd_curl_pool *pool;
  const struct diffd_context *ctx; /* must outlive the exchange */
  const struct diffd_http_request *request;
  const char *place;    /* where the connection leads, for the pool */
  const char *origin;   /* scheme, host and port, for texts of errors */
  const char *proxy;    /* "": none */
  X509_STORE *trusted;  /* the authorities that servers are checked by */
  uint64_t deadline_ms; /* by the monotonic clock: when the head must be there */
  uint64_t connect_timeout_ms;
  uint64_t tls_timeout_ms;
  bool ask_gzip;
};

struct diffd_curl_exchange;

/* Sends and waits for the head. *ret_again tells of a failure whether another try may help: the connection
 * could not be made, or broke. The request is borrowed for the call. DIFFD_UNAVAILABLE, DIFFD_INVALID,
 * DIFFD_CANCELLED, DIFFD_NO_MEMORY. */
enum diffd_status diffd_curl_exchange_new(const struct diffd_curl_exchange_options *options,
                                          struct diffd_curl_exchange **ret, bool *ret_again,
                                          struct diffd_error *err) DIFFD_MUST_CHECK;

const struct diffd_http_head *diffd_curl_exchange_head(const struct diffd_curl_exchange *exchange);
/* As Content-Length says; -1 where it does not. */
int64_t diffd_curl_exchange_body_bytes(const struct diffd_curl_exchange *exchange);
/* The exchange as the reader of its body, which can be interrupted. */
struct diffd_reader *diffd_curl_exchange_reader(struct diffd_curl_exchange *exchange);
/* Lets so much time pass, in which the body is thrown away, so that the connection may be used again.
 * DIFFD_CANCELLED. */
enum diffd_status diffd_curl_exchange_pause(struct diffd_curl_exchange *exchange, uint64_t pause_ms,
                                            struct diffd_error *err) DIFFD_MUST_CHECK;
/* Accepts NULL. */
void diffd_curl_exchange_destroy(struct diffd_curl_exchange *exchange);

#endif
