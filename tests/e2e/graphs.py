# SPDX-License-Identifier: Apache-2.0
"""Random graphs, as go-vpcflow writes them and as somebody else might write the same."""
from collections import namedtuple

import reference

NAMES = ("govpc_accountID", "govpc_eniID", "govpc_srcPort", "govpc_dstPort", "govpc_protocol",
         "govpc_packets", "govpc_bytes", "govpc_start", "govpc_end")  # fmt: skip

# `values` are the nine of NAMES, in their order, as texts.
Edge = namedtuple("Edge", "source destination values color")
Node = namedtuple("Node", "id label")


def random_edge(rng, hosts=5, wide=False):
    source, destination = ("n10_0_%d_%d" % divmod(rng.randrange(hosts), 256) for _ in "sd")
    ports = [str(rng.choice((22, 80, 443))), "0"]
    rng.shuffle(ports)
    account = "12345678901" + str(rng.randrange(2))
    eni = "eni-" + rng.choice(("0a", "0b0c0d0e")) if not wide else "eni-%017x" % rng.getrandbits(68)
    packets = str(rng.randrange(1 << rng.choice((3, 30, 63))))
    values = (account, eni, *ports, rng.choice("16"), packets, str(rng.randrange(9999)), "1551398400", "1551484799")
    return Edge(source, destination, values, rng.choice(("green", "green", "red")))


def random_graph(rng, edges, hosts=5, wide=False):
    """Edges with copies among them, then nodes; some undeclared, some declared twice."""
    out = []
    for _ in range(edges):
        out.append(rng.choice(out) if out and rng.random() < 0.1 else random_edge(rng, hosts, wide))
    ids = sorted({i for e in out for i in (e.source, e.destination)})
    nodes = [Node(i, i[1:].replace("_", ".")) for i in ids if rng.random() < 0.9]
    nodes += [Node(n.id, "again") for n in nodes if rng.random() < 0.1]
    return out + nodes


def changed(rng, graph, share=0.2):
    """The same graph with some edges gone, some new, some recounted, in another order."""
    edges = [e for e in graph if isinstance(e, Edge)]
    nodes = [n for n in graph if isinstance(n, Node)]
    kept = [e for e in edges if rng.random() > share]
    kept = [e._replace(values=e.values[:5] + ("7", "8", "1551484800", "1551571199")) if rng.random() < 0.5 else e for e in kept]
    kept += [random_edge(rng, 6) for _ in range(max(1, int(len(edges) * share)))]
    rng.shuffle(kept)
    nodes = [n._replace(label="moved") if rng.random() < 0.2 else n for n in nodes if rng.random() > 0.1]
    return kept + nodes


def label_of(edge):
    return "\\n".join("%s=%s" % (name[len("govpc_") :], value) for name, value in zip(NAMES, edge.values))


def canonical_statement(item):
    if isinstance(item, Node):
        return '%s [label="%s"]' % item
    attributes = " ".join('%s="%s"' % pair for pair in zip(NAMES, item.values))
    return '%s -> %s [%s color=%s label="%s"]' % (item.source, item.destination, attributes, item.color, label_of(item))


def canonical(graph):
    """What go-vpcflow writes."""
    return ("digraph {\n" + "".join("\t%s\n" % canonical_statement(item) for item in graph) + "}").encode()


def nearly_canonical(rng, item):
    """What go-vpcflow nearly writes and is still a graph: a byte of it is another or more, or its text goes on."""
    text = canonical_statement(item)
    tail = rng.choice(("\n\t[x=y]", "\n\n\n[]", " // said so\n" + "\n" * 300 + "[color=red]", ";", " ", "\r"))
    while True:
        at = rng.randrange(len(text))
        out = text[:at] + rng.choice(("x", "0", "00", "_", ".", "-1", "+1", "  ", "\t", "\n", "\\\\", "\\n", "")) + text[at + 1 :]
        out = rng.choice((out, out, out, text + tail, out + tail))
        try:
            reference.parse(("digraph {\n\t%s\n}" % out).encode())
            return out
        except reference.Refused:
            pass


SPACES = (" ", "  ", "\t", "\n", "\r\n", " /* a -> b [x=\"y\"] */ ", " // ; } ]\n", "\n# \"{\n", "/**/")


