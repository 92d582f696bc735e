/* SPDX-License-Identifier: Apache-2.0
 *
 * `vpcflow-diffd id`: from four times to the id under which the diff is stored.
 */
#include <stdlib.h>

#include "base/diff_id.h"
#include "cli/cli.h"

static const struct diffd_command_help help = {
    .name = "id",
    .usage = "PREVIOUS_START PREVIOUS_STOP NEXT_START NEXT_STOP",
    .text = "Prints the id of the diff of two windows: the diff is stored as <id>.dot, its mark as\n"
            "<id>_in_progress. Times are RFC 3339 and count by the minute in UTC, as in the API; every\n"
            "spelling of one minute has the same id.",
    .more = "Example:\n"
            "  vpcflow-diffd id 2019-07-01T00:00:00Z 2019-07-02T00:00:00Z 2019-07-02T00:00:00Z \\\n"
            "    2019-07-03T00:00:00Z",
};

int diffd_command_id(struct diffd_cli *cli, int argc, char **argv) {
  static const struct diffd_window_names names = {"PREVIOUS_START", "PREVIOUS_STOP", "NEXT_START",
                                                  "NEXT_STOP"};
  struct diffd_arguments arguments;
  struct diffd_error err;
  int exit_status;
  if (!diffd_cli_begin(cli, &help, argc, argv, &arguments, &exit_status))
    return exit_status;
  if (arguments.count != 4)
    return diffd_cli_misuse(&help, "id: four times are needed, %d %s given", arguments.count,
                            arguments.count == 1 ? "is" : "are");
  struct diffd_window previous = {0};
  struct diffd_window next = {0};
  const char *const titles[] = {names.previous_start, names.previous_stop, names.next_start, names.next_stop};
  int64_t *const times[] = {&previous.start, &previous.stop, &next.start, &next.stop};
  for (size_t i = 0; i < 4; i++)
    if (diffd_cli_time(titles[i], arguments.items[i], times[i], &err) != DIFFD_OK)
      return diffd_cli_trouble(cli, &err);
  struct diffd_job job;
  struct diffd_buffer text = diffd_buffer_init(DIFFD_JOB_ID_MAX + 2);
  if (diffd_job_from_windows(previous, next, &names, &job, &err) != DIFFD_OK ||
      diffd_buffer_printf(&text, &err, "%s\n", job.id) != DIFFD_OK)
    exit_status = diffd_cli_trouble(cli, &err);
  else
    exit_status = diffd_cli_print(cli, &text, EXIT_SUCCESS);
  diffd_buffer_clean_up(&text);
  return exit_status;
}
