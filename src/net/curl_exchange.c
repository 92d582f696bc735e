/* SPDX-License-Identifier: Apache-2.0 */
#include "net/curl_exchange.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "net/curl_setup.h"
#include "net/openssl_library.h"

enum {
  STEP_MS = 100,                                                 /* how often a wait looks around */
  KEPT_CAP = DIFFD_CURL_RECEIVE_BYTES + 2 * CURL_MAX_WRITE_SIZE, /* body bytes that nobody has read yet */
};

struct diffd_curl_exchange {
  struct diffd_reader base;
  struct diffd_curl_pool *pool;
  struct diffd_curl_link *link;
  const struct diffd_context *ctx;
  struct curl_slist *fields;
  struct diffd_http_head head;
  char *origin;
  X509_STORE *trusted;
  uint64_t stall_timeout_ms;
  uint64_t tls_timeout_ms;
  atomic_bool interrupted;
  bool attached; /* the easy handle is in the multi handle */
  bool done;     /* libcurl has finished; `code` says how */
  bool paused;
  bool discarding;
  CURLcode code;
  bool faulted; /* a callback found `fault` */
  struct diffd_error fault;
  char message[CURL_ERROR_SIZE];
  struct diffd_span body; /* of the request; absent once the caller has it back */
  size_t body_sent;
  char *into; /* the reader's own buffer, while it reads */
  size_t into_cap;
  size_t into_len;
  size_t kept_begin; /* kept[kept_begin, kept_end) waits for a read */
  size_t kept_end;
  char kept[KEPT_CAP];
};

/* ---- what libcurl calls ---- */

static size_t on_head(char *line, size_t size, size_t count, void *arg) {
  struct diffd_curl_exchange *exchange = arg;
  if (diffd_http_head_line(&exchange->head, line, size * count, &exchange->fault) == DIFFD_OK)
    return size * count;
  exchange->faulted = true;
  return 0;
}

/* Bytes go to the reader's own buffer first, what it has no room for is kept; where that is full too, the
 * transfer pauses, and libcurl comes again with the same bytes. */
