/* SPDX-License-Identifier: Apache-2.0
 *
 * Which module fills each place: the variables that configure a module choose it.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "net/nats_url.h"
#include "runtime/settings_rules.h"

/* ---- what a value may look like ---- */

void diffd_setting_show_url(const char *url, char ret[static DIFFD_SHOWN_URL_MAX]) {
  const char *scheme_end = strstr(url, "://");
  const char *authority = scheme_end != NULL ? scheme_end + 3 : url;
  /* A password with a slash that nobody encoded ends the authority too early. */
  const char *at = strrchr(authority, '@');
  if (at == NULL) {
    (void)snprintf(ret, DIFFD_SHOWN_URL_MAX, "%s", url);
    return;
  }
  /* A name without a password may be a token. */
  const char *colon = memchr(authority, ':', (size_t)(at - authority));
  const char *secret = colon != NULL ? colon + 1 : authority;
  (void)snprintf(ret, DIFFD_SHOWN_URL_MAX, "%.*s(hidden)%s", (int)(secret - url < 512 ? secret - url : 512),
                 url, at);
}

static bool has_only(const char *text, const char *others) {
  for (; *text != '\0'; text++) {
    char lower = (char)(*text | 0x20);
    bool plain = (lower >= 'a' && lower <= 'z') || (*text >= '0' && *text <= '9');
    if (!plain && strchr(others, *text) == NULL)
      return false;
  }
  return true;
}

static bool is_visible_ascii(const char *text) {
  for (; *text != '\0'; text++)
    if (*text <= ' ' || *text > '~')
      return false;
  return true;
}

/* What stands behind the scheme, or NULL where the URL has another. */
static const char *after_scheme(const char *url, const char *scheme) {
  size_t len = strlen(scheme);
  return strncasecmp(url, scheme, len) == 0 ? url + len : NULL;
}

static const char *after_http(const char *url) {
  const char *rest = after_scheme(url, "http://");
  return rest != NULL ? rest : after_scheme(url, "https://");
}

/* Whether the authority has a host, and a port that is one where it has any. */
static bool has_host(const char *authority) {
  char text[DIFFD_HOST_MAX + 16];
  struct diffd_address address;
  struct diffd_error err;
  size_t len = strcspn(authority, "/?#");
  const char *at = memrchr(authority, '@', len);
  const char *begin = at != NULL ? at + 1 : authority;
  len -= (size_t)(begin - authority);
  if (len >= sizeof text)
    return false;
  memcpy(text, begin, len);
  text[len] = '\0';
  return diffd_parse_address(text, &address, &err) == DIFFD_OK && address.host[0] != '\0';
}

static enum diffd_status check_http_url(struct diffd_settings *settings, const char *name, const char *url,
                                        struct diffd_error *err) {
  char shown[DIFFD_SHOWN_URL_MAX];
  const char *rest = url != NULL ? after_http(url) : NULL;
  if (url == NULL || (rest != NULL && is_visible_ascii(url) && has_host(rest)))
    return DIFFD_OK;
  diffd_setting_show_url(url, shown);
  return diffd_setting_fault(settings, err, "%s=%s: not a URL; write http://HOST:PORT/PATH, or https", name,
                             shown);
}

/* A proxy may stand without a scheme, which is http:// then. What else cannot be spoken to would otherwise
 * fail each request. */
static enum diffd_status check_proxy(struct diffd_settings *settings, const char *name, const char *proxy,
                                     struct diffd_error *err) {
  static const char *const schemes[] = {"http://",    "https://",  "socks4://",
                                        "socks4a://", "socks5://", "socks5h://"};
  if (proxy == NULL)
    return DIFFD_OK;
  const char *rest = strstr(proxy, "://") == NULL ? proxy : NULL;
  for (size_t i = 0; rest == NULL && i < sizeof schemes / sizeof schemes[0]; i++)
    rest = after_scheme(proxy, schemes[i]);
  if (rest != NULL && is_visible_ascii(rest) && has_host(rest))
    return DIFFD_OK;
  char shown[DIFFD_SHOWN_URL_MAX];
  diffd_setting_show_url(proxy, shown);
  return diffd_setting_fault(settings, err, "%s=%s: not a proxy; write http://HOST:PORT, or https or socks5",
                             name, shown);
}

static enum diffd_status check_bucket(struct diffd_settings *settings, const char *name, const char *bucket,
                                      struct diffd_error *err) {
  if (bucket == NULL || has_only(bucket, ".-_"))
    return DIFFD_OK;
  return diffd_setting_fault(settings, err, "%s=%s: not a bucket; write its name alone, as in vpc-flow-diffs",
                             name, bucket);
}

