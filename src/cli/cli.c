/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds the command, and what all commands share: errors, output, times, warnings.
 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/rfc3339.h"
#include "runtime/setting_values.h"

/* ---- saying things ---- */

static DIFFD_PRINTF(1, 0) void say(const char *fmt, va_list args) {
  char text[4096];
  int len = vsnprintf(text, sizeof text, fmt, args);
  for (int i = 0; i < len && i + 1 < (int)sizeof text; i++)
    if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
      text[i] = ' '; /* a name in an error must not move the terminal's cursor */
  (void)fprintf(stderr, "vpcflow-diffd: %s\n", text);
}

void diffd_cli_say(const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  say(fmt, args);
  va_end(args);
}

int diffd_cli_trouble(struct diffd_cli *cli, const struct diffd_error *err) {
  if (!cli->broken_pipe)
    diffd_cli_say("%s", err->detail);
  return DIFFD_EXIT_TROUBLE;
}

int diffd_cli_misuse(const struct diffd_command_help *help, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  say(fmt, args);
  va_end(args);
  diffd_cli_say("`vpcflow-diffd %s%s--help` says more", help->name != NULL ? help->name : "",
                help->name != NULL ? " " : "");
  return DIFFD_EXIT_TROUBLE;
}

bool diffd_cli_begin(struct diffd_cli *cli, const struct diffd_command_help *help, int argc, char **argv,
                     struct diffd_arguments *ret, int *ret_exit) {
  struct diffd_error err;
  if (diffd_options_parse(help, argc, argv, ret, &err) != DIFFD_OK) {
    *ret_exit = diffd_cli_misuse(help, "%s%s%s", help->name != NULL ? help->name : "",
                                 help->name != NULL ? ": " : "", err.detail);
    return false;
  }
  if (!ret->help)
    return true;
  struct diffd_buffer text = diffd_buffer_init(1 << 20);
  *ret_exit = diffd_options_help(help, &text, &err) == DIFFD_OK ? diffd_cli_print(cli, &text, EXIT_SUCCESS)
                                                                : diffd_cli_trouble(cli, &err);
  diffd_buffer_clean_up(&text);
  return false;
}

/* ---- stdout ---- */

struct stdout_writer {
  struct diffd_writer base;
  struct diffd_cli *cli;
};

static enum diffd_status stdout_write(struct diffd_writer *self, const void *bytes, size_t len,
                                      struct diffd_error *err) {
  struct stdout_writer *writer = (struct stdout_writer *)self;
  const char *at = bytes;
  while (len > 0) {
    ssize_t put = write(STDOUT_FILENO, at, len);
    if (put >= 0) {
      at += put;
      len -= (size_t)put;
    } else if (errno != EINTR) {
      writer->cli->broken_pipe = writer->cli->broken_pipe || errno == EPIPE;
      return diffd_fail_errno(err, errno, "writing to stdout");
    }
  }
  return DIFFD_OK;
}

static enum diffd_status stdout_commit(struct diffd_writer *self, struct diffd_error *err) {
  (void)self;
  (void)err;
  return DIFFD_OK;
}

static void stdout_destroy(struct diffd_writer *self) {
  free(self);
}

static const struct diffd_writer_ops stdout_ops = {
    .write = stdout_write, .commit = stdout_commit, .destroy = stdout_destroy};

