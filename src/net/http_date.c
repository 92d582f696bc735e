/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_date.h"

#include <stdio.h>
#include <string.h>

#include "base/rfc3339.h"

enum { DATE_LEN = 29 };

static int month_of(const char *name) {
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  for (int month = 0; month < 12; month++)
    if (memcmp(months + 3 * month, name, 3) == 0)
      return month + 1;
  return 0;
}

/* The same time is spelled as RFC 3339 does, whose reader knows how long a month is. */
int64_t diffd_http_date_read(const char *text) {
  char spelled[DIFFD_TIME_TEXT_MAX];
  struct diffd_instant instant;
  struct diffd_error ignored;
  if (strlen(text) != DATE_LEN || memcmp(text + 3, ", ", 2) != 0 || strcmp(text + 25, " GMT") != 0 ||
      month_of(text + 8) == 0)
    return -1;
  (void)snprintf(spelled, sizeof spelled, "%.4s-%02d-%.2sT%.8sZ", text + 12, month_of(text + 8), text + 5,
                 text + 17);
  if (diffd_rfc3339_parse((struct diffd_span){spelled, strlen(spelled)}, &instant, &ignored) != DIFFD_OK)
    return -1;
  return instant.seconds >= 0 ? instant.seconds : -1;
}
