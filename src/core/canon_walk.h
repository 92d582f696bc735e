/* SPDX-License-Identifier: Apache-2.0
 *
 * How a canonical line is read: the one text that every kernel compiles with its own primitives.
 *
 * From a place where values begin, one look at 64 bytes tells where those bytes stand that end a value; the
 * values and the literals between them lie within these 64, so that a line takes four looks before its label,
 * whatever it holds. Each value ends at the next stop, and there the literal must follow that comes next. So
 * nothing is counted: a quote or a backslash inside of a value is a stop where no literal follows.
 *
 * A value may well be longer than what one look sees. Then it has no stop, is taken to end with the look, and
 * the literal, if that should follow there, says that it does.
 *
 * Whoever includes this has defined
 *   KERNEL, KERNEL_CALL            the attributes of functions, inlined and called
 *   value_stops(at), label_stops(at), id_stops(at)
 *                                  a bit for each of 64 bytes, the first the lowest, that ends a value (NUL,
 *                                  0x01, newline, quote, backslash), a label (NUL, newline, quote) or an id
 *                                  (all but digits, a-f and `_`)
 *   lowest(bits), without_lowest(bits)
 *                                  the number of the lowest set bit, or 64, and the bits without it
 *   are_equal(at, text, len)       whether the `len` bytes here are the text's, which has room for 32
 *   put_padded(place, room, at, len)
 *                                  `len` bytes, up to 64, and zeros after them to a place with room for 8, 16
 *                                  or 24; anything if they have no room; behind 24 eight more are overwritten
 */
#include <string.h>

#include "core/canon.h"

enum { LOOK_LEN = 64 };

/* With room to be loaded as a whole. */
struct literal {
  char text[32];
  size_t len;
};
#define LITERAL(name, ...) static const struct literal name = {__VA_ARGS__, sizeof(__VA_ARGS__) - 1}
LITERAL(lit_arrow, " -> n");
LITERAL(lit_account, " [govpc_accountID=\"");
LITERAL(lit_eni, "\" govpc_eniID=\"");
LITERAL(lit_srcport, "\" govpc_srcPort=\"");
LITERAL(lit_dstport, "\" govpc_dstPort=\"");
LITERAL(lit_protocol, "\" govpc_protocol=\"");
LITERAL(lit_packets, "\" govpc_packets=\"");
LITERAL(lit_bytes, "\" govpc_bytes=\"");
LITERAL(lit_start, "\" govpc_start=\"");
LITERAL(lit_end, "\" govpc_end=\"");
LITERAL(lit_green, "\" color=green label=\"");
LITERAL(lit_red, "\" color=red label=\"");
LITERAL(lit_node_label, " [label=\"");
LITERAL(lit_next_line, "\"]\n\tn");
LITERAL(lit_last_line, "\"]\n}");
#undef LITERAL

KERNEL static inline bool is_literal(const char *at, const struct literal *literal) {
  return are_equal(at, literal->text, literal->len);
}

/* `found`, known sooner. Where the next look begins depends on what the last one found, and a line is a chain
 * of looks whose results each take some twenty cycles to come: time in which a CPU could do four times as
 * much. Where a length is what was guessed, the branch here is predicted, and what follows begins at the
 * guess while the look is still on its way. The barriers keep the compiler from seeing that both are the
 * same. */
KERNEL static inline size_t rely_on(size_t guess, size_t found) {
  size_t length = guess;
  __asm__("" : "+r"(length));
  if (__builtin_expect(found != guess, 0)) {
    length = found;
    __asm__ volatile("" : "+r"(length));
  }
  return length;
}

/* 64 bytes that were looked at, and the stops among them that are still ahead. */
struct look {
  const char *base;
  uint64_t stops;
};

KERNEL static inline struct look look_at(const char *at) {
  return (struct look){at, value_stops(at)};
}

/* Where the value that is ahead ends. */
KERNEL static inline const char *value_end(const struct look *look) {
  return look->base + lowest(look->stops);
}

