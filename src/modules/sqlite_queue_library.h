/* SPDX-License-Identifier: Apache-2.0
 *
 * SQLite, loaded when an embedded queue is opened: base/lazy_library.h says why. Include this in place of
 * <sqlite3.h>; its functions are called by their own names.
 */
#ifndef DIFFD_MODULES_SQLITE_QUEUE_LIBRARY_H
#define DIFFD_MODULES_SQLITE_QUEUE_LIBRARY_H

#include <sqlite3.h>

#include "base/lazy_library.h"

#define DIFFD_SQLITE(X)                                                                                      \
  X(sqlite3_bind_int64)                                                                                      \
  X(sqlite3_bind_text)                                                                                       \
  X(sqlite3_busy_timeout)                                                                                    \
  X(sqlite3_changes)                                                                                         \
  X(sqlite3_clear_bindings)                                                                                  \
  X(sqlite3_close)                                                                                           \
  X(sqlite3_column_bytes)                                                                                    \
  X(sqlite3_column_int64)                                                                                    \
  X(sqlite3_column_text)                                                                                     \
  X(sqlite3_errcode)                                                                                         \
  X(sqlite3_errmsg)                                                                                          \
  X(sqlite3_exec)                                                                                            \
  X(sqlite3_finalize)                                                                                        \
  X(sqlite3_open_v2)                                                                                         \
  X(sqlite3_prepare_v2)                                                                                      \
  X(sqlite3_prepare_v3)                                                                                      \
  X(sqlite3_reset)                                                                                           \
  X(sqlite3_step)

struct diffd_sqlite {
  DIFFD_SQLITE(DIFFD_LAZY_MEMBER)
};
extern struct diffd_sqlite diffd_sqlite;

/* Before any other call of the library. */
enum diffd_status diffd_sqlite_load(struct diffd_error *err) DIFFD_MUST_CHECK;

#define sqlite3_bind_int64     diffd_sqlite.sqlite3_bind_int64
#define sqlite3_bind_text      diffd_sqlite.sqlite3_bind_text
#define sqlite3_busy_timeout   diffd_sqlite.sqlite3_busy_timeout
#define sqlite3_changes        diffd_sqlite.sqlite3_changes
#define sqlite3_clear_bindings diffd_sqlite.sqlite3_clear_bindings
#define sqlite3_close          diffd_sqlite.sqlite3_close
#define sqlite3_column_bytes   diffd_sqlite.sqlite3_column_bytes
#define sqlite3_column_int64   diffd_sqlite.sqlite3_column_int64
#define sqlite3_column_text    diffd_sqlite.sqlite3_column_text
#define sqlite3_errcode        diffd_sqlite.sqlite3_errcode
#define sqlite3_errmsg         diffd_sqlite.sqlite3_errmsg
#define sqlite3_exec           diffd_sqlite.sqlite3_exec
#define sqlite3_finalize       diffd_sqlite.sqlite3_finalize
#define sqlite3_open_v2        diffd_sqlite.sqlite3_open_v2
#define sqlite3_prepare_v2     diffd_sqlite.sqlite3_prepare_v2
#define sqlite3_prepare_v3     diffd_sqlite.sqlite3_prepare_v3
#define sqlite3_reset          diffd_sqlite.sqlite3_reset
#define sqlite3_step           diffd_sqlite.sqlite3_step

#endif
