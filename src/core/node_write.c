/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node_write.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/tmp_file.h"
#include "core/pages.h"
#include "core/radix_sort.h"
#include "core/reread.h"
#include "core/threads.h"

enum {
  RUN_NODES = 8 * 1024,           /* places a run is made of: its buffers are not counted, and small */
  RUN_TEXT_MAX = 2 * 1024 * 1024, /* bytes of a run's records; one that is fuller is closed early */
  COPIED_TEXT_MAX = 4096,         /* a longer statement is read again when it is written */
  WINDOW_LEN = 64 * 1024,         /* what is held of a run in a file */
  WINDOW_LEN_MIN = 8 * 1024,
  WINDOWS_MAX = 8 * 1024 * 1024, /* of all runs together, as long as that leaves each the least */
  NEAR = 16 * 1024,              /* places this close are read in one go */
  JUMP_LEN = 1024,               /* what is read for a place that stands alone */
  OUT_FULL = 256 * 1024,
  OUT_MAX = 1024 * 1024,
};

/* A record of a run: this head, the id, and the text where it is copied. Runs are plain bytes of them. */
struct record {
  uint32_t id_len;
  uint32_t copied_len; /* 0: the text is read again at begin */
  uint64_t rank;
  uint64_t text_len;
};

/* Where records come from while runs are merged. */
struct run {
  struct diffd_buffer bytes; /* the run, or the window of one in the file */
  uint64_t file_at;          /* the next byte to read there */
  uint64_t file_end;
  size_t at; /* the present record in bytes */
};

struct diffd_node_write {
  struct diffd_diff_run *in;
  const uint64_t *ranks;
  size_t count;
  size_t next_slice; /* atomic */

  pthread_mutex_t lock;
  struct run *runs;
  size_t run_count;
  size_t run_cap;
  uint64_t kept_bytes; /* of runs in memory */
  int file;            /* of runs beyond that, or -1 */
  uint64_t file_len;
  enum diffd_status status;
  struct diffd_error error;
};

static const struct record *record_at(const struct diffd_buffer *bytes, size_t at, struct record *ret) {
  memcpy(ret, bytes->ptr + at, sizeof *ret);
  return ret;
}

static size_t record_len(const struct record *record) {
  return sizeof *record + record->id_len + record->copied_len;
}

static void fail_job(struct diffd_node_write *job, enum diffd_status status, const struct diffd_error *err) {
  pthread_mutex_lock(&job->lock);
  if (job->status == DIFFD_OK) {
    job->status = status;
    job->error = *err;
  }
  pthread_mutex_unlock(&job->lock);
}

/* ---- Making runs ---- */

static enum diffd_status read_record(struct diffd_reread *reread, uint64_t rank, uint64_t next_rank,
                                     struct diffd_buffer *bytes, struct diffd_error *err) {
  struct diffd_dot_statement statement;
  struct diffd_span text;
  uint64_t begin = diffd_node_rank_begin(rank);
  reread->window_len = next_rank - rank < NEAR ? DIFFD_REREAD_WINDOW_MAX : JUMP_LEN;
  enum diffd_status status = diffd_reread_at(reread, begin, &statement, &text, err);
  if (status != DIFFD_OK)
    return status;
  struct diffd_span id = statement.identity.source;
  uint64_t text_len = statement.end - statement.begin;
  struct record record = {.id_len = (uint32_t)id.len, .rank = rank, .text_len = text_len};
  if (text.ptr != NULL && text_len <= COPIED_TEXT_MAX)
    record.copied_len = (uint32_t)text_len;
  status = diffd_buffer_append(bytes, &record, sizeof record, err);
  if (status == DIFFD_OK)
    status = diffd_buffer_append(bytes, id.ptr, id.len, err);
  if (status == DIFFD_OK && record.copied_len > 0)
    status = diffd_buffer_append(bytes, text.ptr, text.len, err);
  return status;
}

/* Eight bytes of an id after `skip`, in an order that integers have. */
static uint64_t prefix_of(const char *id, size_t len, size_t skip) {
  uint64_t prefix = 0;
  for (size_t i = skip; i < skip + 8; i++)
    prefix = prefix << 8 | (i < len ? (unsigned char)id[i] : 0);
  return prefix;
}

