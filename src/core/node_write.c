/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node_write.h"

#include <stdlib.h>
#include <string.h>

#include "core/node_ranges.h"
#include "core/pages.h"
#include "core/radix_sort.h"
#include "core/reread.h"
#include "core/threads.h"

enum {
  SLICE = 8 * 1024,        /* places that a thread reads before it takes others */
  NEAR = 16 * 1024,        /* places this close are read in one go */
  JUMP_LEN = 1024,         /* what is read for a place that stands alone */
  COPIED_TEXT_MAX = 4096,  /* a longer statement is read again when it is written */
  RANGE_NODES = 2 * 1024,  /* what a range is meant to have */
  RANGE_MAX = 1024 * 1024, /* bytes of records; a range that has more is divided before it is sorted */
  DIVIDED_BY = 64,
  SAMPLE_EACH = 4, /* ids of the sample, for each range */
  SAMPLE_BYTES = 1024 * 1024,
  SAMPLE_ID_MAX = 1024,
  DEPTH_MAX = 8, /* of ranges of ranges; two are many */
  /* Of the records, as much as the set of nodes had of each node, and what makes small diffs need no file. */
  KEPT_BYTES = 32 * 1024 * 1024,
  KEPT_BYTES_A_NODE = 24,
};

struct diffd_node_write {
  struct diffd_diff_run *in;
  struct diffd_node_store store;
  struct diffd_node_ranges *ranges;
  const uint64_t *ranks;
  size_t count;
  size_t next; /* atomic; the next slice to read, then the next range to write */
};

/* ---- A sample of ids ---- */

struct sample {
  struct diffd_span *ids;
  char *bytes;
  size_t count;
  size_t cap;
  size_t bytes_len;
};

static enum diffd_status sample_init(struct sample *sample, size_t cap, struct diffd_error *err) {
  *sample =
      (struct sample){.cap = cap, .ids = malloc(cap * sizeof *sample->ids), .bytes = malloc(SAMPLE_BYTES)};
  if (sample->ids != NULL && sample->bytes != NULL)
    return DIFFD_OK;
  return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a sample of nodes");
}

static void sample_clean_up(struct sample *sample) {
  free(sample->ids);
  free(sample->bytes);
}

/* A number below `limit`, which is not 0. Where the samples stand must not be known: whoever knew it could
 * make a graph whose ranges are not divided by them. */
