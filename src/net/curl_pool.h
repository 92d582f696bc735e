/* SPDX-License-Identifier: Apache-2.0
 *
 * Idle connections, kept for the next request to the same place.
 *
 * A link is a pair of libcurl's handles that holds at most one connection. One thread drives it at a time, so
 * that nothing of libcurl's is shared between threads (its shared connection caches are not safe to be).
 */
#ifndef DIFFD_NET_CURL_POOL_H
#define DIFFD_NET_CURL_POOL_H

#include <stdint.h>

#include "diffd/status.h"
#include "net/curl_library.h"

struct diffd_curl_link {
  CURLM *multi;
  CURL *easy;
  char *place;              /* where its connection leads: scheme, host, port, proxy */
  uint64_t tls_deadline_ms; /* when the TLS handshake that goes on must be over; UINT64_MAX: none does */
  uint64_t expires_ms;
  uint64_t idle_since_ms;
  struct diffd_curl_link *next;
};

struct diffd_curl_pool_options {
  unsigned idle_max;
  uint64_t idle_timeout_ms;
  uint64_t lifetime_ms; /* a connection is closed after this time, more or less the jitter */
  uint64_t jitter_ms;   /* less than lifetime_ms */
};

struct diffd_curl_pool;

/* Safe to use from several threads at once, but for destroy. DIFFD_NO_MEMORY, DIFFD_IO. */
enum diffd_status diffd_curl_pool_new(const struct diffd_curl_pool_options *options,
                                      struct diffd_curl_pool **ret, struct diffd_error *err) DIFFD_MUST_CHECK;
/* Every link must have been given back. Accepts NULL. */
void diffd_curl_pool_destroy(struct diffd_curl_pool *pool);

/* A link to that place: the one that was given back last, or a new one. The caller gives it back.
 * DIFFD_NO_MEMORY. */
enum diffd_status diffd_curl_pool_take(struct diffd_curl_pool *pool, const char *place,
                                       struct diffd_curl_link **ret,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;
/* Keeps the link where `alive` says that its connection may be used again; else closes it. */
void diffd_curl_pool_give_back(struct diffd_curl_pool *pool, struct diffd_curl_link *link, bool alive);

#endif
