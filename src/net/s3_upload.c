/* SPDX-License-Identifier: Apache-2.0
 *
 * A multipart upload as a writer. What is written fills a part; a full one is handed to a small pool of
 * threads, and the next is filled meanwhile. Nothing shows before S3 has made one object of all parts.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "diffd/log.h"
#include "net/s3_parts.h"
#include "net/s3_send.h"
#include "net/sigv4.h"
#include "net/xml_fields.h"

enum {
  THREADS_MAX = 5,
  UPLOAD_ID_MAX = 1024,
  QUERY_MAX = 4 * UPLOAD_ID_MAX,
  SHORT_BODY_MAX = 1 << 20,
  COMPLETE_MAX = 4 << 20,
  ABORT_TIMEOUT_MS = 10000,
  CONTENT_TYPE_MAX = 128,
};

/* A full part on its way. */
struct part {
  struct part *next;
  unsigned number;
  struct diffd_buffer bytes;
};

struct upload {
  struct diffd_writer base;
  struct diffd_s3 *s3;
  const struct diffd_context *outer;
  struct diffd_context ctx; /* the outer one, and the end of this upload */
  atomic_bool ended;
  bool begun;              /* S3 knows the upload */
  bool done;               /* the object is there, or there is nothing to abort any more */
  bool only_new;           /* an object that is there already stays */
  bool was_there;          /* such a one was found */
  unsigned number;         /* of the part that is being filled */
  uint64_t size;           /* bytes written */
  struct diffd_buffer now; /* the part that is being filled */
  char upload_id[UPLOAD_ID_MAX + 1];
  char content_type[CONTENT_TYPE_MAX];
  size_t key_len;
  char key[DIFFD_S3_KEY_MAX];

  pthread_t threads[THREADS_MAX];
  unsigned thread_count;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  struct part *first; /* those that no thread has taken yet */
  struct part **last;
  unsigned waiting;
  unsigned sending;
  uint64_t in_flight_bytes; /* of both */
  struct diffd_s3_parts parts;
  enum diffd_status failed; /* the first failure of a part */
  struct diffd_error failure;
};

static bool is_ended(void *arg) {
  struct upload *upload = arg;
  return atomic_load(&upload->ended) || diffd_context_cancelled(upload->outer);
}

static struct diffd_span key_of(const struct upload *upload) {
  return (struct diffd_span){upload->key, upload->key_len};
}

/* The prefix and the encoded upload id, NUL-terminated. */
static enum diffd_status make_query(const struct upload *upload, const char *prefix, struct diffd_buffer *ret,
                                    struct diffd_error *err) {
  const struct diffd_span id = {upload->upload_id, strlen(upload->upload_id)};
  enum diffd_status status = diffd_buffer_append(ret, prefix, strlen(prefix), err);
  if (status == DIFFD_OK)
    status = diffd_uri_encode(ret, id, false, err);
  return status != DIFFD_OK ? status : diffd_buffer_append(ret, "", 1, err);
}

static enum diffd_status begin(struct upload *upload, struct diffd_error *err) {
  const struct diffd_http_header type = {"Content-Type", upload->content_type};
  const struct diffd_s3_call call = {.method = "POST",
                                     .key = key_of(upload),
                                     .query = "uploads=",
                                     .headers = &type,
                                     .header_count = 1,
                                     .body = {"", 0},
                                     .doing = "beginning to store",
                                     .action = "s3:PutObject",
                                     .patient = true};
  struct diffd_buffer body = diffd_buffer_init(SHORT_BODY_MAX);
  struct diffd_xml_field id = {"InitiateMultipartUploadResult/UploadId", upload->upload_id,
                               sizeof upload->upload_id, false};
  enum diffd_status status = diffd_s3_ask(upload->s3, &upload->ctx, &call, &body, NULL, err);
  if (status == DIFFD_OK &&
      (diffd_xml_fields((struct diffd_span){body.ptr, body.len}, &id, 1, err) != DIFFD_OK ||
       upload->upload_id[0] == '\0'))
    status = diffd_fail(err, DIFFD_UNAVAILABLE, "S3 bucket \"%s\": %s gave no UploadId for a new upload",
                        upload->s3->options.bucket, upload->s3->endpoint.authority);
  diffd_buffer_clean_up(&body);
  upload->begun = status == DIFFD_OK;
  return status;
}

