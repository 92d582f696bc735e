/* SPDX-License-Identifier: Apache-2.0
 *
 * What the S3 client does with one request: it is tried again where that can help, what cannot be helped is
 * told so that a person knows what to do, and what is missing is not a failure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "diffd/log.h"
#include "net/s3_test_server.h"

/* Counts the events that are logged. */
struct counting_log {
  struct diffd_log base;
  unsigned events;
  char message[64];
};

static void count_event(struct diffd_log *self, enum diffd_log_level level, const char *message,
                        const struct diffd_log_field *fields, size_t field_count, const char *place) {
  struct counting_log *log = (struct counting_log *)self;
  (void)level;
  (void)fields;
  (void)field_count;
  (void)place;
  log->events++;
  (void)snprintf(log->message, sizeof log->message, "%s", message);
}

static const struct diffd_log_ops counting_log_ops = {.event = count_event};

struct fixture {
  struct s3_test_server server;
  struct counting_log log;
  struct diffd_context ctx;
  struct diffd_s3 *s3;
  struct diffd_error err;
};

static int set_up(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  if (f == NULL)
    return -1;
  s3_test_server_init(&f->server);
  f->log.base.ops = &counting_log_ops;
  f->ctx.log = &f->log.base;
  f->s3 = s3_test_client(&f->server, &s3_test_clock);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  diffd_s3_destroy(f->s3);
  s3_test_server_clean_up(&f->server);
  free(f);
  return 0;
}

static struct diffd_span span(const char *text) {
  return (struct diffd_span){text, strlen(text)};
}

#define ERROR_BODY(code, more) "<Error><Code>" code "</Code><Message>Because.</Message>" more "</Error>"

static enum diffd_status put(struct fixture *f, const char *key, const char *body) {
  return diffd_s3_put(f->s3, &f->ctx, span(key), span(body), "text/plain", &f->err);
}

static enum diffd_status get(struct fixture *f, const char *key, char *buf, size_t cap, size_t *len) {
  struct diffd_s3_object object;
  return diffd_s3_get_small(f->s3, &f->ctx, span(key), buf, cap, len, &object, &f->err);
}

static enum diffd_status head(struct fixture *f, const char *key) {
  struct diffd_s3_object object;
  return diffd_s3_head(f->s3, &f->ctx, span(key), &object, &f->err);
}

/* What is put is there, with its type; what is deleted is not, and may be deleted again. */
static void test_put_get_head_delete(void **state) {
  struct fixture *f = *state;
  char buf[16];
  size_t len = 0;
  assert_int_equal(put(f, "k", "hello"), DIFFD_OK);
  assert_string_equal(s3_test_object(&f->server, "k")->content_type, "text/plain");
  assert_non_null(strstr(f->server.last_headers, "Content-MD5: XUFAKrxLKna5cZ2REBfFkg==\n"));
  assert_int_equal(get(f, "k", buf, sizeof buf, &len), DIFFD_OK);
  assert_int_equal(len, 5);
  assert_memory_equal(buf, "hello", 5);
  assert_int_equal(get(f, "k", buf, 4, &len), DIFFD_TOO_LARGE);
  assert_int_equal(head(f, "k"), DIFFD_OK);
  assert_int_equal(diffd_s3_delete(f->s3, &f->ctx, span("k"), &f->err), DIFFD_OK);
  assert_int_equal(diffd_s3_delete(f->s3, &f->ctx, span("k"), &f->err), DIFFD_OK);
  assert_int_equal(get(f, "k", buf, sizeof buf, &len), DIFFD_NOT_FOUND);
  assert_int_equal(head(f, "k"), DIFFD_NOT_FOUND);
  /* As some servers say it. */
  s3_test_fault(&f->server, (struct s3_test_fault){.asked = "DELETE",
                                                   .kind = S3_TEST_ANSWERS,
                                                   .status = 404,
                                                   .body = ERROR_BODY("NoSuchKey", "")});
  assert_int_equal(diffd_s3_delete(f->s3, &f->ctx, span("k"), &f->err), DIFFD_OK);
}

