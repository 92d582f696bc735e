/* SPDX-License-Identifier: Apache-2.0 */
#include "diffd/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
  const char *text;
  int http;
  bool permanent;
} statuses[DIFFD_STATUS_COUNT] = {
    [DIFFD_OK] = {"ok", 200, false},
    [DIFFD_END] = {"end of stream", 500, false},
    [DIFFD_NOT_FOUND] = {"not found", 404, false},
    [DIFFD_IN_PROGRESS] = {"in progress", 204, false},
    [DIFFD_EXISTS] = {"already exists", 409, false},
    [DIFFD_INVALID] = {"invalid input", 400, true},
    [DIFFD_TOO_LARGE] = {"too large", 413, true},
    [DIFFD_BUSY] = {"busy", 503, false},
    [DIFFD_BAD_GRAPH] = {"not a graph", 500, true},
    [DIFFD_BAD_LOGS] = {"broken flow logs", 500, true},
    [DIFFD_IO] = {"input/output error", 500, false},
    [DIFFD_NO_SPACE] = {"no space left", 500, false},
    [DIFFD_NO_MEMORY] = {"out of memory", 500, false},
    [DIFFD_UNAVAILABLE] = {"dependency unavailable", 500, false},
    [DIFFD_CANCELLED] = {"cancelled", 503, false},
    [DIFFD_INTERNAL] = {"internal error", 500, false},
};

/* Cuts an overlong detail before a UTF-8 character that would be halved, and keeps it on one line. */
static void tidy_detail(char *detail) {
  size_t len = strlen(detail);
  if (len == DIFFD_ERROR_DETAIL_MAX - 1) {
    while (len > 0 && ((unsigned char)detail[len - 1] & 0xC0) == 0x80)
      len--;
    if (len > 0 && (unsigned char)detail[len - 1] >= 0xC0)
      len--;
    detail[len] = '\0';
  }
  for (char *c = detail; *c != '\0'; c++)
    if (*c == '\n' || *c == '\r')
      *c = ' ';
}

enum diffd_status diffd_fail(struct diffd_error *err, enum diffd_status status, const char *fmt, ...) {
  va_list args;
  err->status = status;
  va_start(args, fmt);
  (void)vsnprintf(err->detail, sizeof err->detail, fmt, args);
  va_end(args);
  tidy_detail(err->detail);
  return status;
}

enum diffd_status diffd_fail_errno(struct diffd_error *err, int errnum, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  int used = vsnprintf(err->detail, sizeof err->detail, fmt, args);
  va_end(args);
  if (used >= 0 && (size_t)used < sizeof err->detail) {
    char text[128];
    (void)snprintf(err->detail + used, sizeof err->detail - (size_t)used, ": %s",
                   strerror_r(errnum, text, sizeof text));
  }
  tidy_detail(err->detail);
  if (errnum == ENOSPC || errnum == EDQUOT || errnum == EFBIG)
    err->status = DIFFD_NO_SPACE;
  else if (errnum == ENOMEM)
    err->status = DIFFD_NO_MEMORY;
  else
    err->status = DIFFD_IO;
  return err->status;
}

enum diffd_status diffd_fail_within(struct diffd_error *err, const char *fmt, ...) {
  char inner[DIFFD_ERROR_DETAIL_MAX];
  memcpy(inner, err->detail, sizeof inner);
  va_list args;
  va_start(args, fmt);
  int used = vsnprintf(err->detail, sizeof err->detail, fmt, args);
  va_end(args);
  if (used >= 0 && (size_t)used < sizeof err->detail)
    (void)snprintf(err->detail + used, sizeof err->detail - (size_t)used, ": %s", inner);
  tidy_detail(err->detail);
  return err->status;
}

const char *diffd_status_text(enum diffd_status status) {
  return (unsigned)status < DIFFD_STATUS_COUNT ? statuses[status].text : "unknown status";
}

int diffd_status_http(enum diffd_status status) {
  return (unsigned)status < DIFFD_STATUS_COUNT ? statuses[status].http : 500;
}

bool diffd_status_is_permanent(enum diffd_status status) {
  return (unsigned)status < DIFFD_STATUS_COUNT && statuses[status].permanent;
}
