/* SPDX-License-Identifier: Apache-2.0 */
/* Options are found wherever they stand, and what is wrong with one is told with what to write instead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/options.h"

struct values {
  bool stat;
  const char *tmp_dir;
  unsigned threads;
  uint64_t limit;
  int ids;
};

enum { WORDS_MAX = 16 };

/* Splits `line` at spaces and parses it; the arguments that remain are joined into `rest`. */
static enum diffd_status parse(const char *line, struct values *values, char rest[static 256], bool *help,
                               struct diffd_error *err) {
  const struct diffd_option options[] = {
      {"stat", NULL, NULL, "counts", DIFFD_OPTION_FLAG, &values->stat},
      {"tmp-dir", "DIR", NULL, "folder", DIFFD_OPTION_TEXT, &values->tmp_dir},
      {"threads", "N", NULL, "threads", DIFFD_OPTION_COUNT, &values->threads},
      {"memory-limit", "SIZE", NULL, "limit", DIFFD_OPTION_SIZE, &values->limit},
      {"node-ids", "a|b", "injective|original", "ids", DIFFD_OPTION_CHOICE, &values->ids},
  };
  const struct diffd_command_help command = {.name = "x",
                                             .usage = "",
                                             .text = "",
                                             .options = options,
                                             .option_count = sizeof options / sizeof options[0]};
  static char copy[256];
  char *argv[WORDS_MAX];
  int argc = 0;
  (void)snprintf(copy, sizeof copy, "%s", line);
  for (char *word = strtok(copy, " "); word != NULL && argc < WORDS_MAX; word = strtok(NULL, " "))
    argv[argc++] = word;
  struct diffd_arguments arguments = {0};
  enum diffd_status status = diffd_options_parse(&command, argc, argv, &arguments, err);
  size_t len = 0;
  rest[0] = '\0';
  for (int i = 0; i < arguments.count; i++)
    len += (size_t)snprintf(rest + len, 256 - len, "%s%s", i > 0 ? " " : "", arguments.items[i]);
  *help = arguments.help;
  return status;
}

static void test_options_stand_anywhere(void **state) {
  (void)state;
  struct values values = {0};
  char rest[256];
  bool help;
  struct diffd_error err;
  assert_int_equal(parse("a --stat --tmp-dir=/t - --threads 0x4 b --memory-limit=64MiB --node-ids=original "
                         "-- --stat -x",
                         &values, rest, &help, &err),
                   DIFFD_OK);
  assert_string_equal(rest, "a - b --stat -x");
  assert_true(values.stat);
  assert_string_equal(values.tmp_dir, "/t");
  assert_int_equal(values.threads, 4);
  assert_int_equal(values.limit, 64 << 20);
  assert_int_equal(values.ids, 1);
  assert_false(help);
}

static void test_the_last_one_counts_and_defaults_stay(void **state) {
  (void)state;
  struct values values = {.threads = 3, .ids = 1};
  char rest[256];
  bool help;
  struct diffd_error err;
  assert_int_equal(parse("--tmp-dir=/a --tmp-dir=/b", &values, rest, &help, &err), DIFFD_OK);
  assert_string_equal(values.tmp_dir, "/b");
  assert_int_equal(values.threads, 3);
  assert_int_equal(values.ids, 1);
}

static void test_help_wins_over_faults_but_not_after_the_end(void **state) {
  (void)state;
  struct values values = {0};
  char rest[256];
  bool help;
  struct diffd_error err;
  assert_int_equal(parse("--nonsense --help", &values, rest, &help, &err), DIFFD_OK);
  assert_true(help);
  assert_int_equal(parse("-- --help", &values, rest, &help, &err), DIFFD_OK);
  assert_false(help);
  assert_string_equal(rest, "--help");
}

static void test_faults_say_what_to_write(void **state) {
  (void)state;
  static const struct {
    const char *line;
    const char *text;
  } cases[] = {
      {"--stats", "there is no option --stats; did you mean --stat?"},
      {"--unheard-of", "there is no option --unheard-of"},
      {"-s", "options have long names"},
      {"--stat=yes", "--stat takes no value"},
      {"--tmp-dir", "write --tmp-dir=DIR"},
      {"--tmp-dir=", "write DIR"},
      {"--threads=0", "--threads=0: write a number from 1"},
      {"--threads=many", "--threads=many: not a whole number"},
      {"--memory-limit=64", "the least size is 1MiB"},
      {"--memory-limit=lots", "write for example 64MiB"},
      {"--node-ids=mine", "write one of injective|original"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct values values = {0};
    char rest[256];
    bool help;
    struct diffd_error err = {0};
    assert_int_equal(parse(cases[i].line, &values, rest, &help, &err), DIFFD_INVALID);
    if (strstr(err.detail, cases[i].text) == NULL)
      fail_msg("%s: %s", cases[i].line, err.detail);
  }
}

static void test_help_names_every_option(void **state) {
  (void)state;
  bool flag = false;
  const struct diffd_option options[] = {
      {"stat", NULL, NULL, "one\ntwo", DIFFD_OPTION_FLAG, &flag},
      {"a-name-that-is-longer-than-its-column", "VALUE", NULL, "three", DIFFD_OPTION_TEXT, &flag},
  };
  const struct diffd_command_help command = {.name = "x",
                                             .usage = "A B\nC",
                                             .text = "Does it.",
                                             .options = options,
                                             .option_count = 2,
                                             .more = "More."};
  struct diffd_error err;
  struct diffd_buffer out = diffd_buffer_init(4096);
  assert_int_equal(diffd_options_help(&command, &out, &err), DIFFD_OK);
  assert_int_equal(diffd_buffer_append(&out, "", 1, &err), DIFFD_OK);
  assert_string_equal(out.ptr, "usage: vpcflow-diffd x A B\n"
                               "       vpcflow-diffd x C\n"
                               "\n"
                               "Does it.\n"
                               "\n"
                               "Options:\n"
                               "  --stat                    one\n"
                               "                            two\n"
                               "  --a-name-that-is-longer-than-its-column=VALUE\n"
                               "                            three\n"
                               "\n"
                               "More.\n");
  diffd_buffer_clean_up(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_options_stand_anywhere),
      cmocka_unit_test(test_the_last_one_counts_and_defaults_stay),
      cmocka_unit_test(test_help_wins_over_faults_but_not_after_the_end),
      cmocka_unit_test(test_faults_say_what_to_write),
      cmocka_unit_test(test_help_names_every_option),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
