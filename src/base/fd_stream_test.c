/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors read and write whole, tell files from streams, and a read that waits can be interrupted. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "diffd/stream.h"

static struct diffd_reader *reader_of(int fd) {
  struct diffd_reader *reader;
  struct diffd_error err;
  assert_int_equal(diffd_reader_from_fd(fd, true, &reader, &err), DIFFD_OK);
  return reader;
}

static void test_a_file_is_told_from_a_stream(void **state) {
  (void)state;
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  struct diffd_reader *stream = reader_of(ends[0]);
  assert_int_equal(diffd_reader_file(stream), -1);
  diffd_reader_destroy(stream);
  (void)close(ends[1]);
  int fd = memfd_create("file", MFD_CLOEXEC);
  struct diffd_reader *file = reader_of(fd);
  assert_int_equal(diffd_reader_file(file), fd);
  diffd_reader_destroy(file);
}

static void test_what_is_written_is_read(void **state) {
  (void)state;
  int ends[2];
  char buf[16];
  size_t len;
  struct diffd_error err;
  struct diffd_writer *writer;
  assert_int_equal(pipe(ends), 0);
  struct diffd_reader *reader = reader_of(ends[0]);
  assert_int_equal(diffd_writer_from_fd(ends[1], &writer, &err), DIFFD_OK);
  assert_int_equal(diffd_writer_write(writer, "digraph", 7, &err), DIFFD_OK);
  assert_int_equal(diffd_writer_commit(writer, &err), DIFFD_OK);
  diffd_writer_destroy(writer);
  assert_int_equal(diffd_reader_read(reader, buf, sizeof buf, &len, &err), DIFFD_OK);
  assert_int_equal(len, 7);
  assert_memory_equal(buf, "digraph", 7);
  (void)close(ends[1]);
  assert_int_equal(diffd_reader_read(reader, buf, sizeof buf, &len, &err), DIFFD_END);
  diffd_reader_destroy(reader);
}

static void *read_one(void *reader) {
  char buf[1];
  size_t len;
  struct diffd_error err;
  return (void *)(uintptr_t)diffd_reader_read(reader, buf, sizeof buf, &len, &err);
}

/* Hangs where an interruption is lost. */
static void test_a_read_that_waits_is_interrupted(void **state) {
  (void)state;
  int ends[2];
  pthread_t thread;
  void *status;
  assert_int_equal(pipe(ends), 0);
  struct diffd_reader *reader = reader_of(ends[0]);
  assert_int_equal(pthread_create(&thread, NULL, read_one, reader), 0);
  diffd_reader_interrupt(reader);
  assert_int_equal(pthread_join(thread, &status), 0);
  assert_int_equal((uintptr_t)status, DIFFD_CANCELLED);
  assert_int_equal((uintptr_t)read_one(reader), DIFFD_CANCELLED);
  diffd_reader_destroy(reader);
  (void)close(ends[1]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_file_is_told_from_a_stream),
      cmocka_unit_test(test_what_is_written_is_read),
      cmocka_unit_test(test_a_read_that_waits_is_interrupted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
