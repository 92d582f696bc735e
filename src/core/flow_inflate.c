/* SPDX-License-Identifier: Apache-2.0
 *
 * Streaming gunzip with ISA-L, the fastest streaming inflater of those that Debian has.
 */
#include "core/flow_inflate.h"

#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>

#include "core/flow_gzip_header.h"

enum { INPUT_CAP = 128 * 1024 };

enum stage {
  STAGE_BEGIN, /* not known yet whether plain or gzip */
  STAGE_PLAIN,
  STAGE_HEADER, /* in a member's header */
  STAGE_MEMBER, /* in its data */
  STAGE_AFTER,  /* after a member: another one, zeros, or the end */
  STAGE_ZEROS,  /* after the first zero behind a member: zeros to the end */
};

struct diffd_flow_text {
  struct diffd_reader *reader;
  enum stage stage;
  bool reader_ended;
  uint64_t stored;
  size_t begin; /* input[begin, end) was read and is not used yet */
  size_t end;
  struct diffd_flow_gzip_header header;
  struct inflate_state inflate;
  uint8_t input[INPUT_CAP];
};

enum diffd_status diffd_flow_text_new(struct diffd_flow_text **ret, struct diffd_error *err) {
  struct diffd_flow_text *text = malloc(sizeof *text);
  if (text == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to inflate flow logs");
  memset(&text->inflate, 0, sizeof text->inflate);
  diffd_flow_text_begin(text, NULL);
  *ret = text;
  return DIFFD_OK;
}

void diffd_flow_text_destroy(struct diffd_flow_text *text) {
  free(text);
}

void diffd_flow_text_begin(struct diffd_flow_text *text, struct diffd_reader *reader) {
  text->reader = reader;
  text->stage = STAGE_BEGIN;
  text->reader_ended = false;
  text->stored = 0;
  text->begin = text->end = 0;
}

uint64_t diffd_flow_text_stored_bytes(const struct diffd_flow_text *text) {
  return text->stored;
}

/* Adds to the input what the reader has. At the reader's end, reader_ended is set. */
static enum diffd_status refill(struct diffd_flow_text *text, struct diffd_error *err) {
  if (text->begin == text->end)
    text->begin = text->end = 0;
  size_t got;
  enum diffd_status status =
      diffd_reader_read(text->reader, text->input + text->end, INPUT_CAP - text->end, &got, err);
  if (status == DIFFD_END) {
    text->reader_ended = true;
    return DIFFD_OK;
  }
  if (status != DIFFD_OK)
    return status;
  text->end += got;
  text->stored += got;
  return DIFFD_OK;
}

static void start_header(struct diffd_flow_text *text) {
  text->header = (struct diffd_flow_gzip_header){0};
  text->stage = STAGE_HEADER;
}

static enum diffd_status unfinished(struct diffd_error *err) {
  return diffd_fail(err, DIFFD_BAD_LOGS,
                    "a gzip member is unfinished: the file is cut short, fetch it again");
}

static enum diffd_status read_header(struct diffd_flow_text *text, struct diffd_error *err) {
  while (text->begin < text->end) {
    switch (diffd_flow_gzip_header_take(&text->header, text->input[text->begin++])) {
    case DIFFD_FLOW_GZIP_MORE:
      break;
    case DIFFD_FLOW_GZIP_DONE:
      isal_inflate_init(&text->inflate);
      text->inflate.crc_flag = ISAL_GZIP_NO_HDR_VER;
      text->stage = STAGE_MEMBER;
      return DIFFD_OK;
    case DIFFD_FLOW_GZIP_BAD:
      return diffd_fail(err, DIFFD_BAD_LOGS,
                        "a gzip member has a broken header: the file is damaged, fetch it again");
    }
  }
  return text->reader_ended ? unfinished(err) : refill(text, err);
}

/* Two bytes tell, and a reader may give them one by one. */
static enum diffd_status find_kind(struct diffd_flow_text *text, struct diffd_error *err) {
  while (text->end < 2 && !text->reader_ended) {
    enum diffd_status status = refill(text, err);
    if (status != DIFFD_OK)
      return status;
  }
  if (text->end >= 2 && text->input[0] == 0x1f && text->input[1] == 0x8b)
    start_header(text);
  else
    text->stage = STAGE_PLAIN;
  return DIFFD_OK;
}

static enum diffd_status read_plain(struct diffd_flow_text *text, void *buf, size_t cap, size_t *ret_len,
                                    struct diffd_error *err) {
  size_t have = text->end - text->begin;
  if (have > 0) {
    size_t len = have < cap ? have : cap;
    memcpy(buf, text->input + text->begin, len);
    text->begin += len;
    *ret_len = len;
    return DIFFD_OK;
  }
  if (text->reader_ended)
    return DIFFD_END;
  enum diffd_status status = diffd_reader_read(text->reader, buf, cap, ret_len, err);
  if (status == DIFFD_OK)
    text->stored += *ret_len;
  return status;
}

/* Looks at what follows a member. */
static enum diffd_status after_member(struct diffd_flow_text *text, struct diffd_error *err) {
  if (text->begin == text->end)
    return text->reader_ended ? DIFFD_END : refill(text, err);
  if (text->stage == STAGE_AFTER && text->input[text->begin] == 0x1f) {
    start_header(text); /* which checks the rest of the magic number */
    return DIFFD_OK;
  }
  text->stage = STAGE_ZEROS;
  while (text->begin < text->end)
    if (text->input[text->begin++] != 0)
      return diffd_fail(err, DIFFD_BAD_LOGS,
                        "bytes follow the last gzip member that are no member and not zero: the "
                        "file is damaged, fetch it again");
  return DIFFD_OK;
}

static enum diffd_status inflate_failure(int code, struct diffd_error *err) {
  if (code == ISAL_INCORRECT_CHECKSUM)
    return diffd_fail(err, DIFFD_BAD_LOGS,
                      "a gzip member fails its checksum: the file is damaged, fetch it again");
  return diffd_fail(err, DIFFD_BAD_LOGS, "a gzip member is broken: the file is damaged, fetch it again");
}

/* Gives 0 bytes where more must be read or a member ended. */
static enum diffd_status read_member(struct diffd_flow_text *text, void *buf, size_t cap, size_t *ret_len,
                                     struct diffd_error *err) {
  struct inflate_state *inflate = &text->inflate;
  uint32_t room = cap < UINT32_MAX ? (uint32_t)cap : UINT32_MAX;
  size_t had = text->end - text->begin;
  inflate->next_in = text->input + text->begin;
  inflate->avail_in = (uint32_t)had;
  inflate->next_out = buf;
  inflate->avail_out = room;
  int code = isal_inflate(inflate);
  text->begin = text->end - inflate->avail_in;
  if (code < 0 || code > ISAL_OUT_OVERFLOW)
    return inflate_failure(code, err);
  *ret_len = room - inflate->avail_out;
  if (inflate->block_state == ISAL_BLOCK_FINISH) {
    text->stage = STAGE_AFTER;
    return DIFFD_OK;
  }
  if (*ret_len > 0)
    return DIFFD_OK;
  if (text->reader_ended)
    return unfinished(err);
  if (had > 0 && had == text->end - text->begin) /* would go on for ever */
    return diffd_fail(err, DIFFD_INTERNAL, "the inflater stands still");
  return text->begin == text->end ? refill(text, err) : DIFFD_OK;
}

enum diffd_status diffd_flow_text_read(struct diffd_flow_text *text, void *buf, size_t cap, size_t *ret_len,
                                       struct diffd_error *err) {
  size_t len = 0;
  uint64_t until = text->stored + DIFFD_FLOW_TEXT_PATIENCE;
  enum diffd_status status = DIFFD_OK;
  while (status == DIFFD_OK && len == 0 && text->stored < until) {
    switch (text->stage) {
    case STAGE_BEGIN:
      status = find_kind(text, err);
      break;
    case STAGE_PLAIN:
      status = read_plain(text, buf, cap, &len, err);
      break;
    case STAGE_HEADER:
      status = read_header(text, err);
      break;
    case STAGE_MEMBER:
      status = read_member(text, buf, cap, &len, err);
      break;
    case STAGE_AFTER:
    case STAGE_ZEROS:
      status = after_member(text, err);
      break;
    }
  }
  if (status == DIFFD_OK)
    *ret_len = len;
  return status;
}
