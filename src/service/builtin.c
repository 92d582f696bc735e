/* SPDX-License-Identifier: Apache-2.0 */
#include "service/builtin.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "modules/file_marker.h"
#include "modules/file_storage.h"
#include "modules/graph_differ.h"
#include "modules/http_grapher.h"
#include "modules/http_queuer.h"
#include "modules/log_folder_grapher.h"
#include "modules/s3_marker.h"
#include "modules/s3_storage.h"
#include "net/curl_client.h"
#include "service/pending.h"

/* The step that makes a module; each looks at what the caller gave, and at the role. */
struct making {
  const struct diffd_service *service;
  const struct diffd_config *config;
  struct diffd_log *log;
  struct diffd_builtin *builtin;
};

static bool makes_diffs(const struct making *making) {
  return making->config->role != DIFFD_ROLE_API;
}

static bool queues_jobs(const struct making *making) {
  return making->config->role != DIFFD_ROLE_WORKER;
}

static bool needs_data_dir(const struct making *making) {
  const struct diffd_service *service = making->service;
  const struct diffd_config *config = making->config;
  return (service->storage == NULL && config->storage == DIFFD_STORAGE_EMBEDDED) ||
         (service->marker == NULL && config->marker == DIFFD_MARKER_EMBEDDED) ||
         (service->queuer == NULL && config->queuer == DIFFD_QUEUER_EMBEDDED);
}

static enum diffd_status open_data_dir(const struct making *making, struct diffd_error *err) {
  if (!needs_data_dir(making))
    return DIFFD_OK;
  if (making->config->data_dir == NULL)
    return diffd_fail(err, DIFFD_INVALID, "the embedded modules need a data directory: set DIFF_DATA_DIR");
  return diffd_data_dir_open(making->config->data_dir, &making->builtin->data_dir, err);
}

static bool uses_s3(const struct making *making) {
  return (making->service->storage == NULL && making->config->storage == DIFFD_STORAGE_S3) ||
         (making->service->marker == NULL && making->config->marker == DIFFD_MARKER_S3);
}

static enum diffd_status open_aws(const struct making *making, struct diffd_error *err) {
  return uses_s3(making) ? diffd_aws_access_make(making->config, &making->builtin->aws, err) : DIFFD_OK;
}

/* What texts call a bucket and its region. */
static const char *const storage_settings[] = {"DIFF_STORAGE_BUCKET", "DIFF_STORAGE_BUCKET_REGION"};
static const char *const progress_settings[] = {"DIFF_PROGRESS_BUCKET", "DIFF_PROGRESS_BUCKET_REGION"};

static enum diffd_status open_bucket(const struct making *making, const struct diffd_bucket *bucket,
                                     const char *const settings[static 2], struct diffd_s3 **ret,
                                     struct diffd_error *err) {
  return diffd_aws_bucket_open(&making->builtin->aws, &making->config->aws, bucket, settings[0], settings[1],
                               ret, err);
}

static enum diffd_status make_storage(const struct making *making, struct diffd_error *err) {
  struct diffd_builtin *builtin = making->builtin;
  builtin->storage = making->service->storage;
  if (builtin->storage != NULL)
    return DIFFD_OK;
  enum diffd_status status = DIFFD_OK;
  if (making->config->storage == DIFFD_STORAGE_S3) {
    status =
        open_bucket(making, &making->config->storage_bucket, storage_settings, &builtin->storage_bucket, err);
    if (status == DIFFD_OK)
      status = diffd_s3_storage_new(builtin->storage_bucket, &builtin->own_storage, err);
  } else {
    status = diffd_file_storage_new(diffd_data_dir_diffs(builtin->data_dir), &builtin->own_storage, err);
  }
  builtin->storage = builtin->own_storage;
  return status;
}

static enum diffd_status make_marker(const struct making *making, struct diffd_error *err) {
  struct diffd_builtin *builtin = making->builtin;
  builtin->marker = making->service->marker;
  if (builtin->marker != NULL)
    return DIFFD_OK;
  uint64_t timeout_ms = making->config->progress_timeout_ms;
  enum diffd_status status = DIFFD_OK;
  if (making->config->marker == DIFFD_MARKER_S3) {
    status = open_bucket(making, &making->config->progress_bucket, progress_settings,
                         &builtin->progress_bucket, err);
    if (status == DIFFD_OK)
      status = diffd_s3_marker_new(builtin->progress_bucket, timeout_ms, &diffd_system_clock,
                                   &builtin->own_marker, err);
  } else {
    status = diffd_file_marker_new(diffd_data_dir_marks(builtin->data_dir), timeout_ms, &diffd_system_clock,
                                   &builtin->own_marker, err);
  }
  builtin->marker = builtin->own_marker;
  return status;
}

