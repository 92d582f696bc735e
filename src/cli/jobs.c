/* SPDX-License-Identifier: Apache-2.0
 *
 * `vpcflow-diffd jobs`: what waits, runs and is parked in the embedded queue, or the dead letters of NATS,
 * and how to try a job again. It works beside the running service.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/diff_id.h"
#include "base/rfc3339.h"
#include "cli/cli.h"
#include "modules/nats_queue_letter.h"
#include "modules/sqlite_queue.h"
#include "runtime/settings.h"

static const char help_text[] =
    "Lists the jobs of the embedded queue, the longest queued first, or makes a parked or waiting job due "
    "at\n"
    "once. It may run beside the service, which sees the change within a second.\n"
    "A parked job failed too often: nobody tries it again until `retry`, or a new POST of its times.\n"
    "Where STREAM_APPLIANCE_ENDPOINT is a subject of NATS, the parked jobs alone are listed: its dead "
    "letters.";

static const char help_more[] =
    "Examples:\n"
    "  vpcflow-diffd jobs\n"
    "  vpcflow-diffd jobs --json | jq -r '.[] | select(.state==\"parked\") | .id' |\n"
    "    xargs -n 1 vpcflow-diffd jobs retry";

/* Where jobs are: one of the two. */
struct place {
  struct diffd_settings *settings;
  const char *nats_url;
  struct diffd_sqlite_queue *queue;
};

static void place_close(struct place *place) {
  diffd_sqlite_queue_close(place->queue);
  diffd_settings_destroy(place->settings);
}

static enum diffd_status open_queue(const char *data_dir, struct place *place, struct diffd_error *err) {
  CLEANUP(freep) char *path = NULL;
  if (data_dir == NULL)
    data_dir = place->settings->data_dir;
  if (data_dir == NULL)
    return diffd_fail(
        err, DIFFD_INVALID,
        "it is not known where the queue is; set DIFF_DATA_DIR as for the service, or --data-dir");
  if (asprintf(&path, "%s/queue.db", data_dir) < 0) {
    path = NULL;
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a path");
  }
  enum diffd_status status = diffd_sqlite_queue_attach(path, &place->queue, err);
  if (status == DIFFD_NOT_FOUND)
    return diffd_fail(
        err, status,
        "there is no queue in %s; the service makes it at its first start: set DIFF_DATA_DIR as "
        "for the service, or --data-dir",
        data_dir);
  return status;
}

/* The queue of the option or of the environment; other faults of the environment do not matter here. */
static enum diffd_status open_place(struct diffd_cli *cli, const char *data_dir, struct place *place,
                                    struct diffd_error *err) {
  enum diffd_status status = diffd_settings_load(cli->environment, &place->settings, err);
  if (status != DIFFD_OK)
    return status;
  const struct diffd_config *config = &place->settings->config;
  if (data_dir != NULL || config->queuer != DIFFD_QUEUER_NATS)
    return open_queue(data_dir, place, err);
  place->nats_url = config->queue_url;
  return DIFFD_OK;
}

/* ---- the list ---- */

typedef enum diffd_status each_entry(void *arg, const struct diffd_queue_entry *entry,
                                     struct diffd_error *err);
struct each_letter {
  each_entry *each;
  void *arg;
};

/* A dead letter is a parked job. */
static enum diffd_status pass_letter(void *arg, const struct diffd_nats_letter *letter,
                                     struct diffd_error *err) {
  const struct each_letter *each = arg;
  const struct diffd_queue_entry entry = {.job = letter->job,
                                          .state = DIFFD_QUEUE_PARKED,
                                          .failures = letter->failures,
                                          .crashes = letter->crashes,
                                          .queued_at = letter->queued_at,
                                          .reason = letter->reason};
  return each->each(each->arg, &entry, err);
}

static enum diffd_status each_job(const struct place *place, each_entry *each, void *arg,
                                  struct diffd_error *err) {
  struct each_letter letters = {each, arg};
  return place->nats_url != NULL ? diffd_nats_letters_each(place->nats_url, pass_letter, &letters, err)
                                 : diffd_sqlite_queue_list(place->queue, each, arg, err);
}

struct table {
  struct diffd_buffer text;
  size_t count;
  size_t parked;
};

