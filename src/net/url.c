/* SPDX-License-Identifier: Apache-2.0 */
#include "net/url.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

enum diffd_status diffd_url_resolve(const char *base, const char *reference, char **ret,
                                    struct diffd_error *err) {
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
    return diffd_fail(err, DIFFD_INVALID, "%s is no URL: %s", reference, curl_url_strerror(code));
  char *copy = strdup(text);
  curl_free(text);
  if (copy == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a URL");
  *ret = copy;
  return DIFFD_OK;
}
