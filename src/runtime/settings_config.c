/* SPDX-License-Identifier: Apache-2.0
 *
 * Puts the settings into the form that the service takes.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "runtime/settings_rules.h"

enum { NS_PER_MS = 1000000, AGENT_PORT = 8125 };

/* As a listening or dialling address is written; `host` stands where the address names none. */
static void spell_address(const struct diffd_address *address, const char *host, int port,
                          char ret[static DIFFD_HOST_MAX + 16]) {
  const char *name = address->host[0] != '\0' ? address->host : host;
  bool v6 = strchr(name, ':') != NULL;
  (void)snprintf(ret, DIFFD_HOST_MAX + 16, "%s%s%s:%d", v6 ? "[" : "", name, v6 ? "]" : "",
                 address->port >= 0 ? address->port : port);
}

static void fill_modules(struct diffd_settings *settings) {
  struct diffd_config *config = &settings->config;
  config->storage_bucket = (struct diffd_bucket){settings->storage_bucket, settings->storage_region};
  config->progress_bucket = (struct diffd_bucket){settings->progress_bucket, settings->progress_region};
  config->queue_url = settings->stream_endpoint;
  config->grapher_url = settings->grapher_endpoint;
  config->grapher_polling_interval_ms = (uint64_t)settings->grapher_polling_interval_ms;
  config->grapher_polling_timeout_ms = settings->grapher_polling_timeout_ms;
  config->proxies = (struct diffd_proxies){settings->http_proxy, settings->https_proxy, settings->no_proxy};
  config->progress_timeout_ms = (uint64_t)settings->progress_timeout_ms;
  config->flow_logs_dir = settings->flow_logs_dir;
  config->flow_logs_delay_ms = (uint64_t)settings->flow_logs_delay_ns / NS_PER_MS;
  config->flow_logs_late_ms = (uint64_t)settings->flow_logs_late_ns / NS_PER_MS;
  config->flow_logs_fail_on_bad = settings->bad_records == 1;
  config->original_node_ids = settings->node_ids == 1;
}

static void fill_aws(struct diffd_settings *settings) {
  settings->config.aws =
      (struct diffd_aws_config){.use_iam = settings->use_iam,
                                .access_key_id = settings->access_key_id,
                                .secret_access_key = settings->secret_access_key,
                                .session_token = settings->session_token,
                                .credentials_file = settings->credentials_file,
                                .credentials_profile = settings->credentials_profile,
                                .shared_credentials_file = settings->shared_credentials_file,
                                .config_file = settings->config_file,
                                .profile = settings->profile,
                                .role_arn = settings->role_arn,
                                .role_session_name = settings->role_session_name,
                                .web_identity_token_file = settings->web_identity_token_file,
                                .container_relative_uri = settings->container_relative_uri,
                                .container_full_uri = settings->container_full_uri,
                                .container_token = settings->container_token,
                                .container_token_file = settings->container_token_file,
                                /* The AWS tools take any other word for no. */
                                .metadata_disabled = settings->metadata_disabled != NULL &&
                                                     strcasecmp(settings->metadata_disabled, "true") == 0,
                                .metadata_endpoint = settings->metadata_endpoint,
                                .region = settings->region,
                                .endpoint_url = settings->endpoint_url,
                                .endpoint_url_s3 = settings->endpoint_url_s3,
                                .endpoint_url_sts = settings->endpoint_url_sts,
                                .home = settings->home};
}

static void fill_stats(struct diffd_settings *settings) {
  spell_address(&settings->stats_address, "localhost", AGENT_PORT, settings->agent_address);
  settings->config.stats = (struct diffd_stats_config){
      .output = settings->stats_output == 0 ? DIFFD_STATS_DATADOG : DIFFD_STATS_NOWHERE,
      .address = settings->agent_address,
      .packet_max_bytes = (size_t)settings->packet_max_bytes,
      .flush_ms = (uint64_t)settings->flush_ns / NS_PER_MS,
      .tags = (const char *const *)settings->stats_tags.items,
      .tag_count = settings->stats_tags.count,
      .report_ms = (uint64_t)settings->report_ns / NS_PER_MS,
      .new_counter = settings->new_counter,
      .active_counter = settings->active_counter,
      .idle_counter = settings->idle_counter,
      .closed_counter = settings->closed_counter,
      .hijacked_counter = settings->hijacked_counter,
      .new_gauge = settings->new_gauge,
      .active_gauge = settings->active_gauge,
      .idle_gauge = settings->idle_gauge};
}

void diffd_settings_fill_config(struct diffd_settings *settings) {
  struct diffd_config *config = &settings->config;
  spell_address(&settings->listen, "", 0, settings->http_address);
  config->http_address = settings->http_address;
  config->role = (enum diffd_role)settings->role;
  config->data_dir = settings->data_dir;
  config->tmp_dir = settings->tmp_dir;
  config->workers = (unsigned)settings->workers;
  config->http_threads = (unsigned)settings->http_threads;
  config->memory_limit_bytes = (uint64_t)settings->memory_limit_bytes;
  config->log_level = (enum diffd_log_level)settings->log_level;
  config->log_output = settings->log_output == 1 ? DIFFD_LOG_NOWHERE : DIFFD_LOG_STDOUT;
  for (size_t i = 0; settings->handle_signals && i < settings->signals.count && i < DIFFD_SIGNALS_MAX; i++)
    config->signals[config->signal_count++] = (int)settings->signals.items[i];
  config->notes = settings->notes;
  fill_modules(settings);
  fill_aws(settings);
  fill_stats(settings);
}
