/* SPDX-License-Identifier: Apache-2.0
 *
 * The version, as the build and the public header both have it.
 */
#include "diffd/version.h"

#include "diffd/log.h"

#define OTHER "include/diffd/version.h and meson.build name different versions"
_Static_assert(DIFFD_VERSION_MAJOR == DIFFD_BUILD_MAJOR, OTHER);
_Static_assert(DIFFD_VERSION_MINOR == DIFFD_BUILD_MINOR, OTHER);
_Static_assert(DIFFD_VERSION_PATCH == DIFFD_BUILD_PATCH, OTHER);

const char *diffd_version(void) {
  return DIFFD_LOG_STRINGIFY(DIFFD_VERSION_MAJOR) "." DIFFD_LOG_STRINGIFY(
      DIFFD_VERSION_MINOR) "." DIFFD_LOG_STRINGIFY(DIFFD_VERSION_PATCH);
}
