/* SPDX-License-Identifier: Apache-2.0
 *
 * The plain parser of flow records: the specification of what a record is.
 */
#include "core/flow_record.h"

#include <string.h>

#include "core/flow_address.h"

/* Decimal digits alone, at most `max`. */
static bool parse_number(struct diffd_span text, uint64_t max, uint64_t *ret) {
  uint64_t value = 0;
  for (size_t i = 0; i < text.len; i++) {
    unsigned digit = (unsigned)(unsigned char)text.ptr[i] - '0';
    if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
        __builtin_add_overflow(value, digit, &value))
      return false;
  }
  *ret = value;
  return text.len > 0 && value <= max;
}

static bool equals_ignoring_case(struct diffd_span text, const char *upper) {
  size_t len = strlen(upper);
  if (text.len != len)
    return false;
  for (size_t i = 0; i < len; i++)
    if ((text.ptr[i] >= 'a' && text.ptr[i] <= 'z' ? text.ptr[i] - 32 : text.ptr[i]) != upper[i])
      return false;
  return true;
}

/* An id goes into a quoted DOT string as it is, so it has only what needs no quoting there. */
static bool is_id(struct diffd_span text) {
  for (size_t i = 0; i < text.len; i++)
    if (text.ptr[i] <= ' ' || text.ptr[i] > '~' || text.ptr[i] == '"' || text.ptr[i] == '\\')
      return false;
  return text.len > 0 && text.len <= DIFFD_FLOW_NAME_MAX;
}

bool diffd_flow_address_parse(struct diffd_span text, struct diffd_flow_address *ret) {
  ret->v6 = false;
  if (diffd_flow_v4_parse(text, &ret->v4))
    return true;
  ret->v6 = diffd_flow_v6_parse(text, ret->bytes);
  return ret->v6;
}

/* Splits a line at single spaces and keeps the columns that the format names. */
static bool split(const struct diffd_flow_format *format, struct diffd_span line,
                  struct diffd_span columns[DIFFD_FLOW_FIELD_COUNT], const char **ret_fault) {
  size_t begin = 0;
  uint32_t column = 0;
  for (size_t at = 0; at <= line.len; at++) {
    if (at < line.len && line.ptr[at] != ' ')
      continue;
    for (size_t field = 0; field < DIFFD_FLOW_FIELD_COUNT; field++)
      if (format->column[field] == column)
        columns[field] = (struct diffd_span){line.ptr + begin, at - begin};
    column++;
    begin = at + 1;
    if (column > format->columns) {
      *ret_fault = "too many fields";
      return false;
    }
  }
  *ret_fault = "too few fields";
  return column == format->columns;
}

static const char *parse_flow(const struct diffd_span columns[DIFFD_FLOW_FIELD_COUNT],
                              struct diffd_flow_record *record) {
  uint64_t srcport, dstport, protocol;
  record->account = columns[DIFFD_FLOW_ACCOUNT];
  record->eni = columns[DIFFD_FLOW_ENI];
  record->account_eni = (struct diffd_span){0};
  if (record->eni.ptr == record->account.ptr + record->account.len + 1)
    record->account_eni = (struct diffd_span){record->account.ptr, record->account.len + 1 + record->eni.len};
  if (!diffd_flow_address_parse(columns[DIFFD_FLOW_SRCADDR], &record->source))
    return "srcaddr is no address";
  if (!diffd_flow_address_parse(columns[DIFFD_FLOW_DSTADDR], &record->destination))
    return "dstaddr is no address";
  if (!parse_number(columns[DIFFD_FLOW_SRCPORT], UINT16_MAX, &srcport))
    return "srcport is no port";
  if (!parse_number(columns[DIFFD_FLOW_DSTPORT], UINT16_MAX, &dstport))
    return "dstport is no port";
  if (!parse_number(columns[DIFFD_FLOW_PROTOCOL], UINT8_MAX, &protocol))
    return "protocol is no protocol number";
  if (!parse_number(columns[DIFFD_FLOW_PACKETS], UINT64_MAX, &record->packets))
    return "packets is no number";
  if (!parse_number(columns[DIFFD_FLOW_BYTES], UINT64_MAX, &record->bytes))
    return "bytes is no number";
  record->srcport = (uint16_t)srcport;
  record->dstport = (uint16_t)dstport;
  record->protocol = (uint8_t)protocol;
  record->color = equals_ignoring_case(columns[DIFFD_FLOW_ACTION], "REJECT") ? DIFFD_RED : DIFFD_GREEN;
  return NULL;
}

const char *diffd_flow_record_id_fault(const struct diffd_flow_record *record) {
  if (!is_id(record->account))
    return "account-id is no id";
  return is_id(record->eni) ? NULL : "interface-id is no id";
}

enum diffd_flow_line diffd_flow_record_parse(const struct diffd_flow_format *format, struct diffd_span line,
                                             struct diffd_flow_record *ret, const char **ret_fault) {
  struct diffd_span columns[DIFFD_FLOW_FIELD_COUNT] = {{0}};
  if (!split(format, line, columns, ret_fault))
    return DIFFD_FLOW_BAD;
  struct diffd_span status = columns[DIFFD_FLOW_STATUS];
  enum diffd_flow_line kind = DIFFD_FLOW_RECORD;
  if (equals_ignoring_case(status, "NODATA")) {
    kind = DIFFD_FLOW_NODATA;
  } else if (equals_ignoring_case(status, "SKIPDATA")) {
    kind = DIFFD_FLOW_SKIPDATA;
  } else if (!equals_ignoring_case(status, "OK")) {
    *ret_fault = "log-status is not OK, NODATA or SKIPDATA";
    return DIFFD_FLOW_BAD;
  }
  uint64_t start, end;
  if (!parse_number(columns[DIFFD_FLOW_START], INT64_MAX, &start)) {
    *ret_fault = "start is no number";
    return DIFFD_FLOW_BAD;
  }
  if (!parse_number(columns[DIFFD_FLOW_END], INT64_MAX, &end)) {
    *ret_fault = "end is no number";
    return DIFFD_FLOW_BAD;
  }
  struct diffd_flow_record record = {.start = (int64_t)start, .end = (int64_t)end};
  if (kind == DIFFD_FLOW_RECORD) {
    *ret_fault = parse_flow(columns, &record);
    if (*ret_fault != NULL)
      return DIFFD_FLOW_BAD;
  }
  *ret = record;
  return kind;
}
