/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens to statements: the grammar of one digraph of plain statements, as a table of states without a stack.
 *
 * A statement waits until the token after it has begun, because a list, a head or `=` may follow.
 */
#include <stdio.h>
#include <string.h>

#include "core/dot_state.h"

static const char *const attribute_names[DIFFD_DOT_NO_ATTRIBUTE] = {
    [DIFFD_DOT_ACCOUNT] = "govpc_accountID",
    [DIFFD_DOT_ENI] = "govpc_eniID",
    [DIFFD_DOT_SRCPORT] = "govpc_srcPort",
    [DIFFD_DOT_DSTPORT] = "govpc_dstPort",
    [DIFFD_DOT_PROTOCOL] = "govpc_protocol",
    [DIFFD_DOT_COLOR] = "color",
    [DIFFD_DOT_PACKETS] = "govpc_packets",
    [DIFFD_DOT_BYTES] = "govpc_bytes",
    [DIFFD_DOT_START] = "govpc_start",
    [DIFFD_DOT_END] = "govpc_end",
    [DIFFD_DOT_LABEL] = "label",
};

bool diffd_dot_refuse(struct diffd_dot_parser *p, uint64_t at, const char *fmt, ...) {
  char text[DIFFD_ERROR_DETAIL_MAX];
  va_list args;
  va_start(args, fmt);
  (void)vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  p->error_at = at;
  p->status = diffd_fail(p->err, DIFFD_BAD_GRAPH, "%s", text);
  return false;
}

bool diffd_dot_is_between(enum dot_state state) {
  return state == DOT_BODY || state == DOT_AFTER_ID || state == DOT_AFTER_EDGE || state == DOT_AFTER_LIST ||
         state == DOT_AFTER_VALUE;
}

/* A counter is decimal digits that fit; everything else is no counter. */
static bool parse_counter(struct diffd_span text, uint64_t max, uint64_t *ret) {
  uint64_t value = 0;
  if (text.ptr == NULL || text.len == 0 || text.len >= DOT_SHORT_MAX)
    return false;
  for (size_t i = 0; i < text.len; i++) {
    unsigned digit = (unsigned char)text.ptr[i] - (unsigned)'0';
    if (digit > 9 || value > (max - digit) / 10)
      return false;
    value = value * 10 + digit;
  }
  *ret = value;
  return true;
}

static struct diffd_counters counters_of(const struct diffd_dot_parser *p) {
  struct diffd_counters counters = {0};
  uint64_t value;
  if (parse_counter(p->text[DIFFD_DOT_PACKETS], UINT64_MAX, &counters.packets))
    counters.present |= DIFFD_HAS_PACKETS;
  if (parse_counter(p->text[DIFFD_DOT_BYTES], UINT64_MAX, &counters.bytes))
    counters.present |= DIFFD_HAS_BYTES;
  if (parse_counter(p->text[DIFFD_DOT_START], INT64_MAX, &value)) {
    counters.start = (int64_t)value;
    counters.present |= DIFFD_HAS_START;
  }
  if (parse_counter(p->text[DIFFD_DOT_END], INT64_MAX, &value)) {
    counters.end = (int64_t)value;
    counters.present |= DIFFD_HAS_END;
  }
  return counters;
}

/* The statement is put together where it stayed from the one before: a new one would first be filled with
 * zeros, here and for every edge. */
