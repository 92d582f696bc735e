/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/nats_queue.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/diff_id.h"
#include "base/thread.h"
#include "diffd/log.h"
#include "modules/nats_queue_delivery.h"
#include "modules/nats_queue_held.h"
#include "modules/nats_queue_letter.h"
#include "modules/nats_queue_pull.h"
#include "modules/nats_queue_setup.h"
#include "net/job_json.h"

enum {
  FAILURES_MAX = 10,
  PERMANENT_FAILURES_MAX = 2,
  CRASHES_MAX = 100,
  FIRST_RETRY_MS = 5 * 1000,
  LAST_RETRY_MS = 10 * 60 * 1000,
  ACK_WAIT_MS = 30 * 1000,
  WINDOW_MS = 2 * 60 * 1000, /* how long message ids are remembered at least */
  SETUP_MS = 20 * 1000,      /* how long what was set up is believed in */
  PULLER_MS = 2000,          /* for a worker that was told to stop to have done so */
  LOOK_MS = 50,              /* how often a wait looks whether it should end */
  REPUBLISH_MAX = 32,        /* times that one diff is queued anew within one time-out of marks */
  MESSAGE_ID_MAX = DIFFD_JOB_ID_MAX + 64,
  SUBJECT_MAX = DIFFD_NATS_SUBJECT_MAX + 64,
};

struct diffd_nats_queue {
  struct diffd_queuer queuer;
  struct diffd_job_source source;
  struct diffd_nats_queue_options options;
  struct diffd_nats_url url;
  struct diffd_nats_link *link;
  struct diffd_nats_held *held; /* NULL where this process takes nothing */
  pthread_mutex_t lock;         /* guards what follows */
  pthread_cond_t changed;
  bool changed_made;
  bool setting_up;
  bool ready; /* `setup` is what the server had at `ready_ms` */
  uint64_t ready_ms;
  struct diffd_nats_setup setup;
  bool pulling; /* somebody does, and nobody else touches `pull` */
  struct diffd_nats_pull pull;
};

/* For what has to be done whatever the service was told meanwhile; its own limits end it. */
static const struct diffd_context no_context;

static struct diffd_nats_queue *of_queuer(struct diffd_queuer *self) {
  return (struct diffd_nats_queue *)self;
}

static struct diffd_nats_queue *of_source(struct diffd_job_source *self) {
  return (struct diffd_nats_queue *)(void *)((char *)self - offsetof(struct diffd_nats_queue, source));
}

static int64_t wall_ms(const struct diffd_nats_queue *queue) {
  struct diffd_instant now = queue->options.clock->wall(queue->options.clock->arg);
  return now.seconds * 1000 + now.nanoseconds / 1000000;
}

