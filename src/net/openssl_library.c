/* SPDX-License-Identifier: Apache-2.0 */
#include "net/openssl_library.h"

struct diffd_openssl diffd_openssl;

enum diffd_status diffd_openssl_load(struct diffd_error *err) {
  static const char *const names[] = {DIFFD_OPENSSL(DIFFD_LAZY_NAME) NULL};
  static const struct diffd_lazy_library library = {"libssl.so.3", "libssl3", names, &diffd_openssl};
  return diffd_lazy_library_load(&library, err);
}
