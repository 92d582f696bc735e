/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/sqlite_queue_library.h"

struct diffd_sqlite diffd_sqlite;

enum diffd_status diffd_sqlite_load(struct diffd_error *err) {
  static const char *const names[] = {DIFFD_SQLITE(DIFFD_LAZY_NAME) NULL};
  static const struct diffd_lazy_library library = {"libsqlite3.so.0", "libsqlite3-0", names, &diffd_sqlite};
  return diffd_lazy_library_load(&library, err);
}
