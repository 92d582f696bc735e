/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/setting_values.h"

enum { BACKLOG = 1024 };

union any_address {
  struct sockaddr base;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
  struct sockaddr_storage storage;
};

/* Gives an errno, or 0 and the socket. */
static int open_on(const struct sockaddr *address, socklen_t len, int *ret_fd) {
  static const int on = 1;
  static const int off = 0;
  CLEANUP(closep) int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return errno;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
    return errno;
  if (address->sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0)
    return errno;
  if (bind(fd, address, len) != 0 || listen(fd, BACKLOG) != 0)
    return errno;
  *ret_fd = fd;
  fd = -1;
  return 0;
}

static int open_everywhere(uint16_t port, int *ret_fd) {
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any, .sin6_port = htons(port)};
  struct sockaddr_in v4 = {
      .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY), .sin_port = htons(port)};
  int errnum = open_on((const struct sockaddr *)&v6, sizeof v6, ret_fd);
  if (errnum == EAFNOSUPPORT || errnum == EADDRNOTAVAIL)
    errnum = open_on((const struct sockaddr *)&v4, sizeof v4, ret_fd);
  return errnum;
}

/* `all` is a list of one address at least. */
static const struct addrinfo *prefer_ipv4(const struct addrinfo *all) {
  const struct addrinfo *one = all;
  while (one->ai_family != AF_INET && one->ai_next != NULL)
    one = one->ai_next;
  return one->ai_family == AF_INET ? one : all;
}

static enum diffd_status open_host(const struct diffd_address *address, int *ret_fd,
                                   struct diffd_error *err) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
  struct addrinfo *all;
  char port[16];
  (void)snprintf(port, sizeof port, "%d", address->port);
  int fault = getaddrinfo(address->host, port, &hints, &all);
  if (fault != 0)
    return diffd_fail(err, DIFFD_INVALID,
                      "no address for the host %s: %s; listen on an address of this machine", address->host,
                      gai_strerror(fault));
  const struct addrinfo *one = prefer_ipv4(all);
  int errnum = open_on(one->ai_addr, one->ai_addrlen, ret_fd);
  freeaddrinfo(all);
  if (errnum == EADDRNOTAVAIL)
    return diffd_fail(err, DIFFD_INVALID,
                      "%s is no address of this machine; listen on one that is, or on :%d", address->host,
                      address->port);
  return errnum == 0
             ? DIFFD_OK
             : diffd_fail_errno(err, errnum,
                                "listening on %s port %d (choose another with RUNTIME_HTTPSERVER_ADDRESS)",
                                address->host, address->port);
}

static enum diffd_status find_port(int fd, uint16_t *ret_port, struct diffd_error *err) {
  union any_address own = {0};
  socklen_t len = sizeof own;
  if (getsockname(fd, &own.base, &len) != 0)
    return diffd_fail_errno(err, errno, "asking for the port");
  *ret_port = ntohs(own.base.sa_family == AF_INET6 ? own.v6.sin6_port : own.v4.sin_port);
  return DIFFD_OK;
}

enum diffd_status diffd_listen(const char *text, int *ret_fd, uint16_t *ret_port, struct diffd_error *err) {
  struct diffd_address address;
  CLEANUP(closep) int fd = -1;
  enum diffd_status status = diffd_parse_address(text, &address, err);
  if (status != DIFFD_OK)
    return status;
  if (address.port < 0)
    return diffd_fail(err, DIFFD_INVALID, "%s names no port: write %s:8080", text, text);
  if (address.host[0] != '\0') {
    status = open_host(&address, &fd, err);
  } else {
    int errnum = open_everywhere((uint16_t)address.port, &fd);
    if (errnum != 0)
      status = diffd_fail_errno(
          err, errnum, "listening on port %d (choose another with RUNTIME_HTTPSERVER_ADDRESS)", address.port);
  }
  if (status == DIFFD_OK)
    status = find_port(fd, ret_port, err);
  if (status != DIFFD_OK)
    return status;
  *ret_fd = fd;
  fd = -1;
  return DIFFD_OK;
}
