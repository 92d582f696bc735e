/* SPDX-License-Identifier: Apache-2.0 */
#include "core/threads.h"

#include "base/thread.h"

/* A new thread often begins on the CPU of the one that started it, behind that, and it took the system two to
 * ten milliseconds to find an idle one for it: as long as a whole step of a diff of small graphs. So the
 * first threads begin anywhere else, as many as there are other CPUs, and may run everywhere once they are
 * there. */
struct cpus {
  cpu_set_t ours; /* all that this thread may use */
  cpu_set_t others;
  unsigned other_count;
};

struct start {
  pthread_t id;
  bool running;
  void (*work)(void *arg, unsigned thread);
  void *arg;
  unsigned thread;
  const cpu_set_t *widen_to; /* NULL: it runs where it may */
};

static void look_for_cpus(struct cpus *ret) {
  size_t here = (size_t)sched_getcpu(); /* one that fails is in no set */
  ret->other_count = 0;
  if (sched_getaffinity(0, sizeof ret->ours, &ret->ours) != 0 || !CPU_ISSET(here, &ret->ours))
    return;
  ret->others = ret->ours;
  CPU_CLR(here, &ret->others);
  ret->other_count = (unsigned)CPU_COUNT(&ret->others);
}

static void *run(void *arg) {
  const struct start *start = arg;
  if (start->widen_to != NULL)
    (void)sched_setaffinity(0, sizeof *start->widen_to, start->widen_to);
  start->work(start->arg, start->thread);
  return NULL;
}

static void begin(struct start *start, const struct cpus *cpus) {
  struct diffd_error ignored;
  if (start->thread <= cpus->other_count) {
    start->widen_to = &cpus->ours;
    start->running = diffd_thread_start_on(&cpus->others, &start->id, run, start, &ignored) == DIFFD_OK;
  }
  if (!start->running) {
    start->widen_to = NULL;
    start->running = diffd_thread_start(&start->id, run, start, &ignored) == DIFFD_OK;
  }
}

void diffd_run_threads(unsigned count, void (*work)(void *arg, unsigned thread), void *arg) {
  struct start starts[DIFFD_THREADS_MAX] = {0};
  struct cpus cpus;
  if (count > 1)
    look_for_cpus(&cpus);
  for (unsigned i = 1; i < count && i < DIFFD_THREADS_MAX; i++) {
    starts[i] = (struct start){.work = work, .arg = arg, .thread = i};
    begin(&starts[i], &cpus);
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
