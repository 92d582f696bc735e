/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/datadog_stat.h"

#include <errno.h>
#include <math.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/thread.h"
#include "runtime/setting_values.h"

enum {
  RESOLVE_AGAIN_MS = 30000,
  END_WAIT_MS = 1000,
  NUMBER_MAX = 400, /* the longest double in %f has 309 digits before its point */
};

static const char dropped_name[] = "diffd.stats.dropped";

/* Shared by the object and its thread, which may outlive it for as long as a name server does not answer. */
struct datadog {
  struct diffd_stat base;
  size_t packet_max_bytes;
  uint64_t flush_ms;
  struct diffd_address agent;
  struct diffd_buffer tags; /* the static ones, as a line ends with them */

  pthread_mutex_t lock;
  pthread_cond_t wake;
  unsigned holders;
  bool stop;
  bool ended;
  struct diffd_buffer pending; /* whole lines */
  uint64_t dropped;            /* since it was last told */

  /* The thread's own. */
  pthread_t thread;
  struct diffd_buffer sending;
  struct sockaddr_storage to;
  socklen_t to_len; /* 0: not resolved yet */
  uint64_t resolved_ms;
  int fd; /* -1: none */
  int family;
};

/* ---- lines ---- */

static bool has_meaning(char c) {
  return (unsigned char)c <= ' ' || c == 0x7f || c == '|' || c == '#';
}

static enum diffd_status append_clean(struct diffd_buffer *line, const char *text, const char *more,
                                      struct diffd_error *err) {
  size_t begin = line->len;
  enum diffd_status status = diffd_buffer_append(line, text, strlen(text), err);
  for (size_t i = begin; status == DIFFD_OK && i < line->len; i++)
    if (has_meaning(line->ptr[i]) || strchr(more, line->ptr[i]) != NULL)
      line->ptr[i] = '_';
  return status;
}

/* As %f writes it in the C locale, whatever the process's locale takes for a point. */
static enum diffd_status append_value(struct diffd_buffer *line, double value, struct diffd_error *err) {
  char text[NUMBER_MAX];
  int len = snprintf(text, sizeof text, "%.6f", value);
  size_t whole = strspn(text, "-0123456789");
  if (len < 8 || (size_t)len >= sizeof text)
    return diffd_fail(err, DIFFD_INTERNAL, "a number could not be written");
  enum diffd_status status = diffd_buffer_append(line, text, whole, err);
  if (status == DIFFD_OK)
    status = diffd_buffer_append(line, ".", 1, err);
  return status != DIFFD_OK ? status : diffd_buffer_append(line, text + len - 6, 6, err);
}

static enum diffd_status append_tag(struct diffd_buffer *line, const char *tag, bool first,
                                    struct diffd_error *err) {
  enum diffd_status status = diffd_buffer_append(line, first ? "|#" : ",", first ? 2 : 1, err);
  return status != DIFFD_OK ? status : append_clean(line, tag, ",", err);
}

static enum diffd_status append_tags(struct diffd_buffer *line, const char *const *tags, size_t count,
                                     struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  bool first = true;
  for (size_t i = 0; status == DIFFD_OK && i < count; i++) {
    if (tags[i][0] == '\0')
      continue;
    status = append_tag(line, tags[i], first, err);
    first = false;
  }
  return status;
}

/* The static tags stand ready with their own `|#`, which a line that has tags already does not need. */
static enum diffd_status append_static_tags(struct diffd_buffer *line, const struct diffd_buffer *tags,
                                            bool has_tags, struct diffd_error *err) {
  if (tags->len == 0)
    return DIFFD_OK;
  if (!has_tags)
    return diffd_buffer_append(line, tags->ptr, tags->len, err);
  enum diffd_status status = diffd_buffer_append(line, ",", 1, err);
  return status != DIFFD_OK ? status : diffd_buffer_append(line, tags->ptr + 2, tags->len - 2, err);
}

