/* SPDX-License-Identifier: Apache-2.0
 *
 * A fixed number of threads that run tasks in the order in which they were put in.
 */
#ifndef DIFFD_RUNTIME_EXECUTOR_H
#define DIFFD_RUNTIME_EXECUTOR_H

#include "diffd/status.h"

/* Embedded in what it belongs to, which lives until run has been called. */
struct diffd_task {
  struct diffd_task *next;
  void (*run)(struct diffd_task *task);
};

struct diffd_executor;

/* DIFFD_NO_MEMORY, DIFFD_IO. */
enum diffd_status diffd_executor_new(unsigned threads, struct diffd_executor **ret,
                                     struct diffd_error *err) DIFFD_MUST_CHECK;
/* Runs the task some time later. Never waits and cannot fail. Safe to call from any thread. */
void diffd_executor_submit(struct diffd_executor *executor, struct diffd_task *task);
/* Waits for the tasks that were put in, and ends the threads. Accepts NULL. */
void diffd_executor_destroy(struct diffd_executor *executor);

#endif
