/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/setting_values.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

/* ---- durations ---- */

/* The longest units first, so that `ms` is not read as `m` and a stray `s`. */
static const struct {
  const char *name;
  uint64_t ns;
} duration_units[] = {
    {"ns", 1},
    {"us", 1000},
    {"\xc2\xb5s", 1000}, /* U+00B5, the micro sign */
    {"\xce\xbcs", 1000}, /* U+03BC, the Greek letter */
    {"ms", 1000000},
    {"s", UINT64_C(1000000000)},
    {"m", UINT64_C(60000000000)},
    {"h", UINT64_C(3600000000000)},
};

static size_t unit_length(const char *at) {
  size_t len = 0;
  while (at[len] != '\0' && at[len] != '.' && !is_digit(at[len]))
    len++;
  return len;
}

static uint64_t unit_ns(const char *at, size_t len) {
  for (size_t i = 0; i < sizeof duration_units / sizeof duration_units[0]; i++)
    if (strlen(duration_units[i].name) == len && memcmp(duration_units[i].name, at, len) == 0)
      return duration_units[i].ns;
  return 0;
}

static enum diffd_status duration_too_large(struct diffd_error *err) {
  return diffd_fail(err, DIFFD_INVALID, "a duration is at most 292 years; write a smaller one");
}

/* Reads one number and its unit; moves *at behind them and adds to *sum. */
static enum diffd_status parse_duration_part(const char **at, uint64_t *sum, struct diffd_error *err) {
  const char *c = *at;
  uint64_t whole = 0;
  uint64_t fraction = 0;
  uint64_t scale = 1;
  const char *digits = c;
  for (; is_digit(*c); c++)
    if (__builtin_mul_overflow(whole, UINT64_C(10), &whole) ||
        __builtin_add_overflow(whole, (uint64_t)(*c - '0'), &whole))
      return duration_too_large(err);
  bool any = c > digits;
  if (*c == '.') {
    for (c++; is_digit(*c); c++) {
      any = true;
      if (scale < UINT64_C(1000000000000000)) { /* further digits are below a nanosecond of any unit */
        fraction = fraction * 10 + (uint64_t)(*c - '0');
        scale *= 10;
      }
    }
  }
  if (!any)
    return diffd_fail(err, DIFFD_INVALID, "not a duration; write for example 5s, 1m30s or 250ms");
  size_t len = unit_length(c);
  if (len == 0)
    return diffd_fail(err, DIFFD_INVALID, "a duration needs a unit; write for example %.*ss for seconds",
                      (int)(c - *at < 32 ? c - *at : 32), *at);
  uint64_t unit = unit_ns(c, len);
  if (unit == 0)
    return diffd_fail(err, DIFFD_INVALID, "`%.*s` is no unit of time; write ns, us, ms, s, m or h",
                      (int)(len < 32 ? len : 32), c);
  uint64_t ns;
  uint64_t rest = (uint64_t)((__extension__(unsigned __int128) fraction * unit) / scale);
  if (__builtin_mul_overflow(whole, unit, &ns) || __builtin_add_overflow(ns, rest, &ns) ||
      __builtin_add_overflow(*sum, ns, sum))
    return duration_too_large(err);
  *at = c + len;
  return DIFFD_OK;
}

enum diffd_status diffd_parse_duration(const char *text, int64_t *ret_ns, struct diffd_error *err) {
  const char *at = text;
  bool negative = *at == '-';
  if (*at == '-' || *at == '+')
    at++;
  if (strcmp(at, "0") == 0) {
    *ret_ns = 0;
    return DIFFD_OK;
  }
  uint64_t sum = 0;
  do {
    enum diffd_status status = parse_duration_part(&at, &sum, err);
    if (status != DIFFD_OK)
      return status;
  } while (*at != '\0');
  if (sum > (uint64_t)INT64_MAX)
    return duration_too_large(err);
  *ret_ns = negative ? -(int64_t)sum : (int64_t)sum;
  return DIFFD_OK;
}

