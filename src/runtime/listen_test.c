/* SPDX-License-Identifier: Apache-2.0
 *
 * Every form of a listening address, and texts for those that cannot be had.
 */
#include "runtime/listen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int open_ok(const char *address, uint16_t *port) {
  int fd;
  struct diffd_error err;
  enum diffd_status status = diffd_listen(address, &fd, port, &err);
  if (status != DIFFD_OK)
    fail_msg("%s: %s", address, err.detail);
  assert_true(*port > 0);
  return fd;
}

static bool reaches(int family, uint16_t port) {
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback};
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return false;
  int result = family == AF_INET ? connect(fd, (const struct sockaddr *)&v4, sizeof v4)
                                 : connect(fd, (const struct sockaddr *)&v6, sizeof v6);
  (void)close(fd);
  return result == 0;
}

static bool has_ipv6(void) {
  int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
  bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&loopback, sizeof loopback) == 0;
  if (fd >= 0)
    (void)close(fd);
  return has;
}

/* No host: both families. */
static void test_everywhere(void **state) {
  (void)state;
  uint16_t port;
  int fd = open_ok(":0", &port);
  assert_true(reaches(AF_INET, port));
  if (has_ipv6())
    assert_true(reaches(AF_INET6, port));
  assert_int_equal(close(fd), 0);
}

/* A host: its address alone, IPv4 where it has both. */
static void test_host(void **state) {
  (void)state;
  static const char *const hosts[] = {"127.0.0.1:0", "localhost:0"};
  for (size_t i = 0; i < 2; i++) {
    uint16_t port;
    int fd = open_ok(hosts[i], &port);
    assert_true(reaches(AF_INET, port));
    assert_false(reaches(AF_INET6, port));
    assert_int_equal(close(fd), 0);
  }
  if (has_ipv6()) {
    uint16_t port;
    int fd = open_ok("[::1]:0", &port);
    assert_true(reaches(AF_INET6, port));
    assert_int_equal(close(fd), 0);
  }
}

/* What cannot be had is told by name. */
static void test_faults(void **state) {
  (void)state;
  uint16_t port;
  int taken;
  struct diffd_error err;
  char text[64];
  int fd = open_ok("127.0.0.1:0", &port);
  (void)snprintf(text, sizeof text, "127.0.0.1:%u", (unsigned)port);
  assert_int_equal(diffd_listen(text, &taken, &port, &err), DIFFD_IO);
  assert_non_null(strstr(err.detail, "in use"));
  assert_int_equal(close(fd), 0);
  assert_int_equal(diffd_listen("192.0.2.1:0", &taken, &port, &err), DIFFD_INVALID);
  assert_non_null(strstr(err.detail, "192.0.2.1"));
  assert_int_equal(diffd_listen("127.0.0.1", &taken, &port, &err), DIFFD_INVALID);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_everywhere), cmocka_unit_test(test_host),
                                     cmocka_unit_test(test_faults)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
