/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/connection_states.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/thread.h"

struct diffd_connection_states {
  struct diffd_stat *stat;
  const char *counters[DIFFD_CONNECTION_STATES]; /* the first is that of closed connections */
  const char *gauges[DIFFD_CONNECTION_STATES];
  atomic_long open[DIFFD_CONNECTION_STATES];
  uint64_t report_ms;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool stop;
  pthread_t thread;
};

static void report(struct diffd_connection_states *states) {
  for (int state = DIFFD_CONNECTION_NEW; state < DIFFD_CONNECTION_STATES; state++)
    diffd_stat_record(states->stat, DIFFD_STAT_GAUGE, states->gauges[state],
                      (double)atomic_load(&states->open[state]), NULL, 0);
}

static void *run(void *arg) {
  struct diffd_connection_states *states = arg;
  uint64_t next_ms = diffd_monotonic_ms() + states->report_ms;
  (void)pthread_mutex_lock(&states->lock);
  while (!states->stop) {
    uint64_t now = diffd_monotonic_ms();
    if (now < next_ms) {
      (void)diffd_cond_wait_ms(&states->wake, &states->lock, next_ms - now);
      continue;
    }
    next_ms = now + states->report_ms;
    report(states);
  }
  (void)pthread_mutex_unlock(&states->lock);
  return NULL;
}

void diffd_connection_changes(struct diffd_connection_states *states, enum diffd_connection_state *state,
                              enum diffd_connection_state to) {
  enum diffd_connection_state from = *state;
  *state = to;
  if (states == NULL || from == to)
    return;
  /* Down before up: a reader may miss a connection on its way, but sees none twice. */
  if (from != DIFFD_CONNECTION_NONE)
    (void)atomic_fetch_sub(&states->open[from], 1);
  if (to != DIFFD_CONNECTION_NONE)
    (void)atomic_fetch_add(&states->open[to], 1);
  diffd_stat_record(states->stat, DIFFD_STAT_COUNT, states->counters[to], 1, NULL, 0);
}

enum diffd_status diffd_connection_states_new(struct diffd_stat *stat, const struct diffd_stats_config *names,
                                              struct diffd_connection_states **ret, struct diffd_error *err) {
  if (stat == NULL) {
    *ret = NULL;
    return DIFFD_OK;
  }
  struct diffd_connection_states *states = calloc(1, sizeof *states);
  if (states == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to count connections");
  states->stat = stat;
  states->report_ms = names->report_ms;
  states->counters[DIFFD_CONNECTION_NONE] = names->closed_counter;
  states->counters[DIFFD_CONNECTION_NEW] = names->new_counter;
  states->counters[DIFFD_CONNECTION_ACTIVE] = names->active_counter;
  states->counters[DIFFD_CONNECTION_IDLE] = names->idle_counter;
  states->gauges[DIFFD_CONNECTION_NEW] = names->new_gauge;
  states->gauges[DIFFD_CONNECTION_ACTIVE] = names->active_gauge;
  states->gauges[DIFFD_CONNECTION_IDLE] = names->idle_gauge;
  enum diffd_status status = diffd_cond_init(&states->wake, err);
  if (status != DIFFD_OK) {
    free(states);
    return status;
  }
  (void)pthread_mutex_init(&states->lock, NULL);
  status = diffd_thread_start(&states->thread, run, states, err);
  if (status != DIFFD_OK) {
    (void)pthread_cond_destroy(&states->wake);
    (void)pthread_mutex_destroy(&states->lock);
    free(states);
    return status;
  }
  *ret = states;
  return DIFFD_OK;
}

void diffd_connection_states_destroy(struct diffd_connection_states *states) {
  if (states == NULL)
    return;
  (void)pthread_mutex_lock(&states->lock);
  states->stop = true;
  (void)pthread_cond_broadcast(&states->wake);
  (void)pthread_mutex_unlock(&states->lock);
  (void)pthread_join(states->thread, NULL);
  report(states);
  (void)pthread_cond_destroy(&states->wake);
  (void)pthread_mutex_destroy(&states->lock);
  free(states);
}
