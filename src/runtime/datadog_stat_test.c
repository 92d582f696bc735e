/* SPDX-License-Identifier: Apache-2.0
 *
 * Stats on the wire: a strict listener parses every datagram, and nothing that is recorded is lost unseen.
 */
#include "runtime/datadog_stat.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/thread.h"

enum { PACKET_MAX = 65507, LINES_MAX = 4096, WAIT_MS = 20000 };

struct listener {
  int fd;
  char address[64];
  char lines[LINES_MAX][512]; /* without their newline */
  size_t count;
  size_t packets;
  size_t largest;
};

static struct listener *listen_on(int family) {
  struct listener *listener = calloc(1, sizeof *listener);
  assert_non_null(listener);
  struct sockaddr_storage any = {.ss_family = (sa_family_t)family};
  socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
  if (family == AF_INET)
    ((struct sockaddr_in *)&any)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  else
    ((struct sockaddr_in6 *)&any)->sin6_addr = in6addr_loopback;
  listener->fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (listener->fd < 0 || bind(listener->fd, (struct sockaddr *)&any, len) != 0) {
    free(listener);
    return NULL;
  }
  int bytes = 4 << 20;
  (void)setsockopt(listener->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  assert_int_equal(getsockname(listener->fd, (struct sockaddr *)&any, &len), 0);
  (void)snprintf(listener->address, sizeof listener->address, "%s:%u",
                 family == AF_INET ? "127.0.0.1" : "[::1]",
                 ntohs(family == AF_INET ? ((struct sockaddr_in *)&any)->sin_port
                                         : ((struct sockaddr_in6 *)&any)->sin6_port));
  return listener;
}

static void close_listener(struct listener *listener) {
  assert_int_equal(close(listener->fd), 0);
  free(listener);
}

/* name `:` number with six decimals `|` kind, then perhaps `|#` and tags. */
static void assert_line(const char *line) {
  static const char *const kinds[] = {"c", "g", "h", "ms"};
  const char *at = line + strcspn(line, ":");
  assert_true(at > line && *at == ':');
  for (const char *c = line; c < at; c++)
    assert_true((unsigned char)*c > ' ' && strchr("|@#", *c) == NULL);
  at++;
  at += *at == '-';
  size_t digits = strspn(at, "0123456789");
  assert_true(digits > 0 && at[digits] == '.');
  at += digits + 1;
  assert_int_equal(strspn(at, "0123456789"), 6);
  at += 6;
  assert_int_equal(*at++, '|');
  size_t kind_len = strcspn(at, "|");
  bool known = false;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    known = known || (strlen(kinds[i]) == kind_len && memcmp(kinds[i], at, kind_len) == 0);
  assert_true(known);
  at += kind_len;
  if (*at == '\0')
    return;
  assert_memory_equal(at, "|#", 2);
  at += 2;
  assert_true(*at != '\0' && at[strlen(at) - 1] != ',' && *at != ',' && strstr(at, ",,") == NULL);
  for (; *at != '\0'; at++)
    assert_true((unsigned char)*at > ' ' && strchr("|#", *at) == NULL);
}

static void take_packet(struct listener *listener) {
  static char packet[PACKET_MAX + 1];
  ssize_t len = recv(listener->fd, packet, sizeof packet, 0);
  assert_true(len > 0 && packet[len - 1] == '\n');
  listener->packets++;
  if ((size_t)len > listener->largest)
    listener->largest = (size_t)len;
  char *at = packet;
  for (char *end; at < packet + len; at = end + 1) {
    end = memchr(at, '\n', (size_t)(packet + len - at));
    *end = '\0';
    assert_line(at);
    assert_true(listener->count < LINES_MAX);
    (void)snprintf(listener->lines[listener->count++], sizeof listener->lines[0], "%s", at);
  }
}

/* Reads until there are so many lines; with `quiet`, what lies there and no more. */
static void read_lines(struct listener *listener, size_t count, bool quiet) {
  struct pollfd fd = {.fd = listener->fd, .events = POLLIN};
  while (listener->count < count || quiet) {
    int ready = poll(&fd, 1, quiet ? 0 : WAIT_MS);
    if (quiet && ready == 0)
      return;
    assert_int_equal(ready, 1);
    take_packet(listener);
  }
}

static struct diffd_stat *open_stat(const char *address, size_t packet_max_bytes, uint64_t flush_ms,
                                    const char *const *tags, size_t tag_count) {
  const struct diffd_datadog_options options = {address, packet_max_bytes, flush_ms, tags, tag_count};
  struct diffd_stat *stat = NULL;
  struct diffd_error err;
  if (diffd_datadog_stat_new(&options, &stat, &err) != DIFFD_OK)
    fail_msg("%s", err.detail);
  return stat;
}

#define NEVER_MS 86400000

static void test_each_kind_byte_for_byte(void **state) {
  (void)state;
  struct listener *listener = listen_on(AF_INET);
  const char *const fixed[] = {"env:prod", "team:net"};
  const char *const own[] = {"status:202", "route:api"};
  struct diffd_stat *stat = open_stat(listener->address, 32768, NEVER_MS, fixed, 2);
  diffd_stat_record(stat, DIFFD_STAT_COUNT, "http.server.connstate.new", 1, NULL, 0);
  diffd_stat_record(stat, DIFFD_STAT_GAUGE, "g", -0.5, own, 1);
  diffd_stat_record(stat, DIFFD_STAT_HISTOGRAM, "h", 1e15, own, 2);
  diffd_stat_record(stat, DIFFD_STAT_TIMING, "t", 12.3456789, NULL, 0);
  diffd_stat_destroy(stat); /* what was recorded is sent at the end */
  read_lines(listener, 4, false);
  assert_int_equal(listener->packets, 1);
  assert_string_equal(listener->lines[0], "http.server.connstate.new:1.000000|c|#env:prod,team:net");
  assert_string_equal(listener->lines[1], "g:-0.500000|g|#status:202,env:prod,team:net");
  assert_string_equal(listener->lines[2],
                      "h:1000000000000000.000000|h|#status:202,route:api,env:prod,team:net");
  assert_string_equal(listener->lines[3], "t:12.345679|ms|#env:prod,team:net");
  close_listener(listener);
}

static void test_no_tags_leave_no_trace(void **state) {
  (void)state;
  struct listener *listener = listen_on(AF_INET);
  const char *const empty[] = {"", ""};
  struct diffd_stat *stat = open_stat(listener->address, 32768, NEVER_MS, empty, 2);
  diffd_stat_record(stat, DIFFD_STAT_COUNT, "a", 2, empty, 2);
  diffd_stat_destroy(stat);
  read_lines(listener, 1, false);
  assert_string_equal(listener->lines[0], "a:2.000000|c");
  close_listener(listener);
}

/* Whatever names, tags and numbers hold, a line is a line; the largest double is written whole. */
static void test_odd_bytes_and_numbers(void **state) {
  (void)state;
  struct listener *listener = listen_on(AF_INET);
  const char *const fixed[] = {"a,b|c#d\ne", "\xC3\xA9t\xC3\xA9:x"};
  struct diffd_stat *stat = open_stat(listener->address, 32768, NEVER_MS, fixed, 2);
  diffd_stat_record(stat, DIFFD_STAT_COUNT, "na:me|@#\n\r\t \x7f", 1, NULL, 0);
  diffd_stat_record(stat, DIFFD_STAT_COUNT, "inf", INFINITY, NULL, 0);
  diffd_stat_record(stat, DIFFD_STAT_COUNT, "nan", NAN, NULL, 0);
  diffd_stat_record(stat, DIFFD_STAT_COUNT, "", 1, NULL, 0);
  diffd_stat_record(stat, DIFFD_STAT_COUNT, "big", 1.7976931348623157e308, NULL, 0);
  diffd_stat_destroy(stat);
  read_lines(listener, 3, false);
  assert_string_equal(listener->lines[0], "na_me________:1.000000|c|#a_b_c_d_e,\xC3\xA9t\xC3\xA9:x");
  assert_memory_equal(listener->lines[1], "big:17976931348623157", 21);
  assert_string_equal(listener->lines[2], "diffd.stats.dropped:3.000000|c|#a_b_c_d_e,\xC3\xA9t\xC3\xA9:x");
  close_listener(listener);
}

/* No datagram is larger than told, however the lines fall, and a line that cannot fit is counted. */
static void test_packet_sizes(void **state) {
  (void)state;
  static const size_t sizes[] = {46, 64, 100, 512, 65507};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    struct listener *listener = listen_on(AF_INET);
    struct diffd_stat *stat = open_stat(listener->address, sizes[i], NEVER_MS, NULL, 0);
    for (size_t n = 0; n < 200; n++) {
      char name[32] = "n";
      memset(name + 1, 'x', n % 20);
      diffd_stat_record(stat, DIFFD_STAT_COUNT, name, (double)n, NULL, 0);
    }
    char *long_name = calloc(1, 70000);
    assert_non_null(long_name);
    memset(long_name, 'y', 69999);
    diffd_stat_record(stat, DIFFD_STAT_COUNT, long_name, 1, NULL, 0);
    free(long_name);
    diffd_stat_destroy(stat);
    read_lines(listener, 201, false);
    assert_true(listener->largest <= sizes[i]);
    assert_true(sizes[i] > 100 || listener->packets > 200 * 20 / sizes[i]);
    for (size_t n = 0; n < 200; n++)
      assert_int_equal(atoi(strchr(listener->lines[n], ':') + 1), (int)n);
    assert_string_equal(listener->lines[200], "diffd.stats.dropped:1.000000|c");
    close_listener(listener);
  }
}

