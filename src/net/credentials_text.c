/* SPDX-License-Identifier: Apache-2.0 */
#include "net/credentials_text.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

enum { SAID_MAX = 200 /* bytes of a peer's message that are repeated */ };

void diffd_credentials_wipe(struct diffd_credentials *credentials) {
  explicit_bzero(credentials, sizeof *credentials);
}

void diffd_buffer_wipe(struct diffd_buffer *buffer) {
  if (buffer->ptr != NULL)
    explicit_bzero(buffer->ptr, buffer->cap);
  diffd_buffer_clean_up(buffer);
}

/* ---- what may stand in a header ---- */

static bool is_plain(struct diffd_span text) {
  for (size_t i = 0; i < text.len; i++)
    if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
      return false;
  return true;
}

static enum diffd_status set_text(struct diffd_span text, const char *what, char *ret, size_t size,
                                  struct diffd_error *err) {
  if (text.len >= size)
    return diffd_fail(err, DIFFD_INVALID, "the %s is longer than %zu characters", what, size - 1);
  if (!is_plain(text))
    return diffd_fail(err, DIFFD_INVALID, "the %s holds white space or another character that no %s has",
                      what, what);
  if (text.len > 0)
    memcpy(ret, text.ptr, text.len);
  ret[text.len] = '\0';
  return DIFFD_OK;
}

enum diffd_status diffd_credentials_set(struct diffd_span access_key_id, struct diffd_span secret_access_key,
                                        struct diffd_span session_token, struct diffd_credentials *ret,
                                        struct diffd_error *err) {
  struct diffd_credentials made = {.expires_at = INT64_MAX};
  if (access_key_id.len == 0 || secret_access_key.len == 0)
    return diffd_fail(err, DIFFD_INVALID, "the %s is missing",
                      access_key_id.len == 0 ? "access key id" : "secret access key");
  enum diffd_status status =
      set_text(access_key_id, "access key id", made.access_key_id, sizeof made.access_key_id, err);
  if (status == DIFFD_OK)
    status = set_text(secret_access_key, "secret access key", made.secret_access_key,
                      sizeof made.secret_access_key, err);
  if (status == DIFFD_OK)
    status = set_text(session_token, "session token", made.session_token, sizeof made.session_token, err);
  if (status == DIFFD_OK)
    *ret = made;
  diffd_credentials_wipe(&made);
  return status;
}

enum diffd_status diffd_token_trim(struct diffd_span text, const char *what, struct diffd_span *ret,
                                   struct diffd_error *err) {
  while (text.len > 0 && strchr(" \t\r\n", text.ptr[0]) != NULL && text.ptr[0] != '\0')
    text = (struct diffd_span){text.ptr + 1, text.len - 1};
  while (text.len > 0 && strchr(" \t\r\n", text.ptr[text.len - 1]) != NULL && text.ptr[text.len - 1] != '\0')
    text.len--;
  if (text.len == 0)
    return diffd_fail(err, DIFFD_INVALID, "%s is empty", what);
  for (size_t i = 0; i < text.len; i++)
    if ((unsigned char)text.ptr[i] < ' ' || (unsigned char)text.ptr[i] >= 0x7f)
      return diffd_fail(err, DIFFD_INVALID,
                        "%s holds a line break or another character that no header can hold", what);
  *ret = text;
  return DIFFD_OK;
}

/* ---- JSON ---- */

static struct diffd_span member(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  if (!json_is_string(value))
    return (struct diffd_span){0};
  return (struct diffd_span){json_string_value(value), json_string_length(value)};
}

/* Wipes what the parser keeps of the secrets. */
static void wipe_members(const json_t *object) {
  static const char *const keys[] = {"SecretAccessKey", "Token", "AccessKeyId"};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    struct diffd_span text = member(object, keys[i]);
    if (text.len > 0)
      explicit_bzero((void *)(uintptr_t)text.ptr, text.len);
  }
}

/* A peer's text as it may stand in an error: cut, printable. */
static void quote(struct diffd_span text, char ret[static SAID_MAX]) {
  size_t len = text.len < SAID_MAX - 1 ? text.len : SAID_MAX - 1;
  for (size_t i = 0; i < len; i++)
    ret[i] = text.ptr[i] >= ' ' && text.ptr[i] <= '~' ? text.ptr[i] : ' ';
  ret[len] = '\0';
}

