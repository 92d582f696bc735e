/* SPDX-License-Identifier: Apache-2.0 */
#include "net/nats_url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SCHEME_NATS  "nats://"
#define SCHEME_TLS   "tls://"
#define DEFAULT_PORT "4222"

static bool has_prefix(const char *text, const char *prefix) {
  return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

bool diffd_is_nats_url(const char *text) {
  return has_prefix(text, SCHEME_NATS) || has_prefix(text, SCHEME_TLS);
}

static bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-';
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A copy of the bytes without percent-encoding. */
static enum diffd_status decode(const char *bytes, size_t len, char **ret, struct diffd_error *err) {
  char *text = malloc(len + 1);
  size_t out = 0;
  if (text == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a URL");
  for (size_t i = 0; i < len; i++) {
    text[out] = bytes[i];
    if (bytes[i] == '%') {
      int high = len - i > 2 ? hex_digit(bytes[i + 1]) : -1;
      int low = len - i > 2 ? hex_digit(bytes[i + 2]) : -1;
      if (high < 0 || low < 0 || high + low == 0) {
        free(text);
        return diffd_fail(
            err, DIFFD_INVALID,
            "the user or password of the NATS URL has a `%%` without two hexadecimal digits of a "
            "character: write the `%%` itself as %%25");
      }
      text[out] = (char)(high * 16 + low);
      i += 2;
    }
    out++;
  }
  text[out] = '\0';
  *ret = text;
  return DIFFD_OK;
}

static enum diffd_status parse_credentials(const char *bytes, size_t len, struct diffd_nats_url *url,
                                           struct diffd_error *err) {
  const char *colon = memchr(bytes, ':', len);
  if (len == 0 || colon == bytes)
    return diffd_fail(
        err, DIFFD_INVALID,
        "there is no user before the `@` of the NATS URL: write nats://USER:PASSWORD@HOST:4222/SUBJECT "
        "or nats://TOKEN@HOST:4222/SUBJECT");
  if (colon == NULL)
    return decode(bytes, len, &url->token, err);
  enum diffd_status status = decode(bytes, (size_t)(colon - bytes), &url->user, err);
  if (status != DIFFD_OK)
    return status;
  return decode(colon + 1, len - (size_t)(colon - bytes) - 1, &url->password, err);
}

static bool is_port(const char *bytes, size_t len) {
  unsigned port = 0;
  if (len == 0 || len > 5)
    return false;
  for (size_t i = 0; i < len; i++) {
    if (bytes[i] < '0' || bytes[i] > '9')
      return false;
    port = port * 10 + (unsigned)(bytes[i] - '0');
  }
  return port > 0 && port <= 65535;
}

/* The length of the host at the start of `bytes`, an address of IPv6 with its brackets; 0 where it is none.
 */
static size_t host_len(const char *bytes, size_t len) {
  size_t n = 0;
  if (len > 0 && bytes[0] == '[') {
    for (n = 1; n < len && (hex_digit(bytes[n]) >= 0 || bytes[n] == ':' || bytes[n] == '.'); n++)
      ;
    return n > 2 && n < len && bytes[n] == ']' ? n + 1 : 0;
  }
  while (n < len && (is_word(bytes[n]) || bytes[n] == '.'))
    n++;
  return n;
}

static enum diffd_status parse_server(const char *bytes, size_t len, struct diffd_nats_url *url,
                                      struct diffd_error *err) {
  size_t host = host_len(bytes, len);
  const char *port = DEFAULT_PORT;
  size_t port_len = strlen(DEFAULT_PORT);
  bool good = host > 0;
  if (good && host < len) {
    port = bytes + host + 1;
    port_len = len - host - 1;
    good = bytes[host] == ':' && is_port(port, port_len);
  }
  if (!good)
    return diffd_fail(
        err, DIFFD_INVALID,
        "a host of the NATS URL is wrong: write nats://HOST:4222/SUBJECT, several as HOST:4222,HOST:4222");
  if (url->server_count == DIFFD_NATS_SERVERS_MAX)
    return diffd_fail(err, DIFFD_INVALID, "the NATS URL names more than %d hosts", DIFFD_NATS_SERVERS_MAX);
  char *server = NULL;
  if (asprintf(&server, "%s%.*s:%.*s", SCHEME_NATS, (int)host, bytes, (int)port_len, port) < 0)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a URL");
  url->servers[url->server_count++] = server;
  return DIFFD_OK;
}

static enum diffd_status parse_subject(const char *text, struct diffd_nats_url *url,
                                       struct diffd_error *err) {
  size_t len = strlen(text);
  bool good = len > 0 && len <= DIFFD_NATS_SUBJECT_MAX && text[len - 1] != '.';
  for (size_t i = 0; good && i < len; i++)
    good = is_word(text[i]) || (text[i] == '.' && i > 0 && text[i - 1] != '.');
  if (!good)
    return diffd_fail(
        err, DIFFD_INVALID,
        "the NATS URL must end with the SUBJECT of the jobs, at most %d characters of A-Z a-z 0-9 _ - "
        "and dots between them: nats://HOST:4222/vpcflow.diffs",
        DIFFD_NATS_SUBJECT_MAX);
  memcpy(url->subject, text, len + 1);
  return DIFFD_OK;
}

static enum diffd_status parse_into(const char *text, struct diffd_nats_url *url, struct diffd_error *err) {
  if (!diffd_is_nats_url(text) || strlen(text) > DIFFD_NATS_URL_MAX)
    return diffd_fail(err, DIFFD_INVALID, "this is no NATS URL: write nats://HOST:4222/SUBJECT");
  url->tls = has_prefix(text, SCHEME_TLS);
  const char *at = text + strlen(url->tls ? SCHEME_TLS : SCHEME_NATS);
  const char *end = at + strcspn(at, "/?#");
  const char *sign = memchr(at, '@', (size_t)(end - at));
  enum diffd_status status = DIFFD_OK;
  if (sign != NULL) {
    status = parse_credentials(at, (size_t)(sign - at), url, err);
    at = sign + 1;
  }
  while (status == DIFFD_OK) {
    const char *comma = memchr(at, ',', (size_t)(end - at));
    const char *stop = comma != NULL ? comma : end;
    status = parse_server(at, (size_t)(stop - at), url, err);
    if (comma == NULL)
      break;
    at = comma + 1;
  }
  if (status != DIFFD_OK)
    return status;
  return parse_subject(*end == '/' ? end + 1 : "", url, err);
}

enum diffd_status diffd_nats_url_parse(const char *text, struct diffd_nats_url *ret,
                                       struct diffd_error *err) {
  struct diffd_nats_url url = {0};
  enum diffd_status status = parse_into(text, &url, err);
  /* libnats can check one name in the certificates of all servers, so there may be one server only. */
  if (status == DIFFD_OK && url.tls && url.server_count > 1)
    status = diffd_fail(
        err, DIFFD_INVALID,
        "a tls:// URL of NATS names one host: a name that stands for the cluster in its certificates");
  if (status != DIFFD_OK) {
    diffd_nats_url_clean_up(&url);
    return status;
  }
  *ret = url;
  return DIFFD_OK;
}

void diffd_nats_url_clean_up(struct diffd_nats_url *url) {
  free(url->user);
  free(url->password);
  free(url->token);
  for (size_t i = 0; i < url->server_count; i++)
    free(url->servers[i]);
  *url = (struct diffd_nats_url){0};
}
