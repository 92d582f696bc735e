/* SPDX-License-Identifier: Apache-2.0
 *
 * Marks: which diffs are being made. A mark that is older than the marker's time-out, or that cannot be
 * read as a time, counts as none.
 */
#ifndef DIFFD_MARKER_H
#define DIFFD_MARKER_H

#include "diffd/job.h"

DIFFD_PUBLIC_BEGIN

struct diffd_marker;
struct diffd_marker_ops {
  /* Makes the mark, or renews it with the present time. */
  enum diffd_status (*mark)(struct diffd_marker *self, const struct diffd_context *ctx, const char *id,
                            struct diffd_error *err);
  /* Removes the mark; DIFFD_OK also where there was none. */
  enum diffd_status (*unmark)(struct diffd_marker *self, const struct diffd_context *ctx, const char *id,
                              struct diffd_error *err);
  /* DIFFD_IN_PROGRESS where a valid mark stands, else DIFFD_NOT_FOUND; anything else is a failure. */
  enum diffd_status (*check)(struct diffd_marker *self, const struct diffd_context *ctx, const char *id,
                             struct diffd_error *err);
  void (*destroy)(struct diffd_marker *self);
};
/* All calls may come from several threads at once. */
struct diffd_marker {
  const struct diffd_marker_ops *ops;
  uint64_t timeout_ms; /* after which a mark counts as none; whoever works renews every third of it */
};

enum diffd_status diffd_marker_mark(struct diffd_marker *marker, const struct diffd_context *ctx,
                                    const char *id, struct diffd_error *err) DIFFD_MUST_CHECK;
enum diffd_status diffd_marker_unmark(struct diffd_marker *marker, const struct diffd_context *ctx,
                                      const char *id, struct diffd_error *err) DIFFD_MUST_CHECK;
enum diffd_status diffd_marker_check(struct diffd_marker *marker, const struct diffd_context *ctx,
                                     const char *id, struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_marker_destroy(struct diffd_marker *marker); /* accepts NULL */

DIFFD_PUBLIC_END

#endif
