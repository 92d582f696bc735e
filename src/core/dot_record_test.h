/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests and fuzzing: writes down, one line each, what the DOT reader says about an input.
 *
 *   edge BEGIN-END MARK@AT "source" -> "destination" account="..." ... packets=N ...
 *   node BEGIN-END "id"
 *   error LINE:COLUMN text
 *
 * Offsets are bytes from 0. Bytes that are not printable ASCII, quotes and backslashes are written \xNN.
 */
#ifndef DIFFD_CORE_DOT_RECORD_TEST_H
#define DIFFD_CORE_DOT_RECORD_TEST_H

#include <inttypes.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "core/dot_parse.h"

enum { RECORD_MAX = 64 * 1024 * 1024 };

static inline void record_or_abort(enum diffd_status status) {
  if (status != DIFFD_OK)
    abort();
}

static inline void record_value(struct diffd_buffer *out, const char *name, struct diffd_span value) {
  struct diffd_error err;
  if (value.ptr == NULL)
    return;
  record_or_abort(diffd_buffer_printf(out, &err, "%s\"", name));
  for (size_t i = 0; i < value.len; i++) {
    unsigned char c = (unsigned char)value.ptr[i];
    const char *fmt = c < ' ' || c >= 0x7F || c == '"' || c == '\\' ? "\\x%02X" : "%c";
    record_or_abort(fmt[0] == '%' ? diffd_buffer_append(out, &value.ptr[i], 1, &err)
                                  : diffd_buffer_printf(out, &err, "\\x%02X", c));
  }
  record_or_abort(diffd_buffer_append(out, "\"", 1, &err));
}

static inline void record_counters(struct diffd_buffer *out, const struct diffd_counters *counters) {
  struct diffd_error err;
  if ((counters->present & DIFFD_HAS_PACKETS) != 0)
    record_or_abort(diffd_buffer_printf(out, &err, " packets=%" PRIu64, counters->packets));
  if ((counters->present & DIFFD_HAS_BYTES) != 0)
    record_or_abort(diffd_buffer_printf(out, &err, " bytes=%" PRIu64, counters->bytes));
  if ((counters->present & DIFFD_HAS_START) != 0)
    record_or_abort(diffd_buffer_printf(out, &err, " start=%" PRId64, counters->start));
  if ((counters->present & DIFFD_HAS_END) != 0)
    record_or_abort(diffd_buffer_printf(out, &err, " end=%" PRId64, counters->end));
}

static inline enum diffd_status record_statement(void *arg, const struct diffd_dot_statement *s,
                                                 struct diffd_error *err) {
  static const char *const marks[] = {"label", "list", "none"};
  struct diffd_buffer *out = arg;
  (void)err;
  record_or_abort(diffd_buffer_printf(out, err, "%s %" PRIu64 "-%" PRIu64,
                                      s->kind == DIFFD_DOT_EDGE ? "edge" : "node", s->begin, s->end));
  if (s->kind == DIFFD_DOT_EDGE)
    record_or_abort(diffd_buffer_printf(out, err, " %s@%" PRIu64, marks[s->mark_kind], s->mark_at));
  record_value(out, " ", s->identity.source);
  record_value(out, " -> ", s->identity.destination);
  record_value(out, " account=", s->identity.account);
  record_value(out, " eni=", s->identity.eni);
  record_value(out, " srcport=", s->identity.srcport);
  record_value(out, " dstport=", s->identity.dstport);
  record_value(out, " protocol=", s->identity.protocol);
  record_value(out, " color=", s->identity.color);
  record_counters(out, &s->counters);
  record_or_abort(diffd_buffer_append(out, "\n", 1, err));
  return DIFFD_OK;
}

/* Writes the failure down, if there is one, and the NUL that ends the record. */
static inline void record_failure(struct diffd_buffer *out, const struct diffd_dot_parser *parser,
                                  enum diffd_status status, const struct diffd_error *failure,
                                  const char *bytes, size_t len) {
  struct diffd_dot_place place = {1, 1};
  uint64_t offset = diffd_dot_parser_error_offset(parser);
  struct diffd_error err;
  if (status == DIFFD_OK) {
    if (!diffd_dot_parser_closed(parser))
      abort();
  } else {
    if (status != DIFFD_BAD_GRAPH || offset > len)
      abort();
    diffd_dot_place_advance(&place, bytes, (size_t)offset);
    record_or_abort(diffd_buffer_printf(out, &err, "error %" PRIu64 ":%" PRIu64 " %s\n", place.line,
                                        place.column, failure->detail));
  }
  record_or_abort(diffd_buffer_append(out, "", 1, &err));
}

/* How long the next chunk is, at least 1; `left` bytes are left. */
typedef size_t (*record_chunk)(void *arg, size_t left);

/* Reads the input and returns what was said, NUL-terminated; the caller frees it. */
static inline char *record(const char *bytes, size_t len, record_chunk chunk, void *arg) {
  struct diffd_buffer out = diffd_buffer_init(RECORD_MAX);
  struct diffd_dot_handler handler = {.statement = record_statement, .arg = &out, .wants_counters = true};
  struct diffd_dot_parser *parser;
  struct diffd_error err;
  enum diffd_status status = DIFFD_OK;
  record_or_abort(diffd_dot_parser_new(handler, &parser, &err));
  for (size_t at = 0; at < len && status == DIFFD_OK;) {
    size_t size = chunk(arg, len - at);
    /* A copy of its own, so that a sanitizer sees whoever looks beyond the chunk or keeps a pointer to it. */
    char *copy = malloc(size);
    if (copy == NULL)
      abort();
    for (size_t i = 0; i < size; i++)
      copy[i] = bytes[at + i];
    status = diffd_dot_parser_feed(parser, copy, size, &err);
    free(copy);
    at += size;
  }
  if (status == DIFFD_OK)
    status = diffd_dot_parser_finish(parser, &err);
  record_failure(&out, parser, status, &err, bytes, len);
  diffd_dot_parser_destroy(parser);
  return out.ptr;
}

static inline size_t record_whole(void *arg, size_t left) {
  (void)arg;
  return left;
}

static inline size_t record_byte_by_byte(void *arg, size_t left) {
  (void)arg;
  (void)left;
  return 1;
}

/* Chunks of 1 to about 40 bytes, now and then a long one; `arg` is a uint64_t that is no 0. */
static inline size_t record_random(void *arg, size_t left) {
  uint64_t *seed = arg;
  *seed ^= *seed << 13;
  *seed ^= *seed >> 7;
  *seed ^= *seed << 17;
  size_t size = (size_t)(*seed >> 20 & 7) == 0 ? 200 : 1 + (size_t)((*seed >> 32) % 40);
  return size < left ? size : left;
}

#endif