static bool hand_over(struct diffd_dot_parser *p) {
  bool edge = p->kind == DOT_EDGE_STATEMENT;
  struct diffd_dot_statement *statement = &p->statement;
  statement->kind = edge ? DIFFD_DOT_EDGE : DIFFD_DOT_NODE;
  statement->begin = p->begin;
  statement->end = p->end;
  statement->mark_at = p->mark_kind == DIFFD_MARK_NONE ? p->end : p->mark_at;
  statement->mark_kind = p->mark_kind;
  statement->identity.source = p->text[DOT_SLOT_SOURCE];
  statement->identity.destination = p->text[DOT_SLOT_DESTINATION];
  statement->identity.account = p->text[DIFFD_DOT_ACCOUNT];
  statement->identity.eni = p->text[DIFFD_DOT_ENI];
  statement->identity.srcport = p->text[DIFFD_DOT_SRCPORT];
  statement->identity.dstport = p->text[DIFFD_DOT_DSTPORT];
  statement->identity.protocol = p->text[DIFFD_DOT_PROTOCOL];
  statement->identity.color = p->text[DIFFD_DOT_COLOR];
  statement->around = (struct diffd_span){p->chunk, (size_t)(p->chunk_end - p->chunk)};
  if (p->handler.wants_counters)
    statement->counters = edge ? counters_of(p) : (struct diffd_counters){0};
  p->status = p->handler.statement(p->handler.arg, statement, p->err);
  if (p->status != DIFFD_OK)
    p->error_at = p->begin;
  return p->status == DIFFD_OK;
}

bool diffd_dot_hand_over(struct diffd_dot_parser *p) {
  if ((p->kind == DOT_EDGE_STATEMENT || p->kind == DOT_NODE_STATEMENT) && !hand_over(p))
    return false;
  p->kind = DOT_OTHER_STATEMENT;
  diffd_dot_forget_texts(p);
  return true;
}

static void set_target(struct diffd_dot_parser *p, unsigned slot) {
  p->target = slot;
  if (slot == DOT_DISCARD)
    return;
  p->text[slot] = (struct diffd_span){NULL, 0};
  p->own[slot].len = 0;
}

static bool begin_statement(struct diffd_dot_parser *p, enum dot_token token, uint64_t at) {
  if (token == DOT_HTML)
    return diffd_dot_refuse(p, at, "an HTML string as an id; put the id in quotes");
  if (!diffd_dot_hand_over(p))
    return false;
  p->begin = at;
  p->mark_kind = DIFFD_MARK_NONE;
  p->may_end = false;
  set_target(p, DOT_SLOT_SOURCE);
  return true;
}

static bool begin_value(struct diffd_dot_parser *p, enum dot_token token, uint64_t at) {
  unsigned slot = p->slots[p->kind == DOT_EDGE_STATEMENT][p->attribute];
  if (slot != DOT_DISCARD)
    set_target(p, slot);
  if (token == DOT_HTML && slot != DOT_DISCARD && diffd_dot_is_identity(p->attribute))
    return diffd_dot_refuse(p, at, "an HTML string as the value of %s; put the value in quotes",
                            attribute_names[p->attribute]);
  if (token == DOT_HTML)
    p->target = DOT_DISCARD;
  else if (slot == DOT_DISCARD)
    set_target(p, token == DOT_BARE ? DOT_SLOT_WORD : DOT_DISCARD);
  return true;
}

static bool begin_of_graph(struct diffd_dot_parser *p, enum dot_token token, uint64_t at) {
  set_target(p, DOT_SLOT_WORD);
  if (token == DOT_HTML && p->state == DOT_START)
    return diffd_dot_refuse(
        p, at,
        "`<` where `digraph` belongs: a page of HTML or XML, as a proxy or a failing server "
        "sends, is no graph");
  if (token == DOT_HTML)
    return diffd_dot_refuse(p, at, "an HTML string as the graph's id; put the id in quotes");
  if (p->state == DOT_OPEN_BRACE)
    return diffd_dot_refuse(p, at, "an id where `{` belongs; a graph has one id at most");
  if (p->state != DOT_GRAPH_ID && token != DOT_BARE)
    return diffd_dot_refuse(p, at, "%s where `digraph` belongs; this is no graph",
                            token == DOT_STRING ? "a quoted string" : "a numeral");
  return true;
}

static bool refuse_missing_value(struct diffd_dot_parser *p) {
  struct diffd_span name = p->text[DOT_SLOT_WORD];
  if (p->state == DOT_EQUALS)
    return diffd_dot_refuse(p, p->name_at, "attribute `%.*s` without a value; write name=value",
                            (int)name.len, name.ptr != NULL ? name.ptr : "");
  return diffd_dot_refuse(p, p->name_at, "an attribute without a value after its `=`; an empty one is \"\"");
}

