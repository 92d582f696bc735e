/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads with small stacks (a limit on private memory counts a stack whole), and waits by the monotonic
 * clock.
 */
#ifndef DIFFD_BASE_THREAD_H
#define DIFFD_BASE_THREAD_H

#include <pthread.h>
#include <sched.h>
#include <stdint.h>

#include "diffd/status.h"

enum { DIFFD_THREAD_STACK_BYTES = 1024 * 1024 };

/* Starts a thread with a stack of DIFFD_THREAD_STACK_BYTES. DIFFD_NO_MEMORY, DIFFD_IO. */
enum diffd_status diffd_thread_start(pthread_t *ret, void *(*run)(void *arg), void *arg,
                                     struct diffd_error *err) DIFFD_MUST_CHECK;
/* Likewise, on these CPUs alone. DIFFD_IO where the system does not let it. */
enum diffd_status diffd_thread_start_on(const cpu_set_t *cpus, pthread_t *ret, void *(*run)(void *arg),
                                        void *arg, struct diffd_error *err) DIFFD_MUST_CHECK;

/* A condition for diffd_cond_wait_ms. DIFFD_NO_MEMORY, DIFFD_IO. */
enum diffd_status diffd_cond_init(pthread_cond_t *cond, struct diffd_error *err) DIFFD_MUST_CHECK;
/* Waits for a signal, at most so long; false where the time is over. May wake for no reason. */
bool diffd_cond_wait_ms(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t timeout_ms);

/* Milliseconds of the monotonic clock. */
uint64_t diffd_monotonic_ms(void);

#endif
