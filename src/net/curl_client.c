/* SPDX-License-Identifier: Apache-2.0 */
#include "net/curl_client.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/thread.h"
#include "net/curl_exchange.h"
#include "net/gunzip.h"
#include "net/openssl_library.h"
#include "net/proxy.h"

enum {
  IDLE_MAX = 100,
  IDLE_TIMEOUT_MS = 90 * 1000,
  LIFETIME_MS = 10 * 60 * 1000,
  LIFETIME_JITTER_MS = 60 * 1000,
  CONNECT_TIMEOUT_MS = 30 * 1000,
  TLS_TIMEOUT_MS = 1000,
  ANSWER_TIMEOUT_MS = 60 * 1000,
  PLACE_MAX_BYTES = 4096,
  PAUSE_STEP_MS = 50,
};

struct curl_client {
  struct diffd_http_client base;
  struct diffd_curl_client_options options; /* its proxies are ours */
  struct diffd_curl_pool *pool;
  X509_STORE *trusted;
};

/* ---- where a request goes ---- */

struct place {
  struct diffd_buffer origin; /* scheme://host:port, for texts */
  struct diffd_buffer key;    /* the same and the proxy, for the pool */
  const char *proxy;
};

static void place_clean_up(struct place *place) {
  diffd_buffer_clean_up(&place->origin);
  diffd_buffer_clean_up(&place->key);
}

static enum diffd_status describe_place(const struct curl_client *client, const char *scheme,
                                        const char *host, const char *port, struct place *place,
                                        struct diffd_error *err) {
  place->proxy = client->options.no_proxy ? ""
                                          : diffd_proxy_choose(&client->options.proxies, scheme, host,
                                                               (unsigned)strtoul(port, NULL, 10));
  enum diffd_status status = diffd_buffer_printf(&place->origin, err, "%s://%s:%s", scheme, host, port);
  if (status == DIFFD_OK)
    status = diffd_buffer_append(&place->origin, "", 1, err);
  if (status == DIFFD_OK)
    status = diffd_buffer_printf(&place->key, err, "%s %s", place->origin.ptr, place->proxy);
  return status == DIFFD_OK ? diffd_buffer_append(&place->key, "", 1, err) : status;
}

static enum diffd_status find_place(const struct curl_client *client, const char *url, struct place *place,
                                    struct diffd_error *err) {
  char *scheme = NULL;
  char *host = NULL;
  char *port = NULL;
  CURLU *parts = curl_url();
  CURLUcode code = parts == NULL ? CURLUE_OUT_OF_MEMORY : curl_url_set(parts, CURLUPART_URL, url, 0);
  if (code == CURLUE_OK)
    code = curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0);
  if (code == CURLUE_OK)
    code = curl_url_get(parts, CURLUPART_HOST, &host, 0);
  if (code == CURLUE_OK)
    code = curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
  enum diffd_status status;
  if (code == CURLUE_OUT_OF_MEMORY)
    status = diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a URL");
  else if (code != CURLUE_OK)
    status = diffd_fail(err, DIFFD_INVALID, "the URL cannot be used: %s", curl_url_strerror(code));
  else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
    status = diffd_fail(err, DIFFD_INVALID, "the URL must begin with http:// or https://");
  else
    status = describe_place(client, scheme, host, port, place, err);
  curl_free(scheme);
  curl_free(host);
  curl_free(port);
  curl_url_cleanup(parts);
  return status;
}

/* ---- sending ---- */

static bool asks(const struct diffd_http_request *request, const char *name) {
  for (size_t i = 0; i < request->header_count; i++)
    if (strcasecmp(request->headers[i].name, name) == 0)
      return true;
  return false;
}

/* As Go does: not for HEAD, whose length would be that of the packed body, and not for ranges. */
static bool should_ask_gzip(const struct diffd_http_request *request) {
  return !asks(request, "Accept-Encoding") && !asks(request, "Range") && strcmp(request->method, "HEAD") != 0;
}