static enum diffd_status print_row(void *arg, const struct diffd_queue_entry *entry,
                                   struct diffd_error *err) {
  struct table *table = arg;
  char start[4][DIFFD_TIME_TEXT_MAX];
  char next_try[DIFFD_TIME_TEXT_MAX] = "-";
  diffd_rfc3339_format(entry->job.previous.start, start[0]);
  diffd_rfc3339_format(entry->job.previous.stop, start[1]);
  diffd_rfc3339_format(entry->job.next.start, start[2]);
  diffd_rfc3339_format(entry->job.next.stop, start[3]);
  if (entry->state == DIFFD_QUEUE_WAITING)
    diffd_rfc3339_format(entry->next_try, next_try);
  enum diffd_status status = DIFFD_OK;
  if (table->count++ == 0)
    status = diffd_buffer_printf(&table->text, err, "%-36s  %-7s  %-20s  %-8s  %s\n", "ID", "STATE",
                                 "NEXT TRY", "FAILURES", "WINDOWS, LAST FAILURE");
  table->parked += entry->state == DIFFD_QUEUE_PARKED;
  if (status == DIFFD_OK)
    status = diffd_buffer_printf(&table->text, err, "%-36s  %-7s  %-20s  %8u  %s/%s %s/%s\n",
                                 entry->job.id[0] != '\0' ? entry->job.id : "(a message that is no job)",
                                 diffd_queue_state_text(entry->state), next_try, entry->failures, start[0],
                                 start[1], start[2], start[3]);
  if (status == DIFFD_OK && entry->crashes > 0)
    status =
        diffd_buffer_printf(&table->text, err, "%-36s  starts that never ended: %u\n", "", entry->crashes);
  if (status == DIFFD_OK && entry->reason[0] != '\0') {
    status = diffd_buffer_printf(&table->text, err, "%-36s  ", "");
    size_t begin = table->text.len;
    if (status == DIFFD_OK)
      status = diffd_buffer_printf(&table->text, err, "%s\n", entry->reason);
    /* A reason may quote what a file held. */
    for (size_t i = begin; status == DIFFD_OK && i + 1 < table->text.len; i++)
      if ((unsigned char)table->text.ptr[i] < ' ' || table->text.ptr[i] == 0x7f)
        table->text.ptr[i] = ' ';
  }
  return status;
}

static enum diffd_status finish_table(struct table *table, const struct place *place,
                                      struct diffd_error *err) {
  if (table->count == 0)
    return diffd_buffer_printf(
        &table->text, err, "%s\n",
        place->nats_url != NULL
            ? "No dead letters: nothing is parked. What waits and runs is in the stream of jobs."
            : "No jobs: nothing waits, runs or is parked.");
  if (table->parked > 0)
    return diffd_buffer_printf(
        &table->text, err,
        "%zu parked: mend what the last line of each says, then `vpcflow-diffd jobs retry ID`\n",
        table->parked);
  return DIFFD_OK;
}

static json_t *json_time(int64_t seconds) {
  char text[DIFFD_TIME_TEXT_MAX];
  diffd_rfc3339_format(seconds, text);
  return json_string(text);
}

static json_t *json_or_null(const char *text) {
  json_t *string = text[0] != '\0' ? json_string(text) : json_null();
  return string != NULL ? string : json_string("(not UTF-8)");
}

static enum diffd_status add_object(void *arg, const struct diffd_queue_entry *entry,
                                    struct diffd_error *err) {
  json_t *array = arg;
  const struct diffd_job *job = &entry->job;
  json_t *object =
      json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:i, s:i, s:o, s:o, s:o}", "id", job->id, "state",
                diffd_queue_state_text(entry->state), "previousStart", json_time(job->previous.start),
                "previousStop", json_time(job->previous.stop), "nextStart", json_time(job->next.start),
                "nextStop", json_time(job->next.stop), "failures", (int)entry->failures, "crashes",
                (int)entry->crashes, "queuedAt", json_time(entry->queued_at), "nextTry",
                entry->state == DIFFD_QUEUE_WAITING ? json_time(entry->next_try) : json_null(), "reason",
                json_or_null(entry->reason));
  if (object == NULL || json_array_append_new(array, object) != 0)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the list");
  return DIFFD_OK;
}

