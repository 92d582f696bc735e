/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever text is encoded comes back byte for byte, any part of it, and canonical lines are kept small. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/canonical_text_test.h"
#include "core/line_codec.h"

struct fixture {
  struct diffd_line_codec *codec;
  char *text; /* a chunk and its padding */
  char *kept;
  struct diffd_span follows; /* what stands behind the chunk, before quotes */
};

static int make_fixture(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  struct diffd_error err;
  if (f == NULL || diffd_line_codec_new(1 << 20, &f->codec, &err) != DIFFD_OK)
    return -1;
  f->text = malloc(DIFFD_LINE_CHUNK_MAX + DIFFD_LINE_PADDING);
  f->kept = malloc(DIFFD_LINE_KEPT_MAX);
  *state = f;
  return f->text == NULL || f->kept == NULL;
}

static int drop_fixture(void **state) {
  struct fixture *f = *state;
  diffd_line_codec_destroy(f->codec);
  free(f->text);
  free(f->kept);
  free(f);
  return 0;
}

/* Decodes into a block of its own, where ASan sees the first byte written too far. */
static void expect_part(const struct fixture *f, const char *kept, size_t begin, size_t len) {
  char *got = malloc(len + 1);
  assert_non_null(got);
  got[len] = '#';
  diffd_line_codec_decode(f->codec, kept, begin, len, got);
  assert_memory_equal(got, f->text + begin, len);
  assert_int_equal(got[len], '#');
  free(got);
}

/* Encodes text[0, len) and returns how long it is then, without its padding. */
static size_t expect_round_trip(struct fixture *f, const char *text, size_t len, uint64_t *seed) {
  memmove(f->text, text, len);
  memset(f->text + len, '"', DIFFD_LINE_PADDING);
  if (f->follows.len > 0)
    memcpy(f->text + len, f->follows.ptr, f->follows.len);
  size_t kept_len = diffd_line_codec_encode(f->codec, f->text, len, f->kept);
  assert_true(kept_len <= DIFFD_LINE_KEPT_MAX);
  char *kept = malloc(kept_len); /* so that ASan sees the first byte read too far */
  assert_non_null(kept);
  memcpy(kept, f->kept, kept_len);
  expect_part(f, kept, 0, len);
  for (int i = 0; i < 3 && len > 0; i++) {
    size_t begin = test_below(seed, (unsigned)len);
    expect_part(f, kept, begin, test_below(seed, (unsigned)(len - begin + 1)));
  }
  if (len > 0)
    expect_part(f, kept, len - 1, 1);
  free(kept);
  return kept_len - 32;
}

static void random_bytes_come_back(void **state) {
  static const char alphabet[] = "\t\n \"\\n[]a1->=";
  struct fixture *f = *state;
  uint64_t seed = 7;
  char *text = malloc(DIFFD_LINE_CHUNK_MAX);
  assert_non_null(text);
  for (size_t len = 0; len < 300; len++) {
    for (size_t i = 0; i < len; i++)
      text[i] = len % 2 ? (char)test_random(&seed) : alphabet[test_below(&seed, sizeof alphabet - 1)];
    (void)expect_round_trip(f, text, len, &seed);
  }
  memset(text, '\n', DIFFD_LINE_CHUNK_MAX);
  (void)expect_round_trip(f, text, DIFFD_LINE_CHUNK_MAX, &seed);
  memset(text, 'x', DIFFD_LINE_CHUNK_MAX);
  (void)expect_round_trip(f, text, DIFFD_LINE_CHUNK_MAX, &seed);
  free(text);
}

/* The shortest lines that records stand for, in turn with raw ones: encoding must not take more room. */
static void what_grows_most_stays_within_the_bound(void **state) {
  static const char part[] = "\t [label=\"\"]\nx\n";
  struct fixture *f = *state;
  uint64_t seed = 1;
  char *text = malloc(DIFFD_LINE_CHUNK_MAX);
  assert_non_null(text);
  for (size_t i = 0; i < DIFFD_LINE_CHUNK_MAX; i++)
    text[i] = part[i % (sizeof part - 1)];
  (void)expect_round_trip(f, text, DIFFD_LINE_CHUNK_MAX, &seed);
  free(text);
}

static void canonical_lines_come_back_cut_anywhere(void **state) {
  struct fixture *f = *state;
  uint64_t seed = 3;
  size_t len;
  char *text = new_canonical_text(11, 3, 100, &len);
  for (size_t begin = 0; begin < len; begin += 1 + begin / 100)
    for (size_t end = begin; end <= len; end += 1 + (end - begin) / 16) {
      size_t rest = len - end;
      f->follows = (struct diffd_span){text + end, rest < DIFFD_LINE_PADDING ? rest : DIFFD_LINE_PADDING};
      (void)expect_round_trip(f, text + begin, end - begin, &seed);
    }
  free(text);
}

