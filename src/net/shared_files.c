/* SPDX-License-Identifier: Apache-2.0 */
#include "net/shared_files.h"

#include <stdio.h>
#include <string.h>

#include "net/credentials_text.h"
#include "net/ini.h"

/* ---- where they are ---- */

enum diffd_status diffd_expand_home(const char *path, const char *home,
                                    char ret[static DIFFD_CREDENTIALS_PATH_MAX], struct diffd_error *err) {
  bool at_home = path[0] == '~' && (path[1] == '/' || path[1] == '\0');
  if (at_home && home == NULL)
    return diffd_fail(err, DIFFD_INVALID,
                      "%.200s: HOME is not set, so ~ has no meaning; write the whole path", path);
  int len = snprintf(ret, DIFFD_CREDENTIALS_PATH_MAX, "%s%s", at_home ? home : "", at_home ? path + 1 : path);
  if (len < 0 || len >= DIFFD_CREDENTIALS_PATH_MAX)
    return diffd_fail(err, DIFFD_INVALID, "the path %.100s... is too long", path);
  return DIFFD_OK;
}

/* A named file, or one of the home's defaults; "" where there is no home. */
static enum diffd_status find_file(const char *named, const char *fallback, const char *home,
                                   char ret[static DIFFD_CREDENTIALS_PATH_MAX], struct diffd_error *err) {
  if (named == NULL && home == NULL) {
    ret[0] = '\0';
    return DIFFD_OK;
  }
  return diffd_expand_home(named != NULL ? named : fallback, home, ret, err);
}

enum diffd_status diffd_shared_files_find(const struct diffd_aws_config *config,
                                          struct diffd_shared_files *ret, struct diffd_error *err) {
  const char *credentials = config->shared_credentials_file;
  const char *profile = config->profile;
  /* The original's own two variables count where it takes no role. */
  if (!config->use_iam && config->credentials_file != NULL)
    credentials = config->credentials_file;
  if (!config->use_iam && config->credentials_profile != NULL)
    profile = config->credentials_profile;
  ret->profile = profile != NULL ? profile : "default";
  ret->profile_is_named = profile != NULL;
  enum diffd_status status =
      find_file(credentials, "~/.aws/credentials", config->home, ret->credentials, err);
  if (status == DIFFD_OK)
    status = find_file(config->config_file, "~/.aws/config", config->home, ret->config, err);
  return status;
}

/* ---- their texts ---- */

static enum diffd_status read_text(const char *path, struct diffd_buffer *text, bool *has,
                                   struct diffd_error *err) {
  enum diffd_status status =
      path[0] == '\0' ? DIFFD_NOT_FOUND : diffd_small_file_read(path, DIFFD_SHARED_FILE_MAX, text, err);
  *has = status == DIFFD_OK;
  return status == DIFFD_NOT_FOUND ? DIFFD_OK : status;
}

enum diffd_status diffd_shared_texts_read(const struct diffd_aws_config *config,
                                          struct diffd_shared_texts *ret, struct diffd_error *err) {
  struct diffd_shared_texts texts = {0};
  enum diffd_status status = diffd_shared_files_find(config, &texts.files, err);
  if (status == DIFFD_OK)
    status = read_text(texts.files.credentials, &texts.credentials, &texts.has_credentials, err);
  if (status == DIFFD_OK)
    status = read_text(texts.files.config, &texts.config, &texts.has_config, err);
  if (status == DIFFD_OK)
    *ret = texts;
  else
    diffd_shared_texts_clean_up(&texts);
  return status;
}

void diffd_shared_texts_clean_up(struct diffd_shared_texts *texts) {
  diffd_buffer_wipe(&texts->credentials);
  diffd_buffer_wipe(&texts->config);
}

/* ---- a profile ---- */

