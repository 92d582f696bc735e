/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <string.h>

#include "runtime/setting_values.h"

enum { THREADS_MAX = 1024, SMALLEST_SIZE = 1 << 20 };

static const char *option_name(const void *arg, size_t index) {
  const struct diffd_command_help *command = arg;
  return index < command->option_count ? command->options[index].name : NULL;
}

/* The option of `--name` or `--name=value`, where name is `len` bytes. */
static const struct diffd_option *find(const struct diffd_command_help *command, const char *name,
                                       size_t len) {
  for (size_t i = 0; i < command->option_count; i++)
    if (strlen(command->options[i].name) == len && memcmp(command->options[i].name, name, len) == 0)
      return &command->options[i];
  return NULL;
}

static enum diffd_status fail_unknown(const struct diffd_command_help *command, const char *name, size_t len,
                                      struct diffd_error *err) {
  char word[64];
  const char *nearest = NULL;
  if (len < sizeof word) {
    memcpy(word, name, len);
    word[len] = '\0';
    nearest = diffd_nearest_name(word, option_name, command);
  }
  if (nearest != NULL)
    return diffd_fail(err, DIFFD_INVALID, "there is no option --%.*s; did you mean --%s?", (int)len, name,
                      nearest);
  return diffd_fail(err, DIFFD_INVALID, "there is no option --%.*s", (int)len, name);
}

static enum diffd_status set_choice(const struct diffd_option *option, const char *text,
                                    struct diffd_error *err) {
  int index = 0;
  for (const char *at = option->choices; at != NULL; index++) {
    size_t len = strcspn(at, "|");
    if (strlen(text) == len && memcmp(text, at, len) == 0) {
      *(int *)option->target = index;
      return DIFFD_OK;
    }
    at = at[len] == '|' ? at + len + 1 : NULL;
  }
  return diffd_fail(err, DIFFD_INVALID, "write one of %s", option->choices);
}

static enum diffd_status set_number(const struct diffd_option *option, const char *text,
                                    struct diffd_error *err) {
  int64_t number = 0;
  bool size = option->kind == DIFFD_OPTION_SIZE;
  enum diffd_status status =
      size ? diffd_parse_size(text, &number, err) : diffd_parse_integer(text, &number, err);
  if (status != DIFFD_OK)
    return status;
  if (size && number < SMALLEST_SIZE)
    return diffd_fail(err, DIFFD_INVALID, "the least size is 1MiB");
  if (!size && (number < 1 || number > THREADS_MAX))
    return diffd_fail(err, DIFFD_INVALID, "write a number from 1 to %d", THREADS_MAX);
  if (size)
    *(uint64_t *)option->target = (uint64_t)number;
  else
    *(unsigned *)option->target = (unsigned)number;
  return DIFFD_OK;
}

static enum diffd_status set(const struct diffd_option *option, const char *text, struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  switch (option->kind) {
  case DIFFD_OPTION_FLAG:
    *(bool *)option->target = true;
    break;
  case DIFFD_OPTION_TEXT:
    if (text[0] == '\0')
      status = diffd_fail(err, DIFFD_INVALID, "the value is empty; write %s", option->value);
    else
      *(const char **)option->target = text;
    break;
  case DIFFD_OPTION_CHOICE:
    status = set_choice(option, text, err);
    break;
  case DIFFD_OPTION_COUNT:
  case DIFFD_OPTION_SIZE:
    status = set_number(option, text, err);
    break;
  }
  return status == DIFFD_OK ? status : diffd_fail_within(err, "--%s=%s", option->name, text);
}

/* Handles the option in argv[*at] and moves *at past its value. */
static enum diffd_status parse_one(const struct diffd_command_help *command, int argc, char **argv, int *at,
                                   struct diffd_error *err) {
  const char *name = argv[*at] + 2;
  size_t len = strcspn(name, "=");
  const char *value = name[len] == '=' ? name + len + 1 : NULL;
  const struct diffd_option *option = find(command, name, len);
  if (option == NULL)
    return fail_unknown(command, name, len, err);
  if (option->kind == DIFFD_OPTION_FLAG && value != NULL)
    return diffd_fail(err, DIFFD_INVALID, "--%s takes no value", option->name);
  if (option->kind != DIFFD_OPTION_FLAG && value == NULL) {
    if (*at + 1 == argc)
      return diffd_fail(err, DIFFD_INVALID, "--%s needs a value; write --%s=%s", option->name, option->name,
                        option->value);
    value = argv[++*at];
  }
  return set(option, value, err);
}

