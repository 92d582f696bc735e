/* SPDX-License-Identifier: Apache-2.0 */
/* A process sees the limit of its control group, and of every group around that, in both versions of cgroups.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory_size.h"
#include "base/test_dir.h"

/* Writes a file below the test's folder, and makes the folders that it stands in. */
static void put(const struct test_dir *dir, const char *name, const char *text) {
  char path[TEST_PATH_MAX];
  (void)snprintf(path, sizeof path, "%s/%s", dir->path, name);
  for (char *slash = path + strlen(dir->path) + 1; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
    *slash = '\0';
    (void)mkdir(path, 0700);
  }
  FILE *file = fopen(path, "we");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static uint64_t limit(const struct test_dir *dir) {
  char self[TEST_PATH_MAX];
  char root[TEST_PATH_MAX];
  (void)snprintf(self, sizeof self, "%s/self", dir->path);
  (void)snprintf(root, sizeof root, "%s/cgroup", dir->path);
  return diffd_memory_of_cgroups(self, root);
}

static void test_a_group_of_systemd_limits_its_unit(void **state) {
  const struct test_dir *dir = *state;
  put(dir, "self", "0::/system.slice/vpcflow-diffd.service\n");
  put(dir, "cgroup/system.slice/vpcflow-diffd.service/memory.max", "536870912\n");
  put(dir, "cgroup/system.slice/memory.max", "max\n");
  assert_int_equal(limit(dir), 536870912);
}

static void test_the_least_limit_of_the_groups_around_holds(void **state) {
  const struct test_dir *dir = *state;
  put(dir, "self", "0::/system.slice/vpcflow-diffd.service\n");
  put(dir, "cgroup/system.slice/vpcflow-diffd.service/memory.max", "max\n");
  put(dir, "cgroup/system.slice/memory.max", "1000000\n");
  assert_int_equal(limit(dir), 1000000);
}

static void test_a_container_is_limited_by_what_is_mounted(void **state) {
  const struct test_dir *dir = *state;
  put(dir, "self", "0::/\n");
  put(dir, "cgroup/memory.max", "2000000\n");
  assert_int_equal(limit(dir), 2000000);
}

static void test_the_memory_controller_of_version_1(void **state) {
  const struct test_dir *dir = *state;
  put(dir, "self", "12:cpu,cpuacct:/a\n7:hugetlb,memory:/docker/0123\n1:name=systemd:/docker/0123\n");
  put(dir, "cgroup/memory/memory.limit_in_bytes", "3000000\n");
  assert_int_equal(limit(dir), 3000000);
  put(dir, "cgroup/memory/docker/0123/memory.limit_in_bytes", "2999999\n");
  assert_int_equal(limit(dir), 2999999);
}

static void test_nothing_that_limits(void **state) {
  const struct test_dir *dir = *state;
  assert_true(limit(dir) == UINT64_MAX);
  put(dir, "self", "0::/user.slice\nno such line\n:\n3:notmemory,memoryless:/x\n");
  put(dir, "cgroup/user.slice/memory.max", "max\n");
  put(dir, "cgroup/memory/x/memory.limit_in_bytes", "1\n");
  assert_true(limit(dir) == UINT64_MAX);
}

static void test_the_size_is_never_nothing(void **state) {
  (void)state;
  assert_true(diffd_memory_size() > 0);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_dir_make, test_dir_destroy)

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_A_FOLDER(test_a_group_of_systemd_limits_its_unit),
      IN_A_FOLDER(test_the_least_limit_of_the_groups_around_holds),
      IN_A_FOLDER(test_a_container_is_limited_by_what_is_mounted),
      IN_A_FOLDER(test_the_memory_controller_of_version_1),
      IN_A_FOLDER(test_nothing_that_limits),
      cmocka_unit_test(test_the_size_is_never_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
