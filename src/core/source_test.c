/* SPDX-License-Identifier: Apache-2.0 */
/* What came once can be read anywhere and by many threads, while it comes, however little memory it may take;
 * peers that are slow, fail or never send, and disks that are full, are told apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/canonical_text_test.h"
#include "core/chunk_store.h"
#include "core/source.h"
#include "plain/memory_streams.h"

enum { SMALL_MEMORY = 64 * 1024, LARGE_MEMORY = 64 * 1024 * 1024, EDGES = 5000 };

static const struct diffd_context patient = {0};

static struct diffd_source *open_source(const struct diffd_context *ctx, struct diffd_reader *reader,
                                        uint64_t memory_bytes) {
  struct diffd_source *source;
  struct diffd_error err;
  if (diffd_source_open(ctx, reader, "graph", NULL, memory_bytes, &source, &err) != DIFFD_OK)
    fail_msg("%s", err.detail);
  return source;
}

static struct diffd_source *open_text(struct diffd_span text, size_t piece, uint64_t memory_bytes) {
  return open_source(&patient, memory_stream_reader(text, piece, SIZE_MAX), memory_bytes);
}

struct reading {
  pthread_t thread;
  struct diffd_source *source;
  struct diffd_span text;
  uint64_t seed;
  unsigned faults;
};

static void *read_randomly(void *arg) {
  struct reading *reading = arg;
  struct diffd_error err;
  char *buf = malloc(200000);
  for (int i = 0; buf != NULL && i < 60; i++) {
    size_t offset = test_below(&reading->seed, (unsigned)reading->text.len + 10);
    size_t cap = test_below(&reading->seed, i % 4 == 0 ? 200000 : 1500);
    size_t left = offset < reading->text.len ? reading->text.len - offset : 0;
    size_t expected = cap < left ? cap : left;
    size_t len = SIZE_MAX;
    if (diffd_source_read(reading->source, offset, buf, cap, &len, &err) != DIFFD_OK || len != expected ||
        memcmp(buf, reading->text.ptr + offset, len) != 0)
      reading->faults++;
  }
  reading->faults += buf == NULL;
  free(buf);
  return NULL;
}

static void expect_threads_to_read(uint64_t memory_bytes, size_t piece) {
  struct diffd_span text;
  text.ptr = new_canonical_text(5, EDGES, 100, &text.len);
  struct diffd_source *source = open_text(text, piece, memory_bytes);
  struct reading reading[3];
  for (size_t i = 0; i < 3; i++) {
    reading[i] = (struct reading){.source = source, .text = text, .seed = 100 + i};
    assert_int_equal(pthread_create(&reading[i].thread, NULL, read_randomly, &reading[i]), 0);
  }
  for (size_t i = 0; i < 3; i++) {
    pthread_join(reading[i].thread, NULL);
    assert_int_equal(reading[i].faults, 0);
  }
  assert_int_equal(diffd_source_size(source), text.len);
  struct diffd_error err;
  assert_int_equal(diffd_source_check_unchanged(source, &err), DIFFD_OK);
  diffd_source_close(source);
  free((char *)(uintptr_t)text.ptr);
}

static void threads_read_while_it_drains_into_memory(void **state) {
  (void)state;
  expect_threads_to_read(LARGE_MEMORY, 10007);
}

static void threads_read_while_it_drains_into_a_file(void **state) {
  (void)state;
  expect_threads_to_read(SMALL_MEMORY, 100003);
  expect_threads_to_read(0, 1000);
}

static void an_empty_stream_has_no_bytes(void **state) {
  (void)state;
  char byte;
  size_t len = 1;
  struct diffd_error err;
  struct diffd_source *source = open_text((struct diffd_span){"", 0}, 1, SMALL_MEMORY);
  assert_int_equal(diffd_source_read(source, 0, &byte, 1, &len, &err), DIFFD_OK);
  assert_int_equal(len, 0);
  diffd_source_close(source);
}

static void a_file_is_read_in_place(void **state) {
  (void)state;
  char buf[8];
  size_t len;
  struct diffd_error err;
  struct diffd_source *source =
      open_source(&patient, memory_file_reader((struct diffd_span){"digraph {}", 10}), SMALL_MEMORY);
  assert_int_equal(diffd_source_size(source), 10);
  assert_int_equal(diffd_source_read(source, 8, buf, sizeof buf, &len, &err), DIFFD_OK);
  assert_int_equal(len, 2);
  assert_memory_equal(buf, "{}", 2);
  diffd_source_close(source);
}

/* A pipe that is written to as the test goes on. */
static struct diffd_source *open_pipe(const struct diffd_context *ctx, int *ret_fd) {
  int fd[2];
  struct diffd_reader *reader;
  struct diffd_error err;
  assert_int_equal(pipe(fd), 0);
  assert_int_equal(diffd_reader_from_fd(fd[0], true, &reader, &err), DIFFD_OK);
  *ret_fd = fd[1];
  return open_source(ctx, reader, SMALL_MEMORY);
}

