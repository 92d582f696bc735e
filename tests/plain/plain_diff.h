/* SPDX-License-Identifier: Apache-2.0
 *
 * The diff as plainly as it can be said, to hold the fast one against: all statements in memory, every edge
 * of one graph compared with every edge of the other, value by value.
 */
#ifndef DIFFD_TESTS_PLAIN_DIFF_H
#define DIFFD_TESTS_PLAIN_DIFF_H

#include "base/buffer.h"

/* Appends the diff's DOT to `ret`. DIFFD_BAD_GRAPH where either text is no graph. */
enum diffd_status plain_diff(struct diffd_span previous, struct diffd_span next, struct diffd_buffer *ret,
                             struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
