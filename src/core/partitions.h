/* SPDX-License-Identifier: Apache-2.0
 *
 * Many small records, dealt out to 256 partitions by several threads, and taken back a partition at a time.
 *
 * Everything here that grows with a graph is kept this way: keys by their hash, places by where in the text
 * they are. A record is two words. Records stay in memory as long as the pool has room and go to an unlinked
 * file then, in chunks that know the one before, so that the file needs no index. Within a partition they
 * come back in no order.
 */
#ifndef DIFFD_CORE_PARTITIONS_H
#define DIFFD_CORE_PARTITIONS_H

#include "core/chunk_pool.h"
#include "diffd/status.h"

enum { DIFFD_PARTITIONS = 256 };

struct diffd_record {
  uint64_t a;
  uint64_t b;
};

struct diffd_partitions;

/* For up to `threads` threads. The pool must outlive it. `tmp_dir` as in base/tmp_file.h. DIFFD_NO_MEMORY. */
enum diffd_status diffd_partitions_new(unsigned threads, struct diffd_chunk_pool *pool, const char *tmp_dir,
                                       struct diffd_partitions **ret,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;
/* Others for the same threads, from the same pool, in the same folder. DIFFD_NO_MEMORY. */
enum diffd_status diffd_partitions_like(const struct diffd_partitions *model, struct diffd_partitions **ret,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_partitions_destroy(struct diffd_partitions *partitions); /* accepts NULL */

/* Appends one record. Each thread with a number of its own. DIFFD_NO_MEMORY, DIFFD_IO, DIFFD_NO_SPACE. */
enum diffd_status diffd_partitions_append(struct diffd_partitions *partitions, unsigned thread,
                                          unsigned partition, struct diffd_record record,
                                          struct diffd_error *err) DIFFD_MUST_CHECK;

/* After all appends: the number of records of one partition, and of all. */
uint64_t diffd_partitions_count(const struct diffd_partitions *partitions, unsigned partition);
uint64_t diffd_partitions_total(const struct diffd_partitions *partitions);
/* True where some are in the file. */
bool diffd_partitions_spilled(const struct diffd_partitions *partitions);

/* After all appends: hands a partition's records over, some at a time, as often as one likes. Any thread.
 * What `each` returns, DIFFD_IO. */
typedef enum diffd_status diffd_records_fn(void *arg, const struct diffd_record *records, size_t count,
                                           struct diffd_error *err);
enum diffd_status diffd_partitions_each(const struct diffd_partitions *partitions, unsigned partition,
                                        diffd_records_fn *each, void *arg,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;
/* The same, and forgets them as it goes. Different partitions at once from different threads. */
enum diffd_status diffd_partitions_take(struct diffd_partitions *partitions, unsigned partition,
                                        diffd_records_fn *each, void *arg,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;
/* Forgets a partition's records. Different partitions at once from different threads. */
void diffd_partitions_forget(struct diffd_partitions *partitions, unsigned partition);

#endif
