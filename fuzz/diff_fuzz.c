/* SPDX-License-Identifier: Apache-2.0
 *
 * The diff against the plain one: the same bytes, or both refuse, for any two texts, block length, thread
 * count, kernel, files or streams. The first bytes choose these; the texts are parted by a NUL.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diffd/diff.h"
#include "plain/memory_streams.h"
#include "plain/plain_diff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct choice {
  uint32_t block_bytes;
  unsigned threads;
  const char *kernel;
  bool streams;
  uint64_t memory_limit_bytes; /* so little that partitions are joined, or 0 */
};

static struct choice choose(const uint8_t *data) {
  return (struct choice){
      .block_bytes = 64 + 8u * data[0],
      .threads = 1 + (data[1] & 3u),
      .kernel = (data[1] & 4) != 0 ? "scalar" : NULL,
      .streams = (data[1] & 8) != 0,
      .memory_limit_bytes = (data[1] & 16) != 0 ? 1 << 20 : 0,
  };
}

static struct diffd_reader *reader_of(struct diffd_span text, bool stream) {
  return stream ? memory_stream_reader(text, 7, SIZE_MAX) : memory_file_reader(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2 || size > 32 * 1024)
    return 0;
  struct choice choice = choose(data);
  struct diffd_span previous = {(const char *)data + 2, size - 2};
  const char *parted = memchr(previous.ptr, '\0', previous.len);
  struct diffd_span next = previous;
  if (parted != NULL) {
    previous.len = (size_t)(parted - previous.ptr);
    next = (struct diffd_span){parted + 1, size - 2 - previous.len - 1};
  }
  struct diffd_error plain_err;
  struct diffd_error err;
  struct diffd_buffer expected = diffd_buffer_init(1 << 24);
  struct diffd_buffer got = diffd_buffer_init(1 << 24);
  enum diffd_status plain = plain_diff(previous, next, &expected, &plain_err);
  struct diffd_graph graphs[2] = {{.dot = reader_of(previous, choice.streams)},
                                  {.dot = reader_of(next, choice.streams)}};
  struct diffd_diff_options options = {.threads = choice.threads,
                                       .block_bytes = choice.block_bytes,
                                       .kernel = choice.kernel,
                                       .memory_limit_bytes = choice.memory_limit_bytes};
  struct diffd_context ctx = {0};
  struct diffd_diff_counts counts;
  struct diffd_change_sink *sink;
  bool committed;
  if (diffd_dot_sink_new(memory_writer(&got, &committed), &sink, &err) != DIFFD_OK)
    abort();
  enum diffd_status status = diffd_diff(&ctx, &graphs[0], &graphs[1], &options, sink, &counts, &err);
  if (status == DIFFD_OK)
    status = sink->ops->commit(sink, &err);
  if (status != plain) {
    fprintf(stderr, "plain: %d %s\nours: %d %s\n", plain, plain_err.detail, status, err.detail);
    abort();
  }
  if (status == DIFFD_OK && (got.len != expected.len || memcmp(got.ptr, expected.ptr, got.len) != 0)) {
    fprintf(stderr, "plain:\n%.*s\nours:\n%.*s\n", (int)expected.len, expected.ptr, (int)got.len, got.ptr);
    abort();
  }
  diffd_change_sink_destroy(sink);
  diffd_buffer_clean_up(&expected);
  diffd_buffer_clean_up(&got);
  return 0;
}