/* An empty object is an object. */
static void test_empty_object(void **state) {
  struct fixture *f = *state;
  char buf[4];
  size_t len = 9;
  assert_int_equal(put(f, "k", ""), DIFFD_OK);
  assert_int_equal(get(f, "k", buf, sizeof buf, &len), DIFFD_OK);
  assert_int_equal(len, 0);
  assert_int_equal(head(f, "k"), DIFFD_OK);
}

/* Any byte in a key arrives as it is; a key that is too long does not leave the house. */
static void test_odd_keys(void **state) {
  struct fixture *f = *state;
  static const char key[] = "a b+%/\xff\n?";
  char too_long[DIFFD_S3_KEY_MAX + 2];
  assert_int_equal(put(f, key, "x"), DIFFD_OK);
  assert_non_null(s3_test_object(&f->server, "a%20b%2B%25/%FF%0A%3F"));
  memset(too_long, 'k', sizeof too_long - 1);
  too_long[sizeof too_long - 1] = '\0';
  assert_int_equal(put(f, too_long, "x"), DIFFD_INVALID);
  assert_int_equal(put(f, "", "x"), DIFFD_INVALID);
  assert_int_equal(s3_test_asked(&f->server, "PUT"), 1);
}

/* Throttling, S3's own faults and broken connections are tried again; an answer that got lost does no harm.
 */
static void test_passing_faults(void **state) {
  struct fixture *f = *state;
  static const struct s3_test_fault faults[] = {
      {.asked = "PUT",
       .times = 2,
       .kind = S3_TEST_ANSWERS,
       .status = 503,
       .body = ERROR_BODY("SlowDown", "")},
      {.asked = "PUT", .times = 1, .kind = S3_TEST_ANSWERS, .status = 500, .body = "no XML at all"},
      {.asked = "PUT", .times = 1, .kind = S3_TEST_ANSWERS, .status = 429, .body = ""},
      {.asked = "PUT",
       .times = 1,
       .kind = S3_TEST_ANSWERS,
       .status = 400,
       .body = ERROR_BODY("RequestTimeout", "")},
      {.asked = "PUT",
       .times = 1,
       .kind = S3_TEST_ANSWERS,
       .status = 400,
       .body = ERROR_BODY("BadDigest", "")},
      {.asked = "PUT", .times = 3, .kind = S3_TEST_DROPS},
      {.asked = "PUT", .times = 1, .kind = S3_TEST_FORGETS},
  };
  for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
    unsigned before = s3_test_asked(&f->server, "PUT");
    s3_test_fault(&f->server, faults[i]);
    assert_int_equal(put(f, "k", "hello"), DIFFD_OK);
    assert_int_equal(s3_test_asked(&f->server, "PUT"), before + faults[i].times + 1);
  }
}

/* The tries are bounded, and the text says what came back last. */
static void test_lasting_faults(void **state) {
  struct fixture *f = *state;
  s3_test_fault(&f->server, (struct s3_test_fault){.asked = "PUT /a",
                                                   .kind = S3_TEST_ANSWERS,
                                                   .status = 503,
                                                   .body = ERROR_BODY("SlowDown", "")});
  s3_test_fault(&f->server, (struct s3_test_fault){.asked = "PUT /c", .kind = S3_TEST_DROPS});
  assert_int_equal(put(f, "a", "x"), DIFFD_UNAVAILABLE);
  assert_string_equal(f->err.detail,
                      "S3 bucket \"b\": storing \"a\": s3.test answered 503 SlowDown: Because.");
  assert_int_equal(s3_test_asked(&f->server, "PUT /a"), 6);
  assert_int_equal(put(f, "c", "x"), DIFFD_UNAVAILABLE);
  assert_string_equal(f->err.detail,
                      "S3 bucket \"b\": no answer after 6 tries: s3.test: the connection was reset");
}

