/* SPDX-License-Identifier: Apache-2.0
 *
 * An S3 server in memory for unit tests, in the shape of an HTTP client, with faults to order, and a source
 * of credentials beside it (its functions stand in for those of credentials.h).
 */
#ifndef DIFFD_NET_S3_TEST_SERVER_H
#define DIFFD_NET_S3_TEST_SERVER_H

#include <pthread.h>

#include "net/s3.h"

enum {
  S3_TEST_OBJECTS = 32,
  S3_TEST_UPLOADS = 4,
  S3_TEST_PARTS = 64,
  S3_TEST_FAULTS = 16,
  S3_TEST_ASKED_MAX = 64 * 1024,
  S3_TEST_TIME = 1551398400, /* 2019-03-01T00:00:00Z */
};

enum s3_test_fault_kind {
  S3_TEST_ANSWERS,  /* `status` with `body`; nothing is done */
  S3_TEST_DROPS,    /* the connection fails before anything is done */
  S3_TEST_FORGETS,  /* what was asked for is done; the answer gets lost */
  S3_TEST_CUTS,     /* the answer's body breaks off after `at` bytes */
  S3_TEST_ENDS,     /* the answer's body ends there, as if that were all */
  S3_TEST_HANGS,    /* no answer until the context is cancelled */
  S3_TEST_CORRUPTS, /* done, and 200 with `body` instead of the answer */
};
struct s3_test_fault {
  const char *asked; /* which requests: a part of "METHOD /path?query" */
  unsigned times;    /* how many of them; 0: all */
  unsigned after;    /* so many of them pass before */
  enum s3_test_fault_kind kind;
  unsigned status;
  const char *body;
  const char *header[2];
  size_t at;
};

struct s3_test_bytes {
  char *ptr;
  size_t len;
  char etag[64];
};
struct s3_test_object {
  char key[256]; /* as in the path, encoded; "" where there is none */
  struct s3_test_bytes content;
  int64_t last_modified;
  char content_type[64];
};
struct s3_test_upload {
  char key[256];
  char content_type[64];
  unsigned number; /* 0: none */
  struct s3_test_bytes parts[S3_TEST_PARTS];
};

struct s3_test_server {
  struct diffd_http_client client;
  pthread_mutex_t lock;
  int64_t now;       /* the server's clock */
  const char *token; /* the session token that is taken; NULL: any */
  bool kms;          /* etags are no MD5 */
  struct s3_test_object objects[S3_TEST_OBJECTS];
  struct s3_test_upload uploads[S3_TEST_UPLOADS];
  unsigned upload_count; /* that were ever begun */
  struct s3_test_fault faults[S3_TEST_FAULTS];
  size_t fault_count;
  unsigned at_once, most_at_once; /* PUTs of parts */
  char last_headers[4096];        /* "name: value\n" of the last request */
  char asked[S3_TEST_ASKED_MAX];  /* "METHOD /path?query\n" of each */
};

void s3_test_server_init(struct s3_test_server *server);
void s3_test_server_clean_up(struct s3_test_server *server);
void s3_test_fault(struct s3_test_server *server, struct s3_test_fault fault);
/* How often something was asked that holds `text`. */
unsigned s3_test_asked(struct s3_test_server *server, const char *text);
/* NULL where there is none. The key as in the path. */
const struct s3_test_object *s3_test_object(struct s3_test_server *server, const char *key);
void s3_test_put(struct s3_test_server *server, const char *key, const void *bytes, size_t len);
unsigned s3_test_pending(const struct s3_test_server *server);

/* The client's side of it: path style, bucket "b" at http://s3.test. */
struct s3_test_credentials {
  struct diffd_credentials now, next; /* the next are given once these are refused */
  unsigned refused;
};
extern struct s3_test_credentials s3_test_credentials;
struct diffd_s3 *s3_test_client(struct s3_test_server *server, const struct diffd_clock *clock);
/* A clock that stands at S3_TEST_TIME. */
extern struct diffd_clock s3_test_clock;

#endif
