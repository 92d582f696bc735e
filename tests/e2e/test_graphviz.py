# Graphviz reads every output: the same nodes, edges and attributes that the reference sees, and it can draw them.
# SPDX-License-Identifier: Apache-2.0
import random
import shutil
import subprocess

import graphs
import pytest
import reference
from harness import SLOW, VECTORS, diff, run

pytestmark = pytest.mark.skipif(shutil.which("gvpr") is None, reason="Graphviz is not installed")

# One line for each node and edge, with what separates and ends chosen so that no value of ours holds it.
PROGRAM = r"""
BEGIN { string a; }
N {
  print("N\001", $.name);
  for (a = fstAttr($G, "N"); a != ""; a = nxtAttr($G, "N", a)) print("A\001", a, "\001", aget($, a));
  print("\002");
}
E {
  print("E\001", $.tail.name, "\001", $.head.name);
  for (a = fstAttr($G, "E"); a != ""; a = nxtAttr($G, "E", a)) print("A\001", a, "\001", aget($, a));
  print("\002");
}
"""


def seen_by_gvpr(dot):
    """Sorted (ids, attributes) of nodes and edges, attributes that are empty left out."""
    done = subprocess.run(["gvpr", PROGRAM], input=dot, capture_output=True, timeout=SLOW)
    assert done.returncode == 0 and done.stderr == b"", done.stderr
    out = []
    for item in done.stdout.split(b"\002\n")[:-1]:
        head, *attributes = item.split(b"\nA\001") if b"\nA\001" in item else (item.rstrip(b"\n"),)
        pairs = [a.split(b"\001", 1) for a in attributes]
        out.append((head.rstrip(b"\n").split(b"\001")[1:], sorted([k, v.rstrip(b"\n")] for k, v in pairs if v.rstrip(b"\n"))))
    return sorted(out)


def seen_by_reference(dot):
    statements = reference.parse(dot)
    out = [([i for i in s.ids], sorted([k, v] for k, v in s.attributes.items() if v)) for s in statements if s.is_edge]
    nodes = {i: {} for s in statements for i in s.ids}
    for s in statements:
        if not s.is_edge:
            nodes[s.ids[0]].update(s.attributes)
    return sorted(out + [([i], sorted([k, v] for k, v in a.items() if v)) for i, a in nodes.items()])


def check(dot):
    subprocess.run(["nop", "-p"], input=dot, capture_output=True, timeout=SLOW, check=True)
    assert seen_by_gvpr(dot) == seen_by_reference(dot)


def draw(dot):
    done = subprocess.run(["dot", "-Tsvg"], input=dot, capture_output=True, timeout=SLOW)
    assert done.returncode == 0 and b"</svg>" in done.stdout, done.stderr


# HTML values are shown without their brackets by gvpr, and Latin-1 or continued texts are no business of ours here.
VECTOR_NAMES = [
    "%s/%s" % (folder, case.name)
    for folder in ("diff", "diff-hand")
    for case in sorted((VECTORS / folder).iterdir())
    if case.is_dir() and "html" not in case.name
]


def test_vectors(tmp_path):
    """`nop` and `gvpr` read the diff of every vector; `dot` draws those with few edges."""
    drawn = 0
    for name in VECTOR_NAMES:
        case = VECTORS / name
        out = run(tmp_path, "diff", case / "prev.dot", case / "next.dot").out
        check(out)
        edges = sum(s.is_edge for s in reference.parse(out))
        if 0 < edges < 20 and name.startswith("diff/") and drawn < 6:
            draw(out)
            drawn += 1
    assert drawn == 6


@pytest.mark.parametrize("seed", range(12))
def test_random(tmp_path, seed):
    """The same for graphs written in every way."""
    rng = random.Random(seed)
    before = graphs.random_graph(rng, 40)
    after = graphs.changed(rng, before)
    messy = graphs.Messy(rng)
    # Two things that gvpr shows otherwise: HTML loses its brackets, and a CRLF does not continue a string.
    texts = [messy.graph(g).replace(b"<b <i>x</i> ]>", b'"plain"').replace(b"\\\r\n", b"\\\n") for g in (before, after)]
    out = diff(tmp_path, *texts).out
    assert out == reference.diff(*texts)
    check(out)
    if seed < 3:
        draw(out)


def test_graphs(tmp_path):
    """Graphs made of flow logs are read as well, with either kind of ids."""
    for case in sorted((VECTORS / "graph").iterdir()):
        for ids in ("injective", "original"):
            out = run(tmp_path, "graph", "--node-ids=" + ids, case / "flow.log").out
            check(out)
