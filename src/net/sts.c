/* SPDX-License-Identifier: Apache-2.0 */
#include "net/sts.h"

#include <stdio.h>
#include <string.h>

#include "net/credentials_text.h"
#include "net/fetch.h"
#include "net/sigv4.h"
#include "net/url.h"
#include "net/xml_fields.h"

enum {
  STS_TRIES = 3,
  STS_PAUSE_MS = 200,
  STS_TIMEOUT_MS = 10000,
  FORM_MAX = 128 * 1024, /* a web identity's token of 20,000 characters, all of them encoded, and the rest */
  ENDPOINT_MAX = 512,
  REGION_MAX = 32,
};

/* Where a request goes, and the region that it is signed for. */
struct endpoint {
  char url[ENDPOINT_MAX];
  char region[REGION_MAX + 1];
};

/* ---- the endpoint ---- */

static const char *domain_of(const char *region) {
  static const struct {
    const char *prefix;
    const char *domain;
  } partitions[] = {
      {"cn-", "amazonaws.com.cn"},
      {"us-isob-", "sc2s.sgov.gov"},
      {"us-iso-", "c2s.ic.gov"},
      {"eusc-", "amazonaws.eu"},
  };
  for (size_t i = 0; i < sizeof partitions / sizeof partitions[0]; i++)
    if (strncmp(region, partitions[i].prefix, strlen(partitions[i].prefix)) == 0)
      return partitions[i].domain;
  return "amazonaws.com";
}

/* A region becomes part of a host's name, so it must not be able to make it another host. */
static bool is_region(const char *text) {
  size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
  return len > 0 && len <= REGION_MAX && text[len] == '\0';
}

static enum diffd_status find_endpoint(const struct diffd_provider_call *call, const char *role_region,
                                       struct endpoint *ret, struct diffd_error *err) {
  const struct diffd_aws_config *config = call->options->config;
  const char *region = config->region;
  const char *own = config->endpoint_url_sts != NULL ? config->endpoint_url_sts : config->endpoint_url;
  if (region == NULL)
    region = role_region != NULL ? role_region : call->options->region;
  if (region != NULL && !is_region(region))
    return diffd_fail(err, DIFFD_INVALID, "%.64s is no region: set AWS_REGION, as in us-west-2", region);
  int len;
  if (own != NULL)
    len = snprintf(ret->url, sizeof ret->url, "%s%s", own,
                   own[0] != '\0' && own[strlen(own) - 1] == '/' ? "" : "/");
  else if (region != NULL)
    len = snprintf(ret->url, sizeof ret->url, "https://sts.%s.%s/", region, domain_of(region));
  else
    len = snprintf(ret->url, sizeof ret->url, "https://sts.amazonaws.com/");
  if (len < 0 || (size_t)len >= sizeof ret->url)
    return diffd_fail(err, DIFFD_INVALID, "the endpoint of STS is too long: mend AWS_ENDPOINT_URL_STS");
  (void)snprintf(ret->region, sizeof ret->region, "%s", region != NULL ? region : "us-east-1");
  return DIFFD_OK;
}

/* ---- the request ---- */

static enum diffd_status add_field(struct diffd_buffer *form, const char *name, struct diffd_span value,
                                   struct diffd_error *err) {
  enum diffd_status status = diffd_buffer_printf(form, err, "&%s=", name);
  return status == DIFFD_OK ? diffd_uri_encode(form, value, false, err) : status;
}

static enum diffd_status add_text(struct diffd_buffer *form, const char *name, const char *value,
                                  struct diffd_error *err) {
  return value == NULL ? DIFFD_OK : add_field(form, name, (struct diffd_span){value, strlen(value)}, err);
}

