/* SPDX-License-Identifier: Apache-2.0 */
/* Of a tree, exactly the flow logs that may matter are read, each once, and what cannot be read is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/test_dir.h"
#include "core/log_tree.h"
#include "diffd/log.h"

#include <sys/wait.h>

struct fixture {
  const struct test_dir *dir;
  struct diffd_context ctx;
  struct diffd_log log;
  char logged[4096];
  char names[8192];
  struct diffd_error err;
};

static void take_event(struct diffd_log *self, enum diffd_log_level level, const char *message,
                       const struct diffd_log_field *fields, size_t field_count, const char *place) {
  (void)level;
  (void)place;
  struct fixture *f = (struct fixture *)(void *)((char *)self - offsetof(struct fixture, log));
  size_t len = strlen(f->logged);
  len += (size_t)snprintf(f->logged + len, sizeof f->logged - len, "%s", message);
  for (size_t i = 0; i < field_count; i++) {
    const char *text = fields[i].string != NULL ? fields[i].string : "";
    size_t root = strlen(f->dir->path);
    if (strncmp(text, f->dir->path, root) == 0)
      text += root + 1;
    len += (size_t)snprintf(f->logged + len, sizeof f->logged - len, " %s", text);
  }
  (void)snprintf(f->logged + len, sizeof f->logged - len, "\n");
}

static const struct diffd_log_ops log_ops = {.event = take_event};

static void set_up(struct fixture *f, void **state) {
  *f = (struct fixture){.dir = *state, .log = {&log_ops}};
  f->ctx.log = &f->log;
}

/* The names of the inputs below the test's folder, one a line. */
static const char *collect(struct fixture *f, const struct diffd_log_choice *choice, size_t count,
                           const char *const *names) {
  char paths[4][TEST_PATH_MAX];
  const char *pointers[4];
  struct diffd_log_tree *tree = NULL;
  for (size_t i = 0; i < count; i++)
    pointers[i] = strcmp(names[i], "-") == 0 ? "-" : test_path(f->dir, names[i], paths[i]);
  f->names[0] = f->logged[0] = '\0';
  enum diffd_status status = diffd_log_tree_collect(&f->ctx, pointers, count, choice, &tree, &f->err);
  if (status != DIFFD_OK) {
    (void)snprintf(f->names, sizeof f->names, "%s", diffd_status_text(status));
    return f->names;
  }
  size_t len = 0, input_count = 0, root = strlen(f->dir->path) + 1;
  const struct diffd_flow_input *inputs = diffd_log_tree_inputs(tree, &input_count);
  for (size_t i = 0; i < input_count; i++)
    len += (size_t)snprintf(f->names + len, sizeof f->names - len, "%s\n",
                            inputs[i].name[0] == '/' ? inputs[i].name + root : inputs[i].name);
  diffd_log_tree_destroy(tree);
  return f->names;
}

static const struct diffd_log_choice all = {.all = true};

static const char *collect_all(struct fixture *f, const char *name) {
  return collect(f, &all, 1, &name);
}

static void test_any_logs_anywhere_below(void **state) {
  struct fixture f;
  set_up(&f, state);
  assert_string_equal(collect_all(&f, "."), "");
  test_mkdir(f.dir, "b");
  test_mkdir(f.dir, "b/c");
  test_mkdir(f.dir, ".hidden");
  test_write(f.dir, "b/c/z.log.gz", "x");
  test_write(f.dir, "b/y.log", "x");
  test_write(f.dir, "a.log", "x");
  test_write(f.dir, "a.txt", "x");
  test_write(f.dir, ".a.log", "x");
  test_write(f.dir, ".hidden/a.log", "x");
  assert_string_equal(collect_all(&f, ""), "a.log\nb/c/z.log.gz\nb/y.log\n");
  assert_string_equal(collect_all(&f, "b///"), "b/c/z.log.gz\nb/y.log\n");
  assert_string_equal(collect_all(&f, "a.txt"), "a.txt\n");
  assert_string_equal(collect(&f, &all, 3, (const char *[]){"b/y.log", "-", "a.log"}),
                      "standard input\na.log\nb/y.log\n");
  assert_string_equal(collect_all(&f, "none"), "not found");
  assert_non_null(strstr(f.err.detail, "/none"));
  assert_string_equal(f.logged, "");
}

