/* SPDX-License-Identifier: Apache-2.0 */
/* A window's graph comes from the folder's records of that window, and doubts about it are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/test_dir.h"
#include "diffd/log.h"
#include "modules/log_folder_grapher.h"

struct fixture {
  const struct test_dir *dir;
  struct diffd_context ctx;
  struct diffd_log log;
  char logged[4096]; /* message, then each number field, for every warning */
  struct diffd_grapher *grapher;
  struct diffd_error err;
};

static void take_event(struct diffd_log *self, enum diffd_log_level level, const char *message,
                       const struct diffd_log_field *fields, size_t field_count, const char *place) {
  (void)place;
  struct fixture *f = (struct fixture *)(void *)((char *)self - offsetof(struct fixture, log));
  if (level < DIFFD_LOG_WARN)
    return;
  size_t len = strlen(f->logged);
  len += (size_t)snprintf(f->logged + len, sizeof f->logged - len, "%s", message);
  for (size_t i = 0; i < field_count; i++)
    if (fields[i].string == NULL)
      len += (size_t)snprintf(f->logged + len, sizeof f->logged - len, " %s=%lld", fields[i].name,
                              (long long)fields[i].number);
  (void)snprintf(f->logged + len, sizeof f->logged - len, "\n");
}

static const struct diffd_log_ops log_ops = {.event = take_event};

static void set_up(struct fixture *f, void **state, const char *folder, bool fail_on_bad_record) {
  char path[TEST_PATH_MAX];
  *f = (struct fixture){.dir = *state, .log = {&log_ops}};
  f->ctx.log = &f->log;
  const struct diffd_log_folder_options options = {
      .path = test_path(f->dir, folder, path),
      .delay_seconds = 900,
      .late_seconds = 3600,
      .threads = 2,
      .tmp_dir = f->dir->path,
      .fail_on_bad_record = fail_on_bad_record,
  };
  assert_int_equal(diffd_log_folder_grapher_new(&options, &f->grapher, &f->err), DIFFD_OK);
}

/* 10:00 to 11:00 on 2019-03-01 */
static const struct diffd_window window = {1551434400, 1551438000};

static enum diffd_status get(struct fixture *f, uint64_t *ret_packets, size_t *ret_edges) {
  struct diffd_graph graph = {0};
  struct diffd_flow_edge batch[16];
  size_t count = 0;
  *ret_packets = *ret_edges = 0;
  f->logged[0] = '\0';
  enum diffd_status status = diffd_grapher_get(f->grapher, &f->ctx, window, &graph, &f->err);
  if (status != DIFFD_OK)
    return status;
  assert_null(graph.dot);
  while ((status = diffd_edges_next(graph.edges, batch, 16, &count, &f->err)) == DIFFD_OK)
    for (size_t i = 0; i < count; i++, ++*ret_edges)
      *ret_packets += batch[i].packets;
  diffd_graph_clean_up(&graph);
  return status == DIFFD_END ? DIFFD_OK : status;
}

#define RECORD(source, packets, start)                                                                       \
  "2 123456789010 eni-1 " source " 10.0.0.9 40000 443 6 " packets " 100 " start " 1551438060 ACCEPT OK\n"

static void test_records_of_the_window(void **state) {
  struct fixture f;
  uint64_t packets;
  size_t edges;
  set_up(&f, state, "", false);
  test_write(f.dir, "1_vpcflowlogs_r_fl-1_20190301T0955Z_x.log", "nobody reads this");
  test_write(f.dir, "1_vpcflowlogs_r_fl-1_20190301T1205Z_x.log", "nobody reads this");
  test_write(f.dir, "1_vpcflowlogs_r_fl-1_20190301T1105Z_x.log",
             RECORD("10.0.0.1", "1", "1551434399") RECORD("10.0.0.1", "2", "1551434400")
                 RECORD("10.0.0.1", "4", "1551437999") RECORD("10.0.0.1", "8", "1551438000"));
  test_write(f.dir, "any.log", RECORD("10.0.0.1", "16", "1551435000") RECORD("10.0.0.2", "32", "1551435000"));
  assert_int_equal(get(&f, &packets, &edges), DIFFD_OK);
  assert_int_equal(packets, 2 + 4 + 16 + 32);
  assert_int_equal(edges, 2);
  assert_string_equal(f.logged, "");
  assert_int_equal(diffd_grapher_ready_at(f.grapher, window), window.stop + 900);
  assert_int_equal(diffd_grapher_ready_at(f.grapher, (struct diffd_window){0, INT64_MAX - 1}), INT64_MAX);
  diffd_grapher_destroy(f.grapher);
}

static void test_doubts_are_told(void **state) {
  struct fixture f;
  uint64_t packets;
  size_t edges;
  set_up(&f, state, "", false);
  assert_int_equal(get(&f, &packets, &edges), DIFFD_OK);
  assert_int_equal(edges, 0);
  assert_string_equal(f.logged, "no-flow-records files=0 outside_window=0\n");
  test_write(
      f.dir, "a.log",
      RECORD("10.0.0.1", "1", "5") "garbage\n2 1 eni-1 - - - - - - - 1551434400 1551434401 - SKIPDATA\n");
  assert_int_equal(get(&f, &packets, &edges), DIFFD_OK);
  assert_non_null(strstr(f.logged, "no-flow-records files=1 outside_window=1\n"));
  assert_non_null(strstr(f.logged, "bad-flow-records skipped=1\n"));
  assert_non_null(strstr(f.logged, "flow-logs-lost-data skipdata_records=1\n"));
  diffd_grapher_destroy(f.grapher);
  set_up(&f, state, "", true);
  assert_int_equal(get(&f, &packets, &edges), DIFFD_BAD_LOGS);
  assert_non_null(strstr(f.err.detail, "a.log"));
  diffd_grapher_destroy(f.grapher);
}

static void test_broken_inputs_are_named(void **state) {
  struct fixture f;
  uint64_t packets;
  size_t edges;
  set_up(&f, state, "none", false);
  assert_int_equal(get(&f, &packets, &edges), DIFFD_IO);
  assert_non_null(strstr(f.err.detail, "/none: put flow logs there, or set VPC_FLOW_LOGS_DIR"));
  diffd_grapher_destroy(f.grapher);
  set_up(&f, state, "", false);
  test_write(f.dir, "a.log.gz", "\x1f\x8b\x08"); /* a gzip member that is not finished */
  assert_int_equal(get(&f, &packets, &edges), DIFFD_BAD_LOGS);
  assert_non_null(strstr(f.err.detail, "a.log.gz"));
  diffd_grapher_destroy(f.grapher);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, test_dir_make, test_dir_destroy)
int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_records_of_the_window),
      TEST(test_doubts_are_told),
      TEST(test_broken_inputs_are_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
