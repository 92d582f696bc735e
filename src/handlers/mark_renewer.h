/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps one mark fresh while its job is at work, from a thread of its own: the worker is deep in a diff then,
 * and a slow marker must not delay another job's mark.
 */
#ifndef DIFFD_HANDLERS_MARK_RENEWER_H
#define DIFFD_HANDLERS_MARK_RENEWER_H

#include "diffd/marker.h"

struct diffd_mark_renewer;

/* Marks at once, then every third of the marker's time-out. A failing mark is logged, and tried again the
 * next time. Marker, context and id must outlive it. DIFFD_NO_MEMORY, DIFFD_IO. */
enum diffd_status diffd_mark_renewer_start(struct diffd_marker *marker, const struct diffd_context *ctx,
                                           const char *id, struct diffd_mark_renewer **ret,
                                           struct diffd_error *err) DIFFD_MUST_CHECK;
/* Once this is back no mark is made any more. */
void diffd_mark_renewer_stop(struct diffd_mark_renewer *renewer);

#endif
