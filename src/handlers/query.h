/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads values out of a URL's query, by the rules that the original's clients have met: `+` is a space, %XX a
 * byte, a pair that does not decode or holds a `;` is passed over, and the first value that decodes wins.
 * Pure; safe to call from any thread.
 */
#ifndef DIFFD_HANDLERS_QUERY_H
#define DIFFD_HANDLERS_QUERY_H

#include "diffd/stream.h"

/* Decodes the first value of `name` into buf (not NUL-terminated; it may hold any byte). DIFFD_NOT_FOUND
 * where no pair has that name, DIFFD_INVALID where the value is longer than cap. */
enum diffd_status diffd_query_get(struct diffd_span query, const char *name, char *buf, size_t cap,
                                  size_t *ret_len, struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