static uint64_t min_u64(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

/* How long a job may lie still before its mark has to be renewed. */
static uint64_t still_ms(const struct diffd_nats_queue *queue) {
  return queue->options.progress_timeout_ms >= 3 ? queue->options.progress_timeout_ms / 3 : 1;
}

/* ---- setting up ---- */

static enum diffd_status set_up(struct diffd_nats_queue *queue, const struct diffd_context *ctx,
                                struct diffd_nats_setup *ret, struct diffd_error *err) {
  uint64_t timeout_ms = queue->options.progress_timeout_ms;
  const struct diffd_nats_setup_options options = {
      .subject = queue->url.subject,
      .takes = queue->options.takes,
      .window_ms = timeout_ms > WINDOW_MS ? timeout_ms : WINDOW_MS,
      .ack_wait_ms = queue->options.ack_wait_ms != 0 ? queue->options.ack_wait_ms
                                                     : min_u64(ACK_WAIT_MS, still_ms(queue))};
  return diffd_nats_setup(queue->link, ctx, &options, ret, err);
}

/* Waits while another thread is at something. */
static enum diffd_status wait_while_locked(struct diffd_nats_queue *queue, const bool *busy,
                                           const struct diffd_context *ctx, struct diffd_error *err) {
  while (*busy) {
    if (diffd_context_stopping(ctx))
      return diffd_fail(err, DIFFD_CANCELLED, "the wait for NATS was ended");
    (void)diffd_cond_wait_ms(&queue->changed, &queue->lock, LOOK_MS);
  }
  return DIFFD_OK;
}

/* What the server has; looked up, and made, by the first who needs it. */
static enum diffd_status get_setup(struct diffd_nats_queue *queue, const struct diffd_context *ctx,
                                   struct diffd_nats_setup *ret, struct diffd_error *err) {
  struct diffd_nats_setup setup;
  (void)pthread_mutex_lock(&queue->lock);
  enum diffd_status status = wait_while_locked(queue, &queue->setting_up, ctx, err);
  if (status == DIFFD_OK && (!queue->ready || diffd_monotonic_ms() - queue->ready_ms > SETUP_MS)) {
    queue->setting_up = true;
    (void)pthread_mutex_unlock(&queue->lock);
    status = set_up(queue, ctx, &setup, err);
    (void)pthread_mutex_lock(&queue->lock);
    queue->setting_up = false;
    queue->ready = status == DIFFD_OK;
    queue->ready_ms = diffd_monotonic_ms();
    if (queue->ready)
      queue->setup = setup;
    if (queue->ready && queue->held != NULL)
      diffd_nats_held_set_ack_wait(queue->held, setup.ack_wait_ms);
    (void)pthread_cond_broadcast(&queue->changed);
  }
  if (status == DIFFD_OK)
    *ret = queue->setup;
  (void)pthread_mutex_unlock(&queue->lock);
  return status;
}

/* Something that was there is gone: the next who needs it looks again. */
static void forget_setup(struct diffd_nats_queue *queue) {
  (void)pthread_mutex_lock(&queue->lock);
  queue->ready = false;
  (void)pthread_mutex_unlock(&queue->lock);
}

/* ---- the queuer ---- */

static enum diffd_status publish(struct diffd_nats_link *link, const struct diffd_context *ctx,
                                 const char *subject, const struct diffd_job *job, const char *message_id,
                                 uint64_t *ret_sequence, bool *ret_duplicate, struct diffd_error *err) {
  char body[DIFFD_JOB_JSON_MAX];
  const struct diffd_nats_header headers[] = {{"Nats-Msg-Id", message_id}};
  const struct diffd_nats_post post = {.subject = subject,
                                       .headers = headers,
                                       .header_count = 1,
                                       .body = {body, diffd_job_to_json(job, body)}};
  return diffd_js_publish(link, ctx, &post, ret_sequence, ret_duplicate, err);
}

/* Whether the stream has the message yet: it waits, or is being worked on. */
static enum diffd_status is_there(struct diffd_nats_queue *queue, const struct diffd_context *ctx,
                                  uint64_t sequence, bool *ret, struct diffd_error *err) {
  struct diffd_nats_setup setup;
  struct diffd_js_message message;
  uint64_t ack_floor = 0;
  enum diffd_status status = get_setup(queue, ctx, &setup, err);
  if (status == DIFFD_OK)
    status = diffd_js_get(queue->link, ctx, setup.stream, sequence, &message, err);
  *ret = status == DIFFD_OK;
  if (status != DIFFD_OK)
    return status == DIFFD_NOT_FOUND ? DIFFD_OK : status;
  free(message.data);
  status = diffd_nats_setup_ack_floor(queue->link, ctx, setup.stream, &ack_floor, err);
  *ret = sequence > ack_floor; /* else it is a ghost: nats_queue_setup.h */
  return status;
}

/* Publishes until the server keeps the message, or has kept one of the same mark. */
static enum diffd_status publish_once(struct diffd_nats_queue *queue, const struct diffd_context *ctx,
                                      const struct diffd_job *job, struct diffd_error *err) {
  char message_id[MESSAGE_ID_MAX];
  int64_t epoch = wall_ms(queue) / (int64_t)queue->options.progress_timeout_ms;
  (void)snprintf(message_id, sizeof message_id, "%s@%" PRId64, job->id, epoch);
  for (int i = 0; i < REPUBLISH_MAX; i++) {
    uint64_t sequence = 0;
    bool duplicate = false;
    bool there = false;
    enum diffd_status status =
        publish(queue->link, ctx, queue->url.subject, job, message_id, &sequence, &duplicate, err);
    if (status != DIFFD_OK || !duplicate)
      return status;
    status = is_there(queue, ctx, sequence, &there, err);
    if (status != DIFFD_OK || there)
      return status;
    /* Whoever finds the same message gone comes to the same id. */
    (void)snprintf(message_id, sizeof message_id, "%s@%" PRId64 "/%" PRIu64, job->id, epoch, sequence);
  }
  return diffd_fail(err, DIFFD_BUSY,
                    "the job was queued and ended %d times in a short while: try again later", REPUBLISH_MAX);
}

static enum diffd_status queuer_queue(struct diffd_queuer *self, const struct diffd_context *ctx,
                                      const struct diffd_job *job, struct diffd_error *err) {
  struct diffd_nats_queue *queue = of_queuer(self);
  struct diffd_nats_setup setup;
  if (!diffd_job_id_is_valid(job->id, strnlen(job->id, sizeof job->id)))
    return diffd_fail(err, DIFFD_INVALID, "a job without a valid id cannot be queued");
  enum diffd_status status = get_setup(queue, ctx, &setup, err);
  if (status == DIFFD_OK)
    status = publish_once(queue, ctx, job, err);
  if (status != DIFFD_NOT_FOUND)
    return status;
  /* The stream was removed since we looked. */
  forget_setup(queue);
  status = get_setup(queue, ctx, &setup, err);
  return status == DIFFD_OK ? publish_once(queue, ctx, job, err) : status;
}

static void queuer_destroy(struct diffd_queuer *self) {
  (void)self;
}

static const struct diffd_queuer_ops queuer_ops = {.queue = queuer_queue, .destroy = queuer_destroy};

/* ---- how a delivery ends ---- */

/* Tells the server, and waits until it has heard it. */
static enum diffd_status acknowledge(struct diffd_nats_queue *queue, const char *reply, const char *text,
                                     struct diffd_error *err) {
  natsMsg *answer = NULL;
  const struct diffd_nats_post post = {.subject = reply, .body = {text, strlen(text)}};
  enum diffd_status status =
      diffd_nats_request(queue->link, &no_context, &post, DIFFD_JS_TIMEOUT_MS, &answer, err);
  natsMsg_Destroy(answer);
  return status;
}

static enum diffd_status hand_back(struct diffd_nats_queue *queue, const char *reply, uint64_t delay_ms,
                                   struct diffd_error *err) {
  char text[64];
  if (delay_ms == 0)
    return acknowledge(queue, reply, "-NAK", err);
  (void)snprintf(text, sizeof text, "-NAK {\"delay\": %" PRIu64 "000000}", delay_ms);
  return acknowledge(queue, reply, text, err);
}

static void history_subject(const struct diffd_nats_queue *queue, const struct diffd_nats_delivery *delivery,
                            char text[static SUBJECT_MAX]) {
  (void)snprintf(text, SUBJECT_MAX, "%s.history.%" PRIu64 ".%" PRIu64, queue->url.subject, delivery->sequence,
                 delivery->stored_ns);
}

static enum diffd_status write_history(struct diffd_nats_queue *queue,
                                       const struct diffd_nats_holding *holding, struct diffd_error *err) {
  char subject[SUBJECT_MAX];
  char text[DIFFD_NATS_HISTORY_MAX];
  uint64_t sequence;
  bool duplicate;
  history_subject(queue, &holding->delivery, subject);
  const struct diffd_nats_post post = {.subject = subject,
                                       .body = {text, diffd_nats_history_write(&holding->history, text)}};
  enum diffd_status status = diffd_js_publish(queue->link, &no_context, &post, &sequence, &duplicate, err);
  if (status == DIFFD_NOT_FOUND)
    forget_setup(queue);
  return status;
}

static enum diffd_status read_history(struct diffd_nats_queue *queue, const struct diffd_context *ctx,
                                      const struct diffd_nats_setup *setup,
                                      struct diffd_nats_holding *holding, struct diffd_error *err) {
  char subject[SUBJECT_MAX];
  struct diffd_js_message message;
  holding->history = (struct diffd_nats_history){0};
  if (holding->delivery.delivered == 1)
    return DIFFD_OK;
  history_subject(queue, &holding->delivery, subject);
  enum diffd_status status =
      diffd_js_get_last(queue->link, ctx, setup->history_stream, subject, &message, err);
  if (status == DIFFD_NOT_FOUND)
    return DIFFD_OK;
  if (status != DIFFD_OK)
    return status;
  holding->history = diffd_nats_history_read((struct diffd_span){message.data, message.len});
  free(message.data);
  return DIFFD_OK;
}

/* The history of a message that is no more. It would age away by itself, too. */
static void forget_history(struct diffd_nats_queue *queue, const struct diffd_nats_setup *setup,
                           const struct diffd_nats_holding *holding) {
  char subject[SUBJECT_MAX];
  struct diffd_error ignored;
  if (holding->history.failures == 0 && holding->history.given_back == 0)
    return;
  history_subject(queue, &holding->delivery, subject);
  enum diffd_status status =
      diffd_js_purge(queue->link, &no_context, setup->history_stream, subject, &ignored);
  (void)status;
}

/* Gives a message back without a failure: it is due at once, or at a wall-clock time. */
static enum diffd_status give_back(struct diffd_nats_queue *queue, struct diffd_nats_holding *holding,
                                   int64_t due_ms, struct diffd_error *err) {
  int64_t now = wall_ms(queue);
  uint64_t delay_ms = due_ms > now ? min_u64((uint64_t)(due_ms - now), still_ms(queue)) : 0;
  holding->history.given_back++;
  holding->history.due_ms = due_ms > now ? due_ms : 0;
  enum diffd_status status = write_history(queue, holding, err);
  return status == DIFFD_OK ? hand_back(queue, holding->reply, delay_ms, err) : status;
}

/* Puts a message on the dead-letter subject, and out of the stream. Repeated, it changes nothing. */
static enum diffd_status bury(struct diffd_nats_queue *queue, const struct diffd_nats_holding *holding,
                              struct diffd_nats_letter *letter, struct diffd_error *err) {
  struct diffd_nats_setup setup;
  CLEANUP(freep) char *body = NULL;
  char message_id[MESSAGE_ID_MAX];
  char failures[16];
  char reason[DIFFD_ERROR_DETAIL_MAX];
  uint64_t sequence;
  bool duplicate;
  enum diffd_status status = get_setup(queue, &no_context, &setup, err);
  if (status != DIFFD_OK)
    return status;
  letter->queued_at = (int64_t)(holding->delivery.stored_ns / 1000000000);
  letter->parked_at = wall_ms(queue) / 1000;
  status = diffd_nats_letter_write(letter, &body, err);
  if (status != DIFFD_OK)
    return status;
  (void)snprintf(message_id, sizeof message_id, "dead %" PRIu64 ".%" PRIu64, holding->delivery.sequence,
                 holding->delivery.stored_ns);
  (void)snprintf(failures, sizeof failures, "%" PRIu32, letter->failures);
  (void)snprintf(reason, sizeof reason, "%s", letter->reason);
  for (char *at = reason; *at != '\0'; at++)
    if ((unsigned char)*at < ' ')
      *at = ' ';
  const struct diffd_nats_header headers[] = {{"Nats-Msg-Id", message_id},
                                              {"Diffd-Id", letter->is_job ? letter->job.id : ""},
                                              {"Diffd-Failures", failures},
                                              {"Diffd-Reason", reason}};
  const struct diffd_nats_post post = {.subject = setup.dead_subject,
                                       .headers = headers,
                                       .header_count = sizeof headers / sizeof headers[0],
                                       .body = {body, strlen(body)}};
  status = diffd_js_publish(queue->link, &no_context, &post, &sequence, &duplicate, err);
  if (status == DIFFD_NOT_FOUND)
    forget_setup(queue);
  if (status == DIFFD_OK)
    status = acknowledge(queue, holding->reply, "+TERM", err);
  if (status == DIFFD_OK)
    forget_history(queue, &setup, holding);
  return status;
}

/* ---- taking ---- */

static enum diffd_status refuse_message(struct diffd_nats_queue *queue, const struct diffd_context *ctx,
                                        const struct diffd_nats_holding *holding, struct diffd_span body,
                                        const char *reason, struct diffd_error *err) {
  struct diffd_nats_letter letter = {.message = body};
  (void)snprintf(letter.reason, sizeof letter.reason, "%s", reason);
  enum diffd_status status = bury(queue, holding, &letter, err);
  if (status != DIFFD_OK)
    return status;
  diffd_log(ctx->log, DIFFD_LOG_WARN, "message-refused", {"reason", letter.reason, 0});
  return DIFFD_END;
}

static enum diffd_status bury_crashing(struct diffd_nats_queue *queue, const struct diffd_context *ctx,
                                       const struct diffd_nats_holding *holding, const struct diffd_job *job,
                                       uint64_t crashes, struct diffd_error *err) {
  struct diffd_nats_letter letter = {
      .job = *job, .is_job = true, .failures = holding->history.failures, .crashes = (uint32_t)crashes};
  (void)snprintf(letter.reason, sizeof letter.reason,
                 "its work was begun %d times and never ended: the workers died, were killed or lost NATS",
                 CRASHES_MAX);
  enum diffd_status status = bury(queue, holding, &letter, err);
  if (status != DIFFD_OK)
    return status;
  diffd_log(ctx->log, DIFFD_LOG_INFO, "job-parked", {"diff_id", job->id, 0},
            {"failures", NULL, letter.failures}, {"reason", letter.reason, 0});
  return DIFFD_END;
}

/* Makes a lease of a message. DIFFD_END where there is nothing to work on. */
static enum diffd_status accept_message(struct diffd_nats_queue *queue, const struct diffd_context *ctx,
                                        const struct diffd_nats_setup *setup, natsMsg *message,
                                        struct diffd_lease *ret, struct diffd_error *err) {
  struct diffd_nats_holding holding = {0};
  struct diffd_lease lease = {.not_before = INT64_MIN};
  bool own_id;
  const struct diffd_span body = {natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message)};
  const char *reply = natsMsg_GetReply(message);
  if (!diffd_nats_delivery_parse(reply, &holding.delivery) ||
      snprintf(holding.reply, sizeof holding.reply, "%s", reply) >= (int)sizeof holding.reply)
    return DIFFD_END; /* not from a stream: nobody waits for an acknowledgement */
  enum diffd_status status = read_history(queue, ctx, setup, &holding, err);
  if (status != DIFFD_OK)
    return status;
  if (body.len > DIFFD_NATS_MESSAGE_MAX)
    return refuse_message(queue, ctx, &holding, body, "the message is larger than 64 KiB, and no job is",
                          err);
  if (diffd_job_from_json(body, &lease.job, &own_id, err) != DIFFD_OK)
    return refuse_message(queue, ctx, &holding, body, err->detail, err);
  uint64_t crashes = diffd_nats_crashes(&holding.delivery, &holding.history);
  if (crashes >= CRASHES_MAX)
    return bury_crashing(queue, ctx, &holding, &lease.job, crashes, err);
  lease.failures = holding.history.failures;
  if (holding.history.due_ms > wall_ms(queue))
    lease.not_before = (holding.history.due_ms + 999) / 1000;
  status = diffd_nats_held_add(queue->held, &holding, &lease.number, err);
  if (status != DIFFD_OK)
    return status == DIFFD_EXISTS ? DIFFD_END : status;
  *ret = lease;
  return DIFFD_OK;
}

