/* SPDX-License-Identifier: Apache-2.0 */
/* The diff gives the plain one's bytes for random graphs in any style, however it is cut, threaded and fed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "diffd/diff.h"
#include "plain/memory_streams.h"
#include "plain/plain_diff.h"

enum { TEXT_MAX = 64 * 1024 * 1024 };

struct way {
  unsigned threads;
  uint32_t block_bytes;
  const char *kernel;
  bool streams;
  uint64_t memory_limit_bytes;
};

/* A megabyte is too small for the one table of any graph: these ways compare by partitions. */
enum { MIB = 1024 * 1024 };
static const struct way ways[] = {
    {1, 64, "scalar", false, 0},    {2, 64, NULL, false, MIB},  {4, 200, NULL, true, 0},
    {3, 1000, "scalar", true, MIB}, {2, 65, NULL, false, 0},    {1, 0, NULL, false, MIB},
    {2, 0, "scalar", false, 0},     {4, 513, NULL, false, MIB},
};
enum { WAY_COUNT = sizeof ways / sizeof ways[0] };

static struct diffd_span span_of(const struct diffd_buffer *buffer) {
  return (struct diffd_span){buffer->ptr, buffer->len};
}

static struct diffd_reader *reader_of(struct diffd_span text, bool stream) {
  return stream ? memory_stream_reader(text, 1 + (size_t)random() % 300, SIZE_MAX) : memory_file_reader(text);
}

/* Runs the diff over readers; `out` has what was written, *ret_committed whether it would be seen. */
static enum diffd_status run(const struct way *way, struct diffd_reader *previous, struct diffd_reader *next,
                             struct diffd_buffer *out, bool *ret_committed, struct diffd_diff_counts *ret,
                             struct diffd_error *err) {
  struct diffd_graph graphs[2] = {{.dot = previous}, {.dot = next}};
  struct diffd_diff_options options = {.threads = way->threads,
                                       .block_bytes = way->block_bytes,
                                       .kernel = way->kernel,
                                       .memory_limit_bytes = way->memory_limit_bytes};
  struct diffd_context ctx = {0};
  struct diffd_change_sink *sink;
  out->len = 0;
  assert_int_equal(diffd_dot_sink_new(memory_writer(out, ret_committed), &sink, err), DIFFD_OK);
  enum diffd_status status = diffd_diff(&ctx, &graphs[0], &graphs[1], &options, sink, ret, err);
  if (status == DIFFD_OK)
    status = sink->ops->commit(sink, err);
  diffd_change_sink_destroy(sink);
  assert_null(graphs[0].dot);
  assert_null(graphs[1].dot);
  return status;
}

/* Leaves both texts where the person who looks for the fault finds them. */
static void keep_texts(struct diffd_span previous, struct diffd_span next) {
  FILE *file = fopen("previous.dot", "w");
  (void)fwrite(previous.ptr, 1, previous.len, file);
  (void)fclose(file);
  file = fopen("next.dot", "w");
  (void)fwrite(next.ptr, 1, next.len, file);
  (void)fclose(file);
}

static void expect_same(struct diffd_span previous, struct diffd_span next, const struct way *way) {
  struct diffd_buffer expected = diffd_buffer_init(TEXT_MAX);
  struct diffd_buffer got = diffd_buffer_init(TEXT_MAX);
  struct diffd_error plain_err = {.status = DIFFD_OK};
  struct diffd_error err = {.status = DIFFD_OK};
  struct diffd_diff_counts counts;
  bool committed;
  enum diffd_status plain = plain_diff(previous, next, &expected, &plain_err);
  enum diffd_status status = run(way, reader_of(previous, way->streams), reader_of(next, way->streams), &got,
                                 &committed, &counts, &err);
  if (status != plain ||
      (status == DIFFD_OK && (got.len != expected.len || memcmp(got.ptr, expected.ptr, got.len) != 0))) {
    size_t at = 0;
    while (at < got.len && at < expected.len && got.ptr[at] == expected.ptr[at])
      at++;
    size_t from = at < 100 ? 0 : at - 100;
    print_error("threads %u block %u kernel %s streams %d; plain: %s; ours: %s; they differ at byte %zu\n",
                way->threads, way->block_bytes, way->kernel != NULL ? way->kernel : "best", way->streams,
                plain_err.detail, err.detail, at);
    print_error("plain: %.*s\n", expected.len - from > 400 ? 400 : (int)(expected.len - from),
                expected.ptr + from);
    print_error("ours:  %.*s\n", got.len - from > 400 ? 400 : (int)(got.len - from), got.ptr + from);
    if (getenv("DIFF_TEST_KEEP") != NULL)
      keep_texts(previous, next);
    fail();
  }
  assert_int_equal(committed, plain == DIFFD_OK);
  diffd_buffer_clean_up(&expected);
  diffd_buffer_clean_up(&got);
}

