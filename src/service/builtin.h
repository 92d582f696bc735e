/* SPDX-License-Identifier: Apache-2.0
 *
 * The built-in modules that fill the places which a service leaves empty, and the order in which they are
 * made and let go.
 */
#ifndef DIFFD_SERVICE_BUILTIN_H
#define DIFFD_SERVICE_BUILTIN_H

#include "diffd/service.h"
#include "modules/data_dir.h"
#include "modules/nats_queue.h"
#include "modules/sqlite_queue.h"
#include "service/aws_access.h"

/* The modules of a run: the caller's, and those made here. */
struct diffd_builtin {
  struct diffd_storage *storage;
  struct diffd_marker *marker;
  struct diffd_queuer *queuer;
  struct diffd_job_source *source; /* NULL: jobs come by POST alone */
  struct diffd_differ *differ;     /* NULL: this process makes no diffs */

  /* What is made here, and NULL where it is not. */
  struct diffd_data_dir *data_dir;
  struct diffd_aws_access aws; /* zeros where nothing is in S3 */
  struct diffd_sqlite_queue *queue;
  struct diffd_nats_queue *nats_queue;
  struct diffd_s3 *storage_bucket;
  struct diffd_s3 *progress_bucket;
  struct diffd_http_client *own_queuer_client;
  struct diffd_queuer *own_queuer;
  struct diffd_storage *own_storage;
  struct diffd_marker *own_marker;
  struct diffd_grapher *own_grapher;
  struct diffd_http_client *own_grapher_client;
  struct diffd_differ *own_differ;
};

/* Fills *ret. `config` has no zeros left that mean a default. Where the marks are embedded and the process
 * has a queue, marks of jobs that are not in the queue are removed: whoever made them died. On failure
 * nothing is left. DIFFD_INVALID, DIFFD_BUSY, DIFFD_IO, DIFFD_NO_SPACE, DIFFD_NO_MEMORY. */
enum diffd_status diffd_builtin_make(const struct diffd_service *service, const struct diffd_config *config,
                                     struct diffd_log *log, struct diffd_builtin *ret,
                                     struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_builtin_clean_up(struct diffd_builtin *builtin);

#endif
