/* SPDX-License-Identifier: Apache-2.0
 *
 * For the tests of what speaks to servers: a TCP server on a free port of 127.0.0.1 whose every connection is
 * played by a function of the test, byte by byte as it likes.
 */
#ifndef DIFFD_NET_TEST_TCP_SERVER_H
#define DIFFD_NET_TEST_TCP_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TEST_CONNECTIONS_MAX = 256, TEST_REQUEST_MAX = 4 * 1024 * 1024 };

struct test_tcp_server;

/* One connection, as the function that plays it sees it. */
struct test_connection {
  struct test_tcp_server *server;
  int fd;
  unsigned number; /* from 0 on, in the order in which they were accepted */
  pthread_t thread;
};

struct test_tcp_server {
  int listen_fd;
  uint16_t port;
  pthread_t thread;
  void (*play)(struct test_connection *connection);
  const void *arg;      /* the test's */
  atomic_uint accepted; /* connections */
  atomic_uint requests; /* whole ones that were read */
  atomic_bool released; /* for the test: what the connections wait for */
  pthread_mutex_t lock;
  char last_request[TEST_REQUEST_MAX]; /* NUL-terminated; under the lock */
  struct test_connection connections[TEST_CONNECTIONS_MAX];
};

static inline void test_sleep_ms(unsigned ms) {
  const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
  (void)nanosleep(&time, NULL);
}

#define TEST_WAIT_FOR(condition)                                                                             \
  do {                                                                                                       \
    for (int tries_ = 0; tries_ < 10000 && !(condition); tries_++)                                           \
      test_sleep_ms(1);                                                                                      \
    assert_true(condition);                                                                                  \
  } while (0)

/* ---- for the functions that play ---- */

/* False where the peer has gone. */
static inline bool test_say_bytes(const struct test_connection *connection, const void *bytes, size_t len) {
  const char *at = bytes;
  while (len > 0) {
    ssize_t put = send(connection->fd, at, len, MSG_NOSIGNAL);
    if (put <= 0)
      return false;
    at += put;
    len -= (size_t)put;
  }
  return true;
}

static inline bool test_say(const struct test_connection *connection, const char *text) {
  return test_say_bytes(connection, text, strlen(text));
}

/* Reads a request with its body (by Content-Length); false at the connection's end. */
static inline bool test_hear(const struct test_connection *connection) {
  struct test_tcp_server *server = connection->server;
  char *text = malloc(TEST_REQUEST_MAX);
  size_t len = 0;
  size_t need = SIZE_MAX;
  while (len < need && len < TEST_REQUEST_MAX - 1) {
    ssize_t got = recv(connection->fd, text + len, TEST_REQUEST_MAX - 1 - len, 0);
    if (got <= 0)
      break;
    len += (size_t)got;
    text[len] = '\0';
    const char *end = strstr(text, "\r\n\r\n");
    if (end != NULL) {
      const char *length = strcasestr(text, "\r\nContent-Length: ");
      need = (size_t)(end + 4 - text);
      need += length != NULL && length < end ? strtoul(length + 18, NULL, 10) : 0;
    }
  }
  bool whole = len >= need;
  if (whole) {
    (void)pthread_mutex_lock(&server->lock);
    memcpy(server->last_request, text, len + 1);
    (void)pthread_mutex_unlock(&server->lock);
    atomic_fetch_add(&server->requests, 1);
  }
  free(text);
  return whole;
}

/* Makes the connection's end a reset. */
static inline void test_reset(const struct test_connection *connection) {
  const struct linger now = {.l_onoff = 1};
  (void)setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/* Waits until the peer closes, or the test lets go. */
static inline void test_hold(const struct test_connection *connection) {
  char byte;
  while (!atomic_load(&connection->server->released)) {
    ssize_t got = recv(connection->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
    if (got == 0)
      return;
    test_sleep_ms(2);
  }
}

/* ---- for the tests ---- */

static inline void *test_play(void *arg) {
  struct test_connection *connection = arg;
  connection->server->play(connection);
  (void)close(connection->fd);
  return NULL;
}

static inline void *test_accept(void *arg) {
  struct test_tcp_server *server = arg;
  for (unsigned i = 0; i < TEST_CONNECTIONS_MAX; i++) {
    int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
      break;
    server->connections[i] = (struct test_connection){.server = server, .fd = fd, .number = i};
    (void)pthread_create(&server->connections[i].thread, NULL, test_play, &server->connections[i]);
    atomic_fetch_add(&server->accepted, 1);
  }
  return NULL;
}

static inline struct test_tcp_server *test_server_start(void (*play)(struct test_connection *),
                                                        const void *arg) {
  struct test_tcp_server *server = calloc(1, sizeof *server);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  server->play = play;
  server->arg = arg;
  (void)pthread_mutex_init(&server->lock, NULL);
  server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(server->listen_fd, (struct sockaddr *)&address, len), 0);
  assert_int_equal(listen(server->listen_fd, 128), 0);
  assert_int_equal(getsockname(server->listen_fd, (struct sockaddr *)&address, &len), 0);
  server->port = ntohs(address.sin_port);
  assert_int_equal(pthread_create(&server->thread, NULL, test_accept, server), 0);
  return server;
}

/* Ends the listening, lets held connections go, cuts those that are open, and waits for all. */
static inline void test_server_stop(struct test_tcp_server *server) {
  atomic_store(&server->released, true);
  (void)shutdown(server->listen_fd, SHUT_RDWR);
  (void)pthread_join(server->thread, NULL);
  (void)close(server->listen_fd);
  for (unsigned i = 0; i < atomic_load(&server->accepted); i++)
    (void)pthread_join(server->connections[i].thread, NULL);
  (void)pthread_mutex_destroy(&server->lock);
  free(server);
}

#endif
