/* SPDX-License-Identifier: Apache-2.0
 *
 * `vpcflow-diffd diff`: two graphs, or two sets or windows of flow logs, compared; DOT or counts on stdout.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/progress.h"
#include "cli/work.h"
#include "diffd/diff.h"

struct diff_options {
  struct diffd_work_options work;
  bool logs;
  bool stat;
  const char *previous; /* --previous START/STOP, as given */
  const char *next;
  struct diffd_window windows[2];
};

static void sink_destroyp(struct diffd_change_sink **sink) {
  diffd_change_sink_destroy(*sink);
}

/* ---- the two graphs ---- */

static enum diffd_status open_graphs(struct diffd_cli *cli, const struct diff_options *options,
                                     const struct diffd_arguments *arguments,
                                     struct diffd_graph graphs[static 2], struct diffd_error *err) {
  const char *const *paths = (const char *const *)arguments->items;
  bool windows = options->previous != NULL;
  /* Both graphs of flow logs are in memory before they are compared: each gets half. */
  uint64_t share = options->work.memory_limit_bytes / 2;
  enum diffd_status status = DIFFD_OK;
  for (size_t i = 0; status == DIFFD_OK && i < 2; i++) {
    if (!options->logs)
      status = diffd_work_open(paths[i], &graphs[i].dot, err);
    else if (windows)
      status = diffd_work_graph(cli, paths, (size_t)arguments->count, &options->windows[i], &options->work,
                                share, &graphs[i].edges, err);
    else
      status = diffd_work_graph(cli, &paths[i], 1, NULL, &options->work, share, &graphs[i].edges, err);
  }
  return status;
}

/* ---- the comparison ---- */

static enum diffd_status new_sink(struct diffd_cli *cli, bool stat, struct diffd_change_sink **ret,
                                  struct diffd_error *err) {
  if (stat)
    return diffd_null_sink_new(ret, err);
  struct diffd_writer *writer = NULL;
  enum diffd_status status = diffd_cli_stdout(cli, &writer, err);
  if (status != DIFFD_OK)
    return status;
  status = diffd_dot_sink_new(writer, ret, err);
  if (status != DIFFD_OK)
    diffd_writer_destroy(writer);
  return status;
}

static int print_counts(struct diffd_cli *cli, const struct diffd_diff_counts *counts, int exit_status) {
  struct diffd_error err;
  struct diffd_buffer text = diffd_buffer_init(4096);
  if (diffd_buffer_printf(&text, &err,
                          "previous_edges %llu\nnext_edges %llu\nadded %llu\nremoved %llu\nnodes %llu\n",
                          (unsigned long long)counts->previous_edges, (unsigned long long)counts->next_edges,
                          (unsigned long long)counts->added, (unsigned long long)counts->removed,
                          (unsigned long long)counts->nodes) != DIFFD_OK)
    exit_status = diffd_cli_trouble(cli, &err);
  else
    exit_status = diffd_cli_print(cli, &text, exit_status);
  diffd_buffer_clean_up(&text);
  return exit_status;
}

static enum diffd_status compare(struct diffd_cli *cli, const struct diff_options *options,
                                 const struct diffd_arguments *arguments, struct diffd_graph graphs[static 2],
                                 struct diffd_change_sink *sink, struct diffd_diff_counts *ret,
                                 struct diffd_error *err) {
  struct diffd_context ctx = {.log = cli->log};
  struct diffd_progress progress;
  struct diffd_diff_options diff = {.threads = options->work.threads,
                                    .memory_limit_bytes = options->work.memory_limit_bytes,
                                    .tmp_dir = options->work.tmp_dir,
                                    .kernel = diffd_cli_variable(cli, "DIFFD_KERNEL"),
                                    .progress = diffd_progress_of_diff,
                                    .progress_arg = &progress};
  if (!options->logs) {
    diff.previous_name = strcmp(arguments->items[0], "-") == 0 ? "stdin" : arguments->items[0];
    diff.next_name = strcmp(arguments->items[1], "-") == 0 ? "stdin" : arguments->items[1];
  }
  enum diffd_status status = diffd_cli_random(diff.seed, err);
  if (status != DIFFD_OK)
    return status;
  int place = options->stat ? STDERR_FILENO : diffd_progress_place(STDOUT_FILENO);
  diffd_progress_begin(&progress, place, "comparing", 0);
  status = diffd_diff(&ctx, &graphs[0], &graphs[1], &diff, sink, ret, err);
  diffd_progress_end(&progress);
  return status;
}

