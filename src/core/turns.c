/* SPDX-License-Identifier: Apache-2.0 */
#include "core/turns.h"

void diffd_turns_init(struct diffd_turns *turns) {
  pthread_mutex_init(&turns->lock, NULL);
  pthread_cond_init(&turns->moved, NULL);
  turns->turn = 0;
  turns->broken = false;
}

void diffd_turns_clean_up(struct diffd_turns *turns) {
  pthread_cond_destroy(&turns->moved);
  pthread_mutex_destroy(&turns->lock);
}

bool diffd_turns_wait(struct diffd_turns *turns, uint64_t number) {
  pthread_mutex_lock(&turns->lock);
  while (turns->turn != number && !turns->broken)
    pthread_cond_wait(&turns->moved, &turns->lock);
  bool mine = !turns->broken;
  pthread_mutex_unlock(&turns->lock);
  return mine;
}

void diffd_turns_next(struct diffd_turns *turns) {
  pthread_mutex_lock(&turns->lock);
  turns->turn++;
  pthread_cond_broadcast(&turns->moved);
  pthread_mutex_unlock(&turns->lock);
}

void diffd_turns_break(struct diffd_turns *turns) {
  pthread_mutex_lock(&turns->lock);
  turns->broken = true;
  pthread_cond_broadcast(&turns->moved);
  pthread_mutex_unlock(&turns->lock);
}
