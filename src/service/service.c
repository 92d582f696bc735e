/* SPDX-License-Identifier: Apache-2.0
 *
 * The composition root: makes the parts of a run, lets them run until a signal, and takes them down in order.
 */
#include "diffd/service.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/thread.h"
#include "handlers/route.h"
#include "runtime/datadog_stat.h"
#include "runtime/http_server.h"
#include "runtime/json_log.h"
#include "runtime/listen.h"
#include "runtime/signals.h"
#include "service/builtin.h"
#include "service/config.h"
#include "service/queue_gauge.h"
#include "service/worker_pool.h"

/* Threads for worker POSTs beyond those that can be at work: they hold deliveries of jobs that are at work
 * already, and those that wait for a place. */
enum { WAITING_JOB_THREADS = 16, EVENT_THREADS_MAX = 4 };

struct run {
  const struct diffd_service *service;
  struct diffd_config config;
  struct diffd_log *log;
  struct diffd_log *own_log;
  struct diffd_stat *stat;
  struct diffd_stat *own_stat;
  struct diffd_signals *signals;
  struct diffd_builtin modules;
  struct diffd_producer *producer;
  struct diffd_worker_pool *pool;
  struct diffd_queue_gauge *gauge;
  struct diffd_id_gate *gate;
  struct diffd_router router;
  int listen_fd; /* -1: not open, or the server's */
  uint16_t port;
  struct diffd_http_server *server;
};

static bool screen(void *arg, const struct diffd_context *ctx, const struct diffd_request *request,
                   struct diffd_response *response) {
  return diffd_route_screen(arg, ctx, request, response);
}

static void handle(void *arg, const struct diffd_context *ctx, const struct diffd_request *request,
                   struct diffd_response *response) {
  diffd_route(arg, ctx, request, response);
}

static bool is_long(void *arg, const struct diffd_request *request) {
  return diffd_route_lane(arg, request) == DIFFD_LANE_JOB;
}

static const char *route_name(void *arg, const struct diffd_request *request) {
  return diffd_route_name(arg, request);
}

static enum diffd_status open_log(struct run *run, struct diffd_error *err) {
  run->log = run->service->log;
  if (run->log != NULL || run->config.log_output == DIFFD_LOG_NOWHERE)
    return DIFFD_OK;
  enum diffd_status status =
      diffd_json_log_new(STDOUT_FILENO, run->config.log_level, &diffd_system_clock, &run->own_log, err);
  run->log = run->own_log;
  return status;
}

static enum diffd_status open_stat(struct run *run, struct diffd_error *err) {
  const struct diffd_stats_config *config = &run->config.stats;
  run->stat = run->service->stat;
  if (run->stat != NULL || config->output == DIFFD_STATS_NOWHERE)
    return DIFFD_OK;
  const struct diffd_datadog_options options = {.address = config->address,
                                                .packet_max_bytes = config->packet_max_bytes,
                                                .flush_ms = config->flush_ms,
                                                .tags = config->tags,
                                                .tag_count = config->tag_count};
  enum diffd_status status = diffd_datadog_stat_new(&options, &run->own_stat, err);
  run->stat = run->own_stat;
  return status;
}

static void tell_notes(const struct run *run) {
  for (size_t i = 0; i < run->config.note_count; i++)
    diffd_log(run->log, run->config.notes[i].level, "setting", {"setting", run->config.notes[i].setting, 0},
              {"reason", run->config.notes[i].reason, 0});
}

static enum diffd_status start_producer(struct run *run, struct diffd_error *err) {
  if (run->modules.differ == NULL)
    return DIFFD_OK;
  const struct diffd_producer_options options = {.storage = run->modules.storage,
                                                 .marker = run->modules.marker,
                                                 .differ = run->modules.differ,
                                                 .places = run->config.workers,
                                                 .clock = &diffd_system_clock};
  return diffd_producer_new(&options, &run->producer, err);
}

static enum diffd_status start_pool(struct run *run, struct diffd_error *err) {
  if (run->modules.source == NULL || run->producer == NULL)
    return DIFFD_OK;
  const struct diffd_worker_pool_options options = {.source = run->modules.source,
                                                    .marker = run->modules.marker,
                                                    .differ = run->modules.differ,
                                                    .producer = run->producer,
                                                    .workers = run->config.workers,
                                                    .clock = &diffd_system_clock,
                                                    .log = run->log,
                                                    .stat = run->stat};
  return diffd_worker_pool_start(&options, &run->pool, err);
}

/* JetStream has stats of its own, and each of its workers would tell the same. */
static enum diffd_status start_gauge(struct run *run, struct diffd_error *err) {
  if (run->pool == NULL || run->modules.nats_queue != NULL)
    return DIFFD_OK;
  return diffd_queue_gauge_start(run->modules.source, run->stat, run->config.stats.report_ms, &run->gauge,
                                 err);
}

