/* SPDX-License-Identifier: Apache-2.0 */
/* An embedding program gets the environment's configuration around its own modules, or every fault of it. */
#include "diffd/environment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct heard {
  unsigned count;
  char text[4096];
};

static void hear(void *arg, const char *text) {
  struct heard *heard = arg;
  size_t used = strlen(heard->text);
  heard->count++;
  (void)snprintf(heard->text + used, sizeof heard->text - used, "%s\n", text);
}

static enum diffd_status load(const char *const *variables, struct diffd_service *service,
                              struct heard *heard, struct diffd_environment **ret, struct diffd_error *err) {
  *heard = (struct heard){0};
  *ret = NULL;
  return diffd_environment_load((char *const *)(uintptr_t)variables, service, hear, heard, ret, err);
}

/* Two things in one test: values arrive, and they live as long as the environment does. */
static void test_the_configuration_is_the_programs(void **state) {
  char home[] = "HOME=/home/me";
  char workers[] = "DIFF_WORKERS=3";
  char *variables[] = {home, workers, NULL};
  struct diffd_service service = {0};
  struct diffd_environment *environment = NULL;
  struct diffd_error err;
  (void)state;
  assert_int_equal(diffd_environment_load(variables, &service, NULL, NULL, &environment, &err), DIFFD_OK);
  memset(home, 'x', sizeof home - 1);
  assert_string_equal(service.config.data_dir, "/home/me/.local/state/vpcflow-diffd");
  assert_int_equal(service.config.workers, 3);
  assert_int_equal(service.config.log_level, DIFFD_LOG_INFO);
  diffd_environment_destroy(environment);
  diffd_environment_destroy(NULL);
}

/* Each fault is told, the status says so, and the service is as it was. */
static void test_every_fault_is_told(void **state) {
  const char *const variables[] = {"HOME=/home/me", "DIFF_WORKERS=many", "DIFF_ROLE=boss", NULL};
  struct diffd_service service = {.config = {.workers = 7}};
  struct diffd_environment *environment;
  struct diffd_error err;
  struct heard heard;
  (void)state;
  assert_int_equal(load(variables, &service, &heard, &environment, &err), DIFFD_INVALID);
  assert_int_equal(heard.count, 2);
  assert_non_null(strstr(heard.text, "DIFF_WORKERS"));
  assert_non_null(strstr(heard.text, "DIFF_ROLE"));
  assert_non_null(strstr(err.detail, "and 1 more"));
  assert_int_equal(service.config.workers, 7);
  assert_null(environment);
}

/* A place that the program fills needs no choice, and what would choose there is no fault of the others. */
static void test_own_modules_need_no_choice(void **state) {
  const char *const variables[] = {"HOME=/home/me", "DIFF_STORAGE_BUCKET=of-my-own-storage", NULL};
  const char *const chosen[] = {"HOME=/home/me", "GRAPHER_ENDPOINT=http://grapher:8080",
                                "GRAPHER_POLLING_INTERVAL=1", "GRAPHER_POLLING_TIMEOUT=1", NULL};
  struct diffd_storage storage = {0};
  struct diffd_marker marker = {0};
  struct diffd_queuer queuer = {0};
  struct diffd_grapher grapher = {0};
  struct diffd_service service = {.storage = &storage};
  struct diffd_environment *environment;
  struct diffd_error err;
  struct heard heard;
  (void)state;
  assert_int_equal(load(variables, &service, &heard, &environment, &err), DIFFD_OK);
  assert_int_equal(service.config.marker, DIFFD_MARKER_EMBEDDED);
  diffd_environment_destroy(environment);

  assert_int_equal(load(chosen, &service, &heard, &environment, &err), DIFFD_INVALID);
  assert_null(strstr(heard.text, "DIFF_STORAGE"));
  assert_non_null(strstr(heard.text, "DIFF_MARKER"));
  assert_non_null(strstr(heard.text, "STREAM_APPLIANCE_ENDPOINT"));
  service.marker = &marker;
  service.queuer = &queuer;
  assert_int_equal(load(chosen, &service, &heard, &environment, &err), DIFFD_OK);
  assert_int_equal(service.config.grapher, DIFFD_GRAPHER_HTTP);
  diffd_environment_destroy(environment);

  service.grapher = &grapher;
  const char *const own_url[] = {"GRAPHER_ENDPOINT=of-my-own", "STREAM_APPLIANCE_ENDPOINT=mine", NULL};
  assert_int_equal(load(own_url, &service, &heard, &environment, &err), DIFFD_OK);
  assert_null(service.config.data_dir); /* nothing is embedded: there is no need for a home, either */
  diffd_environment_destroy(environment);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_configuration_is_the_programs),
      cmocka_unit_test(test_every_fault_is_told),
      cmocka_unit_test(test_own_modules_need_no_choice),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
