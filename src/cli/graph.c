/* SPDX-License-Identifier: Apache-2.0
 *
 * `vpcflow-diffd graph`: the graph of flow logs, as DOT on stdout.
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "cli/work.h"

static void writer_destroyp(struct diffd_writer **writer) {
  diffd_writer_destroy(*writer);
}

static void edges_destroyp(struct diffd_edges **edges) {
  diffd_edges_destroy(*edges);
}

static enum diffd_status window_of(const char *start, const char *stop, struct diffd_window *ret,
                                   struct diffd_error *err) {
  struct diffd_window window = {0};
  enum diffd_status status = diffd_cli_time("--start", start, &window.start, err);
  if (status == DIFFD_OK)
    status = diffd_cli_time("--stop", stop, &window.stop, err);
  if (status == DIFFD_OK && window.start >= window.stop)
    status = diffd_fail(err, DIFFD_INVALID, "--start=%s should be before --stop=%s", start, stop);
  if (status == DIFFD_OK)
    *ret = window;
  return status;
}

static int make_graph(struct diffd_cli *cli, const struct diffd_arguments *logs,
                      const struct diffd_window *window, const struct diffd_work_options *options) {
  CLEANUP(edges_destroyp) struct diffd_edges *edges = NULL;
  CLEANUP(writer_destroyp) struct diffd_writer *writer = NULL;
  struct diffd_error err;
  enum diffd_status status = diffd_work_graph(cli, (const char *const *)logs->items, (size_t)logs->count,
                                              window, options, options->memory_limit_bytes, &edges, &err);
  if (status == DIFFD_OK)
    status = diffd_cli_stdout(cli, &writer, &err);
  if (status == DIFFD_OK)
    status = diffd_edges_write_dot(edges, writer, &err);
  if (status == DIFFD_OK)
    status = diffd_writer_commit(writer, &err);
  return status == DIFFD_OK ? EXIT_SUCCESS : diffd_cli_trouble(cli, &err);
}

int diffd_command_graph(struct diffd_cli *cli, int argc, char **argv) {
  struct diffd_work_options work = {0};
  const char *start = NULL;
  const char *stop = NULL;
  const struct diffd_option options[] = {
      {"start", "TIME", NULL, "only records that start at or after it (RFC 3339; with --stop)",
       DIFFD_OPTION_TEXT, &start},
      {"stop", "TIME", NULL, "only records that start before it", DIFFD_OPTION_TEXT, &stop},
      {"node-ids", "injective|original", "injective|original",
       "n10_1_11_1, or as the original's n101111, where\ndifferent addresses may become one node",
       DIFFD_OPTION_CHOICE, &work.node_ids},
      {"bad-records", "skip|fail", "skip|fail", "what a line that is no flow record does (skip)",
       DIFFD_OPTION_CHOICE, &work.bad_records},
      {"threads", "N", NULL, "at most so many threads (default: one per CPU)", DIFFD_OPTION_COUNT,
       &work.threads},
      {"memory-limit", "SIZE", NULL,
       "as 64MiB; beyond it temporary files are used\n(default: half of what the process, its cgroup or the "
       "machine has)",
       DIFFD_OPTION_SIZE, &work.memory_limit_bytes},
      {"tmp-dir", "DIR", NULL, "where those are (default: $TMPDIR, else /tmp)", DIFFD_OPTION_TEXT,
       &work.tmp_dir},
  };
  const struct diffd_command_help help = {
      .name = "graph",
      .usage = "[OPTION]... LOGS...",
      .text =
          "Makes the graph of VPC flow logs and writes it as DOT. LOGS are files, packed with gzip or not, "
          "or\n"
          "folders with .log and .log.gz files anywhere below; `-` is stdin. The same records give the same\n"
          "bytes, in whatever order and files they come.",
      .options = options,
      .option_count = sizeof options / sizeof options[0],
      .more =
          "Examples:\n"
          "  vpcflow-diffd graph --start=2019-03-01T00:00:00Z --stop=2019-03-02T00:00:00Z /logs >monday.dot\n"
          "  zcat monday.log.gz | vpcflow-diffd graph - | gvpr 'E[color==\"red\"]' | dot -Tsvg >rejected.svg",
  };
  struct diffd_arguments arguments;
  struct diffd_window window;
  struct diffd_error err;
  int exit_status;
  if (!diffd_cli_begin(cli, &help, argc, argv, &arguments, &exit_status))
    return exit_status;
  if (arguments.count == 0)
    return diffd_cli_misuse(&help, "graph: which flow logs? Name files or folders, or `-` for stdin");
  if ((start == NULL) != (stop == NULL))
    return diffd_cli_misuse(&help, "graph: --start and --stop go together");
  if (start != NULL && window_of(start, stop, &window, &err) != DIFFD_OK)
    return diffd_cli_trouble(cli, &err);
  diffd_work_complete(cli, &work);
  return make_graph(cli, &arguments, start != NULL ? &window : NULL, &work);
}
