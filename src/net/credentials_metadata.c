/* SPDX-License-Identifier: Apache-2.0
 *
 * The instance metadata service of EC2, version 2, falling back to version 1
 * (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html).
 */
#include <stdio.h>
#include <string.h>

#include "net/credentials_provider.h"
#include "net/credentials_text.h"
#include "net/fetch.h"

enum {
  TIMEOUT_MS = 1000,
  TRIES = 3,
  PAUSE_MS = 100,
  URL_MAX = 1024,
  ROLE_MAX = 128,
  TOKEN_MAX = 1024,
  EXTENSION_SECONDS = 600,
};

#define DEFAULT_ENDPOINT "http://169.254.169.254"
#define TOKEN_PATH       "/latest/api/token"
#define ROLES_PATH       "/latest/meta-data/iam/security-credentials/"

/* One conversation with the service. */
struct session {
  const struct diffd_provider_call *call;
  char endpoint[URL_MAX / 2];
  char token[TOKEN_MAX + 1]; /* "" for version 1 */
  char no_token[256];        /* why there is none */
};

static enum diffd_status ask(struct session *session, const char *method, const char *path, const char *more,
                             unsigned tries, struct diffd_answer *ret, struct diffd_error *err) {
  const struct diffd_fetch_options how = {.client = session->call->options->direct_client,
                                          .clock = session->call->options->clock,
                                          .tries = tries,
                                          .pause_ms = PAUSE_MS,
                                          .timeout_ms = TIMEOUT_MS};
  const bool asks_token = strcmp(method, "PUT") == 0;
  const struct diffd_http_header header = {asks_token ? "X-aws-ec2-metadata-token-ttl-seconds"
                                                      : "X-aws-ec2-metadata-token",
                                           asks_token ? "21600" : session->token};
  char url[URL_MAX];
  (void)snprintf(url, sizeof url, "%s%s%s", session->endpoint, path, more);
  const struct diffd_http_request request = {.method = method,
                                             .url = url,
                                             .headers = &header,
                                             .header_count = asks_token || session->token[0] != '\0' ? 1 : 0,
                                             .body = {asks_token ? "" : NULL, 0}};
  return diffd_fetch(&how, session->call->ctx, &request, ret, err);
}

/* Asks for a token. Without one the session goes on with version 1, and remembers why: in a container the
 * answer to the PUT does not arrive where the instance's hop limit is 1. */
static enum diffd_status begin_session(struct session *session, struct diffd_error *err) {
  struct diffd_answer answer = {0};
  struct diffd_span token;
  enum diffd_status status = ask(session, "PUT", TOKEN_PATH, "", 1, &answer, err);
  if (status == DIFFD_UNAVAILABLE || status == DIFFD_TOO_LARGE) {
    (void)snprintf(session->no_token, sizeof session->no_token, "%.250s", err->detail);
    return DIFFD_OK;
  }
  if (status != DIFFD_OK)
    return status;
  if (answer.status != 200) {
    (void)snprintf(session->no_token, sizeof session->no_token, "it answered %u", answer.status);
  } else if (diffd_token_trim((struct diffd_span){answer.body.ptr, answer.body.len}, "the token", &token,
                              err) != DIFFD_OK ||
             token.len > TOKEN_MAX) {
    (void)snprintf(session->no_token, sizeof session->no_token, "what it answered is no token");
  } else {
    memcpy(session->token, token.ptr, token.len);
    session->token[token.len] = '\0';
  }
  diffd_answer_clean_up(&answer);
  return DIFFD_OK;
}

