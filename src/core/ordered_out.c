/* SPDX-License-Identifier: Apache-2.0 */
#include "core/ordered_out.h"

enum { OUT_MAX = 16 * 1024 * 1024 }; /* bytes; far above DIFFD_ORDERED_OUT_FULL and one change more */

struct diffd_ordered_out diffd_ordered_out_init(struct diffd_ordered *shared) {
  return (struct diffd_ordered_out){.shared = shared, .bytes = diffd_buffer_init(OUT_MAX)};
}

static enum diffd_status wait_turn(struct diffd_ordered_out *out, struct diffd_error *err) {
  if (diffd_turns_wait(&out->shared->turns, out->number))
    return DIFFD_OK;
  return diffd_fail(err, DIFFD_CANCELLED, "another thread failed");
}

enum diffd_status diffd_ordered_out_flush(struct diffd_ordered_out *out, struct diffd_error *err) {
  if (out->bytes.len == 0)
    return DIFFD_OK;
  enum diffd_status status = wait_turn(out, err);
  if (status == DIFFD_OK)
    status = out->shared->write(out->shared->arg, out->bytes.ptr, out->bytes.len, err);
  out->bytes.len = 0;
  return status;
}

enum diffd_status diffd_ordered_out_done(struct diffd_ordered_out *out, struct diffd_error *err) {
  enum diffd_status status = diffd_ordered_out_flush(out, err);
  if (status == DIFFD_OK)
    status = wait_turn(out, err);
  if (status == DIFFD_OK)
    diffd_turns_next(&out->shared->turns);
  return status;
}
