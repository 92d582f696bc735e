/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/id_gate.h"

#include <stdlib.h>
#include <string.h>

#include "base/thread.h"

struct diffd_id_gate {
  pthread_mutex_t lock;
  pthread_cond_t left; /* somebody left */
  struct diffd_id_pass *inside;
};

enum diffd_status diffd_id_gate_new(struct diffd_id_gate **ret, struct diffd_error *err) {
  struct diffd_id_gate *gate = calloc(1, sizeof *gate);
  if (gate == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the API");
  enum diffd_status status = diffd_cond_init(&gate->left, err);
  if (status != DIFFD_OK) {
    free(gate);
    return status;
  }
  (void)pthread_mutex_init(&gate->lock, NULL);
  *ret = gate;
  return DIFFD_OK;
}

void diffd_id_gate_destroy(struct diffd_id_gate *gate) {
  if (gate == NULL)
    return;
  (void)pthread_cond_destroy(&gate->left);
  (void)pthread_mutex_destroy(&gate->lock);
  free(gate);
}

static bool is_inside_locked(const struct diffd_id_gate *gate, const char *id) {
  const struct diffd_id_pass *pass = gate->inside;
  while (pass != NULL && strcmp(pass->id, id) != 0)
    pass = pass->next;
  return pass != NULL;
}

void diffd_id_gate_enter(struct diffd_id_gate *gate, struct diffd_id_pass *pass, const char *id) {
  (void)pthread_mutex_lock(&gate->lock);
  while (is_inside_locked(gate, id))
    (void)pthread_cond_wait(&gate->left, &gate->lock);
  pass->id = id;
  pass->next = gate->inside;
  gate->inside = pass;
  (void)pthread_mutex_unlock(&gate->lock);
}

void diffd_id_gate_leave(struct diffd_id_gate *gate, struct diffd_id_pass *pass) {
  (void)pthread_mutex_lock(&gate->lock);
  struct diffd_id_pass **place = &gate->inside;
  while (*place != pass)
    place = &(*place)->next;
  *place = pass->next;
  (void)pthread_cond_broadcast(&gate->left);
  (void)pthread_mutex_unlock(&gate->lock);
}
