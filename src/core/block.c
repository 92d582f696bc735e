/* SPDX-License-Identifier: Apache-2.0 */
#include "core/block.h"

#include <stdlib.h>
#include <string.h>

#include "core/aligned_text.h"

enum { SCRATCH_MAX = 16 * DIFFD_IDENTITY_VALUE_MAX + 4096, FIRST_ITEMS = 1024 };

/* Makes room for one item at least. */
static enum diffd_status reserve_item(struct diffd_block *block, struct diffd_error *err) {
  if (block->item_count < block->item_cap)
    return DIFFD_OK;
  size_t cap = block->item_cap == 0 ? FIRST_ITEMS : 2 * block->item_cap;
  struct diffd_item *items = realloc(block->items, cap * sizeof *items);
  if (items == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a block's statements");
  block->items = items;
  block->item_cap = cap;
  return DIFFD_OK;
}

static enum diffd_status put_item(struct diffd_block *block, struct diffd_key key, uint64_t begin,
                                  struct diffd_error *err) {
  enum diffd_status status = reserve_item(block, err);
  if (status == DIFFD_OK)
    block->items[block->item_count++] = (struct diffd_item){key, begin};
  return status;
}

static enum diffd_status take_statement(void *arg, const struct diffd_dot_statement *statement,
                                        struct diffd_error *err) {
  struct diffd_block *block = ((struct diffd_general *)arg)->owner;
  if (statement->kind == DIFFD_DOT_NODE) {
    /* One that the text before left open comes after those of the guess. */
    if (statement->begin < block->first_node)
      block->first_node = statement->begin;
    if (block->want != DIFFD_WANT_NODES)
      return DIFFD_OK;
    struct diffd_span id = statement->identity.source;
    return put_item(block, diffd_keyer_node(block->keyer, id.ptr, id.len), statement->begin, err);
  }
  block->edges++;
  if (block->want != DIFFD_WANT_EDGES)
    return DIFFD_OK;
  struct diffd_key key;
  enum diffd_status status =
      diffd_keyer_identity(block->keyer, &statement->identity, statement->around, &block->scratch, &key, err);
  return status == DIFFD_OK ? put_item(block, key, statement->begin, err) : status;
}

enum diffd_status diffd_general_new(struct diffd_general **ret, struct diffd_error *err) {
  struct diffd_general *general = calloc(1, sizeof *general);
  if (general == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a reader of DOT");
  struct diffd_dot_handler handler = {.statement = take_statement, .arg = general};
  enum diffd_status status = diffd_dot_parser_new(handler, &general->parser, err);
  if (status != DIFFD_OK) {
    free(general);
    return status;
  }
  *ret = general;
  return DIFFD_OK;
}

void diffd_general_destroy(struct diffd_general *general) {
  if (general == NULL)
    return;
  diffd_dot_parser_destroy(general->parser);
  free(general);
}

enum diffd_status diffd_block_init(struct diffd_block *block, struct diffd_source *source,
                                   const struct diffd_keyer *keyer, const struct diffd_canon_kernel *kernel,
                                   size_t block_len, enum diffd_block_want want, struct diffd_error *err) {
  *block = (struct diffd_block){.source = source,
                                .keyer = keyer,
                                .kernel = kernel,
                                .block_len = block_len,
                                .want = want,
                                .first_node = UINT64_MAX};
  block->text_max = 2 * block_len + DIFFD_BLOCK_READ_AHEAD;
  block->scratch = diffd_buffer_init(SCRATCH_MAX);
  enum diffd_status status = diffd_general_new(&block->general, err);
  if (status == DIFFD_OK) {
    block->room = block->text = diffd_aligned_text_new(block->text_max + DIFFD_CANON_PADDING);
    if (block->room == NULL)
      status = diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a block");
  }
  if (status != DIFFD_OK)
    diffd_block_clean_up(block);
  return status;
}

void diffd_block_clean_up(struct diffd_block *block) {
  free(block->room);
  free(block->items);
  diffd_general_destroy(block->general);
  diffd_buffer_clean_up(&block->scratch);
  memset(block, 0, sizeof *block);
}

static void forget(struct diffd_block *block) {
  block->item_count = 0;
  block->edges = 0;
  block->first_node = UINT64_MAX;
  block->in_general = false;
}

/* The offset in the text after the first newline at or after `from`, or the text's length and *found false.
 */
static size_t after_newline(const struct diffd_block *block, size_t from, bool *found) {
  const char *newline = from < block->len ? memchr(block->text + from, '\n', block->len - from) : NULL;
  *found = newline != NULL;
  return newline != NULL ? (size_t)(newline - block->text) + 1 : block->len;
}

/* Forgets the text; the next read is from `base` on. */
static void begin_text(struct diffd_block *block, uint64_t base) {
  block->text = diffd_aligned_text_at(block->room, base);
  block->base = base;
  block->len = 0;
}

static enum diffd_status read_more(struct diffd_block *block, size_t cap, bool *ret_end,
                                   struct diffd_error *err) {
  size_t got = 0;
  enum diffd_status status =
      diffd_source_read(block->source, block->base + block->len, block->text + block->len, cap, &got, err);
  if (status != DIFFD_OK)
    return status;
  block->len += got;
  memset(block->text + block->len, 0, DIFFD_CANON_PADDING);
  *ret_end = got < cap;
  return DIFFD_OK;
}

enum diffd_status diffd_block_load(struct diffd_block *block, uint64_t number, struct diffd_error *err) {
  forget(block);
  uint64_t begin = number * block->block_len;
  size_t lead = number == 0 ? 0 : 1; /* the byte before the block tells whether a line begins with it */
  begin_text(block, begin - lead);
  bool ended;
  enum diffd_status status = read_more(block, lead + block->block_len + DIFFD_BLOCK_READ_AHEAD, &ended, err);
  if (status != DIFFD_OK)
    return status;
  block->past_end = number > 0 && block->len <= lead;
  block->last = ended && block->len <= lead + block->block_len && !block->past_end;
  bool found = true;
  block->start = lead == 0 ? 0 : after_newline(block, 0, &found);
  if (block->past_end || !found || block->start >= lead + block->block_len) {
    block->start = block->stop = block->len; /* no line begins here */
    block->tail = false;
    return DIFFD_OK;
  }
  block->stop = block->last ? block->len : after_newline(block, lead + block->block_len - 1, &found);
  while (!block->last && !found && !ended && block->len < block->text_max) {
    size_t from = block->len;
    size_t room = block->text_max - block->len;
    status = read_more(block, room < block->block_len / 4 ? room : block->block_len / 4, &ended, err);
    if (status != DIFFD_OK)
      return status;
    block->stop = after_newline(block, from, &found);
  }
  block->tail = !block->last && !found && !ended;
  /* What follows the last line tells whether its statement ends there. */
  if (found && !ended && block->len < block->stop + 2)
    return read_more(block, 2, &ended, err);
  return DIFFD_OK;
}

enum diffd_status diffd_block_load_range(struct diffd_block *block, uint64_t begin, uint64_t *end,
                                         struct diffd_error *err) {
  size_t cap = *end - begin < block->text_max ? (size_t)(*end - begin) : block->text_max;
  bool ended;
  block->item_count = 0;
  begin_text(block, begin);
  enum diffd_status status = read_more(block, cap, &ended, err);
  if (status != DIFFD_OK)
    return status;
  block->start = 0;
  block->stop = block->len;
  block->tail = false;
  *end = begin + block->len;
  return DIFFD_OK;
}

/* Where block after block has no canonical line, lines need not be looked for: the general reader finds the
 * same in them, and one block in LOOK_AGAIN tells whether they have come back. */
static bool expects_canonical(const struct diffd_block *block) {
  enum { LOOK_AGAIN = 16 };
  return block->blocks_without % LOOK_AGAIN == 0;
}

static enum diffd_status feed(struct diffd_block *block, const char *bytes, size_t len,
                              struct diffd_error *err) {
  if (len == 0)
    return DIFFD_OK;
  block->general->owner = block;
  enum diffd_status status = diffd_dot_parser_feed(block->general->parser, bytes, len, err);
  if (status != DIFFD_OK)
    block->error_offset = diffd_dot_parser_error_offset(block->general->parser);
  return status;
}

/* Gives the general reader what it missed, and says whether a canonical line may follow it. */
static enum diffd_status leave_general(struct diffd_block *block, size_t from, size_t to, bool *ret_left,
                                       struct diffd_error *err) {
  if (!block->in_general) {
    if (from == to) {
      *ret_left = true;
      return DIFFD_OK;
    }
    diffd_dot_parser_enter_body(block->general->parser, block->base + from);
    block->in_general = true;
  }
  enum diffd_status status = feed(block, block->text + from, to - from, err);
  if (status != DIFFD_OK)
    return status;
  *ret_left = diffd_dot_parser_between_statements(block->general->parser);
  if (!*ret_left)
    return DIFFD_OK;
  block->in_general = false;
  block->general->owner = block;
  return diffd_dot_parser_cut(block->general->parser, err);
}

static enum diffd_status take_node(struct diffd_block *block, size_t at, const struct diffd_canon_line *line,
                                   struct diffd_error *err) {
  uint64_t begin = block->base + at + 1;
  if (block->first_node == UINT64_MAX)
    block->first_node = begin;
  if (block->want != DIFFD_WANT_NODES)
    return DIFFD_OK;
  struct diffd_key key = diffd_keyer_node(block->keyer, block->text + at + 1, line->source_end - 1);
  return put_item(block, key, begin, err);
}

/* Takes the canonical edges that follow one another from run->at on, and says what stands there then: an edge
 * only where the block has no more lines. */
static enum diffd_status take_edges(struct diffd_block *block, struct diffd_canon_run *run,
                                    enum diffd_canon_kind *ret_kind, struct diffd_error *err) {
  size_t before = block->item_count;
  do {
    enum diffd_status status = reserve_item(block, err);
    if (status != DIFFD_OK)
      return status;
    run->items = block->items;
    run->item_count = block->item_count;
    run->item_cap = block->item_cap;
    *ret_kind = block->kernel->read_edges(block->keyer, run);
    block->item_count = run->item_count;
  } while (*ret_kind == DIFFD_CANON_EDGE && run->at < run->stop);
  block->edges += block->item_count - before;
  if (block->want != DIFFD_WANT_EDGES)
    block->item_count = before;
  return DIFFD_OK;
}

/* Reads lines for as long as they are canonical; run->at is where the first begins that is none. */
static enum diffd_status take_canonical(struct diffd_block *block, struct diffd_canon_run *run,
                                        struct diffd_error *err) {
  size_t begin = run->at;
  while (run->at < run->stop) {
    enum diffd_canon_kind kind;
    enum diffd_status status = take_edges(block, run, &kind, err);
    if (status == DIFFD_OK && kind == DIFFD_CANON_NODE) {
      status = take_node(block, run->at, &run->line, err);
      run->at += run->line.end + 1;
    }
    if (status != DIFFD_OK)
      return status;
    if (kind == DIFFD_CANON_NONE)
      break;
  }
  if (run->at > begin)
    block->blocks_without = 0;
  return DIFFD_OK;
}

static void pass_line(const struct diffd_block *block, struct diffd_canon_run *run) {
  bool found;
  run->at = after_newline(block, run->at, &found);
}

/* Goes on to where a canonical line begins, or to the block's end. */
static void find_canonical(const struct diffd_block *block, struct diffd_canon_run *run) {
  while (run->at < run->stop && block->kernel->read(run->text + run->at, &run->line) == DIFFD_CANON_NONE)
    pass_line(block, run);
}

enum diffd_status diffd_block_parse(struct diffd_block *block, struct diffd_error *err) {
  struct diffd_canon_run run = {
      .text = block->text, .base = block->base, .at = block->start, .stop = block->stop};
  size_t unread = run.at; /* from here on bytes are the general reader's */
  bool look = expects_canonical(block);
  block->blocks_without++;
  while (look && run.at < block->stop) {
    /* Where the general reader is inside a statement that goes on in it, a line is not what it looks like. */
    bool left = true;
    enum diffd_status status = DIFFD_OK;
    if (block->in_general || unread != run.at) {
      find_canonical(block, &run);
      if (run.at >= block->stop)
        break;
      status = leave_general(block, unread, run.at, &left, err);
      unread = run.at;
    }
    if (status == DIFFD_OK && left) {
      status = take_canonical(block, &run, err);
      unread = run.at;
    }
    if (status != DIFFD_OK)
      return status;
    if (run.at < block->stop)
      pass_line(block, &run);
  }
  if (unread == block->stop)
    return DIFFD_OK;
  if (!block->in_general) {
    diffd_dot_parser_enter_body(block->general->parser, block->base + unread);
    block->in_general = true;
  }
  return feed(block, block->text + unread, block->stop - unread, err);
}

enum diffd_status diffd_block_parse_tail(struct diffd_block *block, struct diffd_error *err) {
  bool ended;
  bool found;
  begin_text(block, block->base + block->len);
  enum diffd_status status = read_more(block, block->text_max, &ended, err);
  if (status != DIFFD_OK)
    return status;
  block->start = 0;
  block->stop = after_newline(block, 0, &found);
  block->tail = !found && !ended;
  return feed(block, block->text, block->stop, err);
}
