/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of credentials share: a clock that is turned by hand, and peers that answer by what they are
 * asked for, refuse what lacks the header that AWS wants, and write down all that they were asked.
 */
#ifndef DIFFD_NET_TEST_CREDENTIALS_H
#define DIFFD_NET_TEST_CREDENTIALS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "net/credentials_provider.h"

/* Replies are written as far as they differ from nothing. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* How a request is answered; the first one that fits counts. */
struct test_reply {
  const char *asked;       /* what "METHOD URL" begins with */
  unsigned status;         /* 0: no answer at all */
  const char *body;        /* NULL: empty */
  const char *needs;       /* a header line that the request must carry, else it is 401; NULL: none */
  unsigned times;          /* how often it is given before it no longer fits; 0: always */
  unsigned takes_ms;       /* real time */
  size_t body_repeats;     /* 0: once */
  enum diffd_status fails; /* instead of DIFFD_UNAVAILABLE where there is no answer */
};

enum { TEST_REPLIES_MAX = 16, TEST_REQUESTS_MAX = 16384 };

struct test_peer {
  struct diffd_http_client base;
  pthread_mutex_t lock;
  struct test_reply replies[TEST_REPLIES_MAX];
  unsigned given[TEST_REPLIES_MAX];
  atomic_int requests;
  atomic_int open_bodies;
  char asked[TEST_REQUESTS_MAX];   /* "METHOD URL\n" each */
  char headers[TEST_REQUESTS_MAX]; /* "Name: value\n" of the last request */
  char body[TEST_REQUESTS_MAX];    /* of the last request */
};

struct test_peer_body {
  struct diffd_reader base;
  struct test_peer *peer;
  const char *text;
  size_t at;
  size_t repeats;
};

static inline enum diffd_status test_peer_read(struct diffd_reader *self, void *buf, size_t cap,
                                               size_t *ret_len, struct diffd_error *err) {
  struct test_peer_body *body = (struct test_peer_body *)self;
  size_t len = strlen(body->text);
  (void)err;
  if (body->at == len && body->repeats > 0) {
    body->repeats--;
    body->at = 0;
  }
  if (body->at == len)
    return DIFFD_END;
  *ret_len = len - body->at < cap ? len - body->at : cap;
  memcpy(buf, body->text + body->at, *ret_len);
  body->at += *ret_len;
  return DIFFD_OK;
}

static inline void test_peer_body_destroy(struct diffd_reader *self) {
  struct test_peer_body *body = (struct test_peer_body *)self;
  atomic_fetch_sub(&body->peer->open_bodies, 1);
  free(body);
}

static const struct diffd_reader_ops test_peer_body_ops = {.read = test_peer_read,
                                                           .destroy = test_peer_body_destroy};

/* Writes the request down, and finds its reply. */
static inline struct test_reply test_peer_take(struct test_peer *peer,
                                               const struct diffd_http_request *request) {
  char asked[4096];
  struct test_reply found = {0};
  size_t len = 0;
  (void)snprintf(asked, sizeof asked, "%s %s", request->method, request->url);
  (void)pthread_mutex_lock(&peer->lock);
  (void)snprintf(peer->asked + strlen(peer->asked), sizeof peer->asked - strlen(peer->asked), "%s\n", asked);
  peer->headers[0] = '\0';
  for (size_t i = 0; i < request->header_count; i++)
    len += (size_t)snprintf(peer->headers + len, sizeof peer->headers - len, "%s: %s\n",
                            request->headers[i].name, request->headers[i].value);
  (void)snprintf(peer->body, sizeof peer->body, "%.*s", (int)request->body.len,
                 request->body.len > 0 ? request->body.ptr : "");
  for (size_t i = 0; i < TEST_REPLIES_MAX && peer->replies[i].asked != NULL; i++) {
    const struct test_reply *reply = &peer->replies[i];
    if (strncmp(asked, reply->asked, strlen(reply->asked)) != 0 ||
        (reply->times != 0 && peer->given[i] >= reply->times))
      continue;
    peer->given[i]++;
    found = *reply;
    if (found.needs != NULL && strstr(peer->headers, found.needs) == NULL)
      found = (struct test_reply){.status = 401};
    break;
  }
  (void)pthread_mutex_unlock(&peer->lock);
  return found;
}

