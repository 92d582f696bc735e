/* SPDX-License-Identifier: Apache-2.0 */
#include "core/threads.h"

#include <sched.h>

#include "base/thread.h"

struct start {
  pthread_t id;
  bool running;
  void (*work)(void *arg, unsigned thread);
  void *arg;
  unsigned thread;
};

static void *run(void *arg) {
  const struct start *start = arg;
  start->work(start->arg, start->thread);
  return NULL;
}

void diffd_run_threads(unsigned count, void (*work)(void *arg, unsigned thread), void *arg) {
  struct start starts[DIFFD_THREADS_MAX] = {0};
  struct diffd_error ignored;
  for (unsigned i = 1; i < count && i < DIFFD_THREADS_MAX; i++) {
    starts[i] = (struct start){.work = work, .arg = arg, .thread = i};
    starts[i].running = diffd_thread_start(&starts[i].id, run, &starts[i], &ignored) == DIFFD_OK;
  }
  work(arg, 0);
  for (unsigned i = 1; i < count && i < DIFFD_THREADS_MAX; i++)
    if (starts[i].running)
      pthread_join(starts[i].id, NULL);
}

unsigned diffd_thread_count(unsigned wanted) {
  cpu_set_t cpus;
  if (wanted == 0)
    wanted = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? (unsigned)CPU_COUNT(&cpus) : 1;
  return wanted < DIFFD_THREADS_MAX ? wanted : DIFFD_THREADS_MAX;
}
