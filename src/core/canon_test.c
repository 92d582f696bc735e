/* SPDX-License-Identifier: Apache-2.0 */
/* What the fast path takes for a canonical line, the general reader reads as the same statement with the same
 * key; and every kernel of it gives what the scalar one gives, at every length and alignment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/canon.h"
#include "core/canonical_text_test.h"
#include "core/dot_parse.h"
#include "core/edge_key.h"

static const char edge_line[] =
    "\tn10_1_11_1 -> n6_20010db8000000000000000000000001 [govpc_accountID=\"123456789010\" "
    "govpc_eniID=\"eni-abc123de\" govpc_srcPort=\"0\" govpc_dstPort=\"80\" govpc_protocol=\"6\" "
    "govpc_packets=\"25\" govpc_bytes=\"1100\" govpc_start=\"1418530000\" govpc_end=\"1477913820\" "
    "color=green "
    "label=\"accountID=123456789010\\neniID=eni-abc123de\\nsrcPort=0\\ndstPort=80\\nprotocol=6\"]\n";
static const char node_line[] = "\tn1723116139 [label=\"172.31.16.139\"]\n";

enum { TEXT_MAX = 4096 };

struct seen {
  unsigned statements;
  enum diffd_dot_kind kind;
  uint64_t begin;
  uint64_t end;
  uint64_t mark_at;
  enum diffd_mark_kind mark_kind;
  struct diffd_key key;
  struct diffd_counters counters;
};

struct fixture {
  const struct diffd_canon_kernel *kernel; /* the best of this CPU */
  struct diffd_keyer keyer;
  struct diffd_buffer scratch;
  char *text; /* one line, what follows it, and padding */
  size_t len;
  struct seen seen;
};

static int make_fixture(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  struct diffd_error err;
  if (f == NULL || diffd_canon_choose(NULL, &f->kernel, &err) != DIFFD_OK)
    return -1;
  diffd_keyer_init(&f->keyer, (const uint8_t *)"a secret of ours");
  f->scratch = diffd_buffer_init(1 << 20);
  f->text = malloc(TEXT_MAX);
  *state = f;
  return f->text == NULL;
}

static int drop_fixture(void **state) {
  struct fixture *f = *state;
  diffd_buffer_clean_up(&f->scratch);
  free(f->text);
  free(f);
  return 0;
}

static enum diffd_status see(void *arg, const struct diffd_dot_statement *s, struct diffd_error *err) {
  struct fixture *f = arg;
  f->seen.statements++;
  f->seen.kind = s->kind;
  f->seen.begin = s->begin;
  f->seen.end = s->end;
  f->seen.mark_at = s->mark_at;
  f->seen.mark_kind = s->mark_kind;
  f->seen.counters = s->counters;
  if (s->kind == DIFFD_DOT_EDGE)
    return diffd_keyer_identity(&f->keyer, &s->identity, s->around, &f->scratch, &f->seen.key, err);
  f->seen.key = diffd_keyer_node(&f->keyer, s->identity.source.ptr, s->identity.source.len);
  return DIFFD_OK;
}

/* How many statements the general reader finds in the line; 0 where it refuses it. */
static unsigned read_generally(struct fixture *f) {
  struct diffd_dot_parser *parser;
  struct diffd_error err;
  struct diffd_dot_handler handler = {.statement = see, .arg = f, .wants_counters = true};
  f->seen = (struct seen){0};
  assert_int_equal(diffd_dot_parser_new(handler, &parser, &err), DIFFD_OK);
  diffd_dot_parser_enter_body(parser, 0);
  enum diffd_status status = diffd_dot_parser_feed(parser, f->text, f->len, &err);
  if (status == DIFFD_OK && diffd_dot_parser_between_statements(parser))
    status = diffd_dot_parser_cut(parser, &err);
  else
    status = DIFFD_BAD_GRAPH;
  diffd_dot_parser_destroy(parser);
  return status == DIFFD_OK ? f->seen.statements : 0;
}