enum diffd_status diffd_cli_stdout(struct diffd_cli *cli, struct diffd_writer **ret,
                                   struct diffd_error *err) {
  struct stdout_writer *writer = calloc(1, sizeof *writer);
  if (writer == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the output");
  writer->base.ops = &stdout_ops;
  writer->cli = cli;
  *ret = &writer->base;
  return DIFFD_OK;
}

int diffd_cli_print(struct diffd_cli *cli, const struct diffd_buffer *text, int exit_status) {
  struct diffd_error err;
  struct stdout_writer writer = {.base.ops = &stdout_ops, .cli = cli};
  if (stdout_write(&writer.base, text->ptr, text->len, &err) != DIFFD_OK)
    return diffd_cli_trouble(cli, &err);
  return exit_status;
}

/* ---- the surroundings ---- */

const char *diffd_cli_variable(const struct diffd_cli *cli, const char *name) {
  size_t len = strlen(name);
  for (char *const *entry = cli->environment; *entry != NULL; entry++)
    if (strncmp(*entry, name, len) == 0 && (*entry)[len] == '=')
      return (*entry)[len + 1] != '\0' ? *entry + len + 1 : NULL;
  return NULL;
}

enum diffd_status diffd_cli_random(uint8_t bytes[static 16], struct diffd_error *err) {
  if (getrandom(bytes, 16, 0) != 16)
    return diffd_fail_errno(err, errno, "the system gives no randomness");
  return DIFFD_OK;
}

static void log_event(struct diffd_log *self, enum diffd_log_level level, const char *message,
                      const struct diffd_log_field *fields, size_t field_count, const char *place) {
  struct diffd_error err;
  struct diffd_buffer text = diffd_buffer_init(1 << 16);
  (void)self;
  (void)place;
  if (level < DIFFD_LOG_WARN)
    return;
  enum diffd_status status =
      diffd_buffer_printf(&text, &err, "%s: %s", level == DIFFD_LOG_WARN ? "warning" : "error", message);
  for (size_t i = 0; status == DIFFD_OK && i < field_count; i++)
    status = fields[i].string != NULL ? diffd_buffer_printf(&text, &err, "%s %s=%s", i > 0 ? "," : ":",
                                                            fields[i].name, fields[i].string)
                                      : diffd_buffer_printf(&text, &err, "%s %s=%lld", i > 0 ? "," : ":",
                                                            fields[i].name, (long long)fields[i].number);
  if (text.len > 0)
    diffd_cli_say("%.*s", (int)text.len, text.ptr);
  diffd_buffer_clean_up(&text);
}

static void log_destroy(struct diffd_log *self) {
  free(self);
}

struct diffd_log *diffd_cli_log_new(void) {
  static const struct diffd_log_ops ops = {.event = log_event, .destroy = log_destroy};
  struct diffd_log *log = calloc(1, sizeof *log);
  if (log != NULL)
    log->ops = &ops;
  return log;
}

/* ---- times ---- */

static enum diffd_status parse_time(const char *text, size_t len, int64_t *ret, struct diffd_error *err) {
  struct diffd_instant instant = {0};
  enum diffd_status status = diffd_rfc3339_parse((struct diffd_span){text, len}, &instant, err);
  if (status == DIFFD_OK)
    *ret = instant.seconds;
  return status;
}

enum diffd_status diffd_cli_time(const char *name, const char *text, int64_t *ret, struct diffd_error *err) {
  enum diffd_status status = parse_time(text, strlen(text), ret, err);
  return status == DIFFD_OK ? status : diffd_fail_within(err, "%s", name);
}

enum diffd_status diffd_cli_window(const char *name, const char *text, struct diffd_window *ret,
                                   struct diffd_error *err) {
  struct diffd_window window = {0};
  const char *slash = strchr(text, '/');
  if (slash == NULL)
    return diffd_fail(err, DIFFD_INVALID,
                      "%s=%s: write START/STOP, as in 2019-03-01T00:00:00Z/2019-03-02T00:00:00Z", name, text);
  enum diffd_status status = parse_time(text, (size_t)(slash - text), &window.start, err);
  if (status != DIFFD_OK)
    return diffd_fail_within(err, "%s=%s: the start", name, text);
  status = parse_time(slash + 1, strlen(slash + 1), &window.stop, err);
  if (status != DIFFD_OK)
    return diffd_fail_within(err, "%s=%s: the stop", name, text);
  if (window.start >= window.stop)
    return diffd_fail(err, DIFFD_INVALID, "%s=%s: the start should be before the stop", name, text);
  *ret = window;
  return DIFFD_OK;
}

/* ---- commands ---- */

static const struct command {
  const char *name;
  const char *summary;
  int (*run)(struct diffd_cli *cli, int argc, char **argv);
} commands[] = {
    {"serve", "run the service (also what happens without a command)", diffd_command_serve},
    {"diff", "compare two graphs, or two sets or windows of flow logs", diffd_command_diff},
    {"graph", "make the graph of flow logs", diffd_command_graph},
    {"id", "print the id under which a diff is stored", diffd_command_id},
    {"jobs", "list the jobs of the queue, or try one again", diffd_command_jobs},
    {"config", "print every setting, its default and its present value", diffd_command_config},
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static const struct diffd_command_help program_help = {
    .usage = "[COMMAND] [OPTION]... [ARGUMENT]...",
    .text = "Compares AWS VPC flow log graphs: which edges are new, which are gone.",
};

static int print_help(struct diffd_cli *cli) {
  struct diffd_error err;
  struct diffd_buffer text = diffd_buffer_init(1 << 20);
  enum diffd_status status = diffd_options_help(&program_help, &text, &err);
  if (status == DIFFD_OK)
    status = diffd_buffer_printf(&text, &err, "\nCommands:\n");
  for (size_t i = 0; status == DIFFD_OK && i < COMMAND_COUNT; i++)
    status = diffd_buffer_printf(&text, &err, "  %-8s %s\n", commands[i].name, commands[i].summary);
  if (status == DIFFD_OK)
    status =
        diffd_buffer_printf(&text, &err,
                            "  %-8s %s\n  %-8s %s\n\n"
                            "`vpcflow-diffd COMMAND --help` says more about one.\n\n"
                            "Two ways to begin:\n"
                            "  vpcflow-diffd diff --logs /logs/monday /logs/tuesday\n"
                            "  VPC_FLOW_LOGS_DIR=/logs DIFF_STORAGE=embedded DIFF_MARKER=embedded \\\n"
                            "    STREAM_APPLIANCE_ENDPOINT=embedded vpcflow-diffd\n",
                            "help", "print this, or the help of a command", "version", "print the version");
  int exit_status =
      status == DIFFD_OK ? diffd_cli_print(cli, &text, EXIT_SUCCESS) : diffd_cli_trouble(cli, &err);
  diffd_buffer_clean_up(&text);
  return exit_status;
}

static int print_version(struct diffd_cli *cli) {
  char line[] = "vpcflow-diffd " DIFFD_VERSION "\n";
  struct diffd_buffer text = {.ptr = line, .len = sizeof line - 1};
  return diffd_cli_print(cli, &text, EXIT_SUCCESS);
}

static const char *command_name(const void *arg, size_t index) {
  (void)arg;
  return index < COMMAND_COUNT ? commands[index].name : NULL;
}

static const struct command *find_command(const char *name) {
  for (size_t i = 0; i < COMMAND_COUNT; i++)
    if (strcmp(commands[i].name, name) == 0)
      return &commands[i];
  return NULL;
}

static int no_such_command(const char *name) {
  const char *nearest = diffd_nearest_name(name, command_name, NULL);
  if (nearest != NULL)
    return diffd_cli_misuse(&program_help, "there is no command `%s`; did you mean `%s`?", name, nearest);
  return diffd_cli_misuse(&program_help, "there is no command `%s`", name);
}

static int print_help_of(struct diffd_cli *cli, const char *name) {
  char help[] = "--help";
  char *argv[] = {help};
  const struct command *command = find_command(name);
  if (command != NULL)
    return command->run(cli, 1, argv);
  if (strcmp(name, "help") == 0)
    return print_help(cli);
  return strcmp(name, "version") == 0 ? print_version(cli) : no_such_command(name);
}

static int dispatch(struct diffd_cli *cli, int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : "serve";
  const struct command *command = find_command(name);
  for (int i = 2; command != NULL && i < argc && strcmp(argv[i], "--") != 0; i++)
    if (strcmp(argv[i], "--version") == 0)
      return print_version(cli);
  if (command != NULL)
    return command->run(cli, argc > 2 ? argc - 2 : 0, argc > 2 ? argv + 2 : argv + argc);
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
    return print_help(cli);
  if (strcmp(name, "help") == 0)
    return argc > 2 ? print_help_of(cli, argv[2]) : print_help(cli);
  if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0)
    return print_version(cli);
  if (name[0] == '-')
    return diffd_cli_misuse(&program_help, "there is no option %s before a command", name);
  return no_such_command(name);
}

/* A descriptor that is closed would be given to the next file that is opened, and our output would end up in
 * it. What is put there instead makes reading give nothing and writing fail. */
static void fill_standard_descriptors(void) {
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY) < 0)
      abort();
}

int diffd_cli_main(int argc, char **argv, char *const *environment) {
  struct diffd_cli cli = {.environment = environment};
  fill_standard_descriptors();
  cli.log = diffd_cli_log_new();
  int exit_status = dispatch(&cli, argc, argv);
  diffd_log_destroy(cli.log);
  return exit_status;
}
