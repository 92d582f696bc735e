/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue on a real NATS JetStream: what is published is taken once and kept while it is worked on, comes
 * again after a failure or a crash, and ends as a dead letter where nothing helps.
 */
#include "modules/nats_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <pthread.h>
#include <stdatomic.h>

#include <cmocka.h>

#include "base/diff_id.h"
#include "base/test_dir.h"
#include "base/thread.h"
#include "modules/nats_queue_letter.h"
#include "net/jetstream.h"
#include "net/test_nats_server.h"

enum { TIMEOUT_MS = 600000 };

struct fixture {
  struct test_dir *dir;
  struct nats_server server;
  char url[256];
  _Atomic int64_t ahead_seconds; /* of the queue's clock, before the system's */
  struct diffd_clock clock;
  struct diffd_nats_queue *queues[3];
  size_t queue_count;
};

static struct diffd_instant wall(void *arg) {
  struct fixture *f = arg;
  struct diffd_instant now = diffd_system_clock.wall(diffd_system_clock.arg);
  now.seconds += atomic_load(&f->ahead_seconds);
  return now;
}

static int64_t monotonic(void *arg) {
  (void)arg;
  return diffd_system_clock.monotonic_ms(diffd_system_clock.arg);
}

static int set_up(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  void *dir = NULL;
  if (test_dir_make(&dir) != 0)
    return -1;
  f->dir = dir;
  f->server.dir = f->dir->path;
  f->clock = (struct diffd_clock){wall, monotonic, f};
  *state = f;
  if (!nats_server_start(&f->server))
    return -1;
  (void)snprintf(f->url, sizeof f->url, "nats://127.0.0.1:%d/vpc.diffs", f->server.port);
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  for (size_t i = 0; i < f->queue_count; i++)
    diffd_nats_queue_close(f->queues[i]);
  nats_server_kill(&f->server);
  void *dir = f->dir;
  (void)test_dir_destroy(&dir);
  free(f);
  return 0;
}

/* Options of a process that takes, with short times. */
static struct diffd_nats_queue_options short_times(struct fixture *f) {
  return (struct diffd_nats_queue_options){.url = f->url,
                                           .takes = true,
                                           .progress_timeout_ms = TIMEOUT_MS,
                                           .clock = &f->clock,
                                           .ack_wait_ms = 900,
                                           .first_retry_ms = 20,
                                           .last_retry_ms = 80};
}

static struct diffd_nats_queue *open_with(struct fixture *f, const struct diffd_nats_queue_options *options) {
  struct diffd_error err;
  struct diffd_nats_queue *queue = NULL;
  if (diffd_nats_queue_open(options, &queue, &err) != DIFFD_OK)
    fail_msg("%s", err.detail);
  f->queues[f->queue_count++] = queue;
  return queue;
}

static struct diffd_nats_queue *open_queue(struct fixture *f) {
  const struct diffd_nats_queue_options options = short_times(f);
  return open_with(f, &options);
}

static struct diffd_job job_of(const char *id) {
  struct diffd_job job = {.previous = {1561939200, 1562025600}, .next = {1562025600, 1562112000}};
  (void)snprintf(job.id, sizeof job.id, "%s", id);
  return job;
}

static const struct diffd_context no_context;

static enum diffd_status post(struct diffd_nats_queue *queue, const char *id, struct diffd_error *err) {
  const struct diffd_job job = job_of(id);
  return diffd_queuer_queue(diffd_nats_queue_queuer(queue), &no_context, &job, err);
}

static void must_post(struct diffd_nats_queue *queue, const char *id) {
  struct diffd_error err;
  if (post(queue, id, &err) != DIFFD_OK)
    fail_msg("%s", err.detail);
}

/* A context that stops when its time is over. */
static bool is_over(void *arg) {
  return diffd_monotonic_ms() >= *(const uint64_t *)arg;
}

static enum diffd_status take_within(struct diffd_nats_queue *queue, uint64_t ms, struct diffd_lease *ret,
                                     struct diffd_error *err) {
  uint64_t until = diffd_monotonic_ms() + ms;
  const struct diffd_context ctx = {.cancelled = is_over, .cancelled_arg = &until};
  return diffd_job_source_take(diffd_nats_queue_source(queue), &ctx, ret, err);
}

