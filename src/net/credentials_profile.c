/* SPDX-License-Identifier: Apache-2.0
 *
 * A profile of the shared files: keys, or a role that is assumed with the credentials of another profile, of
 * the environment, a container, the instance, or with a token.
 */
#include <stdio.h>
#include <string.h>

#include "net/credentials_provider.h"
#include "net/credentials_text.h"
#include "net/ini.h"
#include "net/shared_files.h"
#include "net/sts.h"

enum {
  CHAIN_MAX = 8, /* profiles that lead to each other */
  ARN_MAX = 2048,
  SESSION_NAME_MAX = 64,
  EXTERNAL_ID_MAX = 1224,
  DURATION_MAX = 8,
  REGION_MAX = 32,
};

/* The way from the profile that was asked for to the one with the keys. */
struct resolution {
  const struct diffd_provider_call *call;
  struct diffd_shared_texts texts;
  struct diffd_span visited[CHAIN_MAX];
  size_t depth;
};

/* What of a role has to be NUL-terminated. */
struct role_texts {
  char arn[ARN_MAX + 1];
  char session_name[SESSION_NAME_MAX + 1];
  char external_id[EXTERNAL_ID_MAX + 1];
  char duration[DURATION_MAX + 1];
  char region[REGION_MAX + 1];
};

#define NAME_OF(span) (int)((span).len < 64 ? (span).len : 64), (span).ptr

static bool is_set(const struct diffd_profile *profile, enum diffd_profile_key key) {
  return profile->values[key].len > 0;
}

static enum diffd_status copy(struct diffd_span value, const char *key, char *ret, size_t size,
                              struct diffd_error *err) {
  if (value.len >= size)
    return diffd_fail(err, DIFFD_INVALID, "%s is longer than %zu characters", key, size - 1);
  if (value.len > 0)
    memcpy(ret, value.ptr, value.len);
  ret[value.len] = '\0';
  return DIFFD_OK;
}

static const char *or_null(const char *text) {
  return text[0] != '\0' ? text : NULL;
}

static enum diffd_status copy_role(const struct diffd_profile *profile, struct role_texts *ret,
                                   struct diffd_error *err) {
  const struct diffd_span *values = profile->values;
  enum diffd_status status = copy(values[DIFFD_PROFILE_ROLE_ARN], "role_arn", ret->arn, sizeof ret->arn, err);
  if (status == DIFFD_OK)
    status = copy(values[DIFFD_PROFILE_ROLE_SESSION_NAME], "role_session_name", ret->session_name,
                  sizeof ret->session_name, err);
  if (status == DIFFD_OK)
    status = copy(values[DIFFD_PROFILE_EXTERNAL_ID], "external_id", ret->external_id, sizeof ret->external_id,
                  err);
  if (status == DIFFD_OK)
    status = copy(values[DIFFD_PROFILE_DURATION_SECONDS], "duration_seconds", ret->duration,
                  sizeof ret->duration, err);
  if (status == DIFFD_OK)
    status = copy(values[DIFFD_PROFILE_REGION], "region", ret->region, sizeof ret->region, err);
  if (status == DIFFD_OK && strspn(ret->duration, "0123456789") != strlen(ret->duration))
    return diffd_fail(err, DIFFD_INVALID, "duration_seconds is no number of seconds");
  return status;
}

/* ---- the credentials that assume a role ---- */

static enum diffd_status from_source(const struct resolution *resolution, struct diffd_span source,
                                     struct diffd_credentials *ret, struct diffd_error *err) {
  static const struct {
    const char *name;
    diffd_provider *provider;
  } sources[] = {
      {"Environment", diffd_environment_credentials},
      {"EcsContainer", diffd_container_credentials},
      {"Ec2InstanceMetadata", diffd_metadata_credentials},
  };
  for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
    if (!diffd_span_is_key(source, sources[i].name))
      continue;
    enum diffd_status status = sources[i].provider(resolution->call, ret, err);
    if (status == DIFFD_NOT_FOUND)
      err->status = DIFFD_INVALID; /* the profile wants this one, so nobody else is asked */
    return status == DIFFD_OK ? status : diffd_fail_within(err, "credential_source %s", sources[i].name);
  }
  return diffd_fail(err, DIFFD_INVALID,
                    "credential_source is %.*s: write Environment, EcsContainer or Ec2InstanceMetadata",
                    NAME_OF(source));
}

