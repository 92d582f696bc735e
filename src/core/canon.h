/* SPDX-License-Identifier: Apache-2.0
 *
 * Canonical lines: what go-vpcflow writes, recognised by literals and by where quotes stand.
 *
 *   \tSRC -> DST [govpc_accountID="A" govpc_eniID="E" govpc_srcPort="S" govpc_dstPort="D" govpc_protocol="P"
 *   govpc_packets="N" govpc_bytes="N" govpc_start="N" govpc_end="N" color=green|red label="..."]\n
 *   \tID [label="..."]\n
 *
 * (the first is one line). Ids are `n` and then digits, a-f and `_`, so that none is a keyword; no value but
 * a label holds a backslash, and none a quote, a newline or what the key of another could be made of. The
 * next line begins with a tab and an `n`, or with the closing brace, so that the statement does not go on
 * there. Whatever else DOT allows is no canonical line and takes the general reader, which finds the same
 * edge in it.
 *
 * canon_walk.h says how a line is read. It is compiled once for each kernel; the scalar one is the
 * specification, and every other gives the same answers.
 */
#ifndef DIFFD_CORE_CANON_H
#define DIFFD_CORE_CANON_H

#include "core/edge_key.h"

enum {
  DIFFD_CANON_PADDING =
      128, /* NULs that must follow the text: what looks like a line never goes on in them */
};

enum diffd_canon_kind { DIFFD_CANON_NONE, DIFFD_CANON_EDGE, DIFFD_CANON_NODE };

/* A canonical line, in offsets from its first byte, the tab. The statement and its source id, or the node's
 * id, begin at 1. */
struct diffd_canon_line {
  uint32_t source_end;
  uint32_t end; /* the newline */
  /* Of an edge alone. */
  uint32_t destination; /* its first byte */
  uint32_t destination_end;
};

/* What begins at `line`; *ret is filled where that is a canonical line. What follows the line in its source
 * must follow it here, as far as two bytes, and then or later DIFFD_CANON_PADDING NULs. Thread-safe. */
typedef enum diffd_canon_kind diffd_canon_read(const char *line, struct diffd_canon_line *ret);

/* Edges that follow one another. */
struct diffd_canon_run {
  const char *text;
  uint64_t base; /* the offset of text[0] in its source */
  size_t at;     /* where the next line begins in the text */
  size_t stop;   /* lines that begin from here on are not read */
  struct diffd_item *items;
  size_t item_count;
  size_t item_cap;
  struct diffd_canon_line line; /* the node that ended the run */
  size_t interface_bytes;       /* what the kernel guesses the next line by; 0 at first */
  size_t times_bytes;
};

/* Reads canonical edges into items as long as there are any. DIFFD_CANON_EDGE where text or room came to
 * their end, else what the line at `at` is: run->line tells of it where it is a node. As above. */
typedef enum diffd_canon_kind diffd_canon_read_edges(const struct diffd_keyer *keyer,
                                                     struct diffd_canon_run *run);

struct diffd_canon_kernel {
  const char *name;
  diffd_canon_read *read;
  diffd_canon_read_edges *read_edges;
};
extern const struct diffd_canon_kernel diffd_canon_scalar;
#if defined(__x86_64__)
extern const struct diffd_canon_kernel diffd_canon_avx2; /* needs AVX2 and BMI */
#endif

/* The kernel of a name ("scalar", "avx2"), or for NULL the best that this CPU runs. DIFFD_INVALID names the
 * choices. */
enum diffd_status diffd_canon_choose(const char *name, const struct diffd_canon_kernel **ret,
                                     struct diffd_error *err) DIFFD_MUST_CHECK;

/* The identity and counters of a canonical edge's statement, whose text begins with its source id. */
void diffd_canon_edge_fields(const char *text, size_t len, struct diffd_identity *ret_identity,
                             struct diffd_counters *ret_counters);

#endif