/* A busy machine may need long; none of the tests waits for this to be over. */
static struct diffd_lease must_take(struct diffd_nats_queue *queue, const char *id) {
  struct diffd_lease lease;
  struct diffd_error err;
  if (take_within(queue, 30000, &lease, &err) != DIFFD_OK)
    fail_msg("no job %s: %s", id, err.detail);
  assert_string_equal(lease.job.id, id);
  return lease;
}

static void must_not_take(struct diffd_nats_queue *queue, uint64_t ms) {
  struct diffd_lease lease;
  struct diffd_error err;
  assert_int_equal(take_within(queue, ms, &lease, &err), DIFFD_CANCELLED);
}

static void must_end(enum diffd_status status, const struct diffd_error *err) {
  if (status != DIFFD_OK)
    fail_msg("%s", err->detail);
}

static void must_be_done(struct diffd_nats_queue *queue, const struct diffd_lease *lease) {
  struct diffd_error err;
  must_end(diffd_job_source_done(diffd_nats_queue_source(queue), lease, &err), &err);
}

static enum diffd_retry must_fail(struct diffd_nats_queue *queue, const struct diffd_lease *lease,
                                  bool permanent, const char *reason) {
  struct diffd_error err;
  enum diffd_retry retry = DIFFD_RETRY_LATER;
  must_end(diffd_job_source_fail(diffd_nats_queue_source(queue), lease, permanent, reason, &retry, &err),
           &err);
  return retry;
}

static void must_give_back(struct diffd_nats_queue *queue, const struct diffd_lease *lease,
                           int64_t not_before) {
  struct diffd_error err;
  must_end(diffd_job_source_give_back(diffd_nats_queue_source(queue), lease, not_before, &err), &err);
}

/* ---- looking at the server itself ---- */

struct peer {
  struct diffd_nats_url url;
  struct diffd_nats_link *link;
};

static struct peer peer_open(struct fixture *f) {
  struct peer peer;
  struct diffd_error err;
  must_end(diffd_nats_url_parse(f->url, &peer.url, &err), &err);
  must_end(diffd_nats_link_open(&peer.url, "test", &peer.link, &err), &err);
  return peer;
}

static void peer_close(struct peer *peer) {
  diffd_nats_link_close(peer->link);
  diffd_nats_url_clean_up(&peer->url);
}

static json_t *ask(struct fixture *f, const char *api, const char *question) {
  struct peer peer = peer_open(f);
  struct diffd_error err;
  json_t *answer = NULL;
  int code;
  json_t *object = question != NULL ? json_loads(question, 0, NULL) : NULL;
  must_end(diffd_js_call(peer.link, &no_context, api, object, &answer, &code, &err), &err);
  json_decref(object);
  peer_close(&peer);
  return answer;
}

static json_int_t messages(struct fixture *f, const char *stream) {
  char api[128];
  (void)snprintf(api, sizeof api, "STREAM.INFO.%s", stream);
  json_t *info = ask(f, api, NULL);
  json_int_t count = json_integer_value(json_object_get(json_object_get(info, "state"), "messages"));
  json_decref(info);
  return count;
}

struct letters {
  size_t count;
  struct diffd_nats_letter last;
};

static enum diffd_status note_letter(void *arg, const struct diffd_nats_letter *letter,
                                     struct diffd_error *err) {
  struct letters *letters = arg;
  (void)err;
  letters->count++;
  letters->last = *letter;
  return DIFFD_OK;
}

static struct letters all_letters(struct fixture *f) {
  struct letters letters = {0};
  struct diffd_error err;
  must_end(diffd_nats_letters_each(f->url, note_letter, &letters, &err), &err);
  return letters;
}

/* ---- the tests ---- */

