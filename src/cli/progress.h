/* SPDX-License-Identifier: Apache-2.0
 *
 * A line on the terminal for work that takes long: what is read, how much of it, how fast. Where stderr is no
 * terminal nothing is written.
 */
#ifndef DIFFD_CLI_PROGRESS_H
#define DIFFD_CLI_PROGRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct diffd_progress {
  int fd;               /* -1: no terminal */
  const char *what;     /* "comparing" */
  uint64_t total_bytes; /* 0: not known */
  int64_t began_ms;     /* monotonic */
  _Atomic int64_t last_ms;
  atomic_bool shown;
};

/* Where the line goes while output goes to `out_fd`: to stderr, or, where that output shows on a terminal and
 * the line would stand in the midst of it, nowhere (-1). */
int diffd_progress_place(int out_fd);

/* Starts a piece of work. `fd` is where the line goes if it is a terminal. */
void diffd_progress_begin(struct diffd_progress *progress, int fd, const char *what, uint64_t total_bytes);
/* Says how far it is, at most ten times a second and not in the first half second. Any thread. */
void diffd_progress_at(struct diffd_progress *progress, uint64_t done_bytes, uint64_t total_bytes);
/* Takes the line away. */
void diffd_progress_end(struct diffd_progress *progress);

/* The same as callbacks of the core; `arg` is the struct. */
void diffd_progress_of_diff(void *arg, uint64_t done_bytes, uint64_t total_bytes);
void diffd_progress_of_logs(void *arg, uint64_t done_bytes);

/* Writes the line for so many bytes in so much time: "comparing: 45% of 2.7 GB, 1.1 GB/s". */
enum { DIFFD_PROGRESS_LINE_MAX = 128 };
void diffd_progress_line(const char *what, uint64_t done_bytes, uint64_t total_bytes, int64_t took_ms,
                         char line[static DIFFD_PROGRESS_LINE_MAX]);

#endif
