/* SPDX-License-Identifier: Apache-2.0
 *
 * One short answer over HTTP, whole in memory, with an end to every wait: what metadata services, container
 * agents and STS are asked with.
 */
#ifndef DIFFD_NET_FETCH_H
#define DIFFD_NET_FETCH_H

#include "base/buffer.h"
#include "base/clock.h"
#include "diffd/http_client.h"

enum { DIFFD_ANSWER_MAX = 64 * 1024 }; /* bytes of a body */

struct diffd_fetch_options {
  struct diffd_http_client *client;
  const struct diffd_clock *clock;
  unsigned tries;      /* 1 or more; again after no answer, 429 and 5xx */
  uint64_t pause_ms;   /* before the second try; doubled before each further one */
  uint64_t timeout_ms; /* of one try, from its begin to the body's last byte */
};

struct diffd_answer {
  unsigned status;
  struct diffd_buffer body; /* NUL-terminated behind len */
};
/* Wipes the body, which may hold secrets. */
void diffd_answer_clean_up(struct diffd_answer *answer);

/* Asks, and gives the answer, whatever its status is. The caller cleans it up. DIFFD_UNAVAILABLE (no answer,
 * or none that ended in time), DIFFD_TOO_LARGE, DIFFD_CANCELLED, DIFFD_INVALID (the URL), DIFFD_NO_MEMORY. */
enum diffd_status diffd_fetch(const struct diffd_fetch_options *options, const struct diffd_context *ctx,
                              const struct diffd_http_request *request, struct diffd_answer *ret,
                              struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