/* Published, taken as it was, and gone when it is done, its streams as the header says. */
static void test_done(void **state) {
  struct fixture *f = *state;
  struct diffd_nats_queue *queue = open_queue(f);
  must_post(queue, "a");
  assert_int_equal(messages(f, "vpc_diffs"), 1);
  struct diffd_lease lease = must_take(queue, "a");
  assert_int_equal(lease.failures, 0);
  assert_true(lease.not_before == INT64_MIN);
  assert_int_equal(lease.job.previous.start, 1561939200);
  assert_int_equal(lease.job.next.stop, 1562112000);
  must_be_done(queue, &lease);
  assert_int_equal(messages(f, "vpc_diffs"), 0);
  json_t *info = ask(f, "STREAM.INFO.vpc_diffs", NULL);
  json_t *config = json_object_get(info, "config");
  assert_string_equal(json_string_value(json_object_get(config, "retention")), "workqueue");
  assert_string_equal(json_string_value(json_object_get(config, "storage")), "file");
  assert_int_equal(json_integer_value(json_object_get(config, "duplicate_window")),
                   TIMEOUT_MS * INT64_C(1000000));
  json_decref(info);
}

/* An API makes nothing that only workers need, and its jobs wait for a worker that comes later. */
static void test_api_first(void **state) {
  struct fixture *f = *state;
  struct diffd_nats_queue_options options = short_times(f);
  options.takes = false;
  struct diffd_nats_queue *api = open_with(f, &options);
  must_post(api, "a");
  json_t *names = ask(f, "STREAM.NAMES", NULL);
  assert_int_equal(json_array_size(json_object_get(names, "streams")), 1);
  json_decref(names);
  struct diffd_nats_queue *worker = open_queue(f);
  struct diffd_lease lease = must_take(worker, "a");
  must_be_done(worker, &lease);
}

/* A repeat within one mark is dropped while the job waits or runs; after the mark's time-out, after the end
 * of the job and after its parking it is not. */
static void test_repeats(void **state) {
  struct fixture *f = *state;
  struct diffd_nats_queue *one = open_queue(f);
  struct diffd_nats_queue *two = open_queue(f);
  /* Not near the end of a time-out's number, where the next one would begin by itself. */
  int64_t now = diffd_system_clock.wall(diffd_system_clock.arg).seconds;
  atomic_store(&f->ahead_seconds, TIMEOUT_MS / 1000 - now % (TIMEOUT_MS / 1000));
  must_post(one, "a");
  must_post(two, "a");
  assert_int_equal(messages(f, "vpc_diffs"), 1);
  struct diffd_lease lease = must_take(one, "a");
  must_post(two, "a");
  assert_int_equal(messages(f, "vpc_diffs"), 1);
  must_be_done(one, &lease);
  for (int i = 0; i < 3; i++) {
    must_post(two, "a");
    must_post(one, "a");
    assert_int_equal(messages(f, "vpc_diffs"), 1);
    lease = must_take(two, "a");
    must_be_done(two, &lease);
  }
  must_post(two, "a");
  lease = must_take(two, "a");
  assert_int_equal(must_fail(two, &lease, true, "no graph"), DIFFD_RETRY_LATER);
  lease = must_take(two, "a");
  assert_int_equal(must_fail(two, &lease, true, "no graph"), DIFFD_RETRY_PARKED);
  must_post(two, "a");
  assert_int_equal(messages(f, "vpc_diffs"), 1);
  atomic_fetch_add(&f->ahead_seconds, TIMEOUT_MS / 1000);
  must_post(one, "a");
  must_post(two, "a");
  assert_int_equal(messages(f, "vpc_diffs"), 2);
}

/* Ten failures end as a dead letter with the last reason; the tries before know how many there were. */
static void test_failures(void **state) {
  struct fixture *f = *state;
  struct diffd_nats_queue *one = open_queue(f);
  struct diffd_nats_queue *two = open_queue(f);
  must_post(one, "a");
  for (uint32_t i = 0; i < 10; i++) {
    struct diffd_nats_queue *queue = i % 2 == 0 ? one : two;
    struct diffd_lease lease = must_take(queue, "a");
    assert_int_equal(lease.failures, i);
    assert_int_equal(must_fail(queue, &lease, false, "the storage\nis away"),
                     i < 9 ? DIFFD_RETRY_LATER : DIFFD_RETRY_PARKED);
  }
  must_not_take(one, 300);
  struct letters letters = all_letters(f);
  assert_int_equal(letters.count, 1);
  assert_true(letters.last.is_job);
  assert_string_equal(letters.last.job.id, "a");
  assert_int_equal(letters.last.job.next.stop, 1562112000);
  assert_string_equal(letters.last.reason, "the storage\nis away");
  assert_int_equal(letters.last.failures, 10);
  assert_int_equal(letters.last.crashes, 0);
  assert_int_equal(messages(f, "vpc_diffs"), 0);
  assert_int_equal(messages(f, "vpc_diffs_HISTORY"), 0);
}

