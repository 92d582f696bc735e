/* SPDX-License-Identifier: Apache-2.0 */
#include "net/s3_test_server.h"

#include <assert.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "net/openssl_library.h"

enum { HEADERS = 8, VALUE_MAX = 96, ANSWER_MAX = 1 << 20, CLOCK_TOLERANCE = 900, PAGE = 3 };

/* What is answered, body and all. */
struct answer {
  struct diffd_reader base;
  const struct diffd_context *ctx;
  struct diffd_http_header headers[HEADERS];
  char values[HEADERS][VALUE_MAX];
  size_t header_count;
  unsigned status;
  char *body;
  size_t len;
  size_t at;
  size_t breaks_at; /* SIZE_MAX: never */
  enum diffd_status breaks_with;
};

struct asked {
  const struct diffd_http_request *http;
  char path[512];   /* behind the bucket: "/key" */
  char query[4096]; /* "" for none */
  char line[8192];
};

struct s3_test_credentials s3_test_credentials;

enum diffd_status diffd_credentials_get(struct diffd_credentials_source *source,
                                        const struct diffd_context *ctx, struct diffd_credentials *ret,
                                        struct diffd_error *err) {
  (void)source;
  (void)ctx;
  (void)err;
  *ret = s3_test_credentials.now;
  return DIFFD_OK;
}

void diffd_credentials_refused(struct diffd_credentials_source *source,
                               const struct diffd_credentials *credentials) {
  (void)source;
  (void)credentials;
  s3_test_credentials.refused++;
  s3_test_credentials.now = s3_test_credentials.next;
}

static struct diffd_instant test_wall(void *arg) {
  (void)arg;
  return (struct diffd_instant){.seconds = S3_TEST_TIME};
}

static int64_t test_monotonic(void *arg) {
  (void)arg;
  return 0;
}

struct diffd_clock s3_test_clock = {.wall = test_wall, .monotonic_ms = test_monotonic};

static enum diffd_status answer_read(struct diffd_reader *self, void *buf, size_t cap, size_t *ret_len,
                                     struct diffd_error *err) {
  struct answer *answer = (struct answer *)self;
  size_t end = answer->len < answer->breaks_at ? answer->len : answer->breaks_at;
  if (diffd_context_cancelled(answer->ctx))
    return diffd_fail(err, DIFFD_CANCELLED, "the body was cancelled");
  if (answer->at == end)
    return end == answer->len || answer->breaks_with == DIFFD_END
               ? DIFFD_END
               : diffd_fail(err, answer->breaks_with, "the connection broke");
  *ret_len = end - answer->at < cap ? end - answer->at : cap;
  memcpy(buf, answer->body + answer->at, *ret_len);
  answer->at += *ret_len;
  return DIFFD_OK;
}

static void answer_destroy(struct diffd_reader *self) {
  struct answer *answer = (struct answer *)self;
  free(answer->body);
  free(answer);
}

static const struct diffd_reader_ops answer_ops = {.read = answer_read, .destroy = answer_destroy};

static void add_header(struct answer *answer, const char *name, const char *value) {
  assert(answer->header_count < HEADERS);
  (void)snprintf(answer->values[answer->header_count], VALUE_MAX, "%s", value);
  answer->headers[answer->header_count] =
      (struct diffd_http_header){name, answer->values[answer->header_count]};
  answer->header_count++;
}

static void set_body(struct answer *answer, const char *bytes, size_t len) {
  free(answer->body);
  answer->body = malloc(len + 1);
  assert(answer->body != NULL);
  memcpy(answer->body, bytes, len);
  answer->len = len;
}

static void answer_error(struct answer *answer, unsigned status, const char *code) {
  char body[256];
  int len = snprintf(body, sizeof body,
                     "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>M</Message></Error>", code);
  answer->status = status;
  set_body(answer, body, (size_t)len);
}

static void add_date(struct answer *answer, const char *name, int64_t seconds) {
  time_t when = (time_t)seconds;
  struct tm tm;
  char text[VALUE_MAX];
  (void)strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&when, &tm));
  add_header(answer, name, text);
}

