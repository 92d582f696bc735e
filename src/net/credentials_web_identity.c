/* SPDX-License-Identifier: Apache-2.0
 *
 * The token of an identity provider, as Kubernetes puts it into pods (IRSA), exchanged for a role's
 * credentials.
 */
#include "net/credentials_text.h"
#include "net/sts.h"

enum { TOKEN_MAX = 20000 /* bytes, as STS allows */ };

enum diffd_status diffd_assume_web_identity(const struct diffd_provider_call *call,
                                            const struct diffd_web_identity *identity,
                                            struct diffd_credentials *ret, struct diffd_error *err) {
  struct diffd_buffer text = {0};
  struct diffd_span token;
  /* Read anew each time: whoever gives the token out replaces it before it expires. */
  enum diffd_status status = diffd_small_file_read(identity->token_file, TOKEN_MAX, &text, err);
  if (status == DIFFD_NOT_FOUND)
    return diffd_fail(err, DIFFD_UNAVAILABLE, "there is no file %s", identity->token_file);
  if (status != DIFFD_OK)
    return status;
  const struct diffd_sts_role role = {
      .role_arn = identity->role_arn, .session_name = identity->session_name, .region = identity->region};
  status = diffd_token_trim((struct diffd_span){text.ptr, text.len}, identity->token_file, &token, err);
  if (status == DIFFD_OK)
    status = diffd_sts_assume_role_with_token(call, &role, token, ret, err);
  diffd_buffer_wipe(&text);
  return status;
}

enum diffd_status diffd_web_identity_credentials(const struct diffd_provider_call *call,
                                                 struct diffd_credentials *ret, struct diffd_error *err) {
  const struct diffd_aws_config *config = call->options->config;
  if (config->web_identity_token_file == NULL)
    return diffd_fail(err, DIFFD_NOT_FOUND, "AWS_WEB_IDENTITY_TOKEN_FILE is not set");
  if (config->role_arn == NULL)
    return diffd_fail(err, DIFFD_INVALID,
                      "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not: set both or neither");
  const struct diffd_web_identity identity = {.token_file = config->web_identity_token_file,
                                              .role_arn = config->role_arn,
                                              .session_name = config->role_session_name};
  return diffd_assume_web_identity(call, &identity, ret, err);
}
