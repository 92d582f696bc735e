/* SPDX-License-Identifier: Apache-2.0
 *
 * The messages that workers of this process hold, and the thread that tells the server every third of the
 * time after which it would give them to somebody else that they are being worked on.
 */
#ifndef DIFFD_MODULES_NATS_QUEUE_HELD_H
#define DIFFD_MODULES_NATS_QUEUE_HELD_H

#include "modules/nats_queue_delivery.h"
#include "net/nats_link.h"

enum { DIFFD_NATS_REPLY_MAX = 512 }; /* bytes of the subject that acknowledgements go to, with the NUL */

struct diffd_nats_holding {
  uint64_t number; /* of the lease */
  struct diffd_nats_delivery delivery;
  struct diffd_nats_history history; /* of the deliveries before */
  char reply[DIFFD_NATS_REPLY_MAX];
};

struct diffd_nats_held;

/* Starts the thread; the link is borrowed. DIFFD_NO_MEMORY, DIFFD_IO. */
enum diffd_status diffd_nats_held_new(struct diffd_nats_link *link, struct diffd_nats_held **ret,
                                      struct diffd_error *err) DIFFD_MUST_CHECK;
/* Lets go of what is held without telling the server. Accepts NULL. */
void diffd_nats_held_destroy(struct diffd_nats_held *held);

/* How long the server waits for an acknowledgement; 30 s until then. */
void diffd_nats_held_set_ack_wait(struct diffd_nats_held *held, uint64_t ack_wait_ms);

/* Holds a message, with a number of its own that *ret_number gets. DIFFD_EXISTS where it is held already (the
 * connection was away for too long): it is acknowledged as the newer delivery from now on, and nobody else
 * needs to work on it. DIFFD_NO_MEMORY. */
enum diffd_status diffd_nats_held_add(struct diffd_nats_held *held, const struct diffd_nats_holding *holding,
                                      uint64_t *ret_number, struct diffd_error *err) DIFFD_MUST_CHECK;
/* A copy of what is held under that number. DIFFD_NOT_FOUND. */
enum diffd_status diffd_nats_held_get(struct diffd_nats_held *held, uint64_t number,
                                      struct diffd_nats_holding *ret,
                                      struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_nats_held_remove(struct diffd_nats_held *held, uint64_t number);

#endif