static enum diffd_status make_line(const struct datadog *datadog, enum diffd_stat_kind kind, const char *name,
                                   double value, const char *const *tags, size_t tag_count,
                                   struct diffd_buffer *line, struct diffd_error *err) {
  static const char *const kinds[] = {[DIFFD_STAT_COUNT] = "|c",
                                      [DIFFD_STAT_GAUGE] = "|g",
                                      [DIFFD_STAT_HISTOGRAM] = "|h",
                                      [DIFFD_STAT_TIMING] = "|ms"};
  if (name[0] == '\0' || !isfinite(value))
    return diffd_fail(err, DIFFD_INVALID, "neither a name nor a number may be missing");
  enum diffd_status status = append_clean(line, name, ":@", err);
  if (status == DIFFD_OK)
    status = diffd_buffer_append(line, ":", 1, err);
  if (status == DIFFD_OK)
    status = append_value(line, value, err);
  if (status == DIFFD_OK)
    status = diffd_buffer_append(line, kinds[kind], strlen(kinds[kind]), err);
  size_t bare = line->len;
  if (status == DIFFD_OK)
    status = append_tags(line, tags, tag_count, err);
  if (status == DIFFD_OK)
    status = append_static_tags(line, &datadog->tags, line->len > bare, err);
  return status != DIFFD_OK ? status : diffd_buffer_append(line, "\n", 1, err);
}

static void record(struct diffd_stat *self, enum diffd_stat_kind kind, const char *name, double value,
                   const char *const *tags, size_t tag_count) {
  struct datadog *datadog = (struct datadog *)self;
  struct diffd_error err;
  struct diffd_buffer line = diffd_buffer_init(datadog->packet_max_bytes);
  enum diffd_status status = make_line(datadog, kind, name, value, tags, tag_count, &line, &err);
  (void)pthread_mutex_lock(&datadog->lock);
  size_t before = datadog->pending.len;
  if (status == DIFFD_OK)
    status = diffd_buffer_append(&datadog->pending, line.ptr, line.len, &err);
  if (status != DIFFD_OK)
    datadog->dropped++;
  /* More than a datagram holds is sent without waiting for the time. */
  else if (before <= datadog->packet_max_bytes && datadog->pending.len > datadog->packet_max_bytes)
    (void)pthread_cond_signal(&datadog->wake);
  (void)pthread_mutex_unlock(&datadog->lock);
  diffd_buffer_clean_up(&line);
}

/* ---- the sending thread ---- */

/* The length of the next datagram: as many whole lines as it holds. */
static size_t next_datagram(const char *lines, size_t len, size_t max) {
  if (len <= max)
    return len;
  const char *end = memrchr(lines, '\n', max);
  return end != NULL ? (size_t)(end + 1 - lines) : len;
}

/* Moves what is to be sent out of the others' way: all lines, or those that fill datagrams. */
static void take_locked(struct datadog *datadog, bool all) {
  struct diffd_error err;
  struct diffd_buffer empty = datadog->sending;
  empty.len = 0;
  size_t taken = 0;
  for (size_t len; (len = datadog->pending.len - taken) > 0;) {
    size_t datagram = next_datagram(datadog->pending.ptr + taken, len, datadog->packet_max_bytes);
    if (!all && datagram == len)
      break;
    taken += datagram;
  }
  datadog->sending = datadog->pending;
  datadog->pending = empty;
  if (taken < datadog->sending.len && diffd_buffer_append(&datadog->pending, datadog->sending.ptr + taken,
                                                          datadog->sending.len - taken, &err) == DIFFD_OK)
    datadog->sending.len = taken;
}