static size_t random_below(uint64_t *state, size_t limit) {
  *state +=
      UINT64_C(0x9e3779b97f4a7c15); /* Steele and others, "Fast splittable pseudorandom number generators" */
  uint64_t word = (*state ^ *state >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  word = (word ^ word >> 27) * UINT64_C(0x94d049bb133111eb);
  return (size_t)((word ^ word >> 31) % limit);
}

static uint64_t random_from(const struct diffd_node_write *job) {
  uint64_t state;
  memcpy(&state, job->in->options->seed, sizeof state);
  return state;
}

/* Copies an id, or as much of a long one as tells it from most others, if there is room for it. */
static void sample_id(struct sample *sample, struct diffd_span id) {
  if (id.len > SAMPLE_ID_MAX)
    id.len = SAMPLE_ID_MAX;
  if (sample->count == sample->cap || id.len > SAMPLE_BYTES - sample->bytes_len)
    return;
  char *copy = sample->bytes + sample->bytes_len;
  memcpy(copy, id.ptr, id.len);
  sample->ids[sample->count++] = (struct diffd_span){copy, id.len};
  sample->bytes_len += id.len;
}

/* ---- Reading statements into ranges ---- */

/* One for each graph. */
static enum diffd_status open_rereads(const struct diffd_diff_run *in, struct diffd_reread rereads[2],
                                      struct diffd_error *err) {
  memset(rereads, 0, 2 * sizeof *rereads);
  enum diffd_status status = diffd_reread_init(&rereads[0], in->previous, in->kernel->read, false, err);
  return status == DIFFD_OK ? diffd_reread_init(&rereads[1], in->next, in->kernel->read, false, err) : status;
}

static void close_rereads(struct diffd_reread rereads[2]) {
  diffd_reread_clean_up(&rereads[0]);
  diffd_reread_clean_up(&rereads[1]);
}

/* Reads the statement at a rank; what the record points to lives until the next is read. */
static enum diffd_status read_record(struct diffd_reread rereads[2], uint64_t rank, uint64_t next_rank,
                                     struct diffd_node_record *ret, struct diffd_error *err) {
  struct diffd_reread *reread = &rereads[diffd_node_rank_in_next(rank)];
  struct diffd_dot_statement statement;
  struct diffd_span text;
  reread->window_len = next_rank - rank < NEAR ? DIFFD_REREAD_WINDOW_MAX : JUMP_LEN;
  enum diffd_status status = diffd_reread_at(reread, diffd_node_rank_begin(rank), &statement, &text, err);
  if (status != DIFFD_OK)
    return status;
  *ret = (struct diffd_node_record){
      .id = statement.identity.source, .rank = rank, .text_len = statement.end - statement.begin};
  if (ret->text_len <= COPIED_TEXT_MAX)
    ret->text = text;
  return DIFFD_OK;
}

static enum diffd_status read_slice(struct diffd_node_write *job, unsigned thread,
                                    struct diffd_reread rereads[2], size_t begin, size_t end,
                                    struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  for (size_t i = begin; status == DIFFD_OK && i < end; i++) {
    struct diffd_node_record record;
    status = read_record(rereads, job->ranks[i], i + 1 < end ? job->ranks[i + 1] : UINT64_MAX, &record, err);
    if (status == DIFFD_OK)
      status = diffd_node_ranges_put(job->ranges, thread, &record, err);
  }
  return status;
}

static void read_slices(void *arg, unsigned thread) {
  struct diffd_node_write *job = arg;
  struct diffd_diff_run *in = job->in;
  struct diffd_error err;
  struct diffd_reread rereads[2];
  enum diffd_status status = open_rereads(in, rereads, &err);
  /* Every thread gets a part even of few nodes. */
  size_t slice = job->count / in->threads + 1;
  if (slice > SLICE)
    slice = SLICE;
  while (status == DIFFD_OK) {
    size_t begin = __atomic_fetch_add(&job->next, 1, __ATOMIC_RELAXED) * slice;
    if (begin >= job->count)
      break;
    size_t end = begin + slice < job->count ? begin + slice : job->count;
    if (diffd_context_cancelled(in->ctx))
      status = diffd_fail(&err, DIFFD_CANCELLED, "stopped while sorting nodes");
    else
      status = read_slice(job, thread, rereads, begin, end, &err);
  }
  if (status != DIFFD_OK)
    diffd_diff_run_fail(in, status, &err);
  close_rereads(rereads);
}

static enum diffd_status read_sample(const struct diffd_node_write *job, struct sample *sample,
                                     struct diffd_error *err) {
  struct diffd_reread rereads[2];
  enum diffd_status status = open_rereads(job->in, rereads, err);
  uint64_t random = random_from(job);
  for (size_t i = 0; status == DIFFD_OK && i < sample->cap; i++) {
    struct diffd_node_record record;
    size_t at = random_below(&random, job->count);
    status = read_record(rereads, job->ranks[at], UINT64_MAX, &record, err);
    if (status == DIFFD_OK)
      sample_id(sample, record.id);
  }
  close_rereads(rereads);
  return status;
}

/* Makes the ranges, by a sample of the nodes at hand: these are all, or where the memory has a limit the
 * first of many, and then ranges may turn out too large. */
static enum diffd_status make_ranges(struct diffd_node_write *job, struct diffd_error *err) {
  size_t wanted = job->count / RANGE_NODES + 1;
  struct sample sample;
  enum diffd_status status = sample_init(&sample, SAMPLE_EACH * wanted, err);
  if (status == DIFFD_OK && wanted > 1)
    status = read_sample(job, &sample, err);
  if (status == DIFFD_OK)
    status = diffd_node_ranges_new(&job->store, job->in->threads, sample.ids, sample.count, wanted,
                                   &job->ranges, err);
  sample_clean_up(&sample);
  return status;
}

/* ---- Sorting and writing ranges ---- */

struct writer {
  struct diffd_node_write *job;
  struct diffd_ordered_out out;
  struct diffd_sort_record *order; /* room for twice `order_cap`; values are addresses of records */
  size_t order_cap;
  size_t count;
  size_t common; /* bytes that all ids begin with */
};

static struct diffd_node_record record_of(const struct diffd_sort_record *place) {
  struct diffd_node_record record;
  (void)diffd_node_record_read((const char *)(uintptr_t)place->value, &record);
  return record;
}

static enum diffd_status note_piece(void *arg, struct diffd_span piece, struct diffd_error *err) {
  (void)err;
  struct writer *writer = arg;
  for (size_t at = 0; at < piece.len;) {
    struct diffd_node_record record;
    writer->order[writer->count].value = (uintptr_t)(piece.ptr + at);
    at += diffd_node_record_read(piece.ptr + at, &record);
    struct diffd_span first = record_of(&writer->order[0]).id;
    if (writer->count == 0)
      writer->common = record.id.len;
    else if (record.id.len < writer->common || memcmp(first.ptr, record.id.ptr, writer->common) != 0)
      writer->common = diffd_node_id_common((struct diffd_span){first.ptr, writer->common}, record.id);
    writer->count++;
  }
  return DIFFD_OK;
}

static int compare_places(const void *a, const void *b) {
  return diffd_node_id_compare(record_of(a).id, record_of(b).id);
}

/* Sorts by the eight bytes in which the ids begin to differ, and what these do not tell apart by the whole.
 */
static void sort_order(struct writer *writer) {
  struct diffd_sort_record *order = writer->order;
  for (size_t i = 0; i < writer->count; i++)
    order[i].key = diffd_node_id_prefix(record_of(&order[i]).id, writer->common);
  diffd_radix_sort_records(order, order + writer->order_cap, writer->count);
  for (size_t begin = 0; begin < writer->count;) {
    size_t end = begin + 1;
    while (end < writer->count && order[end].key == order[begin].key)
      end++;
    if (end - begin > 1)
      qsort(order + begin, end - begin, sizeof *order, compare_places);
    begin = end;
  }
}

static enum diffd_status reserve_order(struct writer *writer, size_t count, struct diffd_error *err) {
  writer->count = 0;
  if (count <= writer->order_cap)
    return DIFFD_OK;
  free(writer->order);
  writer->order_cap = count;
  writer->order = malloc(2 * count * sizeof *writer->order);
  if (writer->order != NULL)
    return DIFFD_OK;
  writer->order_cap = 0;
  return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to sort %zu nodes", count);
}

/* A long statement, from where it stands. */
static enum diffd_status put_long_node(struct writer *writer, struct diffd_node_text *node, uint64_t rank,
                                       struct diffd_error *err) {
  struct diffd_diff_run *in = writer->job->in;
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
    status = in->sink->ops->encode_node(in->sink, node, &writer->out.bytes, err);
    if (status == DIFFD_OK)
      status = diffd_ordered_out_relieve(&writer->out, err);
    node->text_at += want;
  }
  return status;
}