/* What trying again cannot mend is asked once, and the text names what a person must change. */
static void test_faults_that_a_person_mends(void **state) {
  struct fixture *f = *state;
  static const struct {
    unsigned status;
    const char *body;
    const char *header[2];
    const char *says[3];
  } cases[] = {
      {404, ERROR_BODY("NoSuchBucket", ""), {0}, {"there is no S3 bucket \"b\" at s3.test", "THE_BUCKET"}},
      {403, ERROR_BODY("SignatureDoesNotMatch", ""), {0}, {"\"b\"", "AWS_SECRET_ACCESS_KEY", "AKIATEST"}},
      {403, ERROR_BODY("InvalidAccessKeyId", ""), {0}, {"\"b\"", "AWS_ACCESS_KEY_ID", "AKIATEST"}},
      {400, ERROR_BODY("ExpiredToken", ""), {0}, {"\"b\"", "AWS_SESSION_TOKEN"}},
      {403, ERROR_BODY("AccessDenied", ""), {0}, {"\"b\"", "s3:GetObject", "s3:ListBucket"}},
      {400,
       ERROR_BODY("AuthorizationHeaderMalformed", "<Region>eu-west-3</Region>"),
       {0},
       {"\"b\" is in the region eu-west-3, not in us-east-1", "set THE_REGION to eu-west-3"}},
      {301,
       ERROR_BODY("PermanentRedirect", "<Endpoint>b.s3-eu-west-3.amazonaws.com</Endpoint>"),
       {0},
       {"\"b\"", "b.s3-eu-west-3.amazonaws.com", "THE_REGION"}},
      {301, "", {"x-amz-bucket-region", "eu-west-3"}, {"set THE_REGION to eu-west-3"}},
      {400, ERROR_BODY("KeyTooLongError", ""), {0}, {"\"b\"", "400 KeyTooLongError: Because."}},
      {418, "<Error><Code>A&lt;B</Code>", {0}, {"418"}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char key[16], line[32], buf[16];
    size_t len;
    (void)snprintf(key, sizeof key, "k%zu", i);
    (void)snprintf(line, sizeof line, "GET /%s", key);
    s3_test_fault(&f->server, (struct s3_test_fault){.asked = line,
                                                     .kind = S3_TEST_ANSWERS,
                                                     .status = cases[i].status,
                                                     .body = cases[i].body,
                                                     .header = {cases[i].header[0], cases[i].header[1]}});
    assert_int_equal(get(f, key, buf, sizeof buf, &len), DIFFD_UNAVAILABLE);
    for (size_t j = 0; j < 3 && cases[i].says[j] != NULL; j++)
      if (strstr(f->err.detail, cases[i].says[j]) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", f->err.detail, cases[i].says[j]);
    assert_int_equal(s3_test_asked(&f->server, line), 1);
    f->server.faults[f->server.fault_count - 1].asked = NULL;
    f->server.fault_count = 0;
  }
}

/* HEAD says no more than 404: whether the bucket is missing is found out by a GET. */
static void test_head_finds_out_why(void **state) {
  struct fixture *f = *state;
  s3_test_fault(&f->server,
                (struct s3_test_fault){.asked = "HEAD", .kind = S3_TEST_ANSWERS, .status = 404, .body = ""});
  s3_test_fault(&f->server, (struct s3_test_fault){.asked = "GET /k",
                                                   .times = 1,
                                                   .kind = S3_TEST_ANSWERS,
                                                   .status = 404,
                                                   .body = ERROR_BODY("NoSuchBucket", "")});
  assert_int_equal(head(f, "k"), DIFFD_UNAVAILABLE);
  assert_non_null(strstr(f->err.detail, "there is no S3 bucket \"b\""));
  assert_int_equal(head(f, "k"), DIFFD_NOT_FOUND);
  /* Somebody stored it between the two. */
  assert_int_equal(put(f, "k", "x"), DIFFD_OK);
  assert_int_equal(head(f, "k"), DIFFD_OK);
  assert_int_equal(put(f, "k", ""), DIFFD_OK);
  assert_int_equal(head(f, "k"), DIFFD_OK);
}

/* A clock that is off is set right by the server's, once, and told once. */
static void test_clock_skew(void **state) {
  struct fixture *f = *state;
  f->server.now += 5000;
  assert_int_equal(put(f, "k", "x"), DIFFD_OK);
  assert_int_equal(s3_test_asked(&f->server, "PUT"), 2);
  assert_int_equal(put(f, "k", "x"), DIFFD_OK);
  assert_int_equal(s3_test_asked(&f->server, "PUT"), 3);
  assert_int_equal(f->log.events, 1);
  assert_string_equal(f->log.message, "clock-skew");
  /* HEAD's 403 has no body; the GET behind it sets the clock. */
  f->server.now -= 10000;
  assert_int_equal(head(f, "k"), DIFFD_OK);
  assert_int_equal(f->log.events, 2);
}

/* A server whose answers contradict each other does not keep us busy. */
static void test_clock_that_cannot_be_set(void **state) {
  struct fixture *f = *state;
  s3_test_fault(&f->server, (struct s3_test_fault){.asked = "PUT",
                                                   .kind = S3_TEST_ANSWERS,
                                                   .status = 403,
                                                   .body = ERROR_BODY("RequestTimeTooSkewed", "")});
  assert_int_equal(put(f, "k", "x"), DIFFD_UNAVAILABLE);
  assert_non_null(strstr(f->err.detail, "NTP"));
  assert_int_equal(s3_test_asked(&f->server, "PUT"), 2);
}

/* Expired credentials are asked for anew, once; the new ones are used. */
static void test_expired_token(void **state) {
  struct fixture *f = *state;
  f->server.token = "new";
  (void)strcpy(s3_test_credentials.now.session_token, "old");
  (void)strcpy(s3_test_credentials.next.session_token, "new");
  assert_int_equal(put(f, "k", "x"), DIFFD_OK);
  assert_non_null(strstr(f->server.last_headers, "X-Amz-Security-Token: new\n"));
  assert_int_equal(s3_test_credentials.refused, 1);
  assert_int_equal(s3_test_asked(&f->server, "PUT"), 2);
  f->server.token = "newer";
  assert_int_equal(put(f, "k", "x"), DIFFD_UNAVAILABLE);
  assert_int_equal(s3_test_credentials.refused, 2);
  assert_int_equal(s3_test_asked(&f->server, "PUT"), 3);
}

static bool is_set(void *arg) {
  return *(const bool *)arg;
}

/* A cancelled context ends the tries. */
static void test_cancelled(void **state) {
  struct fixture *f = *state;
  bool cancelled = true;
  f->ctx.cancelled = is_set;
  f->ctx.cancelled_arg = &cancelled;
  assert_int_equal(put(f, "k", "x"), DIFFD_CANCELLED);
  assert_null(s3_test_object(&f->server, "k"));
}

/* Cancelled after a number of looks. */
struct countdown {
  unsigned left;
  bool over;
};

static bool count_down(void *arg) {
  struct countdown *countdown = arg;
  countdown->over = countdown->over || countdown->left-- == 0;
  return countdown->over;
}

/* Whenever it is cancelled, between two tries of a throttled request as well, nobody takes that for S3's
 * failure: the job goes back to its queue and counts as not tried. */
static void test_cancelled_while_throttled(void **state) {
  struct fixture *f = *state;
  s3_test_fault(&f->server, (struct s3_test_fault){.asked = "PUT",
                                                   .kind = S3_TEST_ANSWERS,
                                                   .status = 503,
                                                   .body = ERROR_BODY("SlowDown", "")});
  for (unsigned looks = 0; looks < 12; looks++) {
    struct countdown countdown = {.left = looks};
    f->ctx.cancelled = count_down;
    f->ctx.cancelled_arg = &countdown;
    assert_int_equal(put(f, "k", "x"), DIFFD_CANCELLED);
    assert_true(countdown.over);
  }
}

/* What cannot be a client says which setting is to blame. */
static void test_bad_options(void **state) {
  struct fixture *f = *state;
  struct diffd_s3 *s3;
  const struct diffd_s3_options options = {.bucket = "a/b",
                                           .region = "us-east-1",
                                           .bucket_setting = "THE_BUCKET",
                                           .client = &f->server.client,
                                           .clock = &s3_test_clock};
  assert_int_equal(diffd_s3_new(&options, &s3, &f->err), DIFFD_INVALID);
  assert_non_null(strstr(f->err.detail, "THE_BUCKET"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_put_get_head_delete),
      TEST(test_empty_object),
      TEST(test_odd_keys),
      TEST(test_passing_faults),
      TEST(test_lasting_faults),
      TEST(test_faults_that_a_person_mends),
      TEST(test_head_finds_out_why),
      TEST(test_clock_skew),
      TEST(test_clock_that_cannot_be_set),
      TEST(test_expired_token),
      TEST(test_cancelled),
      TEST(test_bad_options),
      TEST(test_cancelled_while_throttled),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
