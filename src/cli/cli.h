/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line: what commands share, and the list of commands. Each command has a file of its own.
 */
#ifndef DIFFD_CLI_CLI_H
#define DIFFD_CLI_CLI_H

#include "base/buffer.h"
#include "cli/options.h"
#include "diffd/job.h"
#include "diffd/log.h"
#include "diffd/stream.h"

struct diffd_settings;

/* Exit statuses, as diff(1) has them. */
enum diffd_exit { DIFFD_EXIT_SAME = 0, DIFFD_EXIT_DIFFERENT = 1, DIFFD_EXIT_TROUBLE = 2 };

struct diffd_cli {
  char *const *environment; /* `NAME=value` each, ends with NULL */
  struct diffd_log *log;    /* warnings on stderr */
  bool broken_pipe;         /* who read our output is gone: nothing more is to be said */
};

/* Runs the program and gives its exit status. */
int diffd_cli_main(int argc, char **argv, char *const *environment);

/* The commands take what follows their name and give an exit status. */
int diffd_command_serve(struct diffd_cli *cli, int argc, char **argv);
int diffd_command_diff(struct diffd_cli *cli, int argc, char **argv);
int diffd_command_graph(struct diffd_cli *cli, int argc, char **argv);
int diffd_command_id(struct diffd_cli *cli, int argc, char **argv);
int diffd_command_jobs(struct diffd_cli *cli, int argc, char **argv);
int diffd_command_config(struct diffd_cli *cli, int argc, char **argv);

/* Parses the options of a command. True where the command should go on; else *ret_exit is its exit status,
 * and help or a fault was printed. */
bool diffd_cli_begin(struct diffd_cli *cli, const struct diffd_command_help *help, int argc, char **argv,
                     struct diffd_arguments *ret, int *ret_exit) DIFFD_MUST_CHECK;

/* Both give DIFFD_EXIT_TROUBLE, after `vpcflow-diffd: ...` on stderr; the second points at --help too. */
int diffd_cli_trouble(struct diffd_cli *cli, const struct diffd_error *err);
int diffd_cli_misuse(const struct diffd_command_help *help, const char *fmt, ...) DIFFD_PRINTF(2, 3);

/* A line on stderr that begins with the program's name. */
void diffd_cli_say(const char *fmt, ...) DIFFD_PRINTF(1, 2);

/* Writes to stdout, all of it. Gives `exit_status`, or says what failed and gives DIFFD_EXIT_TROUBLE. */
int diffd_cli_print(struct diffd_cli *cli, const struct diffd_buffer *text, int exit_status);
/* A writer of stdout that notes in `cli` when its reader is gone. DIFFD_NO_MEMORY. */
enum diffd_status diffd_cli_stdout(struct diffd_cli *cli, struct diffd_writer **ret,
                                   struct diffd_error *err) DIFFD_MUST_CHECK;

/* What is to be said of the settings, a line each: first the notes (a name that looks misspelt often explains
 * a fault), then the faults. */
void diffd_cli_tell_settings(const struct diffd_settings *settings);

/* The value of a variable, or NULL where it is unset or empty. */
const char *diffd_cli_variable(const struct diffd_cli *cli, const char *name);
/* Fills `bytes` with randomness of the system. DIFFD_IO. */
enum diffd_status diffd_cli_random(uint8_t bytes[static 16], struct diffd_error *err) DIFFD_MUST_CHECK;

/* A log that writes warnings and errors to stderr in plain words. NULL where memory is out. */
struct diffd_log *diffd_cli_log_new(void);

/* Reads one time of RFC 3339, as `name` in the text of a fault; what is below a second is cut off. */
enum diffd_status diffd_cli_time(const char *name, const char *text, int64_t *ret,
                                 struct diffd_error *err) DIFFD_MUST_CHECK;
/* Reads `START/STOP`; an empty window is a fault. */
enum diffd_status diffd_cli_window(const char *name, const char *text, struct diffd_window *ret,
                                   struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