static const char *header_of(const struct diffd_http_request *request, const char *name) {
  for (size_t i = 0; i < request->header_count; i++)
    if (strcasecmp(request->headers[i].name, name) == 0)
      return request->headers[i].value;
  return NULL;
}

static struct s3_test_object *find(struct s3_test_server *server, const char *key) {
  for (size_t i = 0; i < S3_TEST_OBJECTS; i++)
    if (strcmp(server->objects[i].key, key) == 0)
      return &server->objects[i];
  return NULL;
}

static void md5_hex(const void *bytes, size_t len, char hex[static 33]) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  assert(EVP_Digest(bytes, len, digest, NULL, EVP_md5(), NULL) == 1);
  for (int i = 0; i < 16; i++)
    (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

static void store(struct s3_test_bytes *bytes, const void *ptr, size_t len) {
  char hex[33];
  free(bytes->ptr);
  bytes->ptr = malloc(len + 1);
  assert(bytes->ptr != NULL);
  if (len > 0)
    memcpy(bytes->ptr, ptr, len);
  bytes->len = len;
  md5_hex(bytes->ptr, len, hex);
  (void)snprintf(bytes->etag, sizeof bytes->etag, "\"%s\"", hex);
}

static struct s3_test_object *make_object(struct s3_test_server *server, const char *key) {
  struct s3_test_object *object = find(server, key);
  if (object == NULL)
    object = find(server, "");
  assert(object != NULL);
  (void)snprintf(object->key, sizeof object->key, "%s", key);
  object->last_modified = server->now;
  return object;
}

void s3_test_put(struct s3_test_server *server, const char *key, const void *bytes, size_t len) {
  store(&make_object(server, key)->content, bytes, len);
}

static unsigned parameter(const struct asked *asked, const char *name) {
  const char *at = strstr(asked->query, name);
  return at != NULL ? (unsigned)strtoul(at + strlen(name), NULL, 10) : 0;
}

static struct s3_test_upload *find_upload(struct s3_test_server *server, const struct asked *asked) {
  unsigned number = parameter(asked, "uploadId=id%26");
  for (size_t i = 0; number > 0 && i < S3_TEST_UPLOADS; i++)
    if (server->uploads[i].number == number && strcmp(server->uploads[i].key, asked->path + 1) == 0)
      return &server->uploads[i];
  return NULL;
}

static void drop_upload(struct s3_test_upload *upload) {
  for (size_t i = 0; i < S3_TEST_PARTS; i++)
    free(upload->parts[i].ptr);
  *upload = (struct s3_test_upload){0};
}

static void begin_upload(struct s3_test_server *server, const struct asked *asked, struct answer *answer) {
  char body[256];
  size_t i = 0;
  while (i < S3_TEST_UPLOADS && server->uploads[i].number != 0)
    i++;
  assert(i < S3_TEST_UPLOADS);
  server->uploads[i].number = ++server->upload_count;
  (void)snprintf(server->uploads[i].key, sizeof server->uploads[i].key, "%s", asked->path + 1);
  const char *type = header_of(asked->http, "content-type");
  (void)snprintf(server->uploads[i].content_type, sizeof server->uploads[i].content_type, "%s",
                 type != NULL ? type : "");
  /* An id that must be encoded in a query. */
  int len = snprintf(body, sizeof body,
                     "<InitiateMultipartUploadResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                     "<UploadId>id&amp;%u</UploadId></InitiateMultipartUploadResult>",
                     server->uploads[i].number);
  set_body(answer, body, (size_t)len);
}

/* If-None-Match: * */
static bool is_in_the_way(struct s3_test_server *server, const struct asked *asked, struct answer *answer) {
  const char *condition = header_of(asked->http, "if-none-match");
  if (condition == NULL || strcmp(condition, "*") != 0 || find(server, asked->path + 1) == NULL)
    return false;
  answer_error(answer, 412, "PreconditionFailed");
  return true;
}

static void complete_upload(struct s3_test_server *server, const struct asked *asked, struct answer *answer) {
  struct s3_test_upload *upload = find_upload(server, asked);
  if (upload == NULL) {
    answer_error(answer, 404, "NoSuchUpload");
    return;
  }
  if (is_in_the_way(server, asked, answer))
    return;
  char *all = NULL, digests[16 * S3_TEST_PARTS], expect[128], hex[33];
  size_t len = 0, count = 0;
  for (; count < S3_TEST_PARTS && upload->parts[count].ptr != NULL; count++) {
    const struct s3_test_bytes *part = &upload->parts[count];
    (void)snprintf(expect, sizeof expect, "<PartNumber>%zu</PartNumber><ETag>%s</ETag>", count + 1,
                   part->etag);
    assert(memmem(asked->http->body.ptr, asked->http->body.len, expect, strlen(expect)) != NULL);
    all = realloc(all, len + part->len + 1);
    assert(all != NULL);
    memcpy(all + len, part->ptr, part->len);
    len += part->len;
    unsigned char digest[EVP_MAX_MD_SIZE];
    assert(EVP_Digest(part->ptr, part->len, digest, NULL, EVP_md5(), NULL) == 1);
    memcpy(digests + 16 * count, digest, 16);
  }
  struct s3_test_object *object = make_object(server, upload->key);
  store(&object->content, all, len);
  md5_hex(digests, 16 * count, hex);
  if (server->kms)
    memset(hex, '7', 32);
  (void)snprintf(object->content.etag, sizeof object->content.etag, "\"%s-%zu\"", hex, count);
  (void)snprintf(object->content_type, sizeof object->content_type, "%s", upload->content_type);
  free(all);
  drop_upload(upload);
  char body[256];
  int body_len = snprintf(
      body, sizeof body,
      "\n  <?xml "
      "version=\"1.0\"?>\n<CompleteMultipartUploadResult><ETag>%s</ETag></CompleteMultipartUploadResult>",
      object->content.etag);
  set_body(answer, body, (size_t)body_len);
}

static void check_md5(const struct diffd_http_request *request, struct answer *answer) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  char text[32];
  const char *told = header_of(request, "content-md5");
  assert(EVP_Digest(request->body.ptr, request->body.len, digest, NULL, EVP_md5(), NULL) == 1);
  (void)EVP_EncodeBlock((unsigned char *)text, digest, 16);
  if (request->body.len > 0 && (told == NULL || strcmp(told, text) != 0))
    answer_error(answer, 400, "InvalidDigest");
}

