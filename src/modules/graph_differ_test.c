/* SPDX-License-Identifier: Apache-2.0 */
/* Both windows are fetched at the same time, compared when both are there, and the first failure ends both.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <stdatomic.h>

#include "modules/graph_differ.h"

/* A reader of a text in memory. */
struct text_reader {
  struct diffd_reader base;
  const char *text;
  const struct diffd_context *ctx;
  enum diffd_status fails; /* at the text's end */
  bool waits;              /* at the text's end, until it is cancelled or interrupted */
  atomic_bool interrupted;
};

static enum diffd_status text_read(struct diffd_reader *self, void *buf, size_t cap, size_t *ret_len,
                                   struct diffd_error *err) {
  struct text_reader *reader = (struct text_reader *)self;
  size_t len = strlen(reader->text);
  for (int ms = 0; len == 0 && reader->waits; ms++) {
    if (diffd_context_cancelled(reader->ctx) || atomic_load(&reader->interrupted))
      return diffd_fail(err, DIFFD_CANCELLED, "cancelled");
    if (ms > 10000)
      return diffd_fail(err, DIFFD_INTERNAL, "nobody cancelled");
    (void)usleep(1000);
  }
  if (len == 0)
    return reader->fails != DIFFD_OK ? diffd_fail(err, reader->fails, "cut") : DIFFD_END;
  *ret_len = len < cap ? len : cap;
  memcpy(buf, reader->text, *ret_len);
  reader->text += *ret_len;
  return DIFFD_OK;
}

static void text_destroy(struct diffd_reader *self) {
  free(self);
}

static void text_interrupt(struct diffd_reader *self) {
  atomic_store(&((struct text_reader *)self)->interrupted, true);
}

static const struct diffd_reader_ops text_ops = {
    .read = text_read, .interrupt = text_interrupt, .destroy = text_destroy};

/* A grapher that answers by the window's start: 0 is previous, 60 next. */
struct fake_grapher {
  struct diffd_grapher base;
  const char *graphs[2];           /* NULL: fails */
  enum diffd_status statuses[2];   /* with this */
  bool waits_for_cancel[2];        /* before it answers */
  enum diffd_status read_fails[2]; /* at the graph's end */
  bool read_waits[2];              /* at the graph's end */
  bool meets_the_other;            /* both calls have to be there before one answers */
  atomic_int inside;
  atomic_int cancelled;
};

static enum diffd_status fake_get(struct diffd_grapher *self, const struct diffd_context *ctx,
                                  struct diffd_window window, struct diffd_graph *ret,
                                  struct diffd_error *err) {
  struct fake_grapher *fake = (struct fake_grapher *)self;
  int side = window.start == 0 ? 0 : 1;
  atomic_fetch_add(&fake->inside, 1);
  for (int ms = 0; fake->meets_the_other && atomic_load(&fake->inside) < 2; ms++) {
    if (ms > 10000)
      return diffd_fail(err, DIFFD_INTERNAL, "the other window was not asked for");
    (void)usleep(1000);
  }
  for (int ms = 0; fake->waits_for_cancel[side]; ms++) {
    if (diffd_context_cancelled(ctx) && ++fake->cancelled > 0)
      return diffd_fail(err, DIFFD_CANCELLED, "cancelled");
    if (ms > 10000)
      return diffd_fail(err, DIFFD_INTERNAL, "nobody cancelled");
    (void)usleep(1000);
  }
  if (fake->graphs[side] == NULL)
    return diffd_fail(err, fake->statuses[side], "broken");
  struct text_reader *reader = calloc(1, sizeof *reader);
  assert_non_null(reader);
  reader->base.ops = &text_ops;
  reader->text = fake->graphs[side];
  reader->ctx = ctx;
  reader->fails = fake->read_fails[side];
  reader->waits = fake->read_waits[side];
  ret->dot = &reader->base;
  ret->edges = NULL;
  return DIFFD_OK;
}