/* What follows the line in its source is `next`. */
static void set_text(struct fixture *f, const char *line, size_t len, const char *next) {
  memset(f->text, 0, TEXT_MAX);
  memcpy(f->text, line, len);
  memcpy(f->text + len, next, strlen(next) + 1);
  f->len = len;
}

/* What a kernel says of the text; the best one has to agree with the scalar one. */
static enum diffd_canon_kind read_canonically(struct fixture *f, struct diffd_canon_line *ret) {
  struct diffd_canon_line other = {0};
  *ret = (struct diffd_canon_line){0};
  enum diffd_canon_kind kind = diffd_canon_scalar.read(f->text, ret);
  assert_int_equal(f->kernel->read(f->text, &other), kind);
  if (kind != DIFFD_CANON_NONE)
    assert_memory_equal(&other, ret, sizeof other);
  return kind;
}

/* The key that a kernel reads an edge's line to, which is the text's first. */
static struct diffd_key read_key(struct fixture *f, const struct diffd_canon_kernel *kernel) {
  struct diffd_item item = {0};
  struct diffd_canon_run run = {.text = f->text, .stop = 1, .items = &item, .item_cap = 1};
  assert_int_equal(kernel->read_edges(&f->keyer, &run), DIFFD_CANON_EDGE);
  assert_int_equal(run.item_count, 1);
  assert_int_equal(item.begin, 1);
  return item.key;
}

/* Checks a line that may be anything; true where the fast path took it. */
static bool check_edge(struct fixture *f, const char *line, size_t len) {
  struct diffd_canon_line edge;
  set_text(f, line, len, "\tn");
  if (read_canonically(f, &edge) != DIFFD_CANON_EDGE || edge.end + 1 != len)
    return false;
  assert_int_equal(read_generally(f), 1);
  assert_int_equal(f->seen.kind, DIFFD_DOT_EDGE);
  assert_int_equal(f->seen.begin, 1);
  assert_int_equal(f->seen.end, edge.end);
  assert_int_equal(f->seen.mark_kind, DIFFD_MARK_LABEL);
  assert_int_equal(f->seen.mark_at, edge.end - 2);
  struct diffd_key key = read_key(f, f->kernel);
  struct diffd_key scalar = read_key(f, &diffd_canon_scalar);
  assert_true(key.low == scalar.low && key.high == scalar.high);
  assert_true(key.low == f->seen.key.low && key.high == f->seen.key.high);
  struct diffd_identity identity;
  struct diffd_counters counters;
  struct diffd_key of_fields;
  struct diffd_error err;
  diffd_canon_edge_fields(f->text + 1, edge.end - 1, &identity, &counters);
  assert_ptr_equal(identity.source.ptr + identity.source.len, f->text + edge.source_end);
  assert_ptr_equal(identity.destination.ptr, f->text + edge.destination);
  assert_int_equal(identity.destination.len, edge.destination_end - edge.destination);
  assert_int_equal(
      diffd_keyer_identity(&f->keyer, &identity, (struct diffd_span){NULL, 0}, &f->scratch, &of_fields, &err),
      DIFFD_OK);
  assert_true(of_fields.low == key.low && of_fields.high == key.high);
  assert_memory_equal(&counters, &f->seen.counters, sizeof counters);
  return true;
}

static bool check_node(struct fixture *f, const char *line, size_t len) {
  struct diffd_canon_line node;
  set_text(f, line, len, "\tn");
  if (read_canonically(f, &node) != DIFFD_CANON_NODE || node.end + 1 != len)
    return false;
  assert_int_equal(read_generally(f), 1);
  assert_int_equal(f->seen.kind, DIFFD_DOT_NODE);
  assert_int_equal(f->seen.begin, 1);
  assert_int_equal(f->seen.end, node.end);
  struct diffd_key key = diffd_keyer_node(&f->keyer, f->text + 1, node.source_end - 1);
  assert_true(key.low == f->seen.key.low && key.high == f->seen.key.high);
  return true;
}

static void test_what_graphers_write_is_canonical(void **state) {
  struct fixture *f = *state;
  assert_true(check_edge(f, edge_line, sizeof edge_line - 1));
  assert_true(check_node(f, node_line, sizeof node_line - 1));
  assert_false(check_node(f, edge_line, sizeof edge_line - 1));
  assert_false(check_edge(f, node_line, sizeof node_line - 1));
}

