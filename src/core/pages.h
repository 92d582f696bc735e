/* SPDX-License-Identifier: Apache-2.0
 *
 * Large pieces of memory that the system gives and gets back whole.
 *
 * malloc keeps what lies between pieces that are still in use, and much of what does not; a memory limit that
 * the kernel counts holds only where what is given back is gone.
 */
#ifndef DIFFD_CORE_PAGES_H
#define DIFFD_CORE_PAGES_H

#include <stddef.h>

enum { DIFFD_HUGE_PAGE = 2 * 1024 * 1024 };

/* Zeroed private memory that begins at a multiple of `align`, which is a power of two and at least a page. It
 * consists of huge pages as far as they fit. NULL where there is none. */
void *diffd_pages_new(size_t bytes, size_t align);
void diffd_pages_free(void *pages, size_t bytes); /* accepts NULL */

#endif
