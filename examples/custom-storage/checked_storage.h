/* SPDX-License-Identifier: Apache-2.0
 *
 * A storage of one file a diff, with a checksum before it: what a disk has damaged is an error, and never a
 * wrong diff.
 */
#ifndef EXAMPLE_CHECKED_STORAGE_H
#define EXAMPLE_CHECKED_STORAGE_H

#include <diffd/storage.h>

struct checked_storage {
  struct diffd_storage base;
  const char *folder; /* <id>.checked: a line of 17 bytes with the checksum, then the diff */
};

/* Borrows the folder's name; the folder must exist. */
struct checked_storage checked_storage(const char *folder);

#endif
