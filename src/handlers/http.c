/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/http.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json_text.h"

void diffd_response_clean_up(struct diffd_response *response) {
  diffd_buffer_clean_up(&response->body);
  diffd_reader_destroy(response->reader);
  response->reader = NULL;
  for (size_t i = 0; i < response->header_count; i++)
    free(response->headers[i].owned);
  response->header_count = 0;
  response->added_count = 0;
}

void diffd_response_drop_answer(struct diffd_response *response) {
  size_t kept = 0;
  for (size_t i = 0; i < response->header_count; i++)
    if (response->headers[i].of_answer)
      free(response->headers[i].owned);
    else
      response->headers[kept++] = response->headers[i];
  response->header_count = kept;
  response->status = 0;
  response->body.len = 0;
  response->size = -1;
  diffd_reader_destroy(response->reader);
  response->reader = NULL;
}

void diffd_response_header(struct diffd_response *response, const char *name, const char *value) {
  assert(response->header_count - response->added_count < DIFFD_RESPONSE_OWN_HEADERS_MAX);
  response->headers[response->header_count++] = (struct diffd_response_header){name, value, NULL, true};
}

/* What middlewares may do with requests and answers (diffd/middleware.h). */

const char *diffd_request_header(const struct diffd_request *request, const char *name) {
  for (size_t i = 0; i < request->header_count; i++)
    if (strcasecmp(request->headers[i].name, name) == 0)
      return request->headers[i].value;
  return NULL;
}

int diffd_response_status(const struct diffd_response *response) {
  return response->status;
}

/* RFC 9110, section 5.6.2. */
static bool is_token(const char *text) {
  static const char others[] = "!#$%&'*+-.^_`|~";
  for (const char *c = text; *c != '\0'; c++) {
    bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
    if (!letter && strchr(others, *c) == NULL)
      return false;
  }
  return text[0] != '\0';
}

/* RFC 9110, section 5.5: what could begin another line, or hide, is no part of a value. */
static bool is_field_value(const char *text) {
  for (const char *c = text; *c != '\0'; c++)
    if ((unsigned char)*c < ' ' ? *c != '\t' : *c == 0x7f)
      return false;
  return true;
}

/* One allocation that holds both strings. DIFFD_INVALID, DIFFD_NO_MEMORY. */
static enum diffd_status copy_header(const char *name, const char *value, struct diffd_response_header *ret,
                                     struct diffd_error *err) {
  if (!is_token(name))
    return diffd_fail(err, DIFFD_INVALID, "`%s` is no name for a header", name);
  if (!is_field_value(value))
    return diffd_fail(err, DIFFD_INVALID, "the value of %s holds a control character", name);
  size_t name_bytes = strlen(name) + 1;
  size_t value_bytes = strlen(value) + 1;
  char *owned = malloc(name_bytes + value_bytes);
  if (owned == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a header");
  memcpy(owned, name, name_bytes);
  memcpy(owned + name_bytes, value, value_bytes);
  *ret = (struct diffd_response_header){.name = owned, .value = owned + name_bytes, .owned = owned};
  return DIFFD_OK;
}

enum diffd_status diffd_response_answer(struct diffd_response *response, int status, const char *content_type,
                                        struct diffd_span body, struct diffd_error *err) {
  struct diffd_response_header type = {0};
  struct diffd_buffer copy = diffd_buffer_init(DIFFD_RESPONSE_BODY_MAX);
  enum diffd_status done = DIFFD_OK;
  if (status < 200 || status > 599)
    return diffd_fail(err, DIFFD_INVALID, "%d is no status to answer with: 200 to 599 are", status);
  if (content_type != NULL)
    done = copy_header("Content-Type", content_type, &type, err);
  if (done == DIFFD_OK && status != 204 && status != 304)
    done = diffd_buffer_append(&copy, body.ptr, body.len, err);
  if (done != DIFFD_OK) {
    free(type.owned);
    return done;
  }
  diffd_response_drop_answer(response);
  diffd_buffer_clean_up(&response->body);
  response->status = status;
  response->body = copy;
  if (type.owned != NULL) {
    type.of_answer = true;
    response->headers[response->header_count++] = type;
  }
  return DIFFD_OK;
}

enum diffd_status diffd_response_add_header(struct diffd_response *response, const char *name,
                                            const char *value, struct diffd_error *err) {
  static const char *const taken[] = {"Content-Type", "Content-Length", "Transfer-Encoding", "Connection",
                                      "Date"};
  for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
    if (strcasecmp(name, taken[i]) == 0)
      return diffd_fail(err, DIFFD_INVALID, "%s is not for a middleware to add", taken[i]);
  if (response->added_count == DIFFD_RESPONSE_ADDED_MAX)
    return diffd_fail(err, DIFFD_TOO_LARGE, "middlewares add more than %d headers to one answer",
                      DIFFD_RESPONSE_ADDED_MAX);
  struct diffd_response_header header;
  enum diffd_status status = copy_header(name, value, &header, err);
  if (status != DIFFD_OK)
    return status;
  response->headers[response->header_count++] = header;
  response->added_count++;
  return DIFFD_OK;
}

/* The handlers' answers. */

void diffd_response_empty(struct diffd_response *response, int status) {
  response->status = status;
}

/* A body that cannot be made whole is left out: the status alone is true, half a JSON object is not. */
static void keep_body(struct diffd_response *response, enum diffd_status status) {
  if (status != DIFFD_OK)
    response->body.len = 0;
}

void diffd_response_message(struct diffd_response *response, int status, const char *message) {
  static const char head[] = "{\"message\":";
  static const char tail[] = "}\n";
  struct diffd_error err;
  response->status = status;
  diffd_response_header(response, "Content-Type", "application/json");
  enum diffd_status made = diffd_buffer_append(&response->body, head, sizeof head - 1, &err);
  if (made == DIFFD_OK)
    made = diffd_json_append_string(&response->body, (struct diffd_span){message, strlen(message)}, &err);
  if (made == DIFFD_OK)
    made = diffd_buffer_append(&response->body, tail, sizeof tail - 1, &err);
  keep_body(response, made);
}

void diffd_response_text(struct diffd_response *response, int status, const char *text) {
  struct diffd_error err;
  response->status = status;
  diffd_response_header(response, "Content-Type", "text/plain; charset=utf-8");
  keep_body(response, diffd_buffer_append(&response->body, text, strlen(text), &err));
}

void diffd_response_retry_later(struct diffd_response *response) {
  diffd_response_header(response, "Retry-After", "5");
}
