/* SPDX-License-Identifier: Apache-2.0
 *
 * Packed logs: any bytes give the same text, and then the same end or failure, whatever pieces they come in
 * and whatever pieces are asked for. The first byte chooses these.
 */
#include <stdlib.h>
#include <string.h>

#include "core/flow_inflate.h"
#include "plain/memory_streams.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 1 << 20 }; /* a few bytes may become gigabytes: more is not read */

static enum diffd_status read_all(struct diffd_span bytes, size_t piece, size_t room,
                                  struct diffd_buffer *text, struct diffd_error *err) {
  static char buf[64 * 1024];
  struct diffd_flow_text *source;
  struct diffd_reader *reader = memory_stream_reader(bytes, piece, SIZE_MAX);
  enum diffd_status status = diffd_flow_text_new(&source, err);
  if (status != DIFFD_OK)
    abort();
  diffd_flow_text_begin(source, reader);
  while (text->len < TEXT_MAX) {
    size_t got = 0, cap = TEXT_MAX - text->len < room ? TEXT_MAX - text->len : room;
    status = diffd_flow_text_read(source, buf, cap, &got, err);
    if (status != DIFFD_OK)
      break;
    if (got == 0 || got > cap || diffd_buffer_append(text, buf, got, err) != DIFFD_OK)
      abort();
  }
  diffd_flow_text_destroy(source);
  diffd_reader_destroy(reader);
  return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1 || size > 64 * 1024)
    return 0;
  struct diffd_span bytes = {(const char *)data + 1, size - 1};
  struct diffd_buffer whole = diffd_buffer_init(SIZE_MAX), pieces = diffd_buffer_init(SIZE_MAX);
  struct diffd_error whole_err = {0}, pieces_err = {0};
  enum diffd_status whole_status = read_all(bytes, SIZE_MAX, 64 * 1024, &whole, &whole_err);
  enum diffd_status pieces_status =
      read_all(bytes, 1 + data[0] % 16u, 1024 + 64u * data[0], &pieces, &pieces_err);
  if (whole_status == DIFFD_INTERNAL || whole_status != pieces_status)
    abort();
  /* Of a broken member more or less may come before its fault is seen; of a sound log all comes. */
  size_t common = whole.len < pieces.len ? whole.len : pieces.len;
  if ((whole_status != DIFFD_BAD_LOGS && whole.len != pieces.len) ||
      (common > 0 && memcmp(whole.ptr, pieces.ptr, common) != 0))
    abort();
  diffd_buffer_clean_up(&whole);
  diffd_buffer_clean_up(&pieces);
  return 0;
}