/* The region becomes part of a host's name. */
static enum diffd_status check_region(struct diffd_settings *settings, const char *name, const char *region,
                                      struct diffd_error *err) {
  if (region == NULL || has_only(region, "-_"))
    return DIFFD_OK;
  return diffd_setting_fault(settings, err, "%s=%s: not a region; write for example us-west-2", name, region);
}

/* ---- storage, marker, grapher ---- */

/* How a module is chosen: by the variables of one that is outside, or by `embedded`. */
struct module_choice {
  const char *what;
  const char *outside;       /* chooses the module outside of this process */
  const char *companions[2]; /* configure that one */
  const char *embedded;      /* chooses the embedded one */
  const char *value;         /* what to set `embedded` to */
  const char *effect;
  enum diffd_own_module own; /* the bit that says that the program brings it */
  bool lend[2];              /* the companion may stand alone: the embedded module has a use for it, too */
};
static const struct module_choice storage_choice = {"storage",
                                                    "DIFF_STORAGE_BUCKET",
                                                    {"DIFF_STORAGE_BUCKET_REGION"},
                                                    "DIFF_STORAGE",
                                                    "embedded",
                                                    "keeps diffs in DIFF_DATA_DIR",
                                                    DIFFD_OWN_STORAGE,
                                                    {false, false}};
static const struct module_choice marker_choice = {"marker",
                                                   "DIFF_PROGRESS_BUCKET",
                                                   {"DIFF_PROGRESS_BUCKET_REGION", "DIFF_PROGRESS_TIMEOUT"},
                                                   "DIFF_MARKER",
                                                   "embedded",
                                                   "keeps marks in DIFF_DATA_DIR",
                                                   DIFFD_OWN_MARKER,
                                                   {false, true}};
static const struct module_choice grapher_choice = {
    "grapher",           "GRAPHER_ENDPOINT", {"GRAPHER_POLLING_INTERVAL", "GRAPHER_POLLING_TIMEOUT"},
    "VPC_FLOW_LOGS_DIR", "FOLDER",           "makes the graphs from flow logs in that folder",
    DIFFD_OWN_GRAPHER,   {false, false}};

static bool is_given(const struct diffd_settings *settings, const char *name) {
  return name != NULL && diffd_setting_given(settings, name) != NULL;
}

static enum diffd_status check_companions(struct diffd_settings *settings, const struct module_choice *module,
                                          bool needed, struct diffd_error *err) {
  bool outside = is_given(settings, module->outside);
  enum diffd_status status = DIFFD_OK;
  for (size_t i = 0; status == DIFFD_OK && i < 2 && module->companions[i] != NULL; i++) {
    bool given = is_given(settings, module->companions[i]);
    if (outside && needed && !given)
      status = diffd_setting_fault(settings, err, "%s is set, and needs %s: set it, too", module->outside,
                                   module->companions[i]);
    else if (!outside && given && !module->lend[i])
      status = diffd_setting_fault(settings, err, "%s is set, but %s is not: set both or neither",
                                   module->companions[i], module->outside);
  }
  return status;
}

/* `any`: another module is chosen, so that nothing is embedded unasked. */
static enum diffd_status choose(struct diffd_settings *settings, const struct module_choice *module, bool any,
                                bool needed, bool *ret_outside, struct diffd_error *err) {
  bool outside = is_given(settings, module->outside);
  bool embedded = is_given(settings, module->embedded);
  enum diffd_status status = DIFFD_OK;
  *ret_outside = false;
  if ((settings->own & module->own) != 0)
    return DIFFD_OK;
  if (outside && embedded)
    status =
        diffd_setting_fault(settings, err, "%s and %s are both set, and each chooses a %s: unset one of them",
                            module->outside, module->embedded, module->what);
  else if (!outside && !embedded && any && needed)
    status = diffd_setting_fault(
        settings, err, "no %s is chosen, though other modules are: set %s, or set %s=%s, which %s",
        module->what, module->outside, module->embedded, module->value, module->effect);
  if (status == DIFFD_OK)
    status = check_companions(settings, module, needed, err);
  *ret_outside = outside;
  return status;
}

