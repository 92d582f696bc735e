/* SPDX-License-Identifier: Apache-2.0
 *
 * The same work on several threads, and the end of all of them.
 */
#ifndef DIFFD_CORE_THREADS_H
#define DIFFD_CORE_THREADS_H

#include "diffd/status.h"

enum { DIFFD_THREADS_MAX = 64 };

/* Calls work(arg, 0) to work(arg, count - 1), each on a thread of its own (the first on the caller's), and
 * returns when all have returned. Where a thread cannot be had the others do its work: `work` must take from
 * shared work until none is left. Its result is the work's own to keep. */
void diffd_run_threads(unsigned count, void (*work)(void *arg, unsigned thread), void *arg);

/* 0 becomes the number of CPUs that this process may use; at most DIFFD_THREADS_MAX. */
unsigned diffd_thread_count(unsigned wanted);

#endif