/* What the server had sent already when nobody wanted it any more goes back at once. */
static void give_rest_back(struct diffd_nats_queue *queue, const struct diffd_nats_setup *setup) {
  for (natsMsg *message = NULL; (message = diffd_nats_pull_stop(&queue->pull)) != NULL;) {
    struct diffd_nats_holding holding = {0};
    struct diffd_error ignored; /* it comes again by itself, only later */
    const char *reply = natsMsg_GetReply(message);
    if (diffd_nats_delivery_parse(reply, &holding.delivery) &&
        snprintf(holding.reply, sizeof holding.reply, "%s", reply) < (int)sizeof holding.reply &&
        read_history(queue, &no_context, setup, &holding, &ignored) == DIFFD_OK) {
      enum diffd_status status = give_back(queue, &holding, holding.history.due_ms, &ignored);
      (void)status;
    }
    natsMsg_Destroy(message);
  }
}

/* One worker at a time asks for a message, so that a process asks for no more than it can begin. */
static enum diffd_status pull_one(struct diffd_nats_queue *queue, const struct diffd_context *ctx,
                                  const struct diffd_nats_setup *setup, natsMsg **ret,
                                  struct diffd_error *err) {
  (void)pthread_mutex_lock(&queue->lock);
  enum diffd_status status = wait_while_locked(queue, &queue->pulling, ctx, err);
  if (status == DIFFD_OK)
    queue->pulling = true;
  (void)pthread_mutex_unlock(&queue->lock);
  if (status != DIFFD_OK)
    return status;
  status = diffd_nats_pull_next(&queue->pull, ctx, setup->stream, DIFFD_NATS_CONSUMER, ret, err);
  if (status == DIFFD_CANCELLED)
    give_rest_back(queue, setup);
  (void)pthread_mutex_lock(&queue->lock);
  queue->pulling = false;
  (void)pthread_cond_broadcast(&queue->changed);
  (void)pthread_mutex_unlock(&queue->lock);
  /* A server that was away may have come back with less than it had. */
  if (status == DIFFD_NOT_FOUND || status == DIFFD_UNAVAILABLE)
    forget_setup(queue);
  return status;
}