static void resolve(struct datadog *datadog) {
  const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
  struct addrinfo *found = NULL;
  char port[8];
  uint64_t now = diffd_monotonic_ms();
  if (datadog->to_len > 0 && now < datadog->resolved_ms + RESOLVE_AGAIN_MS)
    return;
  datadog->resolved_ms = now;
  (void)snprintf(port, sizeof port, "%d", datadog->agent.port);
  if (getaddrinfo(datadog->agent.host, port, &hints, &found) != 0)
    return; /* the last address may still be good */
  const struct addrinfo *best = found;
  for (const struct addrinfo *one = found; one != NULL && best->ai_family != AF_INET; one = one->ai_next)
    if (one->ai_family == AF_INET)
      best = one;
  if (best != NULL && best->ai_addrlen <= sizeof datadog->to) {
    memcpy(&datadog->to, best->ai_addr, best->ai_addrlen);
    datadog->to_len = best->ai_addrlen;
  }
  freeaddrinfo(found);
}

static bool open_socket(struct datadog *datadog) {
  int family = datadog->to.ss_family;
  if (datadog->fd >= 0 && datadog->family == family)
    return true;
  if (datadog->fd >= 0)
    (void)close(datadog->fd);
  datadog->fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  datadog->family = family;
  return datadog->fd >= 0;
}

static uint64_t count_lines(const char *text, size_t len) {
  uint64_t count = 0;
  for (const char *at = text; (at = memchr(at, '\n', len - (size_t)(at - text))) != NULL; at++)
    count++;
  return count;
}

/* Gives the number of lines that could not be sent. */
static uint64_t send_all(struct datadog *datadog) {
  const char *lines = datadog->sending.ptr;
  size_t len = datadog->sending.len;
  uint64_t lost = 0;
  if (len == 0)
    return 0;
  resolve(datadog);
  if (datadog->to_len == 0 || !open_socket(datadog))
    return count_lines(lines, len);
  while (len > 0) {
    size_t datagram = next_datagram(lines, len, datadog->packet_max_bytes);
    if (sendto(datadog->fd, lines, datagram, MSG_NOSIGNAL, (const struct sockaddr *)&datadog->to,
               datadog->to_len) < 0)
      lost += count_lines(lines, datagram);
    lines += datagram;
    len -= datagram;
  }
  return lost;
}

/* What was lost is told in a line of its own, which a full buffer may lose, too: then the next one tells. */
static void tell_dropped_locked(struct datadog *datadog) {
  struct diffd_error err;
  if (datadog->dropped == 0)
    return;
  struct diffd_buffer line = diffd_buffer_init(datadog->packet_max_bytes);
  if (make_line(datadog, DIFFD_STAT_COUNT, dropped_name, (double)datadog->dropped, NULL, 0, &line, &err) ==
          DIFFD_OK &&
      diffd_buffer_append(&datadog->pending, line.ptr, line.len, &err) == DIFFD_OK)
    datadog->dropped = 0;
  diffd_buffer_clean_up(&line);
}

static void release(struct datadog *datadog) {
  (void)pthread_mutex_lock(&datadog->lock);
  bool last = --datadog->holders == 0;
  (void)pthread_mutex_unlock(&datadog->lock);
  if (!last)
    return;
  if (datadog->fd >= 0)
    (void)close(datadog->fd);
  diffd_buffer_clean_up(&datadog->tags);
  diffd_buffer_clean_up(&datadog->pending);
  diffd_buffer_clean_up(&datadog->sending);
  (void)pthread_cond_destroy(&datadog->wake);
  (void)pthread_mutex_destroy(&datadog->lock);
  free(datadog);
}