static bool is_worth_another_try(unsigned http_status) {
  return http_status == 500 || http_status == 502 || http_status == 503;
}

static enum diffd_status sleep_ms(const struct diffd_context *ctx, uint64_t ms, const char *origin,
                                  struct diffd_error *err) {
  uint64_t until = diffd_monotonic_ms() + ms;
  for (uint64_t now = until - ms; now < until; now = diffd_monotonic_ms()) {
    if (diffd_context_cancelled(ctx))
      return diffd_fail(err, DIFFD_CANCELLED, "%s: the request was cancelled", origin);
    uint64_t step = until - now < PAUSE_STEP_MS ? until - now : PAUSE_STEP_MS;
    const struct timespec wait = {.tv_nsec = (long)step * 1000000};
    (void)nanosleep(&wait, NULL);
  }
  return DIFFD_OK;
}

/* Tries until there is an answer to give out. */
static enum diffd_status try_often(const struct curl_client *client,
                                   const struct diffd_curl_exchange_options *options,
                                   struct diffd_curl_exchange **ret, struct diffd_error *err) {
  for (unsigned tries = 1;; tries++) {
    struct diffd_curl_exchange *exchange = NULL;
    bool again = false;
    enum diffd_status status = diffd_curl_exchange_new(options, &exchange, &again, err);
    if (status == DIFFD_OK)
      again = is_worth_another_try(diffd_curl_exchange_head(exchange)->status);
    /* What came last is told where the next try would begin too late. */
    if (!again || tries > client->options.retries ||
        diffd_monotonic_ms() + client->options.retry_pause_ms >= options->deadline_ms) {
      if (status == DIFFD_OK)
        *ret = exchange;
      return status;
    }
    status = exchange != NULL ? diffd_curl_exchange_pause(exchange, client->options.retry_pause_ms, err)
                              : sleep_ms(options->ctx, client->options.retry_pause_ms, options->origin, err);
    diffd_curl_exchange_destroy(exchange);
    if (status != DIFFD_OK)
      return status;
  }
}

static enum diffd_status give_out(struct diffd_curl_exchange *exchange, bool asked_gzip, const char *origin,
                                  struct diffd_http_response *ret, struct diffd_error *err) {
  const struct diffd_http_head *head = diffd_curl_exchange_head(exchange);
  struct diffd_http_response response = {.status = head->status,
                                         .headers = head->headers,
                                         .header_count = head->count,
                                         .body_bytes = diffd_curl_exchange_body_bytes(exchange),
                                         .body = diffd_curl_exchange_reader(exchange)};
  if (asked_gzip && (diffd_http_head_has_token(head, "content-encoding", "gzip") ||
                     diffd_http_head_has_token(head, "content-encoding", "x-gzip"))) {
    enum diffd_status status = diffd_gunzip_new(response.body, origin, &response.body, err);
    if (status != DIFFD_OK)
      return status;
    response.body_bytes = -1;
  }
  *ret = response;
  return DIFFD_OK;
}

static enum diffd_status client_send(struct diffd_http_client *self, const struct diffd_context *ctx,
                                     const struct diffd_http_request *request,
                                     struct diffd_http_response *ret, struct diffd_error *err) {
  const struct curl_client *client = (const struct curl_client *)self;
  CLEANUP(place_clean_up)
  struct place place = {diffd_buffer_init(PLACE_MAX_BYTES), diffd_buffer_init(2 * PLACE_MAX_BYTES), ""};
  enum diffd_status status = find_place(client, request->url, &place, err);
  if (status != DIFFD_OK)
    return status;
  struct diffd_http_request full = *request;
  if (full.header_timeout_ms == 0)
    full.header_timeout_ms = ANSWER_TIMEOUT_MS;
  if (full.stall_timeout_ms == 0)
    full.stall_timeout_ms = ANSWER_TIMEOUT_MS;
  const struct diffd_curl_exchange_options options = {
      .pool = client->pool,
      .ctx = ctx,
      .request = &full,
      .place = place.key.ptr,
      .origin = place.origin.ptr,
      .proxy = place.proxy,
      .trusted = client->trusted,
      .deadline_ms = diffd_monotonic_ms() + full.header_timeout_ms,
      .connect_timeout_ms = client->options.connect_timeout_ms,
      .tls_timeout_ms = client->options.tls_timeout_ms,
      .ask_gzip = should_ask_gzip(request)};
  struct diffd_curl_exchange *exchange;
  status = try_often(client, &options, &exchange, err);
  if (status != DIFFD_OK)
    return status;
  return give_out(exchange, options.ask_gzip, place.origin.ptr, ret, err);
}

