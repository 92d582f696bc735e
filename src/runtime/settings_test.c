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
           "RUNTIME_SIGNALS_OS_SIGNALS=0xf 1", NULL);
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
      "DIFF_WORKERS=0", "RUNTIME_STATS_OUTPUT=STATSD", "RUNTIME_SIGNALS_INSTALLED=OS X", NULL);
  assert_int_equal(settings->faults.count, 11);
  assert_fault(settings, "PORT=70000", "greatest value is 65535");
  assert_fault(settings, "DIFF_ROLE=boss", "all|api|worker");
  assert_fault(settings, "VPC_FLOW_LOGS_DELAY=15", "15s");
  assert_fault(settings, "RUNTIME_SIGNALS_OS_SIGNALS=15 x", "whole number");
  assert_fault(settings, "RUNTIME_LOGGER_OUTPUT=STDERR", "STDOUT|NULL");
  assert_fault(settings, "DIFF_PROGRESS_TIMEOUT=5s", "milliseconds as a whole number without a unit");
  assert_fault(settings, "DIFF_MEMORY_LIMIT=lots", "64MiB");
  assert_fault(settings, "USE_IAM=yes", "true or false");
  assert_fault(settings, "DIFF_WORKERS=0", "least value is 1");
  assert_fault(settings, "RUNTIME_STATS_OUTPUT=STATSD", "NULLSTAT");
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

/* The environment of a team that runs the original. */
#define ORIGINAL                                                                                             \
  "DIFF_STORAGE_BUCKET=diffs", "DIFF_STORAGE_BUCKET_REGION=us-west-2", "DIFF_PROGRESS_BUCKET=progress",      \
      "DIFF_PROGRESS_BUCKET_REGION=eu-west-1", "DIFF_PROGRESS_TIMEOUT=100000",                               \
      "GRAPHER_ENDPOINT=http://grapherd:81/g?a=b", "GRAPHER_POLLING_INTERVAL=1000"

static void test_the_environment_of_the_original_chooses_what_it_chose(void **state) {
  (void)state;
  struct diffd_settings *settings =
      load(ORIGINAL, "GRAPHER_POLLING_TIMEOUT=-1", "STREAM_APPLIANCE_ENDPOINT=https://bus.example/topic",
           "USE_IAM=false", "AWS_ACCESS_KEY_ID=id", "AWS_SECRET_KEY=secret",
           "AWS_CREDENTIALS_FILE=~/.aws/credentials", "AWS_CREDENTIALS_PROFILE=team", "http_proxy=http://p:1",
           NULL);
  const struct diffd_config *config = &settings->config;
  assert_no_faults(settings);
  assert_int_equal(config->storage, DIFFD_STORAGE_S3);
  assert_string_equal(config->storage_bucket.name, "diffs");
  assert_string_equal(config->storage_bucket.region, "us-west-2");
  assert_int_equal(config->marker, DIFFD_MARKER_S3);
  assert_string_equal(config->progress_bucket.name, "progress");
  assert_string_equal(config->progress_bucket.region, "eu-west-1");
  assert_int_equal(config->progress_timeout_ms, 100000);
  assert_int_equal(config->grapher, DIFFD_GRAPHER_HTTP);
  assert_string_equal(config->grapher_url, "http://grapherd:81/g?a=b");
  assert_int_equal(config->grapher_polling_interval_ms, 1000);
  assert_int_equal(config->grapher_polling_timeout_ms, -1);
  assert_int_equal(config->queuer, DIFFD_QUEUER_HTTP);
  assert_string_equal(config->queue_url, "https://bus.example/topic");
  assert_false(config->aws.use_iam);
  assert_string_equal(config->aws.access_key_id, "id");
  assert_string_equal(config->aws.secret_access_key, "secret");
  assert_string_equal(config->aws.credentials_file, "/home/sre/.aws/credentials");
  assert_string_equal(config->aws.credentials_profile, "team");
  assert_string_equal(config->aws.home, "/home/sre");
  assert_string_equal(config->proxies.http, "http://p:1");
  assert_null(config->proxies.https);
  diffd_settings_destroy(settings);
}