/* Steps over the literal that follows a value: its two quotes are stops, and it has no others. */
KERNEL static inline void step_over(struct look *look) {
  look->stops = without_lowest(without_lowest(look->stops));
}

/* A label's length. */
KERNEL static inline size_t label_bytes(const char *label) {
  const char *at = label;
  uint64_t stops;
  while ((stops = label_stops(at)) == 0)
    at += LOOK_LEN;
  return (size_t)(at - label) + lowest(stops);
}

/* Whether a label is closed at `quote`, and its line and statement end there: another list might follow on
 * the next line. */
KERNEL static inline bool ends_line(const char *quote) {
  return quote[-1] != '\\' && (is_literal(quote, &lit_next_line) || is_literal(quote, &lit_last_line));
}
enum { NEWLINE_AT = 2 }; /* from the quote */

/* A line that is being read: what is kept of it, and what the next one is guessed by. */
struct walk {
  const char *source_end;
  const char *quote; /* that closes the label */
  /* Of an edge alone. */
  const char *destination;
  const char *destination_end;
  const char *protocol_end;
  bool red;
  size_t interface_bytes;
  size_t times_bytes;
  size_t lengths;                     /* 16 and more where a value had no room */
  struct diffd_short_identity *brief; /* what is hashed of an edge, taken as its values are found */
};

KERNEL static inline enum diffd_canon_kind read_node(const char *id_end, struct walk *walk) {
  if (!is_literal(id_end, &lit_node_label))
    return DIFFD_CANON_NONE;
  const char *label = id_end + lit_node_label.len;
  walk->source_end = id_end;
  walk->quote = label + label_bytes(label);
  return ends_line(walk->quote) ? DIFFD_CANON_NODE : DIFFD_CANON_NONE;
}

/* The following read what stands between two places of a line: from the first byte of a value on, they give
 * the bytes up to the first byte of a value, or to the quote after one; false where it is not canonical. */

/* Takes a value of an edge, once a literal is known to follow it. One that is longer than its place is never
 * used, but as long as a look at most. The bits of all lengths are put together, each length scaled so that
 * one that has no room, and no other, sets a bit from 16 on. */
#define TAKE(walk, place, at, end)                                                                           \
  take_text((walk), (walk)->brief->place, sizeof(walk)->brief->place, (at), (size_t)((end) - (at)))
KERNEL static inline void take_text(struct walk *walk, char *place, size_t room, const char *at, size_t len) {
  walk->lengths |= room == 8 ? len << 1 : room == 24 ? (len + 8) >> 1 : len;
  put_padded(place, room, at, len);
}

/* Whether a value that begins at `value` ends at `end`, where a literal follows. Where a look has no stop
 * left, a value seems to end with the look; that may be before it begins, at the quote that opens it. */
KERNEL static inline bool ends_with(const char *value, const char *end, const struct literal *literal) {
  return end >= value && is_literal(end, literal);
}

/* Account and interface, up to the source port. */
KERNEL static inline bool read_interface(const char *account, struct walk *walk, size_t *ret_bytes) {
  struct look look = look_at(account);
  const char *account_end = value_end(&look);
  if (!is_literal(account_end, &lit_eni))
    return false;
  step_over(&look);
  const char *eni = account_end + lit_eni.len;
  const char *eni_end = value_end(&look);
  if (!ends_with(eni, eni_end, &lit_srcport))
    return false;
  TAKE(walk, account, account, account_end);
  TAKE(walk, eni, eni, eni_end);
  *ret_bytes = (size_t)(eni_end - account) + lit_srcport.len;
  return true;
}

/* Ports and protocol, up to the quote. */
KERNEL static inline bool read_service(const char *srcport, struct walk *walk, size_t *ret_bytes) {
  struct look look = look_at(srcport);
  const char *srcport_end = value_end(&look);
  if (!is_literal(srcport_end, &lit_dstport))
    return false;
  step_over(&look);
  const char *dstport = srcport_end + lit_dstport.len;
  const char *dstport_end = value_end(&look);
  if (!ends_with(dstport, dstport_end, &lit_protocol))
    return false;
  step_over(&look);
  const char *protocol = dstport_end + lit_protocol.len;
  const char *protocol_end = value_end(&look);
  if (!ends_with(protocol, protocol_end, &lit_packets))
    return false;
  TAKE(walk, srcport, srcport, srcport_end);
  TAKE(walk, dstport, dstport, dstport_end);
  TAKE(walk, protocol, protocol, protocol_end);
  *ret_bytes = (size_t)(protocol_end - srcport);
  return true;
}