/* ---- numbers ---- */

static int digit_value(char c) {
  if (is_digit(c))
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return 99;
}

enum diffd_status diffd_parse_integer(const char *text, int64_t *ret, struct diffd_error *err) {
  const char *at = text;
  bool negative = *at == '-';
  if (*at == '-' || *at == '+')
    at++;
  int base = 10;
  if (at[0] == '0' && (at[1] == 'x' || at[1] == 'X')) {
    base = 16;
    at += 2;
  }
  int64_t value = 0;
  if (*at == '\0')
    return diffd_fail(err, DIFFD_INVALID, "not a whole number; write digits, or 0x and hexadecimal digits");
  for (; *at != '\0'; at++) {
    int digit = digit_value(*at);
    if (digit >= base)
      return diffd_fail(err, DIFFD_INVALID, "not a whole number; write digits, or 0x and hexadecimal digits");
    if (__builtin_mul_overflow(value, (int64_t)base, &value) ||
        __builtin_sub_overflow(value, (int64_t)digit, &value))
      return diffd_fail(err, DIFFD_INVALID, "the number does not fit into 64 bits");
  }
  /* The value was built below zero, where there is room for one more. */
  if (!negative && value == INT64_MIN)
    return diffd_fail(err, DIFFD_INVALID, "the number does not fit into 64 bits");
  *ret = negative ? value : -value;
  return DIFFD_OK;
}

enum diffd_status diffd_parse_boolean(const char *text, bool *ret, struct diffd_error *err) {
  static const char *const yes[] = {"1", "t", "T", "TRUE", "true", "True"};
  static const char *const no[] = {"0", "f", "F", "FALSE", "false", "False"};
  for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
    if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
      *ret = strcmp(text, yes[i]) == 0;
      return DIFFD_OK;
    }
  }
  return diffd_fail(err, DIFFD_INVALID, "neither yes nor no; write true or false");
}

static int64_t size_unit(const char *unit) {
  static const char letters[] = "kmgt";
  if (*unit == '\0' || strcasecmp(unit, "b") == 0)
    return 1;
  const char *letter = strchr(letters, *unit | 0x20);
  if (letter == NULL)
    return 0;
  bool decimal = strcasecmp(unit + 1, "b") == 0;
  if (!decimal && unit[1] != '\0' && strcasecmp(unit + 1, "ib") != 0)
    return 0;
  int64_t value = 1;
  for (ptrdiff_t i = 0; i <= letter - letters; i++)
    value *= decimal ? 1000 : 1024;
  return value;
}

enum diffd_status diffd_parse_size(const char *text, int64_t *ret_bytes, struct diffd_error *err) {
  static const char how[] = "not a size; write for example 64MiB, 2GiB, or a number of bytes";
  const char *at = text;
  int64_t value = 0;
  if (!is_digit(*at))
    return diffd_fail(err, DIFFD_INVALID, "%s", how);
  bool fits = true;
  for (; is_digit(*at); at++)
    fits = fits && !__builtin_mul_overflow(value, INT64_C(10), &value) &&
           !__builtin_add_overflow(value, (int64_t)(*at - '0'), &value);
  if (*at == ' ')
    at++;
  int64_t unit = size_unit(at);
  if (unit == 0)
    return diffd_fail(err, DIFFD_INVALID, "%s", how);
  if (!fits || __builtin_mul_overflow(value, unit, &value))
    return diffd_fail(err, DIFFD_INVALID, "the size does not fit into 63 bits; write a smaller one");
  *ret_bytes = value;
  return DIFFD_OK;
}

/* ---- lists ---- */

void diffd_words_clean_up(struct diffd_words *words) {
  for (size_t i = 0; i < words->count; i++)
    free(words->items[i]);
  free(words->items);
  *words = (struct diffd_words){0};
}

