/* SPDX-License-Identifier: Apache-2.0 */
#include "net/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/curl_library.h"

enum diffd_status diffd_url_resolve(const char *base, const char *reference, char **ret,
                                    struct diffd_error *err) {
  enum diffd_status status = diffd_curl_load(err);
  if (status != DIFFD_OK)
    return status;
  CURLU *url = curl_url();
  char *text = NULL;
  CURLUcode code = url == NULL ? CURLUE_OUT_OF_MEMORY : curl_url_set(url, CURLUPART_URL, base, 0);
  if (code == CURLUE_OK)
    code = curl_url_set(url, CURLUPART_URL, reference, 0);
  if (code == CURLUE_OK)
    code = curl_url_get(url, CURLUPART_URL, &text, 0);
  curl_url_cleanup(url);
  if (code == CURLUE_OUT_OF_MEMORY)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a URL");
  if (code != CURLUE_OK)
    return diffd_fail(err, DIFFD_INVALID, "it is no URL: %s", curl_url_strerror(code));
  char *copy = strdup(text);
  curl_free(text);
  if (copy == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a URL");
  *ret = copy;
  return DIFFD_OK;
}

/* Copies one part of the URL; what is absent becomes `absent`. */
static enum diffd_status copy_part(CURLU *url, CURLUPart part, const char *absent, char *ret, size_t size,
                                   struct diffd_error *err) {
  char *text = NULL;
  CURLUcode code = curl_url_get(url, part, &text, 0);
  if (code == CURLUE_OUT_OF_MEMORY)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a URL");
  int len = snprintf(ret, size, "%s", code == CURLUE_OK ? text : absent);
  curl_free(text);
  if (len < 0 || (size_t)len >= size)
    return diffd_fail(err, DIFFD_INVALID, "a part of the URL is longer than %zu bytes", size - 1);
  return DIFFD_OK;
}

static bool has_part(CURLU *url, CURLUPart part) {
  char *text = NULL;
  bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK;
  curl_free(text);
  return has;
}

static enum diffd_status split(CURLU *url, struct diffd_url_parts *parts, struct diffd_error *err) {
  char scheme[16] = "";
  char port[8] = "";
  enum diffd_status status = copy_part(url, CURLUPART_SCHEME, "", scheme, sizeof scheme, err);
  if (status != DIFFD_OK)
    return status;
  parts->https = strcasecmp(scheme, "https") == 0;
  if (!parts->https && strcasecmp(scheme, "http") != 0)
    return diffd_fail(err, DIFFD_INVALID, "the URL begins with neither http:// nor https://");
  if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD))
    return diffd_fail(err, DIFFD_INVALID, "the URL holds a user or a password, which are not sent");
  status = copy_part(url, CURLUPART_HOST, "", parts->host, sizeof parts->host, err);
  if (status == DIFFD_OK)
    status = copy_part(url, CURLUPART_PORT, "", port, sizeof port, err);
  if (status == DIFFD_OK)
    status = copy_part(url, CURLUPART_PATH, "/", parts->path, sizeof parts->path, err);
  if (status == DIFFD_OK)
    status = copy_part(url, CURLUPART_QUERY, "", parts->query, sizeof parts->query, err);
  if (status != DIFFD_OK)
    return status;
  if (strcmp(port, parts->https ? "443" : "80") == 0)
    port[0] = '\0';
  (void)snprintf(parts->authority, sizeof parts->authority, "%s%s%s", parts->host, port[0] != '\0' ? ":" : "",
                 port);
  size_t len = strlen(parts->host);
  if (parts->host[0] == '[' && parts->host[len - 1] == ']') {
    memmove(parts->host, parts->host + 1, len - 2);
    parts->host[len - 2] = '\0';
  }
  return DIFFD_OK;
}

enum diffd_status diffd_url_split(const char *text, struct diffd_url_parts *ret, struct diffd_error *err) {
  struct diffd_url_parts parts;
  enum diffd_status status = diffd_curl_load(err);
  if (status != DIFFD_OK)
    return status;
  CURLU *url = curl_url();
  CURLUcode code =
      url == NULL ? CURLUE_OUT_OF_MEMORY : curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
  if (code == CURLUE_OUT_OF_MEMORY)
    status = diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a URL");
  else if (code != CURLUE_OK)
    status = diffd_fail(err, DIFFD_INVALID, "it is no URL: %s", curl_url_strerror(code));
  else
    status = split(url, &parts, err);
  curl_url_cleanup(url);
  if (status == DIFFD_OK)
    *ret = parts;
  return status;
}
