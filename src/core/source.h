/* SPDX-License-Identifier: Apache-2.0
 *
 * A graph's bytes, readable at any offset, whatever they come from.
 *
 * A regular file is read in place. Anything else (a pipe, a socket) is drained by a thread of its own as fast
 * as it comes, by chunks of 64 KiB, and may be read as far as these have come: the peer is never held back.
 * What is kept of it is what its lines say (core/chunk_store.h), 55 to 80 bytes of a canonical edge's 395.
 * Reading is thread-safe, and gives the bytes that came.
 */
#ifndef DIFFD_CORE_SOURCE_H
#define DIFFD_CORE_SOURCE_H

#include "diffd/job.h"
#include "diffd/stream.h"

struct diffd_source;

/* Takes the reader, on failure too. What can be read once only is kept in memory up to `memory_bytes`, and
 * then in an unlinked file in `tmp_dir`; the index, a byte for 4 KiB of text, may alone go beyond, and a
 * thread with its buffers of 0.2 MiB comes on top. The context, `name` and `tmp_dir` must outlive the source.
 * DIFFD_NO_MEMORY, DIFFD_IO. */
enum diffd_status diffd_source_open(const struct diffd_context *ctx, struct diffd_reader *reader,
                                    const char *name, const char *tmp_dir, uint64_t memory_bytes,
                                    struct diffd_source **ret, struct diffd_error *err) DIFFD_MUST_CHECK;
/* Stops draining, and destroys the reader. Accepts NULL. */
void diffd_source_close(struct diffd_source *source);

/* Reads up to `cap` bytes at `offset`, fewer only at the end of the stream; *ret_len is 0 at or beyond it.
 * Waits where the bytes have not come yet. DIFFD_IO, DIFFD_CANCELLED, DIFFD_NO_SPACE and DIFFD_NO_MEMORY
 * where they could not be kept, and what the reader returned. */
enum diffd_status diffd_source_read(struct diffd_source *source, uint64_t offset, char *buf, size_t cap,
                                    size_t *ret_len, struct diffd_error *err) DIFFD_MUST_CHECK;
/* The number of bytes where it is known, else -1. */
int64_t diffd_source_size(struct diffd_source *source);
/* Fails where a file was changed by somebody since it was opened. */
enum diffd_status diffd_source_check_unchanged(struct diffd_source *source,
                                               struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
