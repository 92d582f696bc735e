/* SPDX-License-Identifier: Apache-2.0
 *
 * A block of a graph, and the statements that begin in it.
 *
 * A source is cut into blocks of one length; a block owns the lines that begin in it. Its lines
 * are read on the fast path where they are canonical and by the general reader where not. A block is read
 * before anyone knows whether the text before it ends between two statements, so what is found is a guess
 * until scan.c has looked at the block before. One thread at a time.
 */
#ifndef DIFFD_CORE_BLOCK_H
#define DIFFD_CORE_BLOCK_H

#include "core/canon.h"
#include "core/dot_parse.h"
#include "core/edge_key.h"
#include "core/source.h"

enum {
  DIFFD_BLOCK_LEN_MAX = 256 * 1024,
  DIFFD_BLOCK_LEN_MIN = 64,
  DIFFD_BLOCK_READ_AHEAD = 4 * 1024, /* the line that begins in a block mostly ends within these */
};

/* A general reader on its way through blocks; whoever works on the block that it is in owns it. */
struct diffd_block;
struct diffd_general {
  struct diffd_dot_parser *parser;
  struct diffd_block *owner;
};

enum diffd_block_want { DIFFD_WANT_EDGES, DIFFD_WANT_NODES }; /* which statements become items */

struct diffd_block {
  struct diffd_source *source;
  const struct diffd_keyer *keyer;
  const struct diffd_canon_kernel *kernel;
  size_t block_len;
  enum diffd_block_want want;

  char *room;      /* for text_max bytes and padding, see aligned_text.h */
  char *text;      /* in it */
  size_t text_max; /* a line that does not end within these is read piece by piece */
  size_t len;      /* bytes of text */
  uint64_t base;   /* the offset of text[0] in the source */
  size_t start;    /* the block's lines are text[start, stop), and beyond where `tail` */
  size_t stop;
  bool tail;     /* the last line goes on beyond the text */
  bool past_end; /* the source ends before this block */
  bool last;     /* the source ends with this block */

  unsigned blocks_without; /* that came one after the other and had no canonical line */
  struct diffd_general *general;
  bool in_general; /* the general reader holds something, or may be asked to */
  struct diffd_item *items;
  size_t item_count;
  size_t item_cap;
  uint64_t edges;      /* edge statements among the items and those flushed */
  uint64_t first_node; /* the first node statement's offset, or UINT64_MAX */
  struct diffd_buffer scratch;
  uint64_t error_offset; /* of the last DIFFD_BAD_GRAPH */
};

/* DIFFD_NO_MEMORY. */
enum diffd_status diffd_block_init(struct diffd_block *block, struct diffd_source *source,
                                   const struct diffd_keyer *keyer, const struct diffd_canon_kernel *kernel,
                                   size_t block_len, enum diffd_block_want want,
                                   struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_block_clean_up(struct diffd_block *block);

enum diffd_status diffd_general_new(struct diffd_general **ret, struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_general_destroy(struct diffd_general *general); /* accepts NULL */

/* Reads the block of a number and finds its lines. Forgets all items. */
enum diffd_status diffd_block_load(struct diffd_block *block, uint64_t number,
                                   struct diffd_error *err) DIFFD_MUST_CHECK;
/* Reads the text [begin, end), and no line beyond it, as if it were a block; at most text_max
 * bytes of it, `end` is cut to what was read. */
enum diffd_status diffd_block_load_range(struct diffd_block *block, uint64_t begin, uint64_t *end,
                                         struct diffd_error *err) DIFFD_MUST_CHECK;

/* Reads the block's lines into items, from where the general reader is: with in_general it goes on, else a
 * statement begins with the first line. */
enum diffd_status diffd_block_parse(struct diffd_block *block, struct diffd_error *err) DIFFD_MUST_CHECK;
/* Reads one piece more of a line that goes on beyond the text, and clears `tail` when it has ended. The text
 * is replaced. */
enum diffd_status diffd_block_parse_tail(struct diffd_block *block, struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