static bool refuse_after_graph(struct diffd_dot_parser *p, uint64_t at) {
  return diffd_dot_refuse(p, at, "something after the graph's closing `}`; an input holds one graph alone");
}

static bool refuse_missing_list(struct diffd_dot_parser *p) {
  return diffd_dot_refuse(p, p->begin,
                          "`node`, `edge` or `graph` without an attribute list; put an id of that name "
                          "in quotes");
}

bool diffd_dot_begin_token(struct diffd_dot_parser *p, enum dot_token token, uint64_t at) {
  p->token = token;
  p->token_at = at;
  p->may_continue = false;
  p->copied = p->continues;
  if (p->continues) {
    if (token != DOT_STRING)
      return diffd_dot_refuse(p, at, "`+` joins quoted strings only; put the id in quotes");
    return true;
  }
  switch (p->state) {
  case DOT_START:
  case DOT_AFTER_STRICT:
  case DOT_GRAPH_ID:
  case DOT_OPEN_BRACE:
    return begin_of_graph(p, token, at);
  case DOT_BODY:
  case DOT_AFTER_ID:
  case DOT_AFTER_EDGE:
  case DOT_AFTER_LIST:
  case DOT_AFTER_VALUE:
    return begin_statement(p, token, at);
  case DOT_HEAD:
    set_target(p, DOT_SLOT_DESTINATION);
    return token != DOT_HTML || diffd_dot_refuse(p, at, "an HTML string as an id; put the id in quotes");
  case DOT_DEFAULTS:
    return refuse_missing_list(p);
  case DOT_NAME:
    p->name_at = at;
    set_target(p, DOT_SLOT_WORD);
    return token != DOT_HTML || diffd_dot_refuse(p, at, "an HTML string as an attribute's name");
  case DOT_EQUALS:
    return refuse_missing_value(p);
  case DOT_VALUE:
    return begin_value(p, token, at);
  case DOT_GRAPH_VALUE:
    set_target(p, token == DOT_BARE ? DOT_SLOT_WORD : DOT_DISCARD);
    return true;
  case DOT_CLOSED:
  default:
    set_target(p, DOT_SLOT_WORD);
    return token == DOT_BARE || refuse_after_graph(p, at);
  }
}

/* What an unquoted word is where it has just ended: a value, a name and an id may not be a keyword. */
static enum diffd_dot_keyword keyword_of(const struct diffd_dot_parser *p) {
  if (p->token != DOT_BARE)
    return DIFFD_DOT_NO_KEYWORD;
  struct diffd_span text = p->text[p->target];
  return diffd_dot_keyword_of(text.ptr, text.len);
}

static bool refuse_keyword(struct diffd_dot_parser *p) {
  struct diffd_span word = p->text[p->target];
  if (keyword_of(p) == DIFFD_DOT_SUBGRAPH && (p->state == DOT_HEAD || diffd_dot_is_between(p->state)))
    return diffd_dot_refuse(p, p->token_at, "a subgraph; write its statements into the graph itself");
  return diffd_dot_refuse(p, p->token_at, "the keyword `%.*s` as an id; put the id in quotes", (int)word.len,
                          word.ptr);
}

static bool end_of_word_before_graph(struct diffd_dot_parser *p) {
  struct diffd_span word = p->text[DOT_SLOT_WORD];
  if (p->token_at == 0 && word.len >= 3 && memcmp(word.ptr, "\xEF\xBB\xBF", 3) == 0) {
    p->bom = true;
    word.ptr += 3;
    word.len -= 3;
    if (word.len == 0)
      return true;
    p->token_at = 3;
  }
  enum diffd_dot_keyword keyword = diffd_dot_keyword_of(word.ptr, word.len);
  if (keyword == DIFFD_DOT_DIGRAPH)
    p->state = DOT_GRAPH_ID;
  else if (keyword == DIFFD_DOT_STRICT && p->state == DOT_START)
    p->state = DOT_AFTER_STRICT;
  else if (keyword == DIFFD_DOT_GRAPH)
    return diffd_dot_refuse(p, p->token_at, "an undirected graph; write `digraph`, with edges by ->");
  else
    return diffd_dot_refuse(p, p->token_at, "`%.*s` where `digraph` belongs; this is no graph", (int)word.len,
                            word.ptr);
  return true;
}

