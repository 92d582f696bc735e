/* SPDX-License-Identifier: Apache-2.0 */
#include "net/s3_send.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/thread.h"
#include "diffd/log.h"
#include "net/openssl_library.h"
#include "net/sigv4.h"

enum {
  RETRIES = 5,
  PATIENT_RETRIES = 9,
  PAUSE_MS = 100,
  PAUSE_MAX_MS = 5000,
  LOOK_MS = 50, /* how often a pause looks whether it should end */
  HEAD_TIMEOUT_MS = 30000,
  PATIENT_HEAD_TIMEOUT_MS = 120000,
  SLOWEST_BYTES_PER_MS = 32, /* what an upload must get through at least */
  STALL_TIMEOUT_MS = 30000,
  URL_MAX = 16 * 1024,
  HEADERS_MAX = DIFFD_S3_CALL_HEADERS_MAX + 6,
  MD5_BYTES = 16,
  MD5_TEXT_MAX = 25,
};

/* One call on its way: what all tries share. */
struct sending {
  struct diffd_s3 *s3;
  const struct diffd_context *ctx;
  const struct diffd_s3_call *call;
  struct diffd_buffer path; /* encoded, NUL-terminated */
  struct diffd_buffer url;
  char payload_sha256[DIFFD_SHA256_HEX];
  char content_md5[MD5_TEXT_MAX]; /* "" where there is no body */
  struct diffd_credentials credentials;
  bool has_credentials;
  bool clock_set;
  bool renewed;
};

unsigned diffd_s3_retries(const struct diffd_s3_call *call) {
  return call->patient ? PATIENT_RETRIES : RETRIES;
}

/* SplitMix64 over the number of the draw: enough to keep clients from trying again in step. */
static uint64_t draw(struct diffd_s3 *s3) {
  uint64_t x = s3->options.seed + (atomic_fetch_add(&s3->draws, 1) + 1) * UINT64_C(0x9E3779B97F4A7C15);
  x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
  return x ^ (x >> 31);
}

bool diffd_s3_pause(struct diffd_s3 *s3, const struct diffd_context *ctx, unsigned attempt) {
  uint64_t longest = s3->options.retry_pause_ms;
  while (attempt-- > 1 && longest < PAUSE_MAX_MS)
    longest *= 2;
  if (longest > PAUSE_MAX_MS)
    longest = PAUSE_MAX_MS;
  uint64_t left = longest / 2 + draw(s3) % (longest / 2 + 1);
  while (left > 0 && !diffd_context_cancelled(ctx)) {
    uint64_t step = left < LOOK_MS ? left : LOOK_MS;
    const struct timespec pause = {.tv_nsec = (long)step * 1000000};
    (void)nanosleep(&pause, NULL);
    left -= step;
  }
  return !diffd_context_cancelled(ctx);
}

struct diffd_s3_asked diffd_s3_asked(const struct diffd_s3 *s3, const struct diffd_s3_call *call,
                                     const char *access_key_id) {
  return (struct diffd_s3_asked){.bucket = s3->options.bucket,
                                 .bucket_setting = s3->options.bucket_setting,
                                 .region = s3->options.region,
                                 .region_setting = s3->options.region_setting,
                                 .host = s3->endpoint.authority,
                                 .access_key_id = access_key_id,
                                 .doing = call->doing,
                                 .action = call->action,
                                 .key = call->key,
                                 .reads = call->reads};
}

/* S3 verifies the body by the signature's hash already; Content-MD5 is what buckets with Object Lock and
 * older servers want to see. Where OpenSSL has no MD5 (FIPS) it is left out. */
static enum diffd_status digest_body(struct sending *sending, struct diffd_error *err) {
  unsigned char md5[EVP_MAX_MD_SIZE];
  unsigned len = 0;
  struct diffd_span body = sending->call->body;
  enum diffd_status status = diffd_sha256_hex((struct diffd_span){body.len > 0 ? body.ptr : "", body.len},
                                              sending->payload_sha256, err);
  if (status != DIFFD_OK)
    return status;
  sending->content_md5[0] = '\0';
  if (body.len > 0 && EVP_Digest(body.ptr, body.len, md5, &len, EVP_md5(), NULL) == 1 && len == MD5_BYTES)
    (void)EVP_EncodeBlock((unsigned char *)sending->content_md5, md5, MD5_BYTES);
  return DIFFD_OK;
}