static enum diffd_status put_node(struct writer *writer, const struct diffd_node_record *record,
                                  struct diffd_error *err) {
  const struct diffd_change_sink *sink = writer->job->in->sink;
  struct diffd_node_text node = {.id = record->id, .text = record->text, .text_len = record->text_len};
  if (record->text.ptr == NULL)
    return put_long_node(writer, &node, record->rank, err);
  enum diffd_status status = sink->ops->encode_node(sink, &node, &writer->out.bytes, err);
  return status == DIFFD_OK ? diffd_ordered_out_relieve(&writer->out, err) : status;
}

static enum diffd_status write_sorted(struct writer *writer, struct diffd_node_ranges *ranges, size_t range,
                                      struct diffd_error *err) {
  enum diffd_status status = reserve_order(writer, diffd_node_ranges_records(ranges, range), err);
  if (status == DIFFD_OK)
    status = diffd_node_ranges_each(ranges, range, DIFFD_NODES_KEEP, note_piece, writer, err);
  if (status == DIFFD_OK)
    sort_order(writer);
  for (size_t i = 0; status == DIFFD_OK && i < writer->count; i++) {
    struct diffd_node_record record = record_of(&writer->order[i]);
    status = put_node(writer, &record, err);
  }
  return status;
}

/* Dividing a range that is too large: every so manieth of its ids is a sample. */
struct divide {
  struct sample sample;
  size_t every;
  size_t seen;
  size_t next; /* to be taken into the sample, one at random in each `every` */
  uint64_t random;
  struct diffd_node_ranges *parts;
};

static enum diffd_status sample_piece(void *arg, struct diffd_span piece, struct diffd_error *err) {
  (void)err;
  struct divide *divide = arg;
  struct diffd_node_record record;
  for (size_t at = 0; at < piece.len; at += diffd_node_record_read(piece.ptr + at, &record)) {
    size_t number = divide->seen++;
    if (number % divide->every == 0)
      divide->next = number + random_below(&divide->random, divide->every);
    if (number != divide->next)
      continue;
    (void)diffd_node_record_read(piece.ptr + at, &record);
    sample_id(&divide->sample, record.id);
  }
  return DIFFD_OK;
}

static enum diffd_status deal_piece(void *arg, struct diffd_span piece, struct diffd_error *err) {
  const struct divide *divide = arg;
  enum diffd_status status = DIFFD_OK;
  for (size_t at = 0; status == DIFFD_OK && at < piece.len;) {
    struct diffd_node_record record;
    at += diffd_node_record_read(piece.ptr + at, &record);
    status = diffd_node_ranges_put(divide->parts, 0, &record, err);
  }
  return status;
}