static void put(struct s3_test_server *server, const struct asked *asked, struct answer *answer) {
  const struct diffd_span body = asked->http->body;
  check_md5(asked->http, answer);
  if (answer->status != 200)
    return;
  if (strstr(asked->query, "partNumber=") != NULL) {
    struct s3_test_upload *upload = find_upload(server, asked);
    unsigned number = parameter(asked, "partNumber=");
    if (upload == NULL) {
      answer_error(answer, 404, "NoSuchUpload");
      return;
    }
    assert(number >= 1 && number <= S3_TEST_PARTS);
    store(&upload->parts[number - 1], body.ptr, body.len);
    add_header(answer, "etag", upload->parts[number - 1].etag);
    return;
  }
  if (is_in_the_way(server, asked, answer))
    return;
  struct s3_test_object *object = make_object(server, asked->path + 1);
  const char *type = header_of(asked->http, "content-type");
  store(&object->content, body.ptr, body.len);
  (void)snprintf(object->content_type, sizeof object->content_type, "%s", type != NULL ? type : "");
  add_header(answer, "etag", object->content.etag);
}

static void get(struct s3_test_server *server, const struct asked *asked, struct answer *answer) {
  const struct s3_test_object *object = find(server, asked->path + 1);
  const char *range = header_of(asked->http, "range"), *match = header_of(asked->http, "if-match");
  char text[VALUE_MAX];
  if (object == NULL) {
    answer_error(answer, 404, "NoSuchKey");
    return;
  }
  if (match != NULL && strcmp(match, object->content.etag) != 0) {
    answer_error(answer, 412, "PreconditionFailed");
    return;
  }
  size_t first = 0, last = object->content.len;
  if (range != NULL) {
    char *dash;
    first = strtoul(range + strlen("bytes="), &dash, 10);
    last = dash[1] != '\0' ? strtoul(dash + 1, NULL, 10) + 1 : last;
    last = last > object->content.len ? object->content.len : last;
    if (first >= object->content.len) {
      answer_error(answer, 416, "InvalidRange");
      return;
    }
    answer->status = 206;
    (void)snprintf(text, sizeof text, "bytes %zu-%zu/%zu", first, last - 1, object->content.len);
    add_header(answer, "content-range", text);
  }
  (void)snprintf(text, sizeof text, "%zu", last - first);
  add_header(answer, "content-length", text);
  add_header(answer, "etag", object->content.etag);
  if (server->kms)
    add_header(answer, "x-amz-server-side-encryption", "aws:kms");
  add_date(answer, "last-modified", object->last_modified);
  set_body(answer, object->content.ptr + first, last - first);
}

