/* SPDX-License-Identifier: Apache-2.0
 *
 * A real nats-server for unit tests, on a port that the system picks, with its files in a folder of the
 * test's. It can be killed and started again on the same port and files.
 */
#ifndef DIFFD_NET_TEST_NATS_SERVER_H
#define DIFFD_NET_TEST_NATS_SERVER_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct nats_server {
  const char *dir;
  const char *option; /* one more, or NULL: "--user=a" */
  const char *option2;
  pid_t pid;
  int port;
};

/* A port that is free at this moment. */
static inline int nats_free_port(void) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t len = sizeof address;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (const struct sockaddr *)&address, len) != 0 ||
      getsockname(fd, (struct sockaddr *)&address, &len) != 0)
    abort();
  (void)close(fd);
  return ntohs(address.sin_port);
}

static inline bool nats_server_answers(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  char info[5] = "";
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool up = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
            recv(fd, info, sizeof info - 1, MSG_WAITALL) == 4 && strcmp(info, "INFO") == 0;
  (void)close(fd);
  return up;
}

/* Starts the server and waits until it answers; false where it does not. It dies with the test. */
static inline bool nats_server_start(struct nats_server *server) {
  char port[16];
  char log[512];
  if (server->port == 0)
    server->port = nats_free_port();
  (void)snprintf(port, sizeof port, "%d", server->port);
  (void)snprintf(log, sizeof log, "%s/nats.log", server->dir);
  server->pid = fork();
  if (server->pid == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)execlp("nats-server", "nats-server", "-a", "127.0.0.1", "-p", port, "-js", "-sd", server->dir, "-l",
                 log, server->option, server->option2, (char *)NULL);
    (void)execl("/usr/sbin/nats-server", "nats-server", "-a", "127.0.0.1", "-p", port, "-js", "-sd",
                server->dir, "-l", log, server->option, server->option2, (char *)NULL);
    _exit(127);
  }
  for (int i = 0; i < 2000; i++) {
    if (nats_server_answers(server->port))
      return true;
    if (waitpid(server->pid, NULL, WNOHANG) != 0)
      break;
    (void)usleep(10000);
  }
  return false;
}

static inline void nats_server_kill(struct nats_server *server) {
  if (server->pid <= 0)
    return;
  (void)kill(server->pid, SIGKILL);
  (void)waitpid(server->pid, NULL, 0);
  server->pid = 0;
}

#endif