static enum diffd_status source_take(struct diffd_job_source *self, const struct diffd_context *ctx,
                                     struct diffd_lease *ret, struct diffd_error *err) {
  struct diffd_nats_queue *queue = of_source(self);
  enum diffd_status status;
  do {
    struct diffd_nats_setup setup;
    natsMsg *message = NULL;
    if (diffd_context_stopping(ctx))
      return diffd_fail(err, DIFFD_CANCELLED, "the wait for a job was ended");
    status = get_setup(queue, ctx, &setup, err);
    if (status == DIFFD_OK)
      status = pull_one(queue, ctx, &setup, &message, err);
    if (status == DIFFD_OK)
      status = accept_message(queue, ctx, &setup, message, ret, err);
    natsMsg_Destroy(message);
  } while (status == DIFFD_END);
  return status;
}

/* ---- the ends of a lease ---- */

static enum diffd_status source_done(struct diffd_job_source *self, const struct diffd_lease *lease,
                                     struct diffd_error *err) {
  struct diffd_nats_queue *queue = of_source(self);
  struct diffd_nats_holding holding;
  struct diffd_nats_setup setup;
  enum diffd_status status = diffd_nats_held_get(queue->held, lease->number, &holding, err);
  if (status != DIFFD_OK)
    return status;
  status = acknowledge(queue, holding.reply, "+ACK", err);
  diffd_nats_held_remove(queue->held, lease->number);
  if (status == DIFFD_OK && get_setup(queue, &no_context, &setup, err) == DIFFD_OK)
    forget_history(queue, &setup, &holding);
  return status;
}

