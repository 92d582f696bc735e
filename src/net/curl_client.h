/* SPDX-License-Identifier: Apache-2.0
 *
 * The built-in HTTP client, on libcurl: pooled connections, retries, proxies, streamed answers.
 */
#ifndef DIFFD_NET_CURL_CLIENT_H
#define DIFFD_NET_CURL_CLIENT_H

#include "diffd/http_client.h"
#include "diffd/service.h"

struct diffd_curl_client_options {
  unsigned retries;            /* after the first try, on 500, 502, 503 and on a failed connection; never once
                                  a byte of the answer's body was given out */
  uint64_t retry_pause_ms;     /* between two tries */
  uint64_t connect_timeout_ms; /* 0: 30000 */
  uint64_t tls_timeout_ms;     /* 0: 1000: for the TLS handshake */
  uint64_t idle_timeout_ms;    /* 0: 90000: how long a connection is kept that nobody uses */
  uint64_t lifetime_ms;        /* 0: 600000: how long one is used, a tenth more or less */
  bool no_proxy;               /* link-local and loopback endpoints are asked directly */
  struct diffd_proxies proxies; /* copied */
};

/* At most 100 idle connections, each kept 90 s, all renewed every 10 min, 1 min more or less. gzip is asked
 * for and inflated where the request has no Accept-Encoding of its own (and is no HEAD and no range). Servers
 * are checked by the authorities that OpenSSL finds: the system's, or those of SSL_CERT_FILE and
 * SSL_CERT_DIR. Every body must have been destroyed before the client. DIFFD_NO_MEMORY, DIFFD_INTERNAL,
 * DIFFD_INVALID where libcurl or OpenSSL is missing. */
enum diffd_status diffd_curl_client_new(const struct diffd_curl_client_options *options,
                                        struct diffd_http_client **ret,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
