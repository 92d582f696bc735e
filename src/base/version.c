/* SPDX-License-Identifier: Apache-2.0
 *
 * The version, as the build and the public header both have it.
 */
#include "diffd/version.h"

#include "diffd/log.h"

_Static_assert(DIFFD_VERSION_MAJOR == DIFFD_BUILD_MAJOR && DIFFD_VERSION_MINOR == DIFFD_BUILD_MINOR &&
                   DIFFD_VERSION_PATCH == DIFFD_BUILD_PATCH,
               "include/diffd/version.h and meson.build name different versions");

const char *diffd_version(void) {
  return DIFFD_LOG_STRINGIFY(DIFFD_VERSION_MAJOR) "." DIFFD_LOG_STRINGIFY(
      DIFFD_VERSION_MINOR) "." DIFFD_LOG_STRINGIFY(DIFFD_VERSION_PATCH);
}
