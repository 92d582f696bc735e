/* SPDX-License-Identifier: Apache-2.0
 *
 * flowgen: makes VPC flow logs, or pairs of graphs, for the demo, the benchmarks and the tests. The same seed
 * gives the same bytes.
 */
#include "flowgen.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/rfc3339.h"

static const char usage[] =
    "usage: flowgen logs --out DIR [--seed N] [--start DATE] [--records N] [--hosts N] [--clients N] "
    "[--edges N]\n"
    "       flowgen dot --out DIR [--seed N] [--edges N] [--change PERCENT] [--requote | --restyle]\n"
    "\n"
    "logs  makes two days of VPC flow logs in AWS's layout, packed, a file every five minutes and account: "
    "web,\n"
    "      database, ssh, NAT and clients whose traffic follows a power law. Between the days a port scan "
    "and a\n"
    "      new service appear, a service vanishes, an instance is replaced, and a REJECT becomes ACCEPT.\n"
    "dot   makes DIR/previous.dot and DIR/next.dot as go-vpcflow writes graphs, about 395 bytes an edge.\n"
    "\n"
    "  --seed N       the same seed gives the same bytes (1)\n"
    "  --start DATE   midnight of the first day, RFC 3339 (2024-03-04T00:00:00Z)\n"
    "  --records N    flow records in all; every flow has at least one a day (100000)\n"
    "  --hosts N      machines of the two accounts, 16 to 60000 (40)\n"
    "  --clients N    addresses outside that use the web service (400)\n"
    "  --edges N      logs: as many clients as give about so many edges; dot: edges a graph (100000)\n"
    "  --change P     percent of the edges that go, and as many come (5)\n"
    "  --requote      the same graphs, the attributes of each edge in another order and re-quoted\n"
    "  --restyle      the same graphs without most labels, re-quoted and re-ordered, with comments, blanks, "
    "line "
    "breaks\n                 and separators as DOT allows\n";

uint64_t flowgen_mix(uint64_t seed, uint64_t value) {
  return XXH64(&value, sizeof value, seed);
}

void flowgen_shuffle(struct flowgen_random *random, uint32_t *items, size_t count) {
  for (size_t i = count; i > 1; i--) {
    size_t j = (size_t)flowgen_below(random, i);
    uint32_t item = items[i - 1];
    items[i - 1] = items[j];
    items[j] = item;
  }
}

_Noreturn void flowgen_die(const char *what, const char *path) {
  (void)fprintf(stderr, "flowgen: %s %s: %s\n", what, path, strerror(errno));
  exit(2);
}

void *flowgen_alloc(size_t count, size_t size) {
  void *memory = calloc(count > 0 ? count : 1, size);
  if (memory == NULL)
    flowgen_die("no memory for", "the traffic");
  return memory;
}

/* ---- text ---- */

void flowgen_put(struct flowgen_text *text, const char *bytes, size_t len) {
  if (len > text->cap - text->len) {
    size_t cap = 2 * text->cap + len + 4096;
    char *ptr = realloc(text->ptr, cap);
    if (ptr == NULL)
      flowgen_die("no memory for", "the output");
    text->ptr = ptr;
    text->cap = cap;
  }
  memcpy(text->ptr + text->len, bytes, len);
  text->len += len;
}

void flowgen_put_string(struct flowgen_text *text, const char *string) {
  flowgen_put(text, string, strlen(string));
}

void flowgen_put_number(struct flowgen_text *text, uint64_t number) {
  char digits[20];
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  flowgen_put(text, digits + at, sizeof digits - at);
}

void flowgen_put_hex(struct flowgen_text *text, uint64_t number, unsigned digits) {
  char out[32];
  for (unsigned i = 0; i < digits; i++)
    out[i] = "0123456789abcdef"[i < 16 ? (number >> (4 * i)) & 15 : i & 15];
  flowgen_put(text, out, digits);
}

void flowgen_put_v4(struct flowgen_text *text, uint32_t address) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    flowgen_put_number(text, (address >> shift) & 255);
    if (shift > 0)
      flowgen_put(text, ".", 1);
  }
}

/* ---- files ---- */