static enum diffd_status from_keys(const struct diffd_profile *profile, struct diffd_credentials *ret,
                                   struct diffd_error *err) {
  return diffd_credentials_set(profile->values[DIFFD_PROFILE_ACCESS_KEY_ID],
                               profile->values[DIFFD_PROFILE_SECRET_ACCESS_KEY],
                               profile->values[DIFFD_PROFILE_SESSION_TOKEN], ret, err);
}

static enum diffd_status resolve(struct resolution *resolution, struct diffd_span name,
                                 struct diffd_credentials *ret, struct diffd_error *err);

static enum diffd_status from_profile(struct resolution *resolution, const struct diffd_profile *profile,
                                      struct diffd_span name, struct diffd_credentials *ret,
                                      struct diffd_error *err) {
  struct diffd_span source = profile->values[DIFFD_PROFILE_SOURCE_PROFILE];
  /* A profile that is its own source has the keys as well. */
  if (source.len == name.len && memcmp(source.ptr, name.ptr, name.len) == 0)
    return from_keys(profile, ret, err);
  enum diffd_status status = resolve(resolution, source, ret, err);
  if (status == DIFFD_OK)
    return status;
  if (status == DIFFD_NOT_FOUND)
    err->status = DIFFD_INVALID;
  return diffd_fail_within(err, "source_profile");
}

static enum diffd_status find_source(struct resolution *resolution, const struct diffd_profile *profile,
                                     struct diffd_span name, struct diffd_credentials *ret,
                                     struct diffd_error *err) {
  bool has_profile = is_set(profile, DIFFD_PROFILE_SOURCE_PROFILE);
  bool has_source = is_set(profile, DIFFD_PROFILE_CREDENTIAL_SOURCE);
  if (has_profile && has_source)
    return diffd_fail(err, DIFFD_INVALID,
                      "it has both source_profile and credential_source: remove one of them");
  if (has_profile)
    return from_profile(resolution, profile, name, ret, err);
  if (has_source)
    return from_source(resolution, profile->values[DIFFD_PROFILE_CREDENTIAL_SOURCE], ret, err);
  return diffd_fail(
      err, DIFFD_INVALID,
      "it has role_arn, but nothing to assume the role with: add source_profile, credential_source or "
      "web_identity_token_file");
}

/* ---- one profile ---- */

static enum diffd_status assume_with_token(const struct resolution *resolution,
                                           const struct diffd_profile *profile, const struct role_texts *role,
                                           struct diffd_credentials *ret, struct diffd_error *err) {
  char written[DIFFD_CREDENTIALS_PATH_MAX];
  char path[DIFFD_CREDENTIALS_PATH_MAX];
  enum diffd_status status = copy(profile->values[DIFFD_PROFILE_WEB_IDENTITY_TOKEN_FILE],
                                  "web_identity_token_file", written, sizeof written, err);
  if (status == DIFFD_OK)
    status = diffd_expand_home(written, resolution->call->options->config->home, path, err);
  if (status != DIFFD_OK)
    return status;
  const struct diffd_web_identity identity = {.token_file = path,
                                              .role_arn = role->arn,
                                              .session_name = or_null(role->session_name),
                                              .region = or_null(role->region)};
  return diffd_assume_web_identity(resolution->call, &identity, ret, err);
}

static enum diffd_status assume(struct resolution *resolution, const struct diffd_profile *profile,
                                struct diffd_span name, struct diffd_credentials *ret,
                                struct diffd_error *err) {
  struct role_texts role;
  struct diffd_credentials source;
  if (is_set(profile, DIFFD_PROFILE_MFA_SERIAL))
    return diffd_fail(err, DIFFD_INVALID,
                      "it has mfa_serial, and nobody is there to type a code: use a role that needs none");
  enum diffd_status status = copy_role(profile, &role, err);
  if (status != DIFFD_OK)
    return status;
  if (is_set(profile, DIFFD_PROFILE_WEB_IDENTITY_TOKEN_FILE))
    return assume_with_token(resolution, profile, &role, ret, err);
  status = find_source(resolution, profile, name, &source, err);
  if (status != DIFFD_OK)
    return status;
  const struct diffd_sts_role wanted = {.role_arn = role.arn,
                                        .session_name = or_null(role.session_name),
                                        .external_id = or_null(role.external_id),
                                        .duration = or_null(role.duration),
                                        .region = or_null(role.region)};
  status = diffd_sts_assume_role(resolution->call, &wanted, &source, ret, err);
  diffd_credentials_wipe(&source);
  return status;
}

