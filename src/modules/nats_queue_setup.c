/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/nats_queue_setup.h"

#include <stdio.h>
#include <string.h>

enum {
  JOBS_MAX = 100000, /* that may wait, as in the embedded queue */
  JOB_BYTES_MAX = 64 * 1024,
  DEAD_MAX = 10000,
  API_MAX = 512,
  HISTORY_DAYS = 7,
  SWEPT_MAX = 1000, /* messages, at each set-up */
};

#define NS_PER_MS  INT64_C(1000000)
#define MS_PER_DAY UINT64_C(86400000)

/* ---- names ---- */

static void name_stream(const char *subject, const char *suffix, char name[static DIFFD_JS_NAME_MAX + 1]) {
  (void)snprintf(name, DIFFD_JS_NAME_MAX + 1, "%.*s%s", DIFFD_JS_NAME_MAX - 16, subject, suffix);
  for (char *at = name; *at != '\0'; at++)
    if (*at == '.')
      *at = '_';
}

/* ---- what is made ---- */

static json_int_t to_ns(uint64_t ms) {
  return (json_int_t)ms * NS_PER_MS;
}

static json_t *jobs_config(const struct diffd_nats_setup_options *options, const char *name) {
  return json_pack("{s:s, s:s, s:[s], s:s, s:s, s:s, s:i, s:i, s:I, s:i}", "name", name, "description",
                   "Jobs of vpcflow-diffd", "subjects", options->subject, "retention", "workqueue", "storage",
                   "file", "discard", "new", "max_msgs", JOBS_MAX, "max_msg_size", JOB_BYTES_MAX,
                   "duplicate_window", to_ns(options->window_ms), "num_replicas", 1);
}

static json_t *history_config(const char *subject, const char *name) {
  char subjects[DIFFD_NATS_SUBJECT_MAX + 16];
  (void)snprintf(subjects, sizeof subjects, "%s.history.>", subject);
  return json_pack("{s:s, s:s, s:[s], s:s, s:s, s:s, s:i, s:I, s:i}", "name", name, "description",
                   "How deliveries of jobs of vpcflow-diffd ended", "subjects", subjects, "retention",
                   "limits", "storage", "file", "discard", "old", "max_msgs_per_subject", 1, "max_age",
                   to_ns(HISTORY_DAYS * MS_PER_DAY), "num_replicas", 1);
}

static json_t *dead_config(const char *subject, const char *name) {
  return json_pack("{s:s, s:s, s:[s], s:s, s:s, s:s, s:i, s:i}", "name", name, "description",
                   "Jobs of vpcflow-diffd that failed for good", "subjects", subject, "retention", "limits",
                   "storage", "file", "discard", "old", "max_msgs", DEAD_MAX, "num_replicas", 1);
}

static json_t *consumer_question(const struct diffd_nats_setup_options *options, const char *stream) {
  return json_pack("{s:s, s:{s:s, s:s, s:s, s:s, s:I, s:i, s:s, s:i}}", "stream_name", stream, "config",
                   "durable_name", DIFFD_NATS_CONSUMER, "deliver_policy", "all", "ack_policy", "explicit",
                   "filter_subject", options->subject, "ack_wait", to_ns(options->ack_wait_ms), "max_deliver",
                   -1, "replay_policy", "instant", "max_ack_pending", JOBS_MAX);
}

/* ---- streams ---- */

