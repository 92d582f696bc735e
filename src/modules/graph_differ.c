/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/graph_differ.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/rfc3339.h"
#include "base/thread.h"
#include "diffd/log.h"

struct graph_differ {
  struct diffd_differ base;
  struct diffd_grapher *grapher;
  struct diffd_graph_differ_options options;
  char *tmp_dir;
};

/* Two windows that are asked for side by side. */
struct pair {
  const struct diffd_context *ctx;
  struct diffd_grapher *grapher;
  atomic_bool failed; /* one window has failed: the other one stops */
};

/* A window. Where its graph comes while it is read, the thread that reads it may write `status`, `was_first`
 * and `err` until the comparison has ended. */
struct side {
  struct pair *pair;
  const char *name; /* for texts of errors */
  struct diffd_window window;
  struct diffd_context ctx; /* lives as long as the graph */
  struct diffd_graph graph;
  enum diffd_status status;
  bool was_first; /* to fail */
  struct diffd_error err;
};

static bool side_is_cancelled(void *arg) {
  struct pair *pair = arg;
  return atomic_load(&pair->failed) || diffd_context_cancelled(pair->ctx);
}

/* Keeps the failure of one window, and makes the other one stop. */
static void side_fails(struct side *side, enum diffd_status status) {
  char start[DIFFD_TIME_TEXT_MAX], stop[DIFFD_TIME_TEXT_MAX];
  diffd_rfc3339_format(side->window.start, start);
  diffd_rfc3339_format(side->window.stop, stop);
  side->status = status;
  (void)diffd_fail_within(&side->err, "%s graph, %s to %s", side->name, start, stop);
  side->was_first = !atomic_exchange(&side->pair->failed, true);
}

static void *get_side(void *arg) {
  struct side *side = arg;
  enum diffd_status status =
      diffd_grapher_get(side->pair->grapher, &side->ctx, side->window, &side->graph, &side->err);
  if (status != DIFFD_OK)
    side_fails(side, status);
  return NULL;
}

/* A graph that may fail while it is read: a grapher may even wait for it there. The comparison would hear of
 * it late, as it reads previous to its end before it looks at next. */
struct side_reader {
  struct diffd_reader base;
  struct side *side;
  struct diffd_reader *inner;
  atomic_bool interrupted; /* what fails then has no weight: the comparison has ended */
};

static enum diffd_status side_read(struct diffd_reader *self, void *buf, size_t cap, size_t *ret_len,
                                   struct diffd_error *err) {
  struct side_reader *reader = (struct side_reader *)self;
  enum diffd_status status = diffd_reader_read(reader->inner, buf, cap, ret_len, err);
  if (status != DIFFD_OK && status != DIFFD_END && !atomic_load(&reader->interrupted)) {
    reader->side->err = *err;
    side_fails(reader->side, status);
  }
  return status;
}

static int side_file(struct diffd_reader *self) {
  return diffd_reader_file(((struct side_reader *)self)->inner);
}

static void side_interrupt(struct diffd_reader *self) {
  struct side_reader *reader = (struct side_reader *)self;
  atomic_store(&reader->interrupted, true);
  diffd_reader_interrupt(reader->inner);
}

static void side_reader_destroy(struct diffd_reader *self) {
  diffd_reader_destroy(((struct side_reader *)self)->inner);
  free(self);
}

static const struct diffd_reader_ops side_reader_ops = {
    .read = side_read, .file = side_file, .interrupt = side_interrupt, .destroy = side_reader_destroy};