static enum diffd_status write_form(const char *action, const struct diffd_sts_role *role,
                                    struct diffd_span token, struct diffd_buffer *form,
                                    struct diffd_error *err) {
  /* All the room at once: growing would leave copies of the token behind. */
  enum diffd_status status = diffd_buffer_reserve(form, form->max, err);
  if (status == DIFFD_OK)
    status = diffd_buffer_printf(form, err, "Action=%s&Version=2011-06-15", action);
  if (status == DIFFD_OK)
    status = add_text(form, "RoleArn", role->role_arn, err);
  if (status == DIFFD_OK)
    status = add_text(form, "RoleSessionName",
                      role->session_name != NULL ? role->session_name : "vpcflow-diffd", err);
  if (status == DIFFD_OK)
    status = add_text(form, "ExternalId", role->external_id, err);
  if (status == DIFFD_OK)
    status = add_text(form, "DurationSeconds", role->duration, err);
  if (status == DIFFD_OK && token.len > 0)
    status = add_field(form, "WebIdentityToken", token, err);
  return status;
}

/* ---- the answer ---- */

static struct diffd_span span_of(const char *text) {
  return (struct diffd_span){text, strlen(text)};
}

static enum diffd_status read_credentials(const struct diffd_answer *answer, struct diffd_credentials *ret,
                                          struct diffd_error *err) {
  struct diffd_credentials made = {0};
  char expiration[64];
  struct diffd_instant expiry;
  struct diffd_xml_field fields[] = {
      {"*/*/Credentials/AccessKeyId", made.access_key_id, sizeof made.access_key_id, false},
      {"*/*/Credentials/SecretAccessKey", made.secret_access_key, sizeof made.secret_access_key, false},
      {"*/*/Credentials/SessionToken", made.session_token, sizeof made.session_token, false},
      {"*/*/Credentials/Expiration", expiration, sizeof expiration, false},
  };
  enum diffd_status status =
      diffd_xml_fields((struct diffd_span){answer->body.ptr, answer->body.len}, fields, 4, err);
  if (status == DIFFD_OK)
    status = diffd_credentials_set(span_of(made.access_key_id), span_of(made.secret_access_key),
                                   span_of(made.session_token), ret, err);
  if (status == DIFFD_OK && (status = diffd_rfc3339_parse(span_of(expiration), &expiry, err)) != DIFFD_OK)
    (void)diffd_fail_within(err, "Expiration");
  diffd_credentials_wipe(&made);
  if (status != DIFFD_OK)
    return diffd_fail_within(err, "its answer");
  ret->expires_at = expiry.seconds;
  return DIFFD_OK;
}

static enum diffd_status refused(const struct diffd_answer *answer, struct diffd_error *err) {
  char code[128];
  char message[512];
  struct diffd_error unread;
  struct diffd_xml_field fields[] = {
      {"*/Error/Code", code, sizeof code, false},
      {"*/Error/Message", message, sizeof message, false},
  };
  if (diffd_xml_fields((struct diffd_span){answer->body.ptr, answer->body.len}, fields, 2, &unread) !=
      DIFFD_OK)
    return diffd_fail(err, DIFFD_UNAVAILABLE, "it answered %u", answer->status);
  for (char *c = message; *c != '\0'; c++)
    if ((unsigned char)*c < ' ')
      *c = ' ';
  return diffd_fail(err, DIFFD_UNAVAILABLE, "it answered %u %.64s: %.300s", answer->status, code, message);
}

/* ---- the whole ---- */

/* The headers of a signed request, and what they point to. */
struct signed_headers {
  struct diffd_http_header items[5];
  size_t count;
  struct diffd_sigv4_signature signature;
  char sha256[DIFFD_SHA256_HEX];
};

