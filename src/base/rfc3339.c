/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rfc3339.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SHOWN_MAX = 48 }; /* characters of a refused text that an error repeats */

/* The first and the last second of the years 0000-9999. */
#define FIRST_SECOND INT64_C(-62167219200)
#define LAST_SECOND  INT64_C(253402300799)

#define EXAMPLE "write it as 2019-03-01T00:01:00Z"

struct cursor {
  struct diffd_span text;
  size_t at;
  struct diffd_error *err;
};

/* Every fault shows the text it is about, cut and without bytes that would garble a terminal or a log. */
static enum diffd_status fault(const struct cursor *in, const char *what) {
  char shown[SHOWN_MAX + 1];
  size_t len = in->text.len < SHOWN_MAX ? in->text.len : SHOWN_MAX;
  for (size_t i = 0; i < len; i++)
    shown[i] = in->text.ptr[i] >= ' ' && in->text.ptr[i] <= '~' ? in->text.ptr[i] : '?';
  shown[len] = '\0';
  return diffd_fail(in->err, DIFFD_INVALID, "time \"%s%s\": %s", shown, len < in->text.len ? "..." : "",
                    what);
}

static bool digit_at(const struct cursor *in, size_t at) {
  return at < in->text.len && in->text.ptr[at] >= '0' && in->text.ptr[at] <= '9';
}

static bool take_char(struct cursor *in, char wanted) {
  if (in->at >= in->text.len || in->text.ptr[in->at] != wanted)
    return false;
  in->at++;
  return true;
}

/* Takes exactly `digits` digits. */
static bool take_number(struct cursor *in, size_t digits, int *ret) {
  int number = 0;
  for (size_t i = 0; i < digits; i++) {
    if (!digit_at(in, in->at + i))
      return false;
    number = number * 10 + (in->text.ptr[in->at + i] - '0');
  }
  in->at += digits;
  *ret = number;
  return true;
}

static int days_in_month(int year, int month) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

static enum diffd_status take_date(struct cursor *in, struct tm *tm) {
  int year = 0, month = 0, day = 0;
  if (!take_number(in, 4, &year) || !take_char(in, '-'))
    return fault(in, "it does not begin with a year of four digits and '-'; " EXAMPLE);
  if (!take_number(in, 2, &month) || !take_char(in, '-'))
    return fault(in, "the month is not two digits and '-'; " EXAMPLE);
  if (month < 1 || month > 12)
    return fault(in, "the month is not between 01 and 12");
  if (!take_number(in, 2, &day))
    return fault(in, "the day is not two digits; " EXAMPLE);
  if (day < 1 || day > days_in_month(year, month))
    return fault(in, "that month does not have such a day");
  tm->tm_year = year - 1900;
  tm->tm_mon = month - 1;
  tm->tm_mday = day;
  return DIFFD_OK;
}

static enum diffd_status take_clock(struct cursor *in, struct tm *tm) {
  if (!take_char(in, 'T'))
    return fault(in, "there is no upper-case 'T' between date and time; " EXAMPLE);
  size_t hour_digits = digit_at(in, in->at + 1) ? 2 : 1;
  if (!take_number(in, hour_digits, &tm->tm_hour) || !take_char(in, ':'))
    return fault(in, "the hour is not two digits and ':'; " EXAMPLE);
  if (tm->tm_hour > 23)
    return fault(in, "the hour is not between 00 and 23");
  if (!take_number(in, 2, &tm->tm_min) || !take_char(in, ':'))
    return fault(in, "the minute is not two digits and ':'; " EXAMPLE);
  if (tm->tm_min > 59)
    return fault(in, "the minute is not between 00 and 59");
  if (!take_number(in, 2, &tm->tm_sec))
    return fault(in, "the second is not two digits; " EXAMPLE);
  if (tm->tm_sec > 59)
    return fault(in, "the second is not between 00 and 59");
  return DIFFD_OK;
}

static enum diffd_status take_fraction(struct cursor *in, uint32_t *ret) {
  uint32_t nanoseconds = 0;
  if (take_char(in, '.') || take_char(in, ',')) {
    size_t digits = 0;
    while (digit_at(in, in->at + digits))
      digits++;
    if (digits == 0)
      return fault(in, "there is no digit after the fraction's point");
    if (digits > 9)
      return fault(in, "the fraction has more than nine digits");
    for (size_t i = 0; i < 9; i++)
      nanoseconds = nanoseconds * 10 + (i < digits ? (uint32_t)(in->text.ptr[in->at + i] - '0') : 0);
    in->at += digits;
  }
  *ret = nanoseconds;
  return DIFFD_OK;
}