static const char *const keys[DIFFD_PROFILE_KEYS] = {
    [DIFFD_PROFILE_ACCESS_KEY_ID] = "aws_access_key_id",
    [DIFFD_PROFILE_SECRET_ACCESS_KEY] = "aws_secret_access_key",
    [DIFFD_PROFILE_SESSION_TOKEN] = "aws_session_token",
    [DIFFD_PROFILE_ROLE_ARN] = "role_arn",
    [DIFFD_PROFILE_SOURCE_PROFILE] = "source_profile",
    [DIFFD_PROFILE_CREDENTIAL_SOURCE] = "credential_source",
    [DIFFD_PROFILE_EXTERNAL_ID] = "external_id",
    [DIFFD_PROFILE_ROLE_SESSION_NAME] = "role_session_name",
    [DIFFD_PROFILE_DURATION_SECONDS] = "duration_seconds",
    [DIFFD_PROFILE_WEB_IDENTITY_TOKEN_FILE] = "web_identity_token_file",
    [DIFFD_PROFILE_MFA_SERIAL] = "mfa_serial",
    [DIFFD_PROFILE_CREDENTIAL_PROCESS] = "credential_process",
    [DIFFD_PROFILE_SSO_SESSION] = "sso_session",
    [DIFFD_PROFILE_SSO_START_URL] = "sso_start_url",
    [DIFFD_PROFILE_REGION] = "region",
};

static bool same(struct diffd_span a, struct diffd_span b) {
  return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

/* The profile's name in a section of the config file: `default`, `profile NAME`, `profile "NAME"`; else
 * absent. */
static struct diffd_span profile_of_section(struct diffd_span section) {
  static const char word[] = "profile";
  size_t len = strlen(word);
  if (diffd_span_is(section, "default"))
    return section;
  if (section.len <= len || memcmp(section.ptr, word, len) != 0 ||
      (section.ptr[len] != ' ' && section.ptr[len] != '\t'))
    return (struct diffd_span){0};
  struct diffd_span name = {section.ptr + len, section.len - len};
  while (name.len > 0 && (name.ptr[0] == ' ' || name.ptr[0] == '\t'))
    name = (struct diffd_span){name.ptr + 1, name.len - 1};
  if (name.len >= 2 && name.ptr[0] == '"' && name.ptr[name.len - 1] == '"')
    name = (struct diffd_span){name.ptr + 1, name.len - 2};
  return name;
}

static void take(struct diffd_profile *profile, const struct diffd_ini_setting *setting, bool *has_keys) {
  size_t key = 0;
  while (key < DIFFD_PROFILE_KEYS && !diffd_span_is_key(setting->key, keys[key]))
    key++;
  if (key == DIFFD_PROFILE_KEYS)
    return;
  if (key <= DIFFD_PROFILE_SESSION_TOKEN && !*has_keys) {
    for (size_t i = 0; i <= DIFFD_PROFILE_SESSION_TOKEN; i++)
      profile->values[i] = (struct diffd_span){0};
    *has_keys = true;
  }
  profile->values[key] = setting->value;
}

/* Adds one file's settings of that profile. */
static enum diffd_status add_file(const struct diffd_buffer *text, const char *path, bool is_config,
                                  struct diffd_span name, struct diffd_profile *profile,
                                  struct diffd_error *err) {
  struct diffd_ini ini = {.rest = {text->ptr, text->len}};
  struct diffd_ini_setting setting;
  enum diffd_status status;
  bool has_keys = false; /* this file's own, which replace those of the file before */
  while ((status = diffd_ini_next(&ini, &setting, err)) == DIFFD_OK) {
    struct diffd_span section = is_config ? profile_of_section(setting.section) : setting.section;
    if (section.ptr == NULL || !same(section, name))
      continue;
    profile->found = true;
    take(profile, &setting, &has_keys);
  }
  return status == DIFFD_END ? DIFFD_OK : diffd_fail_within(err, "%s", path);
}

enum diffd_status diffd_profile_read(const struct diffd_shared_texts *texts, struct diffd_span name,
                                     struct diffd_profile *ret, struct diffd_error *err) {
  struct diffd_profile profile = {0};
  enum diffd_status status = add_file(&texts->config, texts->files.config, true, name, &profile, err);
  if (status == DIFFD_OK)
    status = add_file(&texts->credentials, texts->files.credentials, false, name, &profile, err);
  if (status == DIFFD_OK)
    *ret = profile;
  return status;
}
