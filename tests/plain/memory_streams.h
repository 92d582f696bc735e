/* SPDX-License-Identifier: Apache-2.0
 *
 * Readers and writers of memory, for tests: a reader that is a file or can be read once only, in pieces of
 * any size, and may fail; a writer that remembers whether it was committed.
 */
#ifndef DIFFD_TESTS_MEMORY_STREAMS_H
#define DIFFD_TESTS_MEMORY_STREAMS_H

#include "base/buffer.h"

/* An unlinked file with these bytes. */
struct diffd_reader *memory_file_reader(struct diffd_span bytes);
/* The bytes once, at most `piece` at a time; a failure after `fail_after` bytes where that is not SIZE_MAX.
 * Borrowed. */
struct diffd_reader *memory_stream_reader(struct diffd_span bytes, size_t piece, size_t fail_after);

/* Appends to *bytes, and sets *committed. */
struct diffd_writer *memory_writer(struct diffd_buffer *bytes, bool *committed);

#endif
