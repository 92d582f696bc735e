/* SPDX-License-Identifier: Apache-2.0 */
#include "net/jetstream.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/openssl_library.h"

enum {
  API_MAX = 512,
  CODE_FULL = 10077,     /* a limit of the stream, with discard=new */
  CODE_MESSAGES = 10047, /* a limit of the account or server */
};

static enum diffd_status no_memory(struct diffd_error *err) {
  return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to ask NATS");
}

/* ---- answers ---- */

static enum diffd_status read_json(natsMsg *message, json_t **ret, struct diffd_error *err) {
  json_error_t fault;
  json_t *object =
      json_loadb(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message), JSON_ALLOW_NUL, &fault);
  if (json_is_object(object)) {
    *ret = object;
    return DIFFD_OK;
  }
  json_decref(object);
  return diffd_fail(err, DIFFD_UNAVAILABLE, "the answer of NATS is not a JSON object");
}

/* The error that an answer tells, or DIFFD_OK. */
static enum diffd_status check_answer(json_t *answer, int *ret_code, struct diffd_error *err) {
  json_t *error = json_object_get(answer, "error");
  if (error == NULL)
    return DIFFD_OK;
  const char *text = json_string_value(json_object_get(error, "description"));
  *ret_code = (int)json_integer_value(json_object_get(error, "err_code"));
  json_int_t http = json_integer_value(json_object_get(error, "code"));
  enum diffd_status status = http == 404 ? DIFFD_NOT_FOUND : DIFFD_UNAVAILABLE;
  if (*ret_code == CODE_FULL || *ret_code == CODE_MESSAGES)
    status = DIFFD_BUSY;
  return diffd_fail(err, status, "NATS answers: %s (%d)", text != NULL ? text : "an error", *ret_code);
}

static enum diffd_status ask(struct diffd_nats_link *link, const struct diffd_context *ctx,
                             const struct diffd_nats_post *post, json_t **ret, int *ret_code,
                             struct diffd_error *err) {
  natsMsg *message = NULL;
  json_t *answer = NULL;
  *ret_code = 0;
  enum diffd_status status = diffd_nats_request(link, ctx, post, DIFFD_JS_TIMEOUT_MS, &message, err);
  if (status != DIFFD_OK)
    return status;
  status = read_json(message, &answer, err);
  natsMsg_Destroy(message);
  if (status == DIFFD_OK)
    status = check_answer(answer, ret_code, err);
  if (status != DIFFD_OK) {
    json_decref(answer);
    return status;
  }
  *ret = answer;
  return DIFFD_OK;
}

enum diffd_status diffd_js_call(struct diffd_nats_link *link, const struct diffd_context *ctx,
                                const char *api, json_t *question, json_t **ret, int *ret_code,
                                struct diffd_error *err) {
  char subject[API_MAX];
  *ret_code = 0;
  if (snprintf(subject, sizeof subject, "$JS.API.%s", api) >= (int)sizeof subject)
    return diffd_fail(err, DIFFD_INVALID, "the names of a NATS stream are too long");
  CLEANUP(freep) char *text = question != NULL ? json_dumps(question, JSON_COMPACT) : NULL;
  if (question != NULL && text == NULL)
    return no_memory(err);
  const struct diffd_nats_post post = {.subject = subject,
                                       .body = {text != NULL ? text : "", text != NULL ? strlen(text) : 0}};
  enum diffd_status status = ask(link, ctx, &post, ret, ret_code, err);
  if (status == DIFFD_NOT_FOUND && *ret_code == 0)
    return diffd_fail(
        err, DIFFD_UNAVAILABLE,
        "the NATS server has no JetStream for this account: start it with `-js`, or enable it there");
  return status;
}

/* Asks with a question made here, and drops the answer. */
static enum diffd_status tell(struct diffd_nats_link *link, const struct diffd_context *ctx, const char *api,
                              json_t *question, struct diffd_error *err) {
  json_t *answer = NULL;
  int code;
  enum diffd_status status =
      question == NULL ? no_memory(err) : diffd_js_call(link, ctx, api, question, &answer, &code, err);
  json_decref(question);
  json_decref(answer);
  return status;
}

/* ---- streams ---- */

enum diffd_status diffd_js_find_stream(struct diffd_nats_link *link, const struct diffd_context *ctx,
                                       const char *subject, char name[static DIFFD_JS_NAME_MAX + 1],
                                       struct diffd_error *err) {
  json_auto_t *question = json_pack("{s:s}", "subject", subject);
  json_auto_t *answer = NULL;
  int code;
  if (question == NULL)
    return no_memory(err);
  enum diffd_status status = diffd_js_call(link, ctx, "STREAM.NAMES", question, &answer, &code, err);
  if (status != DIFFD_OK)
    return status;
  const char *found = json_string_value(json_array_get(json_object_get(answer, "streams"), 0));
  if (found == NULL || strlen(found) > DIFFD_JS_NAME_MAX)
    return diffd_fail(err, DIFFD_NOT_FOUND, "no stream of NATS has the subject %s", subject);
  memcpy(name, found, strlen(found) + 1);
  return DIFFD_OK;
}

