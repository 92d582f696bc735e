/* SPDX-License-Identifier: Apache-2.0
 *
 * Logs in memory.
 */
#include "core/flow_test_inputs.h"

#include <isa-l/igzip_lib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"

struct memory_reader {
  struct diffd_reader base;
  const struct flow_test_log *log;
  size_t at;
};

static enum diffd_status memory_read(struct diffd_reader *self, void *buf, size_t cap, size_t *ret_len,
                                     struct diffd_error *err) {
  struct memory_reader *reader = (struct memory_reader *)self;
  (void)err;
  size_t len = reader->log->len - reader->at;
  if (len == 0)
    return DIFFD_END;
  if (len > cap)
    len = cap;
  if (reader->log->piece != 0 && len > reader->log->piece)
    len = reader->log->piece;
  memcpy(buf, reader->log->bytes + reader->at, len);
  reader->at += len;
  *ret_len = len;
  return DIFFD_OK;
}

static void memory_destroy(struct diffd_reader *self) {
  free(self);
}

static const struct diffd_reader_ops memory_ops = {.read = memory_read, .destroy = memory_destroy};

enum diffd_status flow_test_open(void *log, struct diffd_reader **ret, struct diffd_error *err) {
  struct memory_reader *reader = calloc(1, sizeof *reader);
  if (reader == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory");
  reader->base.ops = &memory_ops;
  reader->log = log;
  *ret = &reader->base;
  return DIFFD_OK;
}

enum diffd_status flow_test_build(const struct diffd_context *context, const struct flow_test_log *logs,
                                  size_t count, const struct diffd_flow_options *options,
                                  struct diffd_edges **ret, struct diffd_flow_counts *ret_counts,
                                  struct diffd_error *err) {
  const struct diffd_context plain = {0};
  struct flow_test_log copies[16];
  struct diffd_flow_input inputs[16];
  assert_true(count <= 16);
  for (size_t i = 0; i < count; i++) {
    copies[i] = logs[i];
    inputs[i] = (struct diffd_flow_input){.name = logs[i].name, .open = flow_test_open, .arg = &copies[i]};
  }
  return diffd_flow_graph_build(context != NULL ? context : &plain, inputs, count, options, ret, ret_counts,
                                err);
}

struct memory_writer {
  struct diffd_writer base;
  struct diffd_buffer buffer;
};

static enum diffd_status memory_write(struct diffd_writer *self, const void *buf, size_t len,
                                      struct diffd_error *err) {
  return diffd_buffer_append(&((struct memory_writer *)self)->buffer, buf, len, err);
}

static const struct diffd_writer_ops memory_writer_ops = {.write = memory_write};

char *flow_test_dot(struct diffd_edges *edges) {
  struct memory_writer writer = {.base = {&memory_writer_ops}, .buffer = diffd_buffer_init(SIZE_MAX)};
  struct diffd_error err = {0};
  if (diffd_edges_write_dot(edges, &writer.base, &err) != DIFFD_OK)
    fail_msg("%s", err.detail);
  assert_int_equal(diffd_buffer_append(&writer.buffer, "", 1, &err), DIFFD_OK);
  diffd_edges_destroy(edges);
  return writer.buffer.ptr;
}

char *flow_test_file(const char *path, size_t *ret_len) {
  FILE *file = fopen(path, "rb");
  if (file == NULL)
    fail_msg("cannot open %s", path);
  struct diffd_buffer buffer = diffd_buffer_init(SIZE_MAX);
  struct diffd_error err;
  char piece[4096];
  size_t got;
  while ((got = fread(piece, 1, sizeof piece, file)) > 0)
    assert_int_equal(diffd_buffer_append(&buffer, piece, got, &err), DIFFD_OK);
  assert_int_equal(diffd_buffer_append(&buffer, "", 1, &err), DIFFD_OK);
  (void)fclose(file);
  *ret_len = buffer.len - 1;
  return buffer.ptr;
}

char *flow_test_gzip(const char *bytes, size_t len, size_t *ret_len) {
  size_t cap = len + len / 8 + 4096;
  char *input = malloc(len + 1), *out = malloc(cap);
  struct isal_zstream *stream = malloc(sizeof *stream);
  assert_true(input != NULL && out != NULL && stream != NULL);
  memcpy(input, bytes, len);
  isal_deflate_init(stream);
  stream->gzip_flag = IGZIP_GZIP;
  stream->end_of_stream = 1;
  stream->flush = NO_FLUSH;
  stream->next_in = (uint8_t *)input;
  stream->avail_in = (uint32_t)len;
  stream->next_out = (uint8_t *)out;
  stream->avail_out = (uint32_t)cap;
  assert_int_equal(isal_deflate(stream), COMP_OK);
  assert_int_equal(stream->internal_state.state, ZSTATE_END);
  *ret_len = stream->total_out;
  free(stream);
  free(input);
  return out;
}
