/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses parse strictly, print canonically, and have ids that no two of them share. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/flow_address.h"

static struct diffd_span span(const char *text) {
  return (struct diffd_span){text, strlen(text)};
}

static void test_v4_is_four_plain_octets(void **state) {
  (void)state;
  uint32_t address;
  assert_true(diffd_flow_v4_parse(span("10.1.2.255"), &address));
  assert_int_equal(address, 0x0a0102ff);
  static const char *const bad[] = {"",           "1",        "1.2.3",    "1.2.3.4.5", "1.2.3.",
                                    ".1.2.3",     "1..2.3",   "1.2.3.04", "00.1.2.3",  "1.2.3.256",
                                    "1.2.3.1000", "1.2.3.4 ", "1.2.3.-4", "a.b.c.d"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_false(diffd_flow_v4_parse(span(bad[i]), &address));
}

static void test_v6_is_parsed_and_printed_canonically(void **state) {
  (void)state;
  static const struct {
    const char *text, *label;
  } cases[] = {
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, /* one zero group is not shortened */
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},          /* the longer run is */
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},    /* of two, the first */
      {"0:0:1::", "0:0:1::"},
      {"::ffff:1.2.3.4", "::ffff:1.2.3.4"},
      {"::ffff:102:304", "::ffff:1.2.3.4"},
      {"::1.2.3.4", "::102:304"},
      {"2002:0a00:0001::", "2002:a00:1::"},
      {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
      {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
      {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
      {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint8_t address[16], libc[16];
    char label[DIFFD_FLOW_LABEL_MAX + 1];
    assert_true(diffd_flow_v6_parse(span(cases[i].text), address));
    assert_int_equal(inet_pton(AF_INET6, cases[i].text, libc), 1);
    assert_memory_equal(address, libc, 16);
    label[diffd_flow_v6_label(address, label)] = '\0';
    assert_string_equal(label, cases[i].label);
  }
}

static void test_v6_refuses_what_is_none(void **state) {
  (void)state;
  static const char *const bad[] = {"",
                                    ":",
                                    "1",
                                    ":::",
                                    "1:",
                                    ":1",
                                    "1::2::3",
                                    "1:2:3:4:5:6:7",
                                    "1:2:3:4:5:6:7:8:9",
                                    "1:2:3:4:5:6:7:8::",
                                    "::1:2:3:4:5:6:7:8",
                                    "12345::",
                                    "g::",
                                    "::1.2.3",
                                    "::1.2.3.4:5",
                                    "::1.2.3.04",
                                    "1:2:3:4:5:6:7:1.2.3.4",
                                    "fe80::1%eth0",
                                    "::1 ",
                                    "1.2.3.4"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    uint8_t address[16], libc[16];
    assert_false(diffd_flow_v6_parse(span(bad[i]), address));
    assert_int_equal(inet_pton(AF_INET6, bad[i], libc), 0);
  }
}

/* The C library is another reader of the same grammar. */
static void test_random_texts_parse_as_inet_pton_does(void **state) {
  (void)state;
  static const char alphabet[] = "0123fF:::::....";
  unsigned random = 3, accepted = 0;
  for (unsigned round = 0; round < 400000; round++) {
    char text[24] = {0};
    size_t len = 1 + (random = random * 1103515245u + 12345u) / 65536 % 14;
    for (size_t i = 0; i < len; i++)
      text[i] = alphabet[(random = random * 1103515245u + 12345u) / 65536 % (sizeof alphabet - 1)];
    uint8_t ours[16], libc[16];
    uint32_t v4;
    bool is_v6 = diffd_flow_v6_parse(span(text), ours);
    assert_int_equal(is_v6, inet_pton(AF_INET6, text, libc));
    if (is_v6)
      assert_memory_equal(ours, libc, 16);
    assert_int_equal(diffd_flow_v4_parse(span(text), &v4), inet_pton(AF_INET, text, libc));
    accepted += is_v6;
  }
  assert_true(accepted > 100);
}

static int compare_ids(const void *a, const void *b) {
  return memcmp(a, b, DIFFD_FLOW_ID_MAX);
}

static void test_ids_are_injective(void **state) {
  (void)state;
  static const char *const odd[] = {"::",
                                    "::1",
                                    "::ffff:10.1.0.0",
                                    "::10.1.0.0",
                                    "2002:a01::",
                                    "6:1::",
                                    "0:0:1::",
                                    "ffff::10.1.0.0",
                                    "a01::",
                                    "::a01:1",
                                    "1:0:1:1::",
                                    "64:ff9b::10.1.0.0",
                                    "2001:db8::1:1",
                                    "2001:db8::11",
                                    "6::"};
  enum { ODD = sizeof odd / sizeof odd[0], COUNT = 65536 + ODD };
  char(*ids)[DIFFD_FLOW_ID_MAX] = calloc(COUNT, sizeof *ids);
  assert_non_null(ids);
  for (uint32_t i = 0; i < 65536; i++)
    (void)diffd_flow_v4_id(0x0a010000 + i, ids[i]);
  for (size_t i = 0; i < ODD; i++) {
    uint8_t address[16];
    assert_true(diffd_flow_v6_parse(span(odd[i]), address));
    assert_int_equal(diffd_flow_v6_id(address, ids[65536 + i]), 35);
  }
  qsort(ids, COUNT, sizeof *ids, compare_ids);
  for (size_t i = 1; i < COUNT; i++)
    assert_true(memcmp(ids[i - 1], ids[i], sizeof *ids) != 0);
  free(ids);
}

static void test_ids_look_as_promised(void **state) {
  (void)state;
  char id[DIFFD_FLOW_LABEL_MAX + 2];
  uint8_t address[16];
  id[diffd_flow_v4_id(0x0a010b01, id)] = '\0';
  assert_string_equal(id, "n10_1_11_1");
  assert_true(diffd_flow_v6_parse(span("::ffff:10.1.11.1"), address));
  id[diffd_flow_v6_id(address, id)] = '\0';
  assert_string_equal(id, "n6_00000000000000000000ffff0a010b01");
  id[diffd_flow_original_id(span("10.1.11.1"), id)] = '\0';
  assert_string_equal(id, "n101111");
  id[diffd_flow_original_id(span("2001:db8::ef80"), id)] = '\0';
  assert_string_equal(id, "n2001db8ef80");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_v4_is_four_plain_octets),
      cmocka_unit_test(test_v6_is_parsed_and_printed_canonically),
      cmocka_unit_test(test_v6_refuses_what_is_none),
      cmocka_unit_test(test_random_texts_parse_as_inet_pton_does),
      cmocka_unit_test(test_ids_are_injective),
      cmocka_unit_test(test_ids_look_as_promised),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
