/* SPDX-License-Identifier: Apache-2.0 */
#include "net/nats_library.h"

struct diffd_nats diffd_nats;

enum diffd_status diffd_nats_load(struct diffd_error *err) {
  static const char *const names[] = {DIFFD_NATS(DIFFD_LAZY_NAME) NULL};
  static const struct diffd_lazy_library library = {"libnats.so.3.4", "libnats3.4", names, &diffd_nats};
  return diffd_lazy_library_load(&library, err);
}
