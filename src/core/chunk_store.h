/* SPDX-License-Identifier: Apache-2.0
 *
 * A text that came once and is read many times: kept in memory as what its lines say (core/line_codec.h), and
 * beyond a limit in an unlinked file.
 */
#ifndef DIFFD_CORE_CHUNK_STORE_H
#define DIFFD_CORE_CHUNK_STORE_H

#include "core/line_codec.h"

struct diffd_chunk_store;

/* Keeps up to memory_bytes in memory: encoded text, the tables of the codec, and the index of chunks, which
 * alone may go beyond it (a byte for 4 KiB of text). Some 70 KiB of buffers, and what one reading takes, come
 * on top. `tmp_dir` must outlive the store; its file is made when it is needed. DIFFD_NO_MEMORY. */
enum diffd_status diffd_chunk_store_new(const char *tmp_dir, uint64_t memory_bytes,
                                        struct diffd_chunk_store **ret,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_chunk_store_destroy(struct diffd_chunk_store *store); /* accepts NULL */

/* Appends a chunk, which is DIFFD_LINE_CHUNK_MAX bytes long, but for the last; DIFFD_LINE_PADDING bytes after
 * it must be readable. One thread at a time. DIFFD_NO_SPACE, DIFFD_IO, DIFFD_NO_MEMORY; the store is as
 * before then. */
enum diffd_status diffd_chunk_store_append(struct diffd_chunk_store *store, const char *text, size_t len,
                                           struct diffd_error *err) DIFFD_MUST_CHECK;
/* Reads text that was appended. Any number of threads, also beside append. DIFFD_IO, DIFFD_NO_MEMORY. */
enum diffd_status diffd_chunk_store_read(struct diffd_chunk_store *store, uint64_t offset, char *buf,
                                         size_t len, struct diffd_error *err) DIFFD_MUST_CHECK;

struct diffd_chunk_store_sizes {
  uint64_t memory_bytes; /* taken of the limit */
  uint64_t file_bytes;
};
/* Any thread. */
struct diffd_chunk_store_sizes diffd_chunk_store_sizes(struct diffd_chunk_store *store);

#endif
