/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log_names.h"

#include <stdio.h>
#include <string.h>

#include "base/rfc3339.h"

enum { PARTS_MAX = 6, HOUR = 3600, DAY = 86400 };

static const char service[] = "vpcflowlogs";

static bool ends_with(struct diffd_span text, const char *end) {
  size_t len = strlen(end);
  return text.len >= len && memcmp(text.ptr + text.len - len, end, len) == 0;
}

static bool begins_with(struct diffd_span text, const char *begin) {
  size_t len = strlen(begin);
  return text.len >= len && memcmp(text.ptr, begin, len) == 0;
}

static bool is_digits(struct diffd_span text, size_t len) {
  if (text.len != len)
    return false;
  for (size_t i = 0; i < len; i++)
    if (text.ptr[i] < '0' || text.ptr[i] > '9')
      return false;
  return true;
}

static struct diffd_span part_of(struct diffd_span text, size_t begin, size_t len) {
  return (struct diffd_span){text.ptr + begin, len};
}

enum diffd_log_name_kind diffd_log_name_kind(struct diffd_span name) {
  if (name.len == 0 || name.ptr[0] == '.')
    return DIFFD_LOG_NAME_OTHER;
  if (ends_with(name, ".log"))
    return DIFFD_LOG_NAME_PLAIN;
  return ends_with(name, ".log.gz") ? DIFFD_LOG_NAME_GZIP : DIFFD_LOG_NAME_OTHER;
}

/* The second of a time whose parts are digits already; false for a 30 February. */
static bool make_time(const char year[static 4], const char month[static 2], const char day[static 2],
                      const char hour[static 2], const char minute[static 2], int64_t *ret) {
  char text[DIFFD_TIME_TEXT_MAX];
  struct diffd_instant instant;
  struct diffd_error err;
  int len = snprintf(text, sizeof text, "%.4s-%.2s-%.2sT%.2s:%.2s:00Z", year, month, day, hour, minute);
  if (diffd_rfc3339_parse((struct diffd_span){text, (size_t)len}, &instant, &err) != DIFFD_OK)
    return false;
  *ret = instant.seconds;
  return true;
}

/* `..._vpcflowlogs_..._YYYYMMDDTHHmmZ_HASH`, read from its end. */
bool diffd_log_name_time(struct diffd_span name, int64_t *ret_written) {
  static const char middle[] = "_vpcflowlogs_";
  enum { STAMP = sizeof "_YYYYMMDDTHHmmZ_" - 1 };
  enum diffd_log_name_kind kind = diffd_log_name_kind(name);
  if (kind == DIFFD_LOG_NAME_OTHER)
    return false;
  size_t len = name.len - strlen(kind == DIFFD_LOG_NAME_GZIP ? ".log.gz" : ".log");
  size_t hash = len;
  while (hash > 0 && name.ptr[hash - 1] != '_')
    hash--;
  if (hash == len || hash < STAMP || memmem(name.ptr, hash - STAMP + 1, middle, sizeof middle - 1) == NULL)
    return false;
  struct diffd_span stamp = part_of(name, hash - STAMP, STAMP);
  if (stamp.ptr[0] != '_' || !is_digits(part_of(stamp, 1, 8), 8) || stamp.ptr[9] != 'T' ||
      !is_digits(part_of(stamp, 10, 4), 4) || stamp.ptr[14] != 'Z')
    return false;
  const char *digits = stamp.ptr + 1;
  return make_time(digits, digits + 4, digits + 6, digits + 9, digits + 11, ret_written);
}

/* Splits off the last components of a path, last one first; empty ones and `.` do not count. */
static size_t split(struct diffd_span path, struct diffd_span parts[static PARTS_MAX]) {
  size_t count = 0;
  while (path.len > 0 && count < PARTS_MAX) {
    size_t begin = path.len;
    while (begin > 0 && path.ptr[begin - 1] != '/')
      begin--;
    struct diffd_span part = part_of(path, begin, path.len - begin);
    path.len = begin > 0 ? begin - 1 : 0;
    if (part.len > 0 && !(part.len == 1 && part.ptr[0] == '.'))
      parts[count++] = part;
  }
  return count;
}

bool diffd_log_folder_time(struct diffd_span path, struct diffd_window *ret) {
  static const char *const names[] = {"year=", "month=", "day=", "hour="};
  static const size_t widths[] = {4, 2, 2, 2};
  static const int64_t lengths[] = {366 * DAY, 31 * DAY, DAY, HOUR};
  struct diffd_span parts[PARTS_MAX];
  size_t count = split(path, parts);
  for (size_t depth = 1; depth <= 4 && depth < count; depth++) {
    const char *values[] = {"", "01", "01", "00"};
    bool hive = begins_with(parts[depth], "aws-region=");
    bool plain = depth + 1 < count && parts[depth + 1].len == sizeof service - 1 &&
                 begins_with(parts[depth + 1], service);
    bool fits = hive || plain;
    for (size_t i = 0; fits && i < depth; i++) {
      struct diffd_span part = parts[depth - 1 - i];
      size_t prefix = hive ? strlen(names[i]) : 0;
      fits = part.len == prefix + widths[i] && (!hive || begins_with(part, names[i])) &&
             is_digits(part_of(part, prefix, widths[i]), widths[i]);
      values[i] = part.ptr + prefix;
    }
    int64_t start = 0;
    if (fits && make_time(values[0], values[1], values[2], values[3], "00", &start)) {
      *ret = (struct diffd_window){.start = start, .stop = start + lengths[depth - 1]};
      return true;
    }
  }
  return false;
}

static int64_t add(int64_t time, int64_t seconds) {
  return time > INT64_MAX - seconds ? INT64_MAX : time + seconds;
}

bool diffd_log_file_is_wanted(struct diffd_window window, int64_t late_seconds, int64_t written) {
  /* The name has minutes only. */
  return written >= diffd_truncate_to_minute(window.start) && written <= add(window.stop, late_seconds);
}

bool diffd_log_folder_is_wanted(struct diffd_window window, int64_t late_seconds,
                                struct diffd_window folder) {
  return add(folder.stop, HOUR) > diffd_truncate_to_minute(window.start) &&
         folder.start - HOUR <= add(window.stop, late_seconds);
}
