/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines, byte for byte: the order of keys, levels, odd bytes, limits, and lines that never mix.
 */
#include "runtime/json_log.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

static struct diffd_instant fixed_wall(void *arg) {
  (void)arg;
  return (struct diffd_instant){1795453896, 238038299};
}

static const struct diffd_clock fixed_clock = {.wall = fixed_wall};

struct fixture {
  int pipe[2];
  struct diffd_log *log;
};

static struct fixture open_log(enum diffd_log_level level) {
  struct fixture f;
  struct diffd_error err;
  assert_int_equal(pipe(f.pipe), 0);
  assert_int_equal(diffd_json_log_new(f.pipe[1], level, &fixed_clock, &f.log, &err), DIFFD_OK);
  return f;
}

/* Everything that was written, NUL-terminated. */
static void close_log(struct fixture *f, char *text, size_t cap) {
  diffd_log_destroy(f->log);
  assert_int_equal(close(f->pipe[1]), 0);
  size_t len = 0;
  for (ssize_t got; (got = read(f->pipe[0], text + len, cap - 1 - len)) > 0;)
    len += (size_t)got;
  text[len] = '\0';
  assert_int_equal(close(f->pipe[0]), 0);
}

/* Level, fields by name, file, time, message. */
static void test_line(void **state) {
  (void)state;
  char text[1024];
  struct fixture f = open_log(DIFFD_LOG_INFO);
  const struct diffd_log_field fields[] = {
      {"reason", "no \"bus\"\n\xFF", 0}, {"dependency", "queuer", 0}, {"failures", NULL, -3}};
  diffd_log_event(f.log, DIFFD_LOG_ERROR, "dependency-failure", fields, 3, "handlers/api.c:12");
  close_log(&f, text, sizeof text);
  assert_string_equal(text,
                      "{\"level\":\"error\",\"dependency\":\"queuer\",\"failures\":-3,"
                      "\"reason\":\"no \\\"bus\\\"\\n\xEF\xBF\xBD\",\"file\":\"handlers/api.c:12\","
                      "\"time\":\"2026-11-23T17:11:36.238038299Z\",\"message\":\"dependency-failure\"}\n");
}

/* What is below the level does not show. */
static void test_levels(void **state) {
  (void)state;
  char text[1024];
  struct fixture f = open_log(DIFFD_LOG_WARN);
  diffd_log_event(f.log, DIFFD_LOG_DEBUG, "a", NULL, 0, "x:1");
  diffd_log_event(f.log, DIFFD_LOG_INFO, "b", NULL, 0, "x:1");
  diffd_log_event(f.log, DIFFD_LOG_WARN, "c", NULL, 0, "x:1");
  close_log(&f, text, sizeof text);
  assert_string_equal(text,
                      "{\"level\":\"warn\",\"file\":\"x:1\",\"time\":\"2026-11-23T17:11:36.238038299Z\","
                      "\"message\":\"c\"}\n");
}

/* A string that does not fit is shortened, and the line is still JSON. */
static void test_long(void **state) {
  (void)state;
  static char reason[3 * DIFFD_LOG_LINE_MAX];
  static char text[2 * DIFFD_LOG_LINE_MAX];
  memset(reason, '\1', sizeof reason - 1);
  struct fixture f = open_log(DIFFD_LOG_INFO);
  const struct diffd_log_field field = {"reason", reason, 0};
  diffd_log_event(f.log, DIFFD_LOG_INFO, "long", &field, 1, "x:1");
  close_log(&f, text, sizeof text);
  assert_in_range(strlen(text), 1024, DIFFD_LOG_LINE_MAX);
  json_error_t fault;
  json_t *line = json_loads(text, 0, &fault);
  assert_non_null(line);
  assert_string_equal(json_string_value(json_object_get(line, "message")), "long");
  json_decref(line);
}

enum { THREADS = 4, LINES = 100 };

static void *write_lines(void *arg) {
  for (int i = 0; i < LINES; i++)
    diffd_log_event(arg, DIFFD_LOG_INFO, "line", NULL, 0, "x:1");
  return NULL;
}

/* Lines of several threads stay whole. */
static void test_threads(void **state) {
  (void)state;
  static char text[1 << 17];
  struct fixture f = open_log(DIFFD_LOG_INFO);
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, write_lines, f.log), 0);
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  close_log(&f, text, sizeof text);
  static const char line[] =
      "{\"level\":\"info\",\"file\":\"x:1\",\"time\":\"2026-11-23T17:11:36.238038299Z\","
      "\"message\":\"line\"}\n";
  assert_int_equal(strlen(text), THREADS * LINES * (sizeof line - 1));
  for (size_t i = 0; i < (size_t)THREADS * LINES; i++)
    assert_memory_equal(text + i * (sizeof line - 1), line, sizeof line - 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_line), cmocka_unit_test(test_levels),
                                     cmocka_unit_test(test_long), cmocka_unit_test(test_threads)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
