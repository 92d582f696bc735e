/* SPDX-License-Identifier: Apache-2.0
 *
 * The queuer that POSTs each job to an event bus, which later POSTs it to a worker.
 */
#ifndef DIFFD_MODULES_HTTP_QUEUER_H
#define DIFFD_MODULES_HTTP_QUEUER_H

#include "diffd/http_client.h"
#include "diffd/queuer.h"

/* A job is queued when the bus answers any 2xx. 307 and 308 are followed with the body; every other answer is
 * DIFFD_UNAVAILABLE with its status and the beginning of its body. Tries after the first are the client's
 * matter. The endpoint (http or https) is copied, the client borrowed. DIFFD_INVALID (the endpoint),
 * DIFFD_NO_MEMORY. */
enum diffd_status diffd_http_queuer_new(const char *endpoint, struct diffd_http_client *client,
                                        struct diffd_queuer **ret, struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
