/* SPDX-License-Identifier: Apache-2.0
 *
 * The service: API and worker in one process, made of modules. A program fills the configuration, puts its
 * own modules where it wants them, leaves NULL what the built-in modules shall do, and runs.
 */
#ifndef DIFFD_SERVICE_H
#define DIFFD_SERVICE_H

#include "diffd/differ.h"
#include "diffd/grapher.h"
#include "diffd/http_client.h"
#include "diffd/log.h"
#include "diffd/marker.h"
#include "diffd/middleware.h"
#include "diffd/queuer.h"
#include "diffd/stat.h"
#include "diffd/storage.h"

DIFFD_PUBLIC_BEGIN

/* What this process answers; what is switched off answers 404. */
enum diffd_role {
  DIFFD_ROLE_ALL,    /* the API, the worker's POST, and the workers on a queue of this process */
  DIFFD_ROLE_API,    /* POST / and GET / alone: jobs are worked on elsewhere */
  DIFFD_ROLE_WORKER, /* POST /{topic}/{event}, and the workers on a queue of this process */
};

/* Which built-in module fills a place that is NULL. Each kind's settings stand with it in the
 * configuration. */
enum diffd_storage_kind {
  DIFFD_STORAGE_EMBEDDED, /* files in data_dir/diffs */
  DIFFD_STORAGE_S3,       /* objects of storage_bucket */
};
enum diffd_marker_kind {
  DIFFD_MARKER_EMBEDDED, /* files in data_dir/marks */
  DIFFD_MARKER_S3,       /* objects of progress_bucket */
};
enum diffd_queuer_kind {
  DIFFD_QUEUER_EMBEDDED, /* data_dir/queue.db, worked on by this process */
  DIFFD_QUEUER_HTTP,     /* POST to queue_url, an event bus that later POSTs to a worker */
  DIFFD_QUEUER_NATS,     /* queue_url is a subject of NATS JetStream; workers take their jobs from it */
  DIFFD_QUEUER_NONE,     /* of the role worker alone: jobs come by POST */
};
enum diffd_grapher_kind {
  DIFFD_GRAPHER_LOG_FOLDER, /* reads the flow logs below flow_logs_dir */
  DIFFD_GRAPHER_HTTP,       /* asks a vpcflow-grapherd at grapher_url */
};

struct diffd_bucket {
  const char *name;   /* never NULL where S3 is chosen */
  const char *region; /* as in "us-west-2"; never NULL where S3 is chosen */
};

/* Where AWS credentials come from, and what serves S3: the variables of these names, NULL where unset. */
struct diffd_aws_config {
  bool use_iam; /* USE_IAM: the default chain of the AWS tools; else the first three groups alone */
  const char *access_key_id, *secret_access_key, *session_token;
  const char *credentials_file, *credentials_profile; /* AWS_CREDENTIALS_FILE, AWS_CREDENTIALS_PROFILE */
  const char *shared_credentials_file, *config_file, *profile;
  const char *role_arn, *role_session_name, *web_identity_token_file;
  const char *container_relative_uri, *container_full_uri; /* AWS_CONTAINER_CREDENTIALS_..._URI */
  const char *container_token, *container_token_file;      /* AWS_CONTAINER_AUTHORIZATION_TOKEN(_FILE) */
  bool metadata_disabled;                                  /* AWS_EC2_METADATA_DISABLED */
  const char *metadata_endpoint;                           /* AWS_EC2_METADATA_SERVICE_ENDPOINT */
  const char *region;                                      /* AWS_REGION, else AWS_DEFAULT_REGION: for STS */
  const char *endpoint_url, *endpoint_url_s3, *endpoint_url_sts; /* AWS_ENDPOINT_URL(_S3, _STS) */
  const char *home;                                              /* HOME, for the default files */
};

/* HTTP_PROXY, HTTPS_PROXY, NO_PROXY in either case, the upper one first as in Go; NULL where unset. */
struct diffd_proxies {
  const char *http, *https, *no;
};