/* Finds the stream of a subject, or makes it. Another process may make it at the same time. */
static enum diffd_status find_or_make(struct diffd_nats_link *link, const struct diffd_context *ctx,
                                      const char *subject, json_t *config,
                                      char name[static DIFFD_JS_NAME_MAX + 1], struct diffd_error *err) {
  char api[API_MAX];
  int code = 0;
  json_auto_t *answer = NULL;
  if (config == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to ask NATS");
  enum diffd_status status = diffd_js_find_stream(link, ctx, subject, name, err);
  if (status != DIFFD_NOT_FOUND)
    return status;
  const char *own_name = json_string_value(json_object_get(config, "name"));
  (void)snprintf(api, sizeof api, "STREAM.CREATE.%s", own_name);
  status = diffd_js_call(link, ctx, api, config, &answer, &code, err);
  if (status == DIFFD_OK) {
    (void)snprintf(name, DIFFD_JS_NAME_MAX + 1, "%s", own_name);
    return DIFFD_OK;
  }
  if (code != DIFFD_JS_NAME_TAKEN && code != DIFFD_JS_SUBJECT_TAKEN)
    return diffd_fail_within(err, "making the NATS stream %s", own_name);
  status = diffd_js_find_stream(link, ctx, subject, name, err);
  if (status == DIFFD_NOT_FOUND)
    return diffd_fail(
        err, DIFFD_INVALID,
        "NATS has a stream %s, but not for the subject %s: rename it, or put another subject into "
        "STREAM_APPLIANCE_ENDPOINT",
        own_name, subject);
  return status;
}

static enum diffd_status check_value(json_t *config, const char *key, const char *wanted, const char *stream,
                                     struct diffd_error *err) {
  const char *value = json_string_value(json_object_get(config, key));
  if (value != NULL && strcmp(value, wanted) == 0)
    return DIFFD_OK;
  return diffd_fail(
      err, DIFFD_INVALID,
      "the NATS stream %s has the %s `%s`, and jobs need `%s`: make it anew, or put another subject "
      "into STREAM_APPLIANCE_ENDPOINT, for which one is made",
      stream, key, value != NULL ? value : "", wanted);
}

/* What a stream throws away by its own limits was taken in, and nobody hears of it. */
static enum diffd_status check_limits(json_t *config, const char *stream, struct diffd_error *err) {
  static const char *const limits[] = {"max_msgs", "max_bytes", "max_msgs_per_subject"};
  const char *discard = json_string_value(json_object_get(config, "discard"));
  if (json_integer_value(json_object_get(config, "max_age")) > 0)
    return diffd_fail(err, DIFFD_INVALID,
                      "the NATS stream %s forgets jobs that wait for longer than its max_age: set that to 0",
                      stream);
  if (discard != NULL && strcmp(discard, "new") == 0)
    return DIFFD_OK;
  for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
    if (json_integer_value(json_object_get(config, limits[i])) > 0)
      return diffd_fail(err, DIFFD_INVALID,
                        "the NATS stream %s has a limit, %s, at which it discards the oldest jobs: set its "
                        "discard policy to `new`, which refuses further ones instead",
                        stream, limits[i]);
  return DIFFD_OK;
}

/* A stream that loses jobs, or gives them out again when they are done, is refused. */
static enum diffd_status check_jobs_stream(struct diffd_nats_link *link, const struct diffd_context *ctx,
                                           const char *stream, struct diffd_error *err) {
  char api[API_MAX];
  int code;
  json_auto_t *answer = NULL;
  (void)snprintf(api, sizeof api, "STREAM.INFO.%s", stream);
  enum diffd_status status = diffd_js_call(link, ctx, api, NULL, &answer, &code, err);
  if (status != DIFFD_OK)
    return status;
  json_t *config = json_object_get(answer, "config");
  status = check_value(config, "retention", "workqueue", stream, err);
  if (status == DIFFD_OK)
    status = check_value(config, "storage", "file", stream, err);
  if (status == DIFFD_OK && json_is_true(json_object_get(config, "no_ack")))
    status =
        diffd_fail(err, DIFFD_INVALID,
                   "the NATS stream %s does not acknowledge what it stores (no_ack), and jobs need that: "
                   "change it",
                   stream);
  return status == DIFFD_OK ? check_limits(config, stream, err) : status;
}

/* ---- the consumer ---- */

static enum diffd_status check_consumer(json_t *config, const char *stream, struct diffd_error *err) {
  const char *policy = json_string_value(json_object_get(config, "ack_policy"));
  json_int_t max_deliver = json_integer_value(json_object_get(config, "max_deliver"));
  const char *fault = NULL;
  if (json_object_get(config, "deliver_subject") != NULL)
    fault = "is pushed to a subject, and workers pull";
  else if (policy == NULL || strcmp(policy, "explicit") != 0)
    fault = "does not want each job acknowledged (ack_policy explicit)";
  else if (max_deliver > 0)
    fault = "gives up after some deliveries, which would lose jobs (max_deliver must be -1)";
  if (fault == NULL)
    return DIFFD_OK;
  return diffd_fail(err, DIFFD_INVALID,
                    "the consumer " DIFFD_NATS_CONSUMER
                    " of the NATS stream %s %s: remove it, and it is made anew",
                    stream, fault);
}

static uint64_t ack_floor_of(json_t *info) {
  json_int_t floor = json_integer_value(json_object_get(json_object_get(info, "ack_floor"), "stream_seq"));
  return floor > 0 ? (uint64_t)floor : 0;
}

enum diffd_status diffd_nats_setup_ack_floor(struct diffd_nats_link *link, const struct diffd_context *ctx,
                                             const char *stream, uint64_t *ret, struct diffd_error *err) {
  char api[API_MAX];
  int code;
  json_auto_t *answer = NULL;
  (void)snprintf(api, sizeof api, "CONSUMER.INFO.%s.%s", stream, DIFFD_NATS_CONSUMER);
  enum diffd_status status = diffd_js_call(link, ctx, api, NULL, &answer, &code, err);
  if (status != DIFFD_OK && status != DIFFD_NOT_FOUND)
    return status;
  *ret = ack_floor_of(answer);
  return DIFFD_OK;
}

/* Removes what is acknowledged and yet there, as a server leaves it that was killed in between. No job
 * depends on it. One by one: nats-server 2.9 forgets at a purge of the stream what its consumers have in
 * hand, and would never deliver that again. */
static void sweep(struct diffd_nats_link *link, const struct diffd_context *ctx, const char *stream,
                  uint64_t ack_floor) {
  char api[API_MAX];
  int code;
  struct diffd_error ignored;
  json_auto_t *info = NULL;
  (void)snprintf(api, sizeof api, "STREAM.INFO.%s", stream);
  if (ack_floor == 0 || diffd_js_call(link, ctx, api, NULL, &info, &code, &ignored) != DIFFD_OK)
    return;
  json_int_t first = json_integer_value(json_object_get(json_object_get(info, "state"), "first_seq"));
  for (int swept = 0; first > 0 && first <= (json_int_t)ack_floor && swept < SWEPT_MAX; first++, swept++)
    if (diffd_js_delete(link, ctx, stream, (uint64_t)first, &ignored) == DIFFD_CANCELLED)
      return;
}

static enum diffd_status set_up_consumer(struct diffd_nats_link *link, const struct diffd_context *ctx,
                                         const struct diffd_nats_setup_options *options,
                                         struct diffd_nats_setup *setup, struct diffd_error *err) {
  char api[API_MAX];
  int code;
  json_auto_t *question = consumer_question(options, setup->stream);
  json_auto_t *answer = NULL;
  if (question == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to ask NATS");
  (void)snprintf(api, sizeof api, "CONSUMER.INFO.%s.%s", setup->stream, DIFFD_NATS_CONSUMER);
  enum diffd_status status = diffd_js_call(link, ctx, api, NULL, &answer, &code, err);
  if (status == DIFFD_NOT_FOUND) {
    char create[API_MAX];
    (void)snprintf(create, sizeof create, "CONSUMER.DURABLE.CREATE.%s.%s", setup->stream,
                   DIFFD_NATS_CONSUMER);
    status = diffd_js_call(link, ctx, create, question, &answer, &code, err);
    /* Another process may have made it meanwhile. */
    if (status != DIFFD_OK && (code == DIFFD_JS_CONSUMER_TAKEN || code == DIFFD_JS_CONSUMER_EXISTS))
      status = diffd_js_call(link, ctx, api, NULL, &answer, &code, err);
  }
  if (status != DIFFD_OK)
    return diffd_fail_within(err, "the consumer " DIFFD_NATS_CONSUMER " of the NATS stream %s",
                             setup->stream);
  json_t *config = json_object_get(answer, "config");
  json_int_t wait_ms = json_integer_value(json_object_get(config, "ack_wait")) / NS_PER_MS;
  setup->ack_wait_ms = wait_ms > 0 ? (uint64_t)wait_ms : options->ack_wait_ms;
  status = check_consumer(config, setup->stream, err);
  if (status == DIFFD_OK)
    sweep(link, ctx, setup->stream, ack_floor_of(answer));
  return status;
}

/* ---- all of it ---- */

enum diffd_status diffd_nats_setup(struct diffd_nats_link *link, const struct diffd_context *ctx,
                                   const struct diffd_nats_setup_options *options,
                                   struct diffd_nats_setup *ret, struct diffd_error *err) {
  struct diffd_nats_setup setup = {.ack_wait_ms = options->ack_wait_ms};
  char name[DIFFD_JS_NAME_MAX + 1];
  char history[DIFFD_NATS_SUBJECT_MAX + 16];
  (void)snprintf(setup.dead_subject, sizeof setup.dead_subject, "%s" DIFFD_NATS_DEAD, options->subject);
  (void)snprintf(history, sizeof history, "%s.history.0.0", options->subject);
  name_stream(options->subject, "", name);
  json_auto_t *jobs = jobs_config(options, name);
  name_stream(options->subject, "_HISTORY", name);
  json_auto_t *histories = history_config(options->subject, name);
  name_stream(options->subject, "_DEAD", name);
  json_auto_t *dead = dead_config(setup.dead_subject, name);
  enum diffd_status status = find_or_make(link, ctx, options->subject, jobs, setup.stream, err);
  if (status == DIFFD_OK)
    status = check_jobs_stream(link, ctx, setup.stream, err);
  if (status == DIFFD_OK && options->takes)
    status = find_or_make(link, ctx, history, histories, setup.history_stream, err);
  if (status == DIFFD_OK && options->takes)
    status = find_or_make(link, ctx, setup.dead_subject, dead, setup.dead_stream, err);
  if (status == DIFFD_OK && options->takes)
    status = set_up_consumer(link, ctx, options, &setup, err);
  if (status == DIFFD_OK)
    *ret = setup;
  return status;
}