/* Pages of a few objects, in the order of their slots, after the slot that the token names. */
static void list(struct s3_test_server *server, const struct asked *asked, struct answer *answer) {
  char body[8192] = "<ListBucketResult><EncodingType>url</EncodingType>";
  unsigned at = parameter(asked, "continuation-token=n%2F"), shown = 0;
  for (; at < S3_TEST_OBJECTS && shown < PAGE; at++)
    if (server->objects[at].key[0] != '\0') {
      shown++;
      (void)sprintf(body + strlen(body), "<Contents><Key>%s</Key><Size>%zu</Size></Contents>",
                    server->objects[at].key, server->objects[at].content.len);
    }
  bool more = at < S3_TEST_OBJECTS && server->objects[at].key[0] != '\0';
  (void)sprintf(body + strlen(body), "<IsTruncated>%s</IsTruncated>", more ? "true" : "false");
  if (more)
    (void)sprintf(body + strlen(body), "<NextContinuationToken>n/%u</NextContinuationToken>", at);
  (void)strcat(body, "</ListBucketResult>");
  set_body(answer, body, strlen(body));
}

static void carry_out(struct s3_test_server *server, const struct asked *asked, struct answer *answer) {
  const char *method = asked->http->method;
  if (strcmp(method, "PUT") == 0) {
    put(server, asked, answer);
  } else if (strcmp(method, "POST") == 0) {
    if (strcmp(asked->query, "uploads=") == 0)
      begin_upload(server, asked, answer);
    else
      complete_upload(server, asked, answer);
  } else if (strcmp(method, "DELETE") == 0) {
    struct s3_test_upload *upload = find_upload(server, asked);
    struct s3_test_object *object = find(server, asked->path + 1);
    answer->status = 204;
    if (upload != NULL)
      drop_upload(upload);
    else if (object != NULL && asked->query[0] == '\0')
      object->key[0] = '\0';
  } else if (asked->path[0] == '\0') {
    list(server, asked, answer);
  } else {
    get(server, asked, answer);
    if (strcmp(method, "HEAD") == 0)
      answer->len = 0;
  }
}

/* Who comes with a wrong clock or an old token is not let in. */
static bool admit(const struct s3_test_server *server, const struct asked *asked, struct answer *answer) {
  const char *date = header_of(asked->http, "x-amz-date"),
             *token = header_of(asked->http, "x-amz-security-token");
  struct tm tm = {0};
  assert(header_of(asked->http, "authorization") != NULL && date != NULL);
  assert(strptime(date, "%Y%m%dT%H%M%SZ", &tm) != NULL);
  int64_t off = (int64_t)timegm(&tm) - server->now;
  if (off > CLOCK_TOLERANCE || off < -CLOCK_TOLERANCE)
    answer_error(answer, 403, "RequestTimeTooSkewed");
  else if (server->token != NULL && (token == NULL || strcmp(token, server->token) != 0))
    answer_error(answer, 400, "ExpiredToken");
  return answer->status == 200;
}