enum diffd_status diffd_options_parse(const struct diffd_command_help *command, int argc, char **argv,
                                      struct diffd_arguments *ret, struct diffd_error *err) {
  struct diffd_arguments arguments = {.items = argv};
  bool ended = false;
  for (int at = 0; at < argc && !ended; at++) {
    if (strcmp(argv[at], "--") == 0)
      break;
    arguments.help = arguments.help || strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0;
  }
  for (int at = 0; at < argc && !arguments.help; at++) {
    if (ended || argv[at][0] != '-' || argv[at][1] == '\0') {
      argv[arguments.count++] = argv[at];
    } else if (strcmp(argv[at], "--") == 0) {
      ended = true;
    } else if (argv[at][1] != '-') {
      return diffd_fail(err, DIFFD_INVALID, "there is no option %s; options have long names here", argv[at]);
    } else {
      enum diffd_status status = parse_one(command, argc, argv, &at, err);
      if (status != DIFFD_OK)
        return status;
    }
  }
  *ret = arguments;
  return DIFFD_OK;
}

/* ---- help ---- */

enum { OPTION_WIDTH = 26 };

static enum diffd_status append(struct diffd_buffer *out, const char *text, struct diffd_error *err) {
  return diffd_buffer_append(out, text, strlen(text), err);
}

static enum diffd_status help_option(const struct diffd_option *option, struct diffd_buffer *out,
                                     struct diffd_error *err) {
  char text[128];
  struct diffd_buffer left = {.ptr = text, .cap = sizeof text, .max = sizeof text};
  enum diffd_status status = option->value != NULL
                                 ? diffd_buffer_printf(&left, err, "--%s=%s", option->name, option->value)
                                 : diffd_buffer_printf(&left, err, "--%s", option->name);
  if (status != DIFFD_OK)
    return status;
  status = diffd_buffer_printf(out, err, "  %-*.*s", OPTION_WIDTH, (int)left.len, text);
  if (status == DIFFD_OK && left.len >= OPTION_WIDTH)
    status = diffd_buffer_printf(out, err, "\n  %-*s", OPTION_WIDTH, "");
  /* A line break in the help begins a line under the first. */
  for (const char *at = option->help; status == DIFFD_OK;) {
    size_t len = strcspn(at, "\n");
    status = diffd_buffer_printf(out, err, "%.*s\n", (int)len, at);
    if (at[len] == '\0')
      return status;
    at += len + 1;
    if (status == DIFFD_OK)
      status = diffd_buffer_printf(out, err, "  %-*s", OPTION_WIDTH, "");
  }
  return status;
}

enum diffd_status diffd_options_help(const struct diffd_command_help *command, struct diffd_buffer *out,
                                     struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  const char *lead = "usage: ";
  const char *at = command->usage;
  do { /* a command that takes nothing has a line too */
    size_t len = strcspn(at, "\n");
    status =
        diffd_buffer_printf(out, err, "%svpcflow-diffd%s%s%s%.*s\n", lead, command->name != NULL ? " " : "",
                            command->name != NULL ? command->name : "", len > 0 ? " " : "", (int)len, at);
    at += len + (at[len] == '\n');
    lead = "       ";
  } while (status == DIFFD_OK && *at != '\0');
  if (status == DIFFD_OK)
    status = diffd_buffer_printf(out, err, "\n%s\n", command->text);
  if (status == DIFFD_OK && command->option_count > 0)
    status = append(out, "\nOptions:\n", err);
  for (size_t i = 0; status == DIFFD_OK && i < command->option_count; i++)
    status = help_option(&command->options[i], out, err);
  if (status == DIFFD_OK && command->more != NULL)
    status = diffd_buffer_printf(out, err, "\n%s\n", command->more);
  return status;
}
