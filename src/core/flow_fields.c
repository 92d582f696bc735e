/* SPDX-License-Identifier: Apache-2.0
 *
 * Header lines of flow logs.
 */
#include "core/flow_fields.h"

#include <string.h>

static const char *const needed[DIFFD_FLOW_FIELD_COUNT] = {
    [DIFFD_FLOW_ACCOUNT] = "account-id", [DIFFD_FLOW_ENI] = "interface-id", [DIFFD_FLOW_SRCADDR] = "srcaddr",
    [DIFFD_FLOW_DSTADDR] = "dstaddr",    [DIFFD_FLOW_SRCPORT] = "srcport",  [DIFFD_FLOW_DSTPORT] = "dstport",
    [DIFFD_FLOW_PROTOCOL] = "protocol",  [DIFFD_FLOW_PACKETS] = "packets",  [DIFFD_FLOW_BYTES] = "bytes",
    [DIFFD_FLOW_START] = "start",        [DIFFD_FLOW_END] = "end",          [DIFFD_FLOW_ACTION] = "action",
    [DIFFD_FLOW_STATUS] = "log-status",
};

/* All that AWS documents, with the version that brought it. A family of names ends with `*`. */
static const struct {
  const char *name;
  unsigned version;
} fields[] = {
    {"version", 2},
    {"account-id", 2},
    {"interface-id", 2},
    {"srcaddr", 2},
    {"dstaddr", 2},
    {"srcport", 2},
    {"dstport", 2},
    {"protocol", 2},
    {"packets", 2},
    {"bytes", 2},
    {"start", 2},
    {"end", 2},
    {"action", 2},
    {"log-status", 2},
    {"vpc-id", 3},
    {"subnet-id", 3},
    {"instance-id", 3},
    {"tcp-flags", 3},
    {"type", 3},
    {"pkt-srcaddr", 3},
    {"pkt-dstaddr", 3},
    {"region", 4},
    {"az-id", 4},
    {"sublocation-type", 4},
    {"sublocation-id", 4},
    {"pkt-src-aws-service", 5},
    {"pkt-dst-aws-service", 5},
    {"flow-direction", 5},
    {"traffic-path", 5},
    {"resource-type", 6},
    {"tgw-id", 6},
    {"tgw-attachment-id", 6},
    {"tgw-src-vpc-account-id", 6},
    {"tgw-dst-vpc-account-id", 6},
    {"tgw-src-vpc-id", 6},
    {"tgw-dst-vpc-id", 6},
    {"tgw-src-subnet-id", 6},
    {"tgw-dst-subnet-id", 6},
    {"tgw-src-eni", 6},
    {"tgw-dst-eni", 6},
    {"tgw-src-az-id", 6},
    {"tgw-dst-az-id", 6},
    {"tgw-pair-attachment-id", 6},
    {"packets-lost-no-route", 6},
    {"packets-lost-blackhole", 6},
    {"packets-lost-mtu-exceeded", 6},
    {"packets-lost-ttl-expired", 6},
    {"ecs-*", 7},
    {"reject-reason", 8},
    {"resource-id", 9},
    {"encryption-status", 10},
    {"tags", 11},
    {"interface-type", 11},
    {"next-hop-*", 11},
};

struct diffd_flow_format diffd_flow_format_default(void) {
  /* version account-id interface-id srcaddr ... log-status: the needed fields follow each other. */
  struct diffd_flow_format format = {.standard = true, .columns = DIFFD_FLOW_FIELD_COUNT + 1};
  for (uint32_t field = 0; field < DIFFD_FLOW_FIELD_COUNT; field++)
    format.column[field] = field + 1;
  return format;
}

unsigned diffd_flow_field_version(struct diffd_span name) {
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    size_t len = strlen(fields[i].name);
    bool family = fields[i].name[len - 1] == '*';
    if (family)
      len--;
    if ((family ? name.len > len : name.len == len) && memcmp(name.ptr, fields[i].name, len) == 0)
      return fields[i].version;
  }
  return 0;
}

static bool looks_like_a_name(struct diffd_span token) {
  if (token.len == 0 || token.ptr[0] < 'a' || token.ptr[0] > 'z')
    return false;
  for (size_t i = 1; i < token.len; i++) {
    char c = token.ptr[i];
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
      return false;
  }
  return true;
}

/* Cuts the next token off a line. False at its end. */
static bool next_token(struct diffd_span *rest, struct diffd_span *ret) {
  if (rest->ptr == NULL)
    return false;
  const char *space = rest->len == 0 ? NULL : memchr(rest->ptr, ' ', rest->len);
  if (space == NULL) {
    *ret = *rest;
    *rest = (struct diffd_span){0};
    return true;
  }
  *ret = (struct diffd_span){rest->ptr, (size_t)(space - rest->ptr)};
  *rest = (struct diffd_span){space + 1, rest->len - ret->len - 1};
  return true;
}

bool diffd_flow_is_header(struct diffd_span line) {
  struct diffd_span token;
  unsigned known = 0;
  /* Two known names are enough, and a header has some early: a line of many words must not take long. */
  for (unsigned i = 0; next_token(&line, &token); i++) {
    if (!looks_like_a_name(token))
      return false;
    if (known < 2 && i < DIFFD_FLOW_COLUMNS_MAX)
      known += diffd_flow_field_version(token) != 0;
  }
  return known >= 2;
}

enum diffd_status diffd_flow_format_parse(struct diffd_span line, struct diffd_flow_format *ret,
                                          struct diffd_error *err) {
  struct diffd_flow_format format = {0};
  struct diffd_span token;
  bool seen[DIFFD_FLOW_FIELD_COUNT] = {false};
  while (next_token(&line, &token)) {
    for (size_t field = 0; field < DIFFD_FLOW_FIELD_COUNT; field++) {
      if (token.len != strlen(needed[field]) || memcmp(token.ptr, needed[field], token.len) != 0)
        continue;
      if (seen[field])
        return diffd_fail(err, DIFFD_BAD_LOGS, "the header names the field %s twice", needed[field]);
      seen[field] = true;
      format.column[field] = format.columns;
    }
    if (++format.columns > DIFFD_FLOW_COLUMNS_MAX)
      return diffd_fail(err, DIFFD_BAD_LOGS, "the header names more than %d fields", DIFFD_FLOW_COLUMNS_MAX);
  }
  for (size_t field = 0; field < DIFFD_FLOW_FIELD_COUNT; field++)
    if (!seen[field])
      return diffd_fail(
          err, DIFFD_BAD_LOGS,
          "the header lacks the field %s, which a graph needs: add it to the flow log's format, or "
          "leave this file out",
          needed[field]);
  const struct diffd_flow_format standard = diffd_flow_format_default();
  format.standard =
      format.columns == standard.columns && memcmp(format.column, standard.column, sizeof format.column) == 0;
  *ret = format;
  return DIFFD_OK;
}
