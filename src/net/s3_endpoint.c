/* SPDX-License-Identifier: Apache-2.0 */
#include "net/s3_endpoint.h"

#include <stdio.h>
#include <string.h>

enum { LABEL_MIN = 3, LABEL_MAX = 63, SHOWN_MAX = 80 };

/* AWS's partitions have domains of their own; all other regions are in the first. */
static const char default_domain[] = "amazonaws.com";
static const struct {
  const char *region_prefix;
  const char *domain;
} partitions[] = {
    {"cn-", "amazonaws.com.cn"},
    {"us-iso-", "c2s.ic.gov"},
    {"us-isob-", "sc2s.sgov.gov"},
    {"eusc-", "amazonaws.eu"},
};

static const char *domain_of(const char *region) {
  for (size_t i = 0; i < sizeof partitions / sizeof partitions[0]; i++)
    if (strncmp(region, partitions[i].region_prefix, strlen(partitions[i].region_prefix)) == 0)
      return partitions[i].domain;
  return default_domain;
}

static bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Old buckets may have capitals and underscores. */
static bool is_bucket(const char *bucket) {
  size_t len = strnlen(bucket, DIFFD_S3_BUCKET_MAX + 1);
  if (len == 0 || len > DIFFD_S3_BUCKET_MAX || strspn(bucket, ".") == len)
    return false;
  for (size_t i = 0; i < len; i++)
    if (!is_lower_or_digit(bucket[i]) && (bucket[i] < 'A' || bucket[i] > 'Z') &&
        strchr("._-", bucket[i]) == NULL)
      return false;
  return true;
}

static bool is_region(const char *region) {
  size_t len = strnlen(region, DIFFD_S3_REGION_MAX + 1);
  if (len == 0 || len > DIFFD_S3_REGION_MAX)
    return false;
  for (size_t i = 0; i < len; i++)
    if (!is_lower_or_digit(region[i]) && region[i] != '-')
      return false;
  return true;
}

/* Whether the name is one label of a host name (RFC 1123) that a wildcard certificate matches. */
static bool is_label(const char *bucket) {
  size_t len = strlen(bucket);
  if (len < LABEL_MIN || len > LABEL_MAX || bucket[0] == '-' || bucket[len - 1] == '-')
    return false;
  for (size_t i = 0; i < len; i++)
    if (!is_lower_or_digit(bucket[i]) && bucket[i] != '-')
      return false;
  return true;
}

static enum diffd_status make_for_aws(const char *bucket, const char *region, struct diffd_s3_endpoint *ret) {
  bool by_host = is_label(bucket);
  (void)snprintf(ret->authority, sizeof ret->authority, "%s%ss3.%s.%s", by_host ? bucket : "",
                 by_host ? "." : "", region, domain_of(region));
  (void)snprintf(ret->base, sizeof ret->base, "https://%s", ret->authority);
  (void)snprintf(ret->root, sizeof ret->root, "%s%s", by_host ? "" : "/", by_host ? "" : bucket);
  return DIFFD_OK;
}

static enum diffd_status make_for_other(const char *bucket, const char *endpoint_url,
                                        struct diffd_s3_endpoint *ret, struct diffd_error *err) {
  struct diffd_url_parts parts;
  enum diffd_status status = diffd_url_split(endpoint_url, &parts, err);
  if (status != DIFFD_OK)
    return status;
  if (parts.query[0] != '\0')
    return diffd_fail(err, DIFFD_INVALID, "the URL of an S3 server has no query");
  size_t len = strlen(parts.path);
  while (len > 0 && parts.path[len - 1] == '/')
    parts.path[--len] = '\0';
  if (len + 1 + strlen(bucket) > DIFFD_S3_ROOT_MAX)
    return diffd_fail(err, DIFFD_INVALID, "the path of the S3 server's URL is too long");
  (void)snprintf(ret->authority, sizeof ret->authority, "%s", parts.authority);
  (void)snprintf(ret->base, sizeof ret->base, "%s://%s", parts.https ? "https" : "http", parts.authority);
  (void)snprintf(ret->root, sizeof ret->root, "%s/%s", parts.path, bucket);
  return DIFFD_OK;
}

enum diffd_status diffd_s3_endpoint_make(const char *bucket, const char *region, const char *endpoint_url,
                                         struct diffd_s3_endpoint *ret, struct diffd_error *err) {
  struct diffd_s3_endpoint made;
  if (!is_bucket(bucket))
    return diffd_fail(err, DIFFD_INVALID,
                      "\"%.*s\" is no name of a bucket: letters, digits, dots, hyphens, and no ARN",
                      SHOWN_MAX, bucket);
  if (!is_region(region))
    return diffd_fail(err, DIFFD_INVALID, "\"%.*s\" is no name of a region: give one such as us-west-2",
                      SHOWN_MAX, region);
  enum diffd_status status = endpoint_url != NULL ? make_for_other(bucket, endpoint_url, &made, err)
                                                  : make_for_aws(bucket, region, &made);
  if (status == DIFFD_OK)
    *ret = made;
  return status;
}
