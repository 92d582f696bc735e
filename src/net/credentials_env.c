/* SPDX-License-Identifier: Apache-2.0
 *
 * Credentials that stand in the environment themselves.
 */
#include <string.h>

#include "net/credentials_provider.h"
#include "net/credentials_text.h"

static struct diffd_span span_of(const char *text) {
  return text != NULL ? (struct diffd_span){text, strlen(text)} : (struct diffd_span){0};
}

enum diffd_status diffd_environment_credentials(const struct diffd_provider_call *call,
                                                struct diffd_credentials *ret, struct diffd_error *err) {
  const struct diffd_aws_config *config = call->options->config;
  if (config->access_key_id == NULL && config->secret_access_key == NULL)
    return diffd_fail(err, DIFFD_NOT_FOUND, "AWS_ACCESS_KEY_ID is not set");
  if (config->access_key_id == NULL || config->secret_access_key == NULL)
    return diffd_fail(err, DIFFD_INVALID, "%s is set, but %s is not: set both or neither",
                      config->access_key_id != NULL ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                      config->access_key_id != NULL ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
  return diffd_credentials_set(span_of(config->access_key_id), span_of(config->secret_access_key),
                               span_of(config->session_token), ret, err);
}
