/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/nats_queue_letter.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json_text.h"
#include "net/jetstream.h"
#include "net/job_json.h"

enum {
  MESSAGE_KEPT = 1024, /* bytes; each may take six in JSON */
  SUBJECT_MAX = DIFFD_NATS_SUBJECT_MAX + 16,
  MESSAGE_ID_MAX = DIFFD_JOB_ID_MAX + 64,
};

static enum diffd_status append_text(struct diffd_buffer *out, const char *key, struct diffd_span text,
                                     struct diffd_error *err) {
  enum diffd_status status = diffd_buffer_printf(out, err, "\"%s\":", key);
  if (status == DIFFD_OK)
    status = diffd_json_append_string(out, text, err);
  return status == DIFFD_OK ? diffd_buffer_append(out, ",", 1, err) : status;
}

static enum diffd_status append(const struct diffd_nats_letter *letter, struct diffd_buffer *out,
                                struct diffd_error *err) {
  char job[DIFFD_JOB_JSON_MAX];
  char queued_at[DIFFD_TIME_TEXT_MAX];
  char parked_at[DIFFD_TIME_TEXT_MAX];
  enum diffd_status status;
  if (letter->is_job) {
    size_t len = diffd_job_to_json(&letter->job, job);
    job[len - 1] = ','; /* more follows */
    status = diffd_buffer_append(out, job, len, err);
  } else {
    size_t kept = letter->message.len < MESSAGE_KEPT ? letter->message.len : MESSAGE_KEPT;
    status = diffd_buffer_append(out, "{", 1, err);
    if (status == DIFFD_OK)
      status = append_text(out, "message", (struct diffd_span){letter->message.ptr, kept}, err);
  }
  if (status == DIFFD_OK)
    status = append_text(out, "reason", (struct diffd_span){letter->reason, strlen(letter->reason)}, err);
  if (status != DIFFD_OK)
    return status;
  diffd_rfc3339_format(letter->queued_at, queued_at);
  diffd_rfc3339_format(letter->parked_at, parked_at);
  return diffd_buffer_printf(
      out, err, "\"failures\":%" PRIu32 ",\"crashes\":%" PRIu32 ",\"queuedAt\":\"%s\",\"parkedAt\":\"%s\"}",
      letter->failures, letter->crashes, queued_at, parked_at);
}

enum diffd_status diffd_nats_letter_write(const struct diffd_nats_letter *letter, char **ret,
                                          struct diffd_error *err) {
  struct diffd_buffer out = diffd_buffer_init(DIFFD_NATS_LETTER_MAX);
  enum diffd_status status = append(letter, &out, err);
  if (status == DIFFD_OK)
    status = diffd_buffer_append(&out, "", 1, err);
  if (status != DIFFD_OK) {
    diffd_buffer_clean_up(&out);
    return status;
  }
  *ret = out.ptr;
  return DIFFD_OK;
}

static uint32_t count_of(json_t *object, const char *key) {
  json_int_t number = json_integer_value(json_object_get(object, key));
  return number > 0 && number < UINT32_MAX ? (uint32_t)number : 0;
}

static int64_t time_of(json_t *object, const char *key) {
  json_t *value = json_object_get(object, key);
  struct diffd_instant instant;
  struct diffd_error ignored;
  struct diffd_span text = {json_string_value(value), json_string_length(value)};
  return text.ptr != NULL && diffd_rfc3339_parse(text, &instant, &ignored) == DIFFD_OK ? instant.seconds : 0;
}

enum diffd_status diffd_nats_letter_read(struct diffd_span text, struct diffd_nats_letter *ret,
                                         struct diffd_error *err) {
  json_error_t fault;
  struct diffd_nats_letter letter = {0};
  struct diffd_error ignored;
  bool own_id;
  json_auto_t *object = json_loadb(text.len > 0 ? text.ptr : "", text.len, JSON_ALLOW_NUL, &fault);
  if (!json_is_object(object))
    return diffd_fail(err, DIFFD_INVALID, "this is no dead letter of vpcflow-diffd");
  letter.is_job = diffd_job_from_json(text, &letter.job, &own_id, &ignored) == DIFFD_OK;
  const char *reason = json_string_value(json_object_get(object, "reason"));
  (void)snprintf(letter.reason, sizeof letter.reason, "%s", reason != NULL ? reason : "");
  letter.failures = count_of(object, "failures");
  letter.crashes = count_of(object, "crashes");
  letter.queued_at = time_of(object, "queuedAt");
  letter.parked_at = time_of(object, "parkedAt");
  *ret = letter;
  return DIFFD_OK;
}

/* ---- the stream of dead letters ---- */

