/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses: text to bytes and back.
 */
#include "core/flow_address.h"

#include <string.h>

bool diffd_flow_v4_parse(struct diffd_span text, uint32_t *ret) {
  uint32_t address = 0;
  size_t at = 0;
  for (unsigned octets = 0; octets < 4; octets++) {
    if (octets > 0 && (at == text.len || text.ptr[at++] != '.'))
      return false;
    size_t begin = at;
    uint32_t value = 0;
    while (at < text.len && at - begin < 3 && text.ptr[at] >= '0' && text.ptr[at] <= '9')
      value = value * 10 + (uint32_t)(text.ptr[at++] - '0');
    if (at == begin || value > 255 || (at - begin > 1 && text.ptr[begin] == '0'))
      return false;
    address = address << 8 | value;
  }
  if (at != text.len)
    return false;
  *ret = address;
  return true;
}

static int hex_value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads one group of 1 to 4 hexadecimal digits. Returns its length, 0 where there is none. */
static size_t parse_group(struct diffd_span text, size_t at, unsigned *ret) {
  size_t len = 0;
  unsigned value = 0;
  while (len < 4 && at + len < text.len && hex_value(text.ptr[at + len]) >= 0)
    value = value << 4 | (unsigned)hex_value(text.ptr[at + len++]);
  *ret = value;
  return len;
}

/* Groups before and after the `::`, as they come; a dotted quad may stand in place of the last two. */
struct v6_groups {
  uint16_t group[8];
  unsigned count;
  unsigned gap; /* groups before the `::` */
  bool has_gap;
};

static bool parse_dotted_end(struct diffd_span text, size_t at, struct v6_groups *groups) {
  uint32_t v4;
  if (groups->count > 6 || !diffd_flow_v4_parse((struct diffd_span){text.ptr + at, text.len - at}, &v4))
    return false;
  groups->group[groups->count++] = (uint16_t)(v4 >> 16);
  groups->group[groups->count++] = (uint16_t)v4;
  return true;
}

static bool parse_groups(struct diffd_span text, struct v6_groups *groups) {
  size_t at = 0;
  if (text.len >= 2 && text.ptr[0] == ':' && text.ptr[1] == ':') {
    groups->has_gap = true;
    at = 2;
    if (at == text.len)
      return true;
  }
  for (;;) {
    unsigned value;
    size_t len = parse_group(text, at, &value);
    if (len == 0 || groups->count == 8)
      return false;
    if (at + len < text.len && text.ptr[at + len] == '.')
      return parse_dotted_end(text, at, groups);
    groups->group[groups->count++] = (uint16_t)value;
    at += len;
    if (at == text.len)
      return true;
    if (text.ptr[at++] != ':')
      return false;
    if (at < text.len && text.ptr[at] == ':') {
      if (groups->has_gap)
        return false;
      groups->has_gap = true;
      groups->gap = groups->count;
      if (++at == text.len)
        return true;
    }
  }
}

bool diffd_flow_v6_parse(struct diffd_span text, uint8_t ret[16]) {
  struct v6_groups groups = {0};
  /* A `::` stands for at least one group (RFC 5952 asks for two; RFC 4291 allows one). */
  if (text.len < 2 || text.len > DIFFD_FLOW_LABEL_MAX || !parse_groups(text, &groups) ||
      (groups.has_gap ? groups.count > 7 : groups.count != 8))
    return false;
  memset(ret, 0, 16);
  for (unsigned i = 0; i < groups.count; i++) {
    unsigned to = groups.has_gap && i >= groups.gap ? 8 - groups.count + i : i;
    ret[2 * to] = (uint8_t)(groups.group[i] >> 8);
    ret[2 * to + 1] = (uint8_t)groups.group[i];
  }
  return true;
}

#define TEN(tens)                                                                                            \
  tens "0", tens "1", tens "2", tens "3", tens "4", tens "5", tens "6", tens "7", tens "8", tens "9"
static const char octet_texts[256][4] = {
    TEN(""),   TEN("1"),  TEN("2"),  TEN("3"),  TEN("4"),  TEN("5"),  TEN("6"),  TEN("7"),
    TEN("8"),  TEN("9"),  TEN("10"), TEN("11"), TEN("12"), TEN("13"), TEN("14"), TEN("15"),
    TEN("16"), TEN("17"), TEN("18"), TEN("19"), TEN("20"), TEN("21"), TEN("22"), TEN("23"),
    TEN("24"), "250",     "251",     "252",     "253",     "254",     "255"};

/* Writes three bytes, whatever the octet; without a branch, for nobody could predict it. */
static inline char *put_octet(char *out, unsigned octet) {
  memcpy(out, octet_texts[octet], 3);
  return out + 1 + (octet >= 10) + (octet >= 100);
}

static char *put_v4(char *out, uint32_t address, char separator) {
  out = put_octet(out, address >> 24);
  *out++ = separator;
  out = put_octet(out, address >> 16 & 0xff);
  *out++ = separator;
  out = put_octet(out, address >> 8 & 0xff);
  *out++ = separator;
  return put_octet(out, address & 0xff);
}

size_t diffd_flow_v4_label(uint32_t address, char *out) {
  return (size_t)(put_v4(out, address, '.') - out);
}

size_t diffd_flow_v4_id(uint32_t address, char *out) {
  out[0] = 'n';
  return (size_t)(put_v4(out + 1, address, '_') - out);
}

static const char hex_digits[] = "0123456789abcdef";

size_t diffd_flow_v6_id(const uint8_t address[16], char *out) {
  memcpy(out, "n6_", 3);
  for (size_t i = 0; i < 16; i++) {
    out[3 + 2 * i] = hex_digits[address[i] >> 4];
    out[4 + 2 * i] = hex_digits[address[i] & 15];
  }
  return 35;
}

static char *put_group(char *out, unsigned group) {
  for (int shift = 12; shift >= 0; shift -= 4)
    if (group >> shift != 0 || shift == 0)
      *out++ = hex_digits[group >> shift & 15];
  return out;
}

size_t diffd_flow_v6_label(const uint8_t address[16], char *out) {
  static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
  if (memcmp(address, mapped, sizeof mapped) == 0) {
    uint32_t v4 =
        (uint32_t)address[12] << 24 | (uint32_t)address[13] << 16 | (uint32_t)address[14] << 8 | address[15];
    memcpy(out, "::ffff:", 7);
    return 7 + diffd_flow_v4_label(v4, out + 7);
  }
  unsigned group[8], best = 8, best_len = 1; /* a single zero group is not shortened */
  for (unsigned i = 0; i < 8; i++)
    group[i] = (unsigned)address[2 * i] << 8 | address[2 * i + 1];
  for (unsigned i = 0; i < 8; i++) {
    unsigned len = 0;
    while (i + len < 8 && group[i + len] == 0)
      len++;
    if (len > best_len) {
      best = i;
      best_len = len;
    }
    i += len;
  }
  char *at = out;
  for (unsigned i = 0; i < 8; i++) {
    if (i == best) {
      *at++ = ':';
      *at++ = ':';
      i += best_len - 1;
      continue;
    }
    if (i > 0 && at[-1] != ':')
      *at++ = ':';
    at = put_group(at, group[i]);
  }
  return (size_t)(at - out);
}

size_t diffd_flow_original_id(struct diffd_span label, char *out) {
  size_t len = 0;
  out[len++] = 'n';
  for (size_t i = 0; i < label.len; i++)
    if (label.ptr[i] != '.' && label.ptr[i] != ':')
      out[len++] = label.ptr[i];
  return len;
}