static enum diffd_status append_bytes(struct diffd_words *words, const char *text, size_t len,
                                      struct diffd_error *err) {
  if (words->count == DIFFD_WORDS_MAX)
    return diffd_fail(err, DIFFD_TOO_LARGE, "more than %d items", DIFFD_WORDS_MAX);
  if ((words->count & (words->count - 1)) == 0) { /* the capacity is the next power of two */
    size_t cap = words->count == 0 ? 1 : 2 * words->count;
    char **items = realloc(words->items, cap * sizeof *items);
    if (items == NULL)
      return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a list");
    words->items = items;
  }
  char *copy = strndup(text, len);
  if (copy == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a list");
  words->items[words->count++] = copy;
  return DIFFD_OK;
}

enum diffd_status diffd_words_append(struct diffd_words *words, const char *text, struct diffd_error *err) {
  return append_bytes(words, text, strlen(text), err);
}

enum diffd_status diffd_parse_words(const char *text, struct diffd_words *ret, struct diffd_error *err) {
  struct diffd_words words = {0};
  const char *at = text;
  while (strcmp(text, "\"\"") != 0) {
    while (is_space(*at))
      at++;
    if (*at == '\0')
      break;
    const char *begin = at;
    while (*at != '\0' && !is_space(*at))
      at++;
    enum diffd_status status = append_bytes(&words, begin, (size_t)(at - begin), err);
    if (status != DIFFD_OK) {
      diffd_words_clean_up(&words);
      return status;
    }
  }
  *ret = words;
  return DIFFD_OK;
}

/* ---- addresses ---- */

static enum diffd_status parse_port(const char *text, int *ret, struct diffd_error *err) {
  int port = 0;
  size_t len = strlen(text);
  for (size_t i = 0; i < len; i++)
    port = is_digit(text[i]) && port <= 65535 ? port * 10 + (text[i] - '0') : 65536;
  if (len == 0 || port > 65535)
    return diffd_fail(err, DIFFD_INVALID, "the port is a number from 0 to 65535");
  *ret = port;
  return DIFFD_OK;
}

/* The colon before the port, or NULL. In brackets, and in a bare IPv6 address, colons are the host's. */
static const char *port_colon(const char *text) {
  const char *colon = strrchr(text, ':');
  const char *bracket = strchr(text, ']');
  if (colon == NULL || (bracket != NULL && colon < bracket))
    return NULL;
  return bracket == NULL && strchr(text, ':') != colon ? NULL : colon;
}

/* Colons stand in IPv6 addresses alone, before a `%` and the name of an interface. */
static bool has_stray_colon(const char *host) {
  char digits[DIFFD_HOST_MAX + 1] = {0};
  struct in6_addr v6;
  memcpy(digits, host, strcspn(host, "%"));
  return strchr(host, ':') != NULL && inet_pton(AF_INET6, digits, &v6) != 1;
}

enum diffd_status diffd_parse_address(const char *text, struct diffd_address *ret, struct diffd_error *err) {
  struct diffd_address address = {.port = -1};
  const char *colon = port_colon(text);
  size_t len = colon != NULL ? (size_t)(colon - text) : strlen(text);
  if (colon != NULL) {
    enum diffd_status status = parse_port(colon + 1, &address.port, err);
    if (status != DIFFD_OK)
      return status;
  }
  bool bracketed = len >= 2 && text[0] == '[' && text[len - 1] == ']';
  const char *host = bracketed ? text + 1 : text;
  len -= bracketed ? 2 : 0;
  if (len > DIFFD_HOST_MAX)
    return diffd_fail(err, DIFFD_INVALID, "the host is longer than %d characters", DIFFD_HOST_MAX);
  memcpy(address.host, host, len);
  if (strpbrk(address.host, "[]/ \t\r\n") != NULL || has_stray_colon(address.host))
    return diffd_fail(err, DIFFD_INVALID,
                      "not an address; write :8080, 127.0.0.1:8080, or [::1]:8080 for IPv6");
  *ret = address;
  return DIFFD_OK;
}

enum host_kind { HOST_ANY, HOST_LOOPBACK, HOST_OTHER };

static enum host_kind kind_of_host(const char *host) {
  struct in_addr v4;
  struct in6_addr v6;
  if (host[0] == '\0')
    return HOST_ANY;
  if (strcasecmp(host, "localhost") == 0)
    return HOST_LOOPBACK;
  if (inet_pton(AF_INET, host, &v4) == 1) {
    if (v4.s_addr == 0)
      return HOST_ANY;
    return (ntohl(v4.s_addr) >> 24) == 127 ? HOST_LOOPBACK : HOST_OTHER;
  }
  if (inet_pton(AF_INET6, host, &v6) == 1) {
    if (IN6_IS_ADDR_UNSPECIFIED(&v6))
      return HOST_ANY;
    return IN6_IS_ADDR_LOOPBACK(&v6) ? HOST_LOOPBACK : HOST_OTHER;
  }
  return HOST_OTHER;
}

bool diffd_endpoint_is_own(const char *endpoint, const struct diffd_address *own) {
  struct diffd_error err;
  struct diffd_address address = {.port = -1};
  char authority[DIFFD_HOST_MAX + 16];
  bool http = strncasecmp(endpoint, "http://", 7) == 0;
  const char *begin = http ? endpoint + 7 : endpoint;
  size_t len = strcspn(begin, "/?#");
  if (len >= sizeof authority || (!http && strstr(endpoint, "://") != NULL))
    return false;
  memcpy(authority, begin, len);
  authority[len] = '\0';
  if (diffd_parse_address(authority, &address, &err) != DIFFD_OK)
    return false;
  if (address.port < 0 && http)
    address.port = 80;
  if (address.port != own->port)
    return false;
  if (strcasecmp(address.host, own->host) == 0)
    return true;
  /* Loopback names reach a server that listens everywhere or on loopback, and only such a one. */
  return kind_of_host(address.host) != HOST_OTHER && kind_of_host(own->host) != HOST_OTHER;
}

/* ---- typing errors ---- */

enum { NAME_MAX_COMPARED = 64 };

static size_t smaller(size_t a, size_t b) {
  return a < b ? a : b;
}

/* Damerau's distance (insert, drop, replace, swap of neighbours) of two names that are short enough. */
static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len) {
  size_t rows[3][NAME_MAX_COMPARED + 1] = {{0}};
  for (size_t j = 0; j <= b_len; j++)
    rows[0][j] = j;
  for (size_t i = 1; i <= a_len; i++) {
    size_t *row = rows[i % 3];
    const size_t *above = rows[(i + 2) % 3];
    const size_t *above2 = rows[(i + 1) % 3];
    row[0] = i;
    for (size_t j = 1; j <= b_len; j++) {
      size_t replaced = above[j - 1] + (a[i - 1] != b[j - 1]);
      row[j] = smaller(replaced, smaller(above[j], row[j - 1]) + 1);
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = smaller(row[j], above2[j - 2] + 1);
    }
  }
  return rows[a_len % 3][b_len];
}

const char *diffd_nearest_name(const char *word, const char *(*names)(const void *arg, size_t index),
                               const void *arg) {
  size_t len = strlen(word);
  size_t best = len / 3 < 2 ? len / 3 : 2;
  const char *nearest = NULL;
  const char *name;
  if (len > NAME_MAX_COMPARED)
    return NULL;
  for (size_t i = 0; (name = names(arg, i)) != NULL; i++) {
    size_t name_len = strlen(name);
    if (name_len > NAME_MAX_COMPARED)
      continue;
    size_t distance = edit_distance(word, len, name, name_len);
    if (distance <= best && (nearest == NULL || distance < best)) {
      best = distance;
      nearest = name;
    }
  }
  return nearest;
}