static inline enum diffd_status test_peer_send(struct diffd_http_client *self,
                                               const struct diffd_context *ctx,
                                               const struct diffd_http_request *request,
                                               struct diffd_http_response *ret, struct diffd_error *err) {
  struct test_peer *peer = (struct test_peer *)self;
  struct test_reply reply = test_peer_take(peer, request);
  atomic_fetch_add(&peer->requests, 1);
  for (unsigned ms = 0; ms < reply.takes_ms; ms++) {
    if (diffd_context_cancelled(ctx))
      return diffd_fail(err, DIFFD_CANCELLED, "cancelled");
    (void)usleep(1000);
  }
  if (reply.status == 0)
    return diffd_fail(err, reply.fails != DIFFD_OK ? reply.fails : DIFFD_UNAVAILABLE, "connection refused");
  struct test_peer_body *body = calloc(1, sizeof *body);
  if (body == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory");
  *body = (struct test_peer_body){.base = {&test_peer_body_ops},
                                  .peer = peer,
                                  .text = reply.body != NULL ? reply.body : "",
                                  .repeats = reply.body_repeats};
  atomic_fetch_add(&peer->open_bodies, 1);
  *ret = (struct diffd_http_response){.status = reply.status, .body_bytes = -1, .body = &body->base};
  return DIFFD_OK;
}

static inline void test_peer_destroy(struct diffd_http_client *self) {
  (void)self;
}

static const struct diffd_http_client_ops test_peer_ops = {.send = test_peer_send,
                                                           .destroy = test_peer_destroy};

/* ---- the whole ---- */

enum { TEST_NOW = 1700000000 }; /* 2023-11-14T22:13:20Z */

struct test_world {
  struct diffd_aws_config config;
  struct test_peer outside; /* STS */
  struct test_peer direct;  /* metadata, containers */
  atomic_llong wall;
  atomic_llong monotonic_ms;
  struct diffd_clock clock;
  struct diffd_context ctx;
  struct diffd_credentials_options options;
  struct diffd_provider_call call;
  struct diffd_credentials got;
  struct diffd_error err;
};

static inline struct diffd_instant test_wall(void *arg) {
  struct test_world *world = arg;
  return (struct diffd_instant){.seconds = atomic_load(&world->wall)};
}

static inline int64_t test_monotonic_ms(void *arg) {
  struct test_world *world = arg;
  return atomic_load(&world->monotonic_ms);
}

static inline void test_world_begin(struct test_world *world) {
  memset(world, 0, sizeof *world);
  world->config.use_iam = true;
  world->outside.base.ops = world->direct.base.ops = &test_peer_ops;
  assert_int_equal(pthread_mutex_init(&world->outside.lock, NULL), 0);
  assert_int_equal(pthread_mutex_init(&world->direct.lock, NULL), 0);
  atomic_store(&world->wall, TEST_NOW);
  atomic_store(&world->monotonic_ms, 1000000);
  world->clock = (struct diffd_clock){test_wall, test_monotonic_ms, world};
  world->options = (struct diffd_credentials_options){.config = &world->config,
                                                      .client = &world->outside.base,
                                                      .direct_client = &world->direct.base,
                                                      .clock = &world->clock};
  world->call = (struct diffd_provider_call){&world->options, &world->ctx};
}

static inline void test_world_end(struct test_world *world) {
  assert_int_equal(atomic_load(&world->outside.open_bodies), 0);
  assert_int_equal(atomic_load(&world->direct.open_bodies), 0);
  (void)pthread_mutex_destroy(&world->outside.lock);
  (void)pthread_mutex_destroy(&world->direct.lock);
}

static inline void test_world_pass(struct test_world *world, int64_t seconds) {
  atomic_fetch_add(&world->wall, seconds);
  atomic_fetch_add(&world->monotonic_ms, seconds * 1000);
}

/* Adds a reply to a peer. */
static inline void test_reply(struct test_peer *peer, struct test_reply reply) {
  size_t i = 0;
  while (peer->replies[i].asked != NULL)
    i++;
  assert_true(i + 1 < TEST_REPLIES_MAX);
  peer->replies[i] = reply;
}

/* Forgets all replies, and what was asked. */
static inline void test_peer_reset(struct test_peer *peer) {
  memset(peer->replies, 0, sizeof peer->replies);
  memset(peer->given, 0, sizeof peer->given);
  peer->asked[0] = '\0';
  atomic_store(&peer->requests, 0);
}

static inline void test_expect_fail(struct test_world *world, enum diffd_status status,
                                    enum diffd_status expected, const char *text) {
  if (status != expected || strstr(world->err.detail, text) == NULL)
    fail_msg("status %d, \"%s\" lacks \"%s\"", (int)status, world->err.detail, text);
}

#define TEST_STS_ANSWER(key, expiration)                                                                     \
  "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>"               \
  "<AssumedRoleUser><Arn>a</Arn></AssumedRoleUser><Credentials><AccessKeyId>" key                            \
  "</AccessKeyId><SecretAccessKey>s-" key "</SecretAccessKey><SessionToken>t-" key                           \
  "</SessionToken><Expiration>" expiration "</Expiration></Credentials></AssumeRoleResult>"                  \
  "</AssumeRoleResponse>"
#define TEST_JSON_ANSWER(key, expiration)                                                                    \
  "{\"Code\":\"Success\",\"Type\":\"AWS-HMAC\",\"AccessKeyId\":\"" key "\",\"SecretAccessKey\":\"s-" key     \
  "\",\"Token\":\"t-" key "\",\"Expiration\":\"" expiration "\"}"

#endif
