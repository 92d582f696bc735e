/* SPDX-License-Identifier: Apache-2.0 */
/* The DOT reader accepts and refuses what it should, with the same statements, offsets and errors however the
 * input is cut into chunks; tests/vectors/dot holds a case for each construct. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <malloc.h>

#include "core/dot_parse.h"
#include "core/dot_record_test.h"

struct text {
  char *ptr;
  size_t len;
};

static struct text read_file(const char *folder, const char *name, const char *suffix) {
  char path[4096];
  (void)snprintf(path, sizeof path, "%s/vectors/dot%s%s%s", folder, *name ? "/" : "", name, suffix);
  FILE *file = fopen(path, "rb");
  if (file == NULL)
    fail_msg("cannot open %s", path);
  struct text text = {malloc(1 << 20), 0};
  assert_non_null(text.ptr);
  text.len = fread(text.ptr, 1, (1 << 20) - 1, file);
  text.ptr[text.len] = '\0';
  (void)fclose(file);
  return text;
}

/* Reads whole, byte by byte and in random chunks, and returns what all of them said. */
static char *record_every_way(const char *name, const char *bytes, size_t len) {
  char *whole = record(bytes, len, record_whole, NULL);
  char *single = record(bytes, len, record_byte_by_byte, NULL);
  if (strcmp(whole, single) != 0)
    fail_msg("%s: whole:\n%sbyte by byte:\n%s", name, whole, single);
  free(single);
  for (uint64_t seed = 1; seed <= 8; seed++) {
    uint64_t state = seed * 0x9E3779B97F4A7C15U;
    char *random = record(bytes, len, record_random, &state);
    if (strcmp(whole, random) != 0)
      fail_msg("%s: whole:\n%sin random chunks, seed %d:\n%s", name, whole, (int)seed, random);
    free(random);
  }
  return whole;
}

static void test_each_vector_says_what_is_expected(void **state) {
  (void)state;
  const char *folder = getenv("DIFFD_TEST_DATA");
  assert_non_null(folder);
  char path[4096];
  (void)snprintf(path, sizeof path, "%s/vectors/dot", folder);
  DIR *dir = opendir(path);
  assert_non_null(dir);
  int cases = 0;
  for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
    char *suffix = strstr(entry->d_name, ".dot");
    if (suffix == NULL)
      continue;
    *suffix = '\0';
    struct text dot = read_file(folder, entry->d_name, ".dot");
    struct text expect = read_file(folder, entry->d_name, ".expect");
    char *said = record_every_way(entry->d_name, dot.ptr, dot.len);
    if (strcmp(said, expect.ptr) != 0)
      fail_msg("%s: expected:\n%sgot:\n%s", entry->d_name, expect.ptr, said);
    free(said);
    free(dot.ptr);
    free(expect.ptr);
    cases++;
  }
  (void)closedir(dir);
  assert_true(cases >= 60);
}

/* Pieces of DOT, right and wrong, that random inputs are made of. */
static const char *const pieces[] = {
    "a",
    "b1",
    " ",
    "\n",
    "\t",
    "->",
    "-",
    "--",
    "[",
    "]",
    "=",
    ",",
    ";",
    "{",
    "}",
    ":",
    "+",
    "\"",
    "\\",
    "\"x\"",
    "\"\\\"\"",
    "\"y\\\n",
    "\r\n",
    "#",
    "\n# c\n",
    "//",
    "/*",
    "*/",
    "/",
    "*",
    "<",
    ">",
    "<b>",
    "1",
    ".",
    "-.5",
    "12.",
    "label",
    "\"label\"",
    "label=\"z\"]",
    "color",
    "color=",
    "=red",
    "node",
    "edge [",
    "graph",
    "subgraph",
    "digraph {",
    "strict",
    " -> ",
    " [x=y] ",
    "\xC3\xA9",
    "@",
    "govpc_eniID=\"e\" ",
    "govpc_packets=",
    "\" + \"",
};