static size_t on_body(char *bytes, size_t size, size_t count, void *arg) {
  struct diffd_curl_exchange *exchange = arg;
  size_t len = size * count;
  if (exchange->discarding)
    return len;
  size_t room = exchange->kept_begin == exchange->kept_end ? exchange->into_cap - exchange->into_len : 0;
  size_t direct = len < room ? len : room;
  size_t rest = len - direct;
  if (exchange->kept_begin == exchange->kept_end)
    exchange->kept_begin = exchange->kept_end = 0;
  if (rest > KEPT_CAP - exchange->kept_end) {
    exchange->paused = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  if (direct > 0)
    memcpy(exchange->into + exchange->into_len, bytes, direct);
  exchange->into_len += direct;
  if (rest > 0)
    memcpy(exchange->kept + exchange->kept_end, bytes + direct, rest);
  exchange->kept_end += rest;
  return len;
}

static size_t on_send(char *room, size_t size, size_t count, void *arg) {
  struct diffd_curl_exchange *exchange = arg;
  if (exchange->body.ptr == NULL)
    return CURL_READFUNC_ABORT; /* the caller has its bytes back: the answer came before they were sent */
  size_t left = exchange->body.len - exchange->body_sent;
  size_t len = left < size * count ? left : size * count;
  if (len > 0)
    memcpy(room, exchange->body.ptr + exchange->body_sent, len);
  exchange->body_sent += len;
  return len;
}

/* libcurl sends again from the start where a kept connection turned out to be closed. */
static int on_seek(void *arg, curl_off_t offset, int origin) {
  struct diffd_curl_exchange *exchange = arg;
  if (origin != SEEK_SET || offset < 0 || exchange->body.ptr == NULL || (size_t)offset > exchange->body.len)
    return CURL_SEEKFUNC_CANTSEEK;
  exchange->body_sent = (size_t)offset;
  return CURL_SEEKFUNC_OK;
}

/* Called as long as the connection lives, which may be longer than this exchange: hence the link. */
static void on_tls_event(const SSL *tls, int event, int value) {
  struct diffd_curl_link *link = SSL_CTX_get_app_data(SSL_get_SSL_CTX(tls));
  (void)value;
  if ((event & SSL_CB_HANDSHAKE_DONE) != 0)
    link->tls_deadline_ms = UINT64_MAX;
}

/* A TLS handshake begins. */
static CURLcode on_tls(CURL *easy, void *tls, void *arg) {
  struct diffd_curl_exchange *exchange = arg;
  (void)easy;
  exchange->link->tls_deadline_ms = diffd_monotonic_ms() + exchange->tls_timeout_ms;
  (void)SSL_CTX_set_app_data((SSL_CTX *)tls, exchange->link);
  SSL_CTX_set_info_callback(tls, on_tls_event);
  SSL_CTX_set1_cert_store(tls, exchange->trusted);
  return CURLE_OK;
}

/* ---- going on ---- */

static enum diffd_status look_around(struct diffd_curl_exchange *exchange, struct diffd_error *err) {
  if (diffd_context_cancelled(exchange->ctx))
    return diffd_fail(err, DIFFD_CANCELLED, "%s: the request was cancelled", exchange->origin);
  if (atomic_load(&exchange->interrupted))
    return diffd_fail(err, DIFFD_CANCELLED, "%s: reading was interrupted", exchange->origin);
  return DIFFD_OK;
}

/* Does what can be done without waiting. */
static enum diffd_status turn(struct diffd_curl_exchange *exchange, struct diffd_error *err) {
  int running;
  int left;
  CURLMcode failed = curl_multi_perform(exchange->link->multi, &running);
  if (failed != CURLM_OK)
    return diffd_fail(err, failed == CURLM_OUT_OF_MEMORY ? DIFFD_NO_MEMORY : DIFFD_INTERNAL, "%s: %s",
                      exchange->origin, curl_multi_strerror(failed));
  const CURLMsg *message = curl_multi_info_read(exchange->link->multi, &left);
  if (message != NULL && message->msg == CURLMSG_DONE) {
    exchange->done = true;
    exchange->code = message->data.result;
  }
  if (!exchange->faulted)
    return DIFFD_OK;
  *err = exchange->fault;
  return diffd_fail_within(err, "%s", exchange->origin);
}

static void wait_for_more(struct diffd_curl_exchange *exchange, uint64_t now, uint64_t deadline_ms) {
  uint64_t tls = exchange->link->tls_deadline_ms;
  uint64_t until = deadline_ms < tls ? deadline_ms : tls;
  uint64_t wait = until <= now ? 0 : until - now < STEP_MS ? until - now : STEP_MS;
  (void)curl_multi_poll(exchange->link->multi, NULL, 0, (int)wait, NULL);
}

/* ---- the head ---- */

static enum diffd_status failure(struct diffd_curl_exchange *exchange, struct diffd_error *err) {
  const char *text = exchange->message[0] != '\0' ? exchange->message : curl_easy_strerror(exchange->code);
  if (exchange->code == CURLE_URL_MALFORMAT)
    return diffd_fail(err, DIFFD_INVALID, "%s: %s", exchange->origin, text);
  if (exchange->code == CURLE_OUT_OF_MEMORY) /* libcurl calls a line that is too long by that name as well */
    text = "a line of the answer is too long, or there is no memory for it";
  return diffd_fail(err, DIFFD_UNAVAILABLE, "%s: %s", exchange->origin, text);
}

/* The connection could not be made, or broke: not an answer that is wrong. */
static bool may_help(CURLcode code) {
  switch (code) {
  case CURLE_COULDNT_RESOLVE_PROXY:
  case CURLE_COULDNT_RESOLVE_HOST:
  case CURLE_COULDNT_CONNECT:
  case CURLE_OPERATION_TIMEDOUT:
  case CURLE_SSL_CONNECT_ERROR:
  case CURLE_GOT_NOTHING:
  case CURLE_SEND_ERROR:
  case CURLE_RECV_ERROR:
  case CURLE_PARTIAL_FILE:
  /* What came is no HTTP: on a kept connection that is the rest of a former answer, longer than it said. */
  case CURLE_UNSUPPORTED_PROTOCOL:
  case CURLE_WEIRD_SERVER_REPLY:
    return true;
  default:
    return false;
  }
}

static enum diffd_status await_head(struct diffd_curl_exchange *exchange, uint64_t deadline_ms,
                                    bool *ret_again, struct diffd_error *err) {
  uint64_t began = diffd_monotonic_ms();
  for (;;) {
    enum diffd_status status = look_around(exchange, err);
    if (status == DIFFD_OK)
      status = turn(exchange, err);
    if (status != DIFFD_OK)
      return status;
    if (exchange->done && exchange->code != CURLE_OK && !exchange->head.complete) {
      *ret_again = may_help(exchange->code);
      return failure(exchange, err);
    }
    if (exchange->head.complete)
      return DIFFD_OK;
    uint64_t now = diffd_monotonic_ms();
    if (exchange->done)
      return diffd_fail(err, DIFFD_UNAVAILABLE, "%s: the answer ended in its head", exchange->origin);
    if (now >= deadline_ms)
      return diffd_fail(err, DIFFD_UNAVAILABLE, "%s: no answer within %llu ms", exchange->origin,
                        (unsigned long long)(now - began));
    if (now >= exchange->link->tls_deadline_ms) {
      *ret_again = true;
      return diffd_fail(err, DIFFD_UNAVAILABLE, "%s: the TLS handshake took longer than %llu ms",
                        exchange->origin, (unsigned long long)exchange->tls_timeout_ms);
    }
    wait_for_more(exchange, now, deadline_ms);
  }
}

/* libcurl undoes transfer codings beside `chunked` by itself, without a bound on what they grow to. */
static enum diffd_status check_coding(const struct diffd_curl_exchange *exchange, struct diffd_error *err) {
  for (size_t i = 0; i < exchange->head.count; i++) {
    const struct diffd_http_header *header = &exchange->head.headers[i];
    if (strcmp(header->name, "transfer-encoding") == 0 && strcasecmp(header->value, "chunked") != 0 &&
        strcasecmp(header->value, "identity") != 0)
      return diffd_fail(err, DIFFD_UNAVAILABLE, "%s: the answer has an unknown Transfer-Encoding",
                        exchange->origin);
  }
  return DIFFD_OK;
}

/* ---- the body ---- */

static enum diffd_status unpause(struct diffd_curl_exchange *exchange, struct diffd_error *err) {
  if (!exchange->paused)
    return DIFFD_OK;
  exchange->paused = false; /* the callback may set it again */
  CURLcode code = curl_easy_pause(exchange->link->easy, CURLPAUSE_CONT);
  if (code == CURLE_OK)
    return DIFFD_OK;
  return diffd_fail(err, code == CURLE_OUT_OF_MEMORY ? DIFFD_NO_MEMORY : DIFFD_UNAVAILABLE, "%s: %s",
                    exchange->origin, curl_easy_strerror(code));
}

static size_t take_kept(struct diffd_curl_exchange *exchange, void *buf, size_t cap) {
  size_t have = exchange->kept_end - exchange->kept_begin;
  size_t len = have < cap ? have : cap;
  memcpy(buf, exchange->kept + exchange->kept_begin, len);
  exchange->kept_begin += len;
  return len;
}

/* Drives the transfer until the reader's buffer has something, or nothing more comes. */
static enum diffd_status fill(struct diffd_curl_exchange *exchange, struct diffd_error *err) {
  uint64_t deadline = diffd_monotonic_ms() + exchange->stall_timeout_ms;
  for (;;) {
    enum diffd_status status = look_around(exchange, err);
    if (status == DIFFD_OK)
      status = unpause(exchange, err);
    if (status == DIFFD_OK && exchange->into_len == 0 && !exchange->done)
      status = turn(exchange, err);
    if (status != DIFFD_OK || exchange->into_len > 0)
      return status;
    if (exchange->done)
      return exchange->code == CURLE_OK ? DIFFD_END : failure(exchange, err);
    uint64_t now = diffd_monotonic_ms();
    if (now >= deadline)
      return diffd_fail(err, DIFFD_UNAVAILABLE, "%s: no byte of the answer's body came within %llu ms",
                        exchange->origin, (unsigned long long)exchange->stall_timeout_ms);
    wait_for_more(exchange, now, deadline);
  }
}

static enum diffd_status exchange_read(struct diffd_reader *self, void *buf, size_t cap, size_t *ret_len,
                                       struct diffd_error *err) {
  struct diffd_curl_exchange *exchange = (struct diffd_curl_exchange *)self;
  if (exchange->kept_begin < exchange->kept_end) {
    enum diffd_status status = look_around(exchange, err);
    if (status == DIFFD_OK)
      *ret_len = take_kept(exchange, buf, cap);
    return status;
  }
  exchange->into = buf;
  exchange->into_cap = cap;
  exchange->into_len = 0;
  enum diffd_status status = fill(exchange, err);
  if (status == DIFFD_OK)
    *ret_len = exchange->into_len;
  exchange->into = NULL;
  exchange->into_cap = exchange->into_len = 0;
  return status;
}

static void exchange_interrupt(struct diffd_reader *self) {
  struct diffd_curl_exchange *exchange = (struct diffd_curl_exchange *)self;
  atomic_store(&exchange->interrupted, true);
  (void)curl_multi_wakeup(exchange->link->multi);
}

static void exchange_reader_destroy(struct diffd_reader *self) {
  diffd_curl_exchange_destroy((struct diffd_curl_exchange *)self);
}

static const struct diffd_reader_ops exchange_ops = {
    .read = exchange_read, .interrupt = exchange_interrupt, .destroy = exchange_reader_destroy};

/* ---- life ---- */

static enum diffd_status set_up(struct diffd_curl_exchange *exchange,
                                const struct diffd_curl_exchange_options *options, struct diffd_error *err) {
  CURL *easy = exchange->link->easy;
  enum diffd_status status = diffd_curl_setup(easy, options, &exchange->fields, err);
  if (status != DIFFD_OK)
    return diffd_fail_within(err, "%s", exchange->origin);
  const bool set = curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->message) == CURLE_OK &&
                   curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head) == CURLE_OK &&
                   curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange) == CURLE_OK &&
                   curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
                   curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange) == CURLE_OK &&
                   curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_send) == CURLE_OK &&
                   curl_easy_setopt(easy, CURLOPT_READDATA, exchange) == CURLE_OK &&
                   curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek) == CURLE_OK &&
                   curl_easy_setopt(easy, CURLOPT_SEEKDATA, exchange) == CURLE_OK &&
                   curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_tls) == CURLE_OK &&
                   curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, exchange) == CURLE_OK;
  if (!set)
    return diffd_fail(err, DIFFD_INTERNAL, "%s: libcurl lacks an option", exchange->origin);
  if (curl_multi_add_handle(exchange->link->multi, easy) != CURLM_OK)
    return diffd_fail(err, DIFFD_NO_MEMORY, "%s: no memory for a request", exchange->origin);
  exchange->attached = true;
  return DIFFD_OK;
}