static int64_t fake_ready_at(struct diffd_grapher *self, struct diffd_window window) {
  (void)self;
  return window.stop + 900;
}

static void fake_destroy(struct diffd_grapher *self) {
  (void)self;
}

static const struct diffd_grapher_ops fake_ops = {
    .get = fake_get, .ready_at = fake_ready_at, .destroy = fake_destroy};
static const struct diffd_grapher_ops fake_ops_never_late = {.get = fake_get, .destroy = fake_destroy};

static const struct diffd_job job = {.id = "a", .previous = {0, 3600}, .next = {60, 120}};

static enum diffd_status diff(struct fake_grapher *fake, const struct diffd_context *ctx, FILE *out,
                              struct diffd_error *err) {
  struct diffd_differ *differ = NULL;
  struct diffd_writer *writer = NULL;
  struct diffd_change_sink *sink = NULL;
  const struct diffd_graph_differ_options options = {.threads = 1, .tmp_dir = "/tmp"};
  fake->base.ops = &fake_ops;
  assert_int_equal(diffd_graph_differ_new(&fake->base, &options, &differ, err), DIFFD_OK);
  assert_int_equal(diffd_writer_from_fd(fileno(out), &writer, err), DIFFD_OK);
  assert_int_equal(diffd_dot_sink_new(writer, &sink, err), DIFFD_OK);
  enum diffd_status status = diffd_differ_diff(differ, ctx, &job, sink, err);
  if (status == DIFFD_OK)
    status = sink->ops->commit(sink, err);
  diffd_change_sink_destroy(sink);
  diffd_differ_destroy(differ);
  return status;
}

static void test_both_windows_at_once(void **state) {
  (void)state;
  struct fake_grapher fake = {
      .graphs = {"digraph {\n\ta -> b [color=green label=\"x\"]\n\ta [label=\"1\"]\n}",
                 "digraph {\n\ta -> c [color=green label=\"x\"]\n\tc [label=\"3\"]\n}"},
      .meets_the_other = true};
  struct diffd_context ctx = {0};
  struct diffd_error err = {0};
  FILE *out = tmpfile();
  char text[512];
  assert_non_null(out);
  if (diff(&fake, &ctx, out, &err) != DIFFD_OK)
    fail_msg("%s", err.detail);
  rewind(out);
  text[fread(text, 1, sizeof text - 1, out)] = '\0';
  assert_string_equal(text, "digraph {\n"
                            "a -> c [color=green label=\"x\\ndiff=ADDED\" govpc_diff=\"ADDED\"]\n"
                            "a -> b [color=green label=\"x\\ndiff=REMOVED\" govpc_diff=\"REMOVED\"]\n"
                            "a [label=\"1\"]\nc [label=\"3\"]\n}");
  assert_int_equal(fclose(out), 0);
}

static void test_one_failure_cancels_the_other(void **state) {
  (void)state;
  for (int side = 0; side < 2; side++) {
    struct fake_grapher fake = {.meets_the_other = true};
    struct diffd_context ctx = {0};
    struct diffd_error err = {0};
    fake.statuses[side] = DIFFD_BAD_LOGS;
    fake.waits_for_cancel[1 - side] = true;
    FILE *out = tmpfile();
    assert_non_null(out);
    assert_int_equal(diff(&fake, &ctx, out, &err), DIFFD_BAD_LOGS);
    assert_string_equal(err.detail,
                        side == 0 ? "previous graph, 1970-01-01T00:00:00Z to 1970-01-01T01:00:00Z: broken"
                                  : "next graph, 1970-01-01T00:01:00Z to 1970-01-01T00:02:00Z: broken");
    assert_int_equal(atomic_load(&fake.cancelled), 1);
    assert_int_equal(ftell(out), 0);
    assert_int_equal(fclose(out), 0);
  }
}

