/* SPDX-License-Identifier: Apache-2.0
 *
 * Turns: threads that work on numbered pieces side by side take an ordered step one after the other.
 */
#ifndef DIFFD_CORE_TURNS_H
#define DIFFD_CORE_TURNS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct diffd_turns {
  pthread_mutex_t lock;
  pthread_cond_t moved;
  uint64_t turn; /* atomic, written under the lock */
  bool broken;   /* likewise */
};

void diffd_turns_init(struct diffd_turns *turns);
void diffd_turns_clean_up(struct diffd_turns *turns);
/* Whether a wait for number's turn would be over at once. */
bool diffd_turns_come(struct diffd_turns *turns, uint64_t number);
/* Waits until it is number's turn: true. False where somebody broke off. */
bool diffd_turns_wait(struct diffd_turns *turns, uint64_t number);
/* Ends the present turn. */
void diffd_turns_next(struct diffd_turns *turns);
/* Nobody gets a turn any more. */
void diffd_turns_break(struct diffd_turns *turns);

#endif