enum diffd_status diffd_js_publish(struct diffd_nats_link *link, const struct diffd_context *ctx,
                                   const struct diffd_nats_post *post, uint64_t *ret_sequence,
                                   bool *ret_duplicate, struct diffd_error *err) {
  json_auto_t *answer = NULL;
  int code;
  enum diffd_status status = ask(link, ctx, post, &answer, &code, err);
  if (status == DIFFD_NOT_FOUND)
    return diffd_fail(err, status, "no stream of NATS has the subject %s", post->subject);
  if (status != DIFFD_OK)
    return status;
  json_t *sequence = json_object_get(answer, "seq");
  /* Whoever else listens to the subject may answer, too; only a stream's answer means that it is kept. */
  if (!json_is_integer(sequence) || json_integer_value(sequence) <= 0)
    return diffd_fail(err, DIFFD_UNAVAILABLE, "the answer of NATS does not say that the message is stored");
  *ret_sequence = (uint64_t)json_integer_value(sequence);
  *ret_duplicate = json_is_true(json_object_get(answer, "duplicate"));
  return DIFFD_OK;
}

/* ---- messages ---- */

static enum diffd_status decode(const char *text, size_t len, struct diffd_js_message *ret,
                                struct diffd_error *err) {
  if (len % 4 != 0 || len > INT_MAX / 2)
    return diffd_fail(err, DIFFD_UNAVAILABLE, "a message that NATS keeps came back garbled");
  enum diffd_status status = diffd_openssl_load(err);
  if (status != DIFFD_OK)
    return status;
  char *data = malloc(len / 4 * 3 + 1);
  if (data == NULL)
    return no_memory(err);
  int decoded = EVP_DecodeBlock((unsigned char *)data, (const unsigned char *)text, (int)len);
  if (decoded < 0) {
    free(data);
    return diffd_fail(err, DIFFD_UNAVAILABLE, "a message that NATS keeps came back garbled");
  }
  size_t padding = len > 0 && text[len - 1] == '=' ? (text[len - 2] == '=' ? 2 : 1) : 0;
  ret->len = (size_t)decoded - padding;
  ret->data = data;
  data[ret->len] = '\0';
  return DIFFD_OK;
}

static enum diffd_status get(struct diffd_nats_link *link, const struct diffd_context *ctx,
                             const char *stream, json_t *question, struct diffd_js_message *ret,
                             struct diffd_error *err) {
  char api[API_MAX];
  json_auto_t *answer = NULL;
  int code;
  (void)snprintf(api, sizeof api, "STREAM.MSG.GET.%s", stream);
  enum diffd_status status =
      question == NULL ? no_memory(err) : diffd_js_call(link, ctx, api, question, &answer, &code, err);
  json_decref(question);
  if (status != DIFFD_OK)
    return status;
  json_t *message = json_object_get(answer, "message");
  json_t *data = json_object_get(message, "data"); /* left out where it is empty */
  struct diffd_js_message found = {.sequence = (uint64_t)json_integer_value(json_object_get(message, "seq"))};
  const char *text = json_is_string(data) ? json_string_value(data) : "";
  status = decode(text, json_is_string(data) ? json_string_length(data) : 0, &found, err);
  if (status == DIFFD_OK)
    *ret = found;
  return status;
}

enum diffd_status diffd_js_get(struct diffd_nats_link *link, const struct diffd_context *ctx,
                               const char *stream, uint64_t sequence, struct diffd_js_message *ret,
                               struct diffd_error *err) {
  return get(link, ctx, stream, json_pack("{s:I}", "seq", (json_int_t)sequence), ret, err);
}

enum diffd_status diffd_js_get_last(struct diffd_nats_link *link, const struct diffd_context *ctx,
                                    const char *stream, const char *subject, struct diffd_js_message *ret,
                                    struct diffd_error *err) {
  return get(link, ctx, stream, json_pack("{s:s}", "last_by_subj", subject), ret, err);
}

enum diffd_status diffd_js_get_next(struct diffd_nats_link *link, const struct diffd_context *ctx,
                                    const char *stream, const char *subject, uint64_t sequence,
                                    struct diffd_js_message *ret, struct diffd_error *err) {
  return get(link, ctx, stream, json_pack("{s:I, s:s}", "seq", (json_int_t)sequence, "next_by_subj", subject),
             ret, err);
}

enum diffd_status diffd_js_purge(struct diffd_nats_link *link, const struct diffd_context *ctx,
                                 const char *stream, const char *subject, struct diffd_error *err) {
  char api[API_MAX];
  (void)snprintf(api, sizeof api, "STREAM.PURGE.%s", stream);
  return tell(link, ctx, api, json_pack("{s:s}", "filter", subject), err);
}

enum diffd_status diffd_js_delete(struct diffd_nats_link *link, const struct diffd_context *ctx,
                                  const char *stream, uint64_t sequence, struct diffd_error *err) {
  char api[API_MAX];
  (void)snprintf(api, sizeof api, "STREAM.MSG.DELETE.%s", stream);
  return tell(link, ctx, api, json_pack("{s:I, s:b}", "seq", (json_int_t)sequence, "no_erase", 1), err);
}