static bool always(void *arg) {
  (void)arg;
  return true;
}

static void test_cancelling_reaches_both(void **state) {
  (void)state;
  struct fake_grapher fake = {.waits_for_cancel = {true, true}};
  struct diffd_context ctx = {.cancelled = always};
  struct diffd_error err = {0};
  FILE *out = tmpfile();
  assert_non_null(out);
  assert_int_equal(diff(&fake, &ctx, out, &err), DIFFD_CANCELLED);
  assert_int_equal(atomic_load(&fake.cancelled), 2);
  assert_int_equal(fclose(out), 0);
}

static void test_what_is_no_graph_is_named(void **state) {
  (void)state;
  struct fake_grapher fake = {.graphs = {"digraph {\n}", "<html>"}};
  struct diffd_context ctx = {0};
  struct diffd_error err = {0};
  FILE *out = tmpfile();
  assert_non_null(out);
  assert_int_equal(diff(&fake, &ctx, out, &err), DIFFD_BAD_GRAPH);
  assert_non_null(strstr(err.detail, "next:1:1"));
  assert_int_equal(fclose(out), 0);
}

/* A window whose graph breaks while it comes ends the other one, which still waits for its own. */
static void test_a_failure_while_reading_cancels_the_other(void **state) {
  (void)state;
  for (int side = 0; side < 2; side++) {
    struct fake_grapher fake = {.graphs = {"digraph {\n", "digraph {\n"}};
    struct diffd_context ctx = {0};
    struct diffd_error err = {0};
    fake.read_fails[side] = DIFFD_UNAVAILABLE;
    fake.read_waits[1 - side] = true;
    FILE *out = tmpfile();
    assert_non_null(out);
    assert_int_equal(diff(&fake, &ctx, out, &err), DIFFD_UNAVAILABLE);
    assert_string_equal(err.detail, side == 0
                                        ? "previous graph, 1970-01-01T00:00:00Z to 1970-01-01T01:00:00Z: cut"
                                        : "next graph, 1970-01-01T00:01:00Z to 1970-01-01T00:02:00Z: cut");
    assert_int_equal(fclose(out), 0);
  }
}

/* What is no graph is found while the other one still comes, and is what the job fails with. */
static void test_no_graph_ends_the_wait_for_the_other(void **state) {
  (void)state;
  struct fake_grapher fake = {.graphs = {"<html>", ""}, .read_waits = {false, true}};
  struct diffd_context ctx = {0};
  struct diffd_error err = {0};
  FILE *out = tmpfile();
  assert_non_null(out);
  assert_int_equal(diff(&fake, &ctx, out, &err), DIFFD_BAD_GRAPH);
  assert_non_null(strstr(err.detail, "previous:1:1"));
  assert_int_equal(fclose(out), 0);
}

static void test_ready_when_the_later_window_is(void **state) {
  (void)state;
  struct fake_grapher fake = {.base = {&fake_ops}};
  struct diffd_differ *differ = NULL;
  struct diffd_error err;
  const struct diffd_graph_differ_options options = {0};
  assert_int_equal(diffd_graph_differ_new(&fake.base, &options, &differ, &err), DIFFD_OK);
  assert_int_equal(diffd_differ_ready_at(differ, &job), 3600 + 900);
  fake.base.ops = &fake_ops_never_late;
  assert_int_equal(diffd_differ_ready_at(differ, &job), INT64_MIN);
  diffd_differ_destroy(differ);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_both_windows_at_once),
      cmocka_unit_test(test_one_failure_cancels_the_other),
      cmocka_unit_test(test_cancelling_reaches_both),
      cmocka_unit_test(test_what_is_no_graph_is_named),
      cmocka_unit_test(test_a_failure_while_reading_cancels_the_other),
      cmocka_unit_test(test_no_graph_ends_the_wait_for_the_other),
      cmocka_unit_test(test_ready_when_the_later_window_is),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
