/* SPDX-License-Identifier: Apache-2.0
 *
 * What the two generators of flowgen share: options, randomness that depends on the seed alone, and a
 * fast way to put text together.
 */
#ifndef DIFFD_TOOLS_FLOWGEN_H
#define DIFFD_TOOLS_FLOWGEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flowgen_options {
  const char *out; /* a folder, made where it is missing */
  uint64_t seed;
  uint64_t edges; /* logs: 0 for as many as hosts and clients give */
  /* logs */
  uint64_t hosts;
  uint64_t clients;
  uint64_t records;
  int64_t start; /* midnight of the first of two days, seconds since the epoch */
  /* dot */
  double change_percent; /* of edges that are removed, and as many added */
  bool requote;
  bool restyle;
};

/* Both give an exit status, after a text on stderr where it is not 0. */
int flowgen_logs(const struct flowgen_options *options);
int flowgen_dot(const struct flowgen_options *options);

/* A stream of random numbers: the same for the same seed, on every machine. */
struct flowgen_random {
  uint64_t seed;
  uint64_t counter;
};
uint64_t flowgen_mix(uint64_t seed, uint64_t value);
static inline uint64_t flowgen_next(struct flowgen_random *random) {
  return flowgen_mix(random->seed, random->counter++);
}
/* A number below `bound`, which is not 0. */
static inline uint64_t flowgen_below(struct flowgen_random *random, uint64_t bound) {
  return (uint64_t)((__extension__(unsigned __int128) flowgen_next(random) * bound) >> 64);
}
void flowgen_shuffle(struct flowgen_random *random, uint32_t *items, size_t count);

/* Growing text; ends the program where memory does. */
struct flowgen_text {
  char *ptr;
  size_t len;
  size_t cap;
};
void flowgen_put(struct flowgen_text *text, const char *bytes, size_t len);
void flowgen_put_string(struct flowgen_text *text, const char *string);
void flowgen_put_number(struct flowgen_text *text, uint64_t number);
void flowgen_put_hex(struct flowgen_text *text, uint64_t number, unsigned digits);
void flowgen_put_v4(struct flowgen_text *text, uint32_t address);

/* Ends the program with status 2 and the text of errno. */
_Noreturn void flowgen_die(const char *what, const char *path);
void *flowgen_alloc(size_t count, size_t size);
/* Makes a folder and those above it. */
void flowgen_make_folders(const char *path);
/* Writes a file whole. */
void flowgen_write_file(const char *path, const void *bytes, size_t len);

#endif
