/* SPDX-License-Identifier: Apache-2.0
 *
 * From the text of one log to records: blocks are scanned in small chunks that stay in the first cache, lines
 * that are split between blocks move to the front of the buffer, and no line is copied otherwise.
 */
#include "core/flow_read.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diffd/log.h"

enum {
  BLOCK = 256 * 1024, /* bytes of text that are read at once */
  CHUNK = 8 * 1024,   /* bytes that are scanned before their lines are parsed */
  BUFFER_SIZE = DIFFD_FLOW_PAD + DIFFD_FLOW_LINE_MAX + CHUNK + BLOCK + 1 + DIFFD_FLOW_PAD,
  MARKS_CAP = DIFFD_FLOW_LINE_MAX + 2 * CHUNK + 64,
  NEWLINES_CAP = CHUNK + 64,
  COMMON_LINES = 64, /* lines that are parsed before their records are taken */
};

struct diffd_flow_read {
  struct diffd_flow_read_setup setup;
  struct diffd_flow_text *source;
  struct diffd_flow_counts counts;
  /* The input at hand. */
  const char *name;
  struct diffd_flow_format format;
  uint64_t line;       /* lines that ended */
  uint64_t empty_line; /* the number of an empty line that the input may end with; 0: none */
  uint64_t reported;   /* stored bytes that the progress knows of */
  bool overlong;       /* the line at hand is too long, and what came of it was dropped */
  bool told;           /* the first bad record was logged */
  /* text[begin, len) is not used yet, and text[begin, scanned) is scanned. */
  uint32_t begin;
  uint32_t scanned;
  uint32_t len;
  struct diffd_flow_marks marks;
  struct diffd_flow_record common[COMMON_LINES];
  char *text;                        /* buffer + DIFFD_FLOW_PAD */
  uint32_t mark_room[1 + MARKS_CAP]; /* the first is the place before the line at hand */
  uint32_t newline_room[NEWLINES_CAP];
  char buffer[BUFFER_SIZE];
};