/* The one way to make graphs that this version has not. */
static enum diffd_status refuse_flow_logs_bucket(struct diffd_settings *settings, struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  if (!is_given(settings, "VPC_FLOW_LOGS_BUCKET"))
    return DIFFD_OK;
  for (size_t i = 0; status == DIFFD_OK && i < 2; i++) {
    const char *other = i == 0 ? "GRAPHER_ENDPOINT" : "VPC_FLOW_LOGS_DIR";
    if (is_given(settings, other))
      status = diffd_setting_fault(
          settings, err,
          "VPC_FLOW_LOGS_BUCKET and %s are both set, and each chooses a grapher: unset one of them", other);
  }
  if (status == DIFFD_OK)
    status = diffd_setting_fault(settings, err,
                                 "VPC_FLOW_LOGS_BUCKET: this version reads no flow logs from S3 yet; unset "
                                 "it and set VPC_FLOW_LOGS_DIR=FOLDER, or GRAPHER_ENDPOINT");
  return status;
}

static enum diffd_status choose_grapher(struct diffd_settings *settings, bool any, struct diffd_error *err) {
  bool needed = settings->role != DIFFD_ROLE_API;
  bool outside = false;
  settings->config.grapher = DIFFD_GRAPHER_LOG_FOLDER;
  if ((settings->own & DIFFD_OWN_GRAPHER) != 0)
    return DIFFD_OK;
  enum diffd_status status = refuse_flow_logs_bucket(settings, err);
  if (status == DIFFD_OK)
    status = choose(settings, &grapher_choice, any, needed && !is_given(settings, "VPC_FLOW_LOGS_BUCKET"),
                    &outside, err);
  if (status == DIFFD_OK)
    status = check_http_url(settings, "GRAPHER_ENDPOINT", settings->grapher_endpoint, err);
  settings->config.grapher = outside ? DIFFD_GRAPHER_HTTP : DIFFD_GRAPHER_LOG_FOLDER;
  return status;
}

