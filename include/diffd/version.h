/* SPDX-License-Identifier: Apache-2.0
 *
 * Which libdiffd this is. The name of the shared library changes (libdiffd.so.0, libdiffd.so.1, ...) whenever
 * a program that was built with an older one would break.
 */
#ifndef DIFFD_VERSION_H
#define DIFFD_VERSION_H

#include "diffd/export.h"

/* What a program is compiled with. */
#define DIFFD_VERSION_MAJOR 0
#define DIFFD_VERSION_MINOR 1
#define DIFFD_VERSION_PATCH 0

DIFFD_PUBLIC_BEGIN

/* What it runs with: "0.1.0"; static storage. */
const char *diffd_version(void);

DIFFD_PUBLIC_END

#endif
