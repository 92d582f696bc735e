/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/executor.h"

#include <stdlib.h>

#include "base/thread.h"

struct diffd_executor {
  pthread_mutex_t lock;
  pthread_cond_t more;
  struct diffd_task *first;
  struct diffd_task **last; /* where the next task is hung */
  bool stop;
  unsigned thread_count;
  pthread_t threads[];
};

/* Waits for a task; NULL when there is none and the executor ends. */
static struct diffd_task *take(struct diffd_executor *executor) {
  (void)pthread_mutex_lock(&executor->lock);
  while (executor->first == NULL && !executor->stop)
    (void)pthread_cond_wait(&executor->more, &executor->lock);
  struct diffd_task *task = executor->first;
  if (task != NULL) {
    executor->first = task->next;
    if (executor->first == NULL)
      executor->last = &executor->first;
  }
  (void)pthread_mutex_unlock(&executor->lock);
  return task;
}

static void *run(void *arg) {
  struct diffd_task *task;
  while ((task = take(arg)) != NULL)
    task->run(task);
  return NULL;
}

enum diffd_status diffd_executor_new(unsigned threads, struct diffd_executor **ret, struct diffd_error *err) {
  struct diffd_executor *executor = calloc(1, sizeof *executor + threads * sizeof executor->threads[0]);
  if (executor == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for %u threads", threads);
  enum diffd_status status = diffd_cond_init(&executor->more, err);
  if (status != DIFFD_OK) {
    free(executor);
    return status;
  }
  (void)pthread_mutex_init(&executor->lock, NULL);
  executor->last = &executor->first;
  for (unsigned i = 0; status == DIFFD_OK && i < threads; i++) {
    status = diffd_thread_start(&executor->threads[i], run, executor, err);
    if (status == DIFFD_OK)
      executor->thread_count++;
  }
  if (status != DIFFD_OK) {
    diffd_executor_destroy(executor);
    return status;
  }
  *ret = executor;
  return DIFFD_OK;
}

void diffd_executor_submit(struct diffd_executor *executor, struct diffd_task *task) {
  task->next = NULL;
  (void)pthread_mutex_lock(&executor->lock);
  *executor->last = task;
  executor->last = &task->next;
  (void)pthread_cond_signal(&executor->more);
  (void)pthread_mutex_unlock(&executor->lock);
}

void diffd_executor_destroy(struct diffd_executor *executor) {
  if (executor == NULL)
    return;
  (void)pthread_mutex_lock(&executor->lock);
  executor->stop = true;
  (void)pthread_cond_broadcast(&executor->more);
  (void)pthread_mutex_unlock(&executor->lock);
  for (unsigned i = 0; i < executor->thread_count; i++)
    (void)pthread_join(executor->threads[i], NULL);
  (void)pthread_cond_destroy(&executor->more);
  (void)pthread_mutex_destroy(&executor->lock);
  free(executor);
}