static void tell_recovery(const struct making *making, const struct diffd_queue_recovery *recovery) {
  if (recovery->waiting == 0 && recovery->parked == 0)
    return;
  diffd_log(making->log, DIFFD_LOG_INFO, "queue-recovered", {"waiting", NULL, (int64_t)recovery->waiting},
            {"resumed", NULL, (int64_t)recovery->resumed}, {"parked", NULL, (int64_t)recovery->parked});
}

static enum diffd_status make_embedded_queue(const struct making *making, struct diffd_error *err) {
  struct diffd_builtin *builtin = making->builtin;
  const struct diffd_sqlite_queue_options options = {.clock = &diffd_system_clock};
  struct diffd_queue_recovery recovery = {0};
  if (!makes_diffs(making))
    return diffd_fail(
        err, DIFFD_INVALID,
        "with the role api nobody would work on the embedded queue: set DIFF_ROLE=all, or name an "
        "event bus in STREAM_APPLIANCE_ENDPOINT");
  enum diffd_status status = diffd_sqlite_queue_open(diffd_data_dir_queue_path(builtin->data_dir), &options,
                                                     &builtin->queue, &recovery, err);
  if (status != DIFFD_OK)
    return status;
  tell_recovery(making, &recovery);
  builtin->queuer = diffd_sqlite_queue_queuer(builtin->queue);
  if (builtin->source == NULL)
    builtin->source = diffd_sqlite_queue_source(builtin->queue);
  return DIFFD_OK;
}

/* The clients of queuer and grapher try as often as the original says it does. */
static enum diffd_status make_client(const struct making *making, struct diffd_http_client **ret,
                                     struct diffd_error *err) {
  const struct diffd_curl_client_options options = {
      .retries = 3, .retry_pause_ms = 50, .proxies = making->config->proxies};
  return diffd_curl_client_new(&options, ret, err);
}

/* The event bus POSTs to a worker, which asks the bus for nothing: so a worker needs no queuer. */
static enum diffd_status make_http_queuer(const struct making *making, struct diffd_error *err) {
  struct diffd_builtin *builtin = making->builtin;
  struct diffd_http_client *client = making->service->queuer_client;
  enum diffd_status status = DIFFD_OK;
  if (!queues_jobs(making))
    return DIFFD_OK;
  if (client == NULL) {
    status = make_client(making, &builtin->own_queuer_client, err);
    client = builtin->own_queuer_client;
  }
  if (status == DIFFD_OK)
    status = diffd_http_queuer_new(making->config->queue_url, client, &builtin->own_queuer, err);
  builtin->queuer = builtin->own_queuer;
  return status;
}

/* An API publishes, and needs nothing of what workers do; a worker takes. */
static enum diffd_status make_nats_queue(const struct making *making, struct diffd_error *err) {
  struct diffd_builtin *builtin = making->builtin;
  const struct diffd_nats_queue_options options = {.url = making->config->queue_url,
                                                   .takes = makes_diffs(making) && builtin->source == NULL,
                                                   .progress_timeout_ms = making->config->progress_timeout_ms,
                                                   .clock = &diffd_system_clock,
                                                   .log = making->log};
  enum diffd_status status = diffd_nats_queue_open(&options, &builtin->nats_queue, err);
  if (status != DIFFD_OK)
    return diffd_fail_within(err, "STREAM_APPLIANCE_ENDPOINT");
  builtin->queuer = diffd_nats_queue_queuer(builtin->nats_queue);
  if (options.takes)
    builtin->source = diffd_nats_queue_source(builtin->nats_queue);
  return DIFFD_OK;
}

/* Where jobs go to, and where this process takes them from. */
static enum diffd_status make_queue(const struct making *making, struct diffd_error *err) {
  struct diffd_builtin *builtin = making->builtin;
  builtin->queuer = making->service->queuer;
  builtin->source = makes_diffs(making) ? making->service->source : NULL;
  if (builtin->queuer != NULL)
    return DIFFD_OK;
  switch (making->config->queuer) {
  case DIFFD_QUEUER_EMBEDDED:
    return make_embedded_queue(making, err);
  case DIFFD_QUEUER_HTTP:
    return make_http_queuer(making, err);
  case DIFFD_QUEUER_NATS:
    return make_nats_queue(making, err);
  case DIFFD_QUEUER_NONE:
    break;
  }
  if (queues_jobs(making))
    return diffd_fail(err, DIFFD_INVALID, "no queuer for the API: set STREAM_APPLIANCE_ENDPOINT");
  return DIFFD_OK;
}