static void write_all(int fd, struct diffd_span text) {
  while (text.len > 0) {
    ssize_t put = write(fd, text.ptr, text.len);
    assert_true(put > 0);
    text.ptr += put;
    text.len -= (size_t)put;
  }
}

static void what_a_slow_peer_has_sent_can_be_read(void **state) {
  (void)state;
  enum { SENT = 2 * DIFFD_LINE_CHUNK_MAX + 100 };
  struct diffd_span text;
  text.ptr = new_canonical_text(6, EDGES, 100, &text.len);
  int fd;
  struct diffd_source *source = open_pipe(&patient, &fd);
  write_all(fd, (struct diffd_span){text.ptr, SENT});
  char *buf = malloc(text.len);
  size_t len;
  struct diffd_error err;
  assert_int_equal(diffd_source_read(source, 0, buf, SENT - 100, &len, &err), DIFFD_OK);
  assert_int_equal(len, SENT - 100);
  assert_memory_equal(buf, text.ptr, len);
  assert_int_equal(diffd_source_size(source), -1);
  struct reading reading = {.source = source, .text = text, .seed = 4};
  assert_int_equal(pthread_create(&reading.thread, NULL, read_randomly, &reading), 0);
  write_all(fd, (struct diffd_span){text.ptr + SENT, text.len - SENT});
  close(fd);
  pthread_join(reading.thread, NULL);
  assert_int_equal(reading.faults, 0);
  assert_int_equal(diffd_source_read(source, 0, buf, text.len, &len, &err), DIFFD_OK);
  assert_int_equal(len, text.len);
  assert_memory_equal(buf, text.ptr, len);
  free(buf);
  diffd_source_close(source);
  free((char *)(uintptr_t)text.ptr);
}

static void a_peer_that_fails_leaves_what_it_sent(void **state) {
  (void)state;
  enum { SENT = 100000 };
  struct diffd_span text;
  text.ptr = new_canonical_text(8, 1000, 100, &text.len);
  struct diffd_source *source = open_source(&patient, memory_stream_reader(text, 4096, SENT), LARGE_MEMORY);
  char *buf = malloc(SENT + 1);
  size_t len;
  struct diffd_error err;
  assert_int_equal(diffd_source_read(source, 0, buf, SENT, &len, &err), DIFFD_OK);
  assert_int_equal(len, SENT);
  assert_memory_equal(buf, text.ptr, SENT);
  assert_int_equal(diffd_source_read(source, 0, buf, SENT + 1, &len, &err), DIFFD_UNAVAILABLE);
  assert_string_equal(err.detail, "graph: the peer is gone");
  free(buf);
  diffd_source_close(source);
  free((char *)(uintptr_t)text.ptr);
}

static bool is_cancelled(void *arg) {
  return __atomic_sub_fetch((int *)arg, 1, __ATOMIC_RELAXED) < 0;
}