/* Lines are sent when the interval is over, and full datagrams before. */
static void test_flushing(void **state) {
  (void)state;
  struct listener *listener = listen_on(AF_INET);
  struct diffd_stat *stat = open_stat(listener->address, 32768, 20, NULL, 0);
  diffd_stat_record(stat, DIFFD_STAT_COUNT, "first", 1, NULL, 0);
  read_lines(listener, 1, false);
  diffd_stat_record(stat, DIFFD_STAT_COUNT, "second", 1, NULL, 0);
  read_lines(listener, 2, false);
  diffd_stat_destroy(stat);

  stat = open_stat(listener->address, 64, NEVER_MS, NULL, 0);
  for (int i = 0; i < 10; i++) /* 17 bytes each, three a datagram: the tenth is the only one that must wait */
    diffd_stat_record(stat, DIFFD_STAT_COUNT, "early", 1, NULL, 0);
  read_lines(listener, 2 + 6, false);
  diffd_stat_destroy(stat);
  read_lines(listener, 2 + 10, false);
  assert_int_equal(listener->count, 12);
  close_listener(listener);
}

/* The address of a name is the IPv4 one where both families answer; an IPv6 address serves, too. */
static void test_addresses(void **state) {
  (void)state;
  struct listener *listener = listen_on(AF_INET);
  char named[80];
  (void)snprintf(named, sizeof named, "localhost%s", strrchr(listener->address, ':'));
  struct diffd_stat *stat = open_stat(named, 32768, NEVER_MS, NULL, 0);
  diffd_stat_record(stat, DIFFD_STAT_COUNT, "a", 1, NULL, 0);
  diffd_stat_destroy(stat);
  read_lines(listener, 1, false);
  close_listener(listener);

  listener = listen_on(AF_INET6);
  if (listener != NULL) { /* not every machine has it */
    stat = open_stat(listener->address, 32768, NEVER_MS, NULL, 0);
    diffd_stat_record(stat, DIFFD_STAT_COUNT, "a", 1, NULL, 0);
    diffd_stat_destroy(stat);
    read_lines(listener, 1, false);
    close_listener(listener);
  }

  static const char *const bad[] = {":8125", "localhost", "a b:1", "[::1", ""};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    const struct diffd_datadog_options options = {bad[i], 512, 1000, NULL, 0};
    struct diffd_error err;
    assert_int_equal(diffd_datadog_stat_new(&options, &stat, &err), DIFFD_INVALID);
    assert_non_null(strstr(err.detail, "RUNTIME_STATS_DATADOG_ADDRESS"));
  }
}

