/* SPDX-License-Identifier: Apache-2.0
 *
 * Which requests go through a proxy: the rules of Go's net/http.
 */
#include "net/proxy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

static const char *choose(const char *no, const char *scheme, const char *host, unsigned port) {
  const struct diffd_proxies proxies = {.http = "http://p", .https = "http://s", .no = no};
  return diffd_proxy_choose(&proxies, scheme, host, port);
}

static void test_the_scheme_picks_the_proxy(void **state) {
  /* HTTPS_PROXY is for https alone, and HTTP_PROXY for http alone. */
  const struct diffd_proxies none = {0};
  const struct diffd_proxies http = {.http = "http://p"};
  const struct diffd_proxies empty = {.http = "", .https = ""};
  (void)state;
  assert_string_equal(choose(NULL, "http", "host", 80), "http://p");
  assert_string_equal(choose(NULL, "https", "host", 443), "http://s");
  assert_string_equal(diffd_proxy_choose(&none, "http", "host", 80), "");
  assert_string_equal(diffd_proxy_choose(&http, "https", "host", 443), "");
  assert_string_equal(diffd_proxy_choose(&empty, "http", "host", 80), "");
}

static void test_this_machine_is_never_asked_through_a_proxy(void **state) {
  /* Whatever NO_PROXY says. */
  static const char *const hosts[] = {"localhost", "LOCALHOST", "127.0.0.1",       "127.8.9.1",
                                      "::1",       "[::1]",     "::ffff:127.0.0.1"};
  (void)state;
  for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
    assert_string_equal(choose(NULL, "http", hosts[i], 80), "");
  assert_string_equal(choose(NULL, "http", "128.0.0.1", 80), "http://p");
  assert_string_equal(choose(NULL, "http", "localhost.example.com", 80), "http://p");
}

static void test_no_proxy_names_hosts_domains_addresses_and_networks(void **state) {
  /* Each entry beside what it takes in and what it does not. */
  static const struct {
    const char *no, *host;
    unsigned port;
    bool direct;
  } cases[] = {
      {"*", "any.example.com", 80, true},
      {"a.com,*", "any.example.com", 80, true},
      {"example.com", "example.com", 80, true},
      {"example.com", "EXAMPLE.com", 80, true},
      {"EXAMPLE.com", "example.com", 80, true},
      {"example.com", "a.b.example.com", 80, true},
      {"example.com", "badexample.com", 80, false},
      {"example.com", "example.com.org", 80, false},
      {".example.com", "a.example.com", 80, true},
      {".example.com", "example.com", 80, false},
      {"*.example.com", "a.example.com", 80, true},
      {"*.example.com", "example.com", 80, false},
      {" a.com , example.com", "example.com", 80, true},
      {"a.com example.com", "example.com", 80, true},
      {"example.com:8080", "example.com", 8080, true},
      {"example.com:8080", "example.com", 80, false},
      {"example.com:8080", "a.example.com", 8080, true},
      {"10.1.2.3", "10.1.2.3", 80, true},
      {"10.1.2.3", "10.1.2.4", 80, false},
      {"10.1.2.3:81", "10.1.2.3", 81, true},
      {"10.1.2.3:81", "10.1.2.3", 80, false},
      {"10.0.0.0/8", "10.200.2.3", 80, true},
      {"10.0.0.0/8", "11.0.0.1", 80, false},
      {"10.128.0.0/9", "10.127.255.255", 80, false},
      {"0.0.0.0/0", "8.8.8.8", 80, true},
      {"0.0.0.0/0", "fd00::1", 80, false},
      {"10.0.0.0/8", "ten.example.com", 80, false},
      {"10.0.0.0/33", "10.0.0.1", 80, false},
      {"10.0.0.0/", "10.0.0.1", 80, false},
      {"fd00::/8", "[fd12::1]", 80, true},
      {"fd00::/8", "[fe12::1]", 80, false},
      {"fd00::1", "fd00:0::1", 80, true},
      {"[fd00::1]:81", "fd00::1", 81, true},
      {"[fd00::1]:81", "fd00::1", 80, false},
      {"[fd00::1", "fd00::1", 80, false},
      {"", "example.com", 80, false},
      {",,:80,.,/", "example.com", 80, false},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const char *proxy = choose(cases[i].no, "http", cases[i].host, cases[i].port);
    if ((proxy[0] == '\0') != cases[i].direct)
      fail_msg("NO_PROXY=%s, host %s:%u", cases[i].no, cases[i].host, cases[i].port);
  }
}

static void test_names_that_are_too_long_name_no_host(void **state) {
  /* They match nothing, and break nothing. */
  char name[1000];
  (void)state;
  memset(name, 'a', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  assert_string_equal(choose(name, "http", name, 80), "http://p");
  assert_string_equal(choose(name, "http", "example.com", 80), "http://p");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_scheme_picks_the_proxy),
      cmocka_unit_test(test_this_machine_is_never_asked_through_a_proxy),
      cmocka_unit_test(test_no_proxy_names_hosts_domains_addresses_and_networks),
      cmocka_unit_test(test_names_that_are_too_long_name_no_host),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
