/* SPDX-License-Identifier: Apache-2.0
 *
 * Profiles out of AWS's two shared files
 * (https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html).
 */
#ifndef DIFFD_NET_SHARED_FILES_H
#define DIFFD_NET_SHARED_FILES_H

#include "base/buffer.h"
#include "net/credentials_provider.h"

enum { DIFFD_SHARED_FILE_MAX = 1024 * 1024 /* bytes */ };

/* Both files' texts. A file that does not exist is empty. */
struct diffd_shared_texts {
  struct diffd_shared_files files;
  struct diffd_buffer credentials;
  struct diffd_buffer config;
  bool has_credentials; /* the file exists */
  bool has_config;
};
/* DIFFD_INVALID, DIFFD_IO, DIFFD_TOO_LARGE, DIFFD_NO_MEMORY; the texts name the file. */
enum diffd_status diffd_shared_texts_read(const struct diffd_aws_config *config,
                                          struct diffd_shared_texts *ret,
                                          struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_shared_texts_clean_up(struct diffd_shared_texts *texts); /* wipes them */

enum diffd_profile_key {
  DIFFD_PROFILE_ACCESS_KEY_ID,
  DIFFD_PROFILE_SECRET_ACCESS_KEY,
  DIFFD_PROFILE_SESSION_TOKEN,
  DIFFD_PROFILE_ROLE_ARN,
  DIFFD_PROFILE_SOURCE_PROFILE,
  DIFFD_PROFILE_CREDENTIAL_SOURCE,
  DIFFD_PROFILE_EXTERNAL_ID,
  DIFFD_PROFILE_ROLE_SESSION_NAME,
  DIFFD_PROFILE_DURATION_SECONDS,
  DIFFD_PROFILE_WEB_IDENTITY_TOKEN_FILE,
  DIFFD_PROFILE_MFA_SERIAL,
  DIFFD_PROFILE_CREDENTIAL_PROCESS,
  DIFFD_PROFILE_SSO_SESSION,
  DIFFD_PROFILE_SSO_START_URL,
  DIFFD_PROFILE_REGION,
  DIFFD_PROFILE_KEYS
};

/* A profile's values: spans of the texts; what is not set, or empty, has len == 0. */
struct diffd_profile {
  bool found; /* a section of that name exists */
  struct diffd_span values[DIFFD_PROFILE_KEYS];
};
/* Collects a profile: what the credentials file says goes before what the config file says, and keys are
 * never mixed of both. DIFFD_INVALID with file and line. */
enum diffd_status diffd_profile_read(const struct diffd_shared_texts *texts, struct diffd_span name,
                                     struct diffd_profile *ret, struct diffd_error *err) DIFFD_MUST_CHECK;

/* A path with a leading `~` expanded. DIFFD_INVALID where it is too long or HOME is unset. */
enum diffd_status diffd_expand_home(const char *path, const char *home,
                                    char ret[static DIFFD_CREDENTIALS_PATH_MAX],
                                    struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
