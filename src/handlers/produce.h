/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes one diff: differ to storage, with its mark renewed all the while. Both ways by which jobs come (the
 * worker's POST, a queue of this process) end here, so that no more than the agreed number run at once and
 * one id is never at work twice.
 */
#ifndef DIFFD_HANDLERS_PRODUCE_H
#define DIFFD_HANDLERS_PRODUCE_H

#include "base/clock.h"
#include "diffd/differ.h"
#include "diffd/marker.h"
#include "diffd/storage.h"

/* Borrowed modules, which must outlive the producer. */
struct diffd_producer_options {
  struct diffd_storage *storage;
  struct diffd_marker *marker;
  struct diffd_differ *differ;
  unsigned places; /* jobs at once; at least 1 */
  const struct diffd_clock *clock;
};

struct diffd_producer;

/* DIFFD_NO_MEMORY, DIFFD_INTERNAL. */
enum diffd_status diffd_producer_new(const struct diffd_producer_options *options,
                                     struct diffd_producer **ret, struct diffd_error *err) DIFFD_MUST_CHECK;
/* No job may be at work. Accepts NULL. */
void diffd_producer_destroy(struct diffd_producer *producer);

/* How a job went; written whatever the outcome. */
struct diffd_production {
  const char
      *dependency; /* which one failed: "storage", "marker", "differ"; "worker" where nothing was asked */
  bool joined;     /* the id was at work already, and this is that work's outcome */
  bool was_stored; /* there was nothing to do but to remove the mark */
};

/* Makes the job's diff and comes back when it is stored and its mark is gone. Waits until the differ's
 * ready_at, marked and without a place, so that no diff is made of logs that are not complete; then for a
 * free place; and, where the id is at work in this process, for that work's outcome. These waits end with
 * DIFFD_CANCELLED when the context is stopping. A mark that cannot be made or renewed is logged; one that
 * cannot be removed fails the job, so that it is delivered again. On failure nothing of the diff is visible,
 * and the mark stays. Safe to call from several threads at once. What storage, marker and differ answer;
 * DIFFD_CANCELLED. */
enum diffd_status diffd_producer_make(struct diffd_producer *producer, const struct diffd_context *ctx,
                                      const struct diffd_job *job, struct diffd_production *production,
                                      struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