static struct s3_test_fault *find_fault(struct s3_test_server *server, const char *line) {
  for (size_t i = 0; i < server->fault_count; i++) {
    struct s3_test_fault *fault = &server->faults[i];
    if (fault->asked == NULL || strstr(line, fault->asked) == NULL)
      continue;
    if (fault->after > 0) {
      fault->after--;
      continue;
    }
    if (fault->times > 0 && --fault->times == 0)
      fault->asked = NULL;
    return fault;
  }
  return NULL;
}

static enum diffd_status hang(const struct diffd_context *ctx, struct diffd_error *err) {
  for (int ms = 0; ms < 20000 && !diffd_context_cancelled(ctx); ms++)
    (void)usleep(1000);
  return diffd_fail(err, DIFFD_CANCELLED, "the request was cancelled");
}

static void split(const struct diffd_http_request *request, struct asked *asked) {
  const char *path = request->url + strlen("http://s3.test/b");
  assert(strncmp(request->url, "http://s3.test/b", strlen("http://s3.test/b")) == 0);
  const char *query = strchr(path, '?');
  asked->http = request;
  (void)snprintf(asked->path, sizeof asked->path, "%.*s",
                 query != NULL ? (int)(query - path) : (int)strlen(path), path);
  (void)snprintf(asked->query, sizeof asked->query, "%s", query != NULL ? query + 1 : "");
  (void)snprintf(asked->line, sizeof asked->line, "%s %s", request->method, path);
}

static void write_down(struct s3_test_server *server, const struct asked *asked) {
  size_t len = strlen(server->asked);
  (void)snprintf(server->asked + len, sizeof server->asked - len, "%s\n", asked->line);
  server->last_headers[0] = '\0';
  for (size_t i = 0; i < asked->http->header_count; i++) {
    len = strlen(server->last_headers);
    (void)snprintf(server->last_headers + len, sizeof server->last_headers - len, "%s: %s\n",
                   asked->http->headers[i].name, asked->http->headers[i].value);
  }
}

/* With the lock held. What the fault leaves of the answer. */
static enum diffd_status serve_locked(struct s3_test_server *server, const struct asked *asked,
                                      const struct s3_test_fault *fault, struct answer *answer,
                                      struct diffd_error *err) {
  add_date(answer, "date", server->now);
  if (fault != NULL && fault->kind == S3_TEST_DROPS)
    return diffd_fail(err, DIFFD_UNAVAILABLE, "s3.test: the connection was reset");
  if (fault != NULL && fault->kind == S3_TEST_ANSWERS) {
    answer->status = fault->status;
    set_body(answer, fault->body != NULL ? fault->body : "", fault->body != NULL ? strlen(fault->body) : 0);
    if (fault->header[0] != NULL)
      add_header(answer, fault->header[0], fault->header[1]);
    return DIFFD_OK;
  }
  if (admit(server, asked, answer))
    carry_out(server, asked, answer);
  if (strcmp(asked->http->method, "HEAD") == 0 && answer->status >= 300)
    answer->len = 0;
  if (fault == NULL)
    return DIFFD_OK;
  if (fault->kind == S3_TEST_FORGETS)
    return diffd_fail(err, DIFFD_UNAVAILABLE, "s3.test: the connection broke");
  if (fault->kind == S3_TEST_CORRUPTS)
    set_body(answer, fault->body, strlen(fault->body));
  if (fault->kind == S3_TEST_CUTS || fault->kind == S3_TEST_ENDS) {
    answer->breaks_at = fault->at;
    answer->breaks_with = fault->kind == S3_TEST_CUTS ? DIFFD_UNAVAILABLE : DIFFD_END;
  }
  return DIFFD_OK;
}