static uint64_t retry_after_ms(const struct diffd_nats_queue *queue, uint32_t failures_before) {
  uint64_t last = queue->options.last_retry_ms;
  uint64_t ms = queue->options.first_retry_ms;
  for (uint32_t i = 0; i < failures_before && ms < last; i++)
    ms *= 2;
  return min_u64(ms, last);
}

static enum diffd_status fail_held(struct diffd_nats_queue *queue, const struct diffd_lease *lease,
                                   struct diffd_nats_holding *holding, bool permanent, const char *reason,
                                   enum diffd_retry *ret, struct diffd_error *err) {
  struct diffd_nats_history *history = &holding->history;
  uint64_t wait_ms = retry_after_ms(queue, history->failures);
  uint64_t crashes = diffd_nats_crashes(&holding->delivery, history);
  history->failures++;
  history->permanent += permanent;
  enum diffd_retry retry = history->failures >= FAILURES_MAX || history->permanent >= PERMANENT_FAILURES_MAX
                               ? DIFFD_RETRY_PARKED
                               : DIFFD_RETRY_LATER;
  enum diffd_status status;
  if (retry == DIFFD_RETRY_PARKED) {
    struct diffd_nats_letter letter = {.job = lease->job,
                                       .is_job = true,
                                       .failures = history->failures,
                                       .crashes = (uint32_t)min_u64(crashes, UINT32_MAX)};
    (void)snprintf(letter.reason, sizeof letter.reason, "%s", reason);
    status = bury(queue, holding, &letter, err);
  } else {
    history->due_ms = wall_ms(queue) + (int64_t)wait_ms;
    status = write_history(queue, holding, err);
    if (status == DIFFD_OK)
      status = hand_back(queue, holding->reply, min_u64(wait_ms, still_ms(queue)), err);
  }
  if (status == DIFFD_OK)
    *ret = retry;
  return status;
}

