/* SPDX-License-Identifier: Apache-2.0 */
#include "net/curl_pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/thread.h"

struct diffd_curl_pool {
  struct diffd_curl_pool_options options;
  pthread_mutex_t lock;
  pthread_cond_t changed; /* a link was given back, or the end has come */
  pthread_t reaper;
  bool reaping; /* the reaper was started */
  bool ending;
  uint64_t random;              /* the jitter's state */
  struct diffd_curl_link *idle; /* the last that was given back stands first */
};

static void link_destroy(struct diffd_curl_link *link) {
  if (link == NULL)
    return;
  curl_easy_cleanup(link->easy);
  (void)curl_multi_cleanup(link->multi);
  free(link->place);
  free(link);
}

/* Closes them outside the lock: saying good-bye to a TLS peer may take a moment. */
static void destroy_all(struct diffd_curl_link *links) {
  while (links != NULL) {
    struct diffd_curl_link *next = links->next;
    link_destroy(links);
    links = next;
  }
}

static uint64_t dies_at(const struct diffd_curl_pool *pool, const struct diffd_curl_link *link) {
  uint64_t idle_until = link->idle_since_ms + pool->options.idle_timeout_ms;
  return idle_until < link->expires_ms ? idle_until : link->expires_ms;
}

/* Takes out the links whose time is over, and those that are too many. *ret_next becomes the time at which
 * the next one is due, UINT64_MAX where none is left. */
static struct diffd_curl_link *collect_dead_locked(struct diffd_curl_pool *pool, uint64_t now,
                                                   uint64_t *ret_next) {
  struct diffd_curl_link *dead = NULL;
  struct diffd_curl_link **at = &pool->idle;
  unsigned kept = 0;
  *ret_next = UINT64_MAX;
  while (*at != NULL) {
    struct diffd_curl_link *link = *at;
    uint64_t due = dies_at(pool, link);
    if (due > now && kept < pool->options.idle_max) {
      if (due < *ret_next)
        *ret_next = due;
      kept++;
      at = &link->next;
      continue;
    }
    *at = link->next;
    link->next = dead;
    dead = link;
  }
  return dead;
}

static void *reap(void *arg) {
  struct diffd_curl_pool *pool = arg;
  (void)pthread_mutex_lock(&pool->lock);
  while (!pool->ending) {
    uint64_t next;
    uint64_t now = diffd_monotonic_ms();
    struct diffd_curl_link *dead = collect_dead_locked(pool, now, &next);
    if (dead != NULL) {
      (void)pthread_mutex_unlock(&pool->lock);
      destroy_all(dead);
      (void)pthread_mutex_lock(&pool->lock);
      continue;
    }
    if (next == UINT64_MAX)
      (void)pthread_cond_wait(&pool->changed, &pool->lock);
    else
      (void)diffd_cond_wait_ms(&pool->changed, &pool->lock, next - now);
  }
  (void)pthread_mutex_unlock(&pool->lock);
  return NULL;
}

enum diffd_status diffd_curl_pool_new(const struct diffd_curl_pool_options *options,
                                      struct diffd_curl_pool **ret, struct diffd_error *err) {
  struct diffd_curl_pool *pool = calloc(1, sizeof *pool);
  if (pool == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for an HTTP client");
  pool->options = *options;
  pool->random = diffd_monotonic_ms();
  (void)pthread_mutex_init(&pool->lock, NULL);
  enum diffd_status status = diffd_cond_init(&pool->changed, err);
  if (status != DIFFD_OK) {
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool);
    return status;
  }
  *ret = pool;
  return DIFFD_OK;
}

void diffd_curl_pool_destroy(struct diffd_curl_pool *pool) {
  if (pool == NULL)
    return;
  (void)pthread_mutex_lock(&pool->lock);
  pool->ending = true;
  (void)pthread_cond_signal(&pool->changed);
  (void)pthread_mutex_unlock(&pool->lock);
  if (pool->reaping)
    (void)pthread_join(pool->reaper, NULL);
  destroy_all(pool->idle);
  (void)pthread_cond_destroy(&pool->changed);
  (void)pthread_mutex_destroy(&pool->lock);
  free(pool);
}

static struct diffd_curl_link *take_idle_locked(struct diffd_curl_pool *pool, const char *place) {
  uint64_t now = diffd_monotonic_ms();
  for (struct diffd_curl_link **at = &pool->idle; *at != NULL; at = &(*at)->next) {
    struct diffd_curl_link *link = *at;
    if (dies_at(pool, link) > now && strcmp(link->place, place) == 0) {
      *at = link->next;
      return link;
    }
  }
  return NULL;
}

/* The lifetime, more or less the jitter, so that connections made together are not renewed together. The
 * constants are those of Knuth's MMIX. */
static uint64_t draw_lifetime_locked(struct diffd_curl_pool *pool) {
  pool->random = pool->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  uint64_t jitter = pool->options.jitter_ms;
  return pool->options.lifetime_ms - jitter + (pool->random >> 33) % (2 * jitter + 1);
}

static struct diffd_curl_link *link_new(const char *place) {
  struct diffd_curl_link *link = calloc(1, sizeof *link);
  if (link == NULL)
    return NULL;
  link->place = strdup(place);
  link->multi = curl_multi_init();
  link->easy = curl_easy_init();
  if (link->place == NULL || link->multi == NULL || link->easy == NULL ||
      curl_multi_setopt(link->multi, CURLMOPT_MAXCONNECTS, 1L) != CURLM_OK) {
    link_destroy(link);
    return NULL;
  }
  return link;
}

enum diffd_status diffd_curl_pool_take(struct diffd_curl_pool *pool, const char *place,
                                       struct diffd_curl_link **ret, struct diffd_error *err) {
  (void)pthread_mutex_lock(&pool->lock);
  struct diffd_curl_link *link = take_idle_locked(pool, place);
  uint64_t lifetime_ms = draw_lifetime_locked(pool);
  (void)pthread_mutex_unlock(&pool->lock);
  if (link == NULL) {
    link = link_new(place);
    if (link == NULL)
      return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a connection");
    link->expires_ms = diffd_monotonic_ms() + lifetime_ms;
  }
  link->tls_deadline_ms = UINT64_MAX;
  link->next = NULL;
  *ret = link;
  return DIFFD_OK;
}

/* The reaper is started with the first link that is kept: a client that nobody uses needs none. Without one,
 * nothing would close idle connections, so none is kept. */
static bool start_reaper_locked(struct diffd_curl_pool *pool) {
  struct diffd_error err;
  if (!pool->reaping)
    pool->reaping = diffd_thread_start(&pool->reaper, reap, pool, &err) == DIFFD_OK;
  return pool->reaping;
}

void diffd_curl_pool_give_back(struct diffd_curl_pool *pool, struct diffd_curl_link *link, bool alive) {
  struct diffd_curl_link *dead = link;
  (void)pthread_mutex_lock(&pool->lock);
  if (alive && start_reaper_locked(pool)) {
    uint64_t next;
    link->idle_since_ms = diffd_monotonic_ms();
    link->next = pool->idle;
    pool->idle = link;
    dead = collect_dead_locked(pool, link->idle_since_ms, &next);
    (void)pthread_cond_signal(&pool->changed);
  }
  (void)pthread_mutex_unlock(&pool->lock);
  destroy_all(dead);
}
