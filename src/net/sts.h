/* SPDX-License-Identifier: Apache-2.0
 *
 * AWS's Security Token Service, API version 2011-06-15
 * (https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html): credentials of a role.
 */
#ifndef DIFFD_NET_STS_H
#define DIFFD_NET_STS_H

#include "net/credentials_provider.h"

struct diffd_sts_role {
  const char *role_arn;
  const char *session_name; /* NULL: "vpcflow-diffd" */
  const char *external_id;  /* NULL: none */
  const char *duration;     /* seconds, as written; NULL: STS decides, an hour */
  const char *region;       /* the endpoint's; NULL: what the call's options say */
};

/* Both ask the endpoint of AWS_ENDPOINT_URL_STS or AWS_ENDPOINT_URL, else the region's, else the global one,
 * three times at most. Safe from any thread. DIFFD_UNAVAILABLE with what STS said, DIFFD_INVALID (role,
 * region or endpoint), DIFFD_CANCELLED, DIFFD_NO_MEMORY. */
/* AssumeRole, signed with `with`. */
enum diffd_status diffd_sts_assume_role(const struct diffd_provider_call *call,
                                        const struct diffd_sts_role *role,
                                        const struct diffd_credentials *with, struct diffd_credentials *ret,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;
/* AssumeRoleWithWebIdentity, which the token alone proves. */
enum diffd_status diffd_sts_assume_role_with_token(const struct diffd_provider_call *call,
                                                   const struct diffd_sts_role *role, struct diffd_span token,
                                                   struct diffd_credentials *ret,
                                                   struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
