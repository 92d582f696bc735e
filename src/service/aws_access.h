/* SPDX-License-Identifier: Apache-2.0
 *
 * What all S3 modules of a process share: one source of credentials, so that they are renewed once, and the
 * HTTP clients.
 */
#ifndef DIFFD_SERVICE_AWS_ACCESS_H
#define DIFFD_SERVICE_AWS_ACCESS_H

#include "net/s3.h"

struct diffd_aws_access {
  struct diffd_http_client *client; /* for S3 and STS: does not retry by itself */
  struct diffd_http_client
      *direct_client; /* for what is on this machine or beside it: goes through no proxy */
  struct diffd_credentials_source *credentials;
};

/* Fills *ret; nothing is asked yet. The configuration must outlive it. On failure nothing is left.
 * DIFFD_NO_MEMORY, DIFFD_INTERNAL, DIFFD_IO. */
enum diffd_status diffd_aws_access_make(const struct diffd_config *config, struct diffd_aws_access *ret,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_aws_access_clean_up(struct diffd_aws_access *access); /* accepts one that was never made: zeros */

/* A client of the bucket, to which both must be lent while it lives. The settings' names are for texts.
 * DIFFD_INVALID, DIFFD_NO_MEMORY, DIFFD_IO. */
enum diffd_status diffd_aws_bucket_open(const struct diffd_aws_access *access,
                                        const struct diffd_aws_config *config,
                                        const struct diffd_bucket *bucket, const char *bucket_setting,
                                        const char *region_setting, struct diffd_s3 **ret,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
