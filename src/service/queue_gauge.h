/* SPDX-License-Identifier: Apache-2.0
 *
 * Tells stats how many jobs a queue of this process holds: a dashboard sees by it that workers do not keep
 * up.
 */
#ifndef DIFFD_SERVICE_QUEUE_GAUGE_H
#define DIFFD_SERVICE_QUEUE_GAUGE_H

#include "diffd/queuer.h"
#include "diffd/stat.h"

struct diffd_queue_gauge;

/* Reports `diffd.jobs.pending`, the jobs that wait or run, every report_ms from a thread of its own. All is
 * borrowed. With no `stat`, *ret is NULL. DIFFD_NO_MEMORY, DIFFD_IO. */
enum diffd_status diffd_queue_gauge_start(struct diffd_job_source *source, struct diffd_stat *stat,
                                          uint64_t report_ms, struct diffd_queue_gauge **ret,
                                          struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_queue_gauge_stop(struct diffd_queue_gauge *gauge); /* accepts NULL */

#endif
