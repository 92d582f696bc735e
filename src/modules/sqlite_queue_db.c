/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/sqlite_queue_db.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/diff_id.h"

enum { BUSY_TIMEOUT_MS = 5000 };

#define SCHEMA_VERSION "1"

#define BROKEN                                                                                               \
  "the queue %s is broken (%s): stop the service, move the file and its -wal and -shm away, start again, "   \
  "and POST the diffs that are missing"

static const char schema[] =
    "CREATE TABLE jobs ("
    " number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " id TEXT NOT NULL UNIQUE,"
    " previous_start INTEGER NOT NULL, previous_stop INTEGER NOT NULL," /* seconds since 1970 */
    " next_start INTEGER NOT NULL, next_stop INTEGER NOT NULL,"
    " state INTEGER NOT NULL DEFAULT 0," /* enum diffd_queue_state */
    " failures INTEGER NOT NULL DEFAULT 0, permanent_failures INTEGER NOT NULL DEFAULT 0,"
    " crashes INTEGER NOT NULL DEFAULT 0,"
    " due INTEGER NOT NULL, queued_at INTEGER NOT NULL," /* wall clock, milliseconds since 1970 */
    " reason TEXT NOT NULL DEFAULT '') STRICT;"
    "CREATE INDEX jobs_due ON jobs (due, number) WHERE state = 0;"
    "PRAGMA user_version = " SCHEMA_VERSION ";";

#define JOB_COLUMNS "id, previous_start, previous_stop, next_start, next_stop"
/* What a job that is tried afresh has counted. */
#define AFRESH "state = 0, failures = 0, permanent_failures = 0, crashes = 0, reason = ''"

static const char *const texts[DIFFD_QUEUE_STATEMENTS] = {
    [DIFFD_QUEUE_INSERT] =
        "INSERT INTO jobs (" JOB_COLUMNS ", due, queued_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)"
        " ON CONFLICT (id) DO UPDATE SET previous_start = ?2, previous_stop = ?3, next_start = ?4,"
        " next_stop = ?5, due = ?6, queued_at = ?6, " AFRESH " WHERE state = 2",
    [DIFFD_QUEUE_STATE_OF] = "SELECT state FROM jobs WHERE id = ?1",
    [DIFFD_QUEUE_COUNT] = "SELECT count(*) FROM jobs WHERE state = 0",
    [DIFFD_QUEUE_TAKE] = "UPDATE jobs SET state = 1 WHERE number = (SELECT number FROM jobs WHERE state = 0"
                         " AND due <= ?1 ORDER BY due, number LIMIT 1) RETURNING " JOB_COLUMNS ", failures",
    [DIFFD_QUEUE_NEXT_DUE] = "SELECT due FROM jobs WHERE state = 0 ORDER BY due LIMIT 1",
    [DIFFD_QUEUE_DONE] = "DELETE FROM jobs WHERE id = ?1 AND state = 1",
    [DIFFD_QUEUE_FAIL] =
        "UPDATE jobs SET failures = failures + 1, permanent_failures = permanent_failures + ?2,"
        " due = ?3, reason = ?4, state = CASE WHEN failures + 1 >= ?5"
        " OR permanent_failures + ?2 >= ?6 THEN 2 ELSE 0 END"
        " WHERE id = ?1 AND state = 1 RETURNING state",
    [DIFFD_QUEUE_GIVE_BACK] = "UPDATE jobs SET state = 0, due = ?2 WHERE id = ?1 AND state = 1",
    [DIFFD_QUEUE_PAGE] = "SELECT " JOB_COLUMNS ", failures, number, state, crashes, due, queued_at, reason"
                         " FROM jobs WHERE number > ?1 AND state < ?2 ORDER BY number LIMIT ?3",
    [DIFFD_QUEUE_RETRY] = "UPDATE jobs SET due = ?2, " AFRESH " WHERE id = ?1 AND state <> 1",
    [DIFFD_QUEUE_RECOVER] = "UPDATE jobs SET crashes = crashes + 1, due = ?1,"
                            " reason = CASE WHEN crashes + 1 >= ?2 THEN ?3 ELSE reason END,"
                            " state = CASE WHEN crashes + 1 >= ?2 THEN 2 ELSE 0 END WHERE state = 1",
    [DIFFD_QUEUE_HASTEN] = "UPDATE jobs SET due = ?1 WHERE state = 0 AND due > ?2",
    [DIFFD_QUEUE_DATA_VERSION] = "PRAGMA data_version",
};

