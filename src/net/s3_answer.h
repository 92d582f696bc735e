/* SPDX-License-Identifier: Apache-2.0
 *
 * What S3 says where it does not do what it was asked for
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html): what can be done about it, and the
 * text for those who can. Pure; safe to call from any thread.
 */
#ifndef DIFFD_NET_S3_ANSWER_H
#define DIFFD_NET_S3_ANSWER_H

#include "diffd/http_client.h"

enum { DIFFD_S3_ANSWER_MAX = 64 * 1024 }; /* bytes of an error's body that are read */

/* Texts are NUL-terminated, and "" where the answer does not tell. */
struct diffd_s3_answer {
  unsigned status;
  char code[96]; /* "NoSuchKey" */
  char message[512];
  char region[64];     /* the bucket's, where the request went to another */
  char endpoint[256];  /* likewise */
  char request_id[96]; /* for AWS's support */
  int64_t server_time; /* wall-clock second; -1: not told */
};

/* Reads status, headers and the body's beginning, whatever they hold. */
void diffd_s3_answer_read(const struct diffd_http_response *response, struct diffd_span body,
                          struct diffd_s3_answer *ret);

enum diffd_s3_remedy {
  DIFFD_S3_FAILS,     /* none: the same request would fail again */
  DIFFD_S3_TRY_AGAIN, /* after a pause */
  DIFFD_S3_SET_CLOCK, /* by the server's time, then at once */
  DIFFD_S3_RENEW,     /* with other credentials, if there are any */
};
enum diffd_s3_remedy diffd_s3_answer_remedy(const struct diffd_s3_answer *answer);

/* Whose request it was, for the text. */
struct diffd_s3_asked {
  const char *bucket;
  const char *bucket_setting;
  const char *region;
  const char *region_setting;
  const char *host;
  const char *access_key_id; /* "" where none was found yet */
  const char *doing;         /* "storing" */
  const char *action;        /* the permission that it needs: "s3:PutObject" */
  struct diffd_span key;     /* absent: the bucket */
  bool reads;                /* a missing object may look like a forbidden one */
};
/* DIFFD_NOT_FOUND where the object does not exist, else DIFFD_UNAVAILABLE. */
enum diffd_status diffd_s3_answer_fail(const struct diffd_s3_answer *answer,
                                       const struct diffd_s3_asked *asked, struct diffd_error *err);

#endif