static void waiting_for_a_silent_peer_can_be_cancelled(void **state) {
  (void)state;
  int looks = 2;
  const struct diffd_context ctx = {.cancelled = is_cancelled, .cancelled_arg = &looks};
  int fd;
  struct diffd_source *source = open_pipe(&ctx, &fd);
  char byte;
  size_t len;
  struct diffd_error err;
  assert_int_equal(diffd_source_read(source, 0, &byte, 1, &len, &err), DIFFD_CANCELLED);
  close(fd);
  diffd_source_close(source);
}

static void a_full_disk_is_said_to_be_full(void **state) {
  (void)state;
  struct diffd_span text;
  text.ptr = new_canonical_text(9, EDGES, 100, &text.len);
  struct rlimit before;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  struct rlimit small = {50000, before.rlim_max};
  (void)signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  struct diffd_source *source = open_text(text, 65536, SMALL_MEMORY);
  char byte;
  size_t len;
  struct diffd_error err;
  enum diffd_status status = diffd_source_read(source, text.len - 1, &byte, 1, &len, &err);
  diffd_source_close(source);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
  (void)signal(SIGXFSZ, SIG_DFL);
  free((char *)(uintptr_t)text.ptr);
  assert_int_equal(status, DIFFD_NO_SPACE);
  assert_non_null(strstr(err.detail, "make room"));
}

static void a_missing_folder_is_named(void **state) {
  (void)state;
  struct diffd_span text;
  text.ptr = new_canonical_text(9, EDGES, 100, &text.len);
  struct diffd_source *source;
  struct diffd_error err;
  assert_int_equal(diffd_source_open(&patient, memory_stream_reader(text, 65536, SIZE_MAX), "graph",
                                     "/nonexistent", SMALL_MEMORY, &source, &err),
                   DIFFD_OK);
  char byte;
  size_t len;
  assert_int_equal(diffd_source_read(source, text.len - 1, &byte, 1, &len, &err), DIFFD_IO);
  assert_non_null(strstr(err.detail, "/nonexistent"));
  diffd_source_close(source);
  free((char *)(uintptr_t)text.ptr);
}

/* All that a store takes for canonical edges, its tables and index and all, in memory and file. */
static void an_edge_takes_100_bytes_and_memory_its_limit(void **state) {
  (void)state;
  enum { MANY = 20000 };
  size_t len;
  char *text = new_canonical_text(10, MANY, 500, &len);
  text = realloc(text, len + DIFFD_LINE_PADDING);
  assert_non_null(text);
  for (uint64_t memory_bytes = SMALL_MEMORY; memory_bytes <= 1024 * 1024; memory_bytes *= 4) {
    struct diffd_chunk_store *store;
    struct diffd_error err;
    assert_int_equal(diffd_chunk_store_new(NULL, memory_bytes, &store, &err), DIFFD_OK);
    for (size_t at = 0; at < len; at += DIFFD_LINE_CHUNK_MAX) {
      size_t chunk = len - at < DIFFD_LINE_CHUNK_MAX ? len - at : DIFFD_LINE_CHUNK_MAX;
      assert_int_equal(diffd_chunk_store_append(store, text + at, chunk, &err), DIFFD_OK);
    }
    struct diffd_chunk_store_sizes sizes = diffd_chunk_store_sizes(store);
    assert_in_range(sizes.memory_bytes, memory_bytes / 2, memory_bytes);
    assert_true(sizes.file_bytes > 0);
    assert_true(sizes.memory_bytes + sizes.file_bytes < (uint64_t)MANY * 100);
    diffd_chunk_store_destroy(store);
  }
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(threads_read_while_it_drains_into_memory),
      cmocka_unit_test(threads_read_while_it_drains_into_a_file),
      cmocka_unit_test(an_empty_stream_has_no_bytes),
      cmocka_unit_test(a_file_is_read_in_place),
      cmocka_unit_test(what_a_slow_peer_has_sent_can_be_read),
      cmocka_unit_test(a_peer_that_fails_leaves_what_it_sent),
      cmocka_unit_test(waiting_for_a_silent_peer_can_be_cancelled),
      cmocka_unit_test(a_full_disk_is_said_to_be_full),
      cmocka_unit_test(a_missing_folder_is_named),
      cmocka_unit_test(an_edge_takes_100_bytes_and_memory_its_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
