/* SPDX-License-Identifier: Apache-2.0
 *
 * Text of graphs, kept as what it says instead of how it says it.
 *
 * A canonical edge states most of its fields twice, between literals that never change: of some 395 bytes
 * about 60 are news. Text is encoded by the chunk. A canonical edge whose label is what its fields imply, in
 * go-vpcflow's order, becomes a record of its values; a canonical node becomes its id and label; anything
 * else is kept as it stands. Decoding gives back the same bytes, whatever they were.
 *
 * Values stay text, so that no number's spelling needs a thought. Pairs of values that come again on many
 * lines (account and interface, start and end) stand in tables of the codec, and records refer to them.
 */
#ifndef DIFFD_CORE_LINE_CODEC_H
#define DIFFD_CORE_LINE_CODEC_H

#include "diffd/stream.h"

enum {
  DIFFD_LINE_CHUNK_MAX = 64 * 1024, /* bytes of text that are encoded at once */
  DIFFD_LINE_PADDING = 1024,        /* readable bytes that must follow the text; their content is ignored */
  /* What an encoded chunk may need at the most: a text without a canonical line, and room to write ahead. */
  DIFFD_LINE_KEPT_MAX = DIFFD_LINE_CHUNK_MAX + 256,
};

struct diffd_line_codec;

/* The tables grow to an eighth of memory_bytes, at least 34 KiB and at most 0.3 MiB; pairs beyond that stand
 * in the records. DIFFD_NO_MEMORY. */
enum diffd_status diffd_line_codec_new(uint64_t memory_bytes, struct diffd_line_codec **ret,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_line_codec_destroy(struct diffd_line_codec *codec); /* accepts NULL */
/* Bytes that the tables will have grown to at the most. */
uint64_t diffd_line_codec_memory_max(const struct diffd_line_codec *codec);

/* Encodes text[0, len), at most DIFFD_LINE_CHUNK_MAX bytes, cut anywhere; DIFFD_LINE_PADDING bytes after it
 * must be readable. Writes to `kept`, which has room for DIFFD_LINE_KEPT_MAX bytes, and returns how many of
 * them are the encoded chunk. One thread at a time. */
size_t diffd_line_codec_encode(struct diffd_line_codec *codec, const char *text, size_t len, char *kept);

/* Writes the bytes [begin, begin + len) of an encoded chunk's text to buf, and nothing elsewhere. The range
 * must lie in the chunk. Any number of threads, also while later chunks are encoded, if the chunk was handed
 * to them by something that orders memory, as a lock does. Only what this codec encoded may be decoded. */
void diffd_line_codec_decode(const struct diffd_line_codec *codec, const char *kept, size_t begin, size_t len,
                             char *buf);

#endif
