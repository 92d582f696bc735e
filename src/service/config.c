/* SPDX-License-Identifier: Apache-2.0 */
#include "service/config.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/memory_size.h"

enum {
  DEFAULT_DRAIN_MS = 30000,
  DEFAULT_REQUEST_MS = 30000,
  DEFAULT_IDLE_MS = 75000,
  DEFAULT_PROGRESS_MS = 600000,
  DEFAULT_DELAY_MS = 15 * 60000,
  DEFAULT_LATE_MS = 60 * 60000,
  DEFAULT_HTTP_THREADS = 16,
  DEFAULT_CONNECTIONS = 4096,
  SMALLEST_CONNECTIONS = 16,
  DEFAULT_PACKET_BYTES = 32768,
  DEFAULT_FLUSH_MS = 10000,
  DEFAULT_REPORT_MS = 5000,
};

struct diffd_config diffd_config_default(void) {
  return (struct diffd_config){.aws = {.use_iam = true},
                               .progress_timeout_ms = DEFAULT_PROGRESS_MS,
                               .flow_logs_delay_ms = DEFAULT_DELAY_MS,
                               .flow_logs_late_ms = DEFAULT_LATE_MS,
                               .http_threads = DEFAULT_HTTP_THREADS,
                               .http_address = ":8080",
                               .log_level = DIFFD_LOG_INFO,
                               .signals = {SIGTERM, SIGINT},
                               .signal_count = 2,
                               .drain_timeout_ms = DEFAULT_DRAIN_MS,
                               .request_timeout_ms = DEFAULT_REQUEST_MS,
                               .idle_timeout_ms = DEFAULT_IDLE_MS};
}

static unsigned cpus(void) {
  long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count > 0 ? (unsigned)count : 1;
}

static unsigned connections(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur / 2 >= DEFAULT_CONNECTIONS)
    return DEFAULT_CONNECTIONS;
  return limit.rlim_cur / 2 > SMALLEST_CONNECTIONS ? (unsigned)(limit.rlim_cur / 2) : SMALLEST_CONNECTIONS;
}

static void resolve_text(const char **text, const char *usual) {
  if (*text == NULL)
    *text = usual;
}

static struct diffd_stats_config resolve_stats(const struct diffd_stats_config *config) {
  struct diffd_stats_config full = *config;
  resolve_text(&full.address, "localhost:8125");
  resolve_text(&full.new_counter, "http.server.connstate.new");
  resolve_text(&full.active_counter, "http.server.connstate.active");
  resolve_text(&full.idle_counter, "http.server.connstate.idle");
  resolve_text(&full.closed_counter, "http.server.connstate.closed");
  resolve_text(&full.hijacked_counter, "http.server.connstate.hijacked");
  resolve_text(&full.new_gauge, "http.server.connstate.new.gauge");
  resolve_text(&full.active_gauge, "http.server.connstate.active.gauge");
  resolve_text(&full.idle_gauge, "http.server.connstate.idle.gauge");
  if (full.packet_max_bytes == 0)
    full.packet_max_bytes = DEFAULT_PACKET_BYTES;
  if (full.flush_ms == 0)
    full.flush_ms = DEFAULT_FLUSH_MS;
  if (full.report_ms == 0)
    full.report_ms = DEFAULT_REPORT_MS;
  return full;
}

struct diffd_config diffd_config_resolve(const struct diffd_config *config) {
  struct diffd_config full = *config;
  full.stats = resolve_stats(&config->stats);
  const struct diffd_config usual = diffd_config_default();
  if (full.progress_timeout_ms == 0)
    full.progress_timeout_ms = usual.progress_timeout_ms;
  if (full.workers == 0)
    full.workers = cpus();
  if (full.http_threads == 0)
    full.http_threads = usual.http_threads;
  if (full.memory_limit_bytes == 0)
    full.memory_limit_bytes = diffd_memory_size() / 2;
  if (full.http_address == NULL)
    full.http_address = usual.http_address;
  if (full.drain_timeout_ms == 0)
    full.drain_timeout_ms = usual.drain_timeout_ms;
  if (full.request_timeout_ms == 0)
    full.request_timeout_ms = usual.request_timeout_ms;
  if (full.idle_timeout_ms == 0)
    full.idle_timeout_ms = usual.idle_timeout_ms;
  if (full.max_connections == 0)
    full.max_connections = connections();
  return full;
}
