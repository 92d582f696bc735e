/* SPDX-License-Identifier: Apache-2.0
 *
 * IPv4 and IPv6 addresses as flow logs write them, and as graphs name them.
 *
 * Parsing is strict: four decimal octets without leading zeros (RFC 3986, IPv4address); RFC 4291 section 2.2
 * without zone. Labels are canonical (RFC 5952); an IPv4-mapped address is ::ffff:192.0.2.1. No function here
 * writes a NUL; all are pure.
 */
#ifndef DIFFD_CORE_FLOW_ADDRESS_H
#define DIFFD_CORE_FLOW_ADDRESS_H

#include "diffd/stream.h"

enum {
  DIFFD_FLOW_LABEL_MAX = 45, /* bytes of the longest label */
  DIFFD_FLOW_ID_MAX = 35,    /* bytes of the longest node id */
};

/* An IPv4 address as a number: 10.1.2.3 is 0x0a010203. False where the text is none. */
bool diffd_flow_v4_parse(struct diffd_span text, uint32_t *ret);
bool diffd_flow_v6_parse(struct diffd_span text, uint8_t ret[16]);

/* Write the label, at most DIFFD_FLOW_LABEL_MAX bytes, and return its length. */
size_t diffd_flow_v4_label(uint32_t address, char *out);
size_t diffd_flow_v6_label(const uint8_t address[16], char *out);

/* Write the injective node id (n10_1_11_1; n6_ and 32 hexadecimal digits), at most DIFFD_FLOW_ID_MAX bytes.
 */
size_t diffd_flow_v4_id(uint32_t address, char *out);
size_t diffd_flow_v6_id(const uint8_t address[16], char *out);
/* Writes the original's node id: n and the label without dots and colons. Different addresses may share one.
 */
size_t diffd_flow_original_id(struct diffd_span label, char *out);

#endif
