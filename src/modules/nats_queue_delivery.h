/* SPDX-License-Identifier: Apache-2.0
 *
 * What NATS JetStream and we ourselves know about one delivery of a job: which message it is and how often it
 * was delivered (the server says so in the subject that acknowledgements go to), and how its earlier
 * deliveries ended (workers write that down beside the message, for the server counts deliveries alone).
 * Pure.
 */
#ifndef DIFFD_MODULES_NATS_QUEUE_DELIVERY_H
#define DIFFD_MODULES_NATS_QUEUE_DELIVERY_H

#include <stdint.h>

#include "diffd/stream.h"

struct diffd_nats_delivery {
  uint64_t sequence;  /* of the message in its stream */
  uint64_t delivered; /* how often, with this time */
  uint64_t stored_ns; /* when it was stored; with the sequence, the message's name for ever */
};

/* Reads `$JS.ACK.STREAM.CONSUMER.DELIVERED.SEQUENCE.CONSUMER_SEQUENCE.TIME.PENDING`, or the form of newer
 * servers,
 * `$JS.ACK.DOMAIN.ACCOUNT.STREAM...PENDING[.MORE]` (NATS's ADR-15). False where it is neither. */
bool diffd_nats_delivery_parse(const char *reply, struct diffd_nats_delivery *ret);

/* How earlier deliveries of a message ended. A delivery without an end is a crash, and not in here. */
struct diffd_nats_history {
  uint32_t failures; /* permanent ones among them */
  uint32_t permanent;
  uint32_t given_back;
  int64_t due_ms; /* the wall-clock time before which the job is not to be worked on; 0: none */
};

enum { DIFFD_NATS_HISTORY_MAX = 160 }; /* bytes, with the NUL */
/* As a JSON object. Returns its length. */
size_t diffd_nats_history_write(const struct diffd_nats_history *history,
                                char text[static DIFFD_NATS_HISTORY_MAX]);
/* What is no such object counts as no history: the job is tried once more rather than lost. */
struct diffd_nats_history diffd_nats_history_read(struct diffd_span text);

/* How many deliveries never ended, up to now. */
uint64_t diffd_nats_crashes(const struct diffd_nats_delivery *delivery,
                            const struct diffd_nats_history *history);

#endif
