/* SPDX-License-Identifier: Apache-2.0
 *
 * An HTTP client for unit tests: gives the answers of a script, one after the other, and writes down what it
 * was asked.
 */
#ifndef DIFFD_NET_TEST_HTTP_CLIENT_H
#define DIFFD_NET_TEST_HTTP_CLIENT_H

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "diffd/http_client.h"

/* One answer. */
struct test_answer {
  unsigned times; /* how often it is given; 0: once */
  unsigned status;
  enum diffd_status fails;      /* instead of a status */
  const char *header[2];        /* name and value of its header, if any */
  const char *body;             /* NULL: empty */
  unsigned body_times;          /* how often the body's text comes; 0: once */
  enum diffd_status body_fails; /* at the body's end */
  bool hangs;                   /* no head comes before the context is cancelled */
  bool body_hangs;              /* likewise, the end of the body */
  int64_t takes_ms;             /* by the test's clock, before the head comes */
};

enum { TEST_ASKED_MAX = 8192 };

struct test_http_client {
  struct diffd_http_client base;
  const struct test_answer *answers;
  size_t answer_count;
  size_t at;                  /* which answer comes next */
  unsigned given;             /* how often it was given */
  char asked[TEST_ASKED_MAX]; /* "GET http://host/path\n" each */
  uint64_t header_timeout_ms; /* of the last request */
  size_t header_count;
  atomic_int open_bodies;
  atomic_int hung_out;                 /* those that nobody ended */
  atomic_int hanging;                  /* requests and bodies that wait for their end now */
  void (*pass)(void *arg, int64_t ms); /* turns the test's clock */
  void *pass_arg;
};

struct test_body {
  struct diffd_reader base;
  struct test_http_client *client;
  const struct diffd_context *ctx;
  struct diffd_http_header header;
  const struct test_answer *answer;
  unsigned round;
  size_t at;
};

static inline enum diffd_status test_http_hang(struct test_http_client *client,
                                               const struct diffd_context *ctx, struct diffd_error *err) {
  atomic_fetch_add(&client->hanging, 1);
  for (int ms = 0; ms < 20000 && !diffd_context_cancelled(ctx); ms++)
    (void)usleep(1000);
  atomic_fetch_sub(&client->hanging, 1);
  if (!diffd_context_cancelled(ctx))
    atomic_fetch_add(&client->hung_out, 1);
  return diffd_context_cancelled(ctx) ? diffd_fail(err, DIFFD_CANCELLED, "the request was cancelled")
                                      : diffd_fail(err, DIFFD_INTERNAL, "nobody cancelled");
}

static inline enum diffd_status test_body_read(struct diffd_reader *self, void *buf, size_t cap,
                                               size_t *ret_len, struct diffd_error *err) {
  struct test_body *body = (struct test_body *)self;
  const struct test_answer *answer = body->answer;
  unsigned rounds = answer->body_times != 0 ? answer->body_times : 1;
  if (diffd_context_cancelled(body->ctx))
    return diffd_fail(err, DIFFD_CANCELLED, "the body was cancelled");
  size_t len = answer->body != NULL ? strlen(answer->body) : 0;
  if (body->at == len) {
    body->at = 0;
    body->round++;
  }
  if (len == 0 || body->round == rounds) {
    if (answer->body_hangs)
      return test_http_hang(body->client, body->ctx, err);
    return answer->body_fails != DIFFD_OK ? diffd_fail(err, answer->body_fails, "the body was cut")
                                          : DIFFD_END;
  }
  *ret_len = len - body->at < cap ? len - body->at : cap;
  memcpy(buf, answer->body + body->at, *ret_len);
  body->at += *ret_len;
  return DIFFD_OK;
}

static inline void test_body_destroy(struct diffd_reader *self) {
  struct test_body *body = (struct test_body *)self;
  atomic_fetch_sub(&body->client->open_bodies, 1);
  free(body);
}

static const struct diffd_reader_ops test_body_ops = {.read = test_body_read, .destroy = test_body_destroy};

/* The next answer of the script; past its end, one that fails the test by its status. */
static inline const struct test_answer *test_http_next(struct test_http_client *client) {
  static const struct test_answer none = {.fails = DIFFD_INTERNAL};
  if (client->at == client->answer_count)
    return &none;
  const struct test_answer *answer = &client->answers[client->at];
  if (++client->given >= (answer->times != 0 ? answer->times : 1)) {
    client->at++;
    client->given = 0;
  }
  return answer;
}

static inline enum diffd_status test_http_send(struct diffd_http_client *self,
                                               const struct diffd_context *ctx,
                                               const struct diffd_http_request *request,
                                               struct diffd_http_response *ret, struct diffd_error *err) {
  struct test_http_client *client = (struct test_http_client *)self;
  const struct test_answer *answer = test_http_next(client);
  size_t len = strlen(client->asked);
  (void)snprintf(client->asked + len, sizeof client->asked - len, "%s %s%s%.*s\n", request->method,
                 request->url, request->body.len > 0 ? " " : "", (int)request->body.len,
                 request->body.len > 0 ? request->body.ptr : "");
  client->header_timeout_ms = request->header_timeout_ms;
  client->header_count = request->header_count;
  if (client->pass != NULL)
    client->pass(client->pass_arg, answer->takes_ms);
  if (diffd_context_cancelled(ctx))
    return diffd_fail(err, DIFFD_CANCELLED, "the request was cancelled");
  if (answer->hangs)
    return test_http_hang(client, ctx, err);
  if (answer->fails != DIFFD_OK)
    return diffd_fail(err, answer->fails, "host: connection refused");
  struct test_body *body = calloc(1, sizeof *body);
  if (body == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory");
  atomic_fetch_add(&client->open_bodies, 1);
  *body = (struct test_body){.base = {&test_body_ops}, .client = client, .ctx = ctx, .answer = answer};
  body->header = (struct diffd_http_header){answer->header[0], answer->header[1]};
  *ret = (struct diffd_http_response){.status = answer->status,
                                      .headers = &body->header,
                                      .header_count = answer->header[0] != NULL ? 1 : 0,
                                      .body_bytes = -1,
                                      .body = &body->base};
  return DIFFD_OK;
}

static inline void test_http_destroy(struct diffd_http_client *self) {
  (void)self;
}

static const struct diffd_http_client_ops test_http_ops = {.send = test_http_send,
                                                           .destroy = test_http_destroy};

static inline struct test_http_client test_http_client(const struct test_answer *answers, size_t count) {
  return (struct test_http_client){.base = {&test_http_ops}, .answers = answers, .answer_count = count};
}

#endif