/* GETs a path; whatever is no 200 fails. */
static enum diffd_status get(struct session *session, const char *more, struct diffd_answer *ret,
                             struct diffd_error *err) {
  struct diffd_answer answer;
  /* Where not even the token was answered, one try is enough to see that nobody is there. */
  unsigned tries = session->token[0] != '\0' ? TRIES : 1;
  enum diffd_status status = ask(session, "GET", ROLES_PATH, more, tries, &answer, err);
  if (status != DIFFD_OK)
    return status;
  if (answer.status == 200) {
    *ret = answer;
    return DIFFD_OK;
  }
  unsigned code = answer.status;
  diffd_answer_clean_up(&answer);
  if (code == 401 && session->token[0] == '\0')
    return diffd_fail(
        err, DIFFD_UNAVAILABLE,
        "it wants a token (version 2), and there was none: %s; in a container, set the instance's "
        "metadata hop limit (HttpPutResponseHopLimit) to 2",
        session->no_token);
  if (code == 404)
    return diffd_fail(err, DIFFD_NOT_FOUND, "the instance has no role: give it an instance profile");
  return diffd_fail(err, DIFFD_UNAVAILABLE, "it answered %u", code);
}

/* The role's name is the first line; it becomes a part of the next path. */
static enum diffd_status read_role(const struct diffd_answer *answer, char role[static ROLE_MAX + 1],
                                   struct diffd_error *err) {
  static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+=,.@-";
  size_t len = strcspn(answer->body.ptr, "\r\n");
  if (len == 0)
    return diffd_fail(err, DIFFD_NOT_FOUND, "the instance has no role: give it an instance profile");
  if (len > ROLE_MAX || strspn(answer->body.ptr, allowed) != len)
    return diffd_fail(err, DIFFD_UNAVAILABLE, "what it answered is no role's name");
  memcpy(role, answer->body.ptr, len);
  role[len] = '\0';
  return DIFFD_OK;
}

static enum diffd_status talk(struct session *session, struct diffd_credentials *ret,
                              struct diffd_error *err) {
  struct diffd_answer answer = {0};
  char role[ROLE_MAX + 1];
  enum diffd_status status = begin_session(session, err);
  if (status == DIFFD_OK)
    status = get(session, "", &answer, err);
  if (status == DIFFD_OK)
    status = read_role(&answer, role, err);
  diffd_answer_clean_up(&answer);
  if (status != DIFFD_OK)
    return status;
  answer = (struct diffd_answer){0};
  status = get(session, role, &answer, err);
  if (status == DIFFD_OK)
    status = diffd_credentials_from_json((struct diffd_span){answer.body.ptr, answer.body.len}, ret, err);
  diffd_answer_clean_up(&answer);
  if (status != DIFFD_OK)
    return status;
  /* While the service cannot renew, it goes on giving credentials that are over by its own word, and AWS
   * takes them: its tools then use them some minutes longer. */
  int64_t now = session->call->options->clock->wall(session->call->options->clock->arg).seconds;
  if (ret->expires_at <= now)
    ret->expires_at = now + EXTENSION_SECONDS;
  return DIFFD_OK;
}

enum diffd_status diffd_metadata_credentials(const struct diffd_provider_call *call,
                                             struct diffd_credentials *ret, struct diffd_error *err) {
  const struct diffd_aws_config *config = call->options->config;
  const char *endpoint = config->metadata_endpoint != NULL ? config->metadata_endpoint : DEFAULT_ENDPOINT;
  struct session session = {.call = call};
  size_t len = strlen(endpoint);
  if (config->metadata_disabled)
    return diffd_fail(err, DIFFD_NOT_FOUND, "AWS_EC2_METADATA_DISABLED is true");
  while (len > 0 && endpoint[len - 1] == '/')
    len--;
  if (len >= sizeof session.endpoint)
    return diffd_fail(err, DIFFD_INVALID, "AWS_EC2_METADATA_SERVICE_ENDPOINT is longer than %zu bytes",
                      sizeof session.endpoint - 1);
  memcpy(session.endpoint, endpoint, len);
  enum diffd_status status = talk(&session, ret, err);
  explicit_bzero(session.token, sizeof session.token);
  if (status == DIFFD_OK || status == DIFFD_CANCELLED || status == DIFFD_NO_MEMORY)
    return status;
  return diffd_fail_within(err, "%s", session.endpoint);
}