static enum diffd_status make_url(struct sending *sending, struct diffd_error *err) {
  const struct diffd_s3_endpoint *endpoint = &sending->s3->endpoint;
  const char *query = sending->call->query;
  enum diffd_status status = diffd_buffer_printf(&sending->path, err, "%s", endpoint->root);
  if (status == DIFFD_OK && (sending->call->key.ptr != NULL || endpoint->root[0] == '\0'))
    status = diffd_buffer_append(&sending->path, "/", 1, err);
  if (status == DIFFD_OK && sending->call->key.ptr != NULL)
    status = diffd_uri_encode(&sending->path, sending->call->key, true, err);
  if (status == DIFFD_OK)
    status = diffd_buffer_append(&sending->path, "", 1, err);
  if (status == DIFFD_OK)
    status = diffd_buffer_printf(&sending->url, err, "%s%s%s%s", endpoint->base, sending->path.ptr,
                                 query != NULL ? "?" : "", query != NULL ? query : "");
  return status;
}

static int64_t server_now(const struct diffd_s3 *s3) {
  const struct diffd_clock *clock = s3->options.clock;
  return clock->wall(clock->arg).seconds + (int64_t)atomic_load(&s3->skew_seconds);
}

/* An upload's head comes after the body has gone out, so that a slow line needs more time. */
static uint64_t head_timeout_ms(const struct diffd_s3_call *call) {
  return (call->patient ? PATIENT_HEAD_TIMEOUT_MS : HEAD_TIMEOUT_MS) + call->body.len / SLOWEST_BYTES_PER_MS;
}

static void add(struct diffd_http_header *headers, size_t *count, const char *name, const char *value) {
  headers[(*count)++] = (struct diffd_http_header){name, value};
}

static enum diffd_status send_once(struct sending *sending, struct diffd_http_response *ret,
                                   struct diffd_error *err) {
  const struct diffd_s3_call *call = sending->call;
  struct diffd_http_header headers[HEADERS_MAX];
  size_t count = 0;
  for (size_t i = 0; i < call->header_count; i++)
    headers[count++] = call->headers[i];
  if (sending->content_md5[0] != '\0')
    add(headers, &count, "Content-MD5", sending->content_md5);
  const struct diffd_sigv4_request request = {.method = call->method,
                                              .host = sending->s3->endpoint.authority,
                                              .path = sending->path.ptr,
                                              .query = call->query != NULL ? call->query : "",
                                              .headers = headers,
                                              .header_count = count,
                                              .payload_sha256 = sending->payload_sha256,
                                              .region = sending->s3->options.region,
                                              .service = "s3",
                                              .now = server_now(sending->s3)};
  struct diffd_sigv4_signature signature;
  enum diffd_status status = diffd_sigv4_sign(&request, &sending->credentials, &signature, err);
  if (status != DIFFD_OK)
    return status;
  add(headers, &count, "Authorization", signature.authorization.ptr);
  add(headers, &count, "X-Amz-Date", signature.amz_date);
  add(headers, &count, "X-Amz-Content-Sha256", sending->payload_sha256);
  if (sending->credentials.session_token[0] != '\0')
    add(headers, &count, "X-Amz-Security-Token", sending->credentials.session_token);
  /* Objects are to come as they are stored. Not signed: a proxy may change it. */
  add(headers, &count, "Accept-Encoding", "identity");
  const struct diffd_http_request http = {.method = call->method,
                                          .url = sending->url.ptr,
                                          .headers = headers,
                                          .header_count = count,
                                          .body = call->body,
                                          .header_timeout_ms = head_timeout_ms(call),
                                          .stall_timeout_ms = STALL_TIMEOUT_MS};
  status = diffd_http_client_send(sending->s3->options.client, sending->ctx, &http, ret, err);
  diffd_buffer_clean_up(&signature.authorization);
  return status;
}

