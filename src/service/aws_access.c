/* SPDX-License-Identifier: Apache-2.0 */
#include "service/aws_access.h"

#include <errno.h>
#include <sys/random.h>

#include "net/curl_client.h"

/* The S3 client tries again by itself, so that one try must not take too long. An agent that is not there, as
 * on a machine that is none of AWS, must not hold anybody up. */
enum { CONNECT_TIMEOUT_MS = 5000, TLS_TIMEOUT_MS = 5000, DIRECT_CONNECT_TIMEOUT_MS = 1000 };

enum diffd_status diffd_aws_access_make(const struct diffd_config *config, struct diffd_aws_access *ret,
                                        struct diffd_error *err) {
  const struct diffd_curl_client_options options = {
      .connect_timeout_ms = CONNECT_TIMEOUT_MS, .tls_timeout_ms = TLS_TIMEOUT_MS, .proxies = config->proxies};
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

enum diffd_status diffd_aws_bucket_open(const struct diffd_aws_access *access,
                                        const struct diffd_aws_config *config,
                                        const struct diffd_bucket *bucket, const char *bucket_setting,
                                        const char *region_setting, struct diffd_s3 **ret,
                                        struct diffd_error *err) {
  uint64_t seed;
  if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
    return diffd_fail_errno(err, errno, "asking for random bytes");
  const struct diffd_s3_options options = {
      .bucket = bucket->name,
      .region = bucket->region,
      .endpoint_url = config->endpoint_url_s3 != NULL ? config->endpoint_url_s3 : config->endpoint_url,
      .bucket_setting = bucket_setting,
      .region_setting = region_setting,
      .client = access->client,
      .credentials = access->credentials,
      .clock = &diffd_system_clock,
      .seed = seed};
  return diffd_s3_new(&options, ret, err);
}
