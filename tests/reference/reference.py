# SPDX-License-Identifier: Apache-2.0
"""A plain implementation of the digest, the graph and the diff, slow and obviously right, to compare with.

It shares nothing with the program: it is written from the description of the formats alone, holds everything
in memory and takes no short cuts. Texts are bytes throughout.
"""
import gzip
import ipaddress
import re
import socket
import uuid
from collections import namedtuple

IDENTITY = (b"govpc_accountID", b"govpc_eniID", b"govpc_srcPort", b"govpc_dstPort", b"govpc_protocol", b"color")
KEYWORDS = (b"strict", b"graph", b"digraph", b"node", b"edge", b"subgraph")
ID_START = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_" + bytes(range(0x80, 0x100)))
DIGITS = frozenset(b"0123456789")


class Refused(Exception):
    """A text that is no graph: where (line and column, from 1) and why."""

    def __init__(self, data, offset, why):
        before = data[:offset]
        self.line = before.count(b"\n") + 1
        self.column = offset - (before.rfind(b"\n") + 1) + 1
        super().__init__("%d:%d: %s" % (self.line, self.column, why))


# `kind` is id (with quoted telling how it ends), html, or the punctuation itself.
Token = namedtuple("Token", "kind value begin end quoted")


def tokens(data):
    """Splits a graph into tokens; comments and white space vanish."""
    at, size = 0, len(data)
    while at < size:
        byte = data[at : at + 1]
        if byte in b" \t\r\n\f\v":
            at += 1
        elif byte == b"#" and (at == 0 or data[at - 1 : at] == b"\n"):
            at = _comment(data, at, _after_line(data, at))
        elif data.startswith(b"//", at):
            at = _comment(data, at, _after_line(data, at))
        elif data.startswith(b"/*", at):
            end = data.find(b"*/", at + 2)
            if end < 0:
                raise Refused(data, at, "unclosed comment")
            at = _comment(data, at, end + 2)
        elif data.startswith(b"->", at):
            yield Token("->", b"->", at, at + 2, False)
            at += 2
        elif data.startswith(b"--", at):
            raise Refused(data, at, "undirected edge")
        elif byte in b"{}[]=;,:+":
            yield Token(byte.decode(), byte, at, at + 1, False)
            at += 1
        elif byte == b'"':
            value, end = _quoted(data, at)
            yield Token("id", value, at, end, True)
            at = end
        elif byte == b"<":
            end = _html(data, at)
            yield Token("html", data[at:end], at, end, False)
            at = end
        elif data[at] in ID_START:
            end = at + 1
            while end < size and (data[end] in ID_START or data[end] in DIGITS):
                end += 1
            _apart(data, at, end)
            yield Token("id", data[at:end], at, end, False)
            at = end
        else:
            end = _number(data, at)
            if end == at:
                raise Refused(data, at, "NUL" if data[at] == 0 else "byte 0x%02x" % data[at])
            _apart(data, at, end)
            yield Token("id", data[at:end], at, end, False)
            at = end


def _apart(data, begin, end):
    """An id without quotes that runs into what might be another is too ambiguous to be read at all."""
    more = data[end : end + 2]
    if more and (more[0] in ID_START or more[:1] in b"." or (more[:1] == b"-" and more not in (b"->", b"--"))):
        raise Refused(data, begin, "two ids in one")


def _after_line(data, at):
    end = data.find(b"\n", at)
    return len(data) if end < 0 else end


def _comment(data, begin, end):
    if b"\0" in data[begin:end]:
        raise Refused(data, data.index(b"\0", begin), "NUL")
    return end


QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
# Of all escapes only these two change the value: an escaped quote, and a line that goes on.
ESCAPE = re.compile(rb"\\(\r?\n|.)", re.DOTALL)