static enum diffd_status source_fail(struct diffd_job_source *self, const struct diffd_lease *lease,
                                     bool permanent, const char *reason, enum diffd_retry *ret,
                                     struct diffd_error *err) {
  struct diffd_nats_queue *queue = of_source(self);
  struct diffd_nats_holding holding;
  enum diffd_status status = diffd_nats_held_get(queue->held, lease->number, &holding, err);
  if (status != DIFFD_OK)
    return status;
  status = fail_held(queue, lease, &holding, permanent, reason, ret, err);
  diffd_nats_held_remove(queue->held, lease->number);
  return status;
}

/* The server could give the job to the worker of this process that asks for one at this moment, and which is
 * about to end as well; what it sends to somebody who left is lost until it has waited long enough. */
static void wait_for_puller(struct diffd_nats_queue *queue) {
  uint64_t until = diffd_monotonic_ms() + PULLER_MS;
  (void)pthread_mutex_lock(&queue->lock);
  while (queue->pulling && diffd_monotonic_ms() < until)
    (void)diffd_cond_wait_ms(&queue->changed, &queue->lock, LOOK_MS);
  (void)pthread_mutex_unlock(&queue->lock);
}

static enum diffd_status source_give_back(struct diffd_job_source *self, const struct diffd_lease *lease,
                                          int64_t not_before, struct diffd_error *err) {
  struct diffd_nats_queue *queue = of_source(self);
  struct diffd_nats_holding holding;
  enum diffd_status status = diffd_nats_held_get(queue->held, lease->number, &holding, err);
  if (status != DIFFD_OK)
    return status;
  if (not_before == INT64_MIN) /* a stop, of the others too */
    wait_for_puller(queue);
  int64_t due_ms = not_before > INT64_MAX / 1000 ? INT64_MAX : not_before > 0 ? not_before * 1000 : 0;
  status = give_back(queue, &holding, due_ms, err);
  diffd_nats_held_remove(queue->held, lease->number);
  return status;
}