struct box {
  struct diffd_nats_url url;
  struct diffd_nats_link *link;
  char subject[SUBJECT_MAX];
  char stream[DIFFD_JS_NAME_MAX + 1];
};

static const struct diffd_context no_context;

static void box_close(struct box *box) {
  diffd_nats_link_close(box->link);
  diffd_nats_url_clean_up(&box->url);
}

/* DIFFD_NOT_FOUND where no worker has made the stream yet. */
static enum diffd_status box_open(const char *url, struct box *box, struct diffd_error *err) {
  enum diffd_status status = diffd_nats_url_parse(url, &box->url, err);
  if (status == DIFFD_OK)
    status = diffd_nats_link_open(&box->url, "vpcflow-diffd jobs", &box->link, err);
  if (status == DIFFD_OK)
    status = diffd_nats_link_check(box->link, err);
  (void)snprintf(box->subject, sizeof box->subject, "%s.dead", box->url.subject);
  return status == DIFFD_OK ? diffd_js_find_stream(box->link, &no_context, box->subject, box->stream, err)
                            : status;
}

/* The next letter at or after *sequence, which then is its own; DIFFD_END where there is none. */
static enum diffd_status box_next(struct box *box, uint64_t *sequence, struct diffd_nats_letter *ret,
                                  struct diffd_error *err) {
  for (;; ++*sequence) {
    struct diffd_js_message message;
    struct diffd_error ignored;
    enum diffd_status status =
        diffd_js_get_next(box->link, &no_context, box->stream, box->subject, *sequence, &message, err);
    if (status == DIFFD_NOT_FOUND)
      return DIFFD_END;
    if (status != DIFFD_OK)
      return status;
    *sequence = message.sequence;
    status = diffd_nats_letter_read((struct diffd_span){message.data, message.len}, ret, &ignored);
    free(message.data);
    if (status == DIFFD_OK)
      return DIFFD_OK;
  }
}

enum diffd_status diffd_nats_letters_each(const char *url,
                                          enum diffd_status (*each)(void *arg,
                                                                    const struct diffd_nats_letter *letter,
                                                                    struct diffd_error *err),
                                          void *arg, struct diffd_error *err) {
  CLEANUP(box_close) struct box box = {0};
  struct diffd_nats_letter letter;
  enum diffd_status status = box_open(url, &box, err);
  if (status == DIFFD_NOT_FOUND)
    return DIFFD_OK;
  for (uint64_t sequence = 1; status == DIFFD_OK; sequence++) {
    status = box_next(&box, &sequence, &letter, err);
    if (status == DIFFD_OK)
      status = each(arg, &letter, err);
  }
  return status == DIFFD_END ? DIFFD_OK : status;
}

/* Queued first and removed then, so that nothing is lost in between; the message id sees to it that the same
 * letter is queued once. */
static enum diffd_status requeue(struct box *box, const struct diffd_job *job, uint64_t sequence,
                                 struct diffd_error *err) {
  char body[DIFFD_JOB_JSON_MAX];
  char message_id[MESSAGE_ID_MAX];
  uint64_t stored;
  bool duplicate;
  (void)snprintf(message_id, sizeof message_id, "%s@retry/%" PRIu64, job->id, sequence);
  const struct diffd_nats_header headers[] = {{"Nats-Msg-Id", message_id}};
  const struct diffd_nats_post post = {.subject = box->url.subject,
                                       .headers = headers,
                                       .header_count = 1,
                                       .body = {body, diffd_job_to_json(job, body)}};
  enum diffd_status status = diffd_js_publish(box->link, &no_context, &post, &stored, &duplicate, err);
  return status == DIFFD_OK ? diffd_js_delete(box->link, &no_context, box->stream, sequence, err) : status;
}

enum diffd_status diffd_nats_letters_retry(const char *url, const char *id, struct diffd_error *err) {
  CLEANUP(box_close) struct box box = {0};
  struct diffd_nats_letter letter;
  bool queued = false;
  enum diffd_status status = box_open(url, &box, err);
  for (uint64_t sequence = 1; status == DIFFD_OK; sequence++) {
    status = box_next(&box, &sequence, &letter, err);
    if (status != DIFFD_OK || !letter.is_job || strcmp(letter.job.id, id) != 0)
      continue;
    /* One job is enough for all of its letters. */
    status = queued ? diffd_js_delete(box.link, &no_context, box.stream, sequence, err)
                    : requeue(&box, &letter.job, sequence, err);
    queued = true;
  }
  if (status == DIFFD_END && !queued)
    return diffd_fail(err, DIFFD_NOT_FOUND, "there is no dead letter of the job %s", id);
  return status == DIFFD_END ? DIFFD_OK : status;
}