static enum diffd_status sign(const struct diffd_provider_call *call, const struct endpoint *endpoint,
                              const struct diffd_buffer *form, const struct diffd_credentials *with,
                              struct signed_headers *headers, struct diffd_error *err) {
  struct diffd_url_parts parts;
  enum diffd_status status = diffd_url_split(endpoint->url, &parts, err);
  if (status != DIFFD_OK)
    return diffd_fail_within(err, "AWS_ENDPOINT_URL_STS or AWS_ENDPOINT_URL");
  status = diffd_sha256_hex((struct diffd_span){form->ptr, form->len}, headers->sha256, err);
  if (status != DIFFD_OK)
    return status;
  const struct diffd_sigv4_request request = {
      .method = "POST",
      .host = parts.authority,
      .path = parts.path,
      .query = parts.query,
      .headers = headers->items,
      .header_count = headers->count,
      .payload_sha256 = headers->sha256,
      .region = endpoint->region,
      .service = "sts",
      .now = call->options->clock->wall(call->options->clock->arg).seconds,
  };
  status = diffd_sigv4_sign(&request, with, &headers->signature, err);
  if (status != DIFFD_OK)
    return status;
  headers->items[headers->count++] = (struct diffd_http_header){"X-Amz-Date", headers->signature.amz_date};
  headers->items[headers->count++] = (struct diffd_http_header){"X-Amz-Content-Sha256", headers->sha256};
  headers->items[headers->count++] =
      (struct diffd_http_header){"Authorization", headers->signature.authorization.ptr};
  if (with->session_token[0] != '\0')
    headers->items[headers->count++] =
        (struct diffd_http_header){"X-Amz-Security-Token", with->session_token};
  return DIFFD_OK;
}

static enum diffd_status ask(const struct diffd_provider_call *call, const struct endpoint *endpoint,
                             const struct diffd_buffer *form, const struct diffd_credentials *with,
                             struct diffd_credentials *ret, struct diffd_error *err) {
  struct signed_headers headers = {.items = {{"Content-Type", "application/x-www-form-urlencoded"}},
                                   .count = 1};
  const struct diffd_fetch_options how = {.client = call->options->client,
                                          .clock = call->options->clock,
                                          .tries = STS_TRIES,
                                          .pause_ms = STS_PAUSE_MS,
                                          .timeout_ms = STS_TIMEOUT_MS};
  struct diffd_answer answer = {0};
  enum diffd_status status = with != NULL ? sign(call, endpoint, form, with, &headers, err) : DIFFD_OK;
  if (status == DIFFD_OK) {
    const struct diffd_http_request request = {.method = "POST",
                                               .url = endpoint->url,
                                               .headers = headers.items,
                                               .header_count = headers.count,
                                               .body = {form->ptr, form->len}};
    status = diffd_fetch(&how, call->ctx, &request, &answer, err);
  }
  if (status == DIFFD_OK)
    status = answer.status == 200 ? read_credentials(&answer, ret, err) : refused(&answer, err);
  diffd_answer_clean_up(&answer);
  diffd_buffer_clean_up(&headers.signature.authorization);
  return status;
}

static enum diffd_status assume(const struct diffd_provider_call *call, const char *action,
                                const struct diffd_sts_role *role, struct diffd_span token,
                                const struct diffd_credentials *with, struct diffd_credentials *ret,
                                struct diffd_error *err) {
  struct endpoint endpoint;
  struct diffd_buffer form = diffd_buffer_init(FORM_MAX);
  enum diffd_status status = find_endpoint(call, role->region, &endpoint, err);
  if (status != DIFFD_OK)
    return status;
  status = write_form(action, role, token, &form, err);
  if (status == DIFFD_OK)
    status = ask(call, &endpoint, &form, with, ret, err);
  diffd_buffer_wipe(&form);
  return status == DIFFD_OK
             ? status
             : diffd_fail_within(err, "%s of %.160s at %s", action, role->role_arn, endpoint.url);
}

enum diffd_status diffd_sts_assume_role(const struct diffd_provider_call *call,
                                        const struct diffd_sts_role *role,
                                        const struct diffd_credentials *with, struct diffd_credentials *ret,
                                        struct diffd_error *err) {
  return assume(call, "AssumeRole", role, (struct diffd_span){0}, with, ret, err);
}

enum diffd_status diffd_sts_assume_role_with_token(const struct diffd_provider_call *call,
                                                   const struct diffd_sts_role *role, struct diffd_span token,
                                                   struct diffd_credentials *ret, struct diffd_error *err) {
  return assume(call, "AssumeRoleWithWebIdentity", role, token, NULL, ret, err);
}
