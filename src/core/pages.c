/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pages.h"

#include <stdint.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

void *diffd_pages_new(size_t bytes, size_t align) {
  size_t whole = (bytes + PAGE - 1) & ~(size_t)(PAGE - 1);
  if (whole < bytes || whole + align < whole)
    return NULL;
  /* A reservation, in which a place can be chosen, is no memory yet: no limit counts what none may write. */
  char *reserved = mmap(NULL, whole + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED)
    return NULL;
  size_t before = (align - (uintptr_t)reserved % align) % align;
  char *pages = reserved + before;
  if (before > 0)
    (void)munmap(reserved, before);
  (void)munmap(pages + whole, align - before);
  if (mprotect(pages, whole, PROT_READ | PROT_WRITE) != 0) {
    (void)munmap(pages, whole);
    return NULL;
  }
  if (whole >= DIFFD_HUGE_PAGE)
    (void)madvise(pages, whole, MADV_HUGEPAGE);
  return pages;
}

void diffd_pages_free(void *pages, size_t bytes) {
  if (pages != NULL)
    (void)munmap(pages, (bytes + PAGE - 1) & ~(size_t)(PAGE - 1));
}