enum diffd_stats_output { DIFFD_STATS_NOWHERE, DIFFD_STATS_DATADOG };

/* RUNTIME_STATS_DATADOG_* and RUNTIME_CONNSTATE_*. Zero and NULL mean the documented default. */
struct diffd_stats_config {
  enum diffd_stats_output output;
  const char *address;     /* "host:port" of the agent, UDP */
  size_t packet_max_bytes; /* the largest datagram */
  uint64_t flush_ms;       /* how often lines are sent */
  const char *const *tags; /* that every line carries */
  size_t tag_count;
  uint64_t report_ms; /* how often the gauges of connections are reported */
  const char *new_counter, *active_counter, *idle_counter, *closed_counter, *hijacked_counter;
  const char *new_gauge, *active_gauge, *idle_gauge;
};

enum diffd_log_output { DIFFD_LOG_STDOUT, DIFFD_LOG_NOWHERE };

/* Something that the reading of the settings has to tell and that is no fault: it is logged at the start with
 * `setting` and `reason` as fields. */
struct diffd_config_note {
  enum diffd_log_level level;
  const char *setting; /* the variable's name */
  const char *reason;  /* what was made of it: "the port 9000 of PORT is used: the address names none" */
};

enum { DIFFD_SIGNALS_MAX = 32 };

/* Plain values, each as already checked: the service does not read the environment. Strings are borrowed and
 * outlive the run. Zero and NULL mean the default that stands here, unless the comment says otherwise. */
struct diffd_config {
  enum diffd_role role; /* DIFF_ROLE */

  /* DIFF_DATA_DIR: the folder of the embedded modules; made (0700) where it is missing. Never NULL where one
   * of the embedded storage, marker or queue is used: the environment's default is the settings' to work out.
   */
  const char *data_dir;
  const char *tmp_dir; /* for unlinked files of large diffs, DIFF_TMP_DIR; NULL: data_dir/tmp, or /tmp without
                          a data_dir */

  enum diffd_storage_kind storage; /* DIFF_STORAGE, DIFF_STORAGE_BUCKET */
  enum diffd_marker_kind marker;   /* DIFF_MARKER, DIFF_PROGRESS_BUCKET */
  enum diffd_queuer_kind queuer;   /* STREAM_APPLIANCE_ENDPOINT */
  enum diffd_grapher_kind grapher; /* VPC_FLOW_LOGS_DIR, GRAPHER_ENDPOINT */

  struct diffd_bucket storage_bucket;  /* DIFF_STORAGE_BUCKET(_REGION) */
  struct diffd_bucket progress_bucket; /* DIFF_PROGRESS_BUCKET(_REGION) */
  struct diffd_aws_config aws;
  const char *queue_url;   /* STREAM_APPLIANCE_ENDPOINT: http(s)://... or nats://host:4222/SUBJECT */
  const char *grapher_url; /* GRAPHER_ENDPOINT */
  uint64_t grapher_polling_interval_ms; /* GRAPHER_POLLING_INTERVAL; here 0 is 0 */
  int64_t grapher_polling_timeout_ms;   /* GRAPHER_POLLING_TIMEOUT: -1 without end, 0 looks once */
  struct diffd_proxies proxies;
  struct diffd_stats_config stats;

  uint64_t progress_timeout_ms; /* DIFF_PROGRESS_TIMEOUT; 0: 600000 */

  const char *flow_logs_dir;   /* VPC_FLOW_LOGS_DIR; NULL: data_dir/flow-logs */
  uint64_t flow_logs_delay_ms; /* VPC_FLOW_LOGS_DELAY, 15 min by default; here 0 is 0 */
  uint64_t flow_logs_late_ms;  /* VPC_FLOW_LOGS_LATE, 1 h by default; here 0 is 0 */
  bool flow_logs_fail_on_bad;  /* VPC_FLOW_LOGS_BAD_RECORDS=fail */
  bool original_node_ids;      /* DIFF_NODE_IDS=original */

