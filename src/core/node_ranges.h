/* SPDX-License-Identifier: Apache-2.0
 *
 * Node statements on their way from the order of the text to the order of ids.
 *
 * Statements are dealt out to ranges of ids by many threads, and come back a range at a time, so that ranges
 * can be sorted and written side by side. The bounds between ranges are ids of a sample. Records stay in
 * memory as long as they may and go to an unlinked file then.
 */
#ifndef DIFFD_CORE_NODE_RANGES_H
#define DIFFD_CORE_NODE_RANGES_H

#include "core/budget.h"
#include "diffd/change.h"
#include "diffd/status.h"

/* One statement. Where text.ptr is NULL it is to be read again at `rank`. */
struct diffd_node_record {
  struct diffd_span id;
  struct diffd_span text;
  uint64_t rank;
  uint64_t text_len;
};

/* Reads the record that was put at `at`; what it points to stands there too. Returns its length in bytes. */
size_t diffd_node_record_read(const char *at, struct diffd_node_record *ret);

/* Where records go; the caller's, and outlives the ranges. */
struct diffd_node_store {
  struct diffd_budget *budget;
  const char *tmp_dir;
  uint64_t memory_max; /* bytes of records that stay in memory, if the budget has room too */
  uint64_t kept_bytes; /* atomic; that do, those that are being filled too */
  int file;            /* atomic; of the others, or -1 */
  uint64_t file_len;   /* atomic */
};
void diffd_node_store_init(struct diffd_node_store *store, struct diffd_budget *budget, const char *tmp_dir,
                           uint64_t memory_max);
void diffd_node_store_clean_up(struct diffd_node_store *store);

struct diffd_node_ranges;

/* For up to `threads` threads, and at most `count_max` ranges. `ids` are a sample, and are put in order; the
 * bounds are taken from it, as many as the memory for them allows. DIFFD_NO_MEMORY. */
enum diffd_status diffd_node_ranges_new(struct diffd_node_store *store, unsigned threads,
                                        struct diffd_span *ids, size_t id_count, size_t count_max,
                                        struct diffd_node_ranges **ret,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_node_ranges_destroy(struct diffd_node_ranges *ranges); /* accepts NULL */

/* Copies a record. Each thread with a number of its own. DIFFD_NO_MEMORY, DIFFD_IO, DIFFD_NO_SPACE. */
enum diffd_status diffd_node_ranges_put(struct diffd_node_ranges *ranges, unsigned thread,
                                        const struct diffd_node_record *record,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;

/* ---- After all puts; different ranges at once from different threads ---- */

size_t diffd_node_ranges_count(const struct diffd_node_ranges *ranges);
/* The bytes and the number of a range's records. */
uint64_t diffd_node_ranges_bytes(const struct diffd_node_ranges *ranges, size_t range);
size_t diffd_node_ranges_records(const struct diffd_node_ranges *ranges, size_t range);
/* Hands each piece of a range over: whole records, one behind the other. What `each` returns, DIFFD_IO,
 * DIFFD_NO_MEMORY. */
enum diffd_node_keep {
  DIFFD_NODES_KEEP,  /* all pieces are in memory until the range is dropped */
  DIFFD_NODES_AS_IS, /* those in the file are there alone, after the call */
  DIFFD_NODES_DROP,  /* a piece is gone after the call */
};
typedef enum diffd_status diffd_node_piece_fn(void *arg, struct diffd_span piece, struct diffd_error *err);
enum diffd_status diffd_node_ranges_each(struct diffd_node_ranges *ranges, size_t range,
                                         enum diffd_node_keep keep, diffd_node_piece_fn *each, void *arg,
                                         struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_node_ranges_drop(struct diffd_node_ranges *ranges, size_t range);

/* The order of ids: bytes. */
int diffd_node_id_compare(struct diffd_span a, struct diffd_span b);
/* Eight bytes of an id after the first `skip`, in an order that integers have. */
uint64_t diffd_node_id_prefix(struct diffd_span id, size_t skip);
/* How many bytes two ids begin with alike. */
size_t diffd_node_id_common(struct diffd_span a, struct diffd_span b);

#endif
