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
#include "plain/memory_streams.h"

enum diffd_status flow_test_open(void *arg, struct diffd_reader **ret, struct diffd_error *err) {
  const struct flow_test_log *log = arg;
  (void)err;
  *ret = memory_stream_reader((struct diffd_span){log->bytes, log->len},
                              log->piece != 0 ? log->piece : SIZE_MAX, SIZE_MAX);
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

char *flow_test_dot(struct diffd_edges *edges) {
  struct diffd_buffer dot = diffd_buffer_init(SIZE_MAX);
  bool committed = false;
  struct diffd_writer *writer = memory_writer(&dot, &committed);
  struct diffd_error err = {0};
  if (diffd_edges_write_dot(edges, writer, &err) != DIFFD_OK)
    fail_msg("%s", err.detail);
  assert_false(committed);
  assert_int_equal(diffd_buffer_append(&dot, "", 1, &err), DIFFD_OK);
  diffd_writer_destroy(writer);
  diffd_edges_destroy(edges);
  return dot.ptr;
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
