/* SPDX-License-Identifier: Apache-2.0 */
/* Records become the graph that the contract promises, the same in any order, any number of files and
 * threads, with every kernel; what is no record is skipped and told, and what is broken fails the graph. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/flow_test_inputs.h"
#include "diffd/log.h"

#define HEADER                                                                                               \
  "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action " \
  "log-status\n"

static struct flow_test_log text_log(const char *name, const char *text) {
  return (struct flow_test_log){.name = name, .bytes = text, .len = strlen(text)};
}

/* Builds one log's graph and its DOT; fails the test where that fails. */
static char *dot_of(const char *text, struct diffd_flow_options options,
                    struct diffd_flow_counts *ret_counts) {
  struct flow_test_log log = text_log("a.log", text);
  struct diffd_edges *edges;
  struct diffd_error err = {0};
  if (flow_test_build(NULL, &log, 1, &options, &edges, ret_counts, &err) != DIFFD_OK)
    fail_msg("%s", err.detail);
  return flow_test_dot(edges);
}

static void expect_failure(struct flow_test_log log, struct diffd_flow_options options,
                           enum diffd_status status, const char *detail) {
  struct diffd_edges *edges;
  struct diffd_flow_counts counts;
  struct diffd_error err = {0};
  assert_int_equal(flow_test_build(NULL, &log, 1, &options, &edges, &counts, &err), status);
  if (strstr(err.detail, detail) == NULL)
    fail_msg("\"%s\" does not say \"%s\"", err.detail, detail);
}

static const struct diffd_flow_options everything = {.all = true, .seed = {1, 2, 3}};

static void test_a_graph_is_printed_to_the_byte(void **state) {
  (void)state;
  struct diffd_flow_counts counts;
  char *dot =
      dot_of(HEADER "2 123456789010 eni-abc123de 172.31.16.139 172.31.16.21 20641 80 6 20 1000 1418530010 "
                    "1418530070 ACCEPT OK\n"
                    "2 123456789010 eni-abc123de 172.31.16.139 172.31.16.21 80 20999 6 5 100 1418530000 "
                    "1477913820 ACCEPT OK\n"
                    "2 123456789010 eni-abc123de 172.31.16.139 172.31.16.21 20642 80 6 5 100 1418530009 "
                    "1418530070 ACCEPT OK\n",
             everything, &counts);
  assert_string_equal(
      dot,
      "digraph {\n"
      "\tn172_31_16_139 -> n172_31_16_21 [govpc_accountID=\"123456789010\" govpc_eniID=\"eni-abc123de\" "
      "govpc_srcPort=\"0\" govpc_dstPort=\"80\" govpc_protocol=\"6\" govpc_packets=\"25\" "
      "govpc_bytes=\"1100\" "
      "govpc_start=\"1418530000\" govpc_end=\"1477913820\" color=green "
      "label=\"accountID=123456789010\\neniID=eni-abc123de\\nsrcPort=0\\ndstPort=80\\nprotocol=6\\npackets="
      "25\\n"
      "bytes=1100\\nstart=1418530000\\nend=1477913820\"]\n"
      "\tn172_31_16_139 -> n172_31_16_21 [govpc_accountID=\"123456789010\" govpc_eniID=\"eni-abc123de\" "
      "govpc_srcPort=\"80\" govpc_dstPort=\"0\" govpc_protocol=\"6\" govpc_packets=\"5\" govpc_bytes=\"100\" "
      "govpc_start=\"1418530000\" govpc_end=\"1477913820\" color=green "
      "label=\"accountID=123456789010\\neniID=eni-abc123de\\nsrcPort=80\\ndstPort=0\\nprotocol=6\\npackets="
      "5\\n"
      "bytes=100\\nstart=1418530000\\nend=1477913820\"]\n"
      "\tn172_31_16_139 [label=\"172.31.16.139\"]\n"
      "\tn172_31_16_21 [label=\"172.31.16.21\"]\n"
      "}");
  assert_int_equal(counts.records, 3);
  assert_int_equal(counts.edges, 2);
  free(dot);
}