/* Each byte of a line replaced by each that means something, taken out, doubled: whatever is still taken must
 * be read alike. A wrong fast path would take a line whose quotes, blanks or ids are not what they look like.
 */
static void each_mutation(struct fixture *f, const char *line, size_t len,
                          bool (*check)(struct fixture *f, const char *line, size_t len)) {
  static const char bytes[] = "\"\\ \t\n\r\x01;,=[]{}<>#/*-+:nNgr0zA_\x80";
  char text[1024];
  unsigned taken = 0;
  for (size_t at = 0; at < len; at++) {
    for (size_t b = 0; b < sizeof bytes; b++) { /* the NUL at its end, too */
      memcpy(text, line, len);
      text[at] = bytes[b];
      taken += check(f, text, len);
      memmove(text + at + 1, line + at, len - at);
      taken += check(f, text, len + 1);
    }
    memcpy(text, line, at);
    memcpy(text + at, line + at + 1, len - at - 1);
    taken += check(f, text, len - 1);
  }
  assert_true(taken > len); /* most changes of a value leave the line canonical */
}

static void test_mutated_edges_are_read_alike(void **state) {
  each_mutation(*state, edge_line, sizeof edge_line - 1, check_edge);
}

static void test_mutated_nodes_are_read_alike(void **state) {
  each_mutation(*state, node_line, sizeof node_line - 1, check_node);
}

static void test_pairs_of_mutations_are_read_alike(void **state) {
  struct fixture *f = *state;
  static const char bytes[] = "\"\\ \n=[]0";
  char text[sizeof edge_line];
  srandom(11);
  for (int i = 0; i < 300000; i++) {
    memcpy(text, edge_line, sizeof edge_line);
    for (int m = 0; m < 2 + i % 2; m++)
      text[(size_t)random() % (sizeof edge_line - 1)] = bytes[(size_t)random() % (sizeof bytes - 1)];
    (void)check_edge(f, text, sizeof edge_line - 1);
  }
}

static void test_a_statement_that_may_go_on_is_left_to_the_general_reader(void **state) {
  struct fixture *f = *state;
  struct diffd_canon_line line;
  static const char *const next[] = {"[color=red]", "\t[color=red]", "\n\tn", " \tn", "#\n", "\t", ""};
  for (size_t i = 0; i < sizeof next / sizeof next[0]; i++) {
    set_text(f, edge_line, sizeof edge_line - 1, next[i]);
    assert_int_equal(read_canonically(f, &line), DIFFD_CANON_NONE);
    set_text(f, node_line, sizeof node_line - 1, next[i]);
    assert_int_equal(read_canonically(f, &line), DIFFD_CANON_NONE);
  }
  set_text(f, edge_line, sizeof edge_line - 1, "}");
  assert_int_equal(read_canonically(f, &line), DIFFD_CANON_EDGE);
}

static void test_keywords_and_long_ids_are_left_to_the_general_reader(void **state) {
  struct fixture *f = *state;
  static const char keyword[] = "\tnode [label=\"172.31.16.139\"]\n";
  assert_false(check_node(f, keyword, sizeof keyword - 1));
  char text[256] = "\tn";
  memset(text + 2, '1', 80);
  memcpy(text + 82, " [label=\"x\"]\n", sizeof " [label=\"x\"]\n");
  assert_false(check_node(f, text, strlen(text)));
}

/* Values of every length around what a look sees, so that some end beyond it. */
static void test_values_of_any_length_are_read_alike(void **state) {
  struct fixture *f = *state;
  static const char *const values[] = {"n10_1_11_1", "n6_20010db8", "123456789010", "eni-abc123de",
                                       "\"0\"",      "\"80\"",      "\"6\"",        "\"25\"",
                                       "1100",       "1418530000",  "1477913820",   "accountID=1"};
  unsigned taken = 0;
  for (size_t v = 0; v < sizeof values / sizeof values[0]; v++)
    for (size_t more = 1; more < 200; more++) {
      char text[1024];
      size_t quote = values[v][0] == '"';
      size_t at = (size_t)(strstr(edge_line, values[v]) - edge_line) + quote + (v < 2);
      memcpy(text, edge_line, at);
      memset(text + at, '1', more);
      memcpy(text + at + more, edge_line + at, sizeof edge_line - at);
      taken += check_edge(f, text, sizeof edge_line - 1 + more);
    }
  assert_true(taken > 500);
}