/* Every variable of AWS reaches the member of its name. */
static void test_the_variables_of_aws_reach_the_configuration(void **state) {
  (void)state;
  struct diffd_settings *settings =
      load("AWS_ACCESS_KEY=1", "AWS_SESSION_TOKEN=3", "AWS_SHARED_CREDENTIALS_FILE=4", "AWS_CONFIG_FILE=~/5",
           "AWS_PROFILE=6", "AWS_ROLE_ARN=7", "AWS_ROLE_SESSION_NAME=8", "AWS_WEB_IDENTITY_TOKEN_FILE=9",
           "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=10", "AWS_CONTAINER_CREDENTIALS_FULL_URI=11",
           "AWS_CONTAINER_AUTHORIZATION_TOKEN=12", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=13",
           "AWS_EC2_METADATA_DISABLED=True", "AWS_EC2_METADATA_SERVICE_ENDPOINT=15", "AWS_DEFAULT_REGION=16",
           "AWS_ENDPOINT_URL=17", "AWS_ENDPOINT_URL_S3=18", "AWS_ENDPOINT_URL_STS=19", NULL);
  const struct diffd_aws_config *aws = &settings->config.aws;
  assert_no_faults(settings); /* nothing is in S3, so nobody minds what the URLs look like */
  assert_true(aws->use_iam);
  assert_string_equal(aws->access_key_id, "1");
  assert_null(aws->secret_access_key);
  assert_string_equal(aws->session_token, "3");
  assert_string_equal(aws->shared_credentials_file, "4");
  assert_string_equal(aws->config_file, "/home/sre/5");
  assert_string_equal(aws->profile, "6");
  assert_string_equal(aws->role_arn, "7");
  assert_string_equal(aws->role_session_name, "8");
  assert_string_equal(aws->web_identity_token_file, "9");
  assert_string_equal(aws->container_relative_uri, "10");
  assert_string_equal(aws->container_full_uri, "11");
  assert_string_equal(aws->container_token, "12");
  assert_string_equal(aws->container_token_file, "13");
  assert_true(aws->metadata_disabled);
  assert_string_equal(aws->metadata_endpoint, "15");
  assert_string_equal(aws->region, "16");
  assert_string_equal(aws->endpoint_url, "17");
  assert_string_equal(aws->endpoint_url_s3, "18");
  assert_string_equal(aws->endpoint_url_sts, "19");
  diffd_settings_destroy(settings);
  settings = load("AWS_SECRET_ACCESS_KEY=first", "AWS_SECRET_KEY=second", "NO_PROXY=a", "no_proxy=b",
                  "AWS_REGION=first", "AWS_DEFAULT_REGION=second", "AWS_EC2_METADATA_DISABLED=1", NULL);
  assert_string_equal(settings->config.aws.secret_access_key, "first");
  assert_string_equal(settings->config.aws.region, "first");
  assert_string_equal(settings->config.proxies.no, "a");
  assert_false(settings->config.aws.metadata_disabled);
  diffd_settings_destroy(settings);
}

