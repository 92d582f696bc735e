/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of a command: one table, from which the parser and the printed help come.
 *
 * Options may stand before, between and after the other arguments, as --name=VALUE or --name VALUE; `--` ends
 * them and `-` is an argument. The last of repeated options counts. Nothing is printed here.
 */
#ifndef DIFFD_CLI_OPTIONS_H
#define DIFFD_CLI_OPTIONS_H

#include "base/buffer.h"

enum diffd_option_kind {
  DIFFD_OPTION_FLAG,   /* bool */
  DIFFD_OPTION_TEXT,   /* const char *, borrowed from argv */
  DIFFD_OPTION_COUNT,  /* unsigned, 1 to 1024 */
  DIFFD_OPTION_SIZE,   /* uint64_t bytes, spelled as 64MiB; at least 1 MiB */
  DIFFD_OPTION_CHOICE, /* int: the index in `choices` */
};

struct diffd_option {
  const char *name;    /* without the dashes */
  const char *value;   /* what the help calls its value; NULL for flags */
  const char *choices; /* CHOICE: words apart by `|` */
  const char *help;
  enum diffd_option_kind kind;
  void *target; /* keeps its value, the default, where the option is not given */
};

struct diffd_command_help {
  const char *name;                   /* of the command; NULL for the program itself */
  const char *usage;                  /* lines, each what follows the program's name */
  const char *text;                   /* sentences under it */
  const struct diffd_option *options; /* may be NULL */
  size_t option_count;
  const char *more; /* sections at the end; may be NULL */
};

struct diffd_arguments {
  char **items; /* the arguments that are no options: the front of argv, which is reordered */
  int count;
  bool help; /* --help or -h; whatever else stands there does not matter then */
};

/* Parses argv[0..argc). DIFFD_INVALID with a text that names the option and what to write. */
enum diffd_status diffd_options_parse(const struct diffd_command_help *command, int argc, char **argv,
                                      struct diffd_arguments *ret, struct diffd_error *err) DIFFD_MUST_CHECK;

/* Appends the help that --help prints. */
enum diffd_status diffd_options_help(const struct diffd_command_help *command, struct diffd_buffer *out,
                                     struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