static void test_random_inputs_do_not_depend_on_chunks(void **state) {
  (void)state;
  uint64_t seed = 20190701;
  char input[1024];
  for (int round = 0; round < 3000; round++) {
    size_t len = 0;
    if (round % 4 != 0)
      len = (size_t)snprintf(input, sizeof input, "digraph { a -> b [");
    for (int i = 0; i < 30; i++) {
      seed = seed * 6364136223846793005U + 1442695040888963407U;
      const char *piece = pieces[(seed >> 33) % (sizeof pieces / sizeof *pieces)];
      len += (size_t)snprintf(input + len, sizeof input - len, "%s", piece);
    }
    free(record_every_way(input, input, len));
  }
}

static uint64_t next_random(uint64_t *seed) {
  *seed = *seed * 6364136223846793005U + 1442695040888963407U;
  return *seed >> 33;
}
#define PICK(seed, choices) ((choices)[next_random(seed) % (sizeof(choices) / sizeof *(choices))])

/* An edge as other programs write them, nearly always plain. */
static size_t put_edge(char *out, size_t room, uint64_t *seed) {
  static const char *const ids[] = {
      "n1001001031", "n2001_db8_0_0_0_0_0_1", "\"n10\"", "n1", "edges", "Node1", "7"};
  static const char *const arrows[] = {" -> ", " -> ", " -> ", "->", "  ->\n"};
  static const char *const opens[] = {" [", " [", "[", "\t[ "};
  static const char *const names[] = {"govpc_accountID", "govpc_eniID",   "govpc_srcPort", "govpc_dstPort",
                                      "govpc_protocol",  "govpc_packets", "govpc_bytes",   "govpc_start",
                                      "govpc_end",       "color",         "color",         "label",
                                      "label",           "other",         "\"color\"",     "govpc_eniid"};
  static const char *const equals[] = {"=", "=", "=", "=", "=", "=", " = ", "= ", "\n="};
  static const char *const values[] = {"\"123456789010\"",
                                       "123456789010",
                                       "\"eni-7bc40d69\"",
                                       "green",
                                       "\"red\"",
                                       "0",
                                       "\"\"",
                                       "\"a\\nb\"",
                                       "65535",
                                       "\"65535\"",
                                       "1709510400",
                                       "\"x ] -> \\\" y\"",
                                       "blue",
                                       "\"eni-0123456789abcdef0\"",
                                       "\"0123456789abcde\"",
                                       "012345678901234"};
  static const char *const separators[] = {" ",  " ", " ",  " ",    " ",         " ", " ", ", ",
                                           "; ", ",", "  ", "\n\t", " /* , */ ", "]", ""};
  static const char long_label[] =
      "accountID=123456789010_neniID=eni-7bc40d69_srcPort=0_dstPort=80 protocol=6 end=1";
  static const char *const closes[] = {"]\n\t", "]\n\t", "]\n", "];\n", "]", ",]\n", " ];"};
  size_t len = (size_t)snprintf(out, room, "%s%s%s%s", PICK(seed, ids), PICK(seed, arrows), PICK(seed, ids),
                                PICK(seed, opens));
  for (uint64_t left = next_random(seed) % 12; left > 0; left--) {
    const char *separator = left > 1 ? PICK(seed, separators) : "";
    if (next_random(seed) % 8 == 0)
      len += (size_t)snprintf(out + len, room - len, "label=\"%.*s\"%s",
                              (int)(next_random(seed) % sizeof long_label), long_label, separator);
    else
      len += (size_t)snprintf(out + len, room - len, "%s%s%s%s", PICK(seed, names), PICK(seed, equals),
                              PICK(seed, values), separator);
  }
  return len + (size_t)snprintf(out + len, room - len, "%s", PICK(seed, closes));
}

static void test_edges_nearly_all_plain_do_not_depend_on_chunks(void **state) {
  (void)state;
  static const char strange[] = {'"', '\\', '=',  ' ', ',', ';', ']',    '[',  '-',
                                 '.', '+',  '\n', 'e', '0', '_', '\x01', '\0', '\x80'};
  uint64_t seed = 20190702;
  char input[8192];
  for (int round = 0; round < 4000; round++) {
    size_t len = (size_t)snprintf(input, sizeof input, "digraph {\n\t");
    for (int edges = 0; edges < 4; edges++)
      len += put_edge(input + len, sizeof input - len, &seed);
    len += (size_t)snprintf(input + len, sizeof input - len, "}\n");
    assert_true(len < sizeof input);
    if (round % 2 == 1) {
      size_t at = 11 + next_random(&seed) % (len - 11);
      input[at] = PICK(&seed, strange);
    }
    free(record_every_way(input, input, len));
  }
}