/* Deals the records of a range out to ranges of their own. */
static enum diffd_status divide_range(struct diffd_node_write *job, struct diffd_node_ranges *ranges,
                                      size_t range, struct diffd_node_ranges **ret, struct diffd_error *err) {
  struct divide divide = {.every = diffd_node_ranges_records(ranges, range) / (SAMPLE_EACH * DIVIDED_BY) + 1,
                          .random = random_from(job)};
  enum diffd_status status = sample_init(&divide.sample, SAMPLE_EACH * DIVIDED_BY, err);
  if (status == DIFFD_OK)
    status = diffd_node_ranges_each(ranges, range, DIFFD_NODES_AS_IS, sample_piece, &divide, err);
  if (status == DIFFD_OK)
    status = diffd_node_ranges_new(&job->store, 1, divide.sample.ids, divide.sample.count, DIVIDED_BY,
                                   &divide.parts, err);
  sample_clean_up(&divide.sample);
  if (status == DIFFD_OK && diffd_node_ranges_count(divide.parts) > 1)
    status = diffd_node_ranges_each(ranges, range, DIFFD_NODES_DROP, deal_piece, &divide, err);
  if (status == DIFFD_OK)
    *ret = divide.parts;
  else
    diffd_node_ranges_destroy(divide.parts);
  return status;
}

/* Recurses where a part is too large as well; each part is smaller than the range. */
static enum diffd_status write_range(struct writer *writer, struct diffd_node_ranges *ranges, size_t range,
                                     unsigned depth, struct diffd_error *err) {
  struct diffd_node_ranges *parts = NULL;
  enum diffd_status status = DIFFD_OK;
  if (diffd_node_ranges_bytes(ranges, range) > RANGE_MAX && depth < DEPTH_MAX)
    status = divide_range(writer->job, ranges, range, &parts, err);
  if (parts == NULL || diffd_node_ranges_count(parts) == 1) {
    /* A single node may be larger than what is divided, or a few whose ids are. */
    if (status == DIFFD_OK)
      status = write_sorted(writer, ranges, range, err);
  } else {
    for (size_t i = 0; status == DIFFD_OK && i < diffd_node_ranges_count(parts); i++)
      status = write_range(writer, parts, i, depth + 1, err);
  }
  diffd_node_ranges_destroy(parts);
  diffd_node_ranges_drop(ranges, range);
  return status;
}

static void write_ranges(void *arg, unsigned thread) {
  (void)thread;
  struct diffd_node_write *job = arg;
  struct diffd_diff_run *in = job->in;
  struct diffd_error err;
  struct writer writer = {.job = job, .out = diffd_ordered_out_init(&in->ordered)};
  enum diffd_status status = DIFFD_OK;
  while (status == DIFFD_OK) {
    writer.out.number = __atomic_fetch_add(&job->next, 1, __ATOMIC_RELAXED);
    if (writer.out.number >= diffd_node_ranges_count(job->ranges))
      break;
    if (diffd_context_cancelled(in->ctx))
      status = diffd_fail(&err, DIFFD_CANCELLED, "stopped while writing nodes");
    else
      status = write_range(&writer, job->ranges, (size_t)writer.out.number, 0, &err);
    if (status == DIFFD_OK)
      status = diffd_ordered_out_done(&writer.out, &err);
  }
  if (status != DIFFD_OK)
    diffd_diff_run_fail(in, status, &err);
  diffd_buffer_clean_up(&writer.out.bytes);
  free(writer.order);
}

/* ---- The whole ---- */

enum diffd_status diffd_node_write_new(struct diffd_diff_run *run, struct diffd_node_write **ret,
                                       struct diffd_error *err) {
  struct diffd_node_write *job = calloc(1, sizeof *job);
  if (job == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to sort nodes");
  job->in = run;
  diffd_node_store_init(&job->store, &run->budget, run->options->tmp_dir, KEPT_BYTES);
  *ret = job;
  return DIFFD_OK;
}

void diffd_node_write_destroy(struct diffd_node_write *job) {
  if (job == NULL)
    return;
  diffd_node_ranges_destroy(job->ranges);
  diffd_node_store_clean_up(&job->store);
  free(job);
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

enum diffd_status diffd_node_write_add(struct diffd_node_write *job, uint64_t *ranks, size_t count,
                                       struct diffd_error *err) {
  enum diffd_status status = sort_ranks(ranks, count, err);
  job->ranks = ranks;
  job->count = count;
  if (status == DIFFD_OK && job->ranges == NULL)
    status = make_ranges(job, err);
  if (status != DIFFD_OK)
    return status;
  job->next = 0;
  job->store.memory_max += KEPT_BYTES_A_NODE * (uint64_t)count;
  job->in->counts.nodes += count;
  diffd_run_threads(job->in->threads, read_slices, job);
  return diffd_diff_run_result(job->in, err);
}

enum diffd_status diffd_node_write_finish(struct diffd_node_write *job, struct diffd_error *err) {
  if (job->ranges == NULL)
    return DIFFD_OK;
  job->next = 0;
  diffd_diff_run_begin_ordered(job->in);
  diffd_run_threads(job->in->threads, write_ranges, job);
  diffd_diff_run_end_ordered(job->in);
  return diffd_diff_run_result(job->in, err);
}
