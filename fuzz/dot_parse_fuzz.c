/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the DOT reader: the input is a graph. However it is cut into chunks, and where lines are handed over
 * as the diff does it, the reader says the same. Every statement stands where it says, reads the same alone,
 * and, once marked as the diff marks it, is still an edge of the same identity.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/dot_parse.h"
#include "core/dot_record_test.h"

enum { INPUT_MAX = 1 << 16 };

struct whole {
  const char *bytes;
  uint64_t len;
  uint64_t last_end;
};

static bool same_span(struct diffd_span a, struct diffd_span b) {
  if (a.ptr == NULL || b.ptr == NULL)
    return a.ptr == b.ptr;
  return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

static enum diffd_status compare(void *arg, const struct diffd_dot_statement *s, struct diffd_error *err) {
  const struct diffd_dot_statement **expected = arg;
  (void)err;
  assert(*expected != NULL && (*expected)->kind == s->kind);
  const struct diffd_identity *a = &s->identity;
  const struct diffd_identity *b = &(*expected)->identity;
  assert(same_span(a->source, b->source) && same_span(a->destination, b->destination));
  assert(same_span(a->account, b->account) && same_span(a->eni, b->eni) && same_span(a->color, b->color));
  assert(same_span(a->srcport, b->srcport) && same_span(a->dstport, b->dstport));
  assert(same_span(a->protocol, b->protocol));
  *expected = NULL;
  return DIFFD_OK;
}

/* Reads one statement's text by itself. */
static void read_alone(const char *text, size_t len, const struct diffd_dot_statement *expected) {
  struct diffd_dot_parser *parser;
  struct diffd_error err;
  struct diffd_dot_handler handler = {.statement = compare, .arg = &expected};
  record_or_abort(diffd_dot_parser_new(handler, &parser, &err));
  diffd_dot_parser_enter_body(parser, 0);
  record_or_abort(diffd_dot_parser_feed(parser, text, len, &err));
  record_or_abort(diffd_dot_parser_feed(parser, "\n}", 2, &err));
  record_or_abort(diffd_dot_parser_finish(parser, &err));
  assert(expected == NULL);
  diffd_dot_parser_destroy(parser);
}

/* Puts the diff's mark in and reads the result. */
static void read_marked(const char *text, size_t len, const struct diffd_dot_statement *s) {
  static const char *const marks[] = {
      [DIFFD_MARK_LABEL] = "\\ndiff=ADDED\" govpc_diff=\"ADDED",
      [DIFFD_MARK_LIST] = " govpc_diff=\"ADDED\"",
      [DIFFD_MARK_NONE] = " [govpc_diff=\"ADDED\"]",
  };
  size_t at = (size_t)(s->mark_at - s->begin);
  size_t mark_len = strlen(marks[s->mark_kind]);
  assert(s->mark_kind != DIFFD_MARK_LABEL || (at + 2 == len && memcmp(text + at, "\"]", 2) == 0));
  assert(s->mark_kind != DIFFD_MARK_LIST || (at + 1 == len && text[at] == ']'));
  assert(s->mark_kind != DIFFD_MARK_NONE || at == len);
  char *marked = malloc(len + mark_len);
  assert(marked != NULL);
  memcpy(marked, text, at);
  memcpy(marked + at, marks[s->mark_kind], mark_len);
  memcpy(marked + at + mark_len, text + at, len - at);
  read_alone(marked, len + mark_len, s);
  free(marked);
}

static enum diffd_status check_statement(void *arg, const struct diffd_dot_statement *s,
                                         struct diffd_error *err) {
  struct whole *whole = arg;
  (void)err;
  assert(s->begin >= whole->last_end && s->begin < s->end && s->end <= whole->len);
  whole->last_end = s->end;
  const char *text = whole->bytes + s->begin;
  size_t len = (size_t)(s->end - s->begin);
  assert(s->identity.source.ptr != NULL &&
         (s->identity.destination.ptr != NULL) == (s->kind == DIFFD_DOT_EDGE));
  read_alone(text, len, s);
  if (s->kind == DIFFD_DOT_EDGE)
    read_marked(text, len, s);
  return DIFFD_OK;
}

static void check_statements(const char *bytes, size_t len) {
  struct whole whole = {.bytes = bytes, .len = len};
  struct diffd_dot_parser *parser;
  struct diffd_error err;
  struct diffd_dot_handler handler = {.statement = check_statement, .arg = &whole};
  record_or_abort(diffd_dot_parser_new(handler, &parser, &err));
  if (diffd_dot_parser_feed(parser, bytes, len, &err) == DIFFD_OK)
    (void)!diffd_dot_parser_finish(parser, &err);
  diffd_dot_parser_destroy(parser);
}

/* Reads line by line; where a statement may begin and the next line begins as a canonical one, the statement
 * before is cut off and the reader enters the body anew, as it does behind lines that the fast path took. */
static char *record_lines(const char *bytes, size_t len) {
  struct diffd_buffer out = diffd_buffer_init(RECORD_MAX);
  struct diffd_dot_handler handler = {.statement = record_statement, .arg = &out, .wants_counters = true};
  struct diffd_dot_parser *parser;
  struct diffd_error err;
  enum diffd_status status = DIFFD_OK;
  record_or_abort(diffd_dot_parser_new(handler, &parser, &err));
  for (size_t at = 0; at < len && status == DIFFD_OK;) {
    const char *newline = memchr(bytes + at, '\n', len - at);
    size_t size = newline != NULL ? (size_t)(newline - bytes) + 1 - at : len - at;
    if (diffd_dot_parser_between_statements(parser) && size > 2 && memcmp(bytes + at, "\tn", 2) == 0) {
      status = diffd_dot_parser_cut(parser, &err);
      diffd_dot_parser_enter_body(parser, at);
    }
    if (status == DIFFD_OK)
      status = diffd_dot_parser_feed(parser, bytes + at, size, &err);
    at += size;
  }
  if (status == DIFFD_OK)
    status = diffd_dot_parser_finish(parser, &err);
  record_failure(&out, parser, status, &err, bytes, len);
  diffd_dot_parser_destroy(parser);
  return out.ptr;
}

static void check_same(char *said, const char *whole) {
  if (strcmp(said, whole) != 0) {
    fprintf(stderr, "whole:\n%sotherwise:\n%s", whole, said);
    abort();
  }
  free(said);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *bytes = (const char *)data;
  if (size > INPUT_MAX)
    return 0;
  char *whole = record(bytes, size, record_whole, NULL);
  uint64_t seed = 88172645463325252U + size;
  check_same(record(bytes, size, record_byte_by_byte, NULL), whole);
  check_same(record(bytes, size, record_random, &seed), whole);
  check_same(record_lines(bytes, size), whole);
  free(whole);
  check_statements(bytes, size);
  return 0;
}
