/* SPDX-License-Identifier: Apache-2.0
 *
 * Signals that ask for a graceful stop. They are taken by a thread that waits for them, so that no code runs
 * in a signal handler.
 */
#ifndef DIFFD_RUNTIME_SIGNALS_H
#define DIFFD_RUNTIME_SIGNALS_H

#include <signal.h>
#include <stddef.h>

#include "diffd/status.h"

struct diffd_signals;

/* Blocks the signals in this thread and in those that it starts afterwards, and waits for them; ignores
 * SIGPIPE. Call it before any other thread is started. With no signals, none is touched but SIGPIPE. One at a
 * time in a process. DIFFD_INVALID for a number that is no signal or that no process can catch. */
enum diffd_status diffd_signals_start(const int *signals, size_t count, struct diffd_signals **ret,
                                      struct diffd_error *err) DIFFD_MUST_CHECK;

/* The same signal again within so many milliseconds is taken for the same request: timeout(1), for one, sends
 * its signal to the process and right afterwards to the process's group. */
enum { DIFFD_SIGNAL_ECHO_MS = 100 };

/* Waits until the first of the signals has come, and gives its number; with no signals, for ever. The next
 * one ends the process at once, as if it had never been caught, unless it is an echo of the first. */
int diffd_signals_wait(struct diffd_signals *signals);

/* Puts back what was before. Signals that came and were not waited for are dropped. Accepts NULL. */
void diffd_signals_stop(struct diffd_signals *signals);

#endif