/* ---- Random graphs ---- */

static const char *pick(const char *const *choices) {
  size_t count = 0;
  while (choices[count] != NULL)
    count++;
  return choices[(size_t)random() % count];
}

static void put(struct diffd_buffer *out, const char *fmt, ...) DIFFD_PRINTF(2, 3);
static void put(struct diffd_buffer *out, const char *fmt, ...) {
  char text[2048];
  struct diffd_error err;
  va_list args;
  va_start(args, fmt);
  int len = vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  assert_true(len >= 0 && (size_t)len < sizeof text);
  assert_int_equal(diffd_buffer_append(out, text, (size_t)len, &err), DIFFD_OK);
}

static const char *const ids[] = {"n1",  "n12", "n10_1_11_1", "n6_20010db8000000000000000000000001",
                                  "n2f", "n3",  NULL};
static const char *const blanks[] = {" ",       "  ",      "\n", "\r\n\t", " /* \" [ */ ",
                                     " // ]\n", "\n# {\n", "\t", NULL};
static const char *const seps[] = {" ", ",", ";", " , ", "\n", NULL};

static void put_canonical_edge(struct diffd_buffer *out) {
  put(out,
      "\t%s -> %s [govpc_accountID=\"%ld\" govpc_eniID=\"eni-%ld\" govpc_srcPort=\"%ld\" "
      "govpc_dstPort=\"80\" "
      "govpc_protocol=\"6\" govpc_packets=\"%ld\" govpc_bytes=\"1\" govpc_start=\"2\" govpc_end=\"3\" "
      "color=%s "
      "label=\"packets=%ld\\nbytes=1\"]\n",
      pick(ids), pick(ids), random() % 2, random() % 2, random() % 3, random(),
      random() % 3 == 0 ? "red" : "green", random());
}

static void put_attribute(struct diffd_buffer *out, const char *key, const char *value) {
  static const char *const forms[] = {"%s=%s",       "\"%s\"=\"%s\"", "%s=\"%s\"",
                                      "%s = \"%s\"", "\"%s\" =%s",    NULL};
  const char *form = pick(forms);
  char text[256];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  (void)snprintf(text, sizeof text, form, key, value);
#pragma GCC diagnostic pop
  put(out, "%s", text);
}

static void put_general_edge(struct diffd_buffer *out) {
  static const char *const arrows[] = {" -> ", "->", "\n->\n", "/*-*/->/*>*/", NULL};
  static const char *const values[] = {"0", "1", "2", NULL};
  static const char *const keys[] = {"govpc_accountID", "govpc_srcPort", "govpc_dstPort",
                                     "govpc_protocol",  "color",         "label",
                                     "label",           "govpc_bytes",   NULL};
  bool quoted = random() % 2 == 0;
  put(out, quoted ? "\"%s\"%s%s" : "%s%s%s", pick(ids), pick(arrows), pick(ids));
  long lists = random() % 3;
  for (long list = 0; list < lists; list++) {
    put(out, "%s[", pick(blanks));
    long count = random() % 5;
    for (long i = 0; i < count; i++) {
      put(out, "%s", i > 0 ? pick(seps) : "");
      put_attribute(out, pick(keys), pick(values));
    }
    put(out, "%s]", random() % 3 == 0 ? pick(blanks) : "");
  }
  put(out, "%s%s", random() % 2 == 0 ? ";" : "", pick(blanks));
}

