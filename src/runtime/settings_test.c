/* SPDX-License-Identifier: Apache-2.0 */
/* The environment becomes settings as documented, and whatever is wrong with it is told all at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/settings.h"

/* Loads the settings of a list of `NAME=value` that ends with NULL; HOME is always there. */
static struct diffd_settings *load(const char *first, ...) {
  char *environment[32] = {strdup("HOME=/home/sre")};
  size_t count = 1;
  va_list args;
  va_start(args, first);
  for (const char *entry = first; entry != NULL; entry = va_arg(args, const char *))
    environment[count++] = strdup(entry);
  va_end(args);
  struct diffd_settings *settings = NULL;
  struct diffd_error err;
  assert_int_equal(diffd_settings_load(environment, &settings, &err), DIFFD_OK);
  for (size_t i = 0; i < count; i++)
    free(environment[i]);
  return settings;
}

static void assert_no_faults(const struct diffd_settings *settings) {
  if (settings->faults.count > 0)
    fail_msg("%s", settings->faults.items[0]);
}

/* One of the faults contains all of the words. */
static void assert_fault(const struct diffd_settings *settings, const char *one, const char *two) {
  for (size_t i = 0; i < settings->faults.count; i++)
    if (strstr(settings->faults.items[i], one) != NULL && strstr(settings->faults.items[i], two) != NULL)
      return;
  for (size_t i = 0; i < settings->faults.count; i++)
    print_message("fault: %s\n", settings->faults.items[i]);
  fail_msg("no fault says %s and %s", one, two);
}

static void assert_note(const struct diffd_settings *settings, const char *name, const char *words) {
  for (size_t i = 0; i < settings->config.note_count; i++)
    if (strcmp(settings->config.notes[i].setting, name) == 0 &&
        strstr(settings->config.notes[i].reason, words) != NULL)
      return;
  fail_msg("no note says %s: %s", name, words);
}

static void test_nothing_set_is_all_embedded(void **state) {
  (void)state;
  struct diffd_settings *settings = load(NULL, NULL);
  const struct diffd_config *config = &settings->config;
  assert_no_faults(settings);
  assert_int_equal(config->note_count, 0);
  assert_string_equal(config->http_address, ":8080");
  assert_string_equal(config->data_dir, "/home/sre/.local/state/vpcflow-diffd");
  assert_null(config->tmp_dir);
  assert_null(config->flow_logs_dir);
  assert_int_equal(config->role, DIFFD_ROLE_ALL);
  assert_int_equal(config->progress_timeout_ms, 600000);
  assert_int_equal(config->flow_logs_delay_ms, 15 * 60 * 1000);
  assert_int_equal(config->flow_logs_late_ms, 60 * 60 * 1000);
  assert_int_equal(config->http_threads, 16);
  assert_int_equal(config->workers, 0);
  assert_int_equal(config->log_level, DIFFD_LOG_INFO);
  assert_int_equal(config->log_output, DIFFD_LOG_STDOUT);
  assert_int_equal(config->signal_count, 2);
  assert_int_equal(config->signals[0], 15);
  assert_int_equal(config->signals[1], 2);
  assert_false(config->original_node_ids);
  assert_false(config->flow_logs_fail_on_bad);
  diffd_settings_destroy(settings);
}

static void test_empty_variables_are_unset(void **state) {
  (void)state;
  struct diffd_settings *settings = load("DIFF_STORAGE_BUCKET=", "PORT=", "RUNTIME_LOGGER_LEVEL=", NULL);
  assert_no_faults(settings);
  assert_string_equal(settings->config.http_address, ":8080");
  diffd_settings_destroy(settings);
}