static enum diffd_status exchange_make(const struct diffd_curl_exchange_options *options,
                                       struct diffd_curl_exchange **ret, struct diffd_error *err) {
  struct diffd_curl_exchange *exchange = malloc(sizeof *exchange);
  if (exchange == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "%s: no memory for a request", options->origin);
  memset(exchange, 0, offsetof(struct diffd_curl_exchange, kept)); /* the pages of `kept` stay untouched */
  exchange->base.ops = &exchange_ops;
  exchange->pool = options->pool;
  exchange->ctx = options->ctx;
  exchange->trusted = options->trusted;
  exchange->stall_timeout_ms = options->request->stall_timeout_ms;
  exchange->tls_timeout_ms = options->tls_timeout_ms;
  exchange->body = options->request->body;
  if (exchange->body.ptr == NULL)
    exchange->body = (struct diffd_span){"", 0};
  diffd_http_head_init(&exchange->head);
  exchange->origin = strdup(options->origin);
  if (exchange->origin == NULL) {
    free(exchange);
    return diffd_fail(err, DIFFD_NO_MEMORY, "%s: no memory for a request", options->origin);
  }
  *ret = exchange;
  return DIFFD_OK;
}

enum diffd_status diffd_curl_exchange_new(const struct diffd_curl_exchange_options *options,
                                          struct diffd_curl_exchange **ret, bool *ret_again,
                                          struct diffd_error *err) {
  struct diffd_curl_exchange *exchange = NULL;
  *ret_again = false;
  enum diffd_status status = exchange_make(options, &exchange, err);
  if (status != DIFFD_OK)
    return status;
  status = diffd_curl_pool_take(options->pool, options->place, &exchange->link, err);
  if (status == DIFFD_OK)
    status = set_up(exchange, options, err);
  if (status == DIFFD_OK)
    status = await_head(exchange, options->deadline_ms, ret_again, err);
  if (status == DIFFD_OK)
    status = check_coding(exchange, err);
  exchange->body = (struct diffd_span){0}; /* it was borrowed for this call */
  if (status != DIFFD_OK) {
    diffd_curl_exchange_destroy(exchange);
    return status;
  }
  *ret = exchange;
  return DIFFD_OK;
}