/* Says what a failed comparison left on stdout. */
static int incomplete(struct diffd_cli *cli, const struct diff_options *options,
                      const struct diffd_error *err) {
  (void)diffd_cli_trouble(cli, err);
  if (!options->stat && !cli->broken_pipe)
    diffd_cli_say("the output is incomplete, it lacks its closing `}`: do not use it");
  return DIFFD_EXIT_TROUBLE;
}

static int run(struct diffd_cli *cli, const struct diff_options *options,
               const struct diffd_arguments *arguments) {
  CLEANUP(sink_destroyp) struct diffd_change_sink *sink = NULL;
  struct diffd_graph graphs[2] = {{0}, {0}};
  struct diffd_diff_counts counts = {0};
  struct diffd_error err;
  enum diffd_status status = open_graphs(cli, options, arguments, graphs, &err);
  if (status == DIFFD_OK)
    status = new_sink(cli, options->stat, &sink, &err);
  if (status != DIFFD_OK) {
    diffd_graph_clean_up(&graphs[0]);
    diffd_graph_clean_up(&graphs[1]);
    return diffd_cli_trouble(cli, &err);
  }
  status = compare(cli, options, arguments, graphs, sink, &counts, &err);
  if (status == DIFFD_OK)
    status = sink->ops->commit(sink, &err);
  if (status != DIFFD_OK)
    return incomplete(cli, options, &err);
  int exit_status = counts.added + counts.removed > 0 ? DIFFD_EXIT_DIFFERENT : DIFFD_EXIT_SAME;
  return options->stat ? print_counts(cli, &counts, exit_status) : exit_status;
}

/* ---- the command line ---- */

static const char help_text[] =
    "Compares two graphs and writes the edges that are only in NEXT (ADDED) and only in PREVIOUS (REMOVED),\n"
    "with the nodes that they touch, as DOT. An edge is its two ends, account, ENI, ports, protocol and "
    "colour;\n"
    "counters, times and labels do not count. `-` is stdin, and a pipe serves as well as a file. The exit "
    "status\n"
    "is 0 for no difference, 1 for some, 2 for trouble, as diff(1) has it.";

static const char help_more[] =
    "Examples:\n"
    "  vpcflow-diffd diff monday.dot tuesday.dot | grep -c ADDED\n"
    "  vpcflow-diffd diff --stat --logs /logs/monday /logs/tuesday\n"
    "  vpcflow-diffd diff --logs /logs --previous=2019-03-01T00:00:00Z/2019-03-02T00:00:00Z \\\n"
    "    --next=2019-03-02T00:00:00Z/2019-03-03T00:00:00Z >tuesday-against-monday.dot";