/* The default folder of flow logs is made, so that there is a place to put them. */
static enum diffd_status find_flow_logs(const struct making *making, char path[static PATH_MAX],
                                        struct diffd_error *err) {
  const struct diffd_config *config = making->config;
  char fallback[PATH_MAX] = "";
  if (config->data_dir != NULL)
    (void)snprintf(fallback, sizeof fallback, "%s/flow-logs", config->data_dir);
  const char *chosen = config->flow_logs_dir != NULL ? config->flow_logs_dir : fallback;
  if (chosen[0] == '\0')
    return diffd_fail(err, DIFFD_INVALID, "no flow logs to make graphs from: set VPC_FLOW_LOGS_DIR");
  if (snprintf(path, PATH_MAX, "%s", chosen) >= PATH_MAX)
    return diffd_fail(err, DIFFD_INVALID, "the path of the flow logs is too long: set VPC_FLOW_LOGS_DIR");
  if (strcmp(path, fallback) == 0 && mkdir(path, 0700) != 0 && errno != EEXIST && errno != ENOENT)
    return diffd_fail_errno(err, errno, "making the folder %s", path);
  /* It may be mounted later, so this is no reason not to start. */
  if (access(path, R_OK | X_OK) != 0) {
    struct diffd_error cannot;
    (void)diffd_fail_errno(&cannot, errno, "every job will fail until the folder %s can be read", path);
    diffd_log(making->log, DIFFD_LOG_WARN, "setting", {"setting", "VPC_FLOW_LOGS_DIR", 0},
              {"reason", cannot.detail, 0});
  }
  return DIFFD_OK;
}

static enum diffd_status make_http_grapher(const struct making *making, struct diffd_error *err) {
  const struct diffd_config *config = making->config;
  struct diffd_builtin *builtin = making->builtin;
  struct diffd_http_client *client = making->service->grapher_client;
  enum diffd_status status = DIFFD_OK;
  if (client == NULL) {
    status = make_client(making, &builtin->own_grapher_client, err);
    client = builtin->own_grapher_client;
  }
  if (status != DIFFD_OK)
    return status;
  if (config->grapher_url == NULL)
    return diffd_fail(err, DIFFD_INVALID, "no grapher service to ask for graphs: set GRAPHER_ENDPOINT");
  const struct diffd_http_grapher_options options = {.endpoint = config->grapher_url,
                                                     .polling_interval_ms =
                                                         config->grapher_polling_interval_ms,
                                                     .polling_timeout_ms = config->grapher_polling_timeout_ms,
                                                     .client = client,
                                                     .clock = &diffd_system_clock};
  return diffd_http_grapher_new(&options, &builtin->own_grapher, err);
}

static enum diffd_status make_log_folder_grapher(const struct making *making, const char *tmp_dir,
                                                 uint64_t graph_memory_bytes, struct diffd_error *err) {
  const struct diffd_config *config = making->config;
  char path[PATH_MAX];
  enum diffd_status status = find_flow_logs(making, path, err);
  if (status != DIFFD_OK)
    return status;
  const struct diffd_log_folder_options options = {
      .path = path,
      .delay_seconds = (int64_t)((config->flow_logs_delay_ms + 999) / 1000),
      .late_seconds = (int64_t)((config->flow_logs_late_ms + 999) / 1000),
      .fail_on_bad_record = config->flow_logs_fail_on_bad,
      .node_ids = config->original_node_ids ? DIFFD_NODE_IDS_ORIGINAL : DIFFD_NODE_IDS_INJECTIVE,
      .memory_limit_bytes = graph_memory_bytes,
      .tmp_dir = tmp_dir};
  return diffd_log_folder_grapher_new(&options, &making->builtin->own_grapher, err);
}

/* Gives in *share what is left of the job's memory for the comparison: two graphs that are made here, side by
 * side, take three eighths each; those of others take none. */