struct counted {
  uint64_t statements;
  uint64_t begin;
  enum diffd_status answer;
};

static enum diffd_status count(void *arg, const struct diffd_dot_statement *statement,
                               struct diffd_error *err) {
  struct counted *counted = arg;
  counted->statements++;
  counted->begin = statement->begin;
  return counted->answer == DIFFD_OK ? DIFFD_OK : diffd_fail(err, counted->answer, "enough");
}

static struct diffd_dot_parser *new_parser(struct counted *counted) {
  struct diffd_dot_parser *parser;
  struct diffd_error err;
  struct diffd_dot_handler handler = {.statement = count, .arg = counted};
  assert_int_equal(diffd_dot_parser_new(handler, &parser, &err), DIFFD_OK);
  return parser;
}

static void feed(struct diffd_dot_parser *parser, const char *text) {
  struct diffd_error err;
  if (diffd_dot_parser_feed(parser, text, strlen(text), &err) != DIFFD_OK)
    fail_msg("%s: %s", text, err.detail);
}

static void test_between_statements_is_where_a_statement_may_begin(void **state) {
  (void)state;
  static const struct {
    const char *text;
    bool between;
  } cases[] = {
      {"", true},          {"\n", true},        {"a", false},        {"a\n", true},
      {"\"a\"", true},     {"\"a\"+", false},   {"\"a\"+\n", false}, {"\"a\"+\"b\"", true},
      {"a -> b", false},   {"a -> b\n", true},  {"a ->\n", false},   {"a -> \"b\"", true},
      {"a [", false},      {"a [x=y\n", false}, {"a [x=\n", false},  {"a [x\n", false},
      {"a [x=y]", true},   {"a [x=y];", true},  {"a;", true},        {"x =\n", false},
      {"x = y\n", true},   {"x = \"y\"", true}, {"node\n", false},   {"node []", true},
      {"a // c", false},   {"a // c\n", true},  {"a /* c\n", false}, {"a /* c *", false},
      {"a /* c */", true}, {"\"a\n", false},    {"a [x=<\n", false}, {"# c", false},
      {"# c\n", true},     {"a -", false},      {"a /", false},      {"1.\n", true},
      {"}", false},        {"}\n", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct counted counted = {0};
    struct diffd_dot_parser *parser = new_parser(&counted);
    assert_false(diffd_dot_parser_between_statements(parser));
    diffd_dot_parser_enter_body(parser, 10);
    feed(parser, cases[i].text);
    if (diffd_dot_parser_between_statements(parser) != cases[i].between)
      fail_msg("%s", cases[i].text);
    assert_true(diffd_dot_parser_closed(parser) == (cases[i].text[0] == '}'));
    diffd_dot_parser_destroy(parser);
  }
}

static void test_cut_hands_over_what_waits(void **state) {
  (void)state;
  struct counted counted = {0};
  struct diffd_error err;
  struct diffd_dot_parser *parser = new_parser(&counted);
  diffd_dot_parser_enter_body(parser, 1000);
  assert_int_equal(diffd_dot_parser_cut(parser, &err), DIFFD_OK);
  assert_int_equal(counted.statements, 0);
  feed(parser, "  a -> b [color=red]\n");
  assert_int_equal(counted.statements, 0);
  assert_int_equal(diffd_dot_parser_cut(parser, &err), DIFFD_OK);
  assert_int_equal(counted.statements, 1);
  assert_int_equal(counted.begin, 1002);
  assert_int_equal(diffd_dot_parser_cut(parser, &err), DIFFD_OK);
  assert_int_equal(counted.statements, 1);
  /* Elsewhere a statement was read meanwhile; its semicolon comes here. */
  diffd_dot_parser_enter_body(parser, 5000);
  feed(parser, "; x = y\n b }");
  assert_int_equal(counted.statements, 2);
  assert_int_equal(counted.begin, 5009);
  assert_true(diffd_dot_parser_closed(parser));
  assert_int_equal(diffd_dot_parser_finish(parser, &err), DIFFD_OK);
  diffd_dot_parser_destroy(parser);
}

static void test_a_body_may_begin_with_the_end_of_a_statement(void **state) {
  (void)state;
  struct counted counted = {0};
  struct diffd_error err;
  struct diffd_dot_parser *parser = new_parser(&counted);
  diffd_dot_parser_enter_body(parser, 0);
  feed(parser, " ; a\n");
  assert_int_equal(diffd_dot_parser_cut(parser, &err), DIFFD_OK);
  assert_int_equal(counted.statements, 1);
  diffd_dot_parser_enter_body(parser, 0);
  assert_int_equal(diffd_dot_parser_feed(parser, ";;", 2, &err), DIFFD_BAD_GRAPH);
  assert_int_equal(diffd_dot_parser_error_offset(parser), 1);
  diffd_dot_parser_destroy(parser);
}

static void test_enter_body_forgets_what_was_open(void **state) {
  (void)state;
  static const char *const open[] = {"a",  "\"a", "\"a\" +", "a -> b [x=\"", "a [x=<",
                                     "/*", "//",  "a -",     "edge [",       "}"};
  for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
    struct counted counted = {0};
    struct diffd_error err;
    struct diffd_dot_parser *parser = new_parser(&counted);
    diffd_dot_parser_enter_body(parser, 0);
    feed(parser, open[i]);
    diffd_dot_parser_enter_body(parser, 100);
    feed(parser, "# c\na -> b\n");
    assert_int_equal(diffd_dot_parser_cut(parser, &err), DIFFD_OK);
    assert_int_equal(counted.statements, 1);
    assert_int_equal(counted.begin, 104);
    diffd_dot_parser_destroy(parser);
  }
}