static void test_no_records_are_an_empty_graph(void **state) {
  (void)state;
  static const char *const texts[] = {"", "\n", HEADER, "2 1 eni-a - - - - - - - 5 6 - NODATA\n", "\r\n"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct diffd_flow_options strict = everything;
    struct diffd_flow_counts counts;
    strict.fail_on_bad_record = true;
    char *dot = dot_of(texts[i], strict, &counts);
    assert_string_equal(dot, "digraph {\n}");
    assert_int_equal(counts.records + counts.edges + counts.bad, 0);
    assert_int_equal(counts.nodata, i == 3);
    free(dot);
  }
  struct diffd_edges *edges;
  struct diffd_flow_counts counts;
  struct diffd_error err;
  assert_int_equal(flow_test_build(NULL, NULL, 0, &everything, &edges, &counts, &err), DIFFD_OK);
  char *dot = flow_test_dot(edges);
  assert_string_equal(dot, "digraph {\n}");
  free(dot);
}

static unsigned below(unsigned *state, unsigned limit) {
  *state = *state * 1103515245u + 12345u;
  return *state / 65536 % limit;
}

/* Many records over few addresses of both families, accounts, ENIs, ports; some lines without data. */
static char *random_log(unsigned seed, unsigned count, size_t *offsets) {
  char *text = malloc(count * (size_t)200 + 1), *at = text;
  unsigned state = seed;
  assert_non_null(text);
  for (unsigned i = 0; i < count; i++) {
    char ends[2][64];
    offsets[i] = (size_t)(at - text);
    for (unsigned end = 0; end < 2; end++)
      if (below(&state, 4) == 0)
        (void)snprintf(ends[end], sizeof ends[end], "%s%x",
                       below(&state, 2) ? "2001:db8::" : "::ffff:0:", below(&state, 30));
      else
        (void)snprintf(ends[end], sizeof ends[end], "%u.%u.%u.%u", below(&state, 3) * 3 + 4,
                       below(&state, 2) * 10 + 1, below(&state, 12) + 1, below(&state, 12) + 1);
    if (below(&state, 10) == 0)
      at +=
          sprintf(at, "2 %03u eni-%x - - - - - - - %u 1418530900 - %s\n", below(&state, 4), below(&state, 5),
                  1418530000 + below(&state, 600), below(&state, 2) ? "NODATA" : "SKIPDATA");
    else
      at +=
          sprintf(at, "2 %03u eni-%x %s %s %u %u %u %u %u %u %u %s OK\n", below(&state, 4), below(&state, 5),
                  ends[0], ends[1], below(&state, 3) * 400, below(&state, 3) * 401, below(&state, 2) * 11 + 6,
                  below(&state, 1000), below(&state, 30000), 1418530000 + below(&state, 600),
                  1418530600 + below(&state, 600), below(&state, 5) ? "ACCEPT" : "REJECT");
  }
  offsets[count] = (size_t)(at - text);
  return text;
}

/* Deals the lines of a log out to files in a random order. */
static void deal_out(const char *text, const size_t *offsets, unsigned count, unsigned files, unsigned seed,
                     char **ret) {
  unsigned *order = malloc(count * sizeof *order), state = seed;
  assert_non_null(order);
  for (unsigned i = 0; i < count; i++)
    order[i] = i;
  for (unsigned i = count; i-- > 1;) {
    unsigned other = below(&state, i + 1), swap = order[i];
    order[i] = order[other];
    order[other] = swap;
  }
  for (unsigned file = 0; file < files; file++) {
    char *at = ret[file] = calloc(1, offsets[count] + 1);
    assert_non_null(at);
    for (unsigned i = file; i < count; i += files) {
      size_t len = offsets[order[i] + 1] - offsets[order[i]];
      memcpy(at, text + offsets[order[i]], len);
      at += len;
    }
  }
  free(order);
}

static char *dot_of_files(char **texts, unsigned files, struct diffd_flow_options options, bool packed,
                          size_t piece) {
  static const char *const names[] = {"a.log", "b.log", "c.log", "d.log"};
  struct flow_test_log logs[4];
  struct diffd_edges *edges;
  struct diffd_flow_counts counts;
  struct diffd_error err = {0};
  for (unsigned i = 0; i < files; i++) {
    logs[i] = text_log(names[i], texts[i]);
    logs[i].piece = piece;
    if (packed)
      logs[i].bytes = flow_test_gzip(texts[i], logs[i].len, &logs[i].len);
  }
  if (flow_test_build(NULL, logs, files, &options, &edges, &counts, &err) != DIFFD_OK)
    fail_msg("%s", err.detail);
  for (unsigned i = 0; packed && i < files; i++)
    free((char *)(uintptr_t)logs[i].bytes);
  return flow_test_dot(edges);
}