static enum diffd_status send_part(struct upload *upload, const struct part *part,
                                   struct diffd_s3_object *ret, struct diffd_error *err) {
  struct diffd_buffer query = diffd_buffer_init(QUERY_MAX);
  char prefix[64];
  (void)snprintf(prefix, sizeof prefix, "partNumber=%u&uploadId=", part->number);
  enum diffd_status status = make_query(upload, prefix, &query, err);
  const struct diffd_s3_call call = {.method = "PUT",
                                     .key = key_of(upload),
                                     .query = query.ptr,
                                     .body = {part->bytes.ptr, part->bytes.len},
                                     .doing = "storing a part of",
                                     .action = "s3:PutObject",
                                     .patient = true};
  if (status == DIFFD_OK)
    status = diffd_s3_do(upload->s3, &upload->ctx, &call, ret, NULL, err);
  diffd_buffer_clean_up(&query);
  /* What is missing can only be the upload: an upload's parts have no keys of their own. */
  if (status == DIFFD_NOT_FOUND)
    status = diffd_fail(err, DIFFD_UNAVAILABLE, "S3 bucket \"%s\": S3 no longer knows the upload",
                        upload->s3->options.bucket);
  return status;
}

/* The threads. */

static struct part *take_locked(struct upload *upload) {
  struct part *part = upload->first;
  upload->first = part->next;
  if (upload->first == NULL)
    upload->last = &upload->first;
  upload->waiting--;
  upload->sending++;
  return part;
}

static void note_sent_locked(struct upload *upload, const struct part *part, enum diffd_status status,
                             const struct diffd_s3_object *object, struct diffd_error *err) {
  if (status == DIFFD_OK)
    status = diffd_s3_parts_set(&upload->parts, part->number, object->etag, err);
  if (status != DIFFD_OK && upload->failed == DIFFD_OK) {
    upload->failed = status;
    upload->failure = *err;
  }
  upload->sending--;
  upload->in_flight_bytes -= part->bytes.len;
  (void)pthread_cond_broadcast(&upload->changed);
}

static void *work(void *arg) {
  struct upload *upload = arg;
  (void)pthread_mutex_lock(&upload->lock);
  for (;;) {
    while (upload->first == NULL && !atomic_load(&upload->ended))
      (void)pthread_cond_wait(&upload->changed, &upload->lock);
    if (upload->first == NULL || atomic_load(&upload->ended))
      break;
    struct part *part = take_locked(upload);
    bool useful = upload->failed == DIFFD_OK;
    (void)pthread_mutex_unlock(&upload->lock);
    struct diffd_s3_object object;
    struct diffd_error err;
    enum diffd_status status = useful ? send_part(upload, part, &object, &err)
                                      : diffd_fail(&err, DIFFD_CANCELLED, "another part failed");
    (void)pthread_mutex_lock(&upload->lock);
    note_sent_locked(upload, part, status, &object, &err);
    diffd_buffer_clean_up(&part->bytes);
    free(part);
  }
  (void)pthread_mutex_unlock(&upload->lock);
  return NULL;
}

/* One thread more, where all are busy and there may be more. One alone is enough to get through. */
static enum diffd_status add_thread(struct upload *upload, struct diffd_error *err) {
  (void)pthread_mutex_lock(&upload->lock);
  bool wanted =
      upload->waiting + upload->sending > upload->thread_count && upload->thread_count < THREADS_MAX;
  (void)pthread_mutex_unlock(&upload->lock);
  if (!wanted)
    return DIFFD_OK;
  enum diffd_status status = diffd_thread_start(&upload->threads[upload->thread_count], work, upload, err);
  if (status == DIFFD_OK)
    upload->thread_count++;
  return upload->thread_count > 0 ? DIFFD_OK : status;
}

static void end_threads(struct upload *upload) {
  atomic_store(&upload->ended, true);
  (void)pthread_mutex_lock(&upload->lock);
  (void)pthread_cond_broadcast(&upload->changed);
  (void)pthread_mutex_unlock(&upload->lock);
  for (unsigned i = 0; i < upload->thread_count; i++)
    (void)pthread_join(upload->threads[i], NULL);
  upload->thread_count = 0;
}

/* The writing side. */

static enum diffd_status failure_locked(const struct upload *upload, struct diffd_error *err) {
  if (upload->failed != DIFFD_OK)
    *err = upload->failure;
  return upload->failed;
}

/* Waits until at most `parts` are on their way, and at most `bytes`. */
static enum diffd_status wait_for_room(struct upload *upload, unsigned parts, uint64_t bytes,
                                       struct diffd_error *err) {
  (void)pthread_mutex_lock(&upload->lock);
  while (upload->failed == DIFFD_OK && upload->waiting + upload->sending > 0 &&
         (upload->waiting + upload->sending > parts || upload->in_flight_bytes > bytes))
    (void)pthread_cond_wait(&upload->changed, &upload->lock);
  enum diffd_status status = failure_locked(upload, err);
  (void)pthread_mutex_unlock(&upload->lock);
  return status;
}

