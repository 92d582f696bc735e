# SPDX-License-Identifier: Apache-2.0
"""Graphs that somebody made to be slow, beside ordinary ones: the time for a byte of each, and the memory.

Keys that collide are not among them: the key of the hash is drawn anew in every run, so there is nothing to make them
with (src/core/edge_key_test.c shows what becomes of keys that collide under another seed).
"""
import measure
import graphs
from figures import Part, Section, Target
from measure import MIB

MILLION = 1_000_000
LONG_LINE = 64 * MIB  # with a million edges a graph; less with less
AT_MOST = 3.0

ATTRIBUTES = ('govpc_accountID="123456789010" govpc_eniID="eni-0a1b2c3d" govpc_srcPort="{port}" govpc_dstPort="443" '
              'govpc_protocol="6" govpc_packets="12" govpc_bytes="3456" govpc_start="1709510400" '
              'govpc_end="1709596799" color=green label="accountID=123456789010\\neniID=eni-0a1b2c3d\\nsrcPort={port}'
              '\\ndstPort=443\\nprotocol=6\\npackets=12\\nbytes=3456\\nstart=1709510400\\nend=1709596799"')  # fmt: skip


def edge(source, destination, port=50000):
    return f"\t{source} -> {destination} [{ATTRIBUTES.format(port=port)}]\n"


def write(path, *statements):
    with open(path, "w", encoding="ascii") as out:
        out.write("digraph {\n")
        for group in statements:
            out.writelines(group)
        out.write("}")


def node_id(number):
    return f"n10_{number >> 16}_{number >> 8 & 255}_{number & 255}"


def nodes(ids):
    return (f'\t{node} [label="{node}"]\n' for node in ids)


def changed(number):
    """Another port for one edge of twenty."""
    return 50001 if number % 20 == 0 else 50000


def star(previous, following, edges):
    """one node with all the edges"""
    ids = [node_id(number) for number in range(edges)]
    write(previous, (edge("n1", node) for node in ids), nodes(ids))
    write(following, (edge("n1", node, changed(number)) for number, node in enumerate(ids)), nodes(ids))


def copies(previous, following, edges):
    """one edge and its copies, the same in both"""
    for path in (previous, following):
        write(path, [edge("n1", "n2")] * edges)


def copies_gone(previous, following, edges):
    """one edge and its copies, none of them in next"""
    write(previous, [edge("n1", "n2")] * edges)
    write(following, [edge("n1", "n2", 50001)] * edges)


def long_lines(previous, following, edges):
    """lines of 64 MiB"""
    text = "x" * (LONG_LINE * min(edges, MILLION) // MILLION)
    for path, other in ((previous, "n3"), (following, "n4")):
        write(path, (edge("n1", to)[:-3] + text + '"]\n' for to in ("n2", other)))


def long_ids(previous, following, edges):
    """ids of 200 bytes that differ at their ends"""
    ids = ["n" + f"{number:0199}" for number in range(edges // 5)]
    for path, port in ((previous, lambda _: 50000), (following, changed)):
        write(path, (edge(ids[number % len(ids)], ids[number * 7 % len(ids)], port(number)) for number in range(edges // 2)),
              nodes(ids))  # fmt: skip


def one_line(previous, following, edges):
    """no newline anywhere"""
    star(previous, following, edges // 2)
    for path in (previous, following):
        path.write_bytes(path.read_bytes().replace(b"\n", b" "))


def new_nodes(previous, following, edges):
    """ten nodes for each edge of the others, and nothing in previous"""
    write(previous)
    write(following, (edge(node_id(2 * number), node_id(2 * number + 1)) for number in range(5 * edges)),
          nodes(node_id(number) for number in range(10 * edges)))  # fmt: skip


SHAPES = (star, copies, copies_gone, long_lines, long_ids, one_line, new_nodes)


def section(tools, edges, runs):
    cache = 9 * edges * graphs.EDGE_BYTES  # an ordinary pair, and the largest shape, whose ids take room as well
    return Section(f"Adversaries beside an ordinary pair of {edges:,} edges a graph", cache, cache, 5 * edges * graphs.EDGE_MEMORY,
                   lambda folder: graphs.make(tools, edges, folder),
                   tuple(part(tools, shape, edges, runs) for shape in SHAPES))  # fmt: skip


def part(tools, shape, edges, runs):
    slow = Target(f"adversary, {shape.__doc__}: times an ordinary byte", AT_MOST)
    large = Target(f"adversary, {shape.__doc__}: private memory over what is allowed", 1.0)

    def run(ordinary):
        folder = ordinary.folder / "shape"
        folder.mkdir(exist_ok=True)
        odd = graphs.Pair(folder, edges)
        shape(folder / "previous.dot", folder / "next.dot", edges)
        took = measure.alternate({name: [tools.program, "diff", "--threads=2", *pair.files]
                                  for name, pair in (("odd", odd), ("ordinary", ordinary))}, runs)  # fmt: skip
        yield slow.measured(took.ratio("odd", "ordinary") * ordinary.size / odd.size,
                            f"{odd.size / took.median('odd').wall / 1e6:.0f} MB/s")  # fmt: skip
        yield graphs.memory_figure(tools, odd, large)

    return Part((slow, large), run)
