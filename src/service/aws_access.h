/* SPDX-License-Identifier: Apache-2.0
 *
 * What all S3 modules of a process share: one source of credentials, so that they are renewed once, and the
 * HTTP clients.
 */
#ifndef DIFFD_SERVICE_AWS_ACCESS_H
#define DIFFD_SERVICE_AWS_ACCESS_H

#include "net/credentials.h"

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

#endif
