/* SPDX-License-Identifier: Apache-2.0
 *
 * Lets one thread at a time be at work on an id, so that of two requests that come at once the second sees
 * what the first one did. Requests for different ids do not wait for each other.
 */
#ifndef DIFFD_HANDLERS_ID_GATE_H
#define DIFFD_HANDLERS_ID_GATE_H

#include "diffd/status.h"

struct diffd_id_gate;

/* Whoever is inside; on the caller's stack, valid until it leaves. */
struct diffd_id_pass {
  struct diffd_id_pass *next;
  const char *id;
};

/* DIFFD_NO_MEMORY, DIFFD_IO. */
enum diffd_status diffd_id_gate_new(struct diffd_id_gate **ret, struct diffd_error *err) DIFFD_MUST_CHECK;
/* Nobody may be inside. Accepts NULL. */
void diffd_id_gate_destroy(struct diffd_id_gate *gate);

/* Waits until nobody else is inside with this id; `id` is borrowed until the pass leaves. */
void diffd_id_gate_enter(struct diffd_id_gate *gate, struct diffd_id_pass *pass, const char *id);
void diffd_id_gate_leave(struct diffd_id_gate *gate, struct diffd_id_pass *pass);

#endif