/* Packets and bytes, up to the start. */
KERNEL static inline bool read_counters(const char *packets, size_t *ret_bytes) {
  struct look look = look_at(packets);
  const char *packets_end = value_end(&look);
  if (!is_literal(packets_end, &lit_bytes))
    return false;
  step_over(&look);
  const char *end = value_end(&look);
  *ret_bytes = (size_t)(end - packets) + lit_start.len;
  return ends_with(packets_end + lit_bytes.len, end, &lit_start);
}

/* Start and end, up to the quote. */
KERNEL static inline bool read_times(const char *start, size_t *ret_bytes) {
  struct look look = look_at(start);
  const char *start_end = value_end(&look);
  if (!is_literal(start_end, &lit_end))
    return false;
  step_over(&look);
  *ret_bytes = (size_t)(value_end(&look) - start);
  return value_end(&look) >= start_end + lit_end.len;
}

/* What a label has where attributes have names, quotes and blanks, less than these: the label of an edge says
 * what its values are, so it is so much shorter than the list before it. */
enum {
  LABEL_SHORTER = sizeof " [govpc_accountID=\"\" govpc_eniID=\"\" govpc_srcPort=\"\" govpc_dstPort=\"\" "
                         "govpc_protocol=\"\" govpc_packets=\"\" govpc_bytes=\"\" govpc_start=\"\" "
                         "govpc_end=\"" -
                  sizeof "accountID=\\neniID=\\nsrcPort=\\ndstPort=\\nprotocol=\\npackets=\\nbytes=\\n"
                         "start=\\nend="
};

KERNEL static inline enum diffd_canon_kind read_edge(const char *source, const char *destination_end,
                                                     struct walk *walk) {
  if (!is_literal(walk->source_end, &lit_arrow) || !is_literal(destination_end, &lit_account))
    return DIFFD_CANON_NONE;
  const char *destination = walk->source_end + lit_arrow.len - 1;
  walk->lengths = 0;
  TAKE(walk, source, source, walk->source_end);
  TAKE(walk, destination, destination, destination_end);
  const char *at = destination_end + lit_account.len;
  size_t bytes;
  if (!read_interface(at, walk, &bytes))
    return DIFFD_CANON_NONE;
  at += walk->interface_bytes = rely_on(walk->interface_bytes, bytes);
  if (!read_service(at, walk, &bytes))
    return DIFFD_CANON_NONE;
  walk->protocol_end = at + bytes;
  at = walk->protocol_end + lit_packets.len;
  if (!read_counters(at, &bytes))
    return DIFFD_CANON_NONE;
  at += bytes;
  if (!read_times(at, &bytes))
    return DIFFD_CANON_NONE;
  const char *values_end = at + (walk->times_bytes = rely_on(walk->times_bytes, bytes));
  bool green = is_literal(values_end, &lit_green);
  if (!green && !is_literal(values_end, &lit_red))
    return DIFFD_CANON_NONE;
  const char *label = values_end + (green ? lit_green.len : lit_red.len);
  size_t list = (size_t)(values_end - destination_end);
  walk->destination = destination;
  walk->destination_end = destination_end;
  walk->quote = label + rely_on(list - LABEL_SHORTER, label_bytes(label));
  walk->red = !green;
  return ends_line(walk->quote) ? DIFFD_CANON_EDGE : DIFFD_CANON_NONE;
}