static void test_each_file_once(void **state) {
  struct fixture f;
  char path[TEST_PATH_MAX];
  set_up(&f, state);
  test_mkdir(f.dir, "d");
  test_write(f.dir, "d/a.log", "x");
  test_write(f.dir, "d/b.log", "x");
  test_write(f.dir, "d/b.log.gz", "x");
  test_write(f.dir, "d/c.log.gz", "x");
  assert_int_equal(symlink("a.log", test_path(f.dir, "d/link.log", path)), 0);
  assert_int_equal(symlink("nowhere", test_path(f.dir, "d/dangling", path)), 0);
  assert_int_equal(symlink("..", test_path(f.dir, "d/loop", path)), 0);
  assert_int_equal(symlink("loop2", test_path(f.dir, "d/loop2", path)), 0);
  assert_string_equal(collect_all(&f, "d"), "d/a.log\nd/b.log.gz\nd/c.log.gz\n");
  assert_string_equal(f.logged, "log-file-skipped d/link.log d/a.log it is the same file\n"
                                "log-file-skipped d/b.log d/b.log.gz both stand side by side\n");
  assert_string_equal(collect(&f, &all, 3, (const char *[]){"d/a.log", "d", "d/a.log"}),
                      "d/a.log\nd/b.log.gz\nd/c.log.gz\n");
  /* A link to a folder outside is followed. */
  test_mkdir(f.dir, "e");
  assert_int_equal(symlink("../d", test_path(f.dir, "e/x", path)), 0);
  assert_string_equal(collect_all(&f, "e/x"), "e/x/a.log\ne/x/b.log.gz\ne/x/c.log.gz\n");
}

/* Whoever links x.log.gz to x.log has one file, and it is read. */
static void test_two_names_of_one_file_side_by_side(void **state) {
  struct fixture f;
  char path[TEST_PATH_MAX], other[TEST_PATH_MAX];
  set_up(&f, state);
  test_write(f.dir, "a.log", "x");
  assert_int_equal(symlink("a.log", test_path(f.dir, "a.log.gz", path)), 0);
  test_write(f.dir, "b.log.gz", "x");
  assert_int_equal(link(test_path(f.dir, "b.log.gz", path), test_path(f.dir, "b.log", other)), 0);
  assert_string_equal(collect_all(&f, "."), "./a.log\n./b.log\n");
  assert_string_equal(f.logged, "log-file-skipped ./a.log.gz ./a.log it is the same file\n"
                                "log-file-skipped ./b.log.gz ./b.log it is the same file\n");
}

static void touch_aws(const struct test_dir *dir, const char *folder, const char *stamp, const char *tail) {
  char path[TEST_PATH_MAX], name[TEST_PATH_MAX];
  for (const char *slash = folder; (slash = strchr(slash, '/')) != NULL; slash++) {
    (void)snprintf(name, sizeof name, "%.*s", (int)(slash - folder), folder);
    (void)mkdir(test_path(dir, name, path), 0700);
  }
  (void)mkdir(test_path(dir, folder, path), 0700);
  (void)snprintf(name, sizeof name, "%s/1_vpcflowlogs_r_fl-1_%s_%s", folder, stamp, tail);
  test_write(dir, name, "x");
}