/* A dead letter can be queued again, once, and counts from the beginning. */
static void test_retry(void **state) {
  struct fixture *f = *state;
  struct diffd_nats_queue *queue = open_queue(f);
  struct diffd_error err;
  assert_int_equal(diffd_nats_letters_retry(f->url, "a", &err), DIFFD_NOT_FOUND);
  for (int i = 0; i < 2; i++) {
    must_post(queue, "a");
    for (int j = 0; j < 2; j++) {
      struct diffd_lease lease = must_take(queue, "a");
      (void)must_fail(queue, &lease, true, "no graph");
    }
  }
  assert_int_equal(all_letters(f).count, 2);
  must_end(diffd_nats_letters_retry(f->url, "a", &err), &err);
  assert_int_equal(all_letters(f).count, 0);
  struct diffd_lease lease = must_take(queue, "a");
  assert_int_equal(lease.failures, 0);
  must_be_done(queue, &lease);
  must_not_take(queue, 300);
}

/* While a worker holds a job, for far longer than the server would wait, nobody else gets it. */
static void test_kept(void **state) {
  struct fixture *f = *state;
  struct diffd_nats_queue *one = open_queue(f);
  struct diffd_nats_queue *two = open_queue(f);
  must_post(one, "a");
  struct diffd_lease lease = must_take(one, "a");
  must_not_take(two, 3000);
  must_be_done(one, &lease);
  must_not_take(two, 300);
}

/* A process that dies at work leaves its job to another one, and that is no failure. */
static void test_crash(void **state) {
  struct fixture *f = *state;
  struct diffd_nats_queue *one = open_queue(f);
  struct diffd_nats_queue *two = open_queue(f);
  must_post(one, "a");
  (void)must_take(one, "a");
  f->queues[0] = NULL;
  diffd_nats_queue_close(one);
  struct diffd_lease lease = must_take(two, "a");
  assert_int_equal(lease.failures, 0);
  assert_int_equal(must_fail(two, &lease, true, "no graph"), DIFFD_RETRY_LATER);
  lease = must_take(two, "a");
  assert_int_equal(must_fail(two, &lease, true, "no graph"), DIFFD_RETRY_PARKED);
  assert_int_equal(all_letters(f).last.crashes, 1);
}

/* A process that sets itself up, as each does now and then, leaves in hand what others have in hand: the
 * server would not give it to anybody again. */
static void test_set_up_beside_work(void **state) {
  struct fixture *f = *state;
  struct diffd_nats_queue *one = open_queue(f);
  must_post(one, "a");
  struct diffd_lease lease = must_take(one, "a");
  must_be_done(one, &lease); /* from here on there is something behind what is acknowledged */
  must_post(one, "b");
  lease = must_take(one, "b");
  struct diffd_nats_queue *two = open_queue(f);
  must_post(two, "c");
  struct diffd_lease other = must_take(two, "c");
  json_t *info = ask(f, "CONSUMER.INFO.vpc_diffs.vpcflow-diffd", NULL);
  assert_int_equal(json_integer_value(json_object_get(info, "num_ack_pending")), 2);
  json_decref(info);
  must_be_done(two, &other);
  f->queues[0] = NULL;
  diffd_nats_queue_close(one);
  lease = must_take(two, "b");
  must_be_done(two, &lease);
  assert_int_equal(messages(f, "vpc_diffs"), 0);
}

/* A job that is given back is due at once, elsewhere too; one that waits comes only for its mark until then.
 */
