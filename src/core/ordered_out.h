/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes that several threads make for numbered pieces of work, written in the order of the numbers.
 */
#ifndef DIFFD_CORE_ORDERED_OUT_H
#define DIFFD_CORE_ORDERED_OUT_H

#include "base/buffer.h"
#include "core/turns.h"

enum { DIFFD_ORDERED_OUT_FULL = 512 * 1024 }; /* bytes; whoever has appended more should flush */

/* What the threads share. */
struct diffd_ordered {
  struct diffd_turns turns;
  enum diffd_status (*write)(void *arg, const char *bytes, size_t len, struct diffd_error *err);
  void *arg;
};

/* One thread's bytes for the piece `number`. */
struct diffd_ordered_out {
  struct diffd_ordered *shared;
  uint64_t number;
  struct diffd_buffer bytes;
};

struct diffd_ordered_out diffd_ordered_out_init(struct diffd_ordered *shared);
/* Writes what is there, waiting for the piece's turn, so that `bytes` need not grow. DIFFD_CANCELLED where
 * another thread broke off, and what the write returns. */
enum diffd_status diffd_ordered_out_flush(struct diffd_ordered_out *out,
                                          struct diffd_error *err) DIFFD_MUST_CHECK;
/* Flushes where it is full. */
static inline enum diffd_status diffd_ordered_out_relieve(struct diffd_ordered_out *out,
                                                          struct diffd_error *err) {
  return out->bytes.len < DIFFD_ORDERED_OUT_FULL ? DIFFD_OK : diffd_ordered_out_flush(out, err);
}
/* Flushes, and ends the piece's turn. Each piece ends exactly once, unless somebody breaks off. */
enum diffd_status diffd_ordered_out_done(struct diffd_ordered_out *out,
                                         struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