static bool end_of_first_word(struct diffd_dot_parser *p, uint64_t end) {
  switch (keyword_of(p)) {
  case DIFFD_DOT_NO_KEYWORD:
    p->kind = DOT_NODE_STATEMENT;
    p->end = end;
    p->state = DOT_AFTER_ID;
    return true;
  case DIFFD_DOT_EDGE_WORD:
    p->kind = DOT_EDGE_DEFAULTS;
    p->state = DOT_DEFAULTS;
    return true;
  case DIFFD_DOT_NODE_WORD:
  case DIFFD_DOT_GRAPH:
    p->kind = DOT_OTHER_STATEMENT;
    p->state = DOT_DEFAULTS;
    return true;
  case DIFFD_DOT_STRICT:
  case DIFFD_DOT_DIGRAPH:
  case DIFFD_DOT_SUBGRAPH:
  default:
    return refuse_keyword(p);
  }
}

static bool end_of_word_after_graph(struct diffd_dot_parser *p) {
  enum diffd_dot_keyword keyword = keyword_of(p);
  if (keyword == DIFFD_DOT_DIGRAPH || keyword == DIFFD_DOT_GRAPH || keyword == DIFFD_DOT_STRICT)
    return diffd_dot_refuse(p, p->token_at, "a second graph; an input holds one");
  return refuse_after_graph(p, p->token_at);
}

/* A string after + has ended: it is a part of the token before. */
static bool end_of_continuation(struct diffd_dot_parser *p, uint64_t end) {
  p->continues = false;
  if (p->state == DOT_AFTER_ID || p->state == DOT_AFTER_EDGE)
    p->end = end;
  if (p->state == DOT_NAME && p->attribute == DIFFD_DOT_LABEL)
    p->label_close = p->string_close;
  return true;
}

static bool end_of_value(struct diffd_dot_parser *p) {
  p->state = DOT_NAME;
  p->may_separate = true;
  if (p->attribute == DIFFD_DOT_LABEL && p->token == DOT_STRING)
    p->label_close = p->string_close;
  return true;
}

bool diffd_dot_end_token(struct diffd_dot_parser *p, uint64_t end) {
  p->may_continue = p->token == DOT_STRING;
  if (p->token == DOT_BARE || p->token == DOT_NUMERAL) {
    p->bare_at = p->token_at;
    p->bare_end = end;
  }
  if (p->continues)
    return end_of_continuation(p, end);
  if (p->state == DOT_START || p->state == DOT_AFTER_STRICT)
    return end_of_word_before_graph(p);
  if (diffd_dot_is_between(p->state))
    return end_of_first_word(p, end);
  if (p->state == DOT_CLOSED)
    return end_of_word_after_graph(p);
  if (keyword_of(p) != DIFFD_DOT_NO_KEYWORD)
    return refuse_keyword(p);
  switch (p->state) {
  case DOT_GRAPH_ID:
    p->state = DOT_OPEN_BRACE;
    return true;
  case DOT_HEAD:
    p->kind = DOT_EDGE_STATEMENT;
    p->end = end;
    p->state = DOT_AFTER_EDGE;
    return true;
  case DOT_NAME:
    p->may_separate = false;
    p->state = DOT_EQUALS;
    return true;
  case DOT_VALUE:
    return end_of_value(p);
  case DOT_GRAPH_VALUE:
  default:
    p->state = DOT_AFTER_VALUE;
    return true;
  }
}

