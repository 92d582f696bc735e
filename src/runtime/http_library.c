/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/http_library.h"

struct diffd_microhttpd diffd_microhttpd;

enum diffd_status diffd_microhttpd_load(struct diffd_error *err) {
  static const char *const names[] = {DIFFD_MICROHTTPD(DIFFD_LAZY_NAME) NULL};
  static const struct diffd_lazy_library library = {"libmicrohttpd.so.12", "libmicrohttpd12", names,
                                                    &diffd_microhttpd};
  return diffd_lazy_library_load(&library, err);
}
