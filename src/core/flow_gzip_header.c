/* SPDX-License-Identifier: Apache-2.0
 *
 * Headers of gzip members.
 */
#include "core/flow_gzip_header.h"

#include <isa-l/crc.h>

enum { FLAG_CRC = 2, FLAG_EXTRA = 4, FLAG_NAME = 8, FLAG_COMMENT = 16, FLAGS_RESERVED = 0xe0 };

/* In the order in which they come. */
enum stage { STAGE_FIXED, STAGE_EXTRA_LEN, STAGE_EXTRA, STAGE_NAME, STAGE_COMMENT, STAGE_CRC, STAGE_DONE };

/* Goes to the next stage that the flags ask for. */
static void next_stage(struct diffd_flow_gzip_header *header) {
  static const uint8_t asked_by[] = {[STAGE_EXTRA_LEN] = FLAG_EXTRA,
                                     [STAGE_EXTRA] = FLAG_EXTRA,
                                     [STAGE_NAME] = FLAG_NAME,
                                     [STAGE_COMMENT] = FLAG_COMMENT,
                                     [STAGE_CRC] = FLAG_CRC};
  do
    header->stage++;
  while (header->stage < STAGE_DONE && ((header->flags & asked_by[header->stage]) == 0 ||
                                        (header->stage == STAGE_EXTRA && header->extra == 0)));
  header->count = 0;
}

/* One of the ten bytes that every header has: magic number, method, flags, time, and what made it. */
static bool take_fixed(struct diffd_flow_gzip_header *header, uint8_t byte) {
  static const uint8_t wanted[] = {0x1f, 0x8b, 8};
  unsigned place = header->count++;
  if (place < sizeof wanted)
    return byte == wanted[place];
  if (place == 3) {
    header->flags = byte;
    return (byte & FLAGS_RESERVED) == 0;
  }
  if (place == 9)
    next_stage(header);
  return true;
}

enum diffd_flow_gzip_step diffd_flow_gzip_header_take(struct diffd_flow_gzip_header *header, uint8_t byte) {
  bool ok = true;
  if (header->stage != STAGE_CRC)
    header->crc_so_far = crc32_gzip_refl(header->crc_so_far, &byte, 1);
  switch ((enum stage)header->stage) {
  case STAGE_FIXED:
    ok = take_fixed(header, byte);
    break;
  case STAGE_EXTRA_LEN:
    header->extra = (uint16_t)(header->extra | byte << (8 * header->count));
    if (++header->count == 2)
      next_stage(header);
    break;
  case STAGE_EXTRA:
    if (++header->count == header->extra)
      next_stage(header);
    break;
  case STAGE_NAME:
  case STAGE_COMMENT:
    if (byte == 0)
      next_stage(header);
    break;
  case STAGE_CRC:
    header->crc = (uint16_t)(header->crc | byte << (8 * header->count));
    if (++header->count == 2) {
      ok = header->crc == (header->crc_so_far & 0xffff);
      next_stage(header);
    }
    break;
  case STAGE_DONE:
    break;
  }
  if (!ok)
    return DIFFD_FLOW_GZIP_BAD;
  return header->stage == STAGE_DONE ? DIFFD_FLOW_GZIP_DONE : DIFFD_FLOW_GZIP_MORE;
}