static void put_node(struct diffd_buffer *out) {
  static const char *const forms[] = {"\t%s [label=\"10.%ld\"]\n",
                                      "%s[label=%ld]",
                                      "\"%s\" [ label = \"%ld\\\"\" ] ;\n",
                                      "\t%s /* %ld */\n",
                                      "%s [shape=box] [label=\"two\n%ld\"]\n",
                                      NULL};
  const char *form = random() % 2 == 0 ? forms[0] : pick(forms);
  char text[256];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  (void)snprintf(text, sizeof text, form, pick(ids), random() % 100);
#pragma GCC diagnostic pop
  put(out, "%s", text);
}

/* A statement may go on in the next line, also after a block of nothing. */
static void put_continuation(struct diffd_buffer *out) {
  if (random() % 4 != 0)
    return;
  for (long blank = random() % 2 * (random() % 100); blank > 0; blank--)
    put(out, "%s", pick(blanks));
  if (random() % 2 == 0)
    put(out, "%s[color=red label=\"more\"]\n", random() % 2 == 0 ? "\t" : "");
}

/* `wild` of 0 gives canonical lines alone, more gives more of everything else. */
static void put_graph(struct diffd_buffer *out, int statements, int wild) {
  put(out, "digraph {\n");
  for (int i = 0; i < statements; i++) {
    if (random() % 10 < wild) {
      if (random() % 4 == 0)
        put(out, "%s", "rankdir=LR;\n/* a comment\n\tn1 -> n2\n over lines */ node [shape=\"box\n\tn1\"]\n");
      put_general_edge(out);
    } else {
      put_canonical_edge(out);
      if (wild > 0)
        put_continuation(out);
    }
    if (random() % 3 == 0)
      put_node(out);
  }
  put(out, random() % 2 == 0 ? "}" : "}\n");
}

static void test_random_graphs_give_the_plain_diff(void **state) {
  (void)state;
  srandom(42);
  for (int round = 0; round < 400; round++) {
    struct diffd_buffer previous = diffd_buffer_init(TEXT_MAX);
    struct diffd_buffer next = diffd_buffer_init(TEXT_MAX);
    int wild = round % 4 == 0 ? 0 : (int)(random() % 10);
    put_graph(&previous, (int)(random() % 40), wild);
    put_graph(&next, (int)(random() % 40), wild);
    expect_same(span_of(&previous), span_of(&next), &ways[round % WAY_COUNT]);
    diffd_buffer_clean_up(&previous);
    diffd_buffer_clean_up(&next);
  }
}

static void test_broken_graphs_are_refused_as_the_plain_diff_does(void **state) {
  (void)state;
  static const char bytes[] = "\"\\{}[]=->;/*#\n \0<a";
  srandom(43);
  for (int round = 0; round < 600; round++) {
    struct diffd_buffer texts[2] = {diffd_buffer_init(TEXT_MAX), diffd_buffer_init(TEXT_MAX)};
    put_graph(&texts[0], (int)(random() % 20), (int)(random() % 6));
    put_graph(&texts[1], (int)(random() % 20), (int)(random() % 6));
    struct diffd_buffer *broken = &texts[random() % 2];
    if (random() % 3 == 0)
      broken->len = (size_t)random() % broken->len;
    else
      broken->ptr[(size_t)random() % broken->len] = bytes[(size_t)random() % sizeof bytes];
    expect_same(span_of(&texts[0]), span_of(&texts[1]), &ways[round % WAY_COUNT]);
    diffd_buffer_clean_up(&texts[0]);
    diffd_buffer_clean_up(&texts[1]);
  }
}

/* ---- Shapes that the random ones do not have ---- */

static void test_texts_longer_than_blocks_and_windows(void **state) {
  (void)state;
  enum { LONG = 700 * 1024 };
  char *label = malloc(LONG + 1);
  assert_non_null(label);
  memset(label, 'x', LONG);
  label[LONG] = '\0';
  struct diffd_buffer previous = diffd_buffer_init(TEXT_MAX);
  struct diffd_buffer next = diffd_buffer_init(TEXT_MAX);
  struct diffd_error err;
  struct diffd_buffer *texts[2] = {&previous, &next};
  for (int i = 0; i < 2; i++) {
    put(texts[i], "digraph {\n");
    put_canonical_edge(texts[i]);
    put(texts[i], "\tn%d -> n12 [color=green label=\"", i + 1);
    assert_int_equal(diffd_buffer_append(texts[i], label, LONG, &err), DIFFD_OK);
    put(texts[i], "\"]\n\tn12 [label=\"");
    assert_int_equal(diffd_buffer_append(texts[i], label, LONG - (size_t)i, &err), DIFFD_OK);
    put(texts[i], "\"]\n\tn%d -> n3 [color=red ", i + 1);
    for (int blank = 0; blank < 3000; blank++)
      put(texts[i], "%100s", "");
    put(texts[i], "] n3; n1\n\tn2 [label=\"2\"]\n}");
  }
  for (size_t w = 0; w < WAY_COUNT; w++)
    expect_same(span_of(&previous), span_of(&next), &ways[w]);
  diffd_buffer_clean_up(&previous);
  diffd_buffer_clean_up(&next);
  free(label);
}

