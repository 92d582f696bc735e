/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/thread.h"

enum { FIRST_AFTER_MS = 500, EVERY_MS = 100 };

int diffd_progress_place(int out_fd) {
  return isatty(out_fd) ? -1 : STDERR_FILENO;
}

void diffd_progress_begin(struct diffd_progress *progress, int fd, const char *what, uint64_t total_bytes) {
  progress->fd = isatty(fd) ? fd : -1;
  progress->what = what;
  progress->total_bytes = total_bytes;
  progress->began_ms = (int64_t)diffd_monotonic_ms();
  atomic_store(&progress->last_ms, progress->began_ms + FIRST_AFTER_MS - EVERY_MS);
  atomic_store(&progress->shown, false);
}

static void spell_bytes(double bytes, char text[static 32]) {
  static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
  size_t unit = 0;
  while (bytes >= 1000 && unit + 1 < sizeof units / sizeof units[0]) {
    bytes /= 1000;
    unit++;
  }
  (void)snprintf(text, 32, unit > 0 && bytes < 10 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

void diffd_progress_line(const char *what, uint64_t done_bytes, uint64_t total_bytes, int64_t took_ms,
                         char line[static DIFFD_PROGRESS_LINE_MAX]) {
  char done[32];
  char total[32];
  char speed[32];
  spell_bytes((double)done_bytes, done);
  spell_bytes((double)total_bytes, total);
  spell_bytes((double)done_bytes * 1000 / (double)(took_ms > 0 ? took_ms : 1), speed);
  if (total_bytes > 0 && done_bytes <= total_bytes)
    (void)snprintf(line, DIFFD_PROGRESS_LINE_MAX, "%s: %d%% of %s, %s/s", what,
                   (int)((double)done_bytes * 100 / (double)total_bytes), total, speed);
  else
    (void)snprintf(line, DIFFD_PROGRESS_LINE_MAX, "%s: %s, %s/s", what, done, speed);
}

void diffd_progress_at(struct diffd_progress *progress, uint64_t done_bytes, uint64_t total_bytes) {
  if (progress->fd < 0)
    return;
  int64_t now = (int64_t)diffd_monotonic_ms();
  int64_t last = atomic_load(&progress->last_ms);
  /* Of several threads that come at once the one that moves the time writes. */
  if (now - last < EVERY_MS || !atomic_compare_exchange_strong(&progress->last_ms, &last, now))
    return;
  char line[DIFFD_PROGRESS_LINE_MAX];
  char text[DIFFD_PROGRESS_LINE_MAX + 16];
  diffd_progress_line(progress->what, done_bytes, total_bytes, now - progress->began_ms, line);
  int len = snprintf(text, sizeof text, "\r\033[K%s", line);
  atomic_store(&progress->shown, true);
  /* A terminal that does not take the line is no reason to fail. */
  if (write(progress->fd, text, (size_t)len) < 0)
    progress->fd = -1;
}

void diffd_progress_end(struct diffd_progress *progress) {
  static const char clear[] = "\r\033[K";
  if (progress->fd >= 0 && atomic_load(&progress->shown) && write(progress->fd, clear, sizeof clear - 1) < 0)
    progress->fd = -1;
}

void diffd_progress_of_diff(void *arg, uint64_t done_bytes, uint64_t total_bytes) {
  diffd_progress_at(arg, done_bytes, total_bytes);
}

void diffd_progress_of_logs(void *arg, uint64_t done_bytes) {
  struct diffd_progress *progress = arg;
  diffd_progress_at(progress, done_bytes, progress->total_bytes);
}