static void test_give_back(void **state) {
  struct fixture *f = *state;
  struct diffd_nats_queue_options options = short_times(f);
  options.progress_timeout_ms = 600;
  struct diffd_nats_queue *one = open_with(f, &options);
  struct diffd_nats_queue *two = open_with(f, &options);
  must_post(one, "a");
  struct diffd_lease lease = must_take(one, "a");
  must_give_back(one, &lease, INT64_MIN);
  lease = must_take(two, "a");
  assert_true(lease.not_before == INT64_MIN);
  int64_t due = wall(f).seconds + 3600;
  must_give_back(two, &lease, due);
  for (int i = 0; i < 3; i++) {
    lease = must_take(one, "a");
    assert_int_equal(lease.not_before, due);
    assert_int_equal(lease.failures, 0);
    must_give_back(one, &lease, lease.not_before);
  }
  atomic_store(&f->ahead_seconds, 3601);
  lease = must_take(two, "a");
  assert_true(lease.not_before == INT64_MIN);
  assert_int_equal(must_fail(two, &lease, true, "no graph"), DIFFD_RETRY_LATER);
  lease = must_take(one, "a");
  assert_int_equal(must_fail(one, &lease, true, "no graph"), DIFFD_RETRY_PARKED);
  assert_int_equal(all_letters(f).last.crashes, 0);
}

/* Whoever waits for a job ends when told so, and takes nothing with it: the next one comes to somebody else.
 */
static void test_stop(void **state) {
  struct fixture *f = *state;
  struct diffd_nats_queue_options options = short_times(f);
  options.ack_wait_ms = 60000;
  struct diffd_nats_queue *one = open_with(f, &options);
  struct diffd_nats_queue *two = open_with(f, &options);
  for (int i = 0; i < 5; i++) {
    must_not_take(one, 50);
    must_post(one, "a");
    struct diffd_lease lease = must_take(two, "a");
    must_be_done(two, &lease);
  }
}

/* What is no job goes to the dead letters at once, whatever its bytes, and holds nothing up. */
static void test_bad_messages(void **state) {
  struct fixture *f = *state;
  struct diffd_nats_queue *queue = open_queue(f);
  struct peer peer = peer_open(f);
  struct diffd_error err;
  static const char *const bodies[] = {"", "nonsense", "{\"id\":\"x\"}", "\xff\x00\xfe", "[]"};
  for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
    uint64_t sequence;
    bool duplicate;
    const struct diffd_nats_post message = {.subject = peer.url.subject,
                                            .body = {bodies[i], i == 3 ? 3 : strlen(bodies[i])}};
    must_end(diffd_js_publish(peer.link, &no_context, &message, &sequence, &duplicate, &err), &err);
  }
  peer_close(&peer);
  must_post(queue, "a");
  struct diffd_lease lease = must_take(queue, "a");
  must_be_done(queue, &lease);
  struct letters letters = all_letters(f);
  assert_int_equal(letters.count, sizeof bodies / sizeof bodies[0]);
  assert_false(letters.last.is_job);
  assert_non_null(strstr(letters.last.reason, "JSON object"));
  assert_int_equal(messages(f, "vpc_diffs"), 0);
}

/* Without the server a POST fails at once; when it is back the same queue works on, with what it had. */
static void test_server_away(void **state) {
  struct fixture *f = *state;
  struct diffd_nats_queue *queue = open_queue(f);
  struct diffd_lease lease;
  struct diffd_error err;
  must_post(queue, "a");
  nats_server_kill(&f->server);
  enum diffd_status status = post(queue, "b", &err);
  assert_int_equal(status, DIFFD_UNAVAILABLE);
  status = take_within(queue, 20000, &lease, &err);
  assert_int_equal(status, DIFFD_UNAVAILABLE);
  assert_non_null(strstr(err.detail, "NATS"));
  assert_true(nats_server_start(&f->server));
  int tries = 0;
  while ((status = take_within(queue, 20000, &lease, &err)) == DIFFD_UNAVAILABLE && tries++ < 300)
    (void)usleep(100000);
  must_end(status, &err);
  assert_string_equal(lease.job.id, "a");
  must_be_done(queue, &lease);
  must_post(queue, "b");
  lease = must_take(queue, "b");
  must_be_done(queue, &lease);
}

/* A process may start before its server does. */
static void test_server_later(void **state) {
  struct fixture *f = *state;
  nats_server_kill(&f->server);
  struct diffd_nats_queue *queue = open_queue(f);
  struct diffd_error err;
  assert_int_equal(post(queue, "a", &err), DIFFD_UNAVAILABLE);
  assert_true(nats_server_start(&f->server));
  enum diffd_status status = DIFFD_UNAVAILABLE;
  for (int i = 0; i < 300 && (status = post(queue, "a", &err)) == DIFFD_UNAVAILABLE; i++)
    (void)usleep(100000);
  must_end(status, &err);
  struct diffd_lease lease = must_take(queue, "a");
  must_be_done(queue, &lease);
}