/* ---- life ---- */

static void client_destroy(struct diffd_http_client *self) {
  struct curl_client *client = (struct curl_client *)self;
  diffd_curl_pool_destroy(client->pool);
  X509_STORE_free(client->trusted);
  free((void *)(uintptr_t)client->options.proxies.http);
  free((void *)(uintptr_t)client->options.proxies.https);
  free((void *)(uintptr_t)client->options.proxies.no);
  free(client);
  curl_global_cleanup();
}

static const struct diffd_http_client_ops client_ops = {.send = client_send, .destroy = client_destroy};

static bool copy_text(const char **text) {
  if (*text == NULL)
    return true;
  *text = strdup(*text);
  return *text != NULL;
}

static enum diffd_status client_fill(struct curl_client *client,
                                     const struct diffd_curl_client_options *options,
                                     struct diffd_error *err) {
  client->options = *options;
  bool copied = copy_text(&client->options.proxies.http);
  copied = copy_text(&client->options.proxies.https) && copied;
  copied = copy_text(&client->options.proxies.no) && copied;
  if (!copied)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for an HTTP client");
  if (client->options.connect_timeout_ms == 0)
    client->options.connect_timeout_ms = CONNECT_TIMEOUT_MS;
  if (client->options.tls_timeout_ms == 0)
    client->options.tls_timeout_ms = TLS_TIMEOUT_MS;
  /* Where OpenSSL looks for authorities: the system's, or SSL_CERT_FILE and SSL_CERT_DIR. One for all
   * connections: each would read all of them again. */
  client->trusted = X509_STORE_new();
  if (client->trusted == NULL || X509_STORE_set_default_paths(client->trusted) != 1)
    return diffd_fail(err, DIFFD_INTERNAL, "OpenSSL has no place for the authorities to trust");
  const struct diffd_curl_pool_options pool = {
      .idle_max = IDLE_MAX,
      .idle_timeout_ms = options->idle_timeout_ms != 0 ? options->idle_timeout_ms : IDLE_TIMEOUT_MS,
      .lifetime_ms = options->lifetime_ms != 0 ? options->lifetime_ms : LIFETIME_MS,
      .jitter_ms = options->lifetime_ms != 0 ? options->lifetime_ms / 10 : LIFETIME_JITTER_MS};
  return diffd_curl_pool_new(&pool, &client->pool, err);
}

enum diffd_status diffd_curl_client_new(const struct diffd_curl_client_options *options,
                                        struct diffd_http_client **ret, struct diffd_error *err) {
  enum diffd_status loaded = diffd_curl_load(err);
  if (loaded == DIFFD_OK)
    loaded = diffd_openssl_load(err);
  if (loaded != DIFFD_OK)
    return loaded;
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    return diffd_fail(err, DIFFD_INTERNAL, "libcurl cannot be used: it fails to set itself up");
  struct curl_client *client = calloc(1, sizeof *client);
  if (client == NULL) {
    curl_global_cleanup();
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for an HTTP client");
  }
  client->base.ops = &client_ops;
  enum diffd_status status = client_fill(client, options, err);
  if (status != DIFFD_OK) {
    client_destroy(&client->base);
    return status;
  }
  *ret = &client->base;
  return DIFFD_OK;
}