static void mutated_lines_come_back(void **state) {
  struct fixture *f = *state;
  uint64_t seed = 5;
  size_t len;
  char *text = new_canonical_text(13, 4, 100, &len);
  char *mutant = malloc(len + 64);
  assert_non_null(mutant);
  for (int round = 0; round < 20000; round++) {
    memcpy(mutant, text, len);
    size_t mutant_len = len;
    for (unsigned i = test_below(&seed, 3) + 1; i > 0; i--) {
      size_t at = test_below(&seed, (unsigned)mutant_len);
      switch (test_below(&seed, 4)) {
      case 0: /* another byte */
        mutant[at] = (char)test_random(&seed);
        break;
      case 1: /* a byte of the text's own */
        mutant[at] = text[test_below(&seed, (unsigned)len)];
        break;
      case 2: /* a byte less */
        memmove(mutant + at, mutant + at + 1, mutant_len - at - 1);
        mutant_len--;
        break;
      default: /* some more */
        memmove(mutant + at + 9, mutant + at, mutant_len - at);
        mutant_len += 9;
        break;
      }
      if (mutant_len > len + 40)
        break;
    }
    (void)expect_round_trip(f, mutant, mutant_len, &seed);
  }
  free(mutant);
  free(text);
}

/* An edge with one value of another length, in the attribute and the label, around every limit. */
static void values_of_every_length_come_back(void **state) {
  struct fixture *f = *state;
  uint64_t seed = 9;
  char value[80];
  char text[2048];
  for (size_t field = 0; field < 11; field++)
    for (size_t value_len = 0; value_len < sizeof value - 1; value_len++) {
      memset(value, '7', value_len);
      value[value_len] = '\0';
      const char *v[11] = {"n1", "n2", "12", "eni-1", "0", "80", "6", "1", "2", "3", "4"};
      v[field] = value;
      int len = snprintf(text, sizeof text,
                         "\t%s -> %s [govpc_accountID=\"%s\" govpc_eniID=\"%s\" govpc_srcPort=\"%s\" "
                         "govpc_dstPort=\"%s\" govpc_protocol=\"%s\" govpc_packets=\"%s\" govpc_bytes=\"%s\" "
                         "govpc_start=\"%s\" govpc_end=\"%s\" color=red label=\"accountID=%s\\neniID=%s\\n"
                         "srcPort=%s\\ndstPort=%s\\nprotocol=%s\\npackets=%s\\nbytes=%s\\nstart=%s\\n"
                         "end=%s\"]\n",
                         v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[2], v[3], v[4],
                         v[5], v[6], v[7], v[8], v[9], v[10]);
      size_t kept = expect_round_trip(f, text, (size_t)len, &seed);
      if (value_len < 16)
        assert_true(kept < 64); /* a record, not the text */
    }
}

static size_t kept_of_text(struct fixture *f, const char *text, size_t len) {
  uint64_t seed = 1;
  size_t kept = 0;
  for (size_t at = 0; at < len; at += DIFFD_LINE_CHUNK_MAX) {
    size_t chunk = len - at < DIFFD_LINE_CHUNK_MAX ? len - at : DIFFD_LINE_CHUNK_MAX;
    kept += expect_round_trip(f, text + at, chunk, &seed) + 32;
  }
  return kept;
}

static void an_edge_is_kept_in_100_bytes(void **state) {
  enum { EDGES = 20000 };
  struct fixture *f = *state;
  size_t len;
  char *text = new_canonical_text(17, EDGES, 500, &len);
  assert_true(kept_of_text(f, text, len) < EDGES * 65);
  free(text);
  /* More interfaces than the tables hold. */
  text = new_canonical_text(19, EDGES, 10000000, &len);
  assert_true(kept_of_text(f, text, len) < EDGES * 100);
  free(text);
}

static void a_label_that_is_not_implied_is_kept_as_it_is(void **state) {
  struct fixture *f = *state;
  uint64_t seed = 21;
  char line[600];
  size_t len = put_canonical_edge(line, &seed, 10);
  assert_true(expect_round_trip(f, line, len, &seed) < 100);
  line[len - 4]++; /* the last digit of the label's end */
  assert_true(expect_round_trip(f, line, len, &seed) > len);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(random_bytes_come_back, make_fixture, drop_fixture),
      cmocka_unit_test_setup_teardown(what_grows_most_stays_within_the_bound, make_fixture, drop_fixture),
      cmocka_unit_test_setup_teardown(canonical_lines_come_back_cut_anywhere, make_fixture, drop_fixture),
      cmocka_unit_test_setup_teardown(mutated_lines_come_back, make_fixture, drop_fixture),
      cmocka_unit_test_setup_teardown(values_of_every_length_come_back, make_fixture, drop_fixture),
      cmocka_unit_test_setup_teardown(an_edge_is_kept_in_100_bytes, make_fixture, drop_fixture),
      cmocka_unit_test_setup_teardown(a_label_that_is_not_implied_is_kept_as_it_is, make_fixture,
                                      drop_fixture),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