def _quoted(data, begin):
    found = QUOTED.match(data, begin)
    nul = data.find(b"\0", begin, found.end() if found else len(data))
    if nul >= 0:
        raise Refused(data, nul, "NUL")
    if found is None:
        raise Refused(data, begin, "unclosed quote")
    value = found.group(1)
    if b"\\" in value:
        value = ESCAPE.sub(lambda e: {b'"': b'"', b"\n": b"", b"\r\n": b""}.get(e.group(1), e.group(0)), value)
    return value, found.end()


def _html(data, begin):
    depth, at = 0, begin
    while at < len(data):
        if data[at] == ord("<"):
            depth += 1
        elif data[at] == ord(">"):
            depth -= 1
            if depth == 0:
                return at + 1
        elif data[at] == 0:
            raise Refused(data, at, "NUL")
        at += 1
    raise Refused(data, begin, "unclosed HTML string")


def _number(data, begin):
    at = begin + (data[begin : begin + 1] == b"-")
    whole = at
    while at < len(data) and data[at] in DIGITS:
        at += 1
    digits = at - whole
    if data[at : at + 1] == b".":
        fraction = at + 1
        end = fraction
        while end < len(data) and data[end] in DIGITS:
            end += 1
        if digits or end > fraction:
            return end
    return at if digits else begin


class Statement:
    """An edge (two ids) or a node (one), its attributes and its bytes."""

    def __init__(self, ids, attributes, text, mark):
        self.ids, self.attributes, self.text, self.mark = ids, attributes, text, mark

    @property
    def is_edge(self):
        return len(self.ids) == 2

    @property
    def identity(self):
        return tuple(self.ids) + tuple(self.attributes.get(name) for name in IDENTITY)

    def marked(self, status):
        """The edge's own bytes, and the mark in the place that the format says."""
        kind, at = self.mark
        if kind == "label":
            return self.text[:at] + b'\\ndiff=' + status + b'" govpc_diff="' + status + b'"]'
        if kind == "list":
            return self.text[:at] + b' govpc_diff="' + status + b'"' + self.text[at:]
        return self.text + b' [govpc_diff="' + status + b'"]'


