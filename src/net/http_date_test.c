/* SPDX-License-Identifier: Apache-2.0
 *
 * A server's date is read to the second, or not at all.
 */
#include "net/http_date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* RFC 9110's own example, a leap day, and what is no date. */
static void test_dates(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t seconds;
  } cases[] = {
      {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
      {"Sat, 29 Feb 2020 23:59:59 GMT", 1583020799},
      {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
      {"Wed, 31 Dec 1969 23:59:59 GMT", -1},
      {"Sun, 29 Feb 2021 23:59:59 GMT", -1},
      {"Sun, 06 Nov 1994 08:49:37 CET", -1},
      {"Sun, 06 Xxx 1994 08:49:37 GMT", -1},
      {"Sun, 06 Nov 1994 08:49:37 GMT ", -1},
      {"Sunday, 06-Nov-94 08:49:37 GMT", -1},
      {"Sun Nov  6 08:49:37 1994", -1},
      {"", -1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_int_equal(diffd_http_date_read(cases[i].text), cases[i].seconds);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_dates)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