/* What an answer says for people: `code: message`, of either spelling; "" where it says nothing. */
static void find_message(const json_t *object, char ret[static 2 * SAID_MAX]) {
  char code[SAID_MAX];
  char message[SAID_MAX];
  struct diffd_span spelt = member(object, "Code");
  quote(spelt.len > 0 ? spelt : member(object, "code"), code);
  spelt = member(object, "Message");
  quote(spelt.len > 0 ? spelt : member(object, "message"), message);
  (void)snprintf(ret, 2 * (size_t)SAID_MAX, "%s%s%s", code, code[0] != '\0' && message[0] != '\0' ? ": " : "",
                 message);
}

static enum diffd_status read_object(const json_t *root, struct diffd_credentials *ret,
                                     struct diffd_error *err) {
  char message[2 * SAID_MAX];
  struct diffd_instant expiry = {.seconds = INT64_MAX};
  struct diffd_span code = member(root, "Code");
  struct diffd_span expiration = member(root, "Expiration");
  find_message(root, message);
  if (code.len > 0 && (code.len != 7 || memcmp(code.ptr, "Success", 7) != 0))
    return diffd_fail(err, DIFFD_UNAVAILABLE, "it answered %s", message);
  if (expiration.len > 0 && diffd_rfc3339_parse(expiration, &expiry, err) != DIFFD_OK)
    return diffd_fail_within(err, "its answer's Expiration");
  enum diffd_status status = diffd_credentials_set(
      member(root, "AccessKeyId"), member(root, "SecretAccessKey"), member(root, "Token"), ret, err);
  if (status != DIFFD_OK)
    return diffd_fail_within(err, "its answer");
  ret->expires_at = expiry.seconds;
  return DIFFD_OK;
}

enum diffd_status diffd_credentials_from_json(struct diffd_span text, struct diffd_credentials *ret,
                                              struct diffd_error *err) {
  json_error_t fault;
  json_auto_t *root = json_loadb(text.len > 0 ? text.ptr : "", text.len, 0, &fault);
  /* The parser's own text may repeat what it stopped at, and so a secret. */
  if (root == NULL)
    return diffd_fail(err, DIFFD_INVALID, "its answer is not JSON: line %d, column %d", fault.line,
                      fault.column);
  if (!json_is_object(root))
    return diffd_fail(err, DIFFD_INVALID, "its answer is not a JSON object");
  enum diffd_status status = read_object(root, ret, err);
  wipe_members(root);
  return status;
}

enum diffd_status diffd_answer_refused(const struct diffd_answer *answer, const char *url,
                                       struct diffd_error *err) {
  char message[2 * SAID_MAX] = "";
  json_error_t fault;
  json_auto_t *root = json_loadb(answer->body.ptr, answer->body.len, 0, &fault);
  if (root != NULL) {
    find_message(root, message);
    wipe_members(root);
  }
  return diffd_fail(err, DIFFD_UNAVAILABLE, "%s answered %u%s%s", url, answer->status,
                    message[0] != '\0' ? ": " : "", message);
}

/* ---- files ---- */

static enum diffd_status read_all(int fd, const char *path, struct diffd_buffer *out,
                                  struct diffd_error *err) {
  /* All the room at once: growing would leave copies of secrets behind. */
  enum diffd_status status = diffd_buffer_reserve(out, out->max, err);
  while (status == DIFFD_OK) {
    ssize_t got = read(fd, out->ptr + out->len, out->max - out->len);
    if (got < 0 && errno != EINTR)
      return diffd_fail_errno(err, errno, "reading %s", path);
    if (got > 0)
      out->len += (size_t)got;
    if (got == 0)
      break;
    if (out->len == out->max)
      return diffd_fail(err, DIFFD_TOO_LARGE, "%s is longer than %zu bytes", path, out->max - 1);
  }
  if (status == DIFFD_OK)
    out->ptr[out->len] = '\0';
  return status;
}

enum diffd_status diffd_small_file_read(const char *path, size_t max_bytes, struct diffd_buffer *ret,
                                        struct diffd_error *err) {
  /* A pipe in the file's place must not hold us up. */
  CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  struct stat st;
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
    return diffd_fail(err, DIFFD_NOT_FOUND, "there is no file %s", path);
  if (fd < 0 || fstat(fd, &st) != 0)
    return diffd_fail_errno(err, errno, "opening %s", path);
  /* /dev/null is how people say "no file". */
  if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
    return diffd_fail(err, DIFFD_INVALID, "%s is not a regular file", path);
  struct diffd_buffer out = diffd_buffer_init(max_bytes + 1);
  enum diffd_status status = read_all(fd, path, &out, err);
  if (status == DIFFD_OK)
    *ret = out;
  else
    diffd_buffer_wipe(&out);
  return status;
}