/* What the endpoint looks like chooses the queuer. */
static void test_kinds_of_endpoints(void **state) {
  (void)state;
  static const struct {
    const char *entry;
    enum diffd_queuer_kind kind;
    const char *fault; /* NULL: none */
  } cases[] = {
      {"STREAM_APPLIANCE_ENDPOINT=embedded", DIFFD_QUEUER_EMBEDDED, NULL},
      {"STREAM_APPLIANCE_ENDPOINT=Embedded", DIFFD_QUEUER_EMBEDDED, NULL},
      {"STREAM_APPLIANCE_ENDPOINT=:8080", DIFFD_QUEUER_EMBEDDED, NULL},
      {"STREAM_APPLIANCE_ENDPOINT=localhost:8080", DIFFD_QUEUER_EMBEDDED, NULL},
      {"STREAM_APPLIANCE_ENDPOINT=http://127.0.0.1:8080", DIFFD_QUEUER_EMBEDDED, NULL},
      {"STREAM_APPLIANCE_ENDPOINT=http://[::1]:8080/topic/event", DIFFD_QUEUER_EMBEDDED, NULL},
      {"STREAM_APPLIANCE_ENDPOINT=http://localhost:8081/a/b", DIFFD_QUEUER_HTTP, NULL},
      {"STREAM_APPLIANCE_ENDPOINT=HTTP://bus", DIFFD_QUEUER_HTTP, NULL},
      {"STREAM_APPLIANCE_ENDPOINT=https://user:pw@bus:443/x?y=z", DIFFD_QUEUER_HTTP, NULL},
      {"STREAM_APPLIANCE_ENDPOINT=nats://bus:4222/diffs.jobs", DIFFD_QUEUER_NATS, NULL},
      {"STREAM_APPLIANCE_ENDPOINT=:9090", DIFFD_QUEUER_HTTP, "ends in :8080"},
      {"STREAM_APPLIANCE_ENDPOINT=bus:80/topic", DIFFD_QUEUER_HTTP, "http://HOST"},
      {"STREAM_APPLIANCE_ENDPOINT=ftp://bus/topic", DIFFD_QUEUER_HTTP, "http://HOST"},
      {"STREAM_APPLIANCE_ENDPOINT=http://", DIFFD_QUEUER_HTTP, "not a URL"},
      {"STREAM_APPLIANCE_ENDPOINT=http://bus:x/", DIFFD_QUEUER_HTTP, "not a URL"},
      {"STREAM_APPLIANCE_ENDPOINT=http://bus/a b", DIFFD_QUEUER_HTTP, "not a URL"},
      {"STREAM_APPLIANCE_ENDPOINT=nats://bus:4222", DIFFD_QUEUER_NATS, "SUBJECT"},
      {"STREAM_APPLIANCE_ENDPOINT=nats://bus:4222/", DIFFD_QUEUER_NATS, "SUBJECT"},
      {"STREAM_APPLIANCE_ENDPOINT=nats:///jobs", DIFFD_QUEUER_NATS, "SUBJECT"},
      {"STREAM_APPLIANCE_ENDPOINT=nats://bus/jobs.*", DIFFD_QUEUER_NATS, "SUBJECT"},
      {"STREAM_APPLIANCE_ENDPOINT=nats://bus/.jobs", DIFFD_QUEUER_NATS, "SUBJECT"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct diffd_settings *settings =
        load("DIFF_STORAGE=embedded", "DIFF_MARKER=embedded", "VPC_FLOW_LOGS_DIR=/l", cases[i].entry, NULL);
    if (settings->config.queuer != cases[i].kind)
      fail_msg("%s is of the kind %d", cases[i].entry, (int)settings->config.queuer);
    if (cases[i].fault == NULL)
      assert_no_faults(settings);
    else
      assert_fault(settings, "STREAM_APPLIANCE_ENDPOINT=", cases[i].fault);
    diffd_settings_destroy(settings);
  }
}

static void test_each_module_chosen_outside_needs_its_companions(void **state) {
  (void)state;
  struct diffd_settings *settings =
      load("DIFF_STORAGE_BUCKET=b", "DIFF_PROGRESS_BUCKET=p", "GRAPHER_ENDPOINT=http://g",
           "STREAM_APPLIANCE_ENDPOINT=embedded", NULL);
  assert_int_equal(settings->faults.count, 5);
  assert_fault(settings, "DIFF_STORAGE_BUCKET is set", "needs DIFF_STORAGE_BUCKET_REGION");
  assert_fault(settings, "DIFF_PROGRESS_BUCKET is set", "needs DIFF_PROGRESS_BUCKET_REGION");
  assert_fault(settings, "DIFF_PROGRESS_BUCKET is set", "needs DIFF_PROGRESS_TIMEOUT");
  assert_fault(settings, "GRAPHER_ENDPOINT is set", "needs GRAPHER_POLLING_INTERVAL");
  assert_fault(settings, "GRAPHER_ENDPOINT is set", "needs GRAPHER_POLLING_TIMEOUT");
  diffd_settings_destroy(settings);
  settings = load(ORIGINAL, "GRAPHER_POLLING_TIMEOUT=-2", "STREAM_APPLIANCE_ENDPOINT=embedded",
                  "AWS_ENDPOINT_URL_S3=localhost:7480", NULL);
  assert_int_equal(settings->faults.count, 2);
  assert_fault(settings, "GRAPHER_POLLING_TIMEOUT=-2", "least value is -1");
  assert_fault(settings, "AWS_ENDPOINT_URL_S3=localhost:7480", "http://HOST");
  diffd_settings_destroy(settings);
  settings = load("DIFF_STORAGE_BUCKET=s3://b", "DIFF_STORAGE_BUCKET_REGION=us west", "DIFF_MARKER=embedded",
                  "GRAPHER_ENDPOINT=grapherd", "GRAPHER_POLLING_TIMEOUT=1", "GRAPHER_POLLING_INTERVAL=1",
                  "STREAM_APPLIANCE_ENDPOINT=embedded", NULL);
  assert_int_equal(settings->faults.count, 3);
  assert_fault(settings, "DIFF_STORAGE_BUCKET=s3://b", "its name alone");
  assert_fault(settings, "DIFF_STORAGE_BUCKET_REGION=us west", "us-west-2");
  assert_fault(settings, "GRAPHER_ENDPOINT=grapherd", "http://HOST");
  diffd_settings_destroy(settings);
}

/* A key without its secret would be refused by S3 at the first job; it is a fault at the start. */
static void test_halves_of_credentials(void **state) {
  (void)state;
  struct diffd_settings *settings =
      load(ORIGINAL, "GRAPHER_POLLING_TIMEOUT=1", "STREAM_APPLIANCE_ENDPOINT=embedded",
           "AWS_ACCESS_KEY=hunter2", "AWS_WEB_IDENTITY_TOKEN_FILE=t", NULL);
  assert_int_equal(settings->faults.count, 2);
  assert_fault(settings, "AWS_ACCESS_KEY_ID is set", "AWS_SECRET_ACCESS_KEY is not");
  assert_fault(settings, "AWS_WEB_IDENTITY_TOKEN_FILE is set", "AWS_ROLE_ARN is not");
  diffd_settings_destroy(settings);
  settings = load(ORIGINAL, "GRAPHER_POLLING_TIMEOUT=1", "STREAM_APPLIANCE_ENDPOINT=embedded",
                  "AWS_SESSION_TOKEN=hunter2", NULL);
  assert_int_equal(settings->faults.count, 1);
  assert_fault(settings, "AWS_SESSION_TOKEN is set", "set all three or none");
  diffd_settings_destroy(settings);
  settings = load(ORIGINAL, "GRAPHER_POLLING_TIMEOUT=1", "STREAM_APPLIANCE_ENDPOINT=embedded",
                  "AWS_ACCESS_KEY=k", "AWS_SECRET_ACCESS_KEY=s", NULL);
  assert_no_faults(settings);
  diffd_settings_destroy(settings);
}

static void test_a_role_needs_only_what_it_uses(void **state) {
  (void)state;
  struct diffd_settings *settings =
      load("DIFF_ROLE=api", "DIFF_STORAGE_BUCKET=b", "DIFF_STORAGE_BUCKET_REGION=r", "DIFF_MARKER=embedded",
           "STREAM_APPLIANCE_ENDPOINT=nats://bus:4222/jobs", NULL);
  assert_no_faults(settings);
  diffd_settings_destroy(settings);
  settings = load("DIFF_ROLE=api", "DIFF_STORAGE=embedded", "DIFF_MARKER=embedded",
                  "GRAPHER_ENDPOINT=http://g", "STREAM_APPLIANCE_ENDPOINT=http://bus", NULL);
  assert_no_faults(settings);
  diffd_settings_destroy(settings);
  settings =
      load("DIFF_ROLE=worker", "DIFF_STORAGE=embedded", "DIFF_MARKER=embedded", "VPC_FLOW_LOGS_DIR=/l", NULL);
  assert_no_faults(settings);
  assert_int_equal(settings->config.queuer, DIFFD_QUEUER_NONE);
  diffd_settings_destroy(settings);
  settings = load("DIFF_ROLE=worker", NULL);
  assert_no_faults(settings);
  assert_int_equal(settings->config.queuer, DIFFD_QUEUER_EMBEDDED);
  diffd_settings_destroy(settings);
  settings = load("DIFF_ROLE=worker", "DIFF_STORAGE=embedded", "DIFF_MARKER=embedded", NULL);
  assert_fault(settings, "no grapher is chosen", "VPC_FLOW_LOGS_DIR=FOLDER");
  diffd_settings_destroy(settings);
}

static void test_no_data_folder_is_needed_where_nothing_is_embedded(void **state) {
  (void)state;
  char *const environment[] = {(char[]){"DIFF_STORAGE_BUCKET=b"},
                               (char[]){"DIFF_STORAGE_BUCKET_REGION=r"},
                               (char[]){"DIFF_PROGRESS_BUCKET=p"},
                               (char[]){"DIFF_PROGRESS_BUCKET_REGION=r"},
                               (char[]){"DIFF_PROGRESS_TIMEOUT=1"},
                               (char[]){"VPC_FLOW_LOGS_DIR=/l"},
                               (char[]){"STREAM_APPLIANCE_ENDPOINT=http://bus"},
                               NULL};
  struct diffd_settings *settings = NULL;
  struct diffd_error err;
  assert_int_equal(diffd_settings_load(environment, &settings, &err), DIFFD_OK);
  assert_no_faults(settings);
  assert_null(settings->config.data_dir);
  diffd_settings_destroy(settings);
}

/* The defaults that the original's documentation gives, row by row. */
static void test_the_documented_defaults_of_the_original(void **state) {
  (void)state;
  static const struct {
    const char *name;
    const char *def; /* NULL: empty */
  } documented[] = {
      {"PORT", "8080"},
      {"RUNTIME_HTTPSERVER_ADDRESS", ":8080"},
      {"RUNTIME_CONNSTATE_REPORTINTERVAL", "5s"},
      {"RUNTIME_CONNSTATE_HIJACKEDCOUNTER", "http.server.connstate.hijacked"},
      {"RUNTIME_CONNSTATE_CLOSEDCOUNTER", "http.server.connstate.closed"},
      {"RUNTIME_CONNSTATE_IDLEGAUGE", "http.server.connstate.idle.gauge"},
      {"RUNTIME_CONNSTATE_IDLECOUNTER", "http.server.connstate.idle"},
      {"RUNTIME_CONNSTATE_ACTIVEGAUGE", "http.server.connstate.active.gauge"},
      {"RUNTIME_CONNSTATE_ACTIVECOUNTER", "http.server.connstate.active"},
      {"RUNTIME_CONNSTATE_NEWGAUGE", "http.server.connstate.new.gauge"},
      {"RUNTIME_CONNSTATE_NEWCOUNTER", "http.server.connstate.new"},
      {"RUNTIME_LOGGER_OUTPUT", "STDOUT"},
      {"RUNTIME_LOGGER_LEVEL", "INFO"},
      {"RUNTIME_STATS_OUTPUT", "DATADOG"},
      {"RUNTIME_STATS_DATADOG_PACKETSIZE", "32768"},
      {"RUNTIME_STATS_DATADOG_TAGS", NULL},
      {"RUNTIME_STATS_DATADOG_FLUSHINTERVAL", "10s"},
      {"RUNTIME_STATS_DATADOG_ADDRESS", "localhost:8125"},
      {"RUNTIME_SIGNALS_INSTALLED", "OS"},
      {"RUNTIME_SIGNALS_OS_SIGNALS", "15 2"},
  };
  size_t runtime_rows = 0;
  for (size_t i = 0; i < sizeof documented / sizeof documented[0]; i++) {
    size_t row = diffd_settings_find(documented[i].name);
    if (row == diffd_settings_count)
      fail_msg("there is no %s", documented[i].name);
    const char *def = diffd_settings_table[row].def;
    if ((def == NULL) != (documented[i].def == NULL) || (def != NULL && strcmp(def, documented[i].def) != 0))
      fail_msg("%s has the default %s", documented[i].name, def != NULL ? def : "none");
  }
  for (size_t row = 0; row < diffd_settings_count; row++)
    runtime_rows += strncmp(diffd_settings_table[row].name, "RUNTIME_", 8) == 0;
  assert_int_equal(runtime_rows, sizeof documented / sizeof documented[0] - 1); /* PORT is the other */

  struct diffd_settings *settings = load(NULL, NULL);
  const struct diffd_stats_config *stats = &settings->config.stats;
  assert_int_equal(stats->output, DIFFD_STATS_DATADOG);
  assert_string_equal(stats->address, "localhost:8125");
  assert_int_equal(stats->packet_max_bytes, 32768);
  assert_int_equal(stats->flush_ms, 10000);
  assert_int_equal(stats->tag_count, 0);
  assert_int_equal(stats->report_ms, 5000);
  assert_string_equal(stats->new_counter, "http.server.connstate.new");
  assert_string_equal(stats->active_counter, "http.server.connstate.active");
  assert_string_equal(stats->idle_counter, "http.server.connstate.idle");
  assert_string_equal(stats->closed_counter, "http.server.connstate.closed");
  assert_string_equal(stats->hijacked_counter, "http.server.connstate.hijacked");
  assert_string_equal(stats->new_gauge, "http.server.connstate.new.gauge");
  assert_string_equal(stats->active_gauge, "http.server.connstate.active.gauge");
  assert_string_equal(stats->idle_gauge, "http.server.connstate.idle.gauge");
  diffd_settings_destroy(settings);
}

static void test_stats_reach_the_configuration(void **state) {
  (void)state;
  struct diffd_settings *settings =
      load("RUNTIME_STATS_DATADOG_ADDRESS=[::1]", "RUNTIME_STATS_DATADOG_PACKETSIZE=0x200",
           "RUNTIME_STATS_DATADOG_FLUSHINTERVAL=250ms", "RUNTIME_STATS_DATADOG_TAGS=a:b  c",
           "RUNTIME_CONNSTATE_REPORTINTERVAL=1m", "RUNTIME_CONNSTATE_NEWCOUNTER=n", NULL);
  const struct diffd_stats_config *stats = &settings->config.stats;
  assert_no_faults(settings);
  assert_string_equal(stats->address, "[::1]:8125");
  assert_int_equal(stats->packet_max_bytes, 512);
  assert_int_equal(stats->flush_ms, 250);
  assert_int_equal(stats->tag_count, 2);
  assert_string_equal(stats->tags[1], "c");
  assert_int_equal(stats->report_ms, 60000);
  assert_string_equal(stats->new_counter, "n");
  diffd_settings_destroy(settings);
  static const char *const quiet[] = {"RUNTIME_STATS_OUTPUT=NULL", "RUNTIME_STATS_OUTPUT=nullstat"};
  for (size_t i = 0; i < sizeof quiet / sizeof quiet[0]; i++) {
    settings = load(quiet[i], NULL);
    assert_no_faults(settings);
    assert_int_equal(settings->config.stats.output, DIFFD_STATS_NOWHERE);
    diffd_settings_destroy(settings);
  }
  settings = load("RUNTIME_STATS_DATADOG_TAGS=\"\"", "RUNTIME_STATS_DATADOG_FLUSHINTERVAL=10", NULL);
  assert_int_equal(settings->config.stats.tag_count, 0);
  assert_fault(settings, "RUNTIME_STATS_DATADOG_FLUSHINTERVAL=10", "10s");
  diffd_settings_destroy(settings);
}

static void test_two_choices_and_half_choices_are_faults(void **state) {
  (void)state;
  struct diffd_settings *settings =
      load("DIFF_STORAGE=embedded", "DIFF_STORAGE_BUCKET=b", "DIFF_MARKER=embedded", "VPC_FLOW_LOGS_DIR=/l",
           "STREAM_APPLIANCE_ENDPOINT=embedded", NULL);
  assert_fault(settings, "DIFF_STORAGE_BUCKET and DIFF_STORAGE", "both set");
  assert_int_equal(settings->faults.count, 2); /* its region is missing, too */
  diffd_settings_destroy(settings);
  settings = load(ORIGINAL, "GRAPHER_POLLING_TIMEOUT=1", "STREAM_APPLIANCE_ENDPOINT=embedded",
                  "DIFF_STORAGE=embedded", "DIFF_MARKER=embedded", "VPC_FLOW_LOGS_DIR=/l", NULL);
  assert_int_equal(settings->faults.count, 3);
  assert_fault(settings, "DIFF_PROGRESS_BUCKET and DIFF_MARKER", "both set");
  assert_fault(settings, "GRAPHER_ENDPOINT and VPC_FLOW_LOGS_DIR", "both set");
  diffd_settings_destroy(settings);
  settings = load("VPC_FLOW_LOGS_BUCKET=b", "VPC_FLOW_LOGS_DIR=/l", "DIFF_STORAGE=embedded",
                  "DIFF_MARKER=embedded", "STREAM_APPLIANCE_ENDPOINT=embedded", NULL);
  assert_int_equal(settings->faults.count, 2);
  assert_fault(settings, "VPC_FLOW_LOGS_BUCKET and VPC_FLOW_LOGS_DIR", "both set");
  assert_fault(settings, "VPC_FLOW_LOGS_BUCKET: this version", "VPC_FLOW_LOGS_DIR=FOLDER");
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
  settings = load("RUNTIME_SIGNALS_OS_SIGNALS=15 9 19", NULL);
  assert_int_equal(settings->faults.count, 2);
  assert_fault(settings, "RUNTIME_SIGNALS_OS_SIGNALS", "9 is no signal");
  diffd_settings_destroy(settings);
}

/* What cannot be a proxy is told before the first request meets it, without its password. */
static void test_proxies_that_cannot_be_asked_are_faults(void **state) {
  (void)state;
  static const char *const good[] = {"HTTP_PROXY=proxy:3128", "HTTP_PROXY=http://joe:hunter2@[::1]:3128/",
                                     "https_proxy=HTTPS://proxy", "HTTPS_PROXY=socks5h://proxy:1080"};
  static const char *const bad[] = {"HTTP_PROXY=ftp://proxy", "http_proxy=http://", "HTTPS_PROXY=proxy:99999",
                                    "https_proxy=pro xy:3128", "HTTP_PROXY=joe:hunter2@proxy:x"};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    struct diffd_settings *settings = load(good[i], NULL);
    assert_no_faults(settings);
    diffd_settings_destroy(settings);
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct diffd_settings *settings = load(bad[i], NULL);
    assert_int_equal(settings->faults.count, 1);
    assert_fault(settings, strncasecmp(bad[i], "https", 5) == 0 ? "HTTPS_PROXY" : "HTTP_PROXY",
                 "http://HOST:PORT");
    assert_null(strstr(settings->faults.items[0], "hunter2"));
    diffd_settings_destroy(settings);
  }
}