class Parser:
    def __init__(self, data):
        self.data = data
        self.left = tokens(data)
        self.next = None

    def peek(self):
        if self.next is None:
            self.next = next(self.left, Token("end", b"", len(self.data), len(self.data), False))
        return self.next

    def skip(self):
        token = self.peek()
        self.next = None
        return token

    def take(self, kind):
        token = self.peek()
        if token.kind != kind:
            self.refuse(token, "%s where %s was expected" % (token.kind, kind))
        return self.skip()

    def refuse(self, token, why):
        raise Refused(self.data, token.begin, why)

    def is_keyword(self, token, *words):
        return token.kind == "id" and not token.quoted and token.value.lower() in (words or KEYWORDS)

    def an_id(self):
        """One id: a quoted one may be put together with `+`."""
        token = self.peek()
        if token.kind == "html":
            self.refuse(token, "HTML string as an id")
        if self.is_keyword(token):
            self.refuse(token, "keyword as an id")
        token = self.take("id")
        while token.quoted and self.peek().kind == "+":
            self.skip()
            more = self.take("id")
            if not more.quoted:
                self.refuse(more, "+ before an id without quotes")
            token = Token("id", token.value + more.value, token.begin, more.end, True)
        return token

    def graph(self):
        if self.is_keyword(self.peek(), b"strict"):
            self.skip()
        if not self.is_keyword(self.peek(), b"digraph"):
            self.refuse(self.peek(), "no digraph")
        self.skip()
        if self.peek().kind != "{":
            self.an_id()
        self.take("{")
        statements = []
        while self.peek().kind != "}":
            statement = self.statement()
            if statement is not None:
                statements.append(statement)
            if self.peek().kind == ";":
                self.skip()
        self.take("}")
        if self.peek().kind != "end":
            self.refuse(self.peek(), "text after the closing brace")
        return statements

    def statement(self):
        first = self.peek()
        if first.kind == "end":
            self.refuse(first, "no closing brace")
        if first.kind == "{" or self.is_keyword(first, b"subgraph"):
            self.refuse(first, "subgraph")
        if self.is_keyword(first, b"graph", b"node", b"edge"):
            return self.defaults()
        ids = [self.an_id()]
        if self.peek().kind == "=":
            self.skip()
            self.value()
            return None
        if self.peek().kind == ":":
            self.refuse(self.peek(), "port")
        if self.peek().kind == "->":
            self.skip()
            if self.peek().kind == "{" or self.is_keyword(self.peek(), b"subgraph"):
                self.refuse(self.peek(), "subgraph")
            ids.append(self.an_id())
            if self.peek().kind == ":":
                self.refuse(self.peek(), "port")
            if self.peek().kind == "->":
                self.refuse(self.peek(), "edge chain")
        attributes, end, mark = self.attribute_lists(ids[-1].end, first.begin)
        return Statement([i.value for i in ids], attributes, self.data[first.begin : end], mark)

    def defaults(self):
        word = self.take("id")
        if self.peek().kind != "[":
            self.refuse(word, "no attribute list")
        self.attribute_lists(word.end, word.begin, IDENTITY if word.value.lower() == b"edge" else ())

    def value(self):
        if self.peek().kind == "html":
            return self.skip()
        return self.an_id()

    def attribute_lists(self, end, begin, forbidden=()):
        """Attributes of all lists together, the end of the last list, and where a mark goes."""
        attributes, mark = {}, ("none", end - begin)
        while self.peek().kind == "[":
            start = self.skip()
            last_name = last_value = None
            separated = False
            while self.peek().kind != "]":
                if self.peek().kind in ("end", "}"):
                    self.refuse(start, "unclosed attribute list")
                last_name = self.an_id()
                if last_name.value in forbidden:
                    self.refuse(last_name, "edge default that sets an identity attribute")
                if self.peek().kind != "=":
                    self.refuse(start if self.peek().kind == "end" else last_name, "attribute without a value")
                self.skip()
                if self.peek().kind not in ("id", "html"):
                    self.refuse(start if self.peek().kind == "end" else last_name, "attribute without a value")
                last_value = self.value()
                attributes[last_name.value] = last_value.value
                separated = self.peek().kind in (",", ";")
                if separated:
                    self.skip()
            close = self.take("]")
            end = close.end
            quoted_label = (
                last_value is not None
                and last_name.value == b"label"
                and last_value.quoted
                and not separated
                and last_value.end == close.begin
            )
            mark = ("label", last_value.end - 1 - begin) if quoted_label else ("list", close.begin - begin)
        return attributes, end, mark


def parse(data):
    """The statements of a graph that are nodes or edges; raises Refused."""
    return Parser(data).graph()


def diff(previous, following):
    """The diff of two graphs given as bytes; raises Refused."""
    before, after = parse(previous), parse(following)
    known = {s.identity for s in before if s.is_edge}
    present = {s.identity for s in after if s.is_edge}
    added = [s for s in after if s.is_edge and s.identity not in known]
    removed = [s for s in before if s.is_edge and s.identity not in present]
    nodes = {}
    for graph in (before, after):
        nodes.update({s.ids[0]: s.text for s in graph if not s.is_edge})
    touched = {i for s in added + removed for i in s.ids}
    lines = [s.marked(b"ADDED") for s in added] + [s.marked(b"REMOVED") for s in removed]
    lines += [nodes[i] for i in sorted(touched) if i in nodes]
    return b"digraph {\n" + b"".join(line + b"\n" for line in lines) + b"}"


def counts(previous, following):
    """(added, removed, node statements) of a diff."""
    out = parse(diff(previous, following))
    edges = [s for s in out if s.is_edge]
    added = sum(s.attributes[b"govpc_diff"] == b"ADDED" for s in edges)
    return added, len(edges) - added, len(out) - len(edges)


