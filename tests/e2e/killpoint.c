/* SPDX-License-Identifier: Apache-2.0
 *
 * Ends the process as `kill -9` does at a chosen system call, so that the tests can aim at the moments
 * between two steps. Preloaded; KILLPOINT is "CALL PART NTH WHEN": the NTH time that CALL (rename, unlink,
 * write, sync) touches a file whose path holds PART, before it, after it, or (write) when half is written.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum when { BEFORE, AFTER, HALF };

static struct {
  char call[16];
  char part[128];
  int nth;
  enum when when;
} point;
static atomic_int seen;

__attribute__((constructor)) static void read_point(void) {
  char when[16] = "";
  const char *text = getenv("KILLPOINT");
  if (text == NULL || sscanf(text, "%15s %127s %d %15s", point.call, point.part, &point.nth, when) != 4)
    point.nth = 0;
  point.when = strcmp(when, "before") == 0 ? BEFORE : strcmp(when, "half") == 0 ? HALF : AFTER;
}

static int hit(const char *call, const char *path) {
  return point.nth > 0 && strcmp(call, point.call) == 0 && strstr(path, point.part) != NULL &&
         atomic_fetch_add(&seen, 1) + 1 == point.nth;
}

static int hit_fd(const char *call, int fd) {
  char link[64], path[4096];
  (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t len = point.nth > 0 ? readlink(link, path, sizeof path - 1) : -1;
  if (len < 0)
    return 0;
  path[len] = '\0';
  return hit(call, path);
}

static void end(void) {
  (void)kill(getpid(), SIGKILL);
  for (;;)
    (void)pause();
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define AROUND(is_hit, call)                                                                                 \
  do {                                                                                                       \
    int is_point = (is_hit);                                                                                 \
    if (is_point && point.when == BEFORE)                                                                    \
      end();                                                                                                 \
    __typeof__(call) result = (call);                                                                        \
    if (is_point)                                                                                            \
      end();                                                                                                 \
    return result;                                                                                           \
  } while (0)

int rename(const char *from, const char *to) {
  AROUND(hit("rename", to), REAL(rename)(from, to));
}
int renameat(int from_fd, const char *from, int to_fd, const char *to) {
  AROUND(hit("rename", to), REAL(renameat)(from_fd, from, to_fd, to));
}
int unlink(const char *path) {
  AROUND(hit("unlink", path), REAL(unlink)(path));
}
int unlinkat(int fd, const char *path, int flags) {
  AROUND(hit("unlink", path), REAL(unlinkat)(fd, path, flags));
}
int fsync(int fd) {
  AROUND(hit_fd("sync", fd), REAL(fsync)(fd));
}
int fdatasync(int fd) {
  AROUND(hit_fd("sync", fd), REAL(fdatasync)(fd));
}
ssize_t write(int fd, const void *bytes, size_t len) {
  int at = hit_fd("write", fd);
  if (at && point.when == HALF)
    len /= 2;
  AROUND(at, REAL(write)(fd, bytes, len));
}
ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t offset) {
  int at = hit_fd("write", fd);
  if (at && point.when == HALF)
    len /= 2;
  AROUND(at, REAL(pwrite64)(fd, bytes, len, offset));
}
ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset) {
  return pwrite64(fd, bytes, len, offset);
}
