/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a NATS server is and which subject jobs go to:
 * `nats://[USER:PASSWORD@|TOKEN@]HOST[:PORT][,HOST...]/SUBJECT`, or `tls://`. Such a URL may hold a password,
 * so no error's text quotes it.
 */
#ifndef DIFFD_NET_NATS_URL_H
#define DIFFD_NET_NATS_URL_H

#include "diffd/status.h"

enum { DIFFD_NATS_SERVERS_MAX = 16, DIFFD_NATS_SUBJECT_MAX = 128, DIFFD_NATS_URL_MAX = 4096 };

struct diffd_nats_url {
  bool tls;
  char *user; /* percent-decoded, as the next two; NULL: none */
  char *password;
  char *token;
  char *servers[DIFFD_NATS_SERVERS_MAX];    /* "nats://host:4222" each */
  size_t server_count;                      /* at least 1 */
  char subject[DIFFD_NATS_SUBJECT_MAX + 1]; /* tokens of A-Z a-z 0-9 _ - apart by dots */
};

/* Whether the text begins as such a URL does, in any case. */
bool diffd_is_nats_url(const char *text);

/* Fills *ret, which the caller cleans up. Credentials stand once, before the first host, and hold for all.
 * Pure. DIFFD_INVALID, DIFFD_NO_MEMORY. */
enum diffd_status diffd_nats_url_parse(const char *text, struct diffd_nats_url *ret,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_nats_url_clean_up(struct diffd_nats_url *url);

#endif