static void check_orders(struct diffd_flow_options options) {
  enum { COUNT = 1200 };
  size_t offsets[COUNT + 1];
  char *text = random_log(11, COUNT, offsets), *files[4];
  options.threads = 1;
  char *expected = dot_of_files(&text, 1, options, false, 0);
  for (unsigned round = 0; round < 24; round++) {
    unsigned count = 1 + round % 4;
    options.threads = 1 + round / 4 % 4;
    options.seed[0] = (uint8_t)round;
    options.kernel = round % 2 ? "scalar" : NULL;
    deal_out(text, offsets, COUNT, count, round, files);
    char *dot = dot_of_files(files, count, options, round % 3 == 0, round % 5 == 0 ? 1 + round : 0);
    assert_string_equal(dot, expected);
    free(dot);
    for (unsigned i = 0; i < count; i++)
      free(files[i]);
  }
  free(expected);
  free(text);
}

static void test_order_files_and_threads_do_not_count(void **state) {
  (void)state;
  struct diffd_flow_options options = everything;
  check_orders(options);
  options.node_ids = DIFFD_NODE_IDS_ORIGINAL;
  check_orders(options);
  options = (struct diffd_flow_options){.window = {1418530100, 1418530200}};
  check_orders(options);
}

/* Edges that are all different, or nearly, and more than a digest of the least size holds. */
static char *distinct_log(unsigned count) {
  char *text = malloc(count * (size_t)160 + 1), *at = text;
  assert_non_null(text);
  unsigned state = 77;
  for (unsigned i = 0; i < count; i++) {
    unsigned a = below(&state, 4) * 7 + 1, b = below(&state, 256), c = below(&state, 256);
    if (i % 5 == 0)
      at += sprintf(at, "2 12 eni-%x 2001:db8::%x:%x ::%x 443 %u 6 %u 10 1418530000 1418530060 ACCEPT OK\n",
                    i % 700, b, c, a, 1000 + below(&state, 3), i);
    else
      at += sprintf(at,
                    "2 %u eni-%x 10.%u.%u.%u 10.%u.11.1 443 50000 6 %u 10 1418530000 1418530060 ACCEPT OK\n",
                    i % 3, i % 7, a, b, c, a, i);
  }
  return text;
}

static void check_limit(struct diffd_flow_options options) {
  enum { COUNT = 60000 };
  char *text = distinct_log(COUNT), *halves[2];
  char *cut = strchr(text + strlen(text) / 3, '\n') + 1;
  halves[0] = strndup(text, (size_t)(cut - text));
  halves[1] = strdup(cut);
  assert_true(halves[0] != NULL && halves[1] != NULL);
  char *expected = dot_of_files(&text, 1, options, false, 0);
  for (unsigned threads = 1; threads <= 2; threads++) {
    options.memory_limit_bytes = 1 << 20;
    options.threads = threads;
    char *dot = dot_of_files(halves, 2, options, false, 0);
    assert_string_equal(dot, expected);
    free(dot);
  }
  options.tmp_dir = "/nonexistent";
  expect_failure(text_log("a.log", text), options, DIFFD_IO,
                 "edges need more than the memory limit: making a temporary file in /nonexistent");
  free(expected);
  free(halves[0]);
  free(halves[1]);
  free(text);
}

static void test_a_memory_limit_changes_no_byte(void **state) {
  (void)state;
  struct diffd_flow_options options = everything;
  check_limit(options);
  options.node_ids = DIFFD_NODE_IDS_ORIGINAL;
  check_limit(options);
}