static void test_every_form_of_the_table_hides_secrets(void **state) {
  (void)state;
  static const enum diffd_settings_format formats[] = {DIFFD_SETTINGS_HELP, DIFFD_SETTINGS_LIST,
                                                       DIFFD_SETTINGS_JSON, DIFFD_SETTINGS_MARKDOWN,
                                                       DIFFD_SETTINGS_MAN};
  struct diffd_settings *settings =
      load("AWS_SECRET_ACCESS_KEY=hunter2", "AWS_SESSION_TOKEN=hunter2", "AWS_ACCESS_KEY=hunter2",
           "AWS_CONTAINER_AUTHORIZATION_TOKEN=hunter2", "http_proxy=joe:hunter2@proxy:3128",
           "STREAM_APPLIANCE_ENDPOINT=nats://hunter2@bus:4222/jobs", "GRAPHER_ENDPOINT=x://u:hunter2@g/",
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
    if (formats[i] == DIFFD_SETTINGS_LIST) {
      assert_non_null(strstr(out.ptr, "joe:(hidden)@proxy:3128"));
      assert_non_null(strstr(out.ptr, "nats://(hidden)@bus:4222/jobs"));
    }
    diffd_buffer_clean_up(&out);
  }
  for (size_t i = 0; i < settings->faults.count; i++)
    assert_null(strstr(settings->faults.items[i], "hunter2"));
  assert_fault(settings, "GRAPHER_ENDPOINT=x://u:(hidden)@g/", "not a URL");
  diffd_settings_destroy(settings);
}

