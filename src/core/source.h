/* SPDX-License-Identifier: Apache-2.0
 *
 * A graph's bytes, readable at any offset, whatever they come from.
 *
 * A regular file is read in place. Anything else (a pipe, a socket) is drained by a thread of its own into an
 * unlinked file, as fast as it comes, and may be read as far as it has come: the peer is never held back, and
 * memory does not grow. Reading is thread-safe.
 */
#ifndef DIFFD_CORE_SOURCE_H
#define DIFFD_CORE_SOURCE_H

#include "diffd/job.h"
#include "diffd/stream.h"

struct diffd_source;

/* Takes the reader, on failure too. `tmp_dir` is where the unlinked file goes. The context and `name` must
 * outlive the source. DIFFD_NO_MEMORY, DIFFD_IO, DIFFD_NO_SPACE. */
enum diffd_status diffd_source_open(const struct diffd_context *ctx, struct diffd_reader *reader,
                                    const char *name, const char *tmp_dir, struct diffd_source **ret,
                                    struct diffd_error *err) DIFFD_MUST_CHECK;
/* Stops draining, and destroys the reader. Accepts NULL. */
void diffd_source_close(struct diffd_source *source);

/* Reads up to `cap` bytes at `offset`, fewer only at the end of the stream; *ret_len is 0 at or beyond it.
 * Waits where the bytes have not come yet. DIFFD_IO, DIFFD_CANCELLED, and what the reader returned. */
enum diffd_status diffd_source_read(struct diffd_source *source, uint64_t offset, char *buf, size_t cap,
                                    size_t *ret_len, struct diffd_error *err) DIFFD_MUST_CHECK;
/* The number of bytes where it is known, else -1. */
int64_t diffd_source_size(struct diffd_source *source);
/* Fails where a file was changed by somebody since it was opened. */
enum diffd_status diffd_source_check_unchanged(struct diffd_source *source,
                                               struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