static enum diffd_status hand_over(struct upload *upload, struct diffd_error *err) {
  uint64_t len = upload->now.len;
  uint64_t room = len < DIFFD_S3_IN_FLIGHT_MAX ? DIFFD_S3_IN_FLIGHT_MAX - len : 0;
  enum diffd_status status = upload->begun ? DIFFD_OK : begin(upload, err);
  if (status == DIFFD_OK)
    status = wait_for_room(upload, THREADS_MAX - 1, room, err);
  if (status != DIFFD_OK)
    return status;
  struct part *part = calloc(1, sizeof *part);
  if (part == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a part of an upload");
  part->number = upload->number++;
  part->bytes = upload->now;
  upload->now = diffd_buffer_init(diffd_s3_part_bytes(upload->number));
  (void)pthread_mutex_lock(&upload->lock);
  *upload->last = part;
  upload->last = &part->next;
  upload->waiting++;
  upload->in_flight_bytes += len;
  (void)pthread_cond_broadcast(&upload->changed);
  (void)pthread_mutex_unlock(&upload->lock);
  return add_thread(upload, err);
}

static enum diffd_status upload_write(struct diffd_writer *self, const void *buf, size_t len,
                                      struct diffd_error *err) {
  struct upload *upload = (struct upload *)self;
  const char *bytes = buf;
  enum diffd_status status = DIFFD_OK;
  while (len > 0) {
    size_t room = diffd_s3_part_bytes(upload->number) - upload->now.len;
    if (room == 0) {
      if (upload->number == DIFFD_S3_PARTS_MAX)
        return diffd_fail(err, DIFFD_TOO_LARGE, "S3 bucket \"%s\": the object is larger than S3 takes",
                          upload->s3->options.bucket);
      if ((status = hand_over(upload, err)) != DIFFD_OK)
        return status;
      continue;
    }
    size_t now = len < room ? len : room;
    /* A part that is not the first will be full: all of it at once spares the copies of growing. */
    if (upload->number > 1 && upload->now.len == 0)
      status = diffd_buffer_reserve(&upload->now, room, err);
    if (status == DIFFD_OK)
      status = diffd_buffer_append(&upload->now, bytes, now, err);
    if (status != DIFFD_OK)
      return status;
    bytes += now;
    len -= now;
    upload->size += now;
  }
  return DIFFD_OK;
}

/* The end: one object of all parts, or none. */

/* Whether the object is there, made of our parts, although nobody said so. */
static bool is_made(struct upload *upload) {
  struct diffd_s3_object object;
  struct diffd_error ignored;
  return diffd_s3_head(upload->s3, &upload->ctx, key_of(upload), &object, &ignored) == DIFFD_OK &&
         diffd_s3_parts_made(&upload->parts, upload->size, &object);
}

/* S3 says 200 before it begins to put the object together, and may then say in the body that it failed. */
static enum diffd_status read_completion(struct upload *upload, const struct diffd_s3_call *call,
                                         struct diffd_span body, bool *ret_again, struct diffd_error *err) {
  struct diffd_s3_answer answer;
  char etag[DIFFD_S3_ETAG_MAX + 1];
  struct diffd_xml_field field = {"CompleteMultipartUploadResult/ETag", etag, sizeof etag, false};
  struct diffd_error ignored;
  const struct diffd_http_response response = {.status = 200};
  /* Blanks keep the connection alive meanwhile; before an XML declaration they are no XML. */
  for (; body.len > 0 && strchr(" \t\r\n", body.ptr[0]) != NULL; body.ptr++)
    body.len--;
  if (diffd_xml_fields(body, &field, 1, &ignored) == DIFFD_OK && field.found)
    return DIFFD_OK;
  diffd_s3_answer_read(&response, body, &answer);
  *ret_again = answer.code[0] == '\0' || diffd_s3_answer_remedy(&answer) == DIFFD_S3_TRY_AGAIN;
  if (answer.code[0] == '\0')
    return diffd_fail(err, DIFFD_UNAVAILABLE,
                      "S3 bucket \"%s\": %s did not say whether it put the parts together",
                      upload->s3->options.bucket, upload->s3->endpoint.authority);
  const struct diffd_s3_asked asked = diffd_s3_asked(upload->s3, call, "");
  return diffd_s3_answer_fail(&answer, &asked, err);
}

/* What S3 says of a condition: that it is not met, because somebody else was first, which is as good; or,
 * where a server does not know conditions, that it cannot tell: then the call is made again without. */
static enum diffd_status judge_condition(struct upload *upload, const struct diffd_s3_answer *answer,
                                         enum diffd_status status, bool *ret_again) {
  if (status == DIFFD_OK || !upload->only_new)
    return status;
  if (answer->status == 412) {
    upload->was_there = true;
    return DIFFD_OK;
  }
  if (answer->status == 501) {
    upload->only_new = false;
    *ret_again = true;
  }
  return status;
}

static enum diffd_status complete_once(struct upload *upload, const struct diffd_s3_call *call,
                                       bool *ret_again, struct diffd_error *err) {
  struct diffd_buffer body = diffd_buffer_init(SHORT_BODY_MAX);
  struct diffd_s3_answer answer = {0};
  *ret_again = false;
  enum diffd_status status = diffd_s3_ask(upload->s3, &upload->ctx, call, &body, &answer, err);
  if (status == DIFFD_OK)
    status = read_completion(upload, call, (struct diffd_span){body.len > 0 ? body.ptr : "", body.len},
                             ret_again, err);
  else /* The answer's head came and its body broke off. */
    *ret_again = status == DIFFD_UNAVAILABLE && answer.status >= 200 && answer.status <= 299;
  diffd_buffer_clean_up(&body);
  if (status == DIFFD_NOT_FOUND)
    status = diffd_fail(err, DIFFD_UNAVAILABLE, "S3 bucket \"%s\": S3 no longer knows the upload",
                        upload->s3->options.bucket);
  return judge_condition(upload, &answer, status, ret_again);
}

static enum diffd_status complete(struct upload *upload, struct diffd_error *err) {
  struct diffd_buffer query = diffd_buffer_init(QUERY_MAX), body = diffd_buffer_init(COMPLETE_MAX);
  bool again = true;
  enum diffd_status status = make_query(upload, "uploadId=", &query, err);
  if (status == DIFFD_OK)
    status = diffd_s3_parts_complete(&upload->parts, &body, err);
  if (status == DIFFD_OK) {
    const struct diffd_http_header headers[] = {{"Content-Type", "application/xml"}, {"If-None-Match", "*"}};
    struct diffd_s3_call call = {.method = "POST",
                                 .key = key_of(upload),
                                 .query = query.ptr,
                                 .headers = headers,
                                 .body = {body.ptr, body.len},
                                 .doing = "putting together",
                                 .action = "s3:PutObject",
                                 .patient = true};
    for (unsigned attempt = 1; again; attempt++) {
      call.header_count = upload->only_new ? 2 : 1;
      status = complete_once(upload, &call, &again, err);
      if (status == DIFFD_OK || status == DIFFD_CANCELLED)
        break;
      /* An answer that got lost leaves an object behind, and an upload that S3 no longer knows. */
      if (is_made(upload)) {
        status = DIFFD_OK;
        break;
      }
      again =
          again && attempt <= diffd_s3_retries(&call) && diffd_s3_pause(upload->s3, &upload->ctx, attempt);
    }
  }
  if (status == DIFFD_UNAVAILABLE && is_ended(upload))
    status = diffd_fail(err, DIFFD_CANCELLED, "putting an upload together was cancelled");
  diffd_buffer_clean_up(&query);
  diffd_buffer_clean_up(&body);
  return status;
}

static enum diffd_status put_whole(struct upload *upload, struct diffd_error *err) {
  const struct diffd_http_header headers[] = {{"Content-Type", upload->content_type}, {"If-None-Match", "*"}};
  struct diffd_s3_call call = {.method = "PUT",
                               .key = key_of(upload),
                               .headers = headers,
                               .body = {upload->now.len > 0 ? upload->now.ptr : "", upload->now.len},
                               .doing = "storing",
                               .action = "s3:PutObject",
                               .patient = true};
  struct diffd_s3_object object;
  enum diffd_status status = DIFFD_OK;
  for (bool again = true; again;) {
    struct diffd_s3_answer answer = {0};
    again = false;
    call.header_count = upload->only_new ? 2 : 1;
    status = diffd_s3_do(upload->s3, &upload->ctx, &call, &object, &answer, err);
    status = judge_condition(upload, &answer, status, &again);
  }
  return status;
}

static enum diffd_status upload_commit(struct diffd_writer *self, struct diffd_error *err) {
  struct upload *upload = (struct upload *)self;
  enum diffd_status status = DIFFD_OK;
  if (!upload->begun) {
    status = put_whole(upload, err);
  } else {
    if (upload->now.len > 0)
      status = hand_over(upload, err);
    if (status == DIFFD_OK)
      status = wait_for_room(upload, 0, 0, err);
    if (status == DIFFD_OK)
      status = complete(upload, err);
  }
  /* Parts that were not needed are taken back. */
  upload->done = status == DIFFD_OK && !upload->was_there;
  return status;
}

/* For a context that is cancelled already, or about to be, there is still this long. */
static bool is_over(void *arg) {
  const uint64_t *until_ms = arg;
  return diffd_monotonic_ms() >= *until_ms;
}

static void abort_upload(struct upload *upload) {
  uint64_t until_ms = diffd_monotonic_ms() + ABORT_TIMEOUT_MS;
  struct diffd_context ctx = *upload->outer;
  ctx.cancelled = is_over;
  ctx.cancelled_arg = &until_ms;
  struct diffd_buffer query = diffd_buffer_init(QUERY_MAX);
  struct diffd_s3_object object;
  struct diffd_error err;
  enum diffd_status status = make_query(upload, "uploadId=", &query, &err);
  const struct diffd_s3_call call = {.method = "DELETE",
                                     .key = key_of(upload),
                                     .query = query.ptr,
                                     .doing = "taking back",
                                     .action = "s3:AbortMultipartUpload"};
  struct diffd_s3_answer answer = {0};
  if (status == DIFFD_OK)
    status = diffd_s3_do(upload->s3, &ctx, &call, &object, &answer, &err);
  diffd_buffer_clean_up(&query);
  if (status == DIFFD_OK || status == DIFFD_NOT_FOUND || strcmp(answer.code, "NoSuchUpload") == 0)
    return;
  diffd_log(
      ctx.log, DIFFD_LOG_WARN, "upload-left-behind", {"bucket", upload->s3->options.bucket, 0},
      {"upload_id", upload->upload_id, 0}, {"reason", err.detail, 0},
      {"advice", "a lifecycle rule of the bucket, AbortIncompleteMultipartUpload, removes what is left", 0});
}

static void upload_destroy(struct diffd_writer *self) {
  struct upload *upload = (struct upload *)self;
  end_threads(upload);
  if (upload->begun && !upload->done)
    abort_upload(upload);
  while (upload->first != NULL) {
    struct part *part = take_locked(upload);
    diffd_buffer_clean_up(&part->bytes);
    free(part);
  }
  diffd_buffer_clean_up(&upload->now);
  diffd_s3_parts_clean_up(&upload->parts);
  (void)pthread_cond_destroy(&upload->changed);
  (void)pthread_mutex_destroy(&upload->lock);
  free(upload);
}

static const struct diffd_writer_ops upload_ops = {
    .write = upload_write, .commit = upload_commit, .destroy = upload_destroy};

enum diffd_status diffd_s3_upload(struct diffd_s3 *s3, const struct diffd_context *ctx, struct diffd_span key,
                                  const char *content_type, struct diffd_writer **ret,
                                  struct diffd_error *err) {
  if (key.len == 0 || key.len > DIFFD_S3_KEY_MAX || strlen(content_type) >= CONTENT_TYPE_MAX)
    return diffd_fail(err, DIFFD_INVALID, "a key of S3 has 1 to %d bytes", DIFFD_S3_KEY_MAX);
  struct upload *upload = calloc(1, sizeof *upload);
  if (upload == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for an upload");
  enum diffd_status status = diffd_cond_init(&upload->changed, err);
  if (status != DIFFD_OK) {
    free(upload);
    return status;
  }
  (void)pthread_mutex_init(&upload->lock, NULL);
  upload->base.ops = &upload_ops;
  upload->s3 = s3;
  upload->outer = ctx;
  upload->ctx = *ctx;
  upload->ctx.cancelled = is_ended;
  upload->ctx.cancelled_arg = upload;
  upload->number = 1;
  upload->now = diffd_buffer_init(diffd_s3_part_bytes(1));
  upload->last = &upload->first;
  memcpy(upload->key, key.ptr, key.len);
  upload->key_len = key.len;
  (void)snprintf(upload->content_type, sizeof upload->content_type, "%s", content_type);
  *ret = &upload->base;
  return DIFFD_OK;
}

enum diffd_status diffd_s3_upload_new(struct diffd_s3 *s3, const struct diffd_context *ctx,
                                      struct diffd_span key, const char *content_type,
                                      struct diffd_writer **ret, struct diffd_error *err) {
  enum diffd_status status = diffd_s3_upload(s3, ctx, key, content_type, ret, err);
  if (status == DIFFD_OK)
    ((struct upload *)*ret)->only_new = true;
  return status;
}