/* A password with a character that ought to be encoded makes a wrong URL, whose fault is told without it. */
static void test_secrets_that_break_their_url_are_hidden(void **state) {
  (void)state;
  static const char *const endpoints[] = {
      "STREAM_APPLIANCE_ENDPOINT=nats://joe:hunter2/3@bus:4222/jobs",
      "STREAM_APPLIANCE_ENDPOINT=nats://joe:?hunter2@bus:4222/jobs",
      "STREAM_APPLIANCE_ENDPOINT=nats://hunter2#3@bus:4222/jobs",
      "STREAM_APPLIANCE_ENDPOINT=http://joe:hunter2@3/@bus/jobs",
      "STREAM_APPLIANCE_ENDPOINT=bus://joe:hunter2/@bus/jobs",
      "HTTP_PROXY=http://joe:hunter2/3@proxy:3128",
  };
  for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
    struct diffd_error err;
    struct diffd_buffer out = diffd_buffer_init(1 << 20);
    struct diffd_settings *settings = load(endpoints[i], NULL);
    assert_int_equal(diffd_settings_print(settings, DIFFD_SETTINGS_LIST, &out, &err), DIFFD_OK);
    assert_int_equal(diffd_buffer_append(&out, "", 1, &err), DIFFD_OK);
    assert_null(strstr(out.ptr, "hunter2"));
    for (size_t j = 0; j < settings->faults.count; j++)
      assert_null(strstr(settings->faults.items[j], "hunter2"));
    diffd_buffer_clean_up(&out);
    diffd_settings_destroy(settings);
  }
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
      cmocka_unit_test(test_the_environment_of_the_original_chooses_what_it_chose),
      cmocka_unit_test(test_the_variables_of_aws_reach_the_configuration),
      cmocka_unit_test(test_kinds_of_endpoints),
      cmocka_unit_test(test_each_module_chosen_outside_needs_its_companions),
      cmocka_unit_test(test_halves_of_credentials),
      cmocka_unit_test(test_a_role_needs_only_what_it_uses),
      cmocka_unit_test(test_no_data_folder_is_needed_where_nothing_is_embedded),
      cmocka_unit_test(test_the_documented_defaults_of_the_original),
      cmocka_unit_test(test_stats_reach_the_configuration),
      cmocka_unit_test(test_two_choices_and_half_choices_are_faults),
      cmocka_unit_test(test_an_api_alone_needs_a_queue_elsewhere),
      cmocka_unit_test(test_levels_and_signals_are_lenient_where_documented),
      cmocka_unit_test(test_proxies_that_cannot_be_asked_are_faults),
      cmocka_unit_test(test_every_form_of_the_table_hides_secrets),
      cmocka_unit_test(test_secrets_that_break_their_url_are_hidden),
      cmocka_unit_test(test_the_table_keeps_its_own_rules),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
