/* SPDX-License-Identifier: Apache-2.0 */
#include "bearer.h"

#include <diffd/log.h>
#include <string.h>
#include <strings.h>

/* Takes as long for a near miss as for any other, so that time does not tell how much of a guess was right.
 */
static bool is_same(const char *token, const char *guess) {
  size_t len = strlen(token);
  unsigned char differs = strlen(guess) != len;
  for (size_t i = 0; i < len && !(differs && guess[i] == '\0'); i++)
    differs |= (unsigned char)(token[i] ^ guess[i]);
  return differs == 0;
}

static bool has_token(const struct bearer *bearer, const struct diffd_request *request) {
  static const char scheme[] = "Bearer ";
  const char *value = diffd_request_header(request, "Authorization");
  return value != NULL && strncasecmp(value, scheme, sizeof scheme - 1) == 0 &&
         is_same(bearer->token, value + sizeof scheme - 1);
}

static enum diffd_verdict before(struct diffd_middleware *self, const struct diffd_context *ctx,
                                 const struct diffd_request *request, struct diffd_response *response) {
  static const char body[] = "{\"message\":\"a token is needed\"}\n";
  struct diffd_error err;
  if (has_token((const struct bearer *)self, request))
    return DIFFD_PASS_ON;
  enum diffd_status status = diffd_response_answer(response, 401, "application/json",
                                                   (struct diffd_span){body, sizeof body - 1}, &err);
  if (status == DIFFD_OK)
    status = diffd_response_add_header(response, "WWW-Authenticate", "Bearer", &err);
  diffd_log(ctx->log, DIFFD_LOG_INFO, "unauthorized",
            {"reason", status == DIFFD_OK ? "no token" : err.detail, 0}, {"request_id", ctx->request_id, 0});
  /* Whatever went wrong, the request goes no further. */
  return DIFFD_ANSWERED;
}

static void destroy(struct diffd_middleware *self) {
  (void)self;
}

static const struct diffd_middleware_ops ops = {.before = before, .destroy = destroy};

struct bearer bearer_middleware(const char *token) {
  return (struct bearer){.base = {&ops}, .token = token};
}
