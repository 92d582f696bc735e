/* SPDX-License-Identifier: Apache-2.0
 *
 * A library is there after its load, and one that is missing or too old is named with the package to install.
 */
#include "base/lazy_library.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MATHS(X) X(floor) X(ceil)
struct maths {
  MATHS(DIFFD_LAZY_MEMBER)
};
static const char *const math_names[] = {MATHS(DIFFD_LAZY_NAME) NULL};

/* The functions of the table are the library's, also after a second load. */
static void test_load(void **state) {
  (void)state;
  struct maths maths = {NULL, NULL};
  const struct diffd_lazy_library library = {"libm.so.6", "libc6", math_names, &maths};
  struct diffd_error err;
  for (int i = 0; i < 2; i++) {
    assert_int_equal(diffd_lazy_library_load(&library, &err), DIFFD_OK);
    assert_true(maths.floor(1.5) == 1 && maths.ceil(1.5) == 2);
  }
}

/* The text says what to install. */
static void test_missing(void **state) {
  (void)state;
  void *table[2] = {NULL, NULL};
  const char *const unknown[] = {"floor", "no_such_function", NULL};
  const struct diffd_lazy_library missing = {"libnosuch.so.1", "libnosuch1", math_names, table};
  const struct diffd_lazy_library old = {"libm.so.6", "libc6", unknown, table};
  struct diffd_error err;
  assert_int_equal(diffd_lazy_library_load(&missing, &err), DIFFD_INVALID);
  assert_non_null(strstr(err.detail, "install the package libnosuch1"));
  /* However often it is tried. */
  for (int i = 0; i < 2; i++) {
    assert_int_equal(diffd_lazy_library_load(&old, &err), DIFFD_INVALID);
    assert_non_null(strstr(err.detail, "it has no no_such_function"));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_load), cmocka_unit_test(test_missing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
