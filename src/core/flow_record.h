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

/* What diffd_flow_record_fast and diffd_flow_scan may read before and after a text, whatever is there. */
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

/* Parses a line without its line end. For DIFFD_FLOW_NODATA and _SKIPDATA only start and end are set. For
 * DIFFD_FLOW_BAD *ret_fault is a static text that says what is wrong with it. */
enum diffd_flow_line diffd_flow_record_parse(const struct diffd_flow_format *format, struct diffd_span line,
                                             struct diffd_flow_record *ret, const char **ret_fault);

/* Finds the spaces and newlines of text[begin, end). Appends their offsets to `marks`, and the index in
 * `marks` of each newline to `newlines`; both have room for end - begin more, and 64. Reads up to
 * DIFFD_FLOW_PAD bytes after `end`. */
struct diffd_flow_marks {
  uint32_t *marks;
  uint32_t *newlines;
  uint32_t mark_count;
  uint32_t newline_count;
};
typedef void diffd_flow_scan_fn(const char *text, uint32_t begin, uint32_t end,
                                struct diffd_flow_marks *marks);
diffd_flow_scan_fn diffd_flow_scan_scalar;
/* The kernel of that name ("scalar", "avx2"); NULL: the best that this CPU has. NULL where it has none such.
 */
diffd_flow_scan_fn *diffd_flow_scan_kernel(const char *name);

/* Parses the line that begins at text + begin and whose columns end at `ends` (format->columns of them, the
 * last being the line's end). True for an OK record, which diffd_flow_record_parse would then give alike;
 * false for everything else and for what is too odd to be fast. Reads up to DIFFD_FLOW_PAD bytes around the
 * line. */
bool diffd_flow_record_fast(const struct diffd_flow_format *format, const char *text, uint32_t begin,
                            const uint32_t *ends, struct diffd_flow_record *ret);

#endif
