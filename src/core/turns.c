/* SPDX-License-Identifier: Apache-2.0 */
#include "core/turns.h"

#include <sched.h>

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

bool diffd_turns_come(struct diffd_turns *turns, uint64_t number) {
  return __atomic_load_n(&turns->turn, __ATOMIC_ACQUIRE) == number ||
         __atomic_load_n(&turns->broken, __ATOMIC_RELAXED);
}

static void pause_a_little(void) {
#if defined(__x86_64__)
  for (int i = 0; i < 16; i++)
    __builtin_ia32_pause();
#endif
}

/* Threads that work on pieces of one length come to their turns at nearly the same time. To sleep and be
 * woken takes longer than most of these waits, so for some ten microseconds a thread looks whether the wait
 * is over. In between it lets others run: with more threads than CPUs, that may be the one whose turn it is.
 */
static bool wait_awake(struct diffd_turns *turns, uint64_t number) {
  enum { LOOKS = 128, LOOKS_ALONE = 16 };
  for (int i = 0; i < LOOKS; i++) {
    if (diffd_turns_come(turns, number))
      return true;
    if (i < LOOKS_ALONE)
      pause_a_little();
    else
      (void)sched_yield();
  }
  return false;
}

bool diffd_turns_wait(struct diffd_turns *turns, uint64_t number) {
  if (!wait_awake(turns, number)) {
    pthread_mutex_lock(&turns->lock);
    while (!diffd_turns_come(turns, number))
      pthread_cond_wait(&turns->moved, &turns->lock);
    pthread_mutex_unlock(&turns->lock);
  }
  return !__atomic_load_n(&turns->broken, __ATOMIC_RELAXED);
}

void diffd_turns_next(struct diffd_turns *turns) {
  pthread_mutex_lock(&turns->lock);
  __atomic_store_n(&turns->turn, turns->turn + 1, __ATOMIC_RELEASE);
  pthread_cond_broadcast(&turns->moved);
  pthread_mutex_unlock(&turns->lock);
}

void diffd_turns_break(struct diffd_turns *turns) {
  pthread_mutex_lock(&turns->lock);
  __atomic_store_n(&turns->broken, true, __ATOMIC_RELAXED);
  pthread_cond_broadcast(&turns->moved);
  pthread_mutex_unlock(&turns->lock);
}
