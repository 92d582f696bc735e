/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of a flow log, plain or gzip (RFC 1952, any number of members), told by its first two bytes.
 *
 * What a broken member gave before its fault was seen has been handed out by then, so that a caller must drop
 * everything when a read fails. One thread at a time.
 */
#ifndef DIFFD_CORE_FLOW_INFLATE_H
#define DIFFD_CORE_FLOW_INFLATE_H

#include "diffd/stream.h"

struct diffd_flow_text;

/* An object that reads any number of logs, one after the other. DIFFD_NO_MEMORY. */
enum diffd_status diffd_flow_text_new(struct diffd_flow_text **ret, struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_flow_text_destroy(struct diffd_flow_text *text); /* accepts NULL */

/* Goes to the first byte of a log. The reader is borrowed until the next begin or destroy. */
void diffd_flow_text_begin(struct diffd_flow_text *text, struct diffd_reader *reader);

/* After so many stored bytes that gave no text (empty members, zeros after the last) a read gives 0 bytes, so
 * that the caller can look whether it should go on. */
enum { DIFFD_FLOW_TEXT_PATIENCE = 4 * 1024 * 1024 };

/* Gives up to `cap` bytes of text, or DIFFD_END; 0 bytes only as above. DIFFD_BAD_LOGS for a member that is
 * broken, unfinished or fails its checksum, and for bytes after the last member that are not all zero; and
 * what the reader returns. */
enum diffd_status diffd_flow_text_read(struct diffd_flow_text *text, void *buf, size_t cap, size_t *ret_len,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;

/* Bytes read of this log so far, as they are stored. */
uint64_t diffd_flow_text_stored_bytes(const struct diffd_flow_text *text);

#endif
