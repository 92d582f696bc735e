/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads flow logs line by line into a digest.
 */
#ifndef DIFFD_CORE_FLOW_READ_H
#define DIFFD_CORE_FLOW_READ_H

#include "core/flow_digest.h"
#include "core/flow_graph.h"
#include "core/flow_inflate.h"

/* A longer line is no record, whatever it holds. Bytes, without the line end. */
enum { DIFFD_FLOW_LINE_MAX = 64 * 1024 };

struct diffd_flow_read;

/* What a reader works with; all borrowed for its life. */
struct diffd_flow_read_setup {
  const struct diffd_context *ctx;
  const struct diffd_flow_options *options;
  struct diffd_flow_digest *digest;
  const struct diffd_flow_kernel *kernel;
  _Atomic uint64_t *stored_bytes; /* of all readers together, for the progress */
};

/* DIFFD_NO_MEMORY. One thread at a time. */
enum diffd_status diffd_flow_read_new(const struct diffd_flow_read_setup *setup, struct diffd_flow_read **ret,
                                      struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_flow_read_destroy(struct diffd_flow_read *read); /* accepts NULL */

/* Opens an input, reads it to its end, closes it. As diffd_flow_graph_build. */
enum diffd_status diffd_flow_read_input(struct diffd_flow_read *read, const struct diffd_flow_input *input,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;

/* The counts of all inputs so far; `edges` is 0. */
struct diffd_flow_counts diffd_flow_read_counts(const struct diffd_flow_read *read);

#endif