/* Streams that somebody removes are made again. */
static void test_streams_removed(void **state) {
  struct fixture *f = *state;
  struct diffd_nats_queue *queue = open_queue(f);
  struct diffd_error err;
  struct diffd_lease lease;
  json_decref(ask(f, "STREAM.DELETE.vpc_diffs", NULL));
  must_post(queue, "a");
  enum diffd_status status = DIFFD_NOT_FOUND;
  for (int i = 0; i < 20 && status != DIFFD_OK; i++)
    status = take_within(queue, 20000, &lease, &err);
  must_end(status, &err);
  must_be_done(queue, &lease);
}

static void must_refuse(struct fixture *f, const char *url, const char *part) {
  struct diffd_nats_queue_options options = short_times(f);
  struct diffd_nats_queue *queue = NULL;
  struct diffd_error err;
  options.url = url;
  assert_int_equal(diffd_nats_queue_open(&options, &queue, &err), DIFFD_INVALID);
  if (strstr(err.detail, part) == NULL)
    fail_msg("\"%s\" is not in \"%s\"", part, err.detail);
}

/* What an operator made so that jobs could be lost is refused, and not changed; what is only different is
 * used. */
static void test_operators_own(void **state) {
  struct fixture *f = *state;
  char url[256];
  json_decref(
      ask(f, "STREAM.CREATE.LIMITS",
          "{\"name\":\"LIMITS\",\"subjects\":[\"limits\"],\"retention\":\"limits\",\"storage\":\"file\"}"));
  (void)snprintf(url, sizeof url, "nats://127.0.0.1:%d/limits", f->server.port);
  must_refuse(f, url, "retention");
  json_decref(ask(
      f, "STREAM.CREATE.MEMORY",
      "{\"name\":\"MEMORY\",\"subjects\":[\"memory\"],\"retention\":\"workqueue\",\"storage\":\"memory\"}"));
  (void)snprintf(url, sizeof url, "nats://127.0.0.1:%d/memory", f->server.port);
  must_refuse(f, url, "storage");
  json_decref(ask(f, "STREAM.CREATE.OLD",
                  "{\"name\":\"OLD\",\"subjects\":[\"old\"],\"retention\":\"workqueue\",\"storage\":\"file\","
                  "\"max_bytes\":1000000,\"discard\":\"old\"}"));
  (void)snprintf(url, sizeof url, "nats://127.0.0.1:%d/old", f->server.port);
  must_refuse(f, url, "max_bytes");
  json_decref(ask(f, "STREAM.CREATE.AGE",
                  "{\"name\":\"AGE\",\"subjects\":[\"age\"],\"retention\":\"workqueue\",\"storage\":\"file\","
                  "\"max_age\":3600000000000}"));
  (void)snprintf(url, sizeof url, "nats://127.0.0.1:%d/age", f->server.port);
  must_refuse(f, url, "max_age");
  json_decref(ask(f, "STREAM.CREATE.other", "{\"name\":\"other\",\"subjects\":[\"something.else\"]}"));
  (void)snprintf(url, sizeof url, "nats://127.0.0.1:%d/other", f->server.port);
  must_refuse(f, url, "other");
  json_decref(
      ask(f, "STREAM.CREATE.MINE",
          "{\"name\":\"MINE\",\"subjects\":[\"mine\"],\"retention\":\"workqueue\",\"storage\":\"file\","
          "\"max_msgs\":1,\"discard\":\"new\"}"));
  json_decref(ask(
      f, "CONSUMER.DURABLE.CREATE.MINE.vpcflow-diffd",
      "{\"stream_name\":\"MINE\",\"config\":{\"durable_name\":\"vpcflow-diffd\",\"ack_policy\":\"explicit\","
      "\"max_deliver\":3}}"));
  (void)snprintf(url, sizeof url, "nats://127.0.0.1:%d/mine", f->server.port);
  must_refuse(f, url, "max_deliver");
  json_decref(ask(f, "CONSUMER.DELETE.MINE.vpcflow-diffd", NULL));
  struct diffd_nats_queue_options options = short_times(f);
  struct diffd_error err;
  options.url = url;
  struct diffd_nats_queue *queue = open_with(f, &options);
  must_post(queue, "a");
  assert_int_equal(post(queue, "b", &err), DIFFD_BUSY);
  struct diffd_lease lease = must_take(queue, "a");
  must_be_done(queue, &lease);
  must_post(queue, "b");
}

