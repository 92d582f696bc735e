/* SPDX-License-Identifier: Apache-2.0
 *
 * A merge by a heap of runs, each of which is translated a few entries ahead.
 */
#include "core/flow_merge.h"

#include <stdlib.h>

enum { AHEAD = 64, ENTRIES_BETWEEN_LOOKS = 1 << 18 };

struct cursor {
  const struct diffd_flow_run *run;
  uint64_t next; /* of the run, not translated yet */
  const struct diffd_flow_entry *at;
  const struct diffd_flow_entry *end;
  struct diffd_flow_entry ahead[AHEAD];
};

/* Goes to the next entry. False at the run's end. */
static bool advance(const struct diffd_flow_order *order, struct cursor *cursor) {
  if (cursor->at != NULL && cursor->at + 1 < cursor->end) {
    cursor->at++;
    return true;
  }
  const struct diffd_flow_run *run = cursor->run;
  uint64_t count = run->count - cursor->next < AHEAD ? run->count - cursor->next : AHEAD;
  cursor->at = cursor->ahead;
  if (run->ordered)
    cursor->at = run->entries + cursor->next;
  else
    diffd_flow_order_translate(order, run->digest, run->entries + cursor->next, cursor->ahead, count);
  cursor->end = cursor->at + count;
  cursor->next += count;
  return count > 0;
}

/* The smallest is at heap[0]; the children of i are 2i + 1 and 2i + 2. */
static void sift_down(struct cursor **heap, size_t count, size_t i) {
  struct cursor *moved = heap[i];
  for (;;) {
    size_t child = 2 * i + 1;
    if (child >= count)
      break;
    if (child + 1 < count && diffd_flow_entry_less(heap[child + 1]->at, heap[child]->at))
      child++;
    if (!diffd_flow_entry_less(heap[child]->at, moved->at))
      break;
    heap[i] = heap[child];
    i = child;
  }
  heap[i] = moved;
}

static enum diffd_status merge_heap(const struct diffd_context *ctx, const struct diffd_flow_order *order,
                                    struct cursor **heap, size_t live, struct diffd_flow_entry *to,
                                    uint64_t *ret_count, struct diffd_error *err) {
  uint64_t count = 0, steps = 0;
  for (size_t i = live / 2; i-- > 0;)
    sift_down(heap, live, i);
  while (live > 0) {
    const struct diffd_flow_entry *entry = heap[0]->at;
    if (count > 0 && diffd_flow_entry_same(&to[count - 1], entry)) {
      enum diffd_status status = diffd_flow_entry_add(&to[count - 1], entry, err);
      if (status != DIFFD_OK)
        return status;
    } else {
      to[count++] = *entry;
    }
    if (!advance(order, heap[0]))
      heap[0] = heap[--live];
    if (live > 1)
      sift_down(heap, live, 0);
    if (++steps % ENTRIES_BETWEEN_LOOKS == 0 && diffd_context_cancelled(ctx))
      return diffd_fail(err, DIFFD_CANCELLED, "making the graph was cancelled");
  }
  *ret_count = count;
  return DIFFD_OK;
}

enum diffd_status diffd_flow_merge(const struct diffd_context *ctx, const struct diffd_flow_order *order,
                                   const struct diffd_flow_run *runs, size_t run_count,
                                   struct diffd_flow_entry *to, uint64_t *ret_count,
                                   struct diffd_error *err) {
  struct cursor *cursors = calloc(run_count + 1, sizeof *cursors);
  struct cursor **heap = calloc(run_count + 1, sizeof *heap);
  enum diffd_status status = DIFFD_OK;
  if (cursors == NULL || heap == NULL) {
    status = diffd_fail(err, DIFFD_NO_MEMORY, "no memory to merge %zu parts of a graph", run_count);
  } else {
    size_t live = 0;
    for (size_t i = 0; i < run_count; i++) {
      cursors[i].run = &runs[i];
      if (advance(order, &cursors[i]))
        heap[live++] = &cursors[i];
    }
    status = merge_heap(ctx, order, heap, live, to, ret_count, err);
  }
  free(heap);
  free(cursors);
  return status;
}
