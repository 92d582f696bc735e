/* SPDX-License-Identifier: Apache-2.0
 *
 * Every setting of the service: one table, from which the parser, the `config` command, the printed help,
 * the README's table and the man page come.
 *
 * The environment is handed in; nothing here reads it, touches a file, or logs. A loaded struct is
 * immutable and may be read by several threads.
 */
#ifndef DIFFD_RUNTIME_SETTINGS_H
#define DIFFD_RUNTIME_SETTINGS_H

#include "base/buffer.h"
#include "diffd/service.h"
#include "runtime/setting_values.h"

enum diffd_setting_type {
  DIFFD_SETTING_TEXT,         /* char * */
  DIFFD_SETTING_URL,          /* char *; a password in it is never shown */
  DIFFD_SETTING_CHOICE,       /* int: the index in `choices`, compared without regard to case */
  DIFFD_SETTING_LEVEL,        /* the same, but an unknown word is the first choice, with a note */
  DIFFD_SETTING_BOOLEAN,      /* bool */
  DIFFD_SETTING_INTEGER,      /* int64_t */
  DIFFD_SETTING_MILLISECONDS, /* int64_t, a plain number */
  DIFFD_SETTING_DURATION,     /* int64_t nanoseconds, spelled as in Go */
  DIFFD_SETTING_SIZE,         /* int64_t bytes */
  DIFFD_SETTING_WORDS,        /* struct diffd_words */
  DIFFD_SETTING_INTEGERS,     /* struct diffd_integers */
  DIFFD_SETTING_ADDRESS,      /* struct diffd_address */
};

struct diffd_setting {
  const char *name;
  const char *group;    /* a heading; settings of one group stand together */
  const char *def;      /* the default, spelled as a user would; NULL: none, or worked out */
  const char *def_note; /* how a default is worked out, or NULL */
  const char *required; /* NULL: never; else when it must be set */
  const char *choices;  /* CHOICE and LEVEL: words apart by `|` */
  const char *also;     /* another name of it, looked at where the first is unset; NULL: none */
  const char *unit;     /* for the tables; NULL: the type says it */
  const char *prose;    /* sentences in plain text; `back-quoted` is code */
  int64_t min;          /* numbers: bounds, both inclusive */
  int64_t max;
  size_t field; /* where in struct diffd_settings the value goes, or DIFFD_NO_FIELD */
  enum diffd_setting_type type;
  bool secret; /* its value is never shown */
  bool later;  /* configures a module that this version has not yet */
};
#define DIFFD_NO_FIELD SIZE_MAX

struct diffd_integers {
  int64_t *items;
  size_t count;
};

/* Places that the embedding program fills with a module of its own: the environment need not choose one
 * there, and the variables that would are its own to use. */
enum diffd_own_module {
  DIFFD_OWN_STORAGE = 1,
  DIFFD_OWN_MARKER = 2,
  DIFFD_OWN_QUEUER = 4,
  DIFFD_OWN_GRAPHER = 8, /* or a differ */
};

