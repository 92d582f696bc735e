/* SPDX-License-Identifier: Apache-2.0
 *
 * AWS credentials: found by the default chain or the variables alone, kept, and refreshed before they expire.
 */
#ifndef DIFFD_NET_CREDENTIALS_H
#define DIFFD_NET_CREDENTIALS_H

#include "base/clock.h"
#include "diffd/http_client.h"
#include "diffd/service.h"

enum { DIFFD_ACCESS_KEY_MAX = 128, DIFFD_SECRET_KEY_MAX = 256, DIFFD_SESSION_TOKEN_MAX = 8192 };

/* NUL-terminated texts; an empty session token: none. */
struct diffd_credentials {
  char access_key_id[DIFFD_ACCESS_KEY_MAX + 1];
  char secret_access_key[DIFFD_SECRET_KEY_MAX + 1];
  char session_token[DIFFD_SESSION_TOKEN_MAX + 1];
  int64_t expires_at; /* wall-clock second; INT64_MAX: never */
};

/* Overwrites the secrets: for copies that are no longer needed. */
void diffd_credentials_wipe(struct diffd_credentials *credentials);

struct diffd_credentials_source;

/* All of it is borrowed and must outlive the source. */
struct diffd_credentials_options {
  const struct diffd_aws_config *config;
  const char
      *region; /* for STS where neither AWS_REGION nor a profile names one; NULL: its global endpoint */
  struct diffd_http_client *client;        /* for STS */
  struct diffd_http_client *direct_client; /* for instance metadata and the container's agent: asks without a
                                              proxy, gives up soon, and does not retry by itself */
  const struct diffd_clock *clock;
};

/* Nothing is asked yet. DIFFD_NO_MEMORY, DIFFD_IO. */
enum diffd_status diffd_credentials_source_new(const struct diffd_credentials_options *options,
                                               struct diffd_credentials_source **ret,
                                               struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_credentials_source_destroy(struct diffd_credentials_source *source); /* accepts NULL */

/* Gives credentials that are good for some minutes at least. One refresh at a time: others wait for it, or go
 * on with credentials that still hold. Safe to call from several threads at once. DIFFD_UNAVAILABLE with a
 * text that tells each provider that was tried and what it said; DIFFD_CANCELLED. */
enum diffd_status diffd_credentials_get(struct diffd_credentials_source *source,
                                        const struct diffd_context *ctx, struct diffd_credentials *ret,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;
/* The server refused these (expired, revoked): the next get asks anew, unless others are there already. */
void diffd_credentials_refused(struct diffd_credentials_source *source,
                               const struct diffd_credentials *credentials);

#endif