/* Guesses from the line before must never show. */
static void test_what_was_read_before_changes_nothing(void **state) {
  struct fixture *f = *state;
  uint64_t seed = 99;
  const struct diffd_canon_kernel *const kernels[] = {&diffd_canon_scalar, f->kernel};
  struct diffd_canon_run carried[2] = {0};
  for (int i = 0; i < 2000; i++) {
    char text[700];
    size_t len = put_canonical_edge(text, &seed, 50);
    if (i % 7 == 0)
      text[test_below(&seed, (unsigned)len)] = '"';
    set_text(f, text, len, "\tn");
    struct diffd_canon_line fresh;
    enum diffd_canon_kind kind = read_canonically(f, &fresh);
    for (size_t k = 0; k < 2; k++) {
      struct diffd_item item;
      struct diffd_canon_run *run = &carried[k];
      *run = (struct diffd_canon_run){.text = f->text,
                                      .stop = 1,
                                      .items = &item,
                                      .item_cap = 1,
                                      .interface_bytes = run->interface_bytes,
                                      .times_bytes = run->times_bytes};
      assert_int_equal(kernels[k]->read_edges(&f->keyer, run), kind);
      if (kind != DIFFD_CANON_EDGE)
        continue;
      struct diffd_key key = read_key(f, kernels[k]);
      assert_int_equal(run->at, fresh.end + 1);
      assert_true(item.key.low == key.low && item.key.high == key.high);
    }
  }
}

/* Cut anywhere and standing anywhere, in a room that ends with the padding. */
static void test_kernels_agree_at_every_length_and_alignment(void **state) {
  struct fixture *f = *state;
  const struct {
    const char *text;
    size_t len;
  } lines[] = {{edge_line, sizeof edge_line - 1}, {node_line, sizeof node_line - 1}};
  for (size_t l = 0; l < 2; l++)
    for (size_t align = 0; align < 64; align++)
      for (size_t len = 0; len <= lines[l].len; len++) {
        size_t size = align + len + 2 + DIFFD_CANON_PADDING;
        char *room = calloc(1, size);
        assert_non_null(room);
        memcpy(room + align, lines[l].text, len);
        memcpy(room + align + len, "\tn", 2);
        struct diffd_canon_line expected = {0};
        struct diffd_canon_line got = {0};
        enum diffd_canon_kind kind = diffd_canon_scalar.read(room + align, &expected);
        assert_int_equal(kind != DIFFD_CANON_NONE, len == lines[l].len);
        assert_int_equal(f->kernel->read(room + align, &got), kind);
        if (kind != DIFFD_CANON_NONE)
          assert_memory_equal(&got, &expected, sizeof got);
        free(room);
      }
}

/* Each byte that there is, in an id, a value and a label. */
static void test_every_byte_value_is_classified_alike(void **state) {
  struct fixture *f = *state;
  static const char *const places[] = {"_1_11", "56789", "abc123de", "eniID=eni"};
  for (size_t p = 0; p < sizeof places / sizeof places[0]; p++)
    for (unsigned byte = 0; byte < 256; byte++) {
      char text[sizeof edge_line];
      memcpy(text, edge_line, sizeof edge_line);
      text[strstr(edge_line, places[p]) - edge_line] = (char)byte;
      (void)check_edge(f, text, sizeof edge_line - 1);
    }
}

/* Edges, nodes and other lines in a row: edges become items, in no more room than there is, and whatever else
 * comes ends the run where it stands. */