static enum diffd_status fail_db(const struct diffd_queue_db *db, const char *doing,
                                 struct diffd_error *err) {
  const char *text = db->db != NULL ? sqlite3_errmsg(db->db) : "";
  switch (db->db != NULL ? sqlite3_errcode(db->db) : SQLITE_NOMEM) {
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    return diffd_fail(err, DIFFD_IO, BROKEN, db->path, text);
  case SQLITE_FULL:
    return diffd_fail(err, DIFFD_NO_SPACE, "%s %s: %s; free space on that disk", doing, db->path, text);
  case SQLITE_NOMEM:
    return diffd_fail(err, DIFFD_NO_MEMORY, "%s %s: no memory", doing, db->path);
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return diffd_fail(err, DIFFD_BUSY, "%s %s: another program has kept it locked for %d s", doing, db->path,
                      BUSY_TIMEOUT_MS / 1000);
  default:
    return diffd_fail(err, DIFFD_IO, "%s %s: %s", doing, db->path, text);
  }
}

void diffd_queue_db_reset(struct diffd_queue_db *db, enum diffd_queue_statement which) {
  (void)sqlite3_reset(db->statements[which]);
  (void)sqlite3_clear_bindings(db->statements[which]);
}

void diffd_queue_db_bind_text(struct diffd_queue_db *db, enum diffd_queue_statement which, int at,
                              const char *text, size_t max) {
  (void)sqlite3_bind_text(db->statements[which], at, text, (int)strnlen(text, max), SQLITE_STATIC);
}

void diffd_queue_db_bind(struct diffd_queue_db *db, enum diffd_queue_statement which, int at,
                         int64_t number) {
  (void)sqlite3_bind_int64(db->statements[which], at, number);
}

enum diffd_status diffd_queue_db_row(struct diffd_queue_db *db, enum diffd_queue_statement which,
                                     const char *doing, struct diffd_error *err) {
  int code = sqlite3_step(db->statements[which]);
  if (code == SQLITE_ROW)
    return DIFFD_OK;
  enum diffd_status status = code == SQLITE_DONE ? DIFFD_END : fail_db(db, doing, err);
  diffd_queue_db_reset(db, which);
  return status;
}

enum diffd_status diffd_queue_db_finish(struct diffd_queue_db *db, enum diffd_queue_statement which,
                                        const char *doing, int *ret_changed, struct diffd_error *err) {
  int code = sqlite3_step(db->statements[which]);
  enum diffd_status status = code == SQLITE_DONE ? DIFFD_OK : fail_db(db, doing, err);
  if (status == DIFFD_OK && ret_changed != NULL)
    *ret_changed = sqlite3_changes(db->db);
  diffd_queue_db_reset(db, which);
  return status;
}

enum diffd_status diffd_queue_db_number(struct diffd_queue_db *db, enum diffd_queue_statement which,
                                        int64_t none, int64_t *ret, struct diffd_error *err) {
  enum diffd_status status = diffd_queue_db_row(db, which, "reading", err);
  if (status == DIFFD_OK) {
    *ret = sqlite3_column_int64(db->statements[which], 0);
    diffd_queue_db_reset(db, which);
  } else if (status == DIFFD_END) {
    *ret = none;
    status = DIFFD_OK;
  }
  return status;
}

int64_t diffd_queue_db_column(struct diffd_queue_db *db, enum diffd_queue_statement which,
                              enum diffd_queue_column column) {
  return sqlite3_column_int64(db->statements[which], (int)column);
}

enum diffd_status diffd_queue_db_job(struct diffd_queue_db *db, enum diffd_queue_statement which,
                                     struct diffd_job *ret, struct diffd_error *err) {
  sqlite3_stmt *row = db->statements[which];
  const char *id = (const char *)sqlite3_column_text(row, DIFFD_QUEUE_ID);
  int len = sqlite3_column_bytes(row, DIFFD_QUEUE_ID);
  if (id == NULL || !diffd_job_id_is_valid(id, (size_t)len))
    return diffd_fail(err, DIFFD_IO, BROKEN, db->path, "a job's id cannot be one");
  memcpy(ret->id, id, (size_t)len);
  ret->id[len] = '\0';
  ret->previous.start = diffd_queue_db_column(db, which, DIFFD_QUEUE_PREVIOUS_START);
  ret->previous.stop = diffd_queue_db_column(db, which, DIFFD_QUEUE_PREVIOUS_STOP);
  ret->next.start = diffd_queue_db_column(db, which, DIFFD_QUEUE_NEXT_START);
  ret->next.stop = diffd_queue_db_column(db, which, DIFFD_QUEUE_NEXT_STOP);
  return DIFFD_OK;
}

static enum diffd_status run(const struct diffd_queue_db *db, const char *sql, struct diffd_error *err) {
  return sqlite3_exec(db->db, sql, NULL, NULL, NULL) == SQLITE_OK ? DIFFD_OK : fail_db(db, "opening", err);
}

