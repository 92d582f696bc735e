/* SPDX-License-Identifier: Apache-2.0
 *
 * `vpcflow-diffd config`: what the environment makes of the settings, and whether the service would start.
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "runtime/settings.h"

struct config_options {
  bool json;
  bool markdown;
  bool man;
};

enum { TEXT_MAX = 1 << 22 };

/* The help has the whole table behind it. */
static int print_help(struct diffd_cli *cli, const struct diffd_command_help *help) {
  struct diffd_error err;
  struct diffd_buffer text = diffd_buffer_init(TEXT_MAX);
  enum diffd_status status = diffd_options_help(help, &text, &err);
  if (status == DIFFD_OK)
    status = diffd_buffer_append(&text, "\n", 1, &err);
  if (status == DIFFD_OK)
    status = diffd_settings_print(NULL, DIFFD_SETTINGS_HELP, &text, &err);
  int exit_status =
      status == DIFFD_OK ? diffd_cli_print(cli, &text, EXIT_SUCCESS) : diffd_cli_trouble(cli, &err);
  diffd_buffer_clean_up(&text);
  return exit_status;
}

static int print(struct diffd_cli *cli, const struct diffd_settings *settings,
                 enum diffd_settings_format format) {
  struct diffd_error err;
  struct diffd_buffer text = diffd_buffer_init(TEXT_MAX);
  int exit_status = EXIT_SUCCESS;
  if (diffd_settings_print(settings, format, &text, &err) != DIFFD_OK)
    exit_status = diffd_cli_trouble(cli, &err);
  else
    exit_status = diffd_cli_print(cli, &text, EXIT_SUCCESS);
  diffd_buffer_clean_up(&text);
  return exit_status;
}

void diffd_cli_tell_settings(const struct diffd_settings *settings) {
  for (size_t i = 0; i < settings->config.note_count; i++)
    diffd_cli_say("note: %s: %s", settings->config.notes[i].setting, settings->config.notes[i].reason);
  for (size_t i = 0; i < settings->faults.count; i++)
    diffd_cli_say("%s", settings->faults.items[i]);
}

static int print_present(struct diffd_cli *cli, enum diffd_settings_format format) {
  CLEANUP(diffd_settings_destroyp) struct diffd_settings *settings = NULL;
  struct diffd_error err;
  if (diffd_settings_load(cli->environment, &settings, &err) != DIFFD_OK)
    return diffd_cli_trouble(cli, &err);
  int exit_status = print(cli, settings, format);
  diffd_cli_tell_settings(settings);
  return settings->faults.count > 0 ? DIFFD_EXIT_TROUBLE : exit_status;
}

int diffd_command_config(struct diffd_cli *cli, int argc, char **argv) {
  struct config_options chosen = {0};
  const struct diffd_option options[] = {
      {"json", NULL, NULL, "print an array of objects, for jq", DIFFD_OPTION_FLAG, &chosen.json},
      {"markdown", NULL, NULL, "print the tables of README.md", DIFFD_OPTION_FLAG, &chosen.markdown},
      {"man", NULL, NULL, "print the section of the man page", DIFFD_OPTION_FLAG, &chosen.man},
  };
  const struct diffd_command_help help = {
      .name = "config",
      .usage = "[--json | --markdown | --man]",
      .text =
          "Prints every setting, its present value and its default; `*` marks those that the environment\n"
          "sets. Secrets are hidden. The exit status is 2 where the service would not start, and stderr "
          "says\n"
          "why. All settings are environment variables; an empty one counts as unset.",
      .options = options,
      .option_count = sizeof options / sizeof options[0],
  };
  struct diffd_arguments arguments;
  int exit_status;
  struct diffd_error err;
  if (diffd_options_parse(&help, argc, argv, &arguments, &err) == DIFFD_OK && arguments.help)
    return print_help(cli, &help);
  if (!diffd_cli_begin(cli, &help, argc, argv, &arguments, &exit_status))
    return exit_status;
  if (arguments.count > 0)
    return diffd_cli_misuse(&help, "config: `%s` is one argument too many", arguments.items[0]);
  if (chosen.json + chosen.markdown + chosen.man > 1)
    return diffd_cli_misuse(&help, "config: --json, --markdown and --man exclude each other");
  if (chosen.markdown)
    return print(cli, NULL, DIFFD_SETTINGS_MARKDOWN);
  if (chosen.man)
    return print(cli, NULL, DIFFD_SETTINGS_MAN);
  return print_present(cli, chosen.json ? DIFFD_SETTINGS_JSON : DIFFD_SETTINGS_LIST);
}