/* A call of its own, as is the hash: inlined, each takes registers that the other needs. */
__attribute__((noinline)) KERNEL_CALL static enum diffd_canon_kind walk_line(const char *line,
                                                                             struct walk *walk) {
  if (line[0] != '\t' || line[1] != 'n')
    return DIFFD_CANON_NONE;
  const char *id = line + 2;
  uint64_t stops = id_stops(id);
  size_t source = lowest(stops);
  walk->source_end = id + source;
  if (source == 0 || source == LOOK_LEN)
    return DIFFD_CANON_NONE;
  if (walk->source_end[1] != '-')
    return read_node(walk->source_end, walk);
  /* Both of IPv4's ids lie within one look, and the second of IPv6's begins one of its own. */
  id = walk->source_end + lit_arrow.len;
  size_t shift = source + lit_arrow.len;
  size_t destination = shift < LOOK_LEN ? lowest(stops >> shift) : LOOK_LEN;
  if (shift + destination >= LOOK_LEN)
    destination = lowest(id_stops(id));
  return destination != 0 && destination != LOOK_LEN ? read_edge(line + 1, id + destination, walk)
                                                     : DIFFD_CANON_NONE;
}

/* The key of a short edge. */
__attribute__((noinline)) KERNEL_CALL static struct diffd_key
key_by_values(const struct diffd_keyer *keyer, const struct diffd_short_identity *brief,
              const struct diffd_key *color) {
  return diffd_keyer_short(keyer, brief, *color);
}

/* The key of any other edge; few are. */
__attribute__((noinline)) static struct diffd_key key_by_text(const struct diffd_keyer *keyer,
                                                              const char *text, const char *end,
                                                              const struct diffd_key *color) {
  return diffd_keyer_text(keyer, text, (size_t)(end - text), *color);
}

KERNEL static inline struct diffd_key key_of_edge(const struct diffd_keyer *keyer, const char *line,
                                                  const struct walk *walk) {
  const struct diffd_key *color = walk->red ? &keyer->red : &keyer->green;
  if (__builtin_expect(walk->lengths >= 16, 0))
    return key_by_text(keyer, line + 1, walk->protocol_end + 1, color);
  return key_by_values(keyer, walk->brief, color);
}

KERNEL static inline void tell(const struct walk *walk, const char *line, enum diffd_canon_kind kind,
                               struct diffd_canon_line *ret) {
  if (kind == DIFFD_CANON_NONE)
    return;
  ret->source_end = (uint32_t)(walk->source_end - line);
  ret->end = (uint32_t)(walk->quote + NEWLINE_AT - line);
  if (kind == DIFFD_CANON_NODE)
    return;
  ret->destination = (uint32_t)(walk->destination - line);
  ret->destination_end = (uint32_t)(walk->destination_end - line);
}

KERNEL static inline enum diffd_canon_kind read_line(const char *line, struct diffd_canon_line *ret) {
  struct diffd_short_identity unused;
  struct walk walk = {.brief = &unused};
  enum diffd_canon_kind kind = walk_line(line, &walk);
  tell(&walk, line, kind, ret);
  return kind;
}

KERNEL static inline enum diffd_canon_kind read_edges(const struct diffd_keyer *keyer,
                                                      struct diffd_canon_run *run) {
  struct diffd_short_identity brief;
  struct walk walk = {
      .brief = &brief, .interface_bytes = run->interface_bytes, .times_bytes = run->times_bytes};
  enum diffd_canon_kind kind = DIFFD_CANON_EDGE;
  const char *line = run->text + run->at;
  const char *stop = run->text + run->stop;
  struct diffd_item *item = run->items + run->item_count;
  const struct diffd_item *full = run->items + run->item_cap;
  while (line < stop && item < full) {
    kind = walk_line(line, &walk);
    if (kind != DIFFD_CANON_EDGE)
      break;
    item->key = key_of_edge(keyer, line, &walk);
    item->begin = run->base + (uint64_t)(line - run->text) + 1;
    item++;
    line = walk.quote + NEWLINE_AT + 1;
  }
  tell(&walk, line, kind, &run->line);
  run->interface_bytes = walk.interface_bytes;
  run->times_bytes = walk.times_bytes;
  run->at = (size_t)(line - run->text);
  run->item_count = (size_t)(item - run->items);
  return kind;
}
