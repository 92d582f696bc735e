/* SPDX-License-Identifier: Apache-2.0 */
#include "net/curl_setup.h"

#include <string.h>
#include <strings.h>

enum { FIELD_MAX_BYTES = 16 * 1024, HTTP_PROXY_PORT = 80, SOCKS_PROXY_PORT = 1080 };

static bool has_field(const struct diffd_http_request *request, const char *name) {
  for (size_t i = 0; i < request->header_count; i++)
    if (strcasecmp(request->headers[i].name, name) == 0)
      return true;
  return false;
}

static enum diffd_status append_line(struct curl_slist **fields, const char *line, struct diffd_error *err) {
  struct curl_slist *longer = curl_slist_append(*fields, line);
  if (longer == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the fields of a request");
  *fields = longer;
  return DIFFD_OK;
}

static enum diffd_status append_field(struct curl_slist **fields, const struct diffd_http_header *header,
                                      struct diffd_error *err) {
  struct diffd_buffer line = diffd_buffer_init(FIELD_MAX_BYTES);
  if (strpbrk(header->name, "\r\n:; ") != NULL || header->name[0] == '\0' ||
      strpbrk(header->value, "\r\n") != NULL)
    return diffd_fail(err, DIFFD_INVALID,
                      "a field of the request cannot be sent: it holds a line end, or its "
                      "name is none");
  /* An empty value is spelled with a semicolon, for libcurl; a colon alone would take the field away. */
  enum diffd_status status = header->value[0] != '\0'
                                 ? diffd_buffer_printf(&line, err, "%s: %s", header->name, header->value)
                                 : diffd_buffer_printf(&line, err, "%s;", header->name);
  if (status == DIFFD_OK)
    status = diffd_buffer_append(&line, "", 1, err);
  if (status == DIFFD_OK)
    status = append_line(fields, line.ptr, err);
  diffd_buffer_clean_up(&line);
  return status;
}

/* The request's fields, and what takes away those that libcurl would add by itself. */
static enum diffd_status make_fields(const struct diffd_curl_exchange_options *options,
                                     struct curl_slist **fields, struct diffd_error *err) {
  static const char *const unasked[] = {"Accept", "Expect", "Content-Type"};
  const struct diffd_http_request *request = options->request;
  enum diffd_status status = DIFFD_OK;
  for (size_t i = 0; status == DIFFD_OK && i < request->header_count; i++)
    status = append_field(fields, &request->headers[i], err);
  for (size_t i = 0; status == DIFFD_OK && i < sizeof unasked / sizeof unasked[0]; i++) {
    char line[32];
    if (has_field(request, unasked[i]))
      continue;
    (void)snprintf(line, sizeof line, "%s:", unasked[i]);
    status = append_line(fields, line, err);
  }
  if (status == DIFFD_OK && options->ask_gzip)
    status = append_line(fields, "Accept-Encoding: gzip", err);
  return status;
}

/* The method, and whether a body goes with it. POST and PUT always have one, if an empty one, so that
 * Content-Length is sent. */
static bool set_method(CURL *easy, const struct diffd_http_request *request) {
  bool has_body = request->body.ptr != NULL || strcmp(request->method, "POST") == 0 ||
                  strcmp(request->method, "PUT") == 0;
  CURLcode code;
  if (strcmp(request->method, "HEAD") == 0)
    code = curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  else if (has_body)
    code = curl_easy_setopt(easy, CURLOPT_POST, 1L);
  else
    code = curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
  if (has_body && code == CURLE_OK)
    code = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
  if (strcmp(request->method, "HEAD") != 0 && code == CURLE_OK)
    code = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
  return code == CURLE_OK;
}

/* Nothing comes from the environment: an empty proxy and an empty list of exceptions are said, too. */
static bool set_proxy(CURL *easy, const char *proxy) {
  long port = strncasecmp(proxy, "socks", 5) == 0 ? SOCKS_PROXY_PORT : HTTP_PROXY_PORT;
  return curl_easy_setopt(easy, CURLOPT_PROXY, proxy) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_NOPROXY, "") == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_PROXYPORT, port) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK;
}

static bool set_behaviour(CURL *easy, const struct diffd_curl_exchange_options *options) {
  return curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
         /* A name that is being looked up when the caller gives up is left to its thread. */
         curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_USERAGENT, "vpcflow-diffd") == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_timeout_ms) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)DIFFD_CURL_RECEIVE_BYTES) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
         /* The authorities to trust are read once for all connections, see curl_client.c. */
         curl_easy_setopt(easy, CURLOPT_CAINFO, NULL) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L) == CURLE_OK;
}

enum diffd_status diffd_curl_setup(CURL *easy, const struct diffd_curl_exchange_options *options,
                                   struct curl_slist **ret_fields, struct diffd_error *err) {
  if (options->request->method[0] == '\0' || strpbrk(options->request->method, "\r\n ") != NULL)
    return diffd_fail(err, DIFFD_INVALID, "the request's method is none");
  enum diffd_status status = make_fields(options, ret_fields, err);
  if (status != DIFFD_OK)
    return status;
  if (curl_easy_setopt(easy, CURLOPT_URL, options->request->url) != CURLE_OK ||
      curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *ret_fields) != CURLE_OK)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a request");
  if (!set_behaviour(easy, options) || !set_method(easy, options->request) ||
      !set_proxy(easy, options->proxy))
    return diffd_fail(err, DIFFD_INTERNAL, "libcurl lacks an option");
  return DIFFD_OK;
}
