/* SPDX-License-Identifier: Apache-2.0
 *
 * Owners that let go at the end of their scope: `CLEANUP(freep) char *name = NULL;`.
 */
#ifndef DIFFD_BASE_CLEANUP_H
#define DIFFD_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(f) __attribute__((cleanup(f)))

static inline void freep(void *pointer_to_pointer) {
  free(*(void **)pointer_to_pointer);
}

static inline void closep(const int *fd) {
  if (*fd >= 0)
    (void)close(*fd);
}

/* Moves a pointer out of an owner, so that its cleanup has nothing to do. */
#define TAKE(pointer)                                                                                        \
  __extension__({                                                                                            \
    __typeof__(pointer) taken_ = (pointer);                                                                  \
    (pointer) = NULL;                                                                                        \
    taken_;                                                                                                  \
  })

#endif
