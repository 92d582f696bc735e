/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/nats_queue_held.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/thread.h"

enum { ACK_WAIT_MS = 30000 };

struct node {
  struct node *next;
  struct diffd_nats_holding holding;
};

struct diffd_nats_held {
  struct diffd_nats_link *link;
  pthread_t thread;
  pthread_mutex_t lock; /* guards what follows */
  pthread_cond_t wake;
  struct node *nodes; /* the newest first: numbers fall */
  uint64_t last_number;
  uint64_t ack_wait_ms;
  bool stop;
};

/* Waits a third of the time; false when told to stop. */
static bool sleep_locked(struct diffd_nats_held *held) {
  uint64_t began = diffd_monotonic_ms();
  for (uint64_t now = began; !held->stop; now = diffd_monotonic_ms()) {
    uint64_t interval = held->ack_wait_ms >= 3 ? held->ack_wait_ms / 3 : 1; /* may change meanwhile */
    if (now - began >= interval)
      break;
    (void)diffd_cond_wait_ms(&held->wake, &held->lock, interval - (now - began));
  }
  return !held->stop;
}

/* The newest holding below a number, so that the lock need not be held while something is sent. */
static bool next_below_locked(const struct diffd_nats_held *held, uint64_t number,
                              struct diffd_nats_holding *ret) {
  for (const struct node *node = held->nodes; node != NULL; node = node->next)
    if (node->holding.number < number) {
      *ret = node->holding;
      return true;
    }
  return false;
}

static void *run(void *arg) {
  static const char in_progress[] = "+WPI";
  struct diffd_nats_held *held = arg;
  (void)pthread_mutex_lock(&held->lock);
  while (sleep_locked(held)) {
    struct diffd_nats_holding holding = {.number = UINT64_MAX};
    while (!held->stop && next_below_locked(held, holding.number, &holding)) {
      const struct diffd_nats_post post = {.subject = holding.reply,
                                           .body = {in_progress, sizeof in_progress - 1}};
      struct diffd_error ignored; /* the next time may do; else the job comes again */
      (void)pthread_mutex_unlock(&held->lock);
      enum diffd_status sent = diffd_nats_publish(held->link, &post, &ignored);
      (void)sent;
      (void)pthread_mutex_lock(&held->lock);
    }
  }
  (void)pthread_mutex_unlock(&held->lock);
  return NULL;
}

enum diffd_status diffd_nats_held_new(struct diffd_nats_link *link, struct diffd_nats_held **ret,
                                      struct diffd_error *err) {
  struct diffd_nats_held *held = calloc(1, sizeof *held);
  if (held == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the messages of NATS");
  held->link = link;
  held->ack_wait_ms = ACK_WAIT_MS;
  enum diffd_status status = diffd_cond_init(&held->wake, err);
  if (status != DIFFD_OK) {
    free(held);
    return status;
  }
  (void)pthread_mutex_init(&held->lock, NULL);
  status = diffd_thread_start(&held->thread, run, held, err);
  if (status != DIFFD_OK) {
    (void)pthread_cond_destroy(&held->wake);
    (void)pthread_mutex_destroy(&held->lock);
    free(held);
    return status;
  }
  *ret = held;
  return DIFFD_OK;
}

void diffd_nats_held_destroy(struct diffd_nats_held *held) {
  if (held == NULL)
    return;
  (void)pthread_mutex_lock(&held->lock);
  held->stop = true;
  (void)pthread_cond_broadcast(&held->wake);
  (void)pthread_mutex_unlock(&held->lock);
  (void)pthread_join(held->thread, NULL);
  while (held->nodes != NULL) {
    struct node *node = held->nodes;
    held->nodes = node->next;
    free(node);
  }
  (void)pthread_cond_destroy(&held->wake);
  (void)pthread_mutex_destroy(&held->lock);
  free(held);
}

void diffd_nats_held_set_ack_wait(struct diffd_nats_held *held, uint64_t ack_wait_ms) {
  (void)pthread_mutex_lock(&held->lock);
  held->ack_wait_ms = ack_wait_ms;
  (void)pthread_cond_broadcast(&held->wake);
  (void)pthread_mutex_unlock(&held->lock);
}

/* Where the same message is held, its newer delivery takes the place of the older one. */
static bool renew_locked(struct diffd_nats_held *held, const struct diffd_nats_holding *holding) {
  for (struct node *node = held->nodes; node != NULL; node = node->next) {
    struct diffd_nats_holding *own = &node->holding;
    if (own->delivery.sequence != holding->delivery.sequence ||
        own->delivery.stored_ns != holding->delivery.stored_ns)
      continue;
    own->delivery = holding->delivery;
    (void)snprintf(own->reply, sizeof own->reply, "%s", holding->reply);
    return true;
  }
  return false;
}

enum diffd_status diffd_nats_held_add(struct diffd_nats_held *held, const struct diffd_nats_holding *holding,
                                      uint64_t *ret_number, struct diffd_error *err) {
  struct node *node = calloc(1, sizeof *node);
  if (node == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a message of NATS");
  node->holding = *holding;
  (void)pthread_mutex_lock(&held->lock);
  bool renewed = renew_locked(held, holding);
  if (!renewed) {
    node->holding.number = ++held->last_number;
    node->next = held->nodes;
    held->nodes = node;
    *ret_number = node->holding.number;
  }
  (void)pthread_mutex_unlock(&held->lock);
  if (!renewed)
    return DIFFD_OK;
  free(node);
  return diffd_fail(err, DIFFD_EXISTS, "the message is being worked on here");
}

enum diffd_status diffd_nats_held_get(struct diffd_nats_held *held, uint64_t number,
                                      struct diffd_nats_holding *ret, struct diffd_error *err) {
  bool found = false;
  (void)pthread_mutex_lock(&held->lock);
  for (const struct node *node = held->nodes; node != NULL && !found; node = node->next) {
    found = node->holding.number == number;
    if (found)
      *ret = node->holding;
  }
  (void)pthread_mutex_unlock(&held->lock);
  return found ? DIFFD_OK : diffd_fail(err, DIFFD_NOT_FOUND, "no such message of NATS is held");
}

void diffd_nats_held_remove(struct diffd_nats_held *held, uint64_t number) {
  (void)pthread_mutex_lock(&held->lock);
  for (struct node **place = &held->nodes; *place != NULL; place = &(*place)->next) {
    struct node *node = *place;
    if (node->holding.number != number)
      continue;
    *place = node->next;
    free(node);
    break;
  }
  (void)pthread_mutex_unlock(&held->lock);
}