static enum diffd_status make_grapher(const struct making *making, const char *tmp_dir, uint64_t *share,
                                      struct diffd_grapher **ret, struct diffd_error *err) {
  struct diffd_builtin *builtin = making->builtin;
  enum diffd_status status = DIFFD_OK;
  *ret = making->service->grapher;
  if (*ret != NULL)
    return DIFFD_OK;
  if (making->config->grapher == DIFFD_GRAPHER_HTTP) {
    status = make_http_grapher(making, err);
  } else {
    status = make_log_folder_grapher(making, tmp_dir, *share / 8 * 3, err);
    *share = *share / 8 * 2;
  }
  *ret = builtin->own_grapher;
  return status;
}

/* One limit for the process: each job gets an equal share. */
static enum diffd_status make_differ(const struct making *making, struct diffd_error *err) {
  struct diffd_builtin *builtin = making->builtin;
  const struct diffd_config *config = making->config;
  builtin->differ = making->service->differ;
  if (!makes_diffs(making) || builtin->differ != NULL)
    return DIFFD_OK;
  const char *tmp_dir = config->tmp_dir;
  if (tmp_dir == NULL && builtin->data_dir != NULL)
    tmp_dir = diffd_data_dir_tmp_path(builtin->data_dir);
  struct diffd_grapher *grapher;
  uint64_t share = config->memory_limit_bytes / config->workers;
  enum diffd_status status = make_grapher(making, tmp_dir, &share, &grapher, err);
  if (status != DIFFD_OK)
    return status;
  const struct diffd_graph_differ_options options = {.memory_limit_bytes = share, .tmp_dir = tmp_dir};
  status = diffd_graph_differ_new(grapher, &options, &builtin->own_differ, err);
  builtin->differ = builtin->own_differ;
  return status;
}

static bool is_pending(void *arg, const char *id) {
  return diffd_pending_has(arg, id);
}

static enum diffd_status sweep_marks(const struct making *making, struct diffd_error *err) {
  struct diffd_builtin *builtin = making->builtin;
  struct diffd_pending pending;
  size_t removed = 0;
  if (builtin->own_marker == NULL || making->config->marker != DIFFD_MARKER_EMBEDDED ||
      builtin->source == NULL || builtin->source->shared)
    return DIFFD_OK;
  enum diffd_status status = diffd_pending_collect(builtin->source, &pending, err);
  if (status != DIFFD_OK)
    return status;
  status =
      diffd_file_marks_sweep(diffd_data_dir_marks(builtin->data_dir), is_pending, &pending, &removed, err);
  diffd_pending_clean_up(&pending);
  if (status == DIFFD_OK && removed > 0)
    diffd_log(making->log, DIFFD_LOG_INFO, "stale-marks-removed", {"count", NULL, (int64_t)removed});
  return status;
}

enum diffd_status diffd_builtin_make(const struct diffd_service *service, const struct diffd_config *config,
                                     struct diffd_log *log, struct diffd_builtin *ret,
                                     struct diffd_error *err) {
  struct diffd_builtin builtin = {0};
  const struct making making = {service, config, log, &builtin};
  enum diffd_status status = open_data_dir(&making, err);
  if (status == DIFFD_OK)
    status = open_aws(&making, err);
  if (status == DIFFD_OK)
    status = make_storage(&making, err);
  if (status == DIFFD_OK)
    status = make_marker(&making, err);
  if (status == DIFFD_OK)
    status = make_queue(&making, err);
  if (status == DIFFD_OK)
    status = make_differ(&making, err);
  if (status == DIFFD_OK)
    status = sweep_marks(&making, err);
  if (status != DIFFD_OK) {
    diffd_builtin_clean_up(&builtin);
    return status;
  }
  *ret = builtin;
  return DIFFD_OK;
}

void diffd_builtin_clean_up(struct diffd_builtin *builtin) {
  diffd_differ_destroy(builtin->own_differ);
  diffd_grapher_destroy(builtin->own_grapher);
  diffd_http_client_destroy(builtin->own_grapher_client);
  diffd_sqlite_queue_close(builtin->queue);
  diffd_nats_queue_close(builtin->nats_queue);
  diffd_queuer_destroy(builtin->own_queuer);
  diffd_http_client_destroy(builtin->own_queuer_client);
  diffd_marker_destroy(builtin->own_marker);
  diffd_storage_destroy(builtin->own_storage);
  diffd_s3_destroy(builtin->storage_bucket);
  diffd_s3_destroy(builtin->progress_bucket);
  diffd_aws_access_clean_up(&builtin->aws);
  diffd_data_dir_close(builtin->data_dir);
  *builtin = (struct diffd_builtin){0};
}
