/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks a consumer of NATS JetStream for one message at a time. The question stands at the server for half a
 * minute, is asked again when it ran out or the connection was lost, and is taken back when nobody wants a
 * message any more. For one thread at a time.
 */
#ifndef DIFFD_MODULES_NATS_QUEUE_PULL_H
#define DIFFD_MODULES_NATS_QUEUE_PULL_H

#include "net/nats_link.h"

struct diffd_nats_pull {
  struct diffd_nats_link *link; /* borrowed */
  struct diffd_nats_inbox *inbox;
  bool asked;
};

/* Waits for a message, which the caller destroys; it has a subject to acknowledge to. DIFFD_CANCELLED when
 * the context is stopping; DIFFD_NOT_FOUND where the consumer or its stream is gone; DIFFD_UNAVAILABLE,
 * DIFFD_NO_MEMORY. */
enum diffd_status diffd_nats_pull_next(struct diffd_nats_pull *pull, const struct diffd_context *ctx,
                                       const char *stream, const char *consumer, natsMsg **ret,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;
/* Takes the question back, and gives what had come already, one message a call; NULL at the end. */
natsMsg *diffd_nats_pull_stop(struct diffd_nats_pull *pull);

#endif