static enum diffd_status server_send(struct diffd_http_client *self, const struct diffd_context *ctx,
                                     const struct diffd_http_request *request,
                                     struct diffd_http_response *ret, struct diffd_error *err) {
  struct s3_test_server *server = (struct s3_test_server *)self;
  struct asked asked;
  split(request, &asked);
  if (diffd_context_cancelled(ctx))
    return diffd_fail(err, DIFFD_CANCELLED, "the request was cancelled");
  bool is_part = strstr(asked.query, "partNumber=") != NULL;
  (void)pthread_mutex_lock(&server->lock);
  write_down(server, &asked);
  struct s3_test_fault *fault = find_fault(server, asked.line);
  if (is_part && ++server->at_once > server->most_at_once)
    server->most_at_once = server->at_once;
  bool hangs = fault != NULL && fault->kind == S3_TEST_HANGS;
  (void)pthread_mutex_unlock(&server->lock);
  if (is_part)
    (void)usleep(2000);
  struct answer *answer = calloc(1, sizeof *answer);
  assert(answer != NULL);
  answer->base.ops = &answer_ops;
  answer->ctx = ctx;
  answer->status = 200;
  answer->breaks_at = SIZE_MAX;
  enum diffd_status status = hangs ? hang(ctx, err) : DIFFD_OK;
  (void)pthread_mutex_lock(&server->lock);
  if (status == DIFFD_OK)
    status = serve_locked(server, &asked, fault, answer, err);
  if (is_part)
    server->at_once--;
  (void)pthread_mutex_unlock(&server->lock);
  if (status != DIFFD_OK) {
    answer_destroy(&answer->base);
    return status;
  }
  *ret = (struct diffd_http_response){.status = answer->status,
                                      .headers = answer->headers,
                                      .header_count = answer->header_count,
                                      .body_bytes = (int64_t)answer->len,
                                      .body = &answer->base};
  return DIFFD_OK;
}

static const struct diffd_http_client_ops server_ops = {.send = server_send};

void s3_test_server_init(struct s3_test_server *server) {
  struct diffd_error err;
  assert(diffd_openssl_load(&err) == DIFFD_OK);
  *server = (struct s3_test_server){.client = {&server_ops}, .now = S3_TEST_TIME};
  (void)pthread_mutex_init(&server->lock, NULL);
  s3_test_credentials = (struct s3_test_credentials){
      .now = {.access_key_id = "AKIATEST", .secret_access_key = "secret", .expires_at = INT64_MAX}};
  s3_test_credentials.next = s3_test_credentials.now;
}

void s3_test_server_clean_up(struct s3_test_server *server) {
  for (size_t i = 0; i < S3_TEST_OBJECTS; i++)
    free(server->objects[i].content.ptr);
  for (size_t i = 0; i < S3_TEST_UPLOADS; i++)
    drop_upload(&server->uploads[i]);
  (void)pthread_mutex_destroy(&server->lock);
}

void s3_test_fault(struct s3_test_server *server, struct s3_test_fault fault) {
  assert(server->fault_count < S3_TEST_FAULTS);
  server->faults[server->fault_count++] = fault;
}

unsigned s3_test_asked(struct s3_test_server *server, const char *text) {
  unsigned count = 0;
  (void)pthread_mutex_lock(&server->lock);
  for (const char *line = server->asked; *line != '\0'; line = strchr(line, '\n') + 1) {
    const char *at = strstr(line, text);
    count += at != NULL && at < strchr(line, '\n');
  }
  (void)pthread_mutex_unlock(&server->lock);
  return count;
}

const struct s3_test_object *s3_test_object(struct s3_test_server *server, const char *key) {
  return find(server, key);
}

unsigned s3_test_pending(const struct s3_test_server *server) {
  unsigned count = 0;
  for (size_t i = 0; i < S3_TEST_UPLOADS; i++)
    count += server->uploads[i].number != 0;
  return count;
}

struct diffd_s3 *s3_test_client(struct s3_test_server *server, const struct diffd_clock *clock) {
  const struct diffd_s3_options options = {.bucket = "b",
                                           .region = "us-east-1",
                                           .endpoint_url = "http://s3.test",
                                           .bucket_setting = "THE_BUCKET",
                                           .region_setting = "THE_REGION",
                                           .client = &server->client,
                                           .clock = clock,
                                           .retry_pause_ms = 1};
  struct diffd_s3 *s3;
  struct diffd_error err;
  enum diffd_status status = diffd_s3_new(&options, &s3, &err);
  assert(status == DIFFD_OK);
  (void)status;
  return s3;
}
