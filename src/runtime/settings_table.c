/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of settings. To add one, add a row and, where the program reads it, a field.
 */
#include "runtime/settings.h"

#define FIELD(member) offsetof(struct diffd_settings, member)
#define YEAR_MS       INT64_C(31536000000)
#define YEAR_NS       (YEAR_MS * 1000000)
#define SERVER        "Server"
#define MODULES       "Choosing modules"
#define EMBEDDED      "Embedded modules"
#define BUCKETS       "S3"
#define GRAPHERD      "Grapher service"
#define CREDENTIALS   "AWS credentials"
#define PROXIES       "Proxies"
#define LOGGING       "Logs"
#define STATS         "Stats"
#define SIGNALS       "Signals"

const struct diffd_setting diffd_settings_table[] = {
    {"RUNTIME_HTTPSERVER_ADDRESS", SERVER, ":8080", .type = DIFFD_SETTING_ADDRESS, .field = FIELD(listen),
     .prose = "The address to listen on. `:8080` is every address of the machine, IPv4 and IPv6; "
              "`127.0.0.1:8080` is this machine alone. With port 0 the system picks a free port and the log "
              "says which."},
    {"PORT", SERVER, "8080", .type = DIFFD_SETTING_INTEGER, .min = 0, .max = 65535, .field = FIELD(port),
     .prose = "The port to listen on where `RUNTIME_HTTPSERVER_ADDRESS` is unset or has no port."},
    {"DIFF_ROLE", SERVER, "all", .type = DIFFD_SETTING_CHOICE, .choices = "all|api|worker",
     .field = FIELD(role),
     .prose = "What this process serves: the API, the worker, or both. What is switched off answers 404."},
    {"DIFF_HTTP_THREADS", SERVER, "16", .type = DIFFD_SETTING_INTEGER, .min = 1, .max = 1024,
     .field = FIELD(http_threads), .prose = "How many requests are answered at once."},
    {"DIFF_WORKERS", SERVER, NULL, "the number of CPUs", .type = DIFFD_SETTING_INTEGER, .min = 1, .max = 1024,
     .field = FIELD(workers), .prose = "How many diffs are made at once."},
    {"DIFF_MEMORY_LIMIT", SERVER, NULL, "half of what the process, its cgroup or the machine may have",
     .type = DIFFD_SETTING_SIZE, .min = 1 << 20, .max = INT64_MAX, .field = FIELD(memory_limit_bytes),
     .prose = "The memory that all diffs together may use, as in `512MiB` or `4GiB`; beyond it they work in "
              "files of `DIFF_TMP_DIR`."},

    {"DIFF_STORAGE", MODULES, NULL, "`embedded` where no module is chosen", .type = DIFFD_SETTING_CHOICE,
     .choices = "embedded", .field = DIFFD_NO_FIELD,
     .required = "another module is chosen and no bucket is set",
     .prose = "`embedded` keeps finished diffs as files below `DIFF_DATA_DIR`."},
    {"DIFF_MARKER", MODULES, NULL, "`embedded` where no module is chosen", .type = DIFFD_SETTING_CHOICE,
     .choices = "embedded", .field = DIFFD_NO_FIELD,
     .required = "another module is chosen and no bucket is set",
     .prose = "`embedded` keeps the marks of diffs in progress as files below `DIFF_DATA_DIR`."},
    {"STREAM_APPLIANCE_ENDPOINT", MODULES, NULL, "`embedded` where no module is chosen",
     .type = DIFFD_SETTING_URL, .field = FIELD(stream_endpoint),
     .required = "another module is chosen and this process serves the API",
     .prose = "Where jobs are queued. `embedded`, or this server's own address (`:8080`, "
              "`http://localhost:8080`), makes the service standalone: a durable queue in `DIFF_DATA_DIR`, "
              "worked on here. `http://...` or `https://...` is an event bus: jobs are POSTed to it, and it "
              "POSTs them to a worker later. `nats://HOST:4222/SUBJECT` is a subject of NATS JetStream, from "
              "which workers take their jobs. A process with the role worker may leave it unset."},
    {"VPC_FLOW_LOGS_DIR", MODULES, NULL, "`flow-logs/` in `DIFF_DATA_DIR`, where no module is chosen",
     .type = DIFFD_SETTING_TEXT, .field = FIELD(flow_logs_dir),
     .required = "another module is chosen, this process makes diffs, and no other grapher is chosen",
     .prose = "The folder of VPC flow logs that graphs are made of: AWS's layout "
              "(`AWSLogs/ACCOUNT/vpcflowlogs/...`) or any tree of `.log` and `.log.gz` files."},

    {"DIFF_DATA_DIR", EMBEDDED, NULL,
     "`$STATE_DIRECTORY`, else `${XDG_STATE_HOME:-~/.local/state}/vpcflow-diffd`", .type = DIFFD_SETTING_TEXT,
     .field = FIELD(data_dir),
     .prose = "The folder of the embedded modules: `diffs/`, `marks/`, `queue.db`, `tmp/`. One process at a "
              "time may use it."},
    {"DIFF_TMP_DIR", EMBEDDED, NULL, "`tmp/` in `DIFF_DATA_DIR`", .type = DIFFD_SETTING_TEXT,
     .field = FIELD(tmp_dir),
     .prose = "The folder for what does not fit into memory while a diff is made. Its files are unlinked at "
              "once, so that nothing stays behind."},
    {"DIFF_PROGRESS_TIMEOUT", EMBEDDED, "600000", .type = DIFFD_SETTING_MILLISECONDS, .min = 1,
     .max = YEAR_MS, .field = FIELD(progress_timeout_ms), .required = "DIFF_PROGRESS_BUCKET is set",
     .prose = "After this time a mark that nobody renewed counts as none, and a new POST starts afresh. "
              "Workers renew theirs every third of it."},
    {"VPC_FLOW_LOGS_DELAY", EMBEDDED, "15m", .type = DIFFD_SETTING_DURATION, .min = 0, .max = YEAR_NS,
     .field = FIELD(flow_logs_delay_ns),
     .prose = "How long after its end a window is still incomplete, because AWS delivers late. A job waits "
              "for it, in progress. `0` for logs that are complete already."},
    {"VPC_FLOW_LOGS_LATE", EMBEDDED, "1h", .type = DIFFD_SETTING_DURATION, .min = 0, .max = YEAR_NS,
     .field = FIELD(flow_logs_late_ns),
     .prose = "How far past the end of a window files are still looked at, by the time in their name; their "
              "records are chosen by their own start."},
    {"VPC_FLOW_LOGS_BAD_RECORDS", EMBEDDED, "skip", .type = DIFFD_SETTING_CHOICE, .choices = "skip|fail",
     .field = FIELD(bad_records),
     .prose = "What a line that is no flow record does: `skip` counts and logs it, `fail` ends the job."},
    {"DIFF_NODE_IDS", EMBEDDED, "injective", .type = DIFFD_SETTING_CHOICE, .choices = "injective|original",
     .field = FIELD(node_ids),
     .prose = "How nodes are named: `injective` (`n10_1_11_1`) gives every address its own id; `original` "
              "(`n101111`) is what vpcflow-grapherd writes, where 10.1.11.1 and 10.11.1.1 become one node."},

    {"DIFF_STORAGE_BUCKET", BUCKETS, NULL, .type = DIFFD_SETTING_TEXT, .field = FIELD(storage_bucket),
     .prose = "The S3 bucket that finished diffs are stored in, as `<id>.dot`."},
    {"DIFF_STORAGE_BUCKET_REGION", BUCKETS, NULL, .type = DIFFD_SETTING_TEXT, .field = FIELD(storage_region),
     .required = "DIFF_STORAGE_BUCKET is set",
     .prose = "The region of `DIFF_STORAGE_BUCKET`, as in `us-west-2`."},
    {"DIFF_PROGRESS_BUCKET", BUCKETS, NULL, .type = DIFFD_SETTING_TEXT, .field = FIELD(progress_bucket),
     .prose = "The S3 bucket for the marks of diffs in progress."},
    {"DIFF_PROGRESS_BUCKET_REGION", BUCKETS, NULL, .type = DIFFD_SETTING_TEXT,
     .field = FIELD(progress_region), .required = "DIFF_PROGRESS_BUCKET is set",
     .prose = "The region of `DIFF_PROGRESS_BUCKET`."},
    {"VPC_FLOW_LOGS_BUCKET", BUCKETS, NULL, .type = DIFFD_SETTING_TEXT, .field = DIFFD_NO_FIELD,
     .later = true, .prose = "The S3 bucket, or `bucket/prefix`, of VPC flow logs that graphs are made of."},

    {"GRAPHER_ENDPOINT", GRAPHERD, NULL, .type = DIFFD_SETTING_URL, .field = FIELD(grapher_endpoint),
     .prose = "The URL of a vpcflow-grapherd that makes the graphs, with `http://` or `https://`."},
    {"GRAPHER_POLLING_INTERVAL", GRAPHERD, NULL, .type = DIFFD_SETTING_MILLISECONDS, .min = 0, .max = YEAR_MS,
     .field = FIELD(grapher_polling_interval_ms), .required = "GRAPHER_ENDPOINT is set",
     .prose = "The pause between two looks at whether a graph is ready."},
    {"GRAPHER_POLLING_TIMEOUT", GRAPHERD, NULL, .type = DIFFD_SETTING_MILLISECONDS, .min = -1, .max = YEAR_MS,
     .field = FIELD(grapher_polling_timeout_ms), .required = "GRAPHER_ENDPOINT is set",
     .prose = "How long to wait for one graph; `-1` waits without end, `0` looks once."},

    {"USE_IAM", CREDENTIALS, "true", .type = DIFFD_SETTING_BOOLEAN, .field = FIELD(use_iam),
     .prose = "`true` takes credentials as the AWS tools do: environment, web identity, profiles, container, "
              "instance. `false` takes the access key below, else the profile of a file."},
    {"AWS_ACCESS_KEY_ID", CREDENTIALS, NULL, .also = "AWS_ACCESS_KEY", .type = DIFFD_SETTING_TEXT,
     .field = FIELD(access_key_id), .secret = true, .prose = "The access key."},
    {"AWS_SECRET_ACCESS_KEY", CREDENTIALS, NULL, .also = "AWS_SECRET_KEY", .type = DIFFD_SETTING_TEXT,
     .field = FIELD(secret_access_key), .secret = true, .prose = "The secret key."},
    {"AWS_SESSION_TOKEN", CREDENTIALS, NULL, .type = DIFFD_SETTING_TEXT, .field = FIELD(session_token),
     .secret = true, .prose = "The token that belongs to temporary credentials."},
    {"AWS_CREDENTIALS_FILE", CREDENTIALS, NULL, .type = DIFFD_SETTING_TEXT, .field = FIELD(credentials_file),
     .prose = "A file of credentials, as in `~/.aws/credentials`, for `USE_IAM=false`."},
    {"AWS_CREDENTIALS_PROFILE", CREDENTIALS, NULL, .type = DIFFD_SETTING_TEXT,
     .field = FIELD(credentials_profile), .prose = "The profile to take from that file."},
    {"AWS_SHARED_CREDENTIALS_FILE", CREDENTIALS, NULL, .type = DIFFD_SETTING_TEXT,
     .field = FIELD(shared_credentials_file),
     .prose = "The file of credentials of the AWS tools; `~/.aws/credentials` where it is unset."},
    {"AWS_CONFIG_FILE", CREDENTIALS, NULL, .type = DIFFD_SETTING_TEXT, .field = FIELD(config_file),
     .prose = "The file of profiles of the AWS tools; `~/.aws/config` where it is unset."},
    {"AWS_PROFILE", CREDENTIALS, NULL, .type = DIFFD_SETTING_TEXT, .field = FIELD(profile),
     .prose = "The profile to take from these files; `default` where it is unset."},
    {"AWS_ROLE_ARN", CREDENTIALS, NULL, .type = DIFFD_SETTING_TEXT, .field = FIELD(role_arn),
     .prose = "The role to assume with a web identity."},
    {"AWS_ROLE_SESSION_NAME", CREDENTIALS, NULL, .type = DIFFD_SETTING_TEXT,
     .field = FIELD(role_session_name), .prose = "What that session is called."},
    {"AWS_WEB_IDENTITY_TOKEN_FILE", CREDENTIALS, NULL, .type = DIFFD_SETTING_TEXT,
     .field = FIELD(web_identity_token_file),
     .prose = "The file with the token of the web identity; it is read anew at each refresh."},
    {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", CREDENTIALS, NULL, .type = DIFFD_SETTING_TEXT,
     .field = FIELD(container_relative_uri), .prose = "The path of the credentials of an ECS task."},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI", CREDENTIALS, NULL, .type = DIFFD_SETTING_URL,
     .field = FIELD(container_full_uri), .prose = "The URL of a container's credentials."},
    {"AWS_CONTAINER_AUTHORIZATION_TOKEN", CREDENTIALS, NULL, .type = DIFFD_SETTING_TEXT,
     .field = FIELD(container_token), .secret = true, .prose = "What to send to that URL as Authorization."},
    {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", CREDENTIALS, NULL, .type = DIFFD_SETTING_TEXT,
     .field = FIELD(container_token_file),
     .prose = "The file that holds it; it is read anew at each refresh."},
    {"AWS_EC2_METADATA_DISABLED", CREDENTIALS, NULL, .type = DIFFD_SETTING_TEXT,
     .field = FIELD(metadata_disabled), .prose = "`true`, in any case, asks no instance metadata service."},
    {"AWS_EC2_METADATA_SERVICE_ENDPOINT", CREDENTIALS, NULL, .type = DIFFD_SETTING_URL,
     .field = FIELD(metadata_endpoint),
     .prose = "The URL of the instance metadata service; `http://169.254.169.254` where it is unset."},
    {"AWS_REGION", CREDENTIALS, NULL, .also = "AWS_DEFAULT_REGION", .type = DIFFD_SETTING_TEXT,
     .field = FIELD(region), .prose = "The region whose STS is asked when a role is assumed."},
    {"AWS_ENDPOINT_URL_S3", CREDENTIALS, NULL, .type = DIFFD_SETTING_URL, .field = FIELD(endpoint_url_s3),
     .prose = "The URL of another S3-compatible server."},
    {"AWS_ENDPOINT_URL_STS", CREDENTIALS, NULL, .type = DIFFD_SETTING_URL, .field = FIELD(endpoint_url_sts),
     .prose = "The URL of another STS."},
    {"AWS_ENDPOINT_URL", CREDENTIALS, NULL, .type = DIFFD_SETTING_URL, .field = FIELD(endpoint_url),
     .prose = "The URL of another server for S3 and STS alike, where the two above are unset."},

    {"HTTP_PROXY", PROXIES, NULL, .also = "http_proxy", .type = DIFFD_SETTING_URL, .field = FIELD(http_proxy),
     .prose = "The proxy for `http://` URLs."},
    {"HTTPS_PROXY", PROXIES, NULL, .also = "https_proxy", .type = DIFFD_SETTING_URL,
     .field = FIELD(https_proxy), .prose = "The proxy for `https://` URLs."},
    {"NO_PROXY", PROXIES, NULL, .also = "no_proxy", .type = DIFFD_SETTING_TEXT, .field = FIELD(no_proxy),
     .prose =
         "What is asked without a proxy, apart by commas: `example.com` and all below it, `.example.com` for "
         "what is below alone, addresses, networks (`10.0.0.0/8`), each but a network perhaps with a port; "
         "`*` is every host. Loopback addresses and localhost are always asked directly."},

    {"RUNTIME_LOGGER_OUTPUT", LOGGING, "STDOUT", .type = DIFFD_SETTING_CHOICE, .choices = "STDOUT|NULL",
     .field = FIELD(log_output),
     .prose = "Where the log goes: one JSON object a line on stdout, or nowhere."},
    {"RUNTIME_LOGGER_LEVEL", LOGGING, "INFO", .type = DIFFD_SETTING_LEVEL, .choices = "DEBUG|INFO|WARN|ERROR",
     .field = FIELD(log_level),
     .prose = "The least level that is logged, in any case. An unknown one is DEBUG, with a warning."},

    {"RUNTIME_STATS_OUTPUT", STATS, "DATADOG", .type = DIFFD_SETTING_CHOICE,
     .choices = "DATADOG|NULLSTAT|NULL", .field = FIELD(stats_output),
     .prose = "Where stats go: in dogstatsd lines over UDP to an agent (it does not matter whether one "
              "listens), or nowhere."},
    {"RUNTIME_STATS_DATADOG_ADDRESS", STATS, "localhost:8125", .type = DIFFD_SETTING_ADDRESS,
     .field = FIELD(stats_address), .prose = "The address of the agent. `localhost` is 127.0.0.1."},
    {"RUNTIME_STATS_DATADOG_PACKETSIZE", STATS, "32768", .type = DIFFD_SETTING_INTEGER, .min = 64,
     .max = 65507, .unit = "bytes", .field = FIELD(packet_max_bytes),
     .prose = "The largest datagram that is sent."},
    {"RUNTIME_STATS_DATADOG_FLUSHINTERVAL", STATS, "10s", .type = DIFFD_SETTING_DURATION, .min = 1000000,
     .max = YEAR_NS, .field = FIELD(flush_ns), .prose = "How often stats are sent."},
    {"RUNTIME_STATS_DATADOG_TAGS", STATS, NULL, .type = DIFFD_SETTING_WORDS, .field = FIELD(stats_tags),
     .prose = "Tags that every line carries, as in `env:prod team:net`."},
    {"RUNTIME_CONNSTATE_REPORTINTERVAL", STATS, "5s", .type = DIFFD_SETTING_DURATION, .min = 1000000,
     .max = YEAR_NS, .field = FIELD(report_ns), .prose = "How often the gauges of connections are reported."},
    {"RUNTIME_CONNSTATE_NEWCOUNTER", STATS, "http.server.connstate.new", .type = DIFFD_SETTING_TEXT,
     .field = FIELD(new_counter), .prose = "The name of the counter of new connections."},
    {"RUNTIME_CONNSTATE_NEWGAUGE", STATS, "http.server.connstate.new.gauge", .type = DIFFD_SETTING_TEXT,
     .field = FIELD(new_gauge), .prose = "The name of the gauge of new connections."},
    {"RUNTIME_CONNSTATE_ACTIVECOUNTER", STATS, "http.server.connstate.active", .type = DIFFD_SETTING_TEXT,
     .field = FIELD(active_counter), .prose = "The name of the counter of active connections."},
    {"RUNTIME_CONNSTATE_ACTIVEGAUGE", STATS, "http.server.connstate.active.gauge", .type = DIFFD_SETTING_TEXT,
     .field = FIELD(active_gauge), .prose = "The name of the gauge of active connections."},
    {"RUNTIME_CONNSTATE_IDLECOUNTER", STATS, "http.server.connstate.idle", .type = DIFFD_SETTING_TEXT,
     .field = FIELD(idle_counter), .prose = "The name of the counter of idle connections."},
    {"RUNTIME_CONNSTATE_IDLEGAUGE", STATS, "http.server.connstate.idle.gauge", .type = DIFFD_SETTING_TEXT,
     .field = FIELD(idle_gauge), .prose = "The name of the gauge of idle connections."},
    {"RUNTIME_CONNSTATE_CLOSEDCOUNTER", STATS, "http.server.connstate.closed", .type = DIFFD_SETTING_TEXT,
     .field = FIELD(closed_counter), .prose = "The name of the counter of closed connections."},
    {"RUNTIME_CONNSTATE_HIJACKEDCOUNTER", STATS, "http.server.connstate.hijacked", .type = DIFFD_SETTING_TEXT,
     .field = FIELD(hijacked_counter),
     .prose = "The name of the counter of hijacked connections; there are none here."},

    {"RUNTIME_SIGNALS_INSTALLED", SIGNALS, "OS", .type = DIFFD_SETTING_WORDS, .field = FIELD(signal_handlers),
     .prose = "Which signal handlers are installed: `OS`, or `\"\"` for none."},
    {"RUNTIME_SIGNALS_OS_SIGNALS", SIGNALS, "15 2", .type = DIFFD_SETTING_INTEGERS, .min = 1, .max = 64,
     .field = FIELD(signals),
     .prose = "The numbers of the signals that end the service in good order; a second one ends it at once."},
};

const size_t diffd_settings_count = sizeof diffd_settings_table / sizeof diffd_settings_table[0];
