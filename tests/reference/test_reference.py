# The reference implementation gives the golden vectors, so that differential tests may lean on it.
# SPDX-License-Identifier: Apache-2.0
import pathlib

import pytest
import reference

VECTORS = pathlib.Path(__file__).parent.parent / "vectors"


def names(folder):
    return sorted(p.name for p in (VECTORS / folder).iterdir() if p.is_dir()) if (VECTORS / folder).is_dir() else []


@pytest.mark.parametrize("folder", ["diff", "diff-hand"])
def test_diff_vectors(folder):
    """Every pair of graphs gives its expected diff, byte for byte."""
    assert names(folder)
    for name in names(folder):
        case = VECTORS / folder / name
        made = reference.diff((case / "prev.dot").read_bytes(), (case / "next.dot").read_bytes())
        assert made == (case / "expect.dot").read_bytes(), name


@pytest.mark.parametrize("name", names("graph"))
def test_graph_vectors(name):
    """Every flow log gives the original's graph, line order apart."""
    case = VECTORS / "graph" / name
    for log in ("flow.log", "flow.log.gz"):
        made = reference.graph(reference.digest([(case / log).read_bytes()]), reference.original_node_id)
        assert sorted(made.splitlines()) == sorted((case / "graph.dot").read_bytes().splitlines())


def test_ids():
    """Every line of ids.tsv holds."""
    for line in (VECTORS / "ids.tsv").read_text().splitlines()[1:]:
        *times, expected = line.split("\t")
        assert reference.diff_id(*times) == expected


def test_refused_vectors():
    """Every text that is no graph is refused at the line and column that its .txt names."""
    for case in sorted((VECTORS / "refused").glob("*.dot")):
        place = case.with_suffix(".txt").read_text().split()[0]
        with pytest.raises(reference.Refused) as refusal:
            reference.parse(case.read_bytes())
        assert str(refusal.value).startswith(place + ": "), case.name