static void test_edges_in_a_row_are_read_up_to_what_is_none(void **state) {
  struct fixture *f = *state;
  const struct diffd_canon_kernel *const kernels[] = {&diffd_canon_scalar, f->kernel};
  char text[TEXT_MAX / 2] = "";
  for (int i = 0; i < 3; i++)
    strcat(text, edge_line);
  size_t node_at = strlen(text);
  strcat(strcat(strcat(text, node_line), edge_line), "x\n");
  set_text(f, text, strlen(text), "");
  for (size_t k = 0; k < 2; k++) {
    struct diffd_item items[5];
    struct diffd_canon_run run = {
        .text = f->text, .base = 1000, .stop = f->len, .items = items, .item_cap = 2};
    assert_int_equal(kernels[k]->read_edges(&f->keyer, &run), DIFFD_CANON_EDGE);
    assert_int_equal(run.item_count, 2);
    run.item_cap = 5;
    assert_int_equal(kernels[k]->read_edges(&f->keyer, &run), DIFFD_CANON_NODE);
    assert_int_equal(run.item_count, 3);
    assert_int_equal(run.at, node_at);
    assert_int_equal(items[2].begin, 1000 + 2 * (sizeof edge_line - 1) + 1);
    run.at += run.line.end + 1;
    assert_int_equal(kernels[k]->read_edges(&f->keyer, &run), DIFFD_CANON_NONE); /* for what follows it */
    assert_int_equal(run.item_count, 3);
  }
}

/* A value that is not there, with the quote that opens it, where a look has just come to its end: the quote
 * of its name must not be taken for the one that closes it. */
static void test_the_quote_that_opens_a_value_does_not_close_it(void **state) {
  struct fixture *f = *state;
  static const struct {
    const char *first; /* in the same look; grows */
    const char *missing;
  } cases[] = {
      {"123456789010\"", "eni-abc123de\" "},
      {"0\" govpc_dstPort", "6\" "},
      {"25\"", "1100\" "},
      {"1418530000\"", "1477913820\" "},
  };
  for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++)
    for (size_t more = 0; more < 70; more++) {
      char text[1024];
      size_t grows = (size_t)(strstr(edge_line, cases[c].first) - edge_line);
      size_t gone = (size_t)(strstr(edge_line + grows, cases[c].missing) - edge_line);
      size_t len = grows;
      memcpy(text, edge_line, len);
      memset(text + len, '1', more);
      len += more;
      memcpy(text + len, edge_line + grows, gone - grows);
      len += gone - grows;
      text[len++] = ' ';
      (void)strcpy(text + len, edge_line + gone + strlen(cases[c].missing));
      struct diffd_canon_line line;
      set_text(f, text, strlen(text), "\tn");
      assert_int_equal(read_canonically(f, &line), DIFFD_CANON_NONE);
    }
}

static void test_an_unknown_kernel_is_refused_with_the_choices(void **state) {
  (void)state;
  struct diffd_error err;
  const struct diffd_canon_kernel *kernel;
  assert_int_equal(diffd_canon_choose("avx9", &kernel, &err), DIFFD_INVALID);
  assert_non_null(strstr(err.detail, "scalar"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_graphers_write_is_canonical),
      cmocka_unit_test(test_mutated_edges_are_read_alike),
      cmocka_unit_test(test_mutated_nodes_are_read_alike),
      cmocka_unit_test(test_pairs_of_mutations_are_read_alike),
      cmocka_unit_test(test_a_statement_that_may_go_on_is_left_to_the_general_reader),
      cmocka_unit_test(test_keywords_and_long_ids_are_left_to_the_general_reader),
      cmocka_unit_test(test_values_of_any_length_are_read_alike),
      cmocka_unit_test(test_what_was_read_before_changes_nothing),
      cmocka_unit_test(test_kernels_agree_at_every_length_and_alignment),
      cmocka_unit_test(test_every_byte_value_is_classified_alike),
      cmocka_unit_test(test_edges_in_a_row_are_read_up_to_what_is_none),
      cmocka_unit_test(test_the_quote_that_opens_a_value_does_not_close_it),
      cmocka_unit_test(test_an_unknown_kernel_is_refused_with_the_choices),
  };
  return cmocka_run_group_tests(tests, make_fixture, drop_fixture);
}
