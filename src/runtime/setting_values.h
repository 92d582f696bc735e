/* SPDX-License-Identifier: Apache-2.0
 *
 * The spelling of single values: durations, integers, booleans, sizes, lists and listening addresses.
 *
 * Every parser takes a NUL-terminated text, changes nothing on failure, and fails with DIFFD_INVALID and
 * a detail that says how to write the value (without the value's name: the caller knows that). All are
 * thread-safe; no locale, no globals.
 */
#ifndef DIFFD_RUNTIME_SETTING_VALUES_H
#define DIFFD_RUNTIME_SETTING_VALUES_H

#include <stdint.h>

#include "diffd/status.h"

/* A duration as Go's time.ParseDuration reads it (https://pkg.go.dev/time#ParseDuration): a sign, then
 * decimal numbers with a unit each (ns, us, µs, ms, s, m, h), as in 1m30s or .5s; 0 needs no unit.
 * Nanoseconds. */
enum diffd_status diffd_parse_duration(const char *text, int64_t *ret_ns,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;

/* A decimal or 0x integer with an optional sign. */
enum diffd_status diffd_parse_integer(const char *text, int64_t *ret,
                                      struct diffd_error *err) DIFFD_MUST_CHECK;

/* Exactly 1 t T TRUE true True, 0 f F FALSE false False, as Go's strconv.ParseBool. */
enum diffd_status diffd_parse_boolean(const char *text, bool *ret, struct diffd_error *err) DIFFD_MUST_CHECK;

/* Bytes: a whole number, alone or with B, K, KiB, M, MiB, G, GiB, T, TiB (powers of 1024) or kB, MB, GB, TB
 * (powers of 1000), in any case but for the k of kB. */
enum diffd_status diffd_parse_size(const char *text, int64_t *ret_bytes,
                                   struct diffd_error *err) DIFFD_MUST_CHECK;

/* Words apart by white space; a text that is just `""` is the empty list. The items are owned. */
enum { DIFFD_WORDS_MAX = 1024 };
struct diffd_words {
  char **items;
  size_t count;
};
enum diffd_status diffd_parse_words(const char *text, struct diffd_words *ret,
                                    struct diffd_error *err) DIFFD_MUST_CHECK; /* also DIFFD_NO_MEMORY */
/* Appends a copy of `text`. DIFFD_NO_MEMORY, DIFFD_TOO_LARGE beyond DIFFD_WORDS_MAX. */
enum diffd_status diffd_words_append(struct diffd_words *words, const char *text,
                                     struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_words_clean_up(struct diffd_words *words);

/* A listening or own address: `:8080`, `127.0.0.1:8080`, `[::1]:8080`, `host`, `[::1]`. */
enum { DIFFD_HOST_MAX = 253 };
struct diffd_address {
  char host[DIFFD_HOST_MAX + 1]; /* without brackets; empty: every address of this machine */
  int port;                      /* -1: the text has none */
};
enum diffd_status diffd_parse_address(const char *text, struct diffd_address *ret,
                                      struct diffd_error *err) DIFFD_MUST_CHECK;

/* True where `endpoint` (`:8080`, `localhost:8080`, `http://127.0.0.1:8080/topic/event`, ...) is what a
 * server that listens on `own` is reached by from this machine. */
bool diffd_endpoint_is_own(const char *endpoint, const struct diffd_address *own);

/* The candidate nearest to `word` that a typing error explains (at most a third of it, and two letters,
 * differ), or NULL. `names` gives the index-th candidate, NULL at the end. */
const char *diffd_nearest_name(const char *word, const char *(*names)(const void *arg, size_t index),
                               const void *arg);

#endif