static void test_a_graph_without_any_newline(void **state) {
  (void)state;
  struct diffd_buffer previous = diffd_buffer_init(TEXT_MAX);
  struct diffd_buffer next = diffd_buffer_init(TEXT_MAX);
  srandom(5);
  put(&previous, "digraph{");
  put(&next, "digraph{");
  for (int i = 0; i < 400; i++) {
    put(&previous, "n%d->n%d[color=red]n%d[label=\"%d\"]", i % 7, i % 11, i % 7, i);
    put(&next, "n%d->n%d[color=red];n%d", i % 7, i % 13, i % 13);
  }
  put(&previous, "}");
  put(&next, "}");
  for (size_t w = 0; w < WAY_COUNT; w++)
    expect_same(span_of(&previous), span_of(&next), &ways[w]);
  diffd_buffer_clean_up(&previous);
  diffd_buffer_clean_up(&next);
}

static void test_one_edge_many_times(void **state) {
  (void)state;
  struct diffd_buffer text = diffd_buffer_init(TEXT_MAX);
  static const char empty[] = "digraph {\n}";
  put(&text, "digraph {\n");
  for (int i = 0; i < 800; i++)
    put(&text, "\tn1 -> n2 [govpc_accountID=\"1\" govpc_bytes=\"%d\" label=\"\"]\n", i);
  put(&text, "}");
  for (size_t w = 0; w < WAY_COUNT; w++) {
    expect_same(span_of(&text), (struct diffd_span){empty, sizeof empty - 1}, &ways[w]);
    expect_same((struct diffd_span){empty, sizeof empty - 1}, span_of(&text), &ways[w]);
  }
  diffd_buffer_clean_up(&text);
}

/* Too large for the plain diff: what a limit makes of it must be what no limit makes of it. */
static void test_a_limit_changes_nothing_but_memory(void **state) {
  (void)state;
  struct diffd_buffer texts[2] = {diffd_buffer_init(TEXT_MAX), diffd_buffer_init(TEXT_MAX)};
  struct diffd_buffer outs[2] = {diffd_buffer_init(TEXT_MAX), diffd_buffer_init(TEXT_MAX)};
  struct diffd_diff_counts counts[2];
  struct diffd_error err;
  srandom(9);
  for (int i = 0; i < 2; i++) {
    put(&texts[i], "digraph {\n");
    for (int edge = 0; edge < 90000; edge++)
      put(&texts[i], "\tn%d -> n%d [govpc_accountID=\"%d\" color=red]\n", edge % 20000, edge / 3 + i,
          i * (edge % 2));
    for (int node = 0; node < 31000; node++)
      put(&texts[i], "\tn%d [label=\"%d of %d\"]\n", node, node, i);
    put(&texts[i], "}");
  }
  for (int i = 0; i < 2; i++) {
    struct way way = {2, 0, NULL, false, i == 0 ? 0 : 2 * MIB};
    bool committed;
    assert_int_equal(run(&way, memory_file_reader(span_of(&texts[0])), memory_file_reader(span_of(&texts[1])),
                         &outs[i], &committed, &counts[i], &err),
                     DIFFD_OK);
  }
  assert_memory_equal(&counts[0], &counts[1], sizeof counts[0]);
  assert_true(counts[0].added > 40000 && counts[0].removed > 40000 && counts[0].nodes > 20000);
  assert_int_equal(outs[0].len, outs[1].len);
  assert_memory_equal(outs[0].ptr, outs[1].ptr, outs[0].len);
  for (int i = 0; i < 2; i++) {
    diffd_buffer_clean_up(&texts[i]);
    diffd_buffer_clean_up(&outs[i]);
  }
}

