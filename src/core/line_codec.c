/* SPDX-License-Identifier: Apache-2.0
 *
 * A chunk is a row of records and some zeros, so that a reader may look a few bytes ahead.
 *
 *   raw   tag; the text's length in 4 bytes; the text
 *   node  tag; the lengths of id and label; these
 *   edge  tag; the lengths of source and destination; those of the ports, of protocol and packets, half a
 * byte each, and of bytes; two bytes for account and interface: their pair's number, or their lengths; a byte
 * for start and end likewise; the line's length in 2 bytes; the values in this order, of pairs only those
 * without a number
 */
#include "core/line_codec.h"

#include <stdlib.h>
#include <string.h>

#include "core/pair_table.h"
#include "core/short_text.h"

enum {
  TAG_RAW = 0,
  TAG_NODE = 1,
  TAG_EDGE = 2,
  TAG_KIND = 3,          /* mask */
  TAG_RED = 4,           /* the edge's color */
  TAG_INLINE_NAMES = 8,  /* account and interface stand in the record */
  TAG_INLINE_TIMES = 16, /* start and end stand in the record */

  RAW_HEAD = 1 + 4, /* bytes */
  NODE_HEAD = 3,
  EDGE_HEAD = 11,
  KEPT_PADDING = 32,

  /* What values may be long, in words of 8 bytes with the byte after them: a longer one leaves its line raw.
   */
  ID_WORDS = 8,
  NAME_WORDS = 8,
  NUMBER_WORDS = 2,
  LINE_MAX_BYTES =
      DIFFD_LINE_PADDING, /* longer than any line that a record stands for, with what is written ahead */

  PAGE_BYTES = DIFFD_PAIRS_A_PAGE * (int)(sizeof(struct diffd_pair) + sizeof(uint32_t)),
};

/* The values of an edge, in the order of its attributes. */
enum field { ACCOUNT, ENI, SRCPORT, DSTPORT, PROTOCOL, PACKETS, BYTES, START, END, FIELDS };

struct diffd_line_codec {
  struct diffd_pair_table names; /* account, interface */
  struct diffd_pair_table times; /* start, end */
  int32_t last_times;            /* the number that was found last, or -1 */
};

