/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker's POST /{topic}/{event}: an event bus delivers a job, the answer says what became of it.
 */
#ifndef DIFFD_HANDLERS_WORKER_POST_H
#define DIFFD_HANDLERS_WORKER_POST_H

#include "handlers/http.h"
#include "handlers/produce.h"

/* Answers 204 when the diff is stored and its mark is gone; 400 and 413 for a body that no redelivery mends;
 * 500 or 503 where the bus should deliver again. The reason stands in the body, as plain text without a
 * newline. Takes as long as the job does. Safe to call from several threads at once. */
void diffd_worker_post(struct diffd_producer *producer, const struct diffd_context *ctx,
                       const struct diffd_request *request, struct diffd_response *response);

#endif
