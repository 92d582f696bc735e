/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/signals.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/thread.h"

struct diffd_signals {
  sigset_t set;
  sigset_t before;
  struct sigaction pipe_before;
  int signal_fd;
  int stop_fd;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t came;
  int first; /* 0 until one has come */
  uint64_t first_ms;
};

/* Ends the process by the signal itself, so that whoever waits for the process sees why it ended. */
static void end_at_once(int number) {
  struct sigaction deadly = {.sa_handler = SIG_DFL};
  sigset_t set;
  (void)sigemptyset(&set);
  (void)sigaddset(&set, number);
  (void)sigaction(number, &deadly, NULL);
  (void)raise(number);
  (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  _exit(128 + number);
}

static void take(struct diffd_signals *signals, int number) {
  (void)pthread_mutex_lock(&signals->lock);
  uint64_t now = diffd_monotonic_ms();
  bool echo = number == signals->first && now < signals->first_ms + DIFFD_SIGNAL_ECHO_MS;
  bool second = signals->first != 0 && !echo;
  if (signals->first == 0) {
    signals->first = number;
    signals->first_ms = now;
  }
  (void)pthread_cond_broadcast(&signals->came);
  (void)pthread_mutex_unlock(&signals->lock);
  if (second)
    end_at_once(number);
}

static void *run(void *arg) {
  struct diffd_signals *signals = arg;
  struct pollfd fds[] = {{.fd = signals->signal_fd, .events = POLLIN},
                         {.fd = signals->stop_fd, .events = POLLIN}};
  for (;;) {
    if (poll(fds, 2, -1) < 0 && errno != EINTR)
      return NULL;
    if (fds[1].revents != 0)
      return NULL;
    struct signalfd_siginfo info;
    if (fds[0].revents != 0 && read(signals->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
      take(signals, (int)info.ssi_signo);
  }
}

static enum diffd_status collect(const int *numbers, size_t count, sigset_t *set, struct diffd_error *err) {
  (void)sigemptyset(set);
  for (size_t i = 0; i < count; i++)
    if (numbers[i] == SIGKILL || numbers[i] == SIGSTOP || sigaddset(set, numbers[i]) != 0)
      return diffd_fail(
          err, DIFFD_INVALID,
          "%d is no signal that a process can catch; RUNTIME_SIGNALS_OS_SIGNALS is usually `15 2`",
          numbers[i]);
  return DIFFD_OK;
}

static void close_fds(struct diffd_signals *signals) {
  if (signals->signal_fd >= 0)
    (void)close(signals->signal_fd);
  if (signals->stop_fd >= 0)
    (void)close(signals->stop_fd);
}

static enum diffd_status start(struct diffd_signals *signals, struct diffd_error *err) {
  signals->signal_fd = signalfd(-1, &signals->set, SFD_CLOEXEC | SFD_NONBLOCK);
  signals->stop_fd = eventfd(0, EFD_CLOEXEC);
  if (signals->signal_fd < 0 || signals->stop_fd < 0) {
    enum diffd_status status = diffd_fail_errno(err, errno, "preparing for signals");
    close_fds(signals);
    return status;
  }
  (void)pthread_sigmask(SIG_BLOCK, &signals->set, &signals->before);
  enum diffd_status status = diffd_thread_start(&signals->thread, run, signals, err);
  if (status != DIFFD_OK) {
    (void)pthread_sigmask(SIG_SETMASK, &signals->before, NULL);
    close_fds(signals);
  }
  return status;
}

enum diffd_status diffd_signals_start(const int *numbers, size_t count, struct diffd_signals **ret,
                                      struct diffd_error *err) {
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  sigset_t set;
  enum diffd_status status = collect(numbers, count, &set, err);
  if (status != DIFFD_OK)
    return status;
  struct diffd_signals *signals = calloc(1, sizeof *signals);
  if (signals == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for signals");
  signals->set = set;

  (void)pthread_mutex_init(&signals->lock, NULL);
  status = diffd_cond_init(&signals->came, err);
  if (status == DIFFD_OK) {
    status = start(signals, err);
    if (status != DIFFD_OK)
      (void)pthread_cond_destroy(&signals->came);
  }
  if (status != DIFFD_OK) {
    (void)pthread_mutex_destroy(&signals->lock);
    free(signals);
    return status;
  }
  (void)sigaction(SIGPIPE, &ignore, &signals->pipe_before);
  *ret = signals;
  return DIFFD_OK;
}

int diffd_signals_wait(struct diffd_signals *signals) {
  (void)pthread_mutex_lock(&signals->lock);
  while (signals->first == 0)
    (void)pthread_cond_wait(&signals->came, &signals->lock);
  int number = signals->first;
  (void)pthread_mutex_unlock(&signals->lock);
  return number;
}

void diffd_signals_stop(struct diffd_signals *signals) {
  static const uint64_t one = 1;
  if (signals == NULL)
    return;
  /* An eventfd takes eight bytes or nothing, and nothing only when it is full, which this one never is. */
  if (write(signals->stop_fd, &one, sizeof one) == (ssize_t)sizeof one)
    (void)pthread_join(signals->thread, NULL);
  struct signalfd_siginfo info;
  while (read(signals->signal_fd, &info, sizeof info) > 0)
    continue;
  close_fds(signals);
  (void)pthread_sigmask(SIG_SETMASK, &signals->before, NULL);
  (void)sigaction(SIGPIPE, &signals->pipe_before, NULL);
  (void)pthread_cond_destroy(&signals->came);
  (void)pthread_mutex_destroy(&signals->lock);
  free(signals);
}
