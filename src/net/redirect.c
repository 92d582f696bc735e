/* SPDX-License-Identifier: Apache-2.0 */
#include "net/redirect.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/thread.h"
#include "net/url.h"

enum { DEFAULT_HEADER_TIMEOUT_MS = 60000, HEADERS_MAX = 32 };

static bool keeps_its_meaning(const struct diffd_http_request *request, unsigned status) {
  bool reads = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
  return status == 307 || status == 308 || (reads && (status == 301 || status == 302 || status == 303));
}

static bool same_origin(const char *one, const char *other) {
  struct diffd_url_parts a, b;
  struct diffd_error ignored;
  return diffd_url_split(one, &a, &ignored) == DIFFD_OK && diffd_url_split(other, &b, &ignored) == DIFFD_OK &&
         a.https == b.https && strcasecmp(a.authority, b.authority) == 0;
}

/* Secrets are for the host that they were meant for. */
static void drop_secrets(struct diffd_http_request *request, struct diffd_http_header *kept) {
  size_t count = 0;
  for (size_t i = 0; i < request->header_count && count < HEADERS_MAX; i++)
    if (strcasecmp(request->headers[i].name, "Authorization") != 0 &&
        strcasecmp(request->headers[i].name, "Cookie") != 0)
      kept[count++] = request->headers[i];
  request->headers = kept;
  request->header_count = count;
}

/* Where the answer leads, which is never from https to http: that would show the request to anybody. *ret is
 * the caller's. */
static enum diffd_status next_url(const char *url, const char *location, char **ret,
                                  struct diffd_error *err) {
  struct diffd_url_parts parts;
  CLEANUP(freep) char *next = NULL;
  enum diffd_status status = diffd_url_resolve(url, location, &next, err);
  if (status == DIFFD_OK)
    status = diffd_url_split(next, &parts, err);
  if (status == DIFFD_OK && strncasecmp(url, "https:", 6) == 0 && !parts.https)
    return diffd_fail(err, DIFFD_UNAVAILABLE, "the answer redirects from https to http");
  if (status == DIFFD_OK)
    *ret = TAKE(next);
  else if (status != DIFFD_NO_MEMORY)
    status = diffd_fail(err, DIFFD_UNAVAILABLE, "the answer redirects to what is no http or https URL");
  return status;
}

enum diffd_status diffd_http_send_following(struct diffd_http_client *client, const struct diffd_context *ctx,
                                            const struct diffd_http_request *request,
                                            struct diffd_http_response *ret, struct diffd_error *err) {
  struct diffd_http_request hop = *request;
  struct diffd_http_header kept[HEADERS_MAX];
  struct diffd_http_response response;
  char *own_url = NULL;
  uint64_t allowed = request->header_timeout_ms != 0 ? request->header_timeout_ms : DEFAULT_HEADER_TIMEOUT_MS;
  uint64_t started = diffd_monotonic_ms();
  enum diffd_status status;
  for (unsigned hops = 0;; hops++) {
    uint64_t used = diffd_monotonic_ms() - started;
    hop.header_timeout_ms = used < allowed ? allowed - used : 1;
    status = diffd_http_client_send(client, ctx, &hop, &response, err);
    if (status != DIFFD_OK)
      break;
    const char *location = diffd_http_response_header(&response, "location");
    if (!keeps_its_meaning(request, response.status) || location == NULL) {
      *ret = response;
      break;
    }
    char *url = NULL;
    status = hops < DIFFD_REDIRECTS_MAX
                 ? next_url(hop.url, location, &url, err)
                 : diffd_fail(err, DIFFD_UNAVAILABLE, "the answer redirects more than %d times",
                              DIFFD_REDIRECTS_MAX);
    diffd_reader_destroy(response.body);
    if (status != DIFFD_OK)
      break;
    if (!same_origin(hop.url, url))
      drop_secrets(&hop, kept);
    free(own_url);
    hop.url = own_url = url;
  }
  free(own_url);
  return status;
}