class Messy:
    """Writes a graph in any of the ways that mean the same."""

    def __init__(self, rng):
        self.rng = rng

    def chance(self, share):
        return self.rng.random() < share

    def space(self, needed=False):
        if self.chance(0.5):
            return " " if needed else ""
        return "".join(self.rng.choice(SPACES) for _ in range(self.rng.randrange(1, 3)))

    def word(self, text, quoted=None):
        """A text as an id: bare where it may be and chance says so, else in quotes of some kind."""
        bare = text.isdigit() or (text[:1].isalpha() and text.replace("_", "a").isalnum())
        if quoted is False or (quoted is None and bare and self.chance(0.4)):
            return text
        if len(text) > 1 and self.chance(0.1):
            cut = self.rng.randrange(1, len(text))
            if "\\" in text[cut - 1 : cut + 1]:
                return '"%s"' % text
            glue = self.rng.choice(('"+"', '" + "', "\\\n", '" +\n"', "\\\r\n"))
            return '"%s%s%s"' % (text[:cut], glue, text[cut:])
        return '"%s"' % text

    def attributes(self, pairs):
        """`[..]`, once or in pieces, with separators of all kinds."""
        cut = self.rng.randrange(len(pairs) + 1) if self.chance(0.2) else len(pairs)
        out = ""
        for part in (pairs[:cut], pairs[cut:]) if cut < len(pairs) or self.chance(0.1) else (pairs,):
            body = ""
            for number, (name, value) in enumerate(part):
                body += self.word(name) + self.space() + "=" + self.space() + value
                last = number + 1 == len(part)
                body += self.space() + self.rng.choice((",", ";", "")) + self.space(True) if not last or self.chance(0.3) else ""
            out += self.space() + "[" + self.space() + body + (self.space() if self.chance(0.3) else "") + "]"
        return out

    def edge(self, edge):
        identity = list(zip(NAMES[:5], edge.values[:5])) + [("color", edge.color)]
        self.rng.shuffle(identity)
        if self.chance(0.2):  # a repeated attribute: the last one counts
            name, value = identity.pop()
            identity += [(name, "other"), (name, value)]
        pairs = [(name, self.word(value)) for name, value in identity]
        for name, value in zip(NAMES[5:], edge.values[5:]):
            pairs.insert(self.rng.randrange(len(pairs) + 1), (name, self.word(value)))
        if self.chance(0.6):
            pairs.append(("label", self.rng.choice((self.word(label_of(edge), True), '"a \\"b\\" c"', "<b <i>x</i> ]>", '""', "x"))))
        if self.chance(0.2):
            pairs.insert(self.rng.randrange(len(pairs) + 1), ("label", '"x -> y"'))
        if self.chance(0.2):
            pairs.append(("style", "bold"))
        ends = self.word(edge.source) + self.space() + "->" + self.space() + self.word(edge.destination)
        return ends + self.attributes(pairs)

    def node(self, node):
        pairs = [("label", self.word(node.label, True))] + ([("shape", "box")] if self.chance(0.2) else [])
        return self.word(node.id) + (self.attributes(pairs) if self.chance(0.9) else "")

    def extra(self):
        return self.rng.choice(("rankdir=LR", 'graph [a="b"]', "node [color=red shape=box]", "edge [style=bold label=\"x\"]", '"x y" = <z>'))

    def statement(self, item):
        return self.edge(item) if isinstance(item, Edge) else self.node(item)

    def graph(self, graph):
        head = self.rng.choice(("digraph {", "strict digraph{", 'digraph "a b"\n{', "// head\nDIGRAPH g {", "digraph /* x */ 1.5 {\r\n"))
        items = list(graph)
        if self.chance(0.5):  # nodes before, between and after the edges they belong to
            edges, nodes = [e for e in items if isinstance(e, Edge)], [n for n in items if isinstance(n, Node)]
            for node in nodes:
                edges.insert(self.rng.randrange(len(edges) + 1), node)
            items = edges
        body = ""
        for item in items:
            if self.chance(0.1):
                body += self.extra() + self.rng.choice((";", "\n"))
            body += self.space() + (self.statement(item) if self.chance(0.8) else canonical_statement(item))
            body += self.space() + self.rng.choice((";", "\n", " ;\n\t", "\r\n"))
        return (head + body + "}" + self.rng.choice(("", "\n", "\r\n// end", "/* } */\n"))).encode()
