/* SPDX-License-Identifier: Apache-2.0
 *
 * `vpcflow-diffd serve`: the service, as the environment says.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "diffd/service.h"
#include "runtime/settings.h"

static const struct diffd_command_help help = {
    .name = "serve",
    .usage = "",
    .text =
        "Runs the service: the API, the worker, or both. Every setting is an environment variable;\n"
        "`vpcflow-diffd config --help` explains them, `vpcflow-diffd config` shows what they are at "
        "present.\n"
        "With none set everything is embedded: diffs, marks and a durable queue below DIFF_DATA_DIR, and\n"
        "graphs made from the flow logs in its flow-logs folder.",
    .more = "SIGTERM or SIGINT end it in good order: what was accepted and is not finished is worked on "
            "after the\n"
            "next start. The exit status is 0 then, and 2 where it could not start.",
};

/* A person at a terminal gets the address in a form that can be clicked; the log has it anyway. */
static void tell_address(void *arg, uint16_t port) {
  const struct diffd_settings *settings = arg;
  const char *host = settings->listen.host[0] != '\0' ? settings->listen.host : "localhost";
  bool v6 = strchr(host, ':') != NULL;
  if (isatty(STDERR_FILENO))
    diffd_cli_say("listening on http://%s%s%s:%u%s%s; Ctrl-C stops it", v6 ? "[" : "", host, v6 ? "]" : "",
                  (unsigned)port, settings->data_dir != NULL ? ", data in " : "",
                  settings->data_dir != NULL ? settings->data_dir : "");
}

int diffd_command_serve(struct diffd_cli *cli, int argc, char **argv) {
  CLEANUP(diffd_settings_destroyp) struct diffd_settings *settings = NULL;
  struct diffd_arguments arguments;
  struct diffd_error err;
  int exit_status;
  if (!diffd_cli_begin(cli, &help, argc, argv, &arguments, &exit_status))
    return exit_status;
  if (arguments.count > 0)
    return diffd_cli_misuse(&help, "serve: `%s` is one argument too many; settings are environment variables",
                            arguments.items[0]);
  if (diffd_settings_load(cli->environment, &settings, &err) != DIFFD_OK)
    return diffd_cli_trouble(cli, &err);
  if (settings->faults.count > 0) {
    diffd_cli_tell_settings(settings);
    diffd_cli_say("the service did not start; `vpcflow-diffd config --help` explains every setting");
    return DIFFD_EXIT_TROUBLE;
  }
  struct diffd_service service = {
      .config = settings->config, .listening = tell_address, .listening_arg = settings};
  if (diffd_service_run(&service, &err) != DIFFD_OK)
    return diffd_cli_trouble(cli, &err);
  return EXIT_SUCCESS;
}
