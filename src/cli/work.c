/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/work.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory_size.h"
#include "cli/progress.h"
#include "core/log_tree.h"

enum { LATE_SECONDS = 3600 }; /* as VPC_FLOW_LOGS_LATE's default */
/* A pipe holds 64 KiB unless one asks for more, 0.1 ms of a fast writer, and all threads are busy: who drains
 * it may have to wait for a core ten times as long. This is what the system grants to anybody. */
enum { PIPE_BYTES = 1 << 20 };

static void widen(int fd) {
  (void)fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES); /* refused where it is no pipe, or the user has many */
}

void diffd_work_complete(const struct diffd_cli *cli, struct diffd_work_options *options) {
  if (options->tmp_dir == NULL)
    options->tmp_dir = diffd_cli_variable(cli, "TMPDIR");
  if (options->memory_limit_bytes == 0)
    options->memory_limit_bytes = diffd_memory_size() / 2;
}

enum diffd_status diffd_work_open(const char *path, struct diffd_reader **ret, struct diffd_error *err) {
  struct stat st;
  if (strcmp(path, "-") == 0) {
    widen(STDIN_FILENO);
    return diffd_reader_from_fd(STDIN_FILENO, false, ret, err);
  }
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0)
    return diffd_fail_errno(err, errno, "%s cannot be read", path);
  if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
    (void)close(fd);
    return diffd_fail(err, DIFFD_INVALID, "%s is a folder; write --logs where it holds flow logs", path);
  }
  widen(fd);
  enum diffd_status status = diffd_reader_from_fd(fd, true, ret, err);
  if (status != DIFFD_OK)
    (void)close(fd);
  return status;
}

static void tree_destroyp(struct diffd_log_tree **tree) {
  diffd_log_tree_destroy(*tree);
}

/* What the reader of the graph should know about its records. */
static void tell_counts(const char *const *paths, const struct diffd_flow_counts *counts) {
  if (counts->records == 0)
    diffd_cli_say("warning: there are no flow records%s in %s: the graph is empty",
                  counts->outside > 0 ? " of the window" : "", paths[0]);
  if (counts->bad > 0)
    diffd_cli_say("warning: %llu lines are no flow records and were skipped; --bad-records=fail refuses them",
                  (unsigned long long)counts->bad);
  if (counts->skipdata > 0)
    diffd_cli_say("warning: %llu records say that AWS lost data (SKIPDATA): the graph may lack edges",
                  (unsigned long long)counts->skipdata);
}

enum diffd_status diffd_work_graph(struct diffd_cli *cli, const char *const *paths, size_t path_count,
                                   const struct diffd_window *window,
                                   const struct diffd_work_options *options, uint64_t memory_limit_bytes,
                                   struct diffd_edges **ret, struct diffd_error *err) {
  CLEANUP(tree_destroyp) struct diffd_log_tree *tree = NULL;
  struct diffd_context ctx = {.log = cli->log};
  struct diffd_log_choice choice = {.all = window == NULL, .late_seconds = LATE_SECONDS};
  struct diffd_progress progress;
  struct diffd_flow_options flow = {.all = window == NULL,
                                    .node_ids = (enum diffd_node_ids)options->node_ids,
                                    .fail_on_bad_record = options->bad_records == 1,
                                    .threads = options->threads,
                                    .memory_limit_bytes = memory_limit_bytes,
                                    .tmp_dir = options->tmp_dir,
                                    .progress = diffd_progress_of_logs,
                                    .progress_arg = &progress};
  if (window != NULL)
    choice.window = flow.window = *window;
  enum diffd_status status = diffd_cli_random(flow.seed, err);
  if (status == DIFFD_OK)
    status = diffd_log_tree_collect(&ctx, paths, path_count, &choice, &tree, err);
  if (status != DIFFD_OK)
    return status;
  size_t count = 0;
  const struct diffd_flow_input *inputs = diffd_log_tree_inputs(tree, &count);
  struct diffd_flow_counts counts = {0};
  diffd_progress_begin(&progress, STDERR_FILENO, "reading flow logs", diffd_log_tree_bytes(tree));
  status = diffd_flow_graph_build(&ctx, inputs, count, &flow, ret, &counts, err);
  diffd_progress_end(&progress);
  if (status == DIFFD_OK)
    tell_counts(paths, &counts);
  return status;
}