static int compare_ids(const char *a, size_t a_len, const char *b, size_t b_len) {
  int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
  if (order != 0)
    return order;
  return a_len < b_len ? -1 : a_len > b_len;
}

static int compare_records(const struct diffd_buffer *bytes, size_t a, size_t b) {
  struct record ra;
  struct record rb;
  record_at(bytes, a, &ra);
  record_at(bytes, b, &rb);
  return compare_ids(bytes->ptr + a + sizeof ra, ra.id_len, bytes->ptr + b + sizeof rb, rb.id_len);
}

static int compare_values(const void *a, const void *b, void *bytes) {
  return compare_records(bytes, (size_t)((const struct diffd_sort_record *)a)->value,
                         (size_t)((const struct diffd_sort_record *)b)->value);
}

/* Sorts by eight bytes of the ids, and what these do not tell apart by the whole ids. */
static enum diffd_status sort_records(struct diffd_buffer *bytes, size_t count, struct diffd_buffer *ret,
                                      struct diffd_error *err) {
  struct diffd_sort_record *order = malloc((2 * count + 1) * sizeof *order);
  if (order == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to sort %zu nodes", count);
  size_t at = 0;
  struct record record;
  for (size_t i = 0; i < count; i++, at += record_len(&record)) {
    record_at(bytes, at, &record);
    /* The first byte of an id is nearly always `n`. */
    const char *id = bytes->ptr + at + sizeof record;
    bool plain = record.id_len > 0 && id[0] == 'n';
    uint64_t prefix = plain ? prefix_of(id, record.id_len, 1) >> 2 : 0;
    uint64_t group = plain ? 1 : record.id_len == 0 || (unsigned char)id[0] < 'n' ? 0 : 2;
    order[i] = (struct diffd_sort_record){group << 62 | prefix, at};
  }
  diffd_radix_sort_records(order, order + count, count);
  for (size_t begin = 0; begin < count;) {
    size_t end = begin + 1;
    while (end < count && order[end].key == order[begin].key)
      end++;
    if (end - begin > 1)
      qsort_r(order + begin, end - begin, sizeof *order, compare_values, bytes);
    begin = end;
  }
  enum diffd_status status = diffd_buffer_reserve(ret, bytes->len, err);
  for (size_t i = 0; status == DIFFD_OK && i < count; i++) {
    record_at(bytes, (size_t)order[i].value, &record);
    status = diffd_buffer_append(ret, bytes->ptr + order[i].value, record_len(&record), err);
  }
  free(order);
  return status;
}

/* Puts a run into the file, at a place of its own. */
static enum diffd_status spill_run(struct diffd_node_write *job, struct run *run, struct diffd_error *err) {
  pthread_mutex_lock(&job->lock);
  enum diffd_status status = DIFFD_OK;
  if (job->file < 0)
    status = diffd_tmp_file_open(job->in->options->tmp_dir, &job->file, err);
  run->file_at = job->file_len;
  run->file_end = job->file_len += run->bytes.len;
  pthread_mutex_unlock(&job->lock);
  if (status == DIFFD_OK)
    status = diffd_tmp_file_write(job->file, run->bytes.ptr, run->bytes.len, run->file_at, err);
  diffd_buffer_clean_up(&run->bytes);
  run->bytes = diffd_buffer_init(RUN_TEXT_MAX);
  return status;
}

static enum diffd_status keep_run(struct diffd_node_write *job, struct diffd_buffer *sorted,
                                  struct diffd_error *err) {
  struct run run = {.bytes = *sorted};
  *sorted = diffd_buffer_init(RUN_TEXT_MAX);
  pthread_mutex_lock(&job->lock);
  bool spill = !diffd_budget_take(&job->in->budget, run.bytes.cap);
  if (!spill)
    job->kept_bytes += run.bytes.cap;
  pthread_mutex_unlock(&job->lock);
  enum diffd_status status = spill ? spill_run(job, &run, err) : DIFFD_OK;
  pthread_mutex_lock(&job->lock);
  if (status == DIFFD_OK && job->run_count == job->run_cap) {
    size_t cap = 2 * job->run_cap + 8;
    struct run *runs = realloc(job->runs, cap * sizeof *runs);
    if (runs == NULL) {
      status = diffd_fail(err, DIFFD_NO_MEMORY, "no memory for %zu runs of nodes", cap);
    } else {
      job->runs = runs;
      job->run_cap = cap;
    }
  }
  if (status == DIFFD_OK)
    job->runs[job->run_count++] = run;
  else
    diffd_buffer_clean_up(&run.bytes);
  pthread_mutex_unlock(&job->lock);
  return status;
}

/* `bytes` is the thread's, empty, so that its memory serves for one run after the other. */
static enum diffd_status make_run(struct diffd_node_write *job, struct diffd_reread rereads[2], size_t begin,
                                  size_t end, struct diffd_buffer *bytes, struct diffd_error *err) {
  struct diffd_buffer sorted = diffd_buffer_init(RUN_TEXT_MAX);
  enum diffd_status status = DIFFD_OK;
  size_t count = 0;
  for (size_t i = begin; status == DIFFD_OK && i < end; i++) {
    uint64_t next_rank = i + 1 < end ? job->ranks[i + 1] : UINT64_MAX;
    struct diffd_reread *reread = &rereads[diffd_node_rank_in_next(job->ranks[i])];
    status = read_record(reread, job->ranks[i], next_rank, bytes, err);
    count++;
    if (status == DIFFD_OK && (i + 1 == end || bytes->len > RUN_TEXT_MAX / 2)) {
      status = sort_records(bytes, count, &sorted, err);
      if (status == DIFFD_OK)
        status = keep_run(job, &sorted, err);
      bytes->len = count = 0;
    }
  }
  diffd_buffer_clean_up(&sorted);
  return status;
}

static void make_runs(void *arg, unsigned thread) {
  (void)thread;
  struct diffd_node_write *job = arg;
  struct diffd_diff_run *in = job->in;
  struct diffd_error err;
  struct diffd_reread rereads[2] = {0};
  struct diffd_buffer bytes = diffd_buffer_init(RUN_TEXT_MAX);
  enum diffd_status status = diffd_reread_init(&rereads[0], in->previous, in->kernel->read, false, &err);
  if (status == DIFFD_OK)
    status = diffd_reread_init(&rereads[1], in->next, in->kernel->read, false, &err);
  /* Every thread gets a part even of few nodes. */
  size_t slice = job->count / in->threads + 1;
  if (slice > RUN_NODES)
    slice = RUN_NODES;
  while (status == DIFFD_OK) {
    size_t begin = __atomic_fetch_add(&job->next_slice, 1, __ATOMIC_RELAXED) * slice;
    if (begin >= job->count)
      break;
    if (diffd_context_cancelled(in->ctx))
      status = diffd_fail(&err, DIFFD_CANCELLED, "stopped while sorting nodes");
    else
      status = make_run(job, rereads, begin, begin + slice < job->count ? begin + slice : job->count, &bytes,
                        &err);
  }
  if (status != DIFFD_OK)
    fail_job(job, status, &err);
  diffd_buffer_clean_up(&bytes);
  diffd_reread_clean_up(&rereads[0]);
  diffd_reread_clean_up(&rereads[1]);
}

/* ---- Merging runs ---- */

/* What is held of each run in the file: less where there are many. */
static size_t window_len(const struct diffd_node_write *job) {
  size_t share = WINDOWS_MAX / (job->run_count + 1);
  return share > WINDOW_LEN ? WINDOW_LEN : share < WINDOW_LEN_MIN ? WINDOW_LEN_MIN : share;
}

/* Makes the present record whole in the window; *ret_more is false at the run's end. */
static enum diffd_status settle_run(struct diffd_node_write *job, struct run *run, bool *ret_more,
                                    struct diffd_error *err) {
  struct record record;
  for (;;) {
    size_t have = run->bytes.len - run->at;
    size_t need = sizeof record;
    if (have >= sizeof record)
      need = record_len(record_at(&run->bytes, run->at, &record));
    if (have >= need) {
      *ret_more = true;
      return DIFFD_OK;
    }
    if (run->file_at == run->file_end) {
      *ret_more = false;
      return DIFFD_OK;
    }
    if (have > 0)
      memmove(run->bytes.ptr, run->bytes.ptr + run->at, have);
    run->bytes.len = have;
    run->at = 0;
    size_t want = need > window_len(job) ? need : window_len(job);
    enum diffd_status status = diffd_buffer_reserve(&run->bytes, want, err);
    if (status != DIFFD_OK)
      return status;
    if (want > run->file_end - run->file_at)
      want = (size_t)(run->file_end - run->file_at);
    status = diffd_tmp_file_read(job->file, run->bytes.ptr + have, want, run->file_at, err);
    if (status != DIFFD_OK)
      return status;
    run->bytes.len += want;
    run->file_at += want;
  }
}

/* A run in the heap, and with it what nearly always decides: the first bytes of its present id. To look at
 * the id itself, of each of a thousand runs, is to wait for memory. */
struct head {
  uint64_t prefix[2];
  struct run *run;
};

static struct head head_of(struct run *run) {
  struct record record;
  record_at(&run->bytes, run->at, &record);
  const char *id = run->bytes.ptr + run->at + sizeof record;
  return (struct head){{prefix_of(id, record.id_len, 0), prefix_of(id, record.id_len, 8)}, run};
}

static bool head_before(const struct head *a, const struct head *b) {
  if (a->prefix[0] != b->prefix[0])
    return a->prefix[0] < b->prefix[0];
  if (a->prefix[1] != b->prefix[1])
    return a->prefix[1] < b->prefix[1];
  struct record ra;
  struct record rb;
  record_at(&a->run->bytes, a->run->at, &ra);
  record_at(&b->run->bytes, b->run->at, &rb);
  return compare_ids(a->run->bytes.ptr + a->run->at + sizeof ra, ra.id_len,
                     b->run->bytes.ptr + b->run->at + sizeof rb, rb.id_len) < 0;
}

/* Lets heap[at] sink to its place in a heap whose first is the smallest. */
static void sink_head(struct head *heap, size_t count, size_t at) {
  struct head sinking = heap[at];
  for (;;) {
    size_t child = 2 * at + 1;
    if (child + 1 < count && head_before(&heap[child + 1], &heap[child]))
      child++;
    if (child >= count || !head_before(&heap[child], &sinking))
      break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = sinking;
}

static enum diffd_status flush(struct diffd_diff_run *in, struct diffd_buffer *out, struct diffd_error *err) {
  enum diffd_status status = in->sink->ops->write(in->sink, out->ptr, out->len, err);
  out->len = 0;
  return status;
}

/* A long statement, from where it stands. */
static enum diffd_status put_long_node(struct diffd_diff_run *in, struct diffd_node_text *node, uint64_t rank,
                                       struct diffd_buffer *out, struct diffd_error *err) {
  struct diffd_source *source = diffd_node_rank_in_next(rank) ? in->next : in->previous;
  char piece[8192];
  enum diffd_status status = DIFFD_OK;
  while (status == DIFFD_OK && node->text_at < node->text_len) {
    uint64_t left = node->text_len - node->text_at;
    size_t want = left < sizeof piece ? (size_t)left : sizeof piece;
    size_t got = 0;
    status = diffd_source_read(source, diffd_node_rank_begin(rank) + node->text_at, piece, want, &got, err);
    if (status == DIFFD_OK && got < want)
      status = diffd_fail(err, DIFFD_IO, "the graph became shorter while it was read");
    if (status != DIFFD_OK)
      return status;
    node->text = (struct diffd_span){piece, want};
    status = in->sink->ops->encode_node(in->sink, node, out, err);
    if (status == DIFFD_OK && out->len >= OUT_FULL)
      status = flush(in, out, err);
    node->text_at += want;
  }
  return status;
}

static enum diffd_status put_node(struct diffd_diff_run *in, const struct run *run, struct diffd_buffer *out,
                                  struct diffd_error *err) {
  struct record record;
  record_at(&run->bytes, run->at, &record);
  const char *id = run->bytes.ptr + run->at + sizeof record;
  struct diffd_node_text node = {.id = {id, record.id_len}, .text_len = record.text_len};
  if (record.copied_len == 0)
    return put_long_node(in, &node, record.rank, out, err);
  node.text = (struct diffd_span){id + record.id_len, record.copied_len};
  enum diffd_status status = in->sink->ops->encode_node(in->sink, &node, out, err);
  return status == DIFFD_OK && out->len >= OUT_FULL ? flush(in, out, err) : status;
}

static enum diffd_status merge_runs(struct diffd_node_write *job, struct head *heap, struct diffd_buffer *out,
                                    struct diffd_error *err) {
  size_t count = 0;
  for (size_t i = 0; i < job->run_count; i++) {
    bool more;
    enum diffd_status status = settle_run(job, &job->runs[i], &more, err);
    if (status != DIFFD_OK)
      return status;
    if (more)
      heap[count++] = head_of(&job->runs[i]);
  }
  for (size_t i = count / 2; i-- > 0;)
    sink_head(heap, count, i);
  while (count > 0) {
    struct run *run = heap[0].run;
    struct record record;
    bool more;
    enum diffd_status status = put_node(job->in, run, out, err);
    if (status != DIFFD_OK)
      return status;
    run->at += record_len(record_at(&run->bytes, run->at, &record));
    status = settle_run(job, run, &more, err);
    if (status != DIFFD_OK)
      return status;
    heap[0] = more ? head_of(run) : heap[--count];
    if (count > 0)
      sink_head(heap, count, 0);
  }
  return out->len > 0 ? flush(job->in, out, err) : DIFFD_OK;
}

static enum diffd_status sort_ranks(uint64_t *ranks, size_t count, struct diffd_error *err) {
  enum { PAGE = 4096 };
  uint64_t *spare = diffd_pages_new(count * sizeof *spare, PAGE);
  if (spare == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to sort the places of %zu nodes", count);
  diffd_radix_sort_u64(ranks, spare, count);
  diffd_pages_free(spare, count * sizeof *spare);
  return DIFFD_OK;
}

enum diffd_status diffd_node_write_new(struct diffd_diff_run *run, struct diffd_node_write **ret,
                                       struct diffd_error *err) {
  struct diffd_node_write *job = calloc(1, sizeof *job);
  if (job == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to sort nodes");
  job->in = run;
  job->file = -1;
  pthread_mutex_init(&job->lock, NULL);
  *ret = job;
  return DIFFD_OK;
}

void diffd_node_write_destroy(struct diffd_node_write *job) {
  if (job == NULL)
    return;
  for (size_t i = 0; i < job->run_count; i++)
    diffd_buffer_clean_up(&job->runs[i].bytes);
  free(job->runs);
  diffd_budget_give(&job->in->budget, job->kept_bytes);
  if (job->file >= 0)
    (void)close(job->file);
  pthread_mutex_destroy(&job->lock);
  free(job);
}

enum diffd_status diffd_node_write_add(struct diffd_node_write *job, uint64_t *ranks, size_t count,
                                       struct diffd_error *err) {
  enum diffd_status status = sort_ranks(ranks, count, err);
  if (status != DIFFD_OK)
    return status;
  job->ranks = ranks;
  job->count = count;
  job->next_slice = 0;
  job->in->counts.nodes += count;
  diffd_run_threads(job->in->threads, make_runs, job);
  if (job->status != DIFFD_OK)
    *err = job->error;
  return job->status;
}

enum diffd_status diffd_node_write_finish(struct diffd_node_write *job, struct diffd_error *err) {
  struct head *heap = malloc((job->run_count + 1) * sizeof *heap);
  if (heap == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to merge %zu runs of nodes", job->run_count);
  struct diffd_buffer out = diffd_buffer_init(OUT_MAX);
  enum diffd_status status = merge_runs(job, heap, &out, err);
  diffd_buffer_clean_up(&out);
  free(heap);
  return status;
}
