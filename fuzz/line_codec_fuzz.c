/* SPDX-License-Identifier: Apache-2.0
 *
 * Any text comes back from the codec of lines, whole and in part. The text goes in twice, so that pairs of
 * values are new and known; the first two bytes choose the part.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/line_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_part(const struct diffd_line_codec *codec, const char *kept, const char *text,
                        size_t begin, size_t len) {
  char *got = malloc(len > 0 ? len : 1);
  if (got == NULL)
    abort();
  diffd_line_codec_decode(codec, kept, begin, len, got);
  if (memcmp(got, text + begin, len) != 0) {
    (void)fprintf(stderr, "bytes %zu to %zu came back as others\n", begin, begin + len);
    abort();
  }
  free(got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct diffd_line_codec *codec;
  struct diffd_error err;
  if (size < 2 || size > DIFFD_LINE_CHUNK_MAX || diffd_line_codec_new(1 << 20, &codec, &err) != DIFFD_OK)
    return 0;
  size_t len = size - 2;
  char *text = malloc(len + DIFFD_LINE_PADDING);
  char *room = malloc(DIFFD_LINE_KEPT_MAX);
  if (text == NULL || room == NULL)
    abort();
  memcpy(text, data + 2, len);
  memset(text + len, '"', DIFFD_LINE_PADDING);
  size_t begin = (size_t)data[0] * 16 % (len + 1);
  size_t part = (size_t)data[1] * 16 % (len - begin + 1);
  for (int i = 0; i < 2; i++) {
    size_t kept_len = diffd_line_codec_encode(codec, text, len, room);
    char *kept = malloc(kept_len);
    if (kept == NULL || kept_len > DIFFD_LINE_KEPT_MAX)
      abort();
    memcpy(kept, room, kept_len);
    expect_part(codec, kept, text, 0, len);
    expect_part(codec, kept, text, begin, part);
    free(kept);
  }
  free(room);
  free(text);
  diffd_line_codec_destroy(codec);
  return 0;
}