/* Halves of a pair that only make sense together. */
static enum diffd_status check_credentials(struct diffd_settings *settings, struct diffd_error *err) {
  bool has_key = settings->access_key_id != NULL;
  bool has_secret = settings->secret_access_key != NULL;
  enum diffd_status status = DIFFD_OK;
  if (has_key != has_secret)
    status = diffd_setting_fault(settings, err, "%s is set, but %s is not: set both or neither",
                                 has_key ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                                 has_key ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
  if (status == DIFFD_OK && settings->session_token != NULL && !has_key && !has_secret)
    status = diffd_setting_fault(
        settings, err,
        "AWS_SESSION_TOKEN is set, but AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, which "
        "it belongs to, are not: set all three or none");
  if (status == DIFFD_OK && settings->use_iam && settings->web_identity_token_file != NULL &&
      settings->role_arn == NULL)
    status = diffd_setting_fault(
        settings, err, "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not: set both or neither");
  return status;
}

static enum diffd_status choose_buckets(struct diffd_settings *settings, bool any, struct diffd_error *err) {
  bool storage = false;
  bool marker = false;
  enum diffd_status status = choose(settings, &storage_choice, any, true, &storage, err);
  if (status == DIFFD_OK)
    status = check_bucket(settings, "DIFF_STORAGE_BUCKET", settings->storage_bucket, err);
  if (status == DIFFD_OK)
    status = check_region(settings, "DIFF_STORAGE_BUCKET_REGION", settings->storage_region, err);
  if (status == DIFFD_OK)
    status = choose(settings, &marker_choice, any, true, &marker, err);
  if (status == DIFFD_OK)
    status = check_bucket(settings, "DIFF_PROGRESS_BUCKET", settings->progress_bucket, err);
  if (status == DIFFD_OK)
    status = check_region(settings, "DIFF_PROGRESS_BUCKET_REGION", settings->progress_region, err);
  settings->config.storage = storage ? DIFFD_STORAGE_S3 : DIFFD_STORAGE_EMBEDDED;
  settings->config.marker = marker ? DIFFD_MARKER_S3 : DIFFD_MARKER_EMBEDDED;
  if (status != DIFFD_OK || (!storage && !marker))
    return status;
  status = check_http_url(settings, "AWS_ENDPOINT_URL", settings->endpoint_url, err);
  if (status == DIFFD_OK)
    status = check_http_url(settings, "AWS_ENDPOINT_URL_S3", settings->endpoint_url_s3, err);
  if (status == DIFFD_OK)
    status = check_http_url(settings, "AWS_ENDPOINT_URL_STS", settings->endpoint_url_sts, err);
  return status == DIFFD_OK ? check_credentials(settings, err) : status;
}

/* ---- queuer ---- */

static enum diffd_status check_nats(struct diffd_settings *settings, const char *endpoint,
                                    struct diffd_error *err) {
  char shown[DIFFD_SHOWN_URL_MAX];
  struct diffd_nats_url url;
  enum diffd_status status = diffd_nats_url_parse(endpoint, &url, err);
  if (status == DIFFD_OK)
    diffd_nats_url_clean_up(&url);
  if (status != DIFFD_INVALID)
    return status;
  const struct diffd_error reason = *err;
  diffd_setting_show_url(endpoint, shown);
  return diffd_setting_fault(settings, err, "STREAM_APPLIANCE_ENDPOINT=%s: %s", shown, reason.detail);
}

/* Sets the kind of queuer that the endpoint names. */
static enum diffd_status read_endpoint(struct diffd_settings *settings, const char *endpoint,
                                       struct diffd_error *err) {
  char shown[DIFFD_SHOWN_URL_MAX];
  if (strcasecmp(endpoint, "embedded") == 0 || diffd_endpoint_is_own(endpoint, &settings->listen)) {
    settings->config.queuer = DIFFD_QUEUER_EMBEDDED;
    return DIFFD_OK;
  }
  if (diffd_is_nats_url(endpoint)) {
    settings->config.queuer = DIFFD_QUEUER_NATS;
    return check_nats(settings, endpoint, err);
  }
  settings->config.queuer = DIFFD_QUEUER_HTTP;
  if (after_http(endpoint) != NULL)
    return check_http_url(settings, "STREAM_APPLIANCE_ENDPOINT", endpoint, err);
  diffd_setting_show_url(endpoint, shown);
  return diffd_setting_fault(settings, err,
                             "STREAM_APPLIANCE_ENDPOINT=%s: neither a URL nor this server's own address, "
                             "which ends in :%d; write http://HOST:PORT/PATH or nats://HOST:4222/SUBJECT for "
                             "an event bus, or embedded for a queue in DIFF_DATA_DIR",
                             shown, settings->listen.port);
}

static enum diffd_status choose_queuer(struct diffd_settings *settings, bool any, struct diffd_error *err) {
  const char *endpoint = settings->stream_endpoint;
  enum diffd_status status = DIFFD_OK;
  settings->config.queuer = DIFFD_QUEUER_EMBEDDED;
  if ((settings->own & DIFFD_OWN_QUEUER) != 0)
    return DIFFD_OK;
  if (endpoint != NULL)
    status = read_endpoint(settings, endpoint, err);
  else if (any && settings->role == DIFFD_ROLE_WORKER)
    settings->config.queuer = DIFFD_QUEUER_NONE;
  else if (any)
    return diffd_setting_fault(
        settings, err,
        "no queuer is chosen, though other modules are: set STREAM_APPLIANCE_ENDPOINT to an event bus, or "
        "set STREAM_APPLIANCE_ENDPOINT=embedded, which queues jobs in DIFF_DATA_DIR and works on them here");
  /* Only the process that holds the embedded queue can work on it. */
  if (status == DIFFD_OK && settings->role == DIFFD_ROLE_API &&
      settings->config.queuer == DIFFD_QUEUER_EMBEDDED)
    status = diffd_setting_fault(
        settings, err,
        "DIFF_ROLE=api: with the embedded queue nobody would work on the jobs; set DIFF_ROLE=all, or "
        "STREAM_APPLIANCE_ENDPOINT to an event bus");
  return status;
}

enum diffd_status diffd_settings_choose(struct diffd_settings *settings, struct diffd_error *err) {
  static const struct {
    const char *name;
    enum diffd_own_module own;
  } choosing[] = {
      {"DIFF_STORAGE_BUCKET", DIFFD_OWN_STORAGE},  {"DIFF_STORAGE", DIFFD_OWN_STORAGE},
      {"DIFF_PROGRESS_BUCKET", DIFFD_OWN_MARKER},  {"DIFF_MARKER", DIFFD_OWN_MARKER},
      {"GRAPHER_ENDPOINT", DIFFD_OWN_GRAPHER},     {"VPC_FLOW_LOGS_DIR", DIFFD_OWN_GRAPHER},
      {"VPC_FLOW_LOGS_BUCKET", DIFFD_OWN_GRAPHER}, {"STREAM_APPLIANCE_ENDPOINT", DIFFD_OWN_QUEUER}};
  bool any = false;
  for (size_t i = 0; i < sizeof choosing / sizeof choosing[0]; i++)
    any = any || ((settings->own & choosing[i].own) == 0 && is_given(settings, choosing[i].name));
  enum diffd_status status = choose_buckets(settings, any, err);
  if (status == DIFFD_OK)
    status = choose_grapher(settings, any, err);
  if (status == DIFFD_OK)
    status = choose_queuer(settings, any, err);
  if (status == DIFFD_OK)
    status = check_proxy(settings, "HTTP_PROXY", settings->http_proxy, err);
  if (status == DIFFD_OK)
    status = check_proxy(settings, "HTTPS_PROXY", settings->https_proxy, err);
  return status;
}