/* What must hold between options and arguments; true where it does. */
static bool check_arguments(const struct diffd_command_help *help, const struct diff_options *options,
                            const struct diffd_arguments *arguments) {
  int stdins = 0;
  for (int i = 0; i < arguments->count; i++)
    stdins += strcmp(arguments->items[i], "-") == 0;
  if ((options->previous == NULL) != (options->next == NULL))
    (void)diffd_cli_misuse(help, "diff: --previous and --next go together");
  else if (options->previous != NULL && !options->logs)
    (void)diffd_cli_misuse(help, "diff: --previous and --next choose windows of flow logs; add --logs");
  else if (!options->logs && (options->work.node_ids != 0 || options->work.bad_records != 0))
    (void)diffd_cli_misuse(help, "diff: --node-ids and --bad-records say how flow logs are read; add --logs");
  else if (options->previous != NULL && arguments->count == 0)
    (void)diffd_cli_misuse(help, "diff: which flow logs? Name files or folders");
  else if (options->previous != NULL && stdins > 0)
    (void)diffd_cli_misuse(help, "diff: stdin can be read once only, and two windows are wanted of it");
  else if (options->previous == NULL && arguments->count != 2)
    (void)diffd_cli_misuse(help, "diff: two %s are needed, PREVIOUS and NEXT; %d %s given",
                           options->logs ? "sets of flow logs" : "graphs", arguments->count,
                           arguments->count == 1 ? "is" : "are");
  else if (options->previous == NULL && stdins > 1)
    (void)diffd_cli_misuse(help, "diff: only one of PREVIOUS and NEXT can be stdin");
  else
    return true;
  return false;
}

int diffd_command_diff(struct diffd_cli *cli, int argc, char **argv) {
  struct diff_options chosen = {0};
  const struct diffd_option options[] = {
      {"logs", NULL, NULL, "PREVIOUS and NEXT are flow logs: files or folders", DIFFD_OPTION_FLAG,
       &chosen.logs},
      {"previous", "START/STOP", NULL, "with --logs: the window of the same LOGS to compare ...",
       DIFFD_OPTION_TEXT, &chosen.previous},
      {"next", "START/STOP", NULL, "... with this one (RFC 3339; the stop is not part of it)",
       DIFFD_OPTION_TEXT, &chosen.next},
      {"stat", NULL, NULL, "print counts, a `name value` a line, instead of DOT", DIFFD_OPTION_FLAG,
       &chosen.stat},
      {"node-ids", "injective|original", "injective|original",
       "with --logs: n10_1_11_1, or as the original's n101111,\nwhere different addresses may become one "
       "node",
       DIFFD_OPTION_CHOICE, &chosen.work.node_ids},
      {"bad-records", "skip|fail", "skip|fail", "with --logs: what a line that is no flow record does (skip)",
       DIFFD_OPTION_CHOICE, &chosen.work.bad_records},
      {"threads", "N", NULL, "at most so many threads (default: one per CPU)", DIFFD_OPTION_COUNT,
       &chosen.work.threads},
      {"memory-limit", "SIZE", NULL,
       "as 64MiB; beyond it temporary files are used\n(default: half of what the process, its cgroup or the "
       "machine has)",
       DIFFD_OPTION_SIZE, &chosen.work.memory_limit_bytes},
      {"tmp-dir", "DIR", NULL, "where those are (default: $TMPDIR, else /tmp)", DIFFD_OPTION_TEXT,
       &chosen.work.tmp_dir},
  };
  const struct diffd_command_help help = {
      .name = "diff",
      .usage = "[OPTION]... PREVIOUS NEXT\n--logs [OPTION]... PREVIOUS NEXT\n"
               "--logs --previous=START/STOP --next=START/STOP [OPTION]... LOGS...",
      .text = help_text,
      .options = options,
      .option_count = sizeof options / sizeof options[0],
      .more = help_more,
  };
  struct diffd_arguments arguments;
  struct diffd_error err;
  int exit_status;
  if (!diffd_cli_begin(cli, &help, argc, argv, &arguments, &exit_status))
    return exit_status;
  if (!check_arguments(&help, &chosen, &arguments))
    return DIFFD_EXIT_TROUBLE;
  if (chosen.previous != NULL &&
      (diffd_cli_window("--previous", chosen.previous, &chosen.windows[0], &err) != DIFFD_OK ||
       diffd_cli_window("--next", chosen.next, &chosen.windows[1], &err) != DIFFD_OK))
    return diffd_cli_trouble(cli, &err);
  diffd_work_complete(cli, &chosen.work);
  return run(cli, &chosen, &arguments);
}
