/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent beside a container, of ECS, EKS Pod Identity, Greengrass and their kind
 * (https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html).
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "net/credentials_provider.h"
#include "net/credentials_text.h"
#include "net/fetch.h"
#include "net/url.h"

enum { TRIES = 3, PAUSE_MS = 100, TIMEOUT_MS = 2000, URL_MAX = 4096, TOKEN_MAX = 16 * 1024 };

#define ECS_AGENT "http://169.254.170.2"

/* Without TLS only these are asked: a variable that was set by somebody else must not send our token across a
 * network. */
static bool may_be_asked_plainly(const char *host) {
  struct in_addr v4;
  struct in6_addr v6;
  struct in6_addr eks;
  if (strcasecmp(host, "localhost") == 0)
    return true;
  if (inet_pton(AF_INET, host, &v4) == 1)
    return (ntohl(v4.s_addr) >> 24) == 127 || strcmp(host, "169.254.170.2") == 0 ||
           strcmp(host, "169.254.170.23") == 0;
  return inet_pton(AF_INET6, host, &v6) == 1 && inet_pton(AF_INET6, "fd00:ec2::23", &eks) == 1 &&
         (IN6_IS_ADDR_LOOPBACK(&v6) || IN6_ARE_ADDR_EQUAL(&v6, &eks));
}

static enum diffd_status find_url(const struct diffd_aws_config *config, char url[static URL_MAX],
                                  struct diffd_error *err) {
  const char *relative = config->container_relative_uri;
  const char *full = config->container_full_uri;
  if (relative == NULL && full == NULL)
    return diffd_fail(
        err, DIFFD_NOT_FOUND,
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI are not set");
  if (relative != NULL && relative[0] != '/')
    return diffd_fail(err, DIFFD_INVALID,
                      "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with a slash");
  int len = relative != NULL ? snprintf(url, URL_MAX, ECS_AGENT "%s", relative)
                             : snprintf(url, URL_MAX, "%s", full);
  const char *name =
      relative != NULL ? "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" : "AWS_CONTAINER_CREDENTIALS_FULL_URI";
  if (len < 0 || len >= URL_MAX)
    return diffd_fail(err, DIFFD_INVALID, "%s is longer than %d bytes", name, URL_MAX - 1);
  struct diffd_url_parts parts;
  enum diffd_status status = diffd_url_split(url, &parts, err);
  if (status != DIFFD_OK)
    return diffd_fail_within(err, "%s", name);
  if (!parts.https && !may_be_asked_plainly(parts.host))
    return diffd_fail(
        err, DIFFD_INVALID,
        "%s: the host %.100s is asked over https only; over http it must be localhost, a loopback "
        "address, 169.254.170.2, 169.254.170.23 or fd00:ec2::23",
        name, parts.host);
  return DIFFD_OK;
}

/* The Authorization, out of the file (read each time: its content is renewed) or the variable; absent for
 * none. */
static enum diffd_status find_token(const struct diffd_aws_config *config, struct diffd_buffer *file,
                                    struct diffd_span *ret, struct diffd_error *err) {
  const char *text = config->container_token;
  if (config->container_token_file != NULL) {
    enum diffd_status status = diffd_small_file_read(config->container_token_file, TOKEN_MAX, file, err);
    if (status == DIFFD_NOT_FOUND)
      return diffd_fail(err, DIFFD_UNAVAILABLE, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: there is no file %s",
                        config->container_token_file);
    if (status != DIFFD_OK)
      return diffd_fail_within(err, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    return diffd_token_trim((struct diffd_span){file->ptr, file->len}, config->container_token_file, ret,
                            err);
  }
  *ret = (struct diffd_span){0};
  return text == NULL ? DIFFD_OK
                      : diffd_token_trim((struct diffd_span){text, strlen(text)},
                                         "AWS_CONTAINER_AUTHORIZATION_TOKEN", ret, err);
}

static enum diffd_status ask(const struct diffd_provider_call *call, const char *url, const char *token,
                             struct diffd_credentials *ret, struct diffd_error *err) {
  const struct diffd_fetch_options how = {.client = call->options->direct_client,
                                          .clock = call->options->clock,
                                          .tries = TRIES,
                                          .pause_ms = PAUSE_MS,
                                          .timeout_ms = TIMEOUT_MS};
  const struct diffd_http_header headers[] = {{"Accept", "application/json"}, {"Authorization", token}};
  const struct diffd_http_request request = {
      .method = "GET", .url = url, .headers = headers, .header_count = token != NULL ? 2 : 1};
  struct diffd_answer answer;
  enum diffd_status status = diffd_fetch(&how, call->ctx, &request, &answer, err);
  if (status != DIFFD_OK)
    return status;
  if (answer.status != 200) {
    status = diffd_answer_refused(&answer, url, err);
  } else {
    status = diffd_credentials_from_json((struct diffd_span){answer.body.ptr, answer.body.len}, ret, err);
    if (status != DIFFD_OK)
      (void)diffd_fail_within(err, "%.200s", url);
  }
  diffd_answer_clean_up(&answer);
  return status;
}

enum diffd_status diffd_container_credentials(const struct diffd_provider_call *call,
                                              struct diffd_credentials *ret, struct diffd_error *err) {
  char url[URL_MAX];
  char token[TOKEN_MAX + 1] = "";
  struct diffd_buffer file = {0};
  struct diffd_span text;
  enum diffd_status status = find_url(call->options->config, url, err);
  if (status != DIFFD_OK)
    return status;
  status = find_token(call->options->config, &file, &text, err);
  if (status == DIFFD_OK && text.len > TOKEN_MAX)
    status = diffd_fail(err, DIFFD_INVALID, "AWS_CONTAINER_AUTHORIZATION_TOKEN is longer than %d bytes",
                        TOKEN_MAX);
  if (status == DIFFD_OK) {
    if (text.ptr != NULL)
      memcpy(token, text.ptr, text.len);
    status = ask(call, url, text.ptr != NULL ? token : NULL, ret, err);
  }
  explicit_bzero(token, sizeof token);
  diffd_buffer_wipe(&file);
  return status;
}
