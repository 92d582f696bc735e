/* SPDX-License-Identifier: Apache-2.0 */
#include "service/aws_access.h"

#include "net/curl_client.h"

/* An agent that is not there, as on a machine that is none of AWS, must not hold anybody up. */
enum { DIRECT_CONNECT_TIMEOUT_MS = 1000 };

enum diffd_status diffd_aws_access_make(const struct diffd_config *config, struct diffd_aws_access *ret,
                                        struct diffd_error *err) {
  const struct diffd_curl_client_options options = {.proxies = config->proxies};
  const struct diffd_curl_client_options direct = {.connect_timeout_ms = DIRECT_CONNECT_TIMEOUT_MS,
                                                   .no_proxy = true};
  struct diffd_aws_access access = {0};
  enum diffd_status status = diffd_curl_client_new(&options, &access.client, err);
  if (status == DIFFD_OK)
    status = diffd_curl_client_new(&direct, &access.direct_client, err);
  if (status == DIFFD_OK) {
    const char *region = config->storage_bucket.region;
    const struct diffd_credentials_options credentials = {
        .config = &config->aws,
        .region = region != NULL ? region : config->progress_bucket.region,
        .client = access.client,
        .direct_client = access.direct_client,
        .clock = &diffd_system_clock};
    status = diffd_credentials_source_new(&credentials, &access.credentials, err);
  }
  if (status == DIFFD_OK)
    *ret = access;
  else
    diffd_aws_access_clean_up(&access);
  return status;
}

void diffd_aws_access_clean_up(struct diffd_aws_access *access) {
  diffd_credentials_source_destroy(access->credentials);
  diffd_http_client_destroy(access->direct_client);
  diffd_http_client_destroy(access->client);
  *access = (struct diffd_aws_access){0};
}