/* Other processes take from the stream as well: what is in progress cannot be told from here. */
static enum diffd_status source_each_pending(struct diffd_job_source *self,
                                             enum diffd_status (*each)(void *arg, const struct diffd_job *job,
                                                                       struct diffd_error *err),
                                             void *arg, struct diffd_error *err) {
  (void)self;
  (void)each;
  (void)arg;
  (void)err;
  return DIFFD_OK;
}

static void source_destroy(struct diffd_job_source *self) {
  (void)self;
}

static const struct diffd_job_source_ops source_ops = {
    .take = source_take,
    .done = source_done,
    .fail = source_fail,
    .give_back = source_give_back,
    .each_pending = source_each_pending,
    .destroy = source_destroy,
};

/* ---- opening and closing ---- */

static enum diffd_status open_parts(struct diffd_nats_queue *queue, struct diffd_error *err) {
  struct diffd_nats_setup setup;
  enum diffd_status status = diffd_cond_init(&queue->changed, err);
  queue->changed_made = status == DIFFD_OK;
  if (status == DIFFD_OK)
    status = diffd_nats_url_parse(queue->options.url, &queue->url, err);
  if (status == DIFFD_OK)
    status = diffd_nats_link_open(&queue->url, "vpcflow-diffd", &queue->link, err);
  queue->pull.link = queue->link;
  if (status == DIFFD_OK && queue->options.takes)
    status = diffd_nats_held_new(queue->link, &queue->held, err);
  if (status != DIFFD_OK)
    return status;
  status = get_setup(queue, &no_context, &setup, err);
  if (status == DIFFD_OK || status == DIFFD_INVALID || status == DIFFD_NO_MEMORY)
    return status;
  diffd_log(queue->options.log, DIFFD_LOG_WARN, "dependency-failure", {"dependency", "queuer", 0},
            {"reason", err->detail, 0});
  return DIFFD_OK;
}

