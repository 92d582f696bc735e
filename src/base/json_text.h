/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON strings (RFC 8259, section 7) out of any bytes: what a client sent may be no UTF-8, and still has to
 * stand in a log line or an answer. Pure; safe to call from any thread.
 */
#ifndef DIFFD_BASE_JSON_TEXT_H
#define DIFFD_BASE_JSON_TEXT_H

#include "base/buffer.h"

/* The length of the well-formed UTF-8 sequence (RFC 3629) that `bytes` begins with, 1 to 4, or 0 where there
 * is none. len > 0. */
size_t diffd_utf8_sequence(const char *bytes, size_t len);

/* Appends the text as a JSON string with its quotes. Control characters are escaped; each byte that belongs
 * to no well-formed UTF-8 sequence becomes U+FFFD. DIFFD_TOO_LARGE, DIFFD_NO_MEMORY. */
enum diffd_status diffd_json_append_string(struct diffd_buffer *out, struct diffd_span text,
                                           struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
