/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/http.h"

#include <assert.h>
#include <string.h>

#include "base/json_text.h"

void diffd_response_clean_up(struct diffd_response *response) {
  diffd_buffer_clean_up(&response->body);
  diffd_reader_destroy(response->reader);
  response->reader = NULL;
}

void diffd_response_header(struct diffd_response *response, const char *name, const char *value) {
  assert(response->header_count < DIFFD_RESPONSE_HEADERS_MAX);
  response->headers[response->header_count++] = (struct diffd_response_header){name, value};
}

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
