/* SPDX-License-Identifier: Apache-2.0
 *
 * A statement read again at a place where one is known to begin.
 *
 * The first reading keeps only keys and places; what changed is read once more, and then whole. One thread at
 * a time.
 */
#ifndef DIFFD_CORE_REREAD_H
#define DIFFD_CORE_REREAD_H

#include "core/canon.h"
#include "core/dot_parse.h"
#include "core/source.h"

enum { DIFFD_REREAD_WINDOW_MAX = 64 * 1024 };

struct diffd_reread {
  struct diffd_source *source;
  diffd_canon_read *read_canonical;
  bool wants_counters;
  char *own; /* room for DIFFD_REREAD_WINDOW_MAX bytes and padding, see aligned_text.h */
  /* The bytes at hand: `own`, or a loaded block's text. */
  const char *window;
  uint64_t base;
  size_t len;
  size_t window_len; /* how much to read where the window does not reach; a caller that jumps wants little */
  struct diffd_dot_parser *parser;
  struct diffd_dot_statement found;
};

/* DIFFD_NO_MEMORY. */
enum diffd_status diffd_reread_init(struct diffd_reread *reread, struct diffd_source *source,
                                    diffd_canon_read *read_canonical, bool wants_counters,
                                    struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_reread_clean_up(struct diffd_reread *reread);

/* Lends bytes [base, base + len) of the source, with DIFFD_CANON_PADDING NULs behind them, until the next
 * call. */
void diffd_reread_lend(struct diffd_reread *reread, const char *window, uint64_t base, size_t len);

/* Reads the statement that begins at `begin`. Its identity lives until the next call; ret_text->ptr is NULL
 * where the text is too long to be at hand. What is wrong there now is DIFFD_IO: the file was changed. */
enum diffd_status diffd_reread_at(struct diffd_reread *reread, uint64_t begin,
                                  struct diffd_dot_statement *ret, struct diffd_span *ret_text,
                                  struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