static bool open_brace(struct diffd_dot_parser *p, uint64_t at) {
  if (p->state == DOT_GRAPH_ID || p->state == DOT_OPEN_BRACE) {
    p->state = DOT_BODY;
    return true;
  }
  if (p->state == DOT_START || p->state == DOT_AFTER_STRICT)
    return diffd_dot_refuse(p, at, "`{` where `digraph` belongs; this is no graph");
  if (diffd_dot_is_between(p->state))
    return diffd_dot_refuse(p, at, "a subgraph in braces; write its statements into the graph itself");
  return diffd_dot_refuse(p, at, "`{` where it has no meaning");
}

static bool close_brace(struct diffd_dot_parser *p, uint64_t at) {
  if (diffd_dot_is_between(p->state)) {
    p->state = DOT_CLOSED;
    return diffd_dot_hand_over(p);
  }
  if (p->state == DOT_NAME)
    return diffd_dot_refuse(p, p->list_at, "an attribute list without its closing `]`");
  return diffd_dot_refuse(p, at, "`}` where it has no meaning");
}

static bool open_list(struct diffd_dot_parser *p, uint64_t at) {
  switch (p->state) {
  case DOT_AFTER_ID:
  case DOT_AFTER_EDGE:
  case DOT_AFTER_LIST:
  case DOT_DEFAULTS:
    p->list_at = at;
    p->may_separate = false;
    p->state = DOT_NAME;
    return true;
  case DOT_BODY:
  case DOT_AFTER_VALUE:
    return diffd_dot_refuse(
        p, at, "an attribute list that belongs to no statement; let it begin on the line of its statement");
  default:
    return diffd_dot_refuse(p, at, "`[` where it has no meaning");
  }
}

static bool close_list(struct diffd_dot_parser *p, uint64_t at) {
  if (p->state != DOT_NAME)
    return diffd_dot_refuse(p, at, "`]` without its `[`");
  p->state = DOT_AFTER_LIST;
  p->end = at + 1;
  /* A label closed by the byte before is this list's last attribute: nothing can stand between. */
  bool label = p->label_close != DOT_NOWHERE && p->label_close + 1 == at;
  p->mark_kind = label ? DIFFD_MARK_LABEL : DIFFD_MARK_LIST;
  p->mark_at = label ? p->label_close : at;
  return true;
}

static bool equals(struct diffd_dot_parser *p, uint64_t at) {
  if (p->state == DOT_AFTER_ID) {
    p->kind = DOT_OTHER_STATEMENT;
    p->state = DOT_GRAPH_VALUE;
    return true;
  }
  if (p->state != DOT_EQUALS)
    return diffd_dot_refuse(p, at, "`=` without a name before it");
  struct diffd_span name = p->text[DOT_SLOT_WORD];
  p->attribute = diffd_dot_attribute_of(name.ptr, name.len);
  p->text[DOT_SLOT_WORD] = (struct diffd_span){NULL, 0};
  if (p->kind == DOT_EDGE_DEFAULTS && diffd_dot_is_identity(p->attribute))
    return diffd_dot_refuse(
        p, p->name_at,
        "a default of %s for all edges, which would change what edges are the same; write it into each edge",
        attribute_names[p->attribute]);
  p->state = DOT_VALUE;
  return true;
}

static bool separator(struct diffd_dot_parser *p, char c, uint64_t at) {
  if (p->state == DOT_NAME && p->may_separate) {
    p->may_separate = false;
    return true;
  }
  if (c == ',' && (p->state == DOT_AFTER_ID || p->state == DOT_AFTER_EDGE))
    return diffd_dot_refuse(p, at, "a list of nodes by `,`; write a statement for each");
  if (c == ';' && p->state == DOT_BODY && p->may_end) {
    p->may_end = false;
    return true;
  }
  if (c == ';' && diffd_dot_is_between(p->state) && p->state != DOT_BODY) {
    p->state = DOT_BODY;
    p->may_end = false;
    return diffd_dot_hand_over(p);
  }
  return diffd_dot_refuse(p, at, "`%c` with nothing before it that it could end", c);
}

/* What every token but an id and the one that is waited for meets in these states; `token` is its spelling.
 */
