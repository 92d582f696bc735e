/* SPDX-License-Identifier: Apache-2.0
 *
 * Large arrays by mmap.
 */
#include "core/flow_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HUGE = 2 << 20, PAGE = 4096 }; /* bytes */

/* Address space without memory, which begins where a huge page can. */
static void *reserve_space(size_t size) {
  char *ptr = mmap(NULL, size + HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (ptr == MAP_FAILED)
    return MAP_FAILED;
  size_t before = (HUGE - (uintptr_t)ptr % HUGE) % HUGE;
  if (before > 0)
    (void)munmap(ptr, before);
  (void)munmap(ptr + before + size, HUGE - before);
  return ptr + before;
}

static enum diffd_status no_memory(size_t size, struct diffd_error *err) {
  return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for %zu KiB of the flow logs' digest", size >> 10);
}

/* Random access to small pages would miss the translation buffer each time; failing does no harm. */
static void want_huge_pages(void *ptr, size_t size) {
  if (size >= HUGE)
    (void)madvise(ptr, size, MADV_HUGEPAGE);
}

enum diffd_status diffd_flow_pages_in_memory(size_t size, struct diffd_flow_pages *ret,
                                             struct diffd_error *err) {
  size_t whole = (size + PAGE - 1) & ~(size_t)(PAGE - 1);
  void *ptr = whole < HUGE ? NULL : reserve_space(whole);
  if (ptr != MAP_FAILED)
    ptr = mmap(ptr, whole, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | (ptr != NULL ? MAP_FIXED : 0), -1, 0);
  if (ptr == MAP_FAILED)
    return no_memory(size, err);
  want_huge_pages(ptr, whole);
  *ret = (struct diffd_flow_pages){ptr, whole, false};
  return DIFFD_OK;
}

enum diffd_status diffd_flow_pages_grow(struct diffd_flow_pages *pages, size_t size,
                                        struct diffd_error *err) {
  size_t whole = (size + PAGE - 1) & ~(size_t)(PAGE - 1);
  void *to = reserve_space(whole);
  if (to == MAP_FAILED)
    return no_memory(size, err);
  if (mremap(pages->ptr, pages->size, whole, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED) {
    (void)munmap(to, whole);
    return no_memory(size, err);
  }
  want_huge_pages(to, whole);
  pages->ptr = to;
  pages->size = whole;
  return DIFFD_OK;
}

/* O_TMPFILE leaves no name behind; where the file system has none, a name lives for a moment. */
static int open_unlinked(const char *tmp_dir) {
  int fd = open(tmp_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
    return fd;
  char *name = NULL;
  if (asprintf(&name, "%s/diffd-XXXXXX", tmp_dir) < 0) {
    errno = ENOMEM;
    return -1;
  }
  fd = mkostemp(name, O_CLOEXEC);
  if (fd >= 0)
    (void)unlink(name);
  free(name);
  return fd;
}

enum diffd_status diffd_flow_pages_in_file(const char *tmp_dir, size_t size, struct diffd_flow_pages *ret,
                                           struct diffd_error *err) {
  int fd = open_unlinked(tmp_dir);
  if (fd < 0)
    return diffd_fail_errno(err, errno, "making a temporary file in %s", tmp_dir);
  int failed = posix_fallocate(fd, 0, (off_t)size);
  if (failed != 0) {
    (void)close(fd);
    return diffd_fail_errno(err, failed, "reserving %zu MiB for a temporary file in %s", size >> 20, tmp_dir);
  }
  void *ptr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  failed = errno;
  (void)close(fd);
  if (ptr == MAP_FAILED)
    return diffd_fail_errno(err, failed, "mapping a temporary file in %s", tmp_dir);
  *ret = (struct diffd_flow_pages){ptr, size, true};
  return DIFFD_OK;
}

enum diffd_status diffd_flow_pages_get(const struct diffd_flow_room *room, size_t size,
                                       struct diffd_flow_pages *ret, struct diffd_error *err) {
  if (room->array_max_bytes != 0 && size > room->array_max_bytes)
    return diffd_flow_pages_in_file(room->tmp_dir, size, ret, err);
  return diffd_flow_pages_in_memory(size, ret, err);
}

void diffd_flow_pages_shrink(struct diffd_flow_pages *pages, size_t size) {
  size_t keep = (size + PAGE - 1) & ~(size_t)(PAGE - 1);
  if (keep == 0 || keep >= pages->size)
    return;
  if (munmap((char *)pages->ptr + keep, pages->size - keep) == 0)
    pages->size = keep;
}

void diffd_flow_pages_clean_up(struct diffd_flow_pages *pages) {
  if (pages->ptr != NULL)
    (void)munmap(pages->ptr, pages->size);
  *pages = (struct diffd_flow_pages){0};
}
