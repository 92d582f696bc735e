/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/log_folder_grapher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/rfc3339.h"
#include "core/log_tree.h"
#include "diffd/log.h"

struct log_folder_grapher {
  struct diffd_grapher base;
  struct diffd_log_folder_options options;
  char *path;
  char *tmp_dir;
};

static enum diffd_status collect(const struct log_folder_grapher *grapher, const struct diffd_context *ctx,
                                 struct diffd_window window, struct diffd_log_tree **ret,
                                 struct diffd_error *err) {
  const struct diffd_log_choice choice = {.window = window, .late_seconds = grapher->options.late_seconds};
  const char *const paths[] = {grapher->path};
  enum diffd_status status = diffd_log_tree_collect(ctx, paths, 1, &choice, ret, err);
  if (status == DIFFD_NOT_FOUND) /* an answer about the request it is not */
    return diffd_fail(err, DIFFD_IO, "there is no folder %s: put flow logs there, or set VPC_FLOW_LOGS_DIR",
                      grapher->path);
  return status;
}

/* What is no failure and yet may make a diff mean less than it seems to. */
static void tell(const struct diffd_context *ctx, struct diffd_window window,
                 const struct diffd_flow_counts *counts, size_t files) {
  char start[DIFFD_TIME_TEXT_MAX], stop[DIFFD_TIME_TEXT_MAX];
  diffd_rfc3339_format(window.start, start);
  diffd_rfc3339_format(window.stop, stop);
  if (counts->records == 0)
    diffd_log(ctx->log, DIFFD_LOG_WARN, "no-flow-records",
              {"diff_id", ctx->diff_id != NULL ? ctx->diff_id : "", 0}, {"start", start, 0},
              {"stop", stop, 0}, {"files", NULL, (int64_t)files},
              {"outside_window", NULL, (int64_t)counts->outside});
  if (counts->bad > 0)
    diffd_log(ctx->log, DIFFD_LOG_WARN, "bad-flow-records",
              {"diff_id", ctx->diff_id != NULL ? ctx->diff_id : "", 0}, {"start", start, 0},
              {"stop", stop, 0}, {"skipped", NULL, (int64_t)counts->bad});
  if (counts->skipdata > 0)
    diffd_log(ctx->log, DIFFD_LOG_WARN, "flow-logs-lost-data",
              {"diff_id", ctx->diff_id != NULL ? ctx->diff_id : "", 0}, {"start", start, 0},
              {"stop", stop, 0}, {"skipdata_records", NULL, (int64_t)counts->skipdata},
              {"reason", "AWS could not record all flows of this time", 0});
  diffd_log(ctx->log, DIFFD_LOG_DEBUG, "graph-made", {"diff_id", ctx->diff_id != NULL ? ctx->diff_id : "", 0},
            {"start", start, 0}, {"stop", stop, 0}, {"files", NULL, (int64_t)files},
            {"records", NULL, (int64_t)counts->records}, {"outside_window", NULL, (int64_t)counts->outside},
            {"nodata_records", NULL, (int64_t)counts->nodata}, {"edges", NULL, (int64_t)counts->edges});
}

static enum diffd_status build(const struct log_folder_grapher *grapher, const struct diffd_context *ctx,
                               struct diffd_window window, const struct diffd_log_tree *tree,
                               struct diffd_edges **ret, struct diffd_error *err) {
  size_t files = 0;
  const struct diffd_flow_input *inputs = diffd_log_tree_inputs(tree, &files);
  struct diffd_flow_counts counts = {0};
  struct diffd_flow_options options = {
      .window = window,
      .node_ids = grapher->options.node_ids,
      .fail_on_bad_record = grapher->options.fail_on_bad_record,
      .threads = grapher->options.threads,
      .memory_limit_bytes = grapher->options.memory_limit_bytes,
      .tmp_dir = grapher->tmp_dir,
  };
  if (getrandom(options.seed, sizeof options.seed, 0) != (ssize_t)sizeof options.seed)
    return diffd_fail_errno(err, errno, "asking the system for random bytes");
  enum diffd_status status = diffd_flow_graph_build(ctx, inputs, files, &options, ret, &counts, err);
  if (status == DIFFD_OK)
    tell(ctx, window, &counts, files);
  return status;
}

static enum diffd_status grapher_get(struct diffd_grapher *self, const struct diffd_context *ctx,
                                     struct diffd_window window, struct diffd_graph *ret,
                                     struct diffd_error *err) {
  const struct log_folder_grapher *grapher = (const struct log_folder_grapher *)self;
  struct diffd_log_tree *tree = NULL;
  struct diffd_edges *edges = NULL;
  enum diffd_status status = collect(grapher, ctx, window, &tree, err);
  if (status == DIFFD_OK)
    status = build(grapher, ctx, window, tree, &edges, err);
  diffd_log_tree_destroy(tree);
  if (status == DIFFD_OK)
    *ret = (struct diffd_graph){.edges = edges};
  return status;
}

static int64_t grapher_ready_at(struct diffd_grapher *self, struct diffd_window window) {
  int64_t delay = ((const struct log_folder_grapher *)self)->options.delay_seconds;
  return window.stop > INT64_MAX - delay ? INT64_MAX : window.stop + delay;
}

static void grapher_destroy(struct diffd_grapher *self) {
  struct log_folder_grapher *grapher = (struct log_folder_grapher *)self;
  free(grapher->path);
  free(grapher->tmp_dir);
  free(grapher);
}

static const struct diffd_grapher_ops log_folder_ops = {
    .get = grapher_get, .ready_at = grapher_ready_at, .destroy = grapher_destroy};

enum diffd_status diffd_log_folder_grapher_new(const struct diffd_log_folder_options *options,
                                               struct diffd_grapher **ret, struct diffd_error *err) {
  struct log_folder_grapher *grapher = calloc(1, sizeof *grapher);
  if (grapher == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the grapher");
  grapher->base.ops = &log_folder_ops;
  grapher->options = *options;
  grapher->path = strdup(options->path);
  grapher->tmp_dir = options->tmp_dir != NULL ? strdup(options->tmp_dir) : NULL;
  if (grapher->path == NULL || (options->tmp_dir != NULL && grapher->tmp_dir == NULL)) {
    grapher_destroy(&grapher->base);
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the grapher");
  }
  *ret = &grapher->base;
  return DIFFD_OK;
}