static bool is_misplaced(struct diffd_dot_parser *p, const char *token, uint64_t at) {
  p->may_continue = false;
  if (p->continues)
    return !diffd_dot_refuse(p, at, "`%s` after +, which joins quoted strings only", token);
  switch (p->state) {
  case DOT_HEAD:
    if (token[0] == '{')
      return !diffd_dot_refuse(p, at, "a subgraph in braces; write its statements into the graph itself");
    return !diffd_dot_refuse(p, at, "`%s` where the id belongs that an edge leads to", token);
  case DOT_DEFAULTS:
    return token[0] != '[' && !refuse_missing_list(p);
  case DOT_EQUALS:
    return token[0] != '=' && !refuse_missing_value(p);
  case DOT_VALUE:
    return !refuse_missing_value(p);
  case DOT_GRAPH_VALUE:
    return !diffd_dot_refuse(p, at, "`%s` where the value of a graph's attribute belongs", token);
  case DOT_CLOSED:
    return !refuse_after_graph(p, at);
  default:
    return false;
  }
}

bool diffd_dot_arrow(struct diffd_dot_parser *p, uint64_t at) {
  if (is_misplaced(p, "->", at))
    return false;
  if (p->state == DOT_AFTER_ID) {
    p->state = DOT_HEAD;
    return true;
  }
  if (p->state == DOT_AFTER_EDGE)
    return diffd_dot_refuse(p, at, "an edge chain, a -> b -> c; write an edge for each pair");
  return diffd_dot_refuse(p, at, "`->` without an id before it");
}

bool diffd_dot_punct(struct diffd_dot_parser *p, char c, uint64_t at) {
  if (c == '+' && p->may_continue) {
    p->may_continue = false;
    p->continues = true;
    return true;
  }
  if (is_misplaced(p, (const char[]){c, '\0'}, at))
    return false;
  switch (c) {
  case '{':
    return open_brace(p, at);
  case '}':
    return close_brace(p, at);
  case '[':
    return open_list(p, at);
  case ']':
    return close_list(p, at);
  case '=':
    return equals(p, at);
  case ':':
    if (p->state == DOT_AFTER_ID || p->state == DOT_AFTER_EDGE)
      return diffd_dot_refuse(p, at, "a port, as in a:p; leave it out");
    return diffd_dot_refuse(p, at, "`:` where it has no meaning; put the id in quotes");
  case '+':
    return diffd_dot_refuse(p, at, "`+` joins quoted strings only; put the id in quotes");
  case ',':
  case ';':
  default:
    return separator(p, c, at);
  }
}

bool diffd_dot_end_of_input(struct diffd_dot_parser *p, uint64_t at) {
  if (p->continues)
    return diffd_dot_refuse(p, at, "the end after a +; the graph is cut short");
  switch (p->state) {
  case DOT_CLOSED:
    return true;
  case DOT_START:
    return diffd_dot_refuse(p, at,
                            "an empty input, without any graph; a graph without edges is `digraph {}`");
  case DOT_AFTER_STRICT:
  case DOT_GRAPH_ID:
  case DOT_OPEN_BRACE:
    return diffd_dot_refuse(p, at, "the end before the graph's `{`; the graph is cut short");
  case DOT_HEAD:
    return diffd_dot_refuse(p, at, "the end after `->`; the graph is cut short");
  case DOT_DEFAULTS:
    return refuse_missing_list(p);
  case DOT_NAME:
  case DOT_EQUALS:
  case DOT_VALUE:
    return diffd_dot_refuse(p, p->list_at, "an attribute list that is never closed; the graph is cut short");
  case DOT_GRAPH_VALUE:
    return diffd_dot_refuse(p, at, "the end after `=`; the graph is cut short");
  case DOT_BODY:
  case DOT_AFTER_ID:
  case DOT_AFTER_EDGE:
  case DOT_AFTER_LIST:
  case DOT_AFTER_VALUE:
  default:
    return diffd_dot_refuse(p, at, "the end without the graph's closing `}`; the graph is cut short");
  }
}