enum diffd_status diffd_nats_queue_open(const struct diffd_nats_queue_options *options,
                                        struct diffd_nats_queue **ret, struct diffd_error *err) {
  struct diffd_nats_queue *queue = calloc(1, sizeof *queue);
  if (queue == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the queue");
  queue->queuer.ops = &queuer_ops;
  queue->source = (struct diffd_job_source){.ops = &source_ops, .shared = true};
  queue->options = *options;
  if (queue->options.first_retry_ms == 0)
    queue->options.first_retry_ms = FIRST_RETRY_MS;
  if (queue->options.last_retry_ms == 0)
    queue->options.last_retry_ms = LAST_RETRY_MS;
  (void)pthread_mutex_init(&queue->lock, NULL);
  enum diffd_status status = open_parts(queue, err);
  if (status != DIFFD_OK) {
    diffd_nats_queue_close(queue);
    return status;
  }
  *ret = queue;
  return DIFFD_OK;
}

void diffd_nats_queue_close(struct diffd_nats_queue *queue) {
  if (queue == NULL)
    return;
  diffd_nats_held_destroy(queue->held);
  diffd_nats_inbox_close(queue->pull.inbox);
  diffd_nats_link_close(queue->link);
  diffd_nats_url_clean_up(&queue->url);
  if (queue->changed_made)
    (void)pthread_cond_destroy(&queue->changed);
  (void)pthread_mutex_destroy(&queue->lock);
  free(queue);
}

struct diffd_queuer *diffd_nats_queue_queuer(struct diffd_nats_queue *queue) {
  return &queue->queuer;
}

struct diffd_job_source *diffd_nats_queue_source(struct diffd_nats_queue *queue) {
  return &queue->source;
}