static int compare_spans(struct diffd_span a, struct diffd_span b) {
  int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
  return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static bool ascending(const struct diffd_flow_edge *a, const struct diffd_flow_edge *b, bool copies) {
  const uint64_t x[] = {a->source,  a->destination, a->account,  a->eni,
                        a->srcport, a->dstport,     a->protocol, a->color};
  const uint64_t y[] = {b->source,  b->destination, b->account,  b->eni,
                        b->srcport, b->dstport,     b->protocol, b->color};
  for (size_t i = 0; i < 8; i++)
    if (x[i] != y[i])
      return x[i] < y[i];
  return copies;
}

/* What diffd/graph.h promises of a source of edges. */
static void check_graph_order(enum diffd_node_ids ids) {
  enum { COUNT = 4000 };
  size_t offsets[COUNT + 1], count;
  char *text = random_log(5, COUNT, offsets);
  text = realloc(text, offsets[COUNT] + 256 * (size_t)200 + 1);
  assert_non_null(text);
  char *at = text + offsets[COUNT];
  for (unsigned octet = 0; octet < 256; octet++) /* each octet in each place */
    at += sprintf(at,
                  "2 1 e %u.1.2.3 1.%u.2.3 1 2 6 1 1 1418530000 1418530001 ACCEPT OK\n"
                  "2 1 e 1.2.%u.3 1.2.3.%u 1 2 6 1 1 1418530000 1418530001 ACCEPT OK\n",
                  octet, octet, octet, octet);
  struct flow_test_log log = text_log("a.log", text);
  struct diffd_flow_options options = everything;
  struct diffd_edges *edges;
  struct diffd_flow_counts counts;
  struct diffd_flow_edge batch[3], last = {0};
  struct diffd_error err;
  options.node_ids = ids;
  assert_int_equal(flow_test_build(NULL, &log, 1, &options, &edges, &counts, &err), DIFFD_OK);
  struct diffd_edges_head head = diffd_edges_head(edges);
  for (uint32_t i = 1; i < head.node_count; i++) {
    char before[64];
    struct diffd_span id = diffd_edges_node(edges, i - 1).id;
    memcpy(before, id.ptr, id.len);
    assert_true(compare_spans((struct diffd_span){before, id.len}, diffd_edges_node(edges, i).id) < 0);
  }
  for (uint32_t i = 1; i < head.name_count; i++)
    assert_true(compare_spans(diffd_edges_name(edges, i - 1), diffd_edges_name(edges, i)) < 0);
  for (unsigned pass = 0; pass < 2; pass++) {
    uint64_t seen = 0;
    while (diffd_edges_next(edges, batch, 3, &count, &err) == DIFFD_OK)
      for (size_t i = 0; i < count; i++, seen++) {
        assert_true(batch[i].source < head.node_count && batch[i].destination < head.node_count);
        if (seen > 0)
          assert_true(ascending(&last, &batch[i], ids == DIFFD_NODE_IDS_ORIGINAL));
        last = batch[i];
      }
    assert_int_equal(seen, counts.edges);
    assert_int_equal(diffd_edges_rewind(edges, &err), DIFFD_OK);
  }
  diffd_edges_destroy(edges);
  free(text);
}

static void test_edges_come_in_graph_order(void **state) {
  (void)state;
  check_graph_order(DIFFD_NODE_IDS_INJECTIVE);
  check_graph_order(DIFFD_NODE_IDS_ORIGINAL);
}

/* The texts of nodes that differ as numbers do not, and those of IPv6 amid those of IPv4. */
static void test_nodes_sort_by_their_ids(void **state) {
  (void)state;
  struct diffd_flow_counts counts;
  char *dot = dot_of("2 1 e 10.1.1.1 100.1.1.1 1 2 6 1 1 1418530000 1418530001 ACCEPT OK\n"
                     "2 1 e 6.255.1.1 6.0.0.9 1 2 6 1 1 1418530000 1418530001 ACCEPT OK\n"
                     "2 1 e 5.1.1.1 6.0.0.10 1 2 6 1 1 1418530000 1418530001 ACCEPT OK\n"
                     "2 1 e 2001:db8::1 ::5 1 2 6 1 1 1418530000 1418530001 ACCEPT OK\n"
                     "2 1 e f:: 7.0.0.1 1 2 6 1 1 1418530000 1418530001 ACCEPT OK\n",
                     everything, &counts);
  char *nodes = strstr(dot, "\tn100_1_1_1 [");
  assert_non_null(nodes);
  assert_string_equal(nodes, "\tn100_1_1_1 [label=\"100.1.1.1\"]\n"
                             "\tn10_1_1_1 [label=\"10.1.1.1\"]\n"
                             "\tn5_1_1_1 [label=\"5.1.1.1\"]\n"
                             "\tn6_00000000000000000000000000000005 [label=\"::5\"]\n"
                             "\tn6_000f0000000000000000000000000000 [label=\"f::\"]\n"
                             "\tn6_0_0_10 [label=\"6.0.0.10\"]\n"
                             "\tn6_0_0_9 [label=\"6.0.0.9\"]\n"
                             "\tn6_20010db8000000000000000000000001 [label=\"2001:db8::1\"]\n"
                             "\tn6_255_1_1 [label=\"6.255.1.1\"]\n"
                             "\tn7_0_0_1 [label=\"7.0.0.1\"]\n"
                             "}");
  free(dot);
}

static void test_original_ids_collide_into_one_node(void **state) {
  (void)state;
  struct diffd_flow_options options = everything;
  struct diffd_flow_counts counts;
  options.node_ids = DIFFD_NODE_IDS_ORIGINAL;
  char *dot = dot_of("2 1 e 10.11.1.1 9.9.9.9 1 2 6 1 7 1418530000 1418530001 ACCEPT OK\n"
                     "2 1 e 10.1.11.1 9.9.9.9 1 2 6 1 8 1418530000 1418530001 ACCEPT OK\n"
                     "2 1 e 10.1.11.1 9.9.9.9 1 1 6 1 9 1418530000 1418530001 ACCEPT OK\n"
                     "2 1 e 10.11.1.1 9.9.9.9 1 1 6 1 6 1418530000 1418530001 ACCEPT OK\n",
                     options, &counts);
  assert_int_equal(counts.edges, 4);
  /* By ports first; copies by their addresses; the node is its smallest address. */
  const char *nine = strstr(dot, "govpc_bytes=\"9\""), *six = strstr(dot, "govpc_bytes=\"6\"");
  const char *eight = strstr(dot, "govpc_bytes=\"8\""), *seven = strstr(dot, "govpc_bytes=\"7\"");
  assert_true(nine != NULL && nine < six && six < eight && eight < seven);
  assert_string_equal(strstr(dot, "\tn101111 ["),
                      "\tn101111 [label=\"10.1.11.1\"]\n\tn9999 [label=\"9.9.9.9\"]\n}");
  free(dot);
}

static void test_the_window_takes_its_start_and_not_its_stop(void **state) {
  (void)state;
  struct diffd_flow_options options = {.window = {100, 200}};
  struct diffd_flow_counts counts;
  char *dot = dot_of("2 1 e 1.1.1.1 1.1.1.2 1 2 6 1 1 99 500 ACCEPT OK\n"
                     "2 1 e 1.1.1.1 1.1.1.2 1 2 6 10 1 100 110 ACCEPT OK\n"
                     "2 1 e 1.1.1.1 1.1.1.2 1 2 6 100 1 199 210 ACCEPT OK\n"
                     "2 1 e 1.1.1.1 1.1.1.3 1 2 6 1000 1 200 210 ACCEPT OK\n"
                     "2 1 e - - - - - - - 99 210 - SKIPDATA\n"
                     "2 1 e - - - - - - - 100 210 - SKIPDATA\n"
                     "2 1 e - - - - - - - 200 210 - NODATA\n",
                     options, &counts);
  assert_true(counts.records == 2 && counts.outside == 2 && counts.edges == 1);
  assert_true(counts.skipdata == 1 && counts.nodata == 0);
  assert_non_null(strstr(dot, "govpc_packets=\"110\""));
  assert_non_null(strstr(dot, "govpc_start=\"100\" govpc_end=\"210\""));
  assert_null(strstr(dot, "1.1.1.3"));
  free(dot);
}

static void test_headers_say_where_fields_are(void **state) {
  (void)state;
  struct diffd_flow_options strict = everything;
  struct diffd_flow_counts counts;
  strict.fail_on_bad_record = true;
  /* Another order; then, in the middle of the file, version 5 with more fields; then ECS fields behind. */
  char *dot = dot_of("log-status action end start bytes packets protocol dstport srcport dstaddr srcaddr "
                     "vpc-id interface-id "
                     "account-id\n"
                     "OK REJECT 1418530070 1418530010 7 5 6 443 50000 10.0.0.1 10.0.0.2 vpc-1 eni-1 12\r\n"
                     "OK REJECT 1418530070 1418530010 70 5 6 443 50002 10.0.0.1 10.0.0.2 vpc-1 eni-1 12\r\n"
                     "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes "
                     "start end action "
                     "log-status vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region "
                     "az-id sublocation-type "
                     "sublocation-id pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path\n"
                     "5 12 eni-1 10.0.0.2 10.0.0.1 50001 443 6 5 23 1418530010 1418530070 REJECT OK vpc-1 "
                     "subnet-1 - 2 IPv4 10.0.0.2 "
                     "10.0.0.1 us-east-1 use1-az1 - - - S3 egress 1\n"
                     "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes "
                     "start end action "
                     "log-status ecs-cluster-arn ecs-service-name ecs-task-id\n"
                     "7 12 eni-1 10.0.0.2 10.0.0.1 50001 443 6 5 900 1418530010 1418530070 REJECT OK "
                     "arn:aws:ecs:us-east-1:1:cluster/c "
                     "service task",
                     strict, &counts);
  assert_int_equal(counts.records, 4);
  assert_int_equal(counts.edges, 1);
  assert_non_null(strstr(dot, "govpc_bytes=\"1000\""));
  assert_non_null(strstr(dot, "color=red"));
  free(dot);
  expect_failure(text_log("tgw.log.gz", HEADER
                          "version resource-type account-id tgw-id tgw-src-eni srcaddr dstaddr srcport "
                          "dstport protocol packets bytes start end log-status\n"),
                 everything, DIFFD_BAD_LOGS, "tgw.log.gz:2: the header lacks the field interface-id");
}

/* Notes what is logged. */
struct note_log {
  struct diffd_log base;
  unsigned events;
  char last[256];
};

static void note_event(struct diffd_log *self, enum diffd_log_level level, const char *message,
                       const struct diffd_log_field *fields, size_t field_count, const char *place) {
  struct note_log *log = (struct note_log *)self;
  (void)place;
  assert_int_equal(level, DIFFD_LOG_WARN);
  assert_int_equal(field_count, 2);
  log->events++;
  (void)snprintf(log->last, sizeof log->last, "%s %s %s", message, fields[0].string, fields[1].string);
}

static const struct diffd_log_ops note_ops = {.event = note_event};

static void test_bad_lines_are_skipped_counted_and_told_once(void **state) {
  (void)state;
  static const char text[] = HEADER "2 1 eni-a 1.1.1.1 1.1.1.2 1 2 6 1 1 1418530000 1418530001 ACCEPT OK\n"
                                    "\n"
                                    "2 1 eni-a 1.1.1.1 1.1.1.2 1 2 6 1 1 1418530000 1418530001 ACCEPT\n"
                                    "2 1 eni-\"a 1.1.1.1 1.1.1.2 1 2 6 1 1 1418530000 1418530001 ACCEPT OK\n"
                                    "short\n"
                                    "2 1 eni-a 1.1.1.1 1.1.1.2 1 2 6 1 1 1418530000 1418530001 ACCEPT OK\n"
                                    "\n\n";
  struct note_log log = {.base = {&note_ops}};
  struct diffd_context context = {.log = &log.base};
  struct flow_test_log logs[] = {text_log("a.log", text), text_log("b.log", "x\n")};
  struct diffd_flow_options options = everything;
  struct diffd_edges *edges;
  struct diffd_flow_counts counts;
  struct diffd_error err;
  options.threads = 1;
  assert_int_equal(flow_test_build(&context, logs, 1, &options, &edges, &counts, &err), DIFFD_OK);
  assert_true(counts.bad == 5 && counts.records == 2 && counts.edges == 1);
  assert_int_equal(log.events, 1);
  assert_string_equal(log.last, "bad-record a.log:3 the line is empty");
  diffd_edges_destroy(edges);
  assert_int_equal(flow_test_build(&context, logs, 2, &options, &edges, &counts, &err), DIFFD_OK);
  assert_int_equal(log.events, 3);
  assert_string_equal(log.last, "bad-record b.log:1 too few fields");
  diffd_edges_destroy(edges);
  options.fail_on_bad_record = true;
  expect_failure(logs[0], options, DIFFD_BAD_LOGS, "a.log:3: no flow record: the line is empty");
}

static void test_overlong_lines_are_bad_and_take_no_memory(void **state) {
  (void)state;
  enum { LONG = 70 * 1024, HUGE = 3 << 20 };
  static const char good[] = "2 1 e 1.1.1.1 1.1.1.2 1 2 6 1 1 1418530000 1418530001 ACCEPT OK\n";
  char *text = malloc(LONG + HUGE + 2 * HUGE + 5 * sizeof good), *at = text;
  assert_non_null(text);
  at = stpcpy(at, good);
  memset(at, 'x', LONG); /* no columns */
  at = stpcpy(at + LONG, "\n");
  at = stpcpy(at, good);
  memset(at, ' ', HUGE); /* as many columns as fit */
  at = stpcpy(at + HUGE, "\n");
  at = stpcpy(at, good);
  memset(at, 0, 64); /* NUL bytes are in no record */
  at[64] = '\n';
  at = stpcpy(at + 65, good);
  memset(at, ' ', 2 * HUGE); /* and the input ends in one */
  at += 2 * HUGE;
  for (size_t piece = 0; piece < 3; piece++) {
    struct flow_test_log log = {"a.log", text, (size_t)(at - text), piece * 4099};
    struct diffd_flow_options options = everything;
    struct diffd_edges *edges;
    struct diffd_flow_counts counts;
    struct diffd_error err;
    assert_int_equal(flow_test_build(NULL, &log, 1, &options, &edges, &counts, &err), DIFFD_OK);
    assert_true(counts.records == 4 && counts.bad == 4 && counts.edges == 1);
    diffd_edges_destroy(edges);
  }
  free(text);
}

static void test_the_longest_line_is_a_record(void **state) {
  (void)state;
  static const char start[] = "tags version account-id interface-id srcaddr dstaddr srcport dstport protocol "
                              "packets bytes start end action "
                              "log-status\n";
  static const char rest[] = " 11 1 e 1.1.1.1 1.1.1.2 1 2 6 1 1 1418530000 1418530001 ACCEPT OK\n";
  size_t tags = 64 * 1024 - (sizeof rest - 2);
  char *text = malloc(sizeof start + tags + 1 + sizeof rest);
  assert_non_null(text);
  for (size_t more = 0; more < 2; more++) {
    char *at = stpcpy(text, start);
    memset(at, 't', tags + more);
    (void)stpcpy(at + tags + more, rest);
    struct diffd_flow_counts counts;
    char *dot = dot_of(text, everything, &counts);
    assert_int_equal(counts.records, more == 0);
    assert_int_equal(counts.bad, more);
    free(dot);
  }
  free(text);
}

static void test_sums_may_fill_64_bits_and_no_more(void **state) {
  (void)state;
  struct diffd_flow_counts counts;
  char *dot = dot_of("2 1 e 1.1.1.1 1.1.1.2 1 2 6 18446744073709551614 9223372036854775808 5 6 ACCEPT OK\n"
                     "2 1 e 1.1.1.1 1.1.1.2 1 2 6 1 9223372036854775807 5 6 ACCEPT OK\n",
                     everything, &counts);
  assert_non_null(strstr(dot, "govpc_packets=\"18446744073709551615\" govpc_bytes=\"18446744073709551615\""));
  free(dot);
  expect_failure(text_log("a.log", "2 1 e 1.1.1.1 1.1.1.2 1 2 6 18446744073709551614 1 5 6 ACCEPT OK\n"
                                   "2 1 e 1.1.1.1 1.1.1.2 1 2 6 2 1 5 6 ACCEPT OK\n"),
                 everything, DIFFD_BAD_LOGS, "packets of one edge do not fit into 64 bits");
  /* Also where the two are in two threads' digests. */
  struct flow_test_log logs[] = {
      text_log("a.log", "2 1 e 1.1.1.1 1.1.1.2 1 2 6 1 18446744073709551615 5 6 ACCEPT OK\n"),
      text_log("b.log", "2 1 e 1.1.1.1 1.1.1.2 1 2 6 1 1 5 6 ACCEPT OK\n")};
  struct diffd_flow_options options = everything;
  struct diffd_edges *edges;
  struct diffd_error err;
  options.threads = 2;
  assert_int_equal(flow_test_build(NULL, logs, 2, &options, &edges, &counts, &err), DIFFD_BAD_LOGS);
  assert_non_null(strstr(err.detail, "bytes of one edge do not fit into 64 bits"));
}

static enum diffd_status refuse_to_open(void *arg, struct diffd_reader **ret, struct diffd_error *err) {
  (void)arg;
  (void)ret;
  return diffd_fail(err, DIFFD_IO, "permission denied");
}

static void test_what_cannot_be_opened_is_named(void **state) {
  (void)state;
  struct diffd_context context = {0};
  struct diffd_flow_input input = {.name = "logs/x.log", .open = refuse_to_open};
  struct diffd_edges *edges;
  struct diffd_flow_counts counts;
  struct diffd_error err;
  assert_int_equal(diffd_flow_graph_build(&context, &input, 1, &everything, &edges, &counts, &err), DIFFD_IO);
  assert_string_equal(err.detail, "logs/x.log: permission denied");
}

static bool say_true(void *arg) {
  (void)arg;
  return true;
}

static void test_a_cancelled_build_stops(void **state) {
  (void)state;
  struct diffd_context context = {.cancelled = say_true};
  struct flow_test_log log = text_log("a.log", HEADER);
  struct diffd_edges *edges;
  struct diffd_flow_counts counts;
  struct diffd_error err;
  assert_int_equal(flow_test_build(&context, &log, 1, &everything, &edges, &counts, &err), DIFFD_CANCELLED);
}

static void test_a_dot_reader_gives_what_is_written(void **state) {
  (void)state;
  enum { COUNT = 2000 };
  size_t offsets[COUNT + 1];
  char *text = random_log(3, COUNT, offsets);
  struct flow_test_log log = text_log("a.log", text);
  struct diffd_edges *edges;
  struct diffd_flow_counts counts;
  struct diffd_reader *reader;
  struct diffd_error err;
  char *expected = dot_of(text, everything, &counts);
  size_t len = strlen(expected), at = 0, got;
  assert_int_equal(flow_test_build(NULL, &log, 1, &everything, &edges, &counts, &err), DIFFD_OK);
  assert_int_equal(diffd_edges_dot_reader(edges, &reader, &err), DIFFD_OK);
  char piece[1001];
  while (diffd_reader_read(reader, piece, 1 + at % sizeof piece, &got, &err) == DIFFD_OK) {
    assert_true(at + got <= len);
    assert_memory_equal(piece, expected + at, got);
    at += got;
  }
  assert_int_equal(at, len);
  diffd_reader_destroy(reader);
  free(expected);
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_graph_is_printed_to_the_byte),
      cmocka_unit_test(test_no_records_are_an_empty_graph),
      cmocka_unit_test(test_order_files_and_threads_do_not_count),
      cmocka_unit_test(test_a_memory_limit_changes_no_byte),
      cmocka_unit_test(test_edges_come_in_graph_order),
      cmocka_unit_test(test_nodes_sort_by_their_ids),
      cmocka_unit_test(test_original_ids_collide_into_one_node),
      cmocka_unit_test(test_the_window_takes_its_start_and_not_its_stop),
      cmocka_unit_test(test_headers_say_where_fields_are),
      cmocka_unit_test(test_bad_lines_are_skipped_counted_and_told_once),
      cmocka_unit_test(test_overlong_lines_are_bad_and_take_no_memory),
      cmocka_unit_test(test_the_longest_line_is_a_record),
      cmocka_unit_test(test_sums_may_fill_64_bits_and_no_more),
      cmocka_unit_test(test_what_cannot_be_opened_is_named),
      cmocka_unit_test(test_a_cancelled_build_stops),
      cmocka_unit_test(test_a_dot_reader_gives_what_is_written),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