  unsigned workers;            /* DIFF_WORKERS: jobs at once; 0: the number of CPUs */
  unsigned http_threads;       /* DIFF_HTTP_THREADS: requests at once, jobs apart; 0: 16 */
  uint64_t memory_limit_bytes; /* DIFF_MEMORY_LIMIT, for all jobs together; 0: half of the least that
                                  RLIMIT_DATA, RLIMIT_AS, the cgroup and the machine allow */

  /* RUNTIME_HTTPSERVER_ADDRESS, with PORT already put in where that applies: `:8080` (both families),
   * `host:port`, `[::1]:0`. Port 0 takes a free one, which the start line tells. NULL: ":8080". */
  const char *http_address;

  enum diffd_log_level log_level;   /* RUNTIME_LOGGER_LEVEL; DIFFD_LOG_DEBUG is 0: set it */
  enum diffd_log_output log_output; /* RUNTIME_LOGGER_OUTPUT */

  /* RUNTIME_SIGNALS_OS_SIGNALS: the numbers that ask for a graceful stop; none where
   * RUNTIME_SIGNALS_INSTALLED is empty. The second of them ends the process at once. */
  int signals[DIFFD_SIGNALS_MAX];
  size_t signal_count;

  const struct diffd_config_note *notes; /* to be logged at the start */
  size_t note_count;

  /* No environment variable sets what follows. */
  uint64_t drain_timeout_ms;   /* how long requests and jobs may go on after the signal; 0: 30000 */
  uint64_t request_timeout_ms; /* how long the reading of one request may take in all; 0: 30000 */
  uint64_t idle_timeout_ms;    /* how long a kept connection may be idle; 0: 75000 */
  unsigned max_connections;    /* 0: 4096, or half of what RLIMIT_NOFILE allows if that is less */
};

/* The configuration with every default above written out (flow log delays, signals 15 and 2, level INFO; all
 * modules embedded). data_dir is NULL. */
struct diffd_config diffd_config_default(void);

/* What to run. Modules stay the caller's, must outlive the run and are called from several threads at once.
 */
struct diffd_service {
  struct diffd_config config;
  struct diffd_storage *storage;
  struct diffd_marker *marker;
  struct diffd_queuer *queuer;
  /* Where this process takes jobs from; NULL with a queuer of the caller's: jobs come by POST alone. NULL
   * with the embedded queuer: the embedded queue. */
  struct diffd_job_source *source;
  struct diffd_grapher *grapher;
  struct diffd_differ *differ;              /* with one, the grapher is not used */
  struct diffd_http_client *queuer_client;  /* of the built-in HTTP queuer */
  struct diffd_http_client *grapher_client; /* of the built-in HTTP grapher */
  struct diffd_log *log;                    /* NULL: JSON lines as the configuration says */
  struct diffd_stat *stat;                  /* NULL: as the configuration says */
  /* Around the HTTP handlers, the first outermost: it sees requests first and answers last. */
  struct diffd_middleware *const *middlewares;
  size_t middleware_count;
  /* NULL, or: called once from the running thread when the service listens, with its port. */
  void (*listening)(void *arg, uint16_t port);
  void *listening_arg;
};

/* Runs until a signal of the configuration, drains, and gives DIFFD_OK: exit status 0.
 * Whatever else it gives is a failure to start (exit status 2), with nothing left running: DIFFD_INVALID (the
 * address or a folder), DIFFD_BUSY (another process holds data_dir/lock), DIFFD_IO and so on.
 * While it runs the process has the signal handling that it needs (the listed signals blocked in all threads,
 * SIGPIPE ignored); afterwards it has its own again. One run at a time in a process. */
enum diffd_status diffd_service_run(const struct diffd_service *service,
                                    struct diffd_error *err) DIFFD_MUST_CHECK;

DIFFD_PUBLIC_END

#endif
