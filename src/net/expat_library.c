/* SPDX-License-Identifier: Apache-2.0 */
#include "net/expat_library.h"

struct diffd_expat diffd_expat;

enum diffd_status diffd_expat_load(struct diffd_error *err) {
  static const char *const names[] = {DIFFD_EXPAT(DIFFD_LAZY_NAME) NULL};
  static const struct diffd_lazy_library library = {"libexpat.so.1", "libexpat1", names, &diffd_expat};
  return diffd_lazy_library_load(&library, err);
}
