/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue on NATS JetStream, for many machines: APIs publish jobs to a subject, workers pull them from a
 * durable consumer (what is made there: nats_queue_setup.h), keep them theirs while they work, and
 * acknowledge them when the diff is stored.
 *
 * A message's id is the diff's id and the number of the present time-out of marks since 1970, so that a
 * repeated POST of one mark is dropped by the server. Where it names a message that is in the stream no more
 * (the job is done, or failed for good), the job is published again under an id that says so; dropping never
 * loses a job.
 *
 * A failed job waits 5 s, then twice as long each time up to 10 min; after 10 failures, or 2 that are
 * permanent, it goes to the dead-letter subject with its reason. Starts that never ended are counted apart,
 * up to 100. A message that is no job goes there at once. A job that waits comes back every third of the
 * time-out of marks, so that its mark can be renewed (`not_before` of the lease).
 */
#ifndef DIFFD_MODULES_NATS_QUEUE_H
#define DIFFD_MODULES_NATS_QUEUE_H

#include "base/clock.h"
#include "diffd/log.h"
#include "diffd/queuer.h"

struct diffd_nats_queue;

struct diffd_nats_queue_options {
  const char *url;              /* nats_url.h */
  bool takes;                   /* workers of this process take jobs */
  uint64_t progress_timeout_ms; /* after which a mark counts as none */
  const struct diffd_clock *clock;
  struct diffd_log *log; /* may be NULL */
  /* For tests; 0: 30 s but at most a third of the time-out, 5 s, 10 min. */
  uint64_t ack_wait_ms, first_retry_ms, last_retry_ms;
};

/* Connects and sets up what is missing. Where NATS cannot be reached that is logged, and tried again with
 * each job. DIFFD_INVALID where the URL is wrong, NATS refuses us, or a stream was made in a way that jobs
 * could be lost by; DIFFD_NO_MEMORY, DIFFD_IO. */
enum diffd_status diffd_nats_queue_open(const struct diffd_nats_queue_options *options,
                                        struct diffd_nats_queue **ret,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_nats_queue_close(struct diffd_nats_queue *queue); /* accepts NULL; nobody may be in a call */

/* The two faces of the queue. They live as long as it does; destroying a face does nothing. The source is for
 * queues that take. */
struct diffd_queuer *diffd_nats_queue_queuer(struct diffd_nats_queue *queue);
struct diffd_job_source *diffd_nats_queue_source(struct diffd_nats_queue *queue);

#endif