/* The body of an answer that is no success, as far as we read it. */
static void read_answer(struct diffd_http_response *response, struct diffd_s3_answer *ret) {
  struct diffd_buffer body = diffd_buffer_init(DIFFD_S3_ANSWER_MAX);
  struct diffd_error ignored;
  char block[4096];
  size_t len;
  while (diffd_reader_read(response->body, block, sizeof block, &len, &ignored) == DIFFD_OK)
    if (diffd_buffer_append(&body, block, len, &ignored) != DIFFD_OK)
      break;
  diffd_s3_answer_read(response, (struct diffd_span){body.len > 0 ? body.ptr : "", body.len}, ret);
  diffd_buffer_clean_up(&body);
  diffd_reader_destroy(response->body);
}

static enum diffd_status get_credentials(struct sending *sending, struct diffd_error *err) {
  if (sending->has_credentials)
    return DIFFD_OK;
  enum diffd_status status =
      diffd_credentials_get(sending->s3->options.credentials, sending->ctx, &sending->credentials, err);
  if (status != DIFFD_OK)
    return diffd_fail_within(err, "S3 bucket \"%s\"", sending->s3->options.bucket);
  sending->has_credentials = true;
  return DIFFD_OK;
}

/* True where there are other credentials now, and the request may be tried with them. */
static bool renew(struct sending *sending) {
  struct diffd_credentials next;
  struct diffd_error ignored;
  struct diffd_credentials_source *source = sending->s3->options.credentials;
  if (sending->renewed)
    return false;
  sending->renewed = true;
  diffd_credentials_refused(source, &sending->credentials);
  if (diffd_credentials_get(source, sending->ctx, &next, &ignored) != DIFFD_OK)
    return false;
  bool others = strcmp(next.access_key_id, sending->credentials.access_key_id) != 0 ||
                strcmp(next.session_token, sending->credentials.session_token) != 0;
  sending->credentials = next;
  explicit_bzero(&next, sizeof next);
  if (others)
    diffd_log(sending->ctx->log, DIFFD_LOG_INFO, "credentials-renewed",
              {"bucket", sending->s3->options.bucket, 0},
              {"reason", "S3 no longer took the ones that were used", 0});
  return others;
}

/* Goes by S3's clock from now on. Told once, unless the difference changes. */
static bool set_clock(struct sending *sending, const struct diffd_s3_answer *answer) {
  struct diffd_s3 *s3 = sending->s3;
  if (sending->clock_set)
    return false;
  sending->clock_set = true;
  int64_t ahead = answer->server_time - s3->options.clock->wall(s3->options.clock->arg).seconds;
  int64_t before = (int64_t)atomic_exchange(&s3->skew_seconds, ahead);
  if (ahead - before > 1 || before - ahead > 1)
    diffd_log(
        sending->ctx->log, DIFFD_LOG_WARN, "clock-skew", {"bucket", s3->options.bucket, 0},
        {"behind_seconds", NULL, ahead},
        {"reason",
         "this machine's clock is not S3's: requests to S3 are signed by S3's clock; set the clock, and let "
         "NTP keep it",
         0});
  return true;
}

/* Whether the answer is worth another try, which comes after what it needs. */
static bool is_remedied(struct sending *sending, const struct diffd_s3_answer *answer, unsigned *tries) {
  switch (diffd_s3_answer_remedy(answer)) {
  case DIFFD_S3_SET_CLOCK:
    return set_clock(sending, answer);
  case DIFFD_S3_RENEW:
    return renew(sending);
  case DIFFD_S3_TRY_AGAIN:
    return ++*tries <= diffd_s3_retries(sending->call) && diffd_s3_pause(sending->s3, sending->ctx, *tries);
  default:
    return false;
  }
}

static enum diffd_status fail_unanswered(const struct sending *sending, unsigned tries,
                                         struct diffd_error *err) {
  if (err->status != DIFFD_UNAVAILABLE)
    return diffd_fail_within(err, "S3 bucket \"%s\"", sending->s3->options.bucket);
  return diffd_fail_within(err, "S3 bucket \"%s\": no answer after %u tries", sending->s3->options.bucket,
                           tries);
}