static void test_values_reach_the_configuration(void **state) {
  (void)state;
  struct diffd_settings *settings =
      load("RUNTIME_HTTPSERVER_ADDRESS=[::1]:9000", "DIFF_ROLE=Worker", "DIFF_WORKERS=0x4",
           "DIFF_MEMORY_LIMIT=64MiB", "DIFF_DATA_DIR=/d", "DIFF_TMP_DIR=/t", "DIFF_PROGRESS_TIMEOUT=1500",
           "VPC_FLOW_LOGS_DELAY=0", "VPC_FLOW_LOGS_LATE=1m30s", "VPC_FLOW_LOGS_BAD_RECORDS=fail",
           "DIFF_NODE_IDS=original", "RUNTIME_LOGGER_LEVEL=warn", "RUNTIME_LOGGER_OUTPUT=NULL",
           "RUNTIME_SIGNALS_OS_SIGNALS=0xf 1", "RUNTIME_STATS_OUTPUT=NULL", NULL);
  const struct diffd_config *config = &settings->config;
  assert_no_faults(settings);
  assert_string_equal(config->http_address, "[::1]:9000");
  assert_int_equal(config->role, DIFFD_ROLE_WORKER);
  assert_int_equal(config->workers, 4);
  assert_int_equal(config->memory_limit_bytes, 64 << 20);
  assert_string_equal(config->data_dir, "/d");
  assert_string_equal(config->tmp_dir, "/t");
  assert_int_equal(config->progress_timeout_ms, 1500);
  assert_int_equal(config->flow_logs_delay_ms, 0);
  assert_int_equal(config->flow_logs_late_ms, 90000);
  assert_true(config->flow_logs_fail_on_bad);
  assert_true(config->original_node_ids);
  assert_int_equal(config->log_level, DIFFD_LOG_WARN);
  assert_int_equal(config->log_output, DIFFD_LOG_NOWHERE);
  assert_int_equal(config->signal_count, 2);
  assert_int_equal(config->signals[1], 1);
  diffd_settings_destroy(settings);
}

static void test_the_port_of_port(void **state) {
  (void)state;
  struct diffd_settings *settings = load("PORT=9000", NULL);
  assert_string_equal(settings->config.http_address, ":9000");
  assert_note(settings, "PORT", "is used");
  diffd_settings_destroy(settings);
  settings = load("PORT=9000", "RUNTIME_HTTPSERVER_ADDRESS=127.0.0.1", NULL);
  assert_string_equal(settings->config.http_address, "127.0.0.1:9000");
  assert_note(settings, "PORT", "is used");
  diffd_settings_destroy(settings);
  settings = load("PORT=9000", "RUNTIME_HTTPSERVER_ADDRESS=:7000", NULL);
  assert_string_equal(settings->config.http_address, ":7000");
  assert_note(settings, "PORT", "ignored");
  diffd_settings_destroy(settings);
  settings = load("PORT=9000", "RUNTIME_HTTPSERVER_ADDRESS=:0", NULL);
  assert_string_equal(settings->config.http_address, ":0");
  diffd_settings_destroy(settings);
}

static void test_the_data_folder_has_three_defaults(void **state) {
  (void)state;
  struct diffd_settings *settings = load("XDG_STATE_HOME=/x", "STATE_DIRECTORY=/var/lib/a:/var/lib/b", NULL);
  assert_string_equal(settings->config.data_dir, "/var/lib/a");
  diffd_settings_destroy(settings);
  settings = load("XDG_STATE_HOME=/x", NULL);
  assert_string_equal(settings->config.data_dir, "/x/vpcflow-diffd");
  diffd_settings_destroy(settings);
  settings = load("XDG_STATE_HOME=relative", NULL);
  assert_string_equal(settings->config.data_dir, "/home/sre/.local/state/vpcflow-diffd");
  diffd_settings_destroy(settings);

  char *const nothing[] = {NULL};
  struct diffd_error err;
  assert_int_equal(diffd_settings_load(nothing, &settings, &err), DIFFD_OK);
  assert_fault(settings, "DIFF_DATA_DIR", "set it to a folder");
  diffd_settings_destroy(settings);
}

static void test_all_faults_are_told_at_once(void **state) {
  (void)state;
  struct diffd_settings *settings = load(
      "PORT=70000", "DIFF_ROLE=boss", "VPC_FLOW_LOGS_DELAY=15", "RUNTIME_SIGNALS_OS_SIGNALS=15 x",
      "RUNTIME_LOGGER_OUTPUT=STDERR", "DIFF_PROGRESS_TIMEOUT=5s", "DIFF_MEMORY_LIMIT=lots", "USE_IAM=yes",
      "DIFF_WORKERS=0", "RUNTIME_STATS_OUTPUT=DATADOG", "RUNTIME_SIGNALS_INSTALLED=OS X", NULL);
  assert_int_equal(settings->faults.count, 11);
  assert_fault(settings, "PORT=70000", "greatest value is 65535");
  assert_fault(settings, "DIFF_ROLE=boss", "all|api|worker");
  assert_fault(settings, "VPC_FLOW_LOGS_DELAY=15", "15s");
  assert_fault(settings, "RUNTIME_SIGNALS_OS_SIGNALS=15 x", "whole number");
  assert_fault(settings, "RUNTIME_LOGGER_OUTPUT=STDERR", "STDOUT|NULL");
  assert_fault(settings, "DIFF_PROGRESS_TIMEOUT=5s", "whole number");
  assert_fault(settings, "DIFF_MEMORY_LIMIT=lots", "64MiB");
  assert_fault(settings, "USE_IAM=yes", "true or false");
  assert_fault(settings, "DIFF_WORKERS=0", "least value is 1");
  assert_fault(settings, "RUNTIME_STATS_OUTPUT=DATADOG", "NULLSTAT");
  assert_fault(settings, "RUNTIME_SIGNALS_INSTALLED", "`X`");
  diffd_settings_destroy(settings);
}

