/* SPDX-License-Identifier: Apache-2.0
 *
 * The fields of VPC flow logs, and which column of a line holds which.
 *
 * A custom format is told by its header line: space-separated field names in the order of the columns.
 * Without one, the default format of version 2 holds. Source: "Flow log records" in the Amazon VPC user guide
 * and "Transit Gateway Flow Log records" in the AWS Transit Gateway guide, versions 2 to 11.
 */
#ifndef DIFFD_CORE_FLOW_FIELDS_H
#define DIFFD_CORE_FLOW_FIELDS_H

#include "diffd/stream.h"

/* The fields that a graph cannot be made without. */
enum diffd_flow_field {
  DIFFD_FLOW_ACCOUNT,
  DIFFD_FLOW_ENI,
  DIFFD_FLOW_SRCADDR,
  DIFFD_FLOW_DSTADDR,
  DIFFD_FLOW_SRCPORT,
  DIFFD_FLOW_DSTPORT,
  DIFFD_FLOW_PROTOCOL,
  DIFFD_FLOW_PACKETS,
  DIFFD_FLOW_BYTES,
  DIFFD_FLOW_START,
  DIFFD_FLOW_END,
  DIFFD_FLOW_ACTION,
  DIFFD_FLOW_STATUS,
  DIFFD_FLOW_FIELD_COUNT
};

/* A format with more columns than this is none that AWS can make. */
enum { DIFFD_FLOW_COLUMNS_MAX = 512 };

struct diffd_flow_format {
  bool standard;                           /* the default format of version 2 */
  uint32_t columns;                        /* that a record has, DIFFD_FLOW_FIELD_COUNT or more */
  uint32_t column[DIFFD_FLOW_FIELD_COUNT]; /* from 0 */
};

/* The default format of version 2. */
struct diffd_flow_format diffd_flow_format_default(void);

/* The version that brought a field, 2 to 11; 0 where AWS documents no such field. */
unsigned diffd_flow_field_version(struct diffd_span name);

/* True where a line (without its line end) is a header and no record: each token looks like a field name,
 * which no number and no `-` does, and at least two of them are fields that AWS documents. */
bool diffd_flow_is_header(struct diffd_span line);

/* Reads a header line. DIFFD_BAD_LOGS, with the field's name, where a needed field is missing or one is named
 * twice. Fields that nobody documented yet are columns that are not looked at. */
enum diffd_status diffd_flow_format_parse(struct diffd_span line, struct diffd_flow_format *ret,
                                          struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