static void test_handlers_failure_is_passed_on(void **state) {
  (void)state;
  struct counted counted = {.answer = DIFFD_NO_SPACE};
  struct diffd_error err;
  struct diffd_dot_parser *parser = new_parser(&counted);
  const char *text = "digraph { ab -> c d }";
  assert_int_equal(diffd_dot_parser_feed(parser, text, strlen(text), &err), DIFFD_NO_SPACE);
  assert_string_equal(err.detail, "enough");
  assert_int_equal(diffd_dot_parser_error_offset(parser), 10);
  assert_int_equal(counted.statements, 1);
  diffd_dot_parser_destroy(parser);
  diffd_dot_parser_destroy(NULL);
}

/* `before`, then `len` bytes of x, then `after`. */
static char *stuffed(const char *before, size_t len, const char *after) {
  size_t head = strlen(before);
  size_t tail = strlen(after) + 1;
  char *text = malloc(head + len + tail);
  assert_non_null(text);
  memcpy(text, before, head);
  memset(text + head, 'x', len);
  memcpy(text + head + len, after, tail);
  return text;
}

static void assert_last_line(const char *before, size_t len, const char *after, const char *expected) {
  char *text = stuffed(before, len, after);
  char *said = record_every_way(before, text, strlen(text));
  const char *error = strstr(said, "error");
  if (expected == NULL ? error != NULL : error == NULL || strcmp(error, expected) != 0)
    fail_msg("%s (%zu): %.200s", before, len, error != NULL ? error : "accepted");
  free(said);
  free(text);
}

