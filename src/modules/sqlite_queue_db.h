/* SPDX-License-Identifier: Apache-2.0
 *
 * The database under the embedded queue: the file, its schema, its statements, and SQLite's answers as ours.
 *
 * Not thread-safe: whoever uses it holds the queue's lock.
 */
#ifndef DIFFD_MODULES_SQLITE_QUEUE_DB_H
#define DIFFD_MODULES_SQLITE_QUEUE_DB_H

#include "diffd/job.h"
#include "modules/sqlite_queue_library.h"

/* Columns of a job's row, from 0, in every statement that gives one. */
enum diffd_queue_column {
  DIFFD_QUEUE_ID,
  DIFFD_QUEUE_PREVIOUS_START,
  DIFFD_QUEUE_PREVIOUS_STOP,
  DIFFD_QUEUE_NEXT_START,
  DIFFD_QUEUE_NEXT_STOP,
  DIFFD_QUEUE_FAILURES,
  DIFFD_QUEUE_NUMBER, /* from here on only in a page */
  DIFFD_QUEUE_STATE,
  DIFFD_QUEUE_CRASHES,
  DIFFD_QUEUE_DUE,
  DIFFD_QUEUE_QUEUED_AT,
  DIFFD_QUEUE_REASON,
};

enum diffd_queue_statement {
  DIFFD_QUEUE_INSERT,       /* id, four times, now (ms) */
  DIFFD_QUEUE_STATE_OF,     /* id: its state */
  DIFFD_QUEUE_COUNT,        /* : the number of jobs that wait */
  DIFFD_QUEUE_TAKE,         /* now (ms): a job's row */
  DIFFD_QUEUE_NEXT_DUE,     /* : the earliest due (ms) */
  DIFFD_QUEUE_DONE,         /* id */
  DIFFD_QUEUE_FAIL,         /* id, permanent, due (ms), reason, bound of failures, of permanent ones: state */
  DIFFD_QUEUE_GIVE_BACK,    /* id, due (ms) */
  DIFFD_QUEUE_PAGE,         /* number before, state below, limit: jobs' rows */
  DIFFD_QUEUE_RETRY,        /* id, due (ms) */
  DIFFD_QUEUE_RECOVER,      /* due (ms), bound of crashes, reason */
  DIFFD_QUEUE_HASTEN,       /* due (ms), for jobs that are due after (ms) */
  DIFFD_QUEUE_DATA_VERSION, /* : a number that changes when another process changes the database */
  DIFFD_QUEUE_STATEMENTS
};

struct diffd_queue_db {
  char *path;
  sqlite3 *db;
  sqlite3_stmt *statements[DIFFD_QUEUE_STATEMENTS];
};

/* Opens the database; with `make`, makes it where it is missing and checks that it is whole. On failure only
 * clean_up may follow. DIFFD_IO, DIFFD_NO_SPACE, DIFFD_NO_MEMORY, DIFFD_BUSY, DIFFD_NOT_FOUND without
 * `make`, DIFFD_INVALID for a newer format or where there is no SQLite. */
enum diffd_status diffd_queue_db_init(struct diffd_queue_db *db, const char *path, bool make,
                                      struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_queue_db_clean_up(struct diffd_queue_db *db);

/* Binds a text, without a copy: it must outlive the statement's run. */
void diffd_queue_db_bind_text(struct diffd_queue_db *db, enum diffd_queue_statement which, int at,
                              const char *text, size_t max);
void diffd_queue_db_bind(struct diffd_queue_db *db, enum diffd_queue_statement which, int at, int64_t number);

/* Steps to the next row; DIFFD_END, with the statement ready for its next run, where there is none. `doing`
 * begins the text of a failure, and the file's path follows. */
enum diffd_status diffd_queue_db_row(struct diffd_queue_db *db, enum diffd_queue_statement which,
                                     const char *doing, struct diffd_error *err) DIFFD_MUST_CHECK;
/* Runs a statement to its end, which commits what it changed; *ret_changed may be NULL. */
enum diffd_status diffd_queue_db_finish(struct diffd_queue_db *db, enum diffd_queue_statement which,
                                        const char *doing, int *ret_changed,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;
/* The number in a query's only row; `none` where there is no row. */
enum diffd_status diffd_queue_db_number(struct diffd_queue_db *db, enum diffd_queue_statement which,
                                        int64_t none, int64_t *ret, struct diffd_error *err) DIFFD_MUST_CHECK;
/* Leaves a query before its end. */
void diffd_queue_db_reset(struct diffd_queue_db *db, enum diffd_queue_statement which);

/* The job of the present row. DIFFD_IO where somebody has put a wrong id there. */
enum diffd_status diffd_queue_db_job(struct diffd_queue_db *db, enum diffd_queue_statement which,
                                     struct diffd_job *ret, struct diffd_error *err) DIFFD_MUST_CHECK;
int64_t diffd_queue_db_column(struct diffd_queue_db *db, enum diffd_queue_statement which,
                              enum diffd_queue_column column);

#endif
