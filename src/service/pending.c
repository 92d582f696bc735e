/* SPDX-License-Identifier: Apache-2.0 */
#include "service/pending.h"

#include <stdlib.h>
#include <string.h>

struct collector {
  struct diffd_pending pending;
  size_t cap;
};

static enum diffd_status collect(void *arg, const struct diffd_job *job, struct diffd_error *err) {
  struct collector *collector = arg;
  struct diffd_pending *pending = &collector->pending;
  if (pending->count == collector->cap) {
    size_t cap = collector->cap > 0 ? collector->cap * 2 : 64;
    char **ids = reallocarray(pending->ids, cap, sizeof *ids);
    if (ids == NULL)
      return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the list of %zu jobs", pending->count);
    pending->ids = ids;
    collector->cap = cap;
  }
  char *id = strdup(job->id);
  if (id == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the list of %zu jobs", pending->count);
  pending->ids[pending->count++] = id;
  return DIFFD_OK;
}

static int compare(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

enum diffd_status diffd_pending_collect(struct diffd_job_source *source, struct diffd_pending *ret,
                                        struct diffd_error *err) {
  struct collector collector = {0};
  enum diffd_status status = diffd_job_source_each_pending(source, collect, &collector, err);
  if (status != DIFFD_OK) {
    diffd_pending_clean_up(&collector.pending);
    return status;
  }
  if (collector.pending.count > 0)
    qsort(collector.pending.ids, collector.pending.count, sizeof(char *), compare);
  *ret = collector.pending;
  return DIFFD_OK;
}

bool diffd_pending_has(const struct diffd_pending *pending, const char *id) {
  return pending->count > 0 && bsearch(&id, pending->ids, pending->count, sizeof(char *), compare) != NULL;
}

void diffd_pending_clean_up(struct diffd_pending *pending) {
  for (size_t i = 0; i < pending->count; i++)
    free(pending->ids[i]);
  free(pending->ids);
  *pending = (struct diffd_pending){0};
}
