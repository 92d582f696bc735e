/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/s3_marker.h"

#include <stdlib.h>
#include <string.h>

#include "base/mark.h"

struct s3_marker {
  struct diffd_marker base;
  struct diffd_s3 *s3;
  const struct diffd_clock *clock;
};

static enum diffd_status marker_mark(struct diffd_marker *self, const struct diffd_context *ctx,
                                     const char *id, struct diffd_error *err) {
  const struct s3_marker *marker = (const struct s3_marker *)self;
  char name[DIFFD_MARK_NAME_MAX], text[DIFFD_TIME_TEXT_MAX];
  enum diffd_status status = diffd_mark_name(id, name, err);
  if (status != DIFFD_OK)
    return status;
  diffd_rfc3339_format_nanos(marker->clock->wall(marker->clock->arg), text);
  return diffd_s3_put(marker->s3, ctx, (struct diffd_span){name, strlen(name)},
                      (struct diffd_span){text, strlen(text)}, "text/plain", err);
}

static enum diffd_status marker_unmark(struct diffd_marker *self, const struct diffd_context *ctx,
                                       const char *id, struct diffd_error *err) {
  const struct s3_marker *marker = (const struct s3_marker *)self;
  char name[DIFFD_MARK_NAME_MAX];
  enum diffd_status status = diffd_mark_name(id, name, err);
  if (status != DIFFD_OK)
    return status;
  return diffd_s3_delete(marker->s3, ctx, (struct diffd_span){name, strlen(name)}, err);
}

/* A mark from the future is as old as its object, by the clock that stored it; one second is lost in the
 * headers, to the mark's favour. */
static bool is_fresh_from_the_future(const struct diffd_s3_object *object, uint64_t timeout_ms) {
  if (object->last_modified < 0 || object->server_time < object->last_modified)
    return true;
  return (uint64_t)(object->server_time - object->last_modified) * 1000 < timeout_ms;
}

static enum diffd_status marker_check(struct diffd_marker *self, const struct diffd_context *ctx,
                                      const char *id, struct diffd_error *err) {
  const struct s3_marker *marker = (const struct s3_marker *)self;
  char name[DIFFD_MARK_NAME_MAX], content[DIFFD_MARK_CONTENT_MAX];
  size_t len = 0;
  struct diffd_s3_object object;
  struct diffd_instant marked;
  enum diffd_status status = diffd_mark_name(id, name, err);
  if (status != DIFFD_OK)
    return status;
  status = diffd_s3_get_small(marker->s3, ctx, (struct diffd_span){name, strlen(name)}, content,
                              sizeof content, &len, &object, err);
  if (status != DIFFD_OK && status != DIFFD_TOO_LARGE)
    return status;
  if (status == DIFFD_TOO_LARGE || !diffd_mark_read((struct diffd_span){content, len}, &marked))
    return diffd_fail(err, DIFFD_NOT_FOUND, "the mark %s is no time", name);
  struct diffd_instant now = marker->clock->wall(marker->clock->arg);
  bool fresh = diffd_instant_is_before(now, marked)
                   ? is_fresh_from_the_future(&object, marker->base.timeout_ms)
                   : diffd_mark_is_younger(marked, now, marker->base.timeout_ms);
  if (!fresh)
    return diffd_fail(err, DIFFD_NOT_FOUND, "the mark %s is out of date", name);
  return DIFFD_IN_PROGRESS;
}

static void marker_destroy(struct diffd_marker *self) {
  free(self);
}

static const struct diffd_marker_ops s3_marker_ops = {
    .mark = marker_mark, .unmark = marker_unmark, .check = marker_check, .destroy = marker_destroy};

enum diffd_status diffd_s3_marker_new(struct diffd_s3 *s3, uint64_t timeout_ms,
                                      const struct diffd_clock *clock, struct diffd_marker **ret,
                                      struct diffd_error *err) {
  struct s3_marker *marker = calloc(1, sizeof *marker);
  if (marker == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the marker");
  marker->base.ops = &s3_marker_ops;
  marker->base.timeout_ms = timeout_ms;
  marker->s3 = s3;
  marker->clock = clock;
  *ret = &marker->base;
  return DIFFD_OK;
}
