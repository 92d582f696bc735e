/* SPDX-License-Identifier: Apache-2.0
 *
 * Queries are read as the original's clients are used to, whatever their bytes.
 */
#include "handlers/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *query, const char *expect) {
  char buf[32];
  size_t len = 0;
  struct diffd_error err;
  enum diffd_status status =
      diffd_query_get((struct diffd_span){query, strlen(query)}, "name", buf, sizeof buf, &len, &err);
  if (expect == NULL) {
    assert_int_equal(status, DIFFD_NOT_FOUND);
    assert_string_equal(err.detail, "name is missing");
    return;
  }
  assert_int_equal(status, DIFFD_OK);
  assert_int_equal(len, strlen(expect));
  assert_memory_equal(buf, expect, len);
}

/* A plus is a space, %XX a byte, in names and in values. */
static void test_decoding(void **state) {
  (void)state;
  check("name=a+b%2Bc%2bd", "a b+c+d");
  check("n%61me=1", "1");
  check("name=a%3Db=c", "a=b=c");
  check("x=1&name=%C3%A9&y=2", "\xC3\xA9");
}

/* The first pair that decodes wins, an empty value too. */
static void test_first_wins(void **state) {
  (void)state;
  check("name=1&name=2", "1");
  check("name=&name=2", "");
  check("name&name=2", "");
  check("name=%&name=%4&name=%zz&name=2", "2");
  check("name=a;b&name=2", "2");
  check("&&name=3", "3");
}

/* Other names are not mistaken for it, nor is an absent query. */
static void test_missing(void **state) {
  (void)state;
  check("", NULL);
  check("nam=1&names=2&=3&Name=4", NULL);
  check("name%00=1", NULL);
  char buf[1];
  size_t len;
  struct diffd_error err;
  /* What stands behind the query is no part of it. */
  assert_int_equal(diffd_query_get((struct diffd_span){"name=%41", 7}, "name", buf, 1, &len, &err),
                   DIFFD_NOT_FOUND);
  assert_int_equal(diffd_query_get((struct diffd_span){NULL, 0}, "name", buf, 1, &len, &err),
                   DIFFD_NOT_FOUND);
}

/* A value beyond the caller's buffer is refused, not cut. */
static void test_too_long(void **state) {
  (void)state;
  char buf[3];
  size_t len = 0;
  struct diffd_error err;
  struct diffd_span fits = {"name=%61bc", 10};
  struct diffd_span too_long = {"name=abcd", 9};
  assert_int_equal(diffd_query_get(fits, "name", buf, sizeof buf, &len, &err), DIFFD_OK);
  assert_int_equal(len, 3);
  assert_int_equal(diffd_query_get(too_long, "name", buf, sizeof buf, &len, &err), DIFFD_INVALID);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_decoding), cmocka_unit_test(test_first_wins),
                                     cmocka_unit_test(test_missing), cmocka_unit_test(test_too_long)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
