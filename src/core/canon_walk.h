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
 *   KERNEL                         the attributes of functions
 *   value_stops(at), label_stops(at), id_stops(at)
 *                                  a bit for each of 64 bytes, the first the lowest, that ends a value (NUL,
 *                                  0x01, newline, quote, backslash), a label (NUL, newline, quote) or an id
 *                                  (all but digits, a-f and `_`)
 *   lowest(bits), without_lowest(bits)
 *                                  the number of the lowest set bit, or 64, and the bits without it
 *   are_equal(at, text, len)       whether the `len` bytes here are the text's, which has room for 32
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

KERNEL static inline enum diffd_canon_kind read_node(const char *line, const char *id_end,
                                                     struct diffd_canon_line *ret) {
  if (!is_literal(id_end, &lit_node_label))
    return DIFFD_CANON_NONE;
  const char *label = id_end + lit_node_label.len;
  const char *quote = label + label_bytes(label);
  if (!ends_line(quote))
    return DIFFD_CANON_NONE;
  ret->source_end = (uint32_t)(id_end - line);
  ret->end = (uint32_t)(quote + NEWLINE_AT - line);
  return DIFFD_CANON_NODE;
}

/* The following read what stands between two places of a line: from the first byte of a value on, they give
 * the bytes up to the first byte of a value, or to the quote after one; false where it is not canonical. */

/* Account and interface, up to the source port. */
KERNEL static inline bool read_interface(const char *account, size_t *ret_bytes) {
  struct look look = look_at(account);
  if (!is_literal(value_end(&look), &lit_eni))
    return false;
  step_over(&look);
  const char *end = value_end(&look);
  *ret_bytes = (size_t)(end - account) + lit_srcport.len;
  return is_literal(end, &lit_srcport);
}

/* Ports and protocol, up to the quote. */
KERNEL static inline bool read_service(const char *srcport, size_t *ret_bytes) {
  struct look look = look_at(srcport);
  if (!is_literal(value_end(&look), &lit_dstport))
    return false;
  step_over(&look);
  if (!is_literal(value_end(&look), &lit_protocol))
    return false;
  step_over(&look);
  const char *end = value_end(&look);
  *ret_bytes = (size_t)(end - srcport);
  return is_literal(end, &lit_packets);
}

/* Packets and bytes, up to the start. */
KERNEL static inline bool read_counters(const char *packets, size_t *ret_bytes) {
  struct look look = look_at(packets);
  if (!is_literal(value_end(&look), &lit_bytes))
    return false;
  step_over(&look);
  const char *end = value_end(&look);
  *ret_bytes = (size_t)(end - packets) + lit_start.len;
  return is_literal(end, &lit_start);
}

/* Start and end, up to the quote. */
KERNEL static inline bool read_times(const char *start, size_t *ret_bytes) {
  struct look look = look_at(start);
  if (!is_literal(value_end(&look), &lit_end))
    return false;
  step_over(&look);
  *ret_bytes = (size_t)(value_end(&look) - start);
  return true;
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

KERNEL static inline enum diffd_canon_kind read_edge(const char *line, const char *source_end,
                                                     const char *destination_end,
                                                     struct diffd_canon_line *ret) {
  if (!is_literal(source_end, &lit_arrow) || !is_literal(destination_end, &lit_account))
    return DIFFD_CANON_NONE;
  const char *at = destination_end + lit_account.len;
  size_t bytes;
  if (!read_interface(at, &bytes))
    return DIFFD_CANON_NONE;
  at += ret->interface_bytes = rely_on(ret->interface_bytes, bytes);
  if (!read_service(at, &bytes))
    return DIFFD_CANON_NONE;
  const char *protocol_end = at + bytes;
  at = protocol_end + lit_packets.len;
  if (!read_counters(at, &bytes))
    return DIFFD_CANON_NONE;
  at += bytes;
  if (!read_times(at, &bytes))
    return DIFFD_CANON_NONE;
  const char *values_end = at + (ret->times_bytes = rely_on(ret->times_bytes, bytes));
  bool green = is_literal(values_end, &lit_green);
  if (!green && !is_literal(values_end, &lit_red))
    return DIFFD_CANON_NONE;
  const char *label = values_end + (green ? lit_green.len : lit_red.len);
  size_t list = (size_t)(values_end - destination_end);
  const char *quote = label + rely_on(list - LABEL_SHORTER, label_bytes(label));
  if (!ends_line(quote))
    return DIFFD_CANON_NONE;
  ret->source_end = (uint32_t)(source_end - line);
  ret->end = (uint32_t)(quote + NEWLINE_AT - line);
  ret->destination = (uint32_t)(source_end + lit_arrow.len - 1 - line);
  ret->destination_end = (uint32_t)(destination_end - line);
  ret->key_end = (uint32_t)(protocol_end + 1 - line);
  ret->red = !green;
  return DIFFD_CANON_EDGE;
}

KERNEL static inline enum diffd_canon_kind read_line(const char *line, struct diffd_canon_line *ret) {
  if (line[0] != '\t' || line[1] != 'n')
    return DIFFD_CANON_NONE;
  const char *id = line + 2;
  uint64_t stops = id_stops(id);
  size_t source = lowest(stops);
  const char *source_end = id + source;
  if (source == 0 || source == LOOK_LEN)
    return DIFFD_CANON_NONE;
  if (source_end[1] != '-')
    return read_node(line, source_end, ret);
  /* Both of IPv4's ids lie within one look, and the second of IPv6's begins one of its own. */
  id = source_end + lit_arrow.len;
  size_t shift = source + lit_arrow.len;
  size_t destination = shift < LOOK_LEN ? lowest(stops >> shift) : LOOK_LEN;
  if (shift + destination >= LOOK_LEN)
    destination = lowest(id_stops(id));
  return destination != 0 && destination != LOOK_LEN ? read_edge(line, source_end, id + destination, ret)
                                                     : DIFFD_CANON_NONE;
}
