/* SPDX-License-Identifier: Apache-2.0
 *
 * One line of a flow log to one record.
 *
 * diffd_flow_record_parse is the specification; diffd_flow_record_fast takes the common kind of record in a
 * fraction of its time and leaves the rest to it. Neither allocates, neither keeps state.
 */
#ifndef DIFFD_CORE_FLOW_RECORD_H
#define DIFFD_CORE_FLOW_RECORD_H

#include "core/flow_fields.h"
#include "diffd/graph.h"

/* An account-id or interface-id is at most this long, in bytes. */
enum { DIFFD_FLOW_NAME_MAX = 255 };

/* What a kernel may read before and after a text, whatever is there. */
enum { DIFFD_FLOW_PAD = 64 };

enum diffd_flow_line {
  DIFFD_FLOW_RECORD,   /* log-status OK: a flow */
  DIFFD_FLOW_NODATA,   /* nothing was seen; start and end alone count */
  DIFFD_FLOW_SKIPDATA, /* AWS lost records; start and end alone count */
  DIFFD_FLOW_BAD,      /* no record */
};

struct diffd_flow_address {
  bool v6;
  uint32_t v4;       /* 10.1.2.3 is 0x0a010203 */
  uint8_t bytes[16]; /* where v6 */
};

/* Spans point into the line. */
struct diffd_flow_record {
  /* "ACCOUNT ENI" where they follow each other in the line; else ptr is NULL. */
  struct diffd_span account_eni;
  struct diffd_span account;
  struct diffd_span eni;
  struct diffd_flow_address source;
  struct diffd_flow_address destination;
  uint16_t srcport;
  uint16_t dstport;
  uint8_t protocol;
  uint8_t color; /* enum diffd_color: red where action is REJECT in any case */
  uint64_t packets;
  uint64_t bytes;
  int64_t start; /* seconds since the epoch */
  int64_t end;
};

/* Parses a line without its line end, all but its ids. For DIFFD_FLOW_NODATA and _SKIPDATA only start and end
 * are set. For DIFFD_FLOW_BAD *ret_fault is a static text that says what is wrong with it. */
enum diffd_flow_line diffd_flow_record_parse(const struct diffd_flow_format *format, struct diffd_span line,
                                             struct diffd_flow_record *ret, const char **ret_fault);

/* NULL, or a static text that says which of the two ids cannot be one: empty, longer than
 * DIFFD_FLOW_NAME_MAX, or with a character that a quoted DOT string would have to escape. Apart from the
 * parsing, because ids repeat, and one look at each is enough. */
const char *diffd_flow_record_id_fault(const struct diffd_flow_record *record);

/* The places of spaces and newlines in a text, and which of them are newlines. */
struct diffd_flow_marks {
  uint32_t *marks;
  uint32_t *newlines; /* indexes of marks */
  uint32_t mark_count;
  uint32_t newline_count;
};

/* The two loops that take the time, in one of their forms. All give the same. */
struct diffd_flow_kernel {
  const char *name;
  /* Appends the spaces and newlines of text[begin, end); both arrays have room for end - begin more, and 64.
   * Reads up to DIFFD_FLOW_PAD bytes after `end`. */
  void (*scan)(const char *text, uint32_t begin, uint32_t end, struct diffd_flow_marks *marks);
  /* Parses the line whose columns end at text + ends[0] to text + ends[format->columns - 1], the line's end;
   * ends[-1] is the place before the line, also where that is -1. True for an OK record, which
   * diffd_flow_record_parse would then give alike; false for everything else, and for what is too odd to be
   * fast. Reads up to DIFFD_FLOW_PAD bytes around the line. */
  bool (*record)(const struct diffd_flow_format *format, const char *text, const uint32_t *ends,
                 struct diffd_flow_record *ret);
  /* Parses up to `count` lines into as many records, from that on which ends with the newline
   * marks->newlines[line], each as `record` does. Stops before a line that has not the format's columns or is
   * not for `record`; returns how many it parsed. */
  uint32_t (*records)(const struct diffd_flow_format *format, const char *text,
                      const struct diffd_flow_marks *marks, uint32_t line, uint32_t count,
                      struct diffd_flow_record *ret);
};

/* The marks of a line begin at the place in marks->marks that this gives. */
static inline uint32_t diffd_flow_marks_first(const struct diffd_flow_marks *marks, uint32_t line) {
  return line == 0 ? 0 : marks->newlines[line - 1] + 1;
}

/* The kernel of that name, "scalar" or "avx2", or NULL: the best that this CPU has. NULL where it has none
 * such. */
const struct diffd_flow_kernel *diffd_flow_kernel_find(const char *name);
/* NULL where the program or this CPU has no AVX2. */
const struct diffd_flow_kernel *diffd_flow_kernel_avx2(void);

/* Any address, for kernels that do only the most common ones themselves. */
bool diffd_flow_address_parse(struct diffd_span text, struct diffd_flow_address *ret);

#endif
