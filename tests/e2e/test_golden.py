# The program gives every golden and hand-made vector byte for byte, and refuses what is no graph by its place.
# SPDX-License-Identifier: Apache-2.0
import re

import pytest
from harness import VECTORS, diff, run

CASES = [
    "%s/%s" % (folder, case.name)
    for folder in ("diff", "diff-hand")
    for case in sorted((VECTORS / folder).iterdir())
    if case.is_dir()
]
REFUSED = sorted(p.stem for p in (VECTORS / "refused").glob("*.dot"))


@pytest.mark.parametrize("name", CASES)
def test_diff(tmp_path, name):
    """`diff` writes expect.dot and tells by its exit status whether there is a difference."""
    case = VECTORS / name
    result = run(tmp_path, "diff", case / "prev.dot", case / "next.dot")
    expected = (case / "expect.dot").read_bytes()
    assert result.out == expected
    assert result.err == b""
    assert result.status == (0 if expected == b"digraph {\n}" else 1)


def test_ids(tmp_path):
    """`id` names every diff as the original does."""
    lines = (VECTORS / "ids.tsv").read_text().splitlines()[1:]
    assert len(lines) > 20
    for line in lines:
        *times, expected = line.split("\t")
        result = run(tmp_path, "id", *times)
        assert (result.status, result.out) == (0, expected.encode() + b"\n"), line


@pytest.mark.parametrize("side", ["previous", "next"])
@pytest.mark.parametrize("name", REFUSED)
def test_refused(tmp_path, name, side):
    """A text that is no graph: exit status 2, no closing brace, and a text that names file, place and construct."""
    bad = (VECTORS / "refused" / (name + ".dot")).read_bytes()
    place, *words = (VECTORS / "refused" / (name + ".txt")).read_text().split()
    good = b"digraph {\n\tx -> y [color=red]\n}"
    result = diff(tmp_path, *((bad, good) if side == "previous" else (good, bad)))
    assert result.status == 2, result
    assert not result.out.endswith(b"}"), result
    if side == "previous":
        assert result.out in (b"", b"digraph {\n"), result
    assert re.search(r"\b%s\.dot:%s: " % (side[0], place), result.text), (place, result)
    for word in words:
        assert word.lower() in result.text.lower(), (word, result)