/* Gives the seconds by which the text's clock is ahead of UTC. */
static enum diffd_status take_offset(struct cursor *in, int *ret) {
  int sign = 1, hours = 0, minutes = 0;
  if (!take_char(in, 'Z')) {
    if (take_char(in, ' ') && digit_at(in, in->at))
      return fault(in, "there is a space where the offset begins; in a query send '+' as %2B");
    if (take_char(in, '-'))
      sign = -1;
    else if (!take_char(in, '+'))
      return fault(in, "it does not end with 'Z' or an offset like +01:00");
    if (!take_number(in, 2, &hours) || !take_char(in, ':') || !take_number(in, 2, &minutes))
      return fault(in, "the offset is not like +01:00");
    if (hours > 23 || minutes > 59)
      return fault(in, "the offset is not between -23:59 and +23:59");
  }
  if (in->at != in->text.len)
    return fault(in, "something follows after its end");
  *ret = sign * (hours * 3600 + minutes * 60);
  return DIFFD_OK;
}

enum diffd_status diffd_rfc3339_parse_spelled(struct diffd_span text, struct diffd_spelled_time *ret,
                                              struct diffd_error *err) {
  struct cursor in = {.text = text, .err = err};
  struct tm tm = {0};
  uint32_t nanoseconds = 0;
  int offset = 0;
  enum diffd_status status = take_date(&in, &tm);
  if (status == DIFFD_OK)
    status = take_clock(&in, &tm);
  if (status == DIFFD_OK)
    status = take_fraction(&in, &nanoseconds);
  if (status == DIFFD_OK)
    status = take_offset(&in, &offset);
  if (status != DIFFD_OK)
    return status;
  int64_t seconds = (int64_t)timegm(&tm) - offset;
  if (seconds < FIRST_SECOND || seconds > LAST_SECOND)
    return fault(&in, "in UTC its year is not between 0000 and 9999");
  *ret = (struct diffd_spelled_time){.instant = {.seconds = seconds, .nanoseconds = nanoseconds},
                                     .offset_seconds = offset};
  return DIFFD_OK;
}

enum diffd_status diffd_rfc3339_parse(struct diffd_span text, struct diffd_instant *ret,
                                      struct diffd_error *err) {
  struct diffd_spelled_time spelled;
  enum diffd_status status = diffd_rfc3339_parse_spelled(text, &spelled, err);
  if (status == DIFFD_OK)
    *ret = spelled.instant;
  return status;
}

int64_t diffd_truncate_to_minute(int64_t seconds) {
  int64_t past = seconds % 60;
  if (past < 0)
    past += 60;
  /* Nothing lies below the first representable minute. */
  return seconds < INT64_MIN + past ? INT64_MIN : seconds - past;
}

/* The three ways differ in what stands between date and time, and in the end. */
static void format(int64_t seconds, const char *between, const char *end, char *text) {
  time_t clock = (time_t)seconds;
  struct tm tm;
  if (seconds < FIRST_SECOND || seconds > LAST_SECOND || gmtime_r(&clock, &tm) == NULL) {
    (void)snprintf(text, DIFFD_TIME_TEXT_MAX, "@%" PRId64, seconds);
    return;
  }
  (void)snprintf(text, DIFFD_TIME_TEXT_MAX, "%04d-%02d-%02d%s%02d:%02d:%02d%s", tm.tm_year + 1900,
                 tm.tm_mon + 1, tm.tm_mday, between, tm.tm_hour, tm.tm_min, tm.tm_sec, end);
}

void diffd_rfc3339_format(int64_t seconds, char text[static DIFFD_TIME_TEXT_MAX]) {
  format(seconds, "T", "Z", text);
}

void diffd_rfc3339_format_nanos(struct diffd_instant instant, char text[static DIFFD_TIME_TEXT_MAX]) {
  diffd_rfc3339_format(instant.seconds, text);
  size_t len = strlen(text);
  if (text[len - 1] == 'Z')
    (void)snprintf(text + len - 1, DIFFD_TIME_TEXT_MAX - (len - 1), ".%09" PRIu32 "Z", instant.nanoseconds);
}

/* Go leaves out the fraction's last zeros, and where a zone has no name writes its offset a second time. */
void diffd_go_time_format(struct diffd_spelled_time time, char text[static DIFFD_TIME_TEXT_MAX]) {
  char fraction[16] = "", zone[32] = " +0000 UTC";
  int offset_minutes = time.offset_seconds / 60;
  int distance = offset_minutes < 0 ? -offset_minutes : offset_minutes;
  if (offset_minutes != 0) {
    char offset[8];
    (void)snprintf(offset, sizeof offset, "%c%02d%02d", offset_minutes < 0 ? '-' : '+', distance / 60,
                   distance % 60);
    (void)snprintf(zone, sizeof zone, " %s %s", offset, offset);
  }
  if (time.instant.nanoseconds > 0) {
    (void)snprintf(fraction, sizeof fraction, ".%09" PRIu32, time.instant.nanoseconds);
    for (size_t len = strlen(fraction); len > 1 && fraction[len - 1] == '0'; len--)
      fraction[len - 1] = '\0';
  }
  format(time.instant.seconds + time.offset_seconds, " ", "", text);
  size_t len = strlen(text);
  (void)snprintf(text + len, DIFFD_TIME_TEXT_MAX - len, "%s%s", fraction, zone);
}