static void *run(void *arg) {
  struct datadog *datadog = arg;
  uint64_t next_ms = diffd_monotonic_ms() + datadog->flush_ms;
  (void)pthread_mutex_lock(&datadog->lock);
  for (bool last = false; !last;) {
    uint64_t now = diffd_monotonic_ms();
    while (!datadog->stop && now < next_ms && datadog->pending.len <= datadog->packet_max_bytes) {
      (void)diffd_cond_wait_ms(&datadog->wake, &datadog->lock, next_ms - now);
      now = diffd_monotonic_ms();
    }
    last = datadog->stop;
    bool due = last || now >= next_ms;
    if (due) {
      next_ms = now + datadog->flush_ms;
      tell_dropped_locked(datadog);
    }
    take_locked(datadog, due);
    (void)pthread_mutex_unlock(&datadog->lock);
    uint64_t lost = send_all(datadog);
    (void)pthread_mutex_lock(&datadog->lock);
    datadog->dropped += lost;
  }
  datadog->ended = true;
  (void)pthread_cond_broadcast(&datadog->wake);
  (void)pthread_mutex_unlock(&datadog->lock);
  release(datadog);
  return NULL;
}

static void destroy(struct diffd_stat *self) {
  struct datadog *datadog = (struct datadog *)self;
  uint64_t until = diffd_monotonic_ms() + END_WAIT_MS;
  (void)pthread_mutex_lock(&datadog->lock);
  datadog->stop = true;
  (void)pthread_cond_broadcast(&datadog->wake);
  for (uint64_t now = diffd_monotonic_ms(); !datadog->ended && now < until; now = diffd_monotonic_ms())
    (void)diffd_cond_wait_ms(&datadog->wake, &datadog->lock, until - now);
  bool ended = datadog->ended;
  pthread_t thread = datadog->thread;
  (void)pthread_mutex_unlock(&datadog->lock);
  if (ended)
    (void)pthread_join(thread, NULL);
  else
    (void)pthread_detach(thread); /* it waits for a name server, which no call can end */
  release(datadog);
}

static const struct diffd_stat_ops datadog_ops = {.record = record, .destroy = destroy};

/* ---- making one ---- */

static enum diffd_status read_options(struct datadog *datadog, const struct diffd_datadog_options *options,
                                      struct diffd_error *err) {
  enum diffd_status status = diffd_parse_address(options->address, &datadog->agent, err);
  if (status != DIFFD_OK)
    return diffd_fail_within(err, "RUNTIME_STATS_DATADOG_ADDRESS=%s", options->address);
  if (datadog->agent.host[0] == '\0' || datadog->agent.port < 0)
    return diffd_fail(err, DIFFD_INVALID,
                      "RUNTIME_STATS_DATADOG_ADDRESS=%s lacks a host or a port: write localhost:8125",
                      options->address);
  datadog->packet_max_bytes = options->packet_max_bytes;
  datadog->flush_ms = options->flush_ms;
  datadog->tags = diffd_buffer_init(DIFFD_DATADOG_PENDING_MAX);
  datadog->pending = diffd_buffer_init(DIFFD_DATADOG_PENDING_MAX);
  datadog->sending = diffd_buffer_init(DIFFD_DATADOG_PENDING_MAX);
  return append_tags(&datadog->tags, options->tags, options->tag_count, err);
}

enum diffd_status diffd_datadog_stat_new(const struct diffd_datadog_options *options, struct diffd_stat **ret,
                                         struct diffd_error *err) {
  struct datadog *datadog = calloc(1, sizeof *datadog);
  if (datadog == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for stats");
  datadog->base.ops = &datadog_ops;
  datadog->fd = -1;
  datadog->holders = 1;
  enum diffd_status status = diffd_cond_init(&datadog->wake, err);
  if (status != DIFFD_OK) {
    free(datadog);
    return status;
  }
  (void)pthread_mutex_init(&datadog->lock, NULL);
  status = read_options(datadog, options, err);
  if (status == DIFFD_OK) {
    datadog->holders = 2; /* before there is a second one */
    status = diffd_thread_start(&datadog->thread, run, datadog, err);
    if (status != DIFFD_OK)
      datadog->holders = 1;
  }
  if (status != DIFFD_OK) {
    release(datadog);
    return status;
  }
  *ret = &datadog->base;
  return DIFFD_OK;
}