enum diffd_status diffd_flow_read_new(const struct diffd_flow_read_setup *setup, struct diffd_flow_read **ret,
                                      struct diffd_error *err) {
  /* calloc, so that what the fast parser reads around a line is never uninitialised. */
  struct diffd_flow_read *read = calloc(1, sizeof *read);
  if (read == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to read flow logs");
  enum diffd_status status = diffd_flow_text_new(&read->source, err);
  if (status != DIFFD_OK) {
    free(read);
    return status;
  }
  read->setup = *setup;
  read->text = read->buffer + DIFFD_FLOW_PAD;
  read->marks = (struct diffd_flow_marks){.marks = read->mark_room + 1, .newlines = read->newline_room};
  *ret = read;
  return DIFFD_OK;
}

void diffd_flow_read_destroy(struct diffd_flow_read *read) {
  if (read == NULL)
    return;
  diffd_flow_text_destroy(read->source);
  free(read);
}

struct diffd_flow_counts diffd_flow_read_counts(const struct diffd_flow_read *read) {
  return read->counts;
}

static bool in_window(const struct diffd_flow_read *read, int64_t start) {
  const struct diffd_flow_options *options = read->setup.options;
  return options->all || (options->window.start <= start && start < options->window.stop);
}

static enum diffd_status bad_line(struct diffd_flow_read *read, uint64_t line, const char *fault,
                                  struct diffd_error *err) {
  if (read->setup.options->fail_on_bad_record)
    return diffd_fail(err, DIFFD_BAD_LOGS, "%s:%" PRIu64 ": no flow record: %s", read->name, line, fault);
  read->counts.bad++;
  if (!read->told && read->setup.ctx->log != NULL) {
    char place[512];
    (void)snprintf(place, sizeof place, "%s:%" PRIu64, read->name, line);
    diffd_log(read->setup.ctx->log, DIFFD_LOG_WARN, "bad-record", {"place", place, 0}, {"reason", fault, 0});
  }
  read->told = true;
  return DIFFD_OK;
}

static inline enum diffd_status take_record(struct diffd_flow_read *read,
                                            const struct diffd_flow_record *record, uint32_t pair,
                                            struct diffd_error *err) {
  read->counts.records++;
  enum diffd_status status = diffd_flow_digest_add(read->setup.digest, record, pair, err);
  return status == DIFFD_OK ? status : diffd_fail_within(err, "%s", read->name);
}

/* Takes a record from the plain parser, whose account and ENI may be new. */
static enum diffd_status take_any_record(struct diffd_flow_read *read, const struct diffd_flow_record *record,
                                         struct diffd_error *err) {
  uint32_t pair;
  if (!in_window(read, record->start)) {
    read->counts.outside++;
    return DIFFD_OK;
  }
  const char *fault = diffd_flow_record_id_fault(record);
  if (fault != NULL)
    return bad_line(read, read->line, fault, err);
  enum diffd_status status = diffd_flow_digest_add_pair(read->setup.digest, record, &pair, err);
  return status == DIFFD_OK ? take_record(read, record, pair, err) : diffd_fail_within(err, "%s", read->name);
}

/* Every line that is no common record: headers, records without data, odd spellings, and what is broken. */
static enum diffd_status take_odd_line(struct diffd_flow_read *read, struct diffd_span line,
                                       struct diffd_error *err) {
  struct diffd_flow_record record;
  const char *fault = "";
  if (line.len == 0) {
    read->empty_line = read->line; /* nothing, where the input ends with it */
    return DIFFD_OK;
  }
  if (line.len > DIFFD_FLOW_LINE_MAX)
    return bad_line(read, read->line, "the line is longer than 64 KiB", err);
  switch (diffd_flow_record_parse(&read->format, line, &record, &fault)) {
  case DIFFD_FLOW_RECORD:
    return take_any_record(read, &record, err);
  case DIFFD_FLOW_NODATA:
    read->counts.nodata += in_window(read, record.start);
    return DIFFD_OK;
  case DIFFD_FLOW_SKIPDATA:
    read->counts.skipdata += in_window(read, record.start);
    return DIFFD_OK;
  case DIFFD_FLOW_BAD:
    break;
  }
  if (!diffd_flow_is_header(line))
    return bad_line(read, read->line, fault, err);
  if (diffd_flow_format_parse(line, &read->format, err) != DIFFD_OK)
    return diffd_fail_within(err, "%s:%" PRIu64, read->name, read->line);
  return DIFFD_OK;
}

/* Takes the line that ends with marks.newlines[line], whatever it is. */
static enum diffd_status take_line(struct diffd_flow_read *read, uint32_t line, struct diffd_error *err) {
  __attribute__((uninitialized)) struct diffd_flow_record record;
  struct diffd_flow_marks *marks = &read->marks;
  uint32_t first = diffd_flow_marks_first(marks, line), *ends = marks->marks + first;
  uint32_t columns = marks->newlines[line] - first + 1;
  uint32_t begin = ends[-1] + 1, newline = ends[columns - 1];
  read->line++;
  if (read->empty_line != 0) {
    uint64_t empty = read->empty_line;
    read->empty_line = 0;
    enum diffd_status status = bad_line(read, empty, "the line is empty", err);
    if (status != DIFFD_OK)
      return status;
  }
  if (read->overlong) {
    read->overlong = false;
    return bad_line(read, read->line, "the line is longer than 64 KiB", err);
  }
  uint32_t end = newline > begin && read->text[newline - 1] == '\r' ? newline - 1 : newline;
  ends[columns - 1] = end;
  bool common = columns == read->format.columns && end - begin <= DIFFD_FLOW_LINE_MAX &&
                read->setup.kernel->record(&read->format, read->text, ends, &record);
  ends[columns - 1] = newline; /* where the next line begins */
  if (common) {
    if (!in_window(read, record.start)) {
      read->counts.outside++;
      return DIFFD_OK;
    }
    /* Ids are looked at once, when a pair of them is new. */
    uint32_t pair = diffd_flow_digest_find_pair(read->setup.digest, &record);
    if (pair != DIFFD_FLOW_NO_NUMBER)
      return take_record(read, &record, pair, err);
  }
  return take_odd_line(read, (struct diffd_span){read->text + begin, end - begin}, err);
}

/* Takes lines from that on which ends with marks.newlines[line], as long as they are common records, at most
 * COMMON_LINES of them. Ids are looked at once, when a pair of them is new: such a line is not common. */
static enum diffd_status take_common_lines(struct diffd_flow_read *read, uint32_t line, uint32_t *ret_taken,
                                           struct diffd_error *err) {
  const struct diffd_flow_marks *marks = &read->marks;
  uint32_t count = marks->newline_count - line < COMMON_LINES ? marks->newline_count - line : COMMON_LINES;
  count = read->setup.kernel->records(&read->format, read->text, marks, line, count, read->common);
  uint32_t taken = 0;
  while (taken < count) {
    const struct diffd_flow_record *records = read->common + taken;
    uint32_t inside = 0, added = 0;
    while (inside < count - taken && in_window(read, records[inside].start))
      inside++;
    enum diffd_status status = diffd_flow_digest_add_known(read->setup.digest, records, inside, &added, err);
    if (status != DIFFD_OK)
      return diffd_fail_within(err, "%s", read->name);
    read->counts.records += added;
    taken += added;
    if (added < inside)
      break;
    for (; taken < count && !in_window(read, read->common[taken].start); taken++)
      read->counts.outside++;
  }
  read->line += taken;
  *ret_taken = taken;
  return DIFFD_OK;
}

/* Takes all lines that end in what is scanned. The first may be of any length, and be what ends a line that
 * was too long, or follows an empty one. */
static enum diffd_status take_lines(struct diffd_flow_read *read, struct diffd_error *err) {
  struct diffd_flow_marks *marks = &read->marks;
  for (uint32_t line = 0; line < marks->newline_count;) {
    uint32_t taken = 0;
    enum diffd_status status = DIFFD_OK;
    if (line > 0 && read->empty_line == 0)
      status = take_common_lines(read, line, &taken, err);
    line += taken;
    if (status == DIFFD_OK && taken < COMMON_LINES && line < marks->newline_count)
      status = take_line(read, line++, err);
    if (status != DIFFD_OK)
      return status;
  }
  uint32_t first = diffd_flow_marks_first(marks, marks->newline_count);
  if (first > 0)
    read->begin = marks->marks[first - 1] + 1;
  marks->newline_count = 0;
  marks->mark_count -= first;
  memmove(marks->marks, marks->marks + first, marks->mark_count * sizeof *marks->marks);
  if (read->scanned - read->begin > DIFFD_FLOW_LINE_MAX) {
    read->overlong = true;
    read->begin = read->scanned;
    marks->mark_count = 0;
  }
  marks->marks[-1] = read->begin - 1;
  return DIFFD_OK;
}

static enum diffd_status scan_and_take(struct diffd_flow_read *read, struct diffd_error *err) {
  while (read->scanned < read->len) {
    uint32_t end = read->len - read->scanned > CHUNK ? read->scanned + CHUNK : read->len;
    read->setup.kernel->scan(read->text, read->scanned, end, &read->marks);
    read->scanned = end;
    enum diffd_status status = take_lines(read, err);
    if (status != DIFFD_OK)
      return status;
  }
  return DIFFD_OK;
}

/* Moves what is left of the last line to the front of the buffer. */
static void move_rest(struct diffd_flow_read *read) {
  uint32_t gone = read->begin;
  memmove(read->text, read->text + gone, read->len - gone);
  for (uint32_t i = 0; i < read->marks.mark_count; i++)
    read->marks.marks[i] -= gone;
  read->len -= gone;
  read->scanned -= gone;
  read->begin = 0;
  read->marks.marks[-1] = UINT32_MAX;
}

static void report_progress(struct diffd_flow_read *read) {
  uint64_t stored = diffd_flow_text_stored_bytes(read->source);
  uint64_t more = stored - read->reported;
  uint64_t total = atomic_fetch_add(read->setup.stored_bytes, more) + more;
  read->reported = stored;
  if (read->setup.options->progress != NULL)
    read->setup.options->progress(read->setup.options->progress_arg, total);
}

/* A last line need not end with a newline; an empty one is nothing. */
static enum diffd_status take_end(struct diffd_flow_read *read, struct diffd_error *err) {
  if (read->begin == read->len && !read->overlong)
    return DIFFD_OK;
  read->text[read->len++] = '\n';
  return scan_and_take(read, err);
}

static enum diffd_status read_all(struct diffd_flow_read *read, struct diffd_error *err) {
  for (;;) {
    size_t got;
    if (diffd_context_cancelled(read->setup.ctx))
      return diffd_fail(err, DIFFD_CANCELLED, "reading flow logs was cancelled");
    move_rest(read);
    enum diffd_status status = diffd_flow_text_read(read->source, read->text + read->len, BLOCK, &got, err);
    if (status == DIFFD_END)
      return take_end(read, err);
    if (status != DIFFD_OK)
      return diffd_fail_within(err, "%s", read->name);
    read->len += (uint32_t)got;
    report_progress(read);
    status = scan_and_take(read, err);
    if (status != DIFFD_OK)
      return status;
  }
}

static void begin_input(struct diffd_flow_read *read, const struct diffd_flow_input *input,
                        struct diffd_reader *reader) {
  diffd_flow_text_begin(read->source, reader);
  read->name = input->name;
  read->format = diffd_flow_format_default();
  read->line = read->empty_line = read->reported = 0;
  read->overlong = read->told = false;
  read->begin = read->scanned = read->len = 0;
  read->marks.mark_count = read->marks.newline_count = 0;
}

enum diffd_status diffd_flow_read_input(struct diffd_flow_read *read, const struct diffd_flow_input *input,
                                        struct diffd_error *err) {
  struct diffd_reader *reader;
  enum diffd_status status = input->open(input->arg, &reader, err);
  if (status != DIFFD_OK)
    return strstr(err->detail, input->name) != NULL ? status : diffd_fail_within(err, "%s", input->name);
  begin_input(read, input, reader);
  status = read_all(read, err);
  diffd_reader_destroy(reader);
  return status;
}