enum diffd_status diffd_line_codec_new(uint64_t memory_bytes, struct diffd_line_codec **ret,
                                       struct diffd_error *err) {
  struct diffd_line_codec *codec = calloc(1, sizeof *codec);
  if (codec == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to keep an input");
  codec->last_times = -1;
  uint32_t pages = 1;
  while (pages < DIFFD_PAIR_PAGES_MAX && (uint64_t)(2 * pages + 1) * PAGE_BYTES <= memory_bytes / 8)
    pages *= 2;
  enum diffd_status status = diffd_pair_table_init(&codec->names, pages, err);
  if (status == DIFFD_OK)
    status = diffd_pair_table_init(&codec->times, 1, err);
  if (status != DIFFD_OK) {
    diffd_line_codec_destroy(codec);
    return status;
  }
  *ret = codec;
  return DIFFD_OK;
}

void diffd_line_codec_destroy(struct diffd_line_codec *codec) {
  if (codec == NULL)
    return;
  diffd_pair_table_clean_up(&codec->names);
  diffd_pair_table_clean_up(&codec->times);
  free(codec);
}

uint64_t diffd_line_codec_memory_max(const struct diffd_line_codec *codec) {
  return sizeof *codec + diffd_pair_table_memory_max(&codec->names) +
         diffd_pair_table_memory_max(&codec->times);
}

/* What a line says: in the text that is encoded, or in a record. */
struct edge_text {
  struct diffd_span source;
  struct diffd_span destination;
  struct diffd_span value[FIELDS];
  bool red;
  size_t len; /* of the line */
};

struct node_text {
  struct diffd_span id;
  struct diffd_span label;
  size_t len; /* of the line */
};

static inline char *put_value(char *at, struct diffd_span value) {
  return diffd_short_put(at, value.ptr, value.len);
}

/* ---- Encoding ---- */

static char *put_raw(char *at, const char *text, size_t len) {
  if (text == NULL || len == 0)
    return at;
  uint32_t len32 = (uint32_t)len;
  *at = TAG_RAW;
  memcpy(at + 1, &len32, sizeof len32);
  memcpy(at + RAW_HEAD, text, len);
  return at + RAW_HEAD + len;
}

#define LITERAL_DIFFERS(at, literal) literal_differs((at), (literal), sizeof(literal) - 1)
/* Nonzero where something else stands at `at` than the literal, which is 8 to 24 bytes long. */
static inline uint64_t literal_differs(const char *at, const char *literal, size_t len) {
  uint64_t bits = (diffd_short_word(at) ^ diffd_short_word(literal)) |
                  (diffd_short_word(at + len - 8) ^ diffd_short_word(literal + len - 8));
  if (len > 16)
    bits |= diffd_short_word(at + 8) ^ diffd_short_word(literal + 8);
  return bits;
}

/* Nonzero where a label does not begin here, and end, that is what go-vpcflow writes for these values. */
static inline uint64_t label_differs(const char *at, const struct diffd_span *value) {
  uint64_t bad = 0;
#define EXPECT(literal, field)                                                                               \
  bad |= LITERAL_DIFFERS(at, literal);                                                                       \
  at += sizeof(literal) - 1;                                                                                 \
  bad |= diffd_short_differs(at, value[field].ptr, value[field].len);                                        \
  at += value[field].len
  EXPECT(" label=\"accountID=", ACCOUNT);
  EXPECT("\\neniID=", ENI);
  EXPECT("\\nsrcPort=", SRCPORT);
  EXPECT("\\ndstPort=", DSTPORT);
  EXPECT("\\nprotocol=", PROTOCOL);
  EXPECT("\\npackets=", PACKETS);
  EXPECT("\\nbytes=", BYTES);
  EXPECT("\\nstart=", START);
#undef EXPECT
  /* What remains is shorter than a word. */
  bad |= (diffd_short_word(at) ^ diffd_short_word("\\nend=\0")) << 16;
  at += sizeof "\\nend=" - 1;
  bad |= diffd_short_differs(at, value[END].ptr, value[END].len);
  at += value[END].len;
  return bad | (uint64_t)(at[0] ^ '"') | (uint64_t)(at[1] ^ ']') | (uint64_t)(at[2] ^ '\n');
}

/* Whether an edge begins here whose label is what its fields imply. Reads up to DIFFD_LINE_PADDING bytes.
 * Where each value ends must be known before the next can be looked at; all other work, comparing literals
 * and the label, waits for nothing and is done by the CPU meanwhile, so that it is not worth giving up early.
 */
static inline bool find_edge(const char *line, struct edge_text *ret) {
  const char *at = line + 1;
  uint64_t bad = (uint64_t)(line[0] ^ '\t');
  size_t len = diffd_short_find(at, ' ', ID_WORDS);
  uint32_t arrow;
  if (len == SIZE_MAX)
    return false;
  ret->source = (struct diffd_span){at, len};
  at += len;
  memcpy(&arrow, at, sizeof arrow);
  if (memcmp(&arrow, " -> ", sizeof arrow) != 0)
    return false;
  at += sizeof " -> " - 1;
  len = diffd_short_find(at, ' ', ID_WORDS);
  if (len == SIZE_MAX)
    return false;
  ret->destination = (struct diffd_span){at, len};
  at += len;
#define FIND(literal, field, words)                                                                          \
  bad |= LITERAL_DIFFERS(at, literal);                                                                       \
  at += sizeof(literal) - 1;                                                                                 \
  len = diffd_short_find(at, '"', words);                                                                    \
  if (len == SIZE_MAX)                                                                                       \
    return false;                                                                                            \
  ret->value[field] = (struct diffd_span){at, len};                                                          \
  at += len
  FIND(" [govpc_accountID=\"", ACCOUNT, NAME_WORDS);
  FIND("\" govpc_eniID=\"", ENI, NAME_WORDS);
  FIND("\" govpc_srcPort=\"", SRCPORT, NUMBER_WORDS);
  FIND("\" govpc_dstPort=\"", DSTPORT, NUMBER_WORDS);
  FIND("\" govpc_protocol=\"", PROTOCOL, NUMBER_WORDS);
  FIND("\" govpc_packets=\"", PACKETS, NUMBER_WORDS);
  FIND("\" govpc_bytes=\"", BYTES, NUMBER_WORDS);
  FIND("\" govpc_start=\"", START, NUMBER_WORDS);
  FIND("\" govpc_end=\"", END, NUMBER_WORDS);
#undef FIND
  bad |= LITERAL_DIFFERS(at, "\" color=");
  at += sizeof "\" color=" - 1;
  ret->red = *at == 'r';
  bad |= diffd_short_word(at) ^ diffd_short_word(ret->red ? "red labe" : "green la");
  at += ret->red ? 3 : 5;
  size_t label_len =
      sizeof " label=\"accountID=\\neniID=\\nsrcPort=\\ndstPort=\\nprotocol=\\npackets=\\nbytes="
             "\\nstart=\\nend=\"]\n" -
      1;
  for (size_t i = 0; i < FIELDS; i++)
    label_len += ret->value[i].len;
  ret->len = (size_t)(at - line) + label_len;
  return (bad | label_differs(at, ret->value)) == 0;
}

/* Writes the record of an edge, and some bytes ahead. */
static inline char *put_edge(struct diffd_line_codec *codec, const struct edge_text *edge, char *at) {
  const struct diffd_span *value = edge->value;
  int32_t names = diffd_pair_table_number(&codec->names, value[ACCOUNT], value[ENI]);
  int32_t times = codec->last_times; /* nearly all graphs have one pair of times */
  if (times < 0 ||
      !diffd_pair_is(diffd_pair_table_at(&codec->times, (uint32_t)times), value[START], value[END]))
    times = codec->last_times = diffd_pair_table_number(&codec->times, value[START], value[END]);
  at[0] = (char)(TAG_EDGE | (edge->red ? TAG_RED : 0) | (names < 0 ? TAG_INLINE_NAMES : 0) |
                 (times < 0 ? TAG_INLINE_TIMES : 0));
  at[1] = (char)edge->source.len;
  at[2] = (char)edge->destination.len;
  at[3] = (char)(value[SRCPORT].len << 4 | value[DSTPORT].len);
  at[4] = (char)(value[PROTOCOL].len << 4 | value[PACKETS].len);
  at[5] = (char)value[BYTES].len;
  at[6] = (char)(names < 0 ? value[ACCOUNT].len : (size_t)names & 0xff);
  at[7] = (char)(names < 0 ? value[ENI].len : (size_t)names >> 8);
  at[8] = (char)(times < 0 ? value[START].len << 4 | value[END].len : (size_t)times);
  uint16_t line = (uint16_t)edge->len;
  memcpy(at + 9, &line, sizeof line);
  at = put_value(at + EDGE_HEAD, edge->source);
  at = put_value(at, edge->destination);
  for (size_t i = SRCPORT; i <= BYTES; i++)
    at = put_value(at, value[i]);
  if (names < 0) {
    at = put_value(at, value[ACCOUNT]);
    at = put_value(at, value[ENI]);
  }
  if (times < 0) {
    at = put_value(at, value[START]);
    at = put_value(at, value[END]);
  }
  return at;
}

static inline bool find_node(const char *line, struct node_text *ret) {
  size_t id_len = diffd_short_find(line + 1, ' ', ID_WORDS);
  if (line[0] != '\t' || id_len == SIZE_MAX)
    return false;
  const char *at = line + 1 + id_len;
  if (LITERAL_DIFFERS(at, " [label=\"") != 0)
    return false;
  const char *label = at + sizeof " [label=\"" - 1;
  size_t label_len = diffd_short_find(label, '"', NAME_WORDS);
  if (label_len == SIZE_MAX || label[label_len + 1] != ']' || label[label_len + 2] != '\n')
    return false;
  *ret = (struct node_text){{line + 1, id_len}, {label, label_len}, 0};
  ret->len = (size_t)(label + label_len + 3 - line);
  return true;
}

static char *put_node(const struct node_text *node, char *at) {
  at[0] = TAG_NODE;
  at[1] = (char)node->id.len;
  at[2] = (char)node->label.len;
  return put_value(put_value(at + NODE_HEAD, node->id), node->label);
}

size_t diffd_line_codec_encode(struct diffd_line_codec *codec, const char *text, size_t len, char *kept) {
  const char *end = text + len;
  const char *unread = text;
  const char *line = text;
  char *at = kept;
  struct edge_text edge; /* out here, since compilers may zero what comes into being */
  struct node_text node;
  while (line != NULL && line < end) {
    if (find_edge(line, &edge) && edge.len <= (size_t)(end - line)) {
      at = put_edge(codec, &edge, put_raw(at, unread, (size_t)(line - unread)));
      unread = line += edge.len;
    } else if (find_node(line, &node) && node.len <= (size_t)(end - line)) {
      at = put_node(&node, put_raw(at, unread, (size_t)(line - unread)));
      unread = line += node.len;
    } else {
      line = memchr(line, '\n', (size_t)(end - line));
      line = line != NULL ? line + 1 : NULL;
    }
  }
  at = put_raw(at, unread, (size_t)(end - unread));
  memset(at, 0, KEPT_PADDING);
  return (size_t)(at - kept) + KEPT_PADDING;
}

/* ---- Decoding ---- */

#define PUT_LITERAL(at, literal) put_literal((at), (literal), sizeof(literal) - 1)
static inline char *put_literal(char *at, const char *literal, size_t len) {
  memcpy(at, literal, len);
  return at + len;
}

static inline struct diffd_span take(const char **at, size_t len) {
  struct diffd_span value = {*at, len};
  *at += len;
  return value;
}

/* Reads a record. */
static inline void read_edge(const struct diffd_line_codec *codec, const char *kept, struct edge_text *ret) {
  unsigned char head[EDGE_HEAD];
  memcpy(head, kept, sizeof head);
  const char *at = kept + EDGE_HEAD;
  ret->red = (head[0] & TAG_RED) != 0;
  ret->len = head[9] | (size_t)head[10] << 8;
  ret->source = take(&at, head[1]);
  ret->destination = take(&at, head[2]);
  ret->value[SRCPORT] = take(&at, head[3] >> 4);
  ret->value[DSTPORT] = take(&at, head[3] & 15);
  ret->value[PROTOCOL] = take(&at, head[4] >> 4);
  ret->value[PACKETS] = take(&at, head[4] & 15);
  ret->value[BYTES] = take(&at, head[5]);
  if ((head[0] & TAG_INLINE_NAMES) != 0) {
    ret->value[ACCOUNT] = take(&at, head[6]);
    ret->value[ENI] = take(&at, head[7]);
  } else {
    const struct diffd_pair *names = diffd_pair_table_at(&codec->names, head[6] | (uint32_t)head[7] << 8);
    ret->value[ACCOUNT] = (struct diffd_span){names->first, names->first_len};
    ret->value[ENI] = (struct diffd_span){names->second, names->second_len};
  }
  if ((head[0] & TAG_INLINE_TIMES) != 0) {
    ret->value[START] = take(&at, head[8] >> 4);
    ret->value[END] = take(&at, head[8] & 15);
  } else {
    const struct diffd_pair *times = diffd_pair_table_at(&codec->times, head[8]);
    ret->value[START] = (struct diffd_span){times->first, times->first_len};
    ret->value[END] = (struct diffd_span){times->second, times->second_len};
  }
}

/* The bytes of a record, found without a look at its values. */
static inline size_t edge_record_len(const char *kept) {
  unsigned char head[EDGE_HEAD];
  memcpy(head, kept, sizeof head);
  size_t len = (size_t)EDGE_HEAD + head[1] + head[2] + (head[3] >> 4) + (head[3] & 15) + (head[4] >> 4) +
               (head[4] & 15) + head[5];
  if ((head[0] & TAG_INLINE_NAMES) != 0)
    len += (size_t)head[6] + head[7];
  if ((head[0] & TAG_INLINE_TIMES) != 0)
    len += (size_t)(head[8] >> 4) + (head[8] & 15);
  return len;
}

static inline size_t edge_line_len(const char *kept) {
  return (unsigned char)kept[9] | (size_t)(unsigned char)kept[10] << 8;
}

/* Writes the line, and some bytes beyond it. */
static inline void write_edge(const struct edge_text *edge, char *at) {
  const struct diffd_span *value = edge->value;
  at = PUT_LITERAL(at, "\t");
  at = put_value(at, edge->source);
  at = PUT_LITERAL(at, " -> ");
  at = put_value(at, edge->destination);
#define PUT_FIELD(literal, field)                                                                            \
  at = PUT_LITERAL(at, literal);                                                                             \
  at = put_value(at, value[field])
  PUT_FIELD(" [govpc_accountID=\"", ACCOUNT);
  PUT_FIELD("\" govpc_eniID=\"", ENI);
  PUT_FIELD("\" govpc_srcPort=\"", SRCPORT);
  PUT_FIELD("\" govpc_dstPort=\"", DSTPORT);
  PUT_FIELD("\" govpc_protocol=\"", PROTOCOL);
  PUT_FIELD("\" govpc_packets=\"", PACKETS);
  PUT_FIELD("\" govpc_bytes=\"", BYTES);
  PUT_FIELD("\" govpc_start=\"", START);
  PUT_FIELD("\" govpc_end=\"", END);
  at = edge->red ? PUT_LITERAL(at, "\" color=red") : PUT_LITERAL(at, "\" color=green");
  PUT_FIELD(" label=\"accountID=", ACCOUNT);
  PUT_FIELD("\\neniID=", ENI);
  PUT_FIELD("\\nsrcPort=", SRCPORT);
  PUT_FIELD("\\ndstPort=", DSTPORT);
  PUT_FIELD("\\nprotocol=", PROTOCOL);
  PUT_FIELD("\\npackets=", PACKETS);
  PUT_FIELD("\\nbytes=", BYTES);
  PUT_FIELD("\\nstart=", START);
  PUT_FIELD("\\nend=", END);
#undef PUT_FIELD
  (void)PUT_LITERAL(at, "\"]\n");
}

static inline const char *read_node(const char *kept, struct node_text *ret) {
  const char *at = kept + NODE_HEAD;
  ret->id = take(&at, (unsigned char)kept[1]);
  ret->label = take(&at, (unsigned char)kept[2]);
  ret->len = sizeof "\t [label=\"\"]\n" - 1 + ret->id.len + ret->label.len;
  return at;
}

static void write_node(const struct node_text *node, char *at) {
  at = PUT_LITERAL(at, "\t");
  at = put_value(at, node->id);
  at = PUT_LITERAL(at, " [label=\"");
  at = put_value(at, node->label);
  (void)PUT_LITERAL(at, "\"]\n");
}

/* What is wanted of the text that follows: `skip` bytes less at its beginning, and then up to `end`. */
struct wanted {
  size_t skip;
  char *at;
  char *end;
};

/* Where a line can be written as it is: all of it is wanted, and there is room for what is written ahead. */
static inline bool fits(const struct wanted *wanted) {
  return wanted->skip == 0 && (size_t)(wanted->end - wanted->at) >= LINE_MAX_BYTES;
}

static void put_part(struct wanted *wanted, const char *text, size_t len) {
  if (wanted->skip >= len) {
    wanted->skip -= len;
    return;
  }
  text += wanted->skip;
  len -= wanted->skip;
  wanted->skip = 0;
  if (len > (size_t)(wanted->end - wanted->at))
    len = (size_t)(wanted->end - wanted->at);
  memcpy(wanted->at, text, len);
  wanted->at += len;
}

static __attribute__((noinline)) void put_edge_part(struct wanted *wanted, const struct edge_text *edge) {
  char line[LINE_MAX_BYTES];
  write_edge(edge, line);
  put_part(wanted, line, edge->len);
}

static __attribute__((noinline)) void put_node_part(struct wanted *wanted, const struct node_text *node) {
  char line[LINE_MAX_BYTES];
  write_node(node, line);
  put_part(wanted, line, node->len);
}

static inline const char *decode_edge(const struct diffd_line_codec *codec, const char *kept,
                                      struct wanted *wanted) {
  const char *next = kept + edge_record_len(kept);
  if (wanted->skip >= edge_line_len(kept)) {
    wanted->skip -= edge_line_len(kept);
    return next;
  }
  struct edge_text edge;
  read_edge(codec, kept, &edge);
  if (fits(wanted)) {
    write_edge(&edge, wanted->at);
    wanted->at += edge.len;
  } else {
    put_edge_part(wanted, &edge);
  }
  return next;
}

static const char *decode_node(const char *kept, struct wanted *wanted) {
  struct node_text node;
  const char *next = read_node(kept, &node);
  if (fits(wanted)) {
    write_node(&node, wanted->at);
    wanted->at += node.len;
  } else {
    put_node_part(wanted, &node);
  }
  return next;
}

static const char *decode_raw(const char *kept, struct wanted *wanted) {
  uint32_t len;
  memcpy(&len, kept + 1, sizeof len);
  put_part(wanted, kept + RAW_HEAD, len);
  return kept + RAW_HEAD + len;
}

/* `buf` is written to through `wanted`, which the analyzer does not see. */
// NOLINTBEGIN(readability-non-const-parameter)
void diffd_line_codec_decode(const struct diffd_line_codec *codec, const char *kept, size_t begin, size_t len,
                             char *buf) {
  // NOLINTEND(readability-non-const-parameter)
  struct wanted wanted = {.skip = begin, .at = buf, .end = buf + len};
  while (wanted.at < wanted.end) {
    switch (*kept & TAG_KIND) {
    case TAG_EDGE:
      kept = decode_edge(codec, kept, &wanted);
      break;
    case TAG_NODE:
      kept = decode_node(kept, &wanted);
      break;
    default:
      kept = decode_raw(kept, &wanted);
      break;
    }
  }
}
