/* SPDX-License-Identifier: Apache-2.0
 *
 * A dead letter: a job that failed for good, or a message that never was one, as it is put on the dead-letter
 * subject. It is a JSON object that begins with the job's own fields, so that it can be queued or POSTed to a
 * worker as it is: `{"id",...,"nextStop","reason","failures","crashes","queuedAt","parkedAt"}`. What was no
 * job stands in "message" instead. Pure.
 */
#ifndef DIFFD_MODULES_NATS_QUEUE_LETTER_H
#define DIFFD_MODULES_NATS_QUEUE_LETTER_H

#include "base/rfc3339.h"
#include "diffd/job.h"

enum {
  DIFFD_NATS_MESSAGE_MAX = 64 * 1024, /* bytes of a message that may be a job */
  DIFFD_NATS_LETTER_MAX = 16 * 1024,  /* bytes of a letter; of a longer message only the beginning is kept */
};

struct diffd_nats_letter {
  struct diffd_job job;
  bool is_job;               /* else `message` is what came, and the job is empty */
  struct diffd_span message; /* any bytes; borrowed */
  char reason[DIFFD_ERROR_DETAIL_MAX];
  uint32_t failures;
  uint32_t crashes;  /* starts that never ended */
  int64_t queued_at; /* wall-clock seconds */
  int64_t parked_at;
};

/* The letter as JSON, NUL-terminated; the caller frees it. DIFFD_NO_MEMORY. */
enum diffd_status diffd_nats_letter_write(const struct diffd_nats_letter *letter, char **ret,
                                          struct diffd_error *err) DIFFD_MUST_CHECK;
/* Reads one again; `message` is left empty. DIFFD_INVALID where it is no such object. */
enum diffd_status diffd_nats_letter_read(struct diffd_span text, struct diffd_nats_letter *ret,
                                         struct diffd_error *err) DIFFD_MUST_CHECK;

/* Calls `each` for every dead letter at a NATS URL, the oldest first; what stands there and is no letter is
 * left out. DIFFD_INVALID where the URL is wrong or NATS refuses us, DIFFD_UNAVAILABLE, DIFFD_NO_MEMORY, and
 * what `each` gives. */
enum diffd_status diffd_nats_letters_each(const char *url,
                                          enum diffd_status (*each)(void *arg,
                                                                    const struct diffd_nats_letter *letter,
                                                                    struct diffd_error *err),
                                          void *arg, struct diffd_error *err) DIFFD_MUST_CHECK;
/* Queues the job of a dead letter afresh, and removes its letters. As above; DIFFD_NOT_FOUND. */
enum diffd_status diffd_nats_letters_retry(const char *url, const char *id,
                                           struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
