/* SPDX-License-Identifier: Apache-2.0 */
/* Different identities have different keys, however their values try to look alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/edge_key.h"

#define SPAN(text) ((struct diffd_span){text, sizeof(text) - 1})
static const struct diffd_span absent = {NULL, 0};

static struct diffd_key key_in(const struct diffd_identity *identity, struct diffd_span around) {
  struct diffd_keyer keyer;
  struct diffd_key key;
  struct diffd_error err;
  struct diffd_buffer scratch = diffd_buffer_init(1 << 20);
  diffd_keyer_init(&keyer, (const uint8_t *)"0123456789abcdef");
  assert_int_equal(diffd_keyer_identity(&keyer, identity, around, &scratch, &key, &err), DIFFD_OK);
  diffd_buffer_clean_up(&scratch);
  return key;
}

static struct diffd_key key_of(const struct diffd_identity *identity) {
  return key_in(identity, (struct diffd_span){NULL, 0});
}

static void test_values_that_imitate_separators_keep_identities_apart(void **state) {
  (void)state;
  const struct diffd_identity identities[] = {
      {SPAN("a"), SPAN("b"), SPAN("1"), SPAN("2"), SPAN("3"), SPAN("4"), SPAN("5"), SPAN("red")},
      {SPAN("b"), SPAN("a"), SPAN("1"), SPAN("2"), SPAN("3"), SPAN("4"), SPAN("5"), SPAN("red")},
      {SPAN("a"), SPAN("b"), SPAN("1"), SPAN("2"), SPAN("3"), SPAN("4"), SPAN("5"), SPAN("green")},
      {SPAN("a"), SPAN("b"), SPAN("1"), SPAN("2"), SPAN("3"), SPAN("4"), SPAN("5"), SPAN("")},
      {SPAN("a"), SPAN("b"), SPAN("1"), SPAN("2"), SPAN("3"), SPAN("4"), SPAN("5"), absent},
      {SPAN("a"), SPAN("b"), SPAN("1"), SPAN("2"), SPAN("3"), SPAN("4"), absent, SPAN("5")},
      {SPAN("a"), SPAN("b"), SPAN("1"), SPAN("2"), SPAN("3"), absent, SPAN("4"), SPAN("5")},
      {SPAN("a -> b"), SPAN("c"), absent, absent, absent, absent, absent, absent},
      {SPAN("a"), SPAN("b -> c"), absent, absent, absent, absent, absent, absent},
      {SPAN("a\x01"
            "a->\x01"
            "ab"),
       SPAN("c"), absent, absent, absent, absent, absent, absent},
      {SPAN("a"), SPAN("b"), SPAN(""), absent, absent, absent, absent, absent},
      {SPAN("a"), SPAN("b"), absent, absent, absent, absent, absent, absent},
      {SPAN("a"), SPAN("b [govpc_accountID=\"\""), absent, absent, absent, absent, absent, absent},
      {SPAN("a"), SPAN("b"), SPAN("1\" govpc_eniID=\"2"), absent, absent, absent, absent, absent},
      {SPAN("a"), SPAN("b"), SPAN("1"), SPAN("2"), absent, absent, absent, absent},
      {SPAN("a"), SPAN("b"),
       SPAN("1\x01"
            "a govpc_eniID=\x01"
            "a2"),
       absent, absent, absent, absent, absent},
      {SPAN("a"), SPAN("b"), SPAN("\x01"), absent, absent, absent, absent, absent},
      {SPAN("a"), SPAN("b"), SPAN("\x01\x01"), absent, absent, absent, absent, absent},
      {SPAN("a"), SPAN("b"), SPAN("\""), absent, absent, absent, absent, absent},
      /* Around what has room in the short form, and NULs like those that fill it up. */
      {SPAN("a"), SPAN("b"), SPAN("123456789012345"), SPAN(""), SPAN(""), SPAN(""), SPAN(""), SPAN("red")},
      {SPAN("a"), SPAN("b"), SPAN("1234567890123456"), SPAN(""), SPAN(""), SPAN(""), SPAN(""), SPAN("red")},
      {SPAN("a"), SPAN("b"), SPAN("123456789012345\0"), SPAN(""), SPAN(""), SPAN(""), SPAN(""), SPAN("red")},
      {SPAN("a"), SPAN("b"), SPAN("1\0"), SPAN("2"), SPAN("3"), SPAN("4"), SPAN("5"), SPAN("red")},
      {SPAN("a\0"), SPAN("b"), SPAN("1"), SPAN("2"), SPAN("3"), SPAN("4"), SPAN("5"), SPAN("red")},
      {SPAN("a"), SPAN("b"), SPAN("1"), SPAN(""), SPAN("3"), SPAN("4"), SPAN("5"), SPAN("red")},
      {SPAN("a"), SPAN("b"), SPAN("1"), SPAN(""), SPAN(""), SPAN("3"), SPAN("45"), SPAN("red")},
  };
  size_t count = sizeof identities / sizeof identities[0];
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < count; j++) {
      struct diffd_key a = key_of(&identities[i]);
      struct diffd_key b = key_of(&identities[j]);
      assert_true((a.low == b.low && a.high == b.high) == (i == j));
    }
}