static void test_identity_values_have_a_limit(void **state) {
  (void)state;
  static const struct {
    const char *before, *after, *error;
  } cases[] = {
      {"digraph { a -> b [color=\"", "\"] }",
       "error 1:25 an id or identity value of more than 65536 bytes\n"},
      {"digraph { a -> b [color=", "] }", "error 1:25 an id or identity value of more than 65536 bytes\n"},
      {"digraph { a -> b [govpc_eniID=\"\" + \"", "\"] }",
       "error 1:36 an id or identity value of more than 65536 bytes\n"},
      {"digraph { ", " }", "error 1:11 an id or identity value of more than 65536 bytes\n"},
      {"digraph { a -> \"", "\" }", "error 1:16 an id or identity value of more than 65536 bytes\n"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_last_line(cases[i].before, DIFFD_IDENTITY_VALUE_MAX, cases[i].after, NULL);
    assert_last_line(cases[i].before, DIFFD_IDENTITY_VALUE_MAX + 1, cases[i].after, cases[i].error);
  }
  /* Whatever is wrong further on, and wherever a chunk ends, the limit is met first. */
  assert_last_line("digraph { \"", DIFFD_IDENTITY_VALUE_MAX + 1, "\\",
                   "error 1:11 an id or identity value of more than 65536 bytes\n");
}

static void test_other_texts_have_none(void **state) {
  (void)state;
  assert_last_line("digraph { a -> b [label=\"", 300000, "\"] }", NULL);
  assert_last_line("digraph { a -> b [", 300000, "=y] }", NULL);
  assert_last_line("digraph ", 300000, " { }", NULL);
  assert_last_line("digraph { a -> b [govpc_packets=\"1", 300000, "\"] }", NULL);
  assert_last_line("digraph { a [color=<", 300000, ">] }", NULL);
  assert_last_line(
      "", 100, " { }",
      "error 1:1 `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` where `digraph` "
      "belongs; this is no graph\n");
}

static void test_a_long_label_is_not_held(void **state) {
  (void)state;
  enum { PIECE = 64 * 1024, PIECES = 1024 };
  struct counted counted = {0};
  struct diffd_error err;
  struct diffd_dot_parser *parser = new_parser(&counted);
  char *piece = stuffed("", PIECE, "");
  feed(parser, "digraph { a -> b [color=red label=\"");
  size_t held = mallinfo2().uordblks;
  for (int i = 0; i < PIECES; i++)
    feed(parser, piece);
  assert_true(mallinfo2().uordblks <= held + 1024);
  feed(parser, "\"] }");
  assert_int_equal(diffd_dot_parser_finish(parser, &err), DIFFD_OK);
  assert_int_equal(counted.statements, 1);
  free(piece);
  diffd_dot_parser_destroy(parser);
}

static void test_counters_are_read_only_where_wanted(void **state) {
  (void)state;
  struct counted counted = {0};
  struct diffd_error err;
  struct diffd_dot_parser *parser = new_parser(&counted);
  feed(parser, "digraph { a -> b [govpc_packets=\"1\" govpc_bytes=<2>] }");
  assert_int_equal(diffd_dot_parser_finish(parser, &err), DIFFD_OK);
  assert_int_equal(counted.statements, 1);
  diffd_dot_parser_destroy(parser);
}

static void test_places_count_lines_and_bytes(void **state) {
  (void)state;
  const char *text = "ab\n\nc\r\n\xC3\xA9x";
  struct diffd_dot_place whole = {1, 1};
  struct diffd_dot_place pieces_of_it = {1, 1};
  diffd_dot_place_advance(&whole, text, strlen(text));
  for (size_t i = 0; i < strlen(text); i++)
    diffd_dot_place_advance(&pieces_of_it, text + i, 1);
  assert_int_equal(whole.line, 4);
  assert_int_equal(whole.column, 4);
  assert_int_equal(pieces_of_it.line, 4);
  assert_int_equal(pieces_of_it.column, 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_each_vector_says_what_is_expected),
      cmocka_unit_test(test_random_inputs_do_not_depend_on_chunks),
      cmocka_unit_test(test_edges_nearly_all_plain_do_not_depend_on_chunks),
      cmocka_unit_test(test_between_statements_is_where_a_statement_may_begin),
      cmocka_unit_test(test_cut_hands_over_what_waits),
      cmocka_unit_test(test_a_body_may_begin_with_the_end_of_a_statement),
      cmocka_unit_test(test_enter_body_forgets_what_was_open),
      cmocka_unit_test(test_handlers_failure_is_passed_on),
      cmocka_unit_test(test_identity_values_have_a_limit),
      cmocka_unit_test(test_other_texts_have_none),
      cmocka_unit_test(test_a_long_label_is_not_held),
      cmocka_unit_test(test_counters_are_read_only_where_wanted),
      cmocka_unit_test(test_places_count_lines_and_bytes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
