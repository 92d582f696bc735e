/* SPDX-License-Identifier: Apache-2.0
 *
 * Room for text that is read from a file, at the address whose place in its page is that of the text in the
 * file.
 *
 * A kernel that copies between addresses whose distance is a few bytes beyond a multiple of the page does it
 * several times slower than any other way, since loads then seem to depend on stores. Reading at the same
 * place of the page never does.
 */
#ifndef DIFFD_CORE_ALIGNED_TEXT_H
#define DIFFD_CORE_ALIGNED_TEXT_H

#include <stdint.h>
#include <stdlib.h>

enum { DIFFD_TEXT_PAGE = 4096 };

/* Room for `len` bytes from any offset on; the caller frees it. NULL where there is no memory. */
static inline char *diffd_aligned_text_new(size_t len) {
  return aligned_alloc(DIFFD_TEXT_PAGE, (len / DIFFD_TEXT_PAGE + 2) * DIFFD_TEXT_PAGE);
}

/* Where in the room the text from `offset` on goes. */
static inline char *diffd_aligned_text_at(char *room, uint64_t offset) {
  return room + offset % DIFFD_TEXT_PAGE;
}

#endif