static void test_a_chosen_module_wants_the_others_chosen(void **state) {
  (void)state;
  struct diffd_settings *settings = load("VPC_FLOW_LOGS_DIR=/logs", NULL);
  assert_int_equal(settings->faults.count, 3);
  assert_fault(settings, "DIFF_STORAGE_BUCKET", "DIFF_STORAGE=embedded");
  assert_fault(settings, "DIFF_PROGRESS_BUCKET", "DIFF_MARKER=embedded");
  assert_fault(settings, "STREAM_APPLIANCE_ENDPOINT", "STREAM_APPLIANCE_ENDPOINT=embedded");
  diffd_settings_destroy(settings);
  settings = load("DIFF_STORAGE=embedded", NULL);
  assert_fault(settings, "GRAPHER_ENDPOINT", "VPC_FLOW_LOGS_DIR=");
  diffd_settings_destroy(settings);
  settings = load("DIFF_STORAGE=embedded", "DIFF_MARKER=embedded", "STREAM_APPLIANCE_ENDPOINT=localhost:8080",
                  "VPC_FLOW_LOGS_DIR=/logs", NULL);
  assert_no_faults(settings);
  assert_string_equal(settings->config.flow_logs_dir, "/logs");
  diffd_settings_destroy(settings);
}

static void test_what_this_version_has_not_is_a_fault_with_a_way_out(void **state) {
  (void)state;
  struct diffd_settings *settings =
      load("DIFF_STORAGE_BUCKET=b", "DIFF_STORAGE_BUCKET_REGION=r", "DIFF_PROGRESS_BUCKET=p",
           "DIFF_PROGRESS_BUCKET_REGION=r", "STREAM_APPLIANCE_ENDPOINT=http://bus:80/x",
           "GRAPHER_ENDPOINT=http://g", "GRAPHER_POLLING_INTERVAL=1000", "GRAPHER_POLLING_TIMEOUT=-1", NULL);
  assert_int_equal(settings->faults.count, 4);
  assert_fault(settings, "DIFF_STORAGE_BUCKET: this version", "DIFF_STORAGE=embedded");
  assert_fault(settings, "DIFF_PROGRESS_BUCKET: this version", "DIFF_MARKER=embedded");
  assert_fault(settings, "http://bus:80/x: this version", "STREAM_APPLIANCE_ENDPOINT=embedded");
  assert_fault(settings, "GRAPHER_ENDPOINT: this version", "VPC_FLOW_LOGS_DIR=");
  diffd_settings_destroy(settings);
}

static void test_two_choices_and_half_choices_are_faults(void **state) {
  (void)state;
  struct diffd_settings *settings =
      load("DIFF_STORAGE=embedded", "DIFF_STORAGE_BUCKET=b", "DIFF_MARKER=embedded", "VPC_FLOW_LOGS_DIR=/l",
           "STREAM_APPLIANCE_ENDPOINT=embedded", NULL);
  assert_fault(settings, "DIFF_STORAGE_BUCKET and DIFF_STORAGE", "both set");
  diffd_settings_destroy(settings);
  /* A region without its bucket is a typing error in the bucket's name, not the wish for a local disk. */
  settings = load("DIFF_STORAGE_BUKCET=b", "DIFF_STORAGE_BUCKET_REGION=r", NULL);
  assert_fault(settings, "DIFF_STORAGE_BUCKET_REGION is set", "DIFF_STORAGE_BUCKET is not");
  assert_note(settings, "DIFF_STORAGE_BUKCET", "did you mean DIFF_STORAGE_BUCKET?");
  diffd_settings_destroy(settings);
  settings = load("GRAPHER_POLLING_TIMEOUT=1", NULL);
  assert_fault(settings, "GRAPHER_POLLING_TIMEOUT is set", "GRAPHER_ENDPOINT is not");
  diffd_settings_destroy(settings);
}