const struct diffd_http_head *diffd_curl_exchange_head(const struct diffd_curl_exchange *exchange) {
  return &exchange->head;
}

int64_t diffd_curl_exchange_body_bytes(const struct diffd_curl_exchange *exchange) {
  curl_off_t bytes = -1;
  if (curl_easy_getinfo(exchange->link->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &bytes) != CURLE_OK)
    return -1;
  return bytes;
}

struct diffd_reader *diffd_curl_exchange_reader(struct diffd_curl_exchange *exchange) {
  return &exchange->base;
}

enum diffd_status diffd_curl_exchange_pause(struct diffd_curl_exchange *exchange, uint64_t pause_ms,
                                            struct diffd_error *err) {
  uint64_t until = diffd_monotonic_ms() + pause_ms;
  exchange->discarding = true;
  for (;;) {
    enum diffd_status status = look_around(exchange, err);
    if (status != DIFFD_OK)
      return status;
    struct diffd_error ignored; /* of an answer that nobody wants */
    if (!exchange->done && (unpause(exchange, &ignored) != DIFFD_OK || turn(exchange, &ignored) != DIFFD_OK))
      exchange->done = exchange->faulted = true;
    uint64_t now = diffd_monotonic_ms();
    if (now >= until)
      return DIFFD_OK;
    wait_for_more(exchange, now, until);
  }
}