/* Wrong credentials are a fault of the settings, told at once and without them. */
static void test_credentials(void **state) {
  struct fixture *f = *state;
  char url[256];
  nats_server_kill(&f->server);
  f->server.option = "--user=us@er";
  f->server.option2 = "--pass=s3cret";
  assert_true(nats_server_start(&f->server));
  (void)snprintf(url, sizeof url, "nats://us%%40er:wr0ng@127.0.0.1:%d/a", f->server.port);
  must_refuse(f, url, "STREAM_APPLIANCE_ENDPOINT");
  must_refuse(f, f->url, "STREAM_APPLIANCE_ENDPOINT");
  (void)snprintf(f->url, sizeof f->url, "nats://us%%40er:s3cret@127.0.0.1:%d/a", f->server.port);
  struct diffd_nats_queue *queue = open_queue(f);
  must_post(queue, "a");
}

/* ---- many at once ---- */

enum { MANY = 60, THREADS = 4 };

struct crowd {
  struct diffd_nats_queue *queue;
  atomic_uint *done;
  atomic_uint *times; /* MANY of them: how often each job was taken */
};

static bool all_done(void *arg) {
  return atomic_load((atomic_uint *)arg) >= MANY;
}

static void *work(void *arg) {
  struct crowd *crowd = arg;
  const struct diffd_context ctx = {.cancelled = all_done, .cancelled_arg = crowd->done};
  struct diffd_lease lease;
  struct diffd_error err;
  while (diffd_job_source_take(diffd_nats_queue_source(crowd->queue), &ctx, &lease, &err) == DIFFD_OK) {
    (void)atomic_fetch_add(&crowd->times[atoi(lease.job.id + 1)], 1);
    if (diffd_job_source_done(diffd_nats_queue_source(crowd->queue), &lease, &err) == DIFFD_OK)
      (void)atomic_fetch_add(crowd->done, 1);
  }
  return NULL;
}

static void *publish_all(void *arg) {
  struct crowd *crowd = arg;
  for (int i = 0; i < MANY; i++) {
    char id[16];
    struct diffd_error err;
    (void)snprintf(id, sizeof id, "j%d", i);
    if (post(crowd->queue, id, &err) != DIFFD_OK)
      break;
  }
  return NULL;
}

/* Two processes publish the same jobs while threads of both take them: each is worked on once. */
static void test_many(void **state) {
  struct fixture *f = *state;
  struct diffd_nats_queue_options options = short_times(f);
  options.ack_wait_ms = 30000;
  static atomic_uint times[MANY];
  atomic_uint done = 0;
  struct crowd crowds[2] = {{open_with(f, &options), &done, times}, {open_with(f, &options), &done, times}};
  pthread_t threads[2 + 2 * THREADS];
  for (size_t i = 0; i < 2; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, publish_all, &crowds[i]), 0);
  for (size_t i = 0; i < 2; i++)
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  for (size_t i = 0; i < 2 * THREADS; i++)
    assert_int_equal(pthread_create(&threads[2 + i], NULL, work, &crowds[i % 2]), 0);
  for (size_t i = 0; i < 2 * THREADS; i++)
    assert_int_equal(pthread_join(threads[2 + i], NULL), 0);
  for (size_t i = 0; i < MANY; i++)
    assert_int_equal(atomic_load(&times[i]), 1);
  assert_int_equal(messages(f, "vpc_diffs"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {TEST(test_done),          TEST(test_api_first),
                                     TEST(test_repeats),       TEST(test_failures),
                                     TEST(test_retry),         TEST(test_kept),
                                     TEST(test_crash),         TEST(test_set_up_beside_work),
                                     TEST(test_give_back),     TEST(test_stop),
                                     TEST(test_bad_messages),  TEST(test_server_away),
                                     TEST(test_server_later),  TEST(test_streams_removed),
                                     TEST(test_operators_own), TEST(test_credentials),
                                     TEST(test_many)};
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  (void)nats_CloseAndWait(2000);
  return failed;
}