/* Copying in steps gives the same key as copying byte by byte, wherever a value ends in the text around it,
 * and reads nothing outside of that: the text has its own allocation, for a sanitizer to see. */
static void test_the_text_around_values_changes_no_key(void **state) {
  (void)state;
  static const char bytes[] = "x \"\x01";
  for (size_t len = 0; len < 40; len++)
    for (size_t behind = 0; behind < 20; behind++)
      for (size_t i = 0; i + 1 < sizeof bytes; i++) {
        char *text = malloc(len + behind + 1);
        assert_non_null(text);
        memset(text, 'a', len);
        memset(text + len, '"', behind + 1);
        if (len > 0)
          text[(len * 7 + behind) % len] = bytes[i];
        struct diffd_span value = {text, len};
        struct diffd_span around = {text, len + behind};
        const struct diffd_identity identities[] = {
            {value, SPAN("b"), SPAN("1"), SPAN("2"), SPAN("3"), SPAN("4"), SPAN("5"), SPAN("red")},
            {value, value, value, value, value, value, value, value},
            {value, value, value, absent, value, value, value, value},
        };
        for (size_t j = 0; j < sizeof identities / sizeof *identities; j++) {
          struct diffd_key a = key_in(&identities[j], around);
          struct diffd_key b = key_of(&identities[j]);
          assert_true(a.low == b.low && a.high == b.high);
        }
        free(text);
      }
}

static void test_the_seed_changes_every_key(void **state) {
  (void)state;
  struct diffd_keyer one;
  struct diffd_keyer two;
  diffd_keyer_init(&one, (const uint8_t *)"0123456789abcdef");
  diffd_keyer_init(&two, (const uint8_t *)"0123456789abcdeg");
  struct diffd_key none = {0, 0};
  struct diffd_key a = diffd_keyer_text(&one, "n1 -> n2", 8, none);
  struct diffd_key b = diffd_keyer_text(&two, "n1 -> n2", 8, none);
  assert_true(a.low != b.low && a.high != b.high);
  struct diffd_short_identity brief = {.source = "n1", .destination = "n2"};
  a = diffd_keyer_short(&one, &brief, none);
  b = diffd_keyer_short(&two, &brief, none);
  assert_true(a.low != b.low && a.high != b.high);
  assert_true(one.green.low != two.green.low);
}

enum { COLLIDING = 1000, BUCKETS = 4096 };

/* One of BUCKETS, by the bits that choose a partition and where its row begins to be looked for. */
static unsigned bucket_of(struct diffd_key key) {
  return (unsigned)(key.high >> 56 << 4 | key.low >> 60);
}

/* The key of the edge whose interface is `number`. */
static struct diffd_key key_of_number(const struct diffd_keyer *keyer, uint64_t number) {
  struct diffd_short_identity brief = {.source = "n10_0_0_1", .destination = "n10_0_0_2"};
  memcpy(brief.eni, &number, sizeof number);
  return diffd_keyer_short(keyer, &brief, keyer->green);
}

static void test_keys_made_to_collide_under_one_seed_are_spread_under_another(void **state) {
  (void)state;
  struct diffd_keyer known;
  struct diffd_keyer secret;
  diffd_keyer_init(&known, (const uint8_t *)"0123456789abcdef");
  diffd_keyer_init(&secret, (const uint8_t *)"fedcba9876543210");
  unsigned counts[BUCKETS] = {0};
  unsigned most = 0;
  unsigned found = 0;
  for (uint64_t number = 1; found < COLLIDING; number++) {
    if (bucket_of(key_of_number(&known, number)) != 0)
      continue;
    found++;
    unsigned *count = &counts[bucket_of(key_of_number(&secret, number))];
    if (++*count > most)
      most = *count;
  }
  assert_in_range(most, 1, 8); /* a quarter on average */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_values_that_imitate_separators_keep_identities_apart),
      cmocka_unit_test(test_the_text_around_values_changes_no_key),
      cmocka_unit_test(test_the_seed_changes_every_key),
      cmocka_unit_test(test_keys_made_to_collide_under_one_seed_are_spread_under_another),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
