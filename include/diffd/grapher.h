/* SPDX-License-Identifier: Apache-2.0
 *
 * The grapher makes or fetches the graph of one window.
 */
#ifndef DIFFD_GRAPHER_H
#define DIFFD_GRAPHER_H

#include "diffd/graph.h"
#include "diffd/job.h"

DIFFD_PUBLIC_BEGIN

struct diffd_grapher;
struct diffd_grapher_ops {
  /* Gives the window's graph, as DOT bytes or as edges, whichever the grapher has in hand. Waits as long as
   * its own settings say, and stops when the context says so; a DOT reader may do that waiting in its first
   * read, so that one window is read while the other one is still waited for. The caller owns what *ret
   * holds; it may outlive neither the grapher nor the context. */
  enum diffd_status (*get)(struct diffd_grapher *self, const struct diffd_context *ctx,
                           struct diffd_window window, struct diffd_graph *ret, struct diffd_error *err);
  /* NULL, or: the wall-clock second before which the window's logs are not complete. A job waits for it. */
  int64_t (*ready_at)(struct diffd_grapher *self, struct diffd_window window);
  void (*destroy)(struct diffd_grapher *self);
};
/* Calls may come from several threads at once (both windows of a job are asked for side by side). */
struct diffd_grapher {
  const struct diffd_grapher_ops *ops;
};

enum diffd_status diffd_grapher_get(struct diffd_grapher *grapher, const struct diffd_context *ctx,
                                    struct diffd_window window, struct diffd_graph *ret,
                                    struct diffd_error *err) DIFFD_MUST_CHECK;
/* INT64_MIN where the grapher has no such notion. */
int64_t diffd_grapher_ready_at(struct diffd_grapher *grapher, struct diffd_window window);
void diffd_grapher_destroy(struct diffd_grapher *grapher); /* accepts NULL */

DIFFD_PUBLIC_END

#endif
