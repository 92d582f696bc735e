/* SPDX-License-Identifier: Apache-2.0
 *
 * The places where credentials come from, one a file, and the order in which they are asked.
 */
#ifndef DIFFD_NET_CREDENTIALS_PROVIDER_H
#define DIFFD_NET_CREDENTIALS_PROVIDER_H

#include "net/credentials.h"

/* What every provider is asked with; borrowed for the call. */
struct diffd_provider_call {
  const struct diffd_credentials_options *options;
  const struct diffd_context *ctx;
};

/* A provider gives credentials; or DIFFD_NOT_FOUND with the reason why it is not set up, and the next one is
 * asked; or it is set up and fails: nobody else is asked then, for the credentials of another one would be
 * another identity than the one that was meant. Reasons are short and hold no secrets. Any thread. */
typedef enum diffd_status diffd_provider(const struct diffd_provider_call *call,
                                         struct diffd_credentials *ret, struct diffd_error *err);

diffd_provider
    diffd_environment_credentials; /* AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN */
diffd_provider diffd_web_identity_credentials; /* AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN */
diffd_provider diffd_profile_credentials;      /* the shared files */
diffd_provider diffd_container_credentials;    /* AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, _FULL_URI */
diffd_provider diffd_metadata_credentials;     /* EC2's instance metadata */

/* The token of a file, exchanged at STS for a role's credentials. The names are for texts of errors. `region`
 * may be NULL. */
struct diffd_web_identity {
  const char *token_file;
  const char *role_arn;
  const char *session_name; /* NULL: "vpcflow-diffd" */
  const char *region;
};
enum diffd_status diffd_assume_web_identity(const struct diffd_provider_call *call,
                                            const struct diffd_web_identity *identity,
                                            struct diffd_credentials *ret,
                                            struct diffd_error *err) DIFFD_MUST_CHECK;

/* Asks one after the other, in the order that the configuration wants. *ret_from_files says that the
 * credentials came from the shared files, which may change. DIFFD_UNAVAILABLE with each provider and its
 * reason, DIFFD_CANCELLED, DIFFD_NO_MEMORY. */
enum diffd_status diffd_credentials_chain(const struct diffd_provider_call *call,
                                          struct diffd_credentials *ret, bool *ret_from_files,
                                          struct diffd_error *err) DIFFD_MUST_CHECK;

/* The two shared files as the configuration names them, with `~` expanded. */
enum { DIFFD_CREDENTIALS_PATH_MAX = 4096 };
struct diffd_shared_files {
  char credentials[DIFFD_CREDENTIALS_PATH_MAX]; /* "" where there is no place for one: HOME is unset */
  char config[DIFFD_CREDENTIALS_PATH_MAX];
  const char *profile;   /* never NULL */
  bool profile_is_named; /* by a variable; else it is the default one */
};
/* DIFFD_INVALID: a path is too long, or `~` has no meaning because HOME is unset. */
enum diffd_status diffd_shared_files_find(const struct diffd_aws_config *config,
                                          struct diffd_shared_files *ret,
                                          struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