static void test_counts(void **state) {
  (void)state;
  static const char previous[] = "digraph { a->b a->c a->c a b c }";
  static const char next[] = "digraph { a->b b->c b->c b->c b c d }";
  struct diffd_buffer out = diffd_buffer_init(TEXT_MAX);
  struct diffd_diff_counts counts;
  struct diffd_error err;
  bool committed;
  assert_int_equal(run(&ways[0], memory_file_reader((struct diffd_span){previous, sizeof previous - 1}),
                       memory_file_reader((struct diffd_span){next, sizeof next - 1}), &out, &committed,
                       &counts, &err),
                   DIFFD_OK);
  assert_int_equal(counts.previous_edges, 3);
  assert_int_equal(counts.next_edges, 4);
  assert_int_equal(counts.added, 3);
  assert_int_equal(counts.removed, 2);
  assert_int_equal(counts.nodes, 3);
  diffd_buffer_clean_up(&out);
}

static void test_a_fault_late_in_next_leaves_nothing_committed_and_is_placed(void **state) {
  (void)state;
  struct diffd_buffer next = diffd_buffer_init(TEXT_MAX);
  struct diffd_buffer out = diffd_buffer_init(TEXT_MAX);
  static const char previous[] = "digraph {\n}";
  put(&next, "digraph {\n");
  for (int i = 0; i < 2000; i++)
    put_canonical_edge(&next);
  put(&next, "\tn1 -> n2 -> n3\n}");
  for (size_t w = 0; w < WAY_COUNT; w++) {
    struct diffd_diff_counts counts;
    struct diffd_error err;
    bool committed;
    assert_int_equal(run(&ways[w], memory_file_reader((struct diffd_span){previous, sizeof previous - 1}),
                         reader_of(span_of(&next), ways[w].streams), &out, &committed, &counts, &err),
                     DIFFD_BAD_GRAPH);
    assert_false(committed);
    assert_non_null(strstr(err.detail, "next:2002:11: "));
  }
  diffd_buffer_clean_up(&next);
  diffd_buffer_clean_up(&out);
}

static void test_a_reader_that_fails_fails_the_diff(void **state) {
  (void)state;
  struct diffd_buffer text = diffd_buffer_init(TEXT_MAX);
  struct diffd_buffer out = diffd_buffer_init(TEXT_MAX);
  put_graph(&text, 200, 1);
  for (size_t w = 0; w < WAY_COUNT; w++)
    for (int which = 0; which < 2; which++) {
      struct diffd_diff_counts counts;
      struct diffd_error err;
      bool committed;
      struct diffd_reader *good = memory_stream_reader(span_of(&text), 100, SIZE_MAX);
      struct diffd_reader *bad = memory_stream_reader(span_of(&text), 100, text.len / 2);
      assert_int_equal(
          run(&ways[w], which == 0 ? bad : good, which == 0 ? good : bad, &out, &committed, &counts, &err),
          DIFFD_UNAVAILABLE);
      assert_false(committed);
      assert_non_null(strstr(err.detail, "the peer is gone"));
    }
  diffd_buffer_clean_up(&text);
  diffd_buffer_clean_up(&out);
}

static bool stop_at_once(void *arg) {
  (void)arg;
  return true;
}

static void test_a_cancelled_diff_stops(void **state) {
  (void)state;
  static const char text[] = "digraph {\n}";
  struct diffd_span span = {text, sizeof text - 1};
  struct diffd_graph graphs[2] = {{.dot = memory_file_reader(span)}, {.dot = memory_file_reader(span)}};
  struct diffd_diff_options options = {.threads = 2};
  struct diffd_context ctx = {.cancelled = stop_at_once};
  struct diffd_diff_counts counts;
  struct diffd_change_sink *sink;
  struct diffd_error err;
  assert_int_equal(diffd_null_sink_new(&sink, &err), DIFFD_OK);
  assert_int_equal(diffd_diff(&ctx, &graphs[0], &graphs[1], &options, sink, &counts, &err), DIFFD_CANCELLED);
  diffd_change_sink_destroy(sink);
}

/* Keeps what a sink with fields is told. */
struct field_sink {
  struct diffd_change_sink base;
};