/* What the environment says. Numbers that the environment may leave open are 0 for "work it out". */
struct diffd_settings {
  /* The server. `listen` has its port, from the address, PORT or the default. */
  struct diffd_address listen;
  int64_t port;
  int role; /* enum diffd_role */
  int64_t http_threads;
  int64_t workers;            /* 0: one per CPU */
  int64_t memory_limit_bytes; /* 0: half of what the process may have */
  /* Embedded modules. */
  char *data_dir;      /* NULL without faults: there is no default, and no module needs it */
  char *tmp_dir;       /* NULL: tmp/ in data_dir */
  char *flow_logs_dir; /* NULL: flow-logs/ in data_dir */
  int64_t flow_logs_delay_ns;
  int64_t flow_logs_late_ns;
  int bad_records; /* 0 skip, 1 fail */
  int node_ids;    /* 0 injective, 1 original: enum diffd_node_ids */
  int64_t progress_timeout_ms;
  /* Modules outside of this process. */
  char *storage_bucket, *storage_region;
  char *progress_bucket, *progress_region;
  char *stream_endpoint;
  char *grapher_endpoint;
  int64_t grapher_polling_interval_ms;
  int64_t grapher_polling_timeout_ms;
  char *http_proxy, *https_proxy, *no_proxy;
  /* AWS credentials, as struct diffd_aws_config names them. */
  bool use_iam;
  char *access_key_id, *secret_access_key, *session_token;
  char *credentials_file, *credentials_profile;
  char *shared_credentials_file, *config_file, *profile;
  char *role_arn, *role_session_name, *web_identity_token_file;
  char *container_relative_uri, *container_full_uri;
  char *container_token, *container_token_file;
  char *metadata_disabled, *metadata_endpoint;
  char *region;
  char *endpoint_url, *endpoint_url_s3, *endpoint_url_sts;
  char *home;
  /* Stats. */
  int stats_output; /* 0 DATADOG, 1 NULLSTAT, 2 NULL */
  struct diffd_address stats_address;
  int64_t packet_max_bytes;
  int64_t flush_ns;
  struct diffd_words stats_tags;
  int64_t report_ns;
  char *new_counter, *active_counter, *idle_counter, *closed_counter, *hijacked_counter;
  char *new_gauge, *active_gauge, *idle_gauge;
  /* Logs and signals. */
  int log_output;                     /* 0 STDOUT, 1 NULL */
  int log_level;                      /* enum diffd_log_level */
  struct diffd_words signal_handlers; /* empty: no handler */
  struct diffd_integers signals;      /* numbers */
  bool handle_signals;                /* worked out of the two above */

  unsigned own; /* enum diffd_own_module, as it was handed in */

  /* What is wrong, each a sentence that names its variable: the service must not start. */
  struct diffd_words faults;
  /* All of the above as the service takes it, what the log should say at its start included. Borrows from
   * this struct. */
  struct diffd_config config;

  struct diffd_config_note *notes;
  char http_address[DIFFD_HOST_MAX + 16];
  char agent_address[DIFFD_HOST_MAX + 16];
  /* Parallel to the table: the environment's own text, or NULL where it is unset or empty. */
  char **given;
};

/* The table, and the number of its rows. */
extern const struct diffd_setting diffd_settings_table[];
extern const size_t diffd_settings_count;

/* Reads `environment` (NULL-terminated, `NAME=value` each, as execve passes it). Faults of the values are no
 * failure of this function: they are all in (*ret)->faults. DIFFD_NO_MEMORY. */
enum diffd_status diffd_settings_load(char *const *environment, struct diffd_settings **ret,
                                      struct diffd_error *err) DIFFD_MUST_CHECK;
/* The same for a program that brings the modules `own` (bits of enum diffd_own_module). */
enum diffd_status diffd_settings_load_around(char *const *environment, unsigned own,
                                             struct diffd_settings **ret,
                                             struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_settings_destroy(struct diffd_settings *settings); /* accepts NULL */
/* For CLEANUP. */
static inline void diffd_settings_destroyp(struct diffd_settings **settings) {
  diffd_settings_destroy(*settings);
}

/* The row of a name, or diffd_settings_count. */
size_t diffd_settings_find(const char *name);
/* What the setting is at present, as a user would write it; secrets, and the password of a URL, are
 * `(hidden)`; "" where there is none. */
enum diffd_status diffd_settings_present(const struct diffd_settings *settings, size_t row,
                                         struct diffd_buffer *out, struct diffd_error *err) DIFFD_MUST_CHECK;

/* The ways in which the table is printed. */
enum diffd_settings_format {
  DIFFD_SETTINGS_HELP,     /* names, defaults and prose, for a terminal */
  DIFFD_SETTINGS_LIST,     /* names, present values and defaults, for a terminal */
  DIFFD_SETTINGS_JSON,     /* an array of objects */
  DIFFD_SETTINGS_MARKDOWN, /* the README's tables */
  DIFFD_SETTINGS_MAN,      /* roff, with the macros of man(7) */
};
/* Appends the table; `settings` may be NULL for the forms without present values (help, Markdown, man). */
enum diffd_status diffd_settings_print(const struct diffd_settings *settings,
                                       enum diffd_settings_format format, struct diffd_buffer *out,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