static enum diffd_status send_until_done(struct sending *sending, struct diffd_http_response *ret,
                                         struct diffd_s3_answer *answer, struct diffd_error *err) {
  unsigned tries = 0;
  for (;;) {
    struct diffd_http_response response;
    enum diffd_status status = get_credentials(sending, err);
    if (status != DIFFD_OK)
      return status;
    status = send_once(sending, &response, err);
    if (status == DIFFD_OK && response.status >= 200 && response.status <= 299) {
      answer->status = response.status;
      *ret = response;
      return DIFFD_OK;
    }
    if (status != DIFFD_OK) {
      if (status != DIFFD_UNAVAILABLE || ++tries > diffd_s3_retries(sending->call))
        return fail_unanswered(sending, tries, err);
      if (!diffd_s3_pause(sending->s3, sending->ctx, tries))
        return diffd_fail(err, DIFFD_CANCELLED, "asking S3 was cancelled");
      continue;
    }
    read_answer(&response, answer);
    if (diffd_context_cancelled(sending->ctx))
      return diffd_fail(err, DIFFD_CANCELLED, "asking S3 was cancelled");
    if (!is_remedied(sending, answer, &tries)) {
      /* A pause that was cut short says nothing about S3. */
      if (diffd_context_cancelled(sending->ctx))
        return diffd_fail(err, DIFFD_CANCELLED, "asking S3 was cancelled");
      const struct diffd_s3_asked asked =
          diffd_s3_asked(sending->s3, sending->call, sending->credentials.access_key_id);
      return diffd_s3_answer_fail(answer, &asked, err);
    }
  }
}

enum diffd_status diffd_s3_send(struct diffd_s3 *s3, const struct diffd_context *ctx,
                                const struct diffd_s3_call *call, struct diffd_http_response *ret,
                                struct diffd_s3_answer *ret_answer, struct diffd_error *err) {
  struct diffd_s3_answer answer = {0};
  if (call->key.ptr != NULL && (call->key.len == 0 || call->key.len > DIFFD_S3_KEY_MAX))
    return diffd_fail(err, DIFFD_INVALID, "a key of S3 has 1 to %d bytes", DIFFD_S3_KEY_MAX);
  struct sending *sending = calloc(1, sizeof *sending);
  if (sending == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a request to S3");
  sending->s3 = s3;
  sending->ctx = ctx;
  sending->call = call;
  sending->path = diffd_buffer_init(URL_MAX);
  sending->url = diffd_buffer_init(URL_MAX);
  enum diffd_status status = digest_body(sending, err);
  if (status == DIFFD_OK)
    status = make_url(sending, err);
  if (status == DIFFD_OK)
    status = send_until_done(sending, ret, &answer, err);
  if (ret_answer != NULL)
    *ret_answer = answer;
  diffd_buffer_clean_up(&sending->path);
  diffd_buffer_clean_up(&sending->url);
  explicit_bzero(&sending->credentials, sizeof sending->credentials);
  free(sending);
  return status;
}

enum diffd_status diffd_s3_ask(struct diffd_s3 *s3, const struct diffd_context *ctx,
                               const struct diffd_s3_call *call, struct diffd_buffer *ret,
                               struct diffd_s3_answer *ret_answer, struct diffd_error *err) {
  struct diffd_http_response response = {0};
  char block[4096];
  size_t len = 0;
  enum diffd_status status = diffd_s3_send(s3, ctx, call, &response, ret_answer, err);
  if (status != DIFFD_OK)
    return status;
  while ((status = diffd_reader_read(response.body, block, sizeof block, &len, err)) == DIFFD_OK)
    if ((status = diffd_buffer_append(ret, block, len, err)) != DIFFD_OK)
      break;
  diffd_reader_destroy(response.body);
  if (status == DIFFD_END)
    return DIFFD_OK;
  return diffd_fail_within(err, "S3 bucket \"%s\": reading the answer", s3->options.bucket);
}

int64_t diffd_s3_number(const char *text) {
  int64_t number = 0;
  size_t digits = strspn(text, "0123456789");
  if (digits == 0 || digits > 18 || text[digits] != '\0')
    return -1;
  for (size_t i = 0; i < digits; i++)
    number = number * 10 + (text[i] - '0');
  return number;
}