static int append_json(const char *bytes, size_t len, void *arg) {
  struct diffd_error err;
  return diffd_buffer_append(arg, bytes, len, &err) == DIFFD_OK ? 0 : -1;
}

enum { LIST_MAX = 1 << 30 };

static int list(struct diffd_cli *cli, const struct place *place, bool json) {
  struct table table = {.text = diffd_buffer_init(LIST_MAX)};
  struct diffd_error err;
  enum diffd_status status;
  if (json) {
    json_t *array = json_array();
    status = each_job(place, add_object, array, &err);
    if (status == DIFFD_OK && (json_dump_callback(array, append_json, &table.text, JSON_INDENT(2)) != 0 ||
                               append_json("\n", 1, &table.text) != 0))
      status = diffd_fail(&err, DIFFD_NO_MEMORY, "no memory for the list");
    json_decref(array);
  } else {
    status = each_job(place, print_row, &table, &err);
    if (status == DIFFD_OK)
      status = finish_table(&table, place, &err);
  }
  int exit_status =
      status == DIFFD_OK ? diffd_cli_print(cli, &table.text, EXIT_SUCCESS) : diffd_cli_trouble(cli, &err);
  diffd_buffer_clean_up(&table.text);
  return exit_status;
}

static int retry(struct diffd_cli *cli, const struct place *place, const char *id) {
  struct diffd_error err;
  switch (place->nats_url != NULL ? diffd_nats_letters_retry(place->nats_url, id, &err)
                                  : diffd_sqlite_queue_retry(place->queue, id, &err)) {
  case DIFFD_OK:
    diffd_cli_say("%s waits again, and is due now", id);
    return EXIT_SUCCESS;
  case DIFFD_NOT_FOUND:
    diffd_cli_say(
        "there is no job %s in the queue; `vpcflow-diffd jobs` lists them, and a finished job is no "
        "longer among them",
        id);
    return DIFFD_EXIT_TROUBLE;
  case DIFFD_IN_PROGRESS:
    diffd_cli_say("the job %s runs at present: there is nothing to do but wait", id);
    return DIFFD_EXIT_TROUBLE;
  default:
    return diffd_cli_trouble(cli, &err);
  }
}

int diffd_command_jobs(struct diffd_cli *cli, int argc, char **argv) {
  bool json = false;
  const char *data_dir = NULL;
  const struct diffd_option options[] = {
      {"data-dir", "DIR", NULL, "the service's data folder (default: as DIFF_DATA_DIR says)",
       DIFFD_OPTION_TEXT, &data_dir},
      {"json", NULL, NULL, "list: print an array of objects, for jq", DIFFD_OPTION_FLAG, &json},
  };
  const struct diffd_command_help help = {.name = "jobs",
                                          .usage =
                                              "[list] [--json] [--data-dir=DIR]\nretry ID [--data-dir=DIR]",
                                          .text = help_text,
                                          .options = options,
                                          .option_count = sizeof options / sizeof options[0],
                                          .more = help_more};
  struct diffd_arguments arguments;
  struct diffd_error err;
  int exit_status;
  if (!diffd_cli_begin(cli, &help, argc, argv, &arguments, &exit_status))
    return exit_status;
  const char *what = arguments.count > 0 ? arguments.items[0] : "list";
  bool again = strcmp(what, "retry") == 0;
  if (!again && strcmp(what, "list") != 0)
    return diffd_cli_misuse(&help, "jobs: `%s` is neither list nor retry", what);
  if (again && arguments.count != 2)
    return diffd_cli_misuse(&help, "jobs: retry needs the id of one job");
  if (!again && arguments.count > 1)
    return diffd_cli_misuse(&help, "jobs: `%s` is one argument too many", arguments.items[1]);
  if (again && !diffd_job_id_is_valid(arguments.items[1], strlen(arguments.items[1])))
    return diffd_cli_misuse(&help, "jobs: `%s` is no id of a job", arguments.items[1]);
  CLEANUP(place_close) struct place place = {0};
  if (open_place(cli, data_dir, &place, &err) != DIFFD_OK)
    return diffd_cli_trouble(cli, &err);
  return again ? retry(cli, &place, arguments.items[1]) : list(cli, &place, json);
}