/* Without an agent, and with a name that does not resolve, recording goes on and the end comes. */
static void test_no_agent(void **state) {
  (void)state;
  struct listener *listener = listen_on(AF_INET);
  char gone[64];
  (void)snprintf(gone, sizeof gone, "%s", listener->address);
  close_listener(listener);
  const char *const addresses[] = {gone, "no-such-host.invalid:8125"};
  for (size_t i = 0; i < 2; i++) {
    struct diffd_stat *stat = open_stat(addresses[i], 512, 1, NULL, 0);
    for (int n = 0; n < 50000; n++) /* more than the buffer holds */
      diffd_stat_record(stat, DIFFD_STAT_COUNT, "http.server.connstate.new", 1, NULL, 0);
    diffd_stat_destroy(stat);
  }
}

struct recorder {
  struct diffd_stat *stat;
  int number;
};

static void *record_many(void *arg) {
  const struct recorder *recorder = arg;
  char tag[32];
  const char *const tags[] = {tag};
  (void)snprintf(tag, sizeof tag, "thread:%d", recorder->number);
  for (int i = 0; i < 500; i++)
    diffd_stat_record(recorder->stat, DIFFD_STAT_COUNT, "n", i, tags, 1);
  return NULL;
}

/* Lines of several threads never mix, and each thread's stand in its order. */
static void test_threads(void **state) {
  (void)state;
  struct listener *listener = listen_on(AF_INET);
  struct recorder recorders[4];
  pthread_t threads[4];
  struct diffd_error err;
  struct diffd_stat *stat = open_stat(listener->address, 1400, 1, NULL, 0);
  for (int i = 0; i < 4; i++) {
    recorders[i] = (struct recorder){stat, i};
    assert_int_equal(diffd_thread_start(&threads[i], record_many, &recorders[i], &err), DIFFD_OK);
  }
  for (int i = 0; i < 4; i++)
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  diffd_stat_destroy(stat);
  read_lines(listener, 2000, false);
  read_lines(listener, 0, true);
  assert_int_equal(listener->count, 2000);
  int next[4] = {0};
  for (size_t n = 0; n < 2000; n++) {
    int value = 0;
    int thread = -1;
    assert_int_equal(sscanf(listener->lines[n], "n:%d.000000|c|#thread:%d", &value, &thread), 2);
    assert_true(thread >= 0 && thread < 4);
    assert_int_equal(value, next[thread]++);
  }
  close_listener(listener);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_each_kind_byte_for_byte),
      cmocka_unit_test(test_no_tags_leave_no_trace),
      cmocka_unit_test(test_odd_bytes_and_numbers),
      cmocka_unit_test(test_packet_sizes),
      cmocka_unit_test(test_flushing),
      cmocka_unit_test(test_addresses),
      cmocka_unit_test(test_no_agent),
      cmocka_unit_test(test_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