static enum diffd_status from_values(struct resolution *resolution, const struct diffd_profile *profile,
                                     struct diffd_span name, struct diffd_credentials *ret,
                                     struct diffd_error *err) {
  if (is_set(profile, DIFFD_PROFILE_ROLE_ARN))
    return assume(resolution, profile, name, ret, err);
  if (is_set(profile, DIFFD_PROFILE_ACCESS_KEY_ID) || is_set(profile, DIFFD_PROFILE_SECRET_ACCESS_KEY))
    return from_keys(profile, ret, err);
  if (is_set(profile, DIFFD_PROFILE_CREDENTIAL_PROCESS))
    return diffd_fail(
        err, DIFFD_INVALID,
        "it has credential_process, which is not supported: no program is run for credentials; write "
        "its keys into the file, or use a role");
  if (is_set(profile, DIFFD_PROFILE_SSO_SESSION) || is_set(profile, DIFFD_PROFILE_SSO_START_URL))
    return diffd_fail(err, DIFFD_INVALID,
                      "it is one of IAM Identity Center (SSO), which is not supported: run `aws configure "
                      "export-credentials --format env` and set what it prints, or use a role");
  return diffd_fail(err, DIFFD_NOT_FOUND, "it has neither aws_access_key_id nor role_arn");
}

static const char *shown(const char *path, bool exists, char text[static 512]) {
  (void)snprintf(text, 512, "%.400s%s", path[0] != '\0' ? path : "the home's file (HOME is not set)",
                 path[0] != '\0' && !exists ? " (no such file)" : "");
  return text;
}

static enum diffd_status no_profile(const struct resolution *resolution, struct diffd_span name,
                                    struct diffd_error *err) {
  char credentials[512];
  char config[512];
  const struct diffd_shared_texts *texts = &resolution->texts;
  return diffd_fail(err, DIFFD_NOT_FOUND, "no profile %.*s in %.120s or %.120s", NAME_OF(name),
                    shown(texts->files.credentials, texts->has_credentials, credentials),
                    shown(texts->files.config, texts->has_config, config));
}

static enum diffd_status resolve(struct resolution *resolution, struct diffd_span name,
                                 struct diffd_credentials *ret, struct diffd_error *err) {
  struct diffd_profile profile;
  for (size_t i = 0; i < resolution->depth; i++)
    if (resolution->visited[i].len == name.len && memcmp(resolution->visited[i].ptr, name.ptr, name.len) == 0)
      return diffd_fail(err, DIFFD_INVALID, "the profile %.*s leads back to itself", NAME_OF(name));
  if (resolution->depth == CHAIN_MAX)
    return diffd_fail(err, DIFFD_INVALID, "more than %d profiles lead to each other", CHAIN_MAX);
  resolution->visited[resolution->depth++] = name;
  enum diffd_status status = diffd_profile_read(&resolution->texts, name, &profile, err);
  if (status != DIFFD_OK)
    return status;
  if (!profile.found)
    return no_profile(resolution, name, err);
  status = from_values(resolution, &profile, name, ret, err);
  return status == DIFFD_OK ? status : diffd_fail_within(err, "profile %.*s", NAME_OF(name));
}

enum diffd_status diffd_profile_credentials(const struct diffd_provider_call *call,
                                            struct diffd_credentials *ret, struct diffd_error *err) {
  struct resolution resolution = {.call = call};
  enum diffd_status status = diffd_shared_texts_read(call->options->config, &resolution.texts, err);
  if (status != DIFFD_OK)
    return status;
  const char *name = resolution.texts.files.profile;
  struct diffd_span span = {name, strlen(name)};
  status = resolve(&resolution, span, ret, err);
  /* Whoever names a profile means that one, and not what comes after the files. */
  if (status == DIFFD_NOT_FOUND && resolution.texts.files.profile_is_named) {
    struct diffd_profile profile;
    struct diffd_error unread;
    if (diffd_profile_read(&resolution.texts, span, &profile, &unread) != DIFFD_OK || !profile.found)
      status = err->status = DIFFD_INVALID;
  }
  diffd_shared_texts_clean_up(&resolution.texts);
  return status;
}
