/* SPDX-License-Identifier: Apache-2.0 */
/* The scanning kernels say what their scalar forms say at every length and alignment, and words are told by
 * their exact bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/dot_scan.h"

enum { LENGTHS = 257, ALIGNMENTS = 64 };

static void test_kernels_agree_with_scalar(void **state) {
  (void)state;
  for (size_t align = 0; align < ALIGNMENTS; align++) {
    for (size_t len = 0; len < LENGTHS; len++) {
      /* The run ends where the allocation ends, so that a sanitizer sees a look beyond. */
      char *block = malloc(align + len + 1);
      assert_non_null(block);
      char *run = block + align;
      memset(block, '"', align + 1);
      memset(run, 'x', len);
      char *end = run + len;
      assert_ptr_equal(diffd_dot_find(run, end, '"', '\\', '\0'), end);
      assert_ptr_equal(diffd_dot_name_end(run, end), end);
      size_t hit = len == 0 ? 0 : (align * 31 + len * 7) % len;
      static const char stops[] = {'"', '\\', '\0', ' ',    '[', '@', '`',    '{',
                                   '/', ':',  '^',  '\x7F', '=', '5', '\xFF', '\n'};
      for (size_t i = 0; len > 0 && i < sizeof stops; i++) {
        run[hit] = stops[i];
        assert_ptr_equal(diffd_dot_find(run, end, '"', '\\', '\0'),
                         diffd_dot_find_scalar(run, end, '"', '\\', '\0'));
        assert_ptr_equal(diffd_dot_name_end(run, end), diffd_dot_name_end_scalar(run, end));
        assert_ptr_equal(diffd_dot_word_end(run, end), diffd_dot_name_end_scalar(run, end));
        assert_ptr_equal(diffd_dot_find_quote(run, end), diffd_dot_find_scalar(run, end, '"', '\0', '\0'));
        assert_ptr_equal(diffd_dot_string_end(run, end), diffd_dot_find_scalar(run, end, '"', '\\', '\0'));
      }
      free(block);
    }
  }
}

static void test_every_byte_is_classed_alike(void **state) {
  (void)state;
  char run[64];
  for (int byte = 0; byte < 256; byte++) {
    char c = (char)byte;
    bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' || byte >= 0x80;
    bool digit = byte >= '0' && byte <= '9';
    assert_int_equal(diffd_dot_byte_of(c) == DIFFD_DOT_BYTE_LETTER, letter);
    assert_int_equal(diffd_dot_byte_of(c) == DIFFD_DOT_BYTE_DIGIT, digit);
    assert_int_equal(diffd_dot_is_space(c), c == ' ' || c == '\t' || c == '\r' || c == '\n');
    assert_int_equal(diffd_dot_byte_of(c) == DIFFD_DOT_BYTE_PUNCT,
                     byte != 0 && strchr("{}[]=,;:+", byte) != NULL);
    memset(run, 'x', sizeof run);
    run[5] = c;
    const char *expected = run + (letter || digit ? 40 : 5);
    assert_ptr_equal(diffd_dot_name_end(run, run + 40), expected);
    assert_ptr_equal(diffd_dot_name_end_scalar(run, run + 40), expected);
    run[5] = 'x';
    run[20] = c;
    assert_ptr_equal(diffd_dot_find(run, run + 40, c, c, c), byte == 'x' ? run : run + 20);
  }
}

static void test_words_are_told_by_their_bytes(void **state) {
  (void)state;
  static const struct {
    const char *word;
    enum diffd_dot_keyword keyword;
  } words[] = {
      {"node", DIFFD_DOT_NODE_WORD},    {"NODE", DIFFD_DOT_NODE_WORD},   {"eDge", DIFFD_DOT_EDGE_WORD},
      {"graph", DIFFD_DOT_GRAPH},       {"DiGraph", DIFFD_DOT_DIGRAPH},  {"strict", DIFFD_DOT_STRICT},
      {"SUBgraph", DIFFD_DOT_SUBGRAPH}, {"nod", DIFFD_DOT_NO_KEYWORD},   {"nodes", DIFFD_DOT_NO_KEYWORD},
      {"n0de", DIFFD_DOT_NO_KEYWORD},   {"green", DIFFD_DOT_NO_KEYWORD}, {"", DIFFD_DOT_NO_KEYWORD},
  };
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    assert_int_equal(diffd_dot_keyword_of(words[i].word, strlen(words[i].word)), words[i].keyword);
  static const char *const names[] = {
      "govpc_accountID", "govpc_eniID", "govpc_srcPort", "govpc_dstPort", "govpc_protocol", "color",
      "govpc_packets",   "govpc_bytes", "govpc_start",   "govpc_end",     "label",
  };
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    char other[32];
    size_t len = strlen(names[i]);
    assert_int_equal(diffd_dot_attribute_of(names[i], len), i);
    (void)snprintf(other, sizeof other, "%s%s", names[i], "=0123456789012345");
    assert_int_equal(diffd_dot_attribute_in(other, len, other + sizeof other), i);
    assert_int_equal(diffd_dot_attribute_in(other, len, other + len), i);
    assert_int_equal(diffd_dot_attribute_in(other, len + 1, other + sizeof other), DIFFD_DOT_NO_ATTRIBUTE);
    for (size_t shorter = 0; shorter < len; shorter++)
      assert_int_equal(diffd_dot_attribute_in(other, shorter, other + sizeof other), DIFFD_DOT_NO_ATTRIBUTE);
    assert_int_equal(diffd_dot_attribute_of(names[i], len - 1), DIFFD_DOT_NO_ATTRIBUTE);
    for (size_t at = 0; at < len; at++) {
      memcpy(other, names[i], len);
      other[at] ^= 0x20;
      assert_int_equal(diffd_dot_attribute_of(other, len), DIFFD_DOT_NO_ATTRIBUTE);
      assert_int_equal(diffd_dot_attribute_in(other, len, other + sizeof other), DIFFD_DOT_NO_ATTRIBUTE);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_kernels_agree_with_scalar),
      cmocka_unit_test(test_every_byte_is_classed_alike),
      cmocka_unit_test(test_words_are_told_by_their_bytes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
