/* SPDX-License-Identifier: Apache-2.0
 *
 * The header of a gzip member (RFC 1952, section 2.3), byte by byte.
 *
 * ISA-L reads headers too, but loses its place in optional fields that come in pieces.
 */
#ifndef DIFFD_CORE_FLOW_GZIP_HEADER_H
#define DIFFD_CORE_FLOW_GZIP_HEADER_H

#include <stdbool.h>
#include <stdint.h>

/* Zero stands before the first byte. */
struct diffd_flow_gzip_header {
  unsigned stage; /* what comes next */
  unsigned count; /* bytes of it that came */
  uint8_t flags;
  uint16_t extra; /* the extra field's length */
  uint16_t crc;   /* as it stands in the header */
  uint32_t crc_so_far;
};

enum diffd_flow_gzip_step {
  DIFFD_FLOW_GZIP_MORE, /* the header goes on */
  DIFFD_FLOW_GZIP_DONE, /* that was its last byte */
  DIFFD_FLOW_GZIP_BAD,  /* this is no header, or it fails its checksum */
};

enum diffd_flow_gzip_step diffd_flow_gzip_header_take(struct diffd_flow_gzip_header *header, uint8_t byte);

#endif
