/* SPDX-License-Identifier: Apache-2.0
 *
 * Storage: where finished diffs live. An object is visible whole or not at all.
 */
#ifndef DIFFD_STORAGE_H
#define DIFFD_STORAGE_H

#include "diffd/job.h"
#include "diffd/stream.h"

DIFFD_PUBLIC_BEGIN

struct diffd_storage;
struct diffd_storage_ops {
  /* Opens the stored diff; *ret_size is its bytes, or -1 where unknown. The reader outlives the context, and
   * is interrupted where it may no longer wait. DIFFD_NOT_FOUND. */
  enum diffd_status (*get)(struct diffd_storage *self, const struct diffd_context *ctx, const char *id,
                           struct diffd_reader **ret, int64_t *ret_size, struct diffd_error *err);
  /* DIFFD_OK where the diff is stored, else DIFFD_NOT_FOUND. */
  enum diffd_status (*exists)(struct diffd_storage *self, const struct diffd_context *ctx, const char *id,
                              struct diffd_error *err);
  /* Begins to store. The writer's commit replaces what was there, or keeps what another worker stored
   * meanwhile: it is the same diff. The context must outlive the writer. */
  enum diffd_status (*put)(struct diffd_storage *self, const struct diffd_context *ctx, const char *id,
                           struct diffd_writer **ret, struct diffd_error *err);
  void (*destroy)(struct diffd_storage *self);
};
/* All calls may come from several threads at once. `id` is a valid job id. */
struct diffd_storage {
  const struct diffd_storage_ops *ops;
};

enum diffd_status diffd_storage_get(struct diffd_storage *storage, const struct diffd_context *ctx,
                                    const char *id, struct diffd_reader **ret, int64_t *ret_size,
                                    struct diffd_error *err) DIFFD_MUST_CHECK;
enum diffd_status diffd_storage_exists(struct diffd_storage *storage, const struct diffd_context *ctx,
                                       const char *id, struct diffd_error *err) DIFFD_MUST_CHECK;
enum diffd_status diffd_storage_put(struct diffd_storage *storage, const struct diffd_context *ctx,
                                    const char *id, struct diffd_writer **ret,
                                    struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_storage_destroy(struct diffd_storage *storage); /* accepts NULL */

DIFFD_PUBLIC_END

#endif
