/* SPDX-License-Identifier: Apache-2.0 */
#include "replay_client.h"

#include <diffd/log.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { START_MAX = 40 };

/* The value of `start` in the URL's query. It becomes a file's name: nothing but a time may pass. */
static bool find_start(const char *url, char ret[static START_MAX]) {
  const char *query = strchr(url, '?');
  const char *at = query != NULL ? strstr(query, "start=") : NULL;
  size_t len = 0;
  if (at == NULL)
    return false;
  at += strlen("start=");
  while (*at != '\0' && *at != '&' && len + 1 < START_MAX) {
    bool colon = strncasecmp(at, "%3A", 3) == 0;
    char c = colon ? ':' : *at;
    if (strchr("0123456789TZ:-.", c) == NULL)
      return false;
    ret[len++] = c;
    at += colon ? 3 : 1;
  }
  ret[len] = '\0';
  return len > 0 && ret[0] != '.';
}

/* A response without a body has an empty one. */
static enum diffd_status answer(unsigned status, const char *path, struct diffd_http_response *ret,
                                struct diffd_error *err) {
  struct diffd_reader *body = NULL;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return diffd_fail_errno(err, errno, "opening %s", path);
  enum diffd_status made = diffd_reader_from_fd(fd, true, &body, err);
  if (made != DIFFD_OK) {
    (void)close(fd);
    return made;
  }
  *ret = (struct diffd_http_response){.status = status, .body_bytes = -1, .body = body};
  return DIFFD_OK;
}

static enum diffd_status send_request(struct diffd_http_client *self, const struct diffd_context *ctx,
                                      const struct diffd_http_request *request,
                                      struct diffd_http_response *ret, struct diffd_error *err) {
  const struct replay_client *client = (const struct replay_client *)self;
  char start[START_MAX];
  char path[PATH_MAX];
  diffd_log(ctx->log, DIFFD_LOG_INFO, "replay-client", {"method", request->method, 0},
            {"url", request->url, 0});
  if (!find_start(request->url, start))
    return diffd_fail(err, DIFFD_INVALID, "%s: the query has no time as start", request->url);
  if (strcmp(request->method, "POST") == 0)
    return answer(202, "/dev/null", ret, err);
  if (snprintf(path, sizeof path, "%s/%s.dot", client->folder, start) >= (int)sizeof path)
    return diffd_fail(err, DIFFD_INVALID, "the path of %s.dot is too long", start);
  /* A graph that is not there yet may come: 204 makes the grapher module ask again. */
  if (access(path, R_OK) != 0)
    return answer(204, "/dev/null", ret, err);
  return answer(200, path, ret, err);
}

static void destroy(struct diffd_http_client *self) {
  (void)self;
}

static const struct diffd_http_client_ops ops = {.send = send_request, .destroy = destroy};

struct replay_client replay_client(const char *folder) {
  return (struct replay_client){.base = {&ops}, .folder = folder};
}