# --- flow logs -------------------------------------------------------------------------------------------

V2 = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
).split()

Edge = namedtuple("Edge", "source destination account eni srcport dstport protocol color packets bytes start end")


def records(data):
    """The records of one file, as dicts by field name; lines that are no record are left out."""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    fields = V2
    for line in data.decode("latin-1").splitlines():
        words = line.split()
        if words and words[0] in V2 and "srcaddr" in words:
            fields = words
        elif len(words) == len(fields):
            yield dict(zip(fields, words))


def digest(files, window=None):
    """The edges of the OK records whose start is in the window, in graph order of injective ids."""
    sums, low, high = {}, None, None
    for data in files:
        for record in records(data):
            if record["log-status"].upper() != "OK":
                continue
            try:
                source, destination = _address(record["srcaddr"]), _address(record["dstaddr"])
                numbers = [int(record[f]) for f in ("srcport", "dstport", "protocol", "packets", "bytes", "start", "end")]
            except ValueError:
                continue
            srcport, dstport, protocol, packets, size, start, end = numbers
            if window is not None and not window[0] <= start < window[1]:
                continue
            srcport, dstport = (0, dstport) if srcport >= dstport else (srcport, 0)
            color = "red" if record["action"].upper() == "REJECT" else "green"
            key = (source, destination, record["account-id"], record["interface-id"], srcport, dstport, protocol, color)
            total = sums.setdefault(key, [0, 0])
            total[0] += packets
            total[1] += size
            low = start if low is None else min(low, start)
            high = end if high is None else max(high, end)
    return [Edge(*key, *total, low, high) for key, total in sums.items()]


def _address(text):
    return ipaddress.ip_address(text)


def label(address):
    """RFC 5952; an address that maps IPv4 is written with dots, as its section 5 says."""
    if address.version == 6 and address.ipv4_mapped is not None:
        return socket.inet_ntop(socket.AF_INET6, address.packed)
    return str(address)


def node_id(address):
    if address.version == 4:
        return "n" + str(address).replace(".", "_")
    return "n6_" + address.packed.hex()


def original_node_id(address):
    return "n" + label(address).replace(".", "").replace(":", "")


def graph(edges, name=node_id):
    """The DOT graph of a digest."""
    rows = sorted(
        ((name(e.source), name(e.destination), e.account, e.eni, e.srcport, e.dstport, e.protocol, e.color, e) for e in edges),
        key=lambda row: row[:8],
    )
    lines = []
    for source, destination, *_, e in rows:
        pairs = [
            ("accountID", e.account), ("eniID", e.eni), ("srcPort", e.srcport), ("dstPort", e.dstport),
            ("protocol", e.protocol), ("packets", e.packets), ("bytes", e.bytes), ("start", e.start), ("end", e.end),
        ]  # fmt: skip
        attributes = " ".join('govpc_%s="%s"' % pair for pair in pairs)
        text = "\\n".join("%s=%s" % pair for pair in pairs)
        lines.append('%s -> %s [%s color=%s label="%s"]' % (source, destination, attributes, e.color, text))
    labels = {}
    for address in {a for e in edges for a in (e.source, e.destination)}:
        labels.setdefault(name(address), []).append(label(address))
    lines += ['%s [label="%s"]' % (i, min(labels[i])) for i in sorted(labels)]
    return ("digraph {\n" + "".join("\t%s\n" % line for line in lines) + "}").encode()


# --- ids -------------------------------------------------------------------------------------------------

NAMESPACE = uuid.uuid5(uuid.UUID(int=0), "diff")


def diff_id(*times):
    """The id of four canonical times, written as 2019-03-01T00:01:00Z."""
    text = "".join(t.replace("T", " ").replace("Z", " +0000 UTC") for t in times)
    return str(uuid.uuid5(NAMESPACE, text))