static void test_windows_choose_by_name(void **state) {
  struct fixture f;
  set_up(&f, state);
  const char *day = "AWSLogs/1/vpcflowlogs/r/2019/03/01", *next_day = "AWSLogs/1/vpcflowlogs/r/2019/03/02";
  touch_aws(f.dir, day, "20190301T0955Z", "a.log.gz");
  touch_aws(f.dir, day, "20190301T1000Z", "b.log.gz");
  touch_aws(f.dir, day, "20190301T1100Z", "c.log");
  touch_aws(f.dir, day, "20190301T1200Z", "d.log.gz");
  touch_aws(f.dir, day, "20190301T1205Z", "e.log.gz");
  touch_aws(f.dir, next_day, "20190301T1000Z", "misplaced.log.gz");
  touch_aws(f.dir,
            "AWSLogs/aws-account-id=2/aws-service=vpcflowlogs/aws-region=r/year=2019/month=03/day=01/hour=10",
            "20190301T1005Z", "h.log.gz");
  touch_aws(f.dir,
            "AWSLogs/aws-account-id=2/aws-service=vpcflowlogs/aws-region=r/year=2018/month=03/day=01/hour=10",
            "20190301T1005Z", "misplaced.log.gz");
  test_write(f.dir, "AWSLogs/1/vpcflowlogs/r/2019/other.log", "x");
  /* 10:00 to 11:00, and files up to an hour late. */
  const struct diffd_log_choice choice = {.window = {1551434400, 1551438000}, .late_seconds = 3600};
  assert_string_equal(
      collect(&f, &choice, 1, (const char *[]){"AWSLogs"}),
      "AWSLogs/1/vpcflowlogs/r/2019/03/01/1_vpcflowlogs_r_fl-1_20190301T1000Z_b.log.gz\n"
      "AWSLogs/1/vpcflowlogs/r/2019/03/01/1_vpcflowlogs_r_fl-1_20190301T1100Z_c.log\n"
      "AWSLogs/1/vpcflowlogs/r/2019/03/01/1_vpcflowlogs_r_fl-1_20190301T1200Z_d.log.gz\n"
      "AWSLogs/1/vpcflowlogs/r/2019/other.log\n"
      "AWSLogs/aws-account-id=2/aws-service=vpcflowlogs/aws-region=r/year=2019/month=03/day=01/hour=10/"
      "1_vpcflowlogs_r_fl-1_20190301T1005Z_h.log.gz\n");
  /* A file that the user names is read, whatever its name says. */
  assert_string_equal(
      collect(&f, &choice, 1,
              (const char *[]){
                  "AWSLogs/1/vpcflowlogs/r/2019/03/01/1_vpcflowlogs_r_fl-1_20190301T0955Z_a.log.gz"}),
      "AWSLogs/1/vpcflowlogs/r/2019/03/01/1_vpcflowlogs_r_fl-1_20190301T0955Z_a.log.gz\n");
}

static void test_what_cannot_be_read_is_named(void **state) {
  struct fixture f;
  char path[TEST_PATH_MAX];
  set_up(&f, state);
  test_mkdir(f.dir, "a");
  assert_int_equal(symlink("nowhere", test_path(f.dir, "a/x.log", path)), 0);
  assert_string_equal(collect_all(&f, "a"), "input/output error");
  assert_non_null(strstr(f.err.detail, "/a/x.log: No such file"));
  test_mkdir(f.dir, "b");
  assert_int_equal(mkfifo(test_path(f.dir, "b/x.log", path), 0600), 0);
  assert_string_equal(collect_all(&f, "b"), "input/output error");
  assert_non_null(strstr(f.err.detail, "/b/x.log is not a regular file"));
}

/* The superuser reads everything, so a child that is none looks. */
static void assert_fails_unprivileged(struct fixture *f, const char *name, const char *detail) {
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    if (geteuid() == 0 && seteuid(65534) != 0)
      _exit(77);
    const char *names = collect_all(f, name);
    _exit(strcmp(names, "input/output error") == 0 && strstr(f->err.detail, detail) != NULL ? 0 : 1);
  }
  int result;
  assert_int_equal(waitpid(child, &result, 0), child);
  assert_true(WIFEXITED(result) && (WEXITSTATUS(result) == 0 || WEXITSTATUS(result) == 77));
}

static void test_an_unreadable_folder_is_named(void **state) {
  struct fixture f;
  char path[TEST_PATH_MAX];
  set_up(&f, state);
  test_mkdir(f.dir, "shut");
  assert_int_equal(chmod(f.dir->path, 0755), 0);
  assert_int_equal(chmod(test_path(f.dir, "shut", path), 0), 0);
  assert_fails_unprivileged(&f, "", "/shut: Permission denied");
}