static enum diffd_status start_server(struct run *run, struct diffd_error *err) {
  uint64_t instance;
  if (getrandom(&instance, sizeof instance, 0) != (ssize_t)sizeof instance)
    return diffd_fail_errno(err, errno, "asking for random bytes");
  enum diffd_status status = diffd_id_gate_new(&run->gate, err);
  if (status != DIFFD_OK)
    return status;
  run->router = (struct diffd_router){
      .role = run->config.role,
      .api = {run->modules.storage, run->modules.marker, run->modules.queuer, run->gate},
      .producer = run->producer,
      .middlewares = {run->service->middlewares, run->service->middleware_count}};
  long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  const struct diffd_http_server_options options = {
      .listen_fd = run->listen_fd,
      .event_threads = cpus < 1                   ? 1
                       : cpus > EVENT_THREADS_MAX ? EVENT_THREADS_MAX
                                                  : (unsigned)cpus,
      .request_threads = run->config.http_threads,
      .job_threads = run->config.workers + WAITING_JOB_THREADS,
      .max_connections = run->config.max_connections,
      .request_timeout_ms = run->config.request_timeout_ms,
      .idle_timeout_ms = run->config.idle_timeout_ms,
      .instance = instance,
      .log = run->log,
      .stat = run->stat,
      .stat_names = &run->config.stats,
      .screen = run->service->middleware_count > 0 ? screen : NULL,
      .handle = handle,
      .is_long = is_long,
      .route = route_name,
      .arg = &run->router};
  run->listen_fd = -1;
  return diffd_http_server_start(&options, &run->server, err);
}

/* The address is taken first: a second instance should fail before it touches a job. Jobs start before
 * requests are answered, so that every mark is right when the first question comes. */
static enum diffd_status start(struct run *run, struct diffd_error *err) {
  enum diffd_status status = open_log(run, err);
  if (status == DIFFD_OK)
    status = diffd_signals_start(run->config.signals, run->config.signal_count, &run->signals, err);
  /* Its thread must not get the signals, either. */
  if (status == DIFFD_OK)
    status = open_stat(run, err);
  if (status == DIFFD_OK)
    tell_notes(run);
  if (status == DIFFD_OK)
    status = diffd_listen(run->config.http_address, &run->listen_fd, &run->port, err);
  if (status == DIFFD_OK)
    status = diffd_builtin_make(run->service, &run->config, run->log, &run->modules, err);
  if (status == DIFFD_OK)
    status = start_producer(run, err);
  if (status == DIFFD_OK)
    status = start_pool(run, err);
  if (status == DIFFD_OK)
    status = start_gauge(run, err);
  return status != DIFFD_OK ? status : start_server(run, err);
}

static void tell_start(const struct run *run) {
  static const char *const roles[] = {
      [DIFFD_ROLE_ALL] = "all", [DIFFD_ROLE_API] = "api", [DIFFD_ROLE_WORKER] = "worker"};
  diffd_log(run->log, DIFFD_LOG_INFO, "service-started", {"address", run->config.http_address, 0},
            {"port", NULL, run->port}, {"role", roles[run->config.role], 0},
            {"data_dir", run->modules.data_dir != NULL ? run->config.data_dir : "", 0},
            {"workers", NULL, run->pool != NULL || run->producer != NULL ? run->config.workers : 0},
            {"pid", NULL, getpid()});
  if (run->service->listening != NULL)
    run->service->listening(run->service->listening_arg, run->port);
}

static void drain(struct run *run, int signal_number) {
  uint64_t started = diffd_monotonic_ms();
  diffd_log(run->log, DIFFD_LOG_INFO, "service-stopping", {"signal", NULL, signal_number});
  if (run->pool != NULL)
    diffd_worker_pool_quiesce(run->pool);
  diffd_http_server_quiesce(run->server);
  size_t requests = diffd_http_server_drain(run->server, run->config.drain_timeout_ms);
  uint64_t used = diffd_monotonic_ms() - started;
  uint64_t left = used < run->config.drain_timeout_ms ? run->config.drain_timeout_ms - used : 0;
  size_t jobs = run->pool != NULL ? diffd_worker_pool_drain(run->pool, left) : 0;
  diffd_log(run->log, DIFFD_LOG_INFO, "service-stopped", {"cancelled_requests", NULL, (int64_t)requests},
            {"cancelled_jobs", NULL, (int64_t)jobs},
            {"duration_ms", NULL, (int64_t)(diffd_monotonic_ms() - started)});
}

static void clean_up(struct run *run) {
  diffd_http_server_destroy(run->server);
  if (run->listen_fd >= 0)
    (void)close(run->listen_fd);
  diffd_queue_gauge_stop(run->gauge);
  diffd_worker_pool_destroy(run->pool);
  diffd_producer_destroy(run->producer);
  diffd_id_gate_destroy(run->gate);
  diffd_builtin_clean_up(&run->modules);
  /* The last lines of all leave here; a second signal still ends the process at once. */
  diffd_stat_destroy(run->own_stat);
  diffd_signals_stop(run->signals);
  diffd_log_destroy(run->own_log);
}

enum diffd_status diffd_service_run(const struct diffd_service *service, struct diffd_error *err) {
  struct run run = {.service = service, .config = diffd_config_resolve(&service->config), .listen_fd = -1};
  enum diffd_status status = start(&run, err);
  if (status == DIFFD_OK) {
    tell_start(&run);
    drain(&run, diffd_signals_wait(run.signals));
  }
  clean_up(&run);
  return status;
}
