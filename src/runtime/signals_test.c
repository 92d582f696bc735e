/* SPDX-License-Identifier: Apache-2.0
 *
 * The first signal is told, the second one kills, and afterwards everything is as before.
 */
#include "runtime/signals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The number of whichever came first is given, to everyone who waits. */
static void test_first(void **state) {
  (void)state;
  static const int numbers[] = {SIGTERM, SIGUSR1};
  struct diffd_signals *signals;
  struct diffd_error err;
  assert_int_equal(diffd_signals_start(numbers, 2, &signals, &err), DIFFD_OK);
  assert_int_equal(kill(getpid(), SIGUSR1), 0);
  assert_int_equal(diffd_signals_wait(signals), SIGUSR1);
  assert_int_equal(diffd_signals_wait(signals), SIGUSR1);
  diffd_signals_stop(signals);
  sigset_t now;
  struct sigaction pipe_now;
  assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &now), 0);
  assert_int_equal(sigismember(&now, SIGTERM), 0);
  assert_int_equal(sigaction(SIGPIPE, NULL, &pipe_now), 0);
  assert_ptr_equal(pipe_now.sa_handler, SIG_DFL);
}

/* Runs a child that waits for its first signal and then hangs; sends it `second` after a pause, and gives how
 * it ended, or -1 where it did not. */
static int end_of_child(int second, unsigned pause_ms) {
  static const int numbers[] = {SIGTERM, SIGINT};
  int ready[2];
  assert_int_equal(pipe(ready), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    struct diffd_signals *signals;
    struct diffd_error err;
    char byte = 'x';
    if (diffd_signals_start(numbers, 2, &signals, &err) != DIFFD_OK || write(ready[1], &byte, 1) != 1)
      _exit(1);
    (void)diffd_signals_wait(signals);
    if (write(ready[1], &byte, 1) != 1)
      _exit(1);
    for (;;)
      (void)pause();
  }
  char byte;
  int status;
  assert_int_equal(read(ready[0], &byte, 1), 1);
  assert_int_equal(kill(child, SIGTERM), 0);
  assert_int_equal(read(ready[0], &byte, 1), 1);
  (void)usleep(pause_ms * 1000);
  assert_int_equal(kill(child, second), 0);
  for (int i = 0; i < 100 && waitpid(child, &status, WNOHANG) == 0; i++)
    (void)usleep(3000);
  bool ended = kill(child, 0) != 0;
  if (!ended) {
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
  }
  assert_int_equal(close(ready[0]) | close(ready[1]), 0);
  assert_true(WIFSIGNALED(status));
  return ended ? WTERMSIG(status) : -1;
}

/* A process that got its first signal and hangs is ended by the second, be it another or the same again, but
 * not by an echo of the first. */
static void test_second(void **state) {
  (void)state;
  assert_int_equal(end_of_child(SIGINT, 0), SIGINT);
  assert_int_equal(end_of_child(SIGTERM, 2 * DIFFD_SIGNAL_ECHO_MS), SIGTERM);
  assert_int_equal(end_of_child(SIGTERM, 0), -1);
}

/* No signals: none is blocked. Numbers that cannot be caught are refused. */
static void test_odd_sets(void **state) {
  (void)state;
  static const int bad[] = {SIGKILL, SIGSTOP, 0, -1, 1000};
  struct diffd_signals *signals;
  struct diffd_error err;
  sigset_t now;
  assert_int_equal(diffd_signals_start(NULL, 0, &signals, &err), DIFFD_OK);
  assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &now), 0);
  assert_int_equal(sigismember(&now, SIGTERM), 0);
  diffd_signals_stop(signals);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_int_equal(diffd_signals_start(&bad[i], 1, &signals, &err), DIFFD_INVALID);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_first), cmocka_unit_test(test_second),
                                     cmocka_unit_test(test_odd_sets)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