static void test_an_api_alone_needs_a_queue_elsewhere(void **state) {
  (void)state;
  struct diffd_settings *settings = load("DIFF_ROLE=api", NULL);
  assert_fault(settings, "DIFF_ROLE=api", "DIFF_ROLE=all");
  diffd_settings_destroy(settings);
}

static void test_levels_and_signals_are_lenient_where_documented(void **state) {
  (void)state;
  struct diffd_settings *settings =
      load("RUNTIME_LOGGER_LEVEL=chatty", "RUNTIME_SIGNALS_INSTALLED=\"\"", NULL);
  assert_no_faults(settings);
  assert_int_equal(settings->config.log_level, DIFFD_LOG_DEBUG);
  assert_note(settings, "RUNTIME_LOGGER_LEVEL", "`chatty` is no level");
  assert_int_equal(settings->config.signal_count, 0);
  diffd_settings_destroy(settings);
}

static void test_every_form_of_the_table_hides_secrets(void **state) {
  (void)state;
  static const enum diffd_settings_format formats[] = {DIFFD_SETTINGS_HELP, DIFFD_SETTINGS_LIST,
                                                       DIFFD_SETTINGS_JSON, DIFFD_SETTINGS_MARKDOWN,
                                                       DIFFD_SETTINGS_MAN};
  struct diffd_settings *settings =
      load("AWS_SECRET_ACCESS_KEY=hunter2", "AWS_SESSION_TOKEN=hunter2", "AWS_ACCESS_KEY_ID=hunter2",
           "PORT=1", "VPC_FLOW_LOGS_DIR=a\"b\\c\x01", NULL);
  for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
    struct diffd_error err;
    struct diffd_buffer out = diffd_buffer_init(1 << 20);
    assert_int_equal(diffd_settings_print(settings, formats[i], &out, &err), DIFFD_OK);
    assert_int_equal(diffd_buffer_append(&out, "", 1, &err), DIFFD_OK);
    assert_null(strstr(out.ptr, "hunter2"));
    for (size_t row = 0; row < diffd_settings_count; row++)
      if (strstr(out.ptr, diffd_settings_table[row].name) == NULL)
        fail_msg("format %zu lacks %s", i, diffd_settings_table[row].name);
    if (formats[i] == DIFFD_SETTINGS_JSON)
      assert_non_null(strstr(out.ptr, "\"a\\\"b\\\\c\\u0001\""));
    diffd_buffer_clean_up(&out);
  }
  diffd_settings_destroy(settings);
}

static void test_the_table_keeps_its_own_rules(void **state) {
  (void)state;
  for (size_t row = 0; row < diffd_settings_count; row++) {
    const struct diffd_setting *setting = &diffd_settings_table[row];
    assert_int_equal(diffd_settings_find(setting->name), row);
    assert_non_null(setting->prose);
    assert_non_null(setting->group);
    assert_true(setting->min <= setting->max);
    bool chooses = setting->type == DIFFD_SETTING_CHOICE || setting->type == DIFFD_SETTING_LEVEL;
    assert_true(chooses == (setting->choices != NULL));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_nothing_set_is_all_embedded),
      cmocka_unit_test(test_empty_variables_are_unset),
      cmocka_unit_test(test_values_reach_the_configuration),
      cmocka_unit_test(test_the_port_of_port),
      cmocka_unit_test(test_the_data_folder_has_three_defaults),
      cmocka_unit_test(test_all_faults_are_told_at_once),
      cmocka_unit_test(test_a_chosen_module_wants_the_others_chosen),
      cmocka_unit_test(test_what_this_version_has_not_is_a_fault_with_a_way_out),
      cmocka_unit_test(test_two_choices_and_half_choices_are_faults),
      cmocka_unit_test(test_an_api_alone_needs_a_queue_elsewhere),
      cmocka_unit_test(test_levels_and_signals_are_lenient_where_documented),
      cmocka_unit_test(test_every_form_of_the_table_hides_secrets),
      cmocka_unit_test(test_the_table_keeps_its_own_rules),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