/* What is left of the body and is here already is thrown away, so that the connection can be used again. */
static void throw_rest_away(struct diffd_curl_exchange *exchange) {
  struct diffd_error ignored;
  if (exchange->done || exchange->faulted || !exchange->head.complete)
    return;
  exchange->discarding = true;
  if (unpause(exchange, &ignored) == DIFFD_OK)
    (void)!turn(exchange, &ignored);
}

/* Whether libcurl still has the connection, after the answer's end. */
static bool is_alive(const struct diffd_curl_exchange *exchange) {
  curl_socket_t socket = CURL_SOCKET_BAD;
  return exchange->done && !exchange->faulted && exchange->code == CURLE_OK &&
         curl_easy_getinfo(exchange->link->easy, CURLINFO_ACTIVESOCKET, &socket) == CURLE_OK &&
         socket != CURL_SOCKET_BAD;
}

void diffd_curl_exchange_destroy(struct diffd_curl_exchange *exchange) {
  if (exchange == NULL)
    return;
  if (exchange->link != NULL) {
    bool alive = false;
    if (exchange->attached) {
      throw_rest_away(exchange);
      alive = is_alive(exchange);
      (void)curl_multi_remove_handle(exchange->link->multi, exchange->link->easy);
    }
    curl_easy_reset(exchange->link->easy);
    diffd_curl_pool_give_back(exchange->pool, exchange->link, alive);
  }
  curl_slist_free_all(exchange->fields);
  diffd_http_head_clean_up(&exchange->head);
  free(exchange->origin);
  free(exchange);
}