static enum diffd_status watch_side(struct side *side, struct diffd_error *err) {
  if (side->graph.dot == NULL)
    return DIFFD_OK;
  struct side_reader *reader = calloc(1, sizeof *reader);
  if (reader == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a graph");
  reader->base.ops = &side_reader_ops;
  reader->side = side;
  reader->inner = side->graph.dot;
  atomic_init(&reader->interrupted, false);
  side->graph.dot = &reader->base;
  return DIFFD_OK;
}

static void side_init(struct side *side, struct pair *pair, const char *name, struct diffd_window window) {
  *side = (struct side){.pair = pair, .name = name, .window = window, .ctx = *pair->ctx};
  side->ctx.cancelled = side_is_cancelled;
  side->ctx.cancelled_arg = pair;
}

/* Without a second thread one window comes after the other, which is slower and no worse. */
static void get_both(struct side *previous, struct side *next) {
  pthread_t thread;
  struct diffd_error ignored;
  if (diffd_thread_start(&thread, get_side, next, &ignored) == DIFFD_OK) {
    (void)get_side(previous);
    (void)pthread_join(thread, NULL);
  } else {
    (void)get_side(previous);
    (void)get_side(next);
  }
}

static enum diffd_status compare(const struct graph_differ *differ, const struct diffd_context *ctx,
                                 struct side *previous, struct side *next, struct diffd_change_sink *sink,
                                 struct diffd_error *err) {
  struct diffd_diff_counts counts = {0};
  struct diffd_diff_options options = {
      .threads = differ->options.threads,
      .memory_limit_bytes = differ->options.memory_limit_bytes,
      .tmp_dir = differ->tmp_dir,
      .previous_name = previous->name,
      .next_name = next->name,
  };
  if (getrandom(options.seed, sizeof options.seed, 0) != (ssize_t)sizeof options.seed)
    return diffd_fail_errno(err, errno, "asking the system for random bytes");
  enum diffd_status status = watch_side(previous, err);
  if (status == DIFFD_OK)
    status = watch_side(next, err);
  if (status == DIFFD_OK) /* with a context that ends where one of the sides fails */
    status = diffd_diff(&previous->ctx, &previous->graph, &next->graph, &options, sink, &counts, err);
  if (status == DIFFD_OK)
    diffd_log(ctx->log, DIFFD_LOG_INFO, "diff-made", {"diff_id", ctx->diff_id != NULL ? ctx->diff_id : "", 0},
              {"previous_edges", NULL, (int64_t)counts.previous_edges},
              {"next_edges", NULL, (int64_t)counts.next_edges}, {"added", NULL, (int64_t)counts.added},
              {"removed", NULL, (int64_t)counts.removed}, {"nodes", NULL, (int64_t)counts.nodes});
  return status;
}

static enum diffd_status differ_diff(struct diffd_differ *self, const struct diffd_context *ctx,
                                     const struct diffd_job *job, struct diffd_change_sink *sink,
                                     struct diffd_error *err) {
  const struct graph_differ *differ = (const struct graph_differ *)self;
  struct pair pair = {.ctx = ctx, .grapher = differ->grapher};
  struct side previous, next;
  side_init(&previous, &pair, "previous", job->previous);
  side_init(&next, &pair, "next", job->next);
  get_both(&previous, &next);
  enum diffd_status status = atomic_load(&pair.failed) ? DIFFD_CANCELLED : DIFFD_OK;
  if (status == DIFFD_OK)
    status = compare(differ, ctx, &previous, &next, sink, err);
  const struct side *failed = previous.was_first ? &previous : next.was_first ? &next : NULL;
  if (status != DIFFD_OK && failed != NULL) {
    *err = failed->err;
    status = failed->status;
  }
  diffd_graph_clean_up(&previous.graph);
  diffd_graph_clean_up(&next.graph);
  return status;
}

static int64_t differ_ready_at(struct diffd_differ *self, const struct diffd_job *job) {
  const struct graph_differ *differ = (const struct graph_differ *)self;
  int64_t previous = diffd_grapher_ready_at(differ->grapher, job->previous);
  int64_t next = diffd_grapher_ready_at(differ->grapher, job->next);
  return previous > next ? previous : next;
}

static void differ_destroy(struct diffd_differ *self) {
  struct graph_differ *differ = (struct graph_differ *)self;
  free(differ->tmp_dir);
  free(differ);
}

static const struct diffd_differ_ops graph_differ_ops = {
    .diff = differ_diff, .ready_at = differ_ready_at, .destroy = differ_destroy};

enum diffd_status diffd_graph_differ_new(struct diffd_grapher *grapher,
                                         const struct diffd_graph_differ_options *options,
                                         struct diffd_differ **ret, struct diffd_error *err) {
  struct graph_differ *differ = calloc(1, sizeof *differ);
  if (differ == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the differ");
  differ->base.ops = &graph_differ_ops;
  differ->grapher = grapher;
  differ->options = *options;
  differ->tmp_dir = options->tmp_dir != NULL ? strdup(options->tmp_dir) : NULL;
  if (options->tmp_dir != NULL && differ->tmp_dir == NULL) {
    differ_destroy(&differ->base);
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the differ");
  }
  *ret = &differ->base;
  return DIFFD_OK;
}
