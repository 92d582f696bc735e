/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include <errno.h>
#include <time.h>

enum { WAIT_MAX_MS = 3600 * 1000 }; /* a longer wait is several: none overflows the seconds */

enum diffd_status diffd_thread_start_on(const cpu_set_t *cpus, pthread_t *ret, void *(*run)(void *arg),
                                        void *arg, struct diffd_error *err) {
  pthread_attr_t attr;
  int errnum = pthread_attr_init(&attr);
  if (errnum != 0)
    return diffd_fail_errno(err, errnum, "preparing a thread");
  errnum = pthread_attr_setstacksize(&attr, DIFFD_THREAD_STACK_BYTES);
  if (errnum == 0 && cpus != NULL)
    errnum = pthread_attr_setaffinity_np(&attr, sizeof *cpus, cpus);
  if (errnum == 0)
    errnum = pthread_create(ret, &attr, run, arg);
  (void)pthread_attr_destroy(&attr);
  return errnum == 0 ? DIFFD_OK : diffd_fail_errno(err, errnum, "starting a thread");
}

enum diffd_status diffd_thread_start(pthread_t *ret, void *(*run)(void *arg), void *arg,
                                     struct diffd_error *err) {
  return diffd_thread_start_on(NULL, ret, run, arg, err);
}

enum diffd_status diffd_cond_init(pthread_cond_t *cond, struct diffd_error *err) {
  pthread_condattr_t attr;
  int errnum = pthread_condattr_init(&attr);
  if (errnum != 0)
    return diffd_fail_errno(err, errnum, "preparing a condition");
  errnum = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  if (errnum == 0)
    errnum = pthread_cond_init(cond, &attr);
  (void)pthread_condattr_destroy(&attr);
  return errnum == 0 ? DIFFD_OK : diffd_fail_errno(err, errnum, "making a condition");
}

bool diffd_cond_wait_ms(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t timeout_ms) {
  struct timespec until;
  if (timeout_ms > WAIT_MAX_MS)
    timeout_ms = WAIT_MAX_MS;
  (void)clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += (time_t)(timeout_ms / 1000);
  until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
  if (until.tv_nsec >= 1000000000) {
    until.tv_sec++;
    until.tv_nsec -= 1000000000;
  }
  return pthread_cond_timedwait(cond, lock, &until) != ETIMEDOUT;
}

uint64_t diffd_monotonic_ms(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