void flowgen_make_folders(const char *path) {
  char *copy = strdup(path);
  if (copy == NULL)
    flowgen_die("no memory for", path);
  for (char *slash = strchr(copy + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    if (mkdir(copy, 0777) != 0 && errno != EEXIST)
      flowgen_die("cannot make", copy);
    *slash = '/';
  }
  if (mkdir(copy, 0777) != 0 && errno != EEXIST)
    flowgen_die("cannot make", copy);
  free(copy);
}

void flowgen_write_file(const char *path, const void *bytes, size_t len) {
  FILE *file = fopen(path, "wb");
  if (file == NULL)
    flowgen_die("cannot make", path);
  if (fwrite(bytes, 1, len, file) != len || fclose(file) != 0)
    flowgen_die("cannot write", path);
}

/* ---- the command line ---- */

static uint64_t number_of(const char *option, const char *text, uint64_t min, uint64_t max) {
  char *end;
  errno = 0;
  unsigned long long number = strtoull(text, &end, 10);
  if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number < min || number > max) {
    (void)fprintf(stderr, "flowgen: --%s=%s: write a number from %llu to %llu\n", option, text,
                  (unsigned long long)min, (unsigned long long)max);
    exit(2);
  }
  return number;
}

static int64_t time_of(const char *text) {
  struct diffd_instant instant;
  struct diffd_error err;
  if (diffd_rfc3339_parse((struct diffd_span){text, strlen(text)}, &instant, &err) != DIFFD_OK) {
    (void)fprintf(stderr, "flowgen: --start=%s: %s\n", text, err.detail);
    exit(2);
  }
  return instant.seconds;
}

static void parse(int argc, char **argv, struct flowgen_options *options) {
  static const struct option names[] = {
      {"out", 1, NULL, 'o'},     {"seed", 1, NULL, 's'},   {"start", 1, NULL, 't'},
      {"records", 1, NULL, 'r'}, {"hosts", 1, NULL, 'h'},  {"clients", 1, NULL, 'c'},
      {"edges", 1, NULL, 'e'},   {"change", 1, NULL, 'p'}, {"requote", 0, NULL, 'q'},
      {"restyle", 0, NULL, 'y'}, {"help", 0, NULL, '?'},   {0}};
  for (int letter; (letter = getopt_long(argc, argv, "", names, NULL)) != -1;) {
    switch (letter) {
    case 'o':
      options->out = optarg;
      break;
    case 's':
      options->seed = number_of("seed", optarg, 0, UINT64_MAX);
      break;
    case 't':
      options->start = time_of(optarg);
      break;
    case 'r':
      options->records = number_of("records", optarg, 1, UINT64_C(10000000000));
      break;
    case 'h':
      options->hosts = number_of("hosts", optarg, 16, 60000);
      break;
    case 'c':
      options->clients = number_of("clients", optarg, 1, 100000000);
      break;
    case 'e':
      options->edges = number_of("edges", optarg, 1, 200000000);
      break;
    case 'p':
      options->change_percent = (double)number_of("change", optarg, 0, 100);
      break;
    case 'q':
      options->requote = true;
      break;
    case 'y':
      options->restyle = true;
      break;
    default:
      (void)fputs(usage, stderr);
      exit(2);
    }
  }
}

int main(int argc, char **argv) {
  struct flowgen_options options = {.seed = 1,
                                    .hosts = 40,
                                    .clients = 400,
                                    .records = 100000,
                                    .start = 1709510400 /* 2024-03-04T00:00:00Z */,
                                    .change_percent = 5};
  if (argc >= 2 && strcmp(argv[1], "--help") == 0) {
    (void)fputs(usage, stdout);
    return 0;
  }
  bool logs = argc >= 2 && strcmp(argv[1], "logs") == 0;
  bool dot = argc >= 2 && strcmp(argv[1], "dot") == 0;
  if (logs || dot)
    parse(argc - 1, argv + 1, &options);
  if ((!logs && !dot) || options.out == NULL) {
    (void)fputs(usage, stderr);
    return 2;
  }
  if (dot && options.edges == 0)
    options.edges = 100000;
  return logs ? flowgen_logs(&options) : flowgen_dot(&options);
}