static enum diffd_status field_begin(struct diffd_change_sink *self, struct diffd_error *err) {
  (void)self;
  (void)err;
  return DIFFD_OK;
}

static enum diffd_status field_change(const struct diffd_change_sink *self, const struct diffd_change *change,
                                      struct diffd_output *out, struct diffd_error *err) {
  (void)self;
  const struct diffd_counters *counters = change->status == DIFFD_ADDED ? &change->after : &change->before;
  const struct diffd_counters *other = change->status == DIFFD_ADDED ? &change->before : &change->after;
  assert_int_equal(other->present, 0);
  return diffd_buffer_printf(
      out, err, "%c %.*s %.*s %.*s %llu/%u\n", change->status == DIFFD_ADDED ? '+' : '-',
      (int)change->identity.source.len, change->identity.source.ptr, (int)change->identity.dstport.len,
      change->identity.dstport.ptr, (int)change->identity.color.len, change->identity.color.ptr,
      (unsigned long long)counters->bytes, counters->present);
}

static enum diffd_status field_node(const struct diffd_change_sink *self, const struct diffd_node_text *node,
                                    struct diffd_output *out, struct diffd_error *err) {
  (void)self;
  return diffd_buffer_printf(out, err, "%.*s|%.*s\n", (int)node->id.len, node->id.ptr, (int)node->text.len,
                             node->text.ptr);
}

static struct diffd_buffer field_bytes;
static enum diffd_status field_write(struct diffd_change_sink *self, const void *bytes, size_t len,
                                     struct diffd_error *err) {
  (void)self;
  return diffd_buffer_append(&field_bytes, bytes, len, err);
}

static void test_sinks_that_want_fields_get_identity_and_counters(void **state) {
  (void)state;
  static const char previous[] = "digraph {\n\tn1 -> n2 [govpc_accountID=\"1\" govpc_eniID=\"e\" "
                                 "govpc_srcPort=\"0\" govpc_dstPort=\"80\" "
                                 "govpc_protocol=\"6\" govpc_packets=\"4\" govpc_bytes=\"77\" "
                                 "govpc_start=\"5\" govpc_end=\"6\" color=green "
                                 "label=\"x\"]\n}";
  static const char next[] =
      "digraph { \"n1\" -> n2 [color=red, govpc_dstPort=443 govpc_bytes=78]\n \"n1\" [a=b] }";
  static const struct diffd_change_sink_ops ops = {
      .begin = field_begin, .encode_change = field_change, .encode_node = field_node, .write = field_write};
  struct field_sink sink = {.base = {.ops = &ops, .wants_fields = true}};
  struct diffd_graph graphs[2] = {
      {.dot = memory_file_reader((struct diffd_span){previous, sizeof previous - 1})},
      {.dot = memory_file_reader((struct diffd_span){next, sizeof next - 1})}};
  struct diffd_diff_options options = {.threads = 1};
  struct diffd_context ctx = {0};
  struct diffd_diff_counts counts;
  struct diffd_error err;
  field_bytes = diffd_buffer_init(4096);
  assert_int_equal(diffd_diff(&ctx, &graphs[0], &graphs[1], &options, &sink.base, &counts, &err), DIFFD_OK);
  static const char expected[] = "+ n1 443 red 78/2\n- n1 80 green 77/15\nn1|\"n1\" [a=b]\n";
  assert_int_equal(field_bytes.len, sizeof expected - 1);
  assert_memory_equal(field_bytes.ptr, expected, sizeof expected - 1);
  diffd_buffer_clean_up(&field_bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_random_graphs_give_the_plain_diff),
      cmocka_unit_test(test_broken_graphs_are_refused_as_the_plain_diff_does),
      cmocka_unit_test(test_texts_longer_than_blocks_and_windows),
      cmocka_unit_test(test_a_graph_without_any_newline),
      cmocka_unit_test(test_one_edge_many_times),
      cmocka_unit_test(test_a_limit_changes_nothing_but_memory),
      cmocka_unit_test(test_counts),
      cmocka_unit_test(test_a_fault_late_in_next_leaves_nothing_committed_and_is_placed),
      cmocka_unit_test(test_a_reader_that_fails_fails_the_diff),
      cmocka_unit_test(test_a_cancelled_diff_stops),
      cmocka_unit_test(test_sinks_that_want_fields_get_identity_and_counters),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
