/* SPDX-License-Identifier: Apache-2.0
 *
 * What the queue needs at NATS JetStream, for the subject S:
 *
 * | what | subjects | kept |
 * | --- | --- | --- |
 * | stream S, dots as `_` | S: the jobs | until acknowledged (work queue), in files, at most 100000 |
 * | its consumer vpcflow-diffd | S | durable, pull, acknowledged one by one, delivered without end |
 * | stream S_HISTORY | S.history.>: how earlier deliveries ended | the last of each, 7 days |
 * | stream S_DEAD | S.dead: dead letters | the last 10000 |
 *
 * What is missing is made; what is there, under whatever name, is taken as it is, and refused where jobs
 * could be lost by it. An operator may so choose replicas, placement and limits.
 */
#ifndef DIFFD_MODULES_NATS_QUEUE_SETUP_H
#define DIFFD_MODULES_NATS_QUEUE_SETUP_H

#include "net/jetstream.h"

#define DIFFD_NATS_CONSUMER "vpcflow-diffd"
#define DIFFD_NATS_DEAD     ".dead" /* behind the subject of jobs */

struct diffd_nats_setup {
  char stream[DIFFD_JS_NAME_MAX + 1];
  char history_stream[DIFFD_JS_NAME_MAX + 1];
  char dead_stream[DIFFD_JS_NAME_MAX + 1];
  char dead_subject[DIFFD_NATS_SUBJECT_MAX + 16];
  uint64_t ack_wait_ms; /* after which an unacknowledged message is delivered again */
};

struct diffd_nats_setup_options {
  const char *subject;
  bool takes;           /* else the stream of jobs is enough */
  uint64_t window_ms;   /* how long message ids are remembered, at least */
  uint64_t ack_wait_ms; /* for a consumer that is made */
};

/* Looks, and makes what is missing. DIFFD_INVALID with a text that says what to do where something was made
 * in a way that jobs could be lost by; what jetstream.h says. */
enum diffd_status diffd_nats_setup(struct diffd_nats_link *link, const struct diffd_context *ctx,
                                   const struct diffd_nats_setup_options *options,
                                   struct diffd_nats_setup *ret, struct diffd_error *err) DIFFD_MUST_CHECK;

/* Up to which sequence workers have acknowledged every message of a stream; 0 where there is no consumer. */
enum diffd_status diffd_nats_setup_ack_floor(struct diffd_nats_link *link, const struct diffd_context *ctx,
                                             const char *stream, uint64_t *ret,
                                             struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