/* The text of a query's only row. */
static enum diffd_status ask(const struct diffd_queue_db *db, const char *sql, char *ret, size_t cap,
                             struct diffd_error *err) {
  sqlite3_stmt *statement = NULL;
  enum diffd_status status = DIFFD_OK;
  if (sqlite3_prepare_v2(db->db, sql, -1, &statement, NULL) != SQLITE_OK ||
      sqlite3_step(statement) != SQLITE_ROW)
    status = fail_db(db, "opening", err);
  else
    (void)snprintf(ret, cap, "%s", (const char *)sqlite3_column_text(statement, 0));
  (void)sqlite3_finalize(statement);
  return status;
}

/* SQLite makes files that everybody may read; this one is ours alone, and those that SQLite makes beside it
 * are as it is. */
static enum diffd_status create_file(const char *path, struct diffd_error *err) {
  CLEANUP(closep) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 && errno != EEXIST)
    return diffd_fail_errno(err, errno, "making the queue %s", path);
  if (fd < 0)
    return DIFFD_OK;
  CLEANUP(freep) char *folder = strdup(path);
  if (folder == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the queue");
  char *slash = strrchr(folder, '/');
  if (slash != NULL)
    slash[slash == folder ? 1 : 0] = '\0';
  CLEANUP(closep) int folder_fd = open(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_fd < 0 || fsync(folder_fd) != 0)
    return diffd_fail_errno(err, errno, "syncing the folder of the queue %s", path);
  return DIFFD_OK;
}

static enum diffd_status check_schema(const struct diffd_queue_db *db, bool make, struct diffd_error *err) {
  char version[32];
  enum diffd_status status = ask(db, "PRAGMA user_version", version, sizeof version, err);
  if (status != DIFFD_OK)
    return status;
  if (strcmp(version, "0") == 0 && !make)
    return diffd_fail(err, DIFFD_NOT_FOUND,
                      "%s holds no queue: the service has not run with this data directory yet", db->path);
  if (strcmp(version, "0") == 0)
    return run(db, schema, err);
  if (strcmp(version, SCHEMA_VERSION) != 0)
    return diffd_fail(err, DIFFD_INVALID,
                      "the queue %s was made by another version of vpcflow-diffd (format %s): use that",
                      db->path, version);
  return DIFFD_OK;
}

static enum diffd_status set_up(const struct diffd_queue_db *db, bool make, struct diffd_error *err) {
  char answer[128] = "";
  enum diffd_status status = ask(db, "PRAGMA journal_mode = WAL", answer, sizeof answer, err);
  if (status == DIFFD_OK && strcmp(answer, "wal") != 0)
    return diffd_fail(err, DIFFD_IO,
                      "the file system of %s does not let SQLite write ahead (WAL): choose another",
                      db->path);
  if (status == DIFFD_OK)
    status = run(db, "PRAGMA synchronous = FULL", err);
  if (status == DIFFD_OK && make)
    status = ask(db, "PRAGMA quick_check(1)", answer, sizeof answer, err);
  if (status == DIFFD_OK && make && strcmp(answer, "ok") != 0)
    return diffd_fail(err, DIFFD_IO, BROKEN, db->path, answer);
  if (status == DIFFD_OK)
    status = run(db, make ? "BEGIN IMMEDIATE" : "BEGIN", err);
  if (status == DIFFD_OK)
    status = check_schema(db, make, err);
  if (status == DIFFD_OK)
    status = run(db, "COMMIT", err);
  return status;
}

enum diffd_status diffd_queue_db_init(struct diffd_queue_db *db, const char *path, bool make,
                                      struct diffd_error *err) {
  *db = (struct diffd_queue_db){.path = strdup(path)};
  if (db->path == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the queue");
  if (!make && access(path, F_OK) != 0 && errno == ENOENT)
    return diffd_fail(
        err, DIFFD_NOT_FOUND,
        "there is no queue %s: the service has not run with this data directory yet (DIFF_DATA_DIR)", path);
  enum diffd_status status = diffd_sqlite_load(err);
  if (status == DIFFD_OK && make)
    status = create_file(path, err);
  if (status != DIFFD_OK)
    return status;
  if (sqlite3_open_v2(path, &db->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
      sqlite3_busy_timeout(db->db, BUSY_TIMEOUT_MS) != SQLITE_OK)
    return fail_db(db, "opening", err);
  status = set_up(db, make, err);
  for (int i = 0; status == DIFFD_OK && i < DIFFD_QUEUE_STATEMENTS; i++)
    if (sqlite3_prepare_v3(db->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &db->statements[i], NULL) !=
        SQLITE_OK)
      status = fail_db(db, "opening", err);
  return status;
}

void diffd_queue_db_clean_up(struct diffd_queue_db *db) {
  /* Without a database SQLite may not have been loaded. */
  if (db->db != NULL) {
    for (int i = 0; i < DIFFD_QUEUE_STATEMENTS; i++)
      (void)sqlite3_finalize(db->statements[i]);
    (void)sqlite3_close(db->db);
  }
  free(db->path);
  *db = (struct diffd_queue_db){0};
}