/* A link into a folder that may not be entered could lead to flow logs. */
static void test_a_link_that_may_not_be_followed_is_named(void **state) {
  struct fixture f;
  char path[TEST_PATH_MAX];
  set_up(&f, state);
  test_mkdir(f.dir, "logs");
  test_mkdir(f.dir, "shut");
  test_mkdir(f.dir, "shut/more");
  assert_int_equal(symlink("../shut/more", test_path(f.dir, "logs/more", path)), 0);
  assert_int_equal(chmod(f.dir->path, 0755), 0);
  assert_int_equal(chmod(test_path(f.dir, "logs", path), 0755), 0);
  assert_int_equal(chmod(test_path(f.dir, "shut", path), 0), 0);
  assert_fails_unprivileged(&f, "logs", "/logs/more: Permission denied");
}

static bool always(void *arg) {
  (void)arg;
  return true;
}

static void test_cancelling(void **state) {
  struct fixture f;
  set_up(&f, state);
  test_write(f.dir, "a.log", "x");
  f.ctx.cancelled = always;
  assert_string_equal(collect_all(&f, "."), "cancelled");
}

static void test_inputs_open(void **state) {
  struct fixture f;
  char path[TEST_PATH_MAX], text[16];
  const char *pointer = path;
  struct diffd_log_tree *tree = NULL;
  struct diffd_reader *reader = NULL;
  size_t count = 0, got = 0;
  set_up(&f, state);
  test_write(f.dir, "a.log", "hello");
  test_write(f.dir, "b.log", "you");
  (void)test_path(f.dir, "", path);
  assert_int_equal(diffd_log_tree_collect(&f.ctx, &pointer, 1, &all, &tree, &f.err), DIFFD_OK);
  const struct diffd_flow_input *inputs = diffd_log_tree_inputs(tree, &count);
  assert_int_equal(count, 2);
  assert_int_equal(diffd_log_tree_bytes(tree), 8);
  assert_int_equal(inputs[0].open(inputs[0].arg, &reader, &f.err), DIFFD_OK);
  assert_int_equal(diffd_reader_read(reader, text, sizeof text, &got, &f.err), DIFFD_OK);
  assert_int_equal(got, 5);
  diffd_reader_destroy(reader);
  assert_int_equal(unlink(test_path(f.dir, "b.log", path)), 0);
  assert_int_equal(inputs[1].open(inputs[1].arg, &reader, &f.err), DIFFD_IO);
  diffd_log_tree_destroy(tree);
}

/* An unpacked log may be empty; a packed one has a header at least, so that an empty one is a broken copy. */
static void test_an_empty_packed_log_is_cut_short(void **state) {
  struct fixture f;
  char path[TEST_PATH_MAX];
  const char *pointer = path;
  struct diffd_log_tree *tree = NULL;
  struct diffd_reader *reader = NULL;
  size_t count = 0;
  set_up(&f, state);
  test_write(f.dir, "a.log", "");
  test_write(f.dir, "b.log.gz", "");
  (void)test_path(f.dir, "", path);
  assert_int_equal(diffd_log_tree_collect(&f.ctx, &pointer, 1, &all, &tree, &f.err), DIFFD_OK);
  const struct diffd_flow_input *inputs = diffd_log_tree_inputs(tree, &count);
  assert_int_equal(count, 2);
  assert_int_equal(inputs[0].open(inputs[0].arg, &reader, &f.err), DIFFD_OK);
  diffd_reader_destroy(reader);
  assert_int_equal(inputs[1].open(inputs[1].arg, &reader, &f.err), DIFFD_BAD_LOGS);
  diffd_log_tree_destroy(tree);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, test_dir_make, test_dir_destroy)
int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_any_logs_anywhere_below),
      TEST(test_each_file_once),
      TEST(test_two_names_of_one_file_side_by_side),
      TEST(test_windows_choose_by_name),
      TEST(test_what_cannot_be_read_is_named),
      TEST(test_an_unreadable_folder_is_named),
      TEST(test_a_link_that_may_not_be_followed_is_named),
      TEST(test_cancelling),
      TEST(test_inputs_open),
      TEST(test_an_empty_packed_log_is_cut_short),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
