# SPDX-License-Identifier: Apache-2.0
"""`make bench` says of every figure whether it holds, also where a size does not fit and where the program fails."""
import os
import pathlib
import re
import subprocess
import sys

import harness
import pytest

BENCH = harness.ROOT / "bench"
ROW = re.compile(r"^(holds|DOES NOT HOLD|left out) +(\S.*?)  +(at most [\d.]+|at least [\d.]+|must be) +(\S.*)$", re.M)
OF_A_SIZE = ["2 threads, times `wc -l`", "1 thread, times `wc -l`", "all threads, GB/s", "private memory over what is allowed"]
OF_A_LIMIT = ["at --memory-limit=64MiB, prlimit --data of 96 MiB, times without", "at --memory-limit=64MiB: the same bytes"]
OF_STREAMS = ["both graphs from pipes, bytes kept an edge", "peers of 10 Gbit/s together, times what they need"]
OF_LOGS = ["2,000 records of 200 edges, 1 thread, times `igzip -dc`", "8,000 records of 200 edges, 1 thread, times `igzip -dc`",
           "8,000 records of 200 edges, private memory over that for 2,000 records",
           "2,000 records, nearly all distinct, 1 thread, times `igzip -dc`",
           "2,000 records, nearly all distinct, --memory-limit=64MiB, prlimit --data of 96 MiB, private MiB",
           "2,000 records, nearly all distinct, --memory-limit=64MiB: the same bytes"]  # fmt: skip
ADVERSARIES = ["one node with all the edges", "one edge and its copies, the same in both",
               "one edge and its copies, none of them in next", "lines of 64 MiB", "ids of 200 bytes that differ at their ends",
               "no newline anywhere", "ten nodes for each edge of the others, and nothing in previous"]  # fmt: skip
# A size that no machine caches stands beside one that each does.
EXPECTED = {
    **{f"2,000 edges, {what}": True for what in OF_A_SIZE + OF_STREAMS},
    **{f"900,000,000 edges, {what}": False for what in OF_A_SIZE},
    **{f"900,000,000 edges {what}": False for what in OF_A_LIMIT},
    "2,000 edges re-quoted and re-ordered, 1 thread, MB/s": True,
    **{f"adversary, {who}: {what}": True for who in ADVERSARIES
       for what in ("times an ordinary byte", "private memory over what is allowed")},
    **{what: True for what in OF_LOGS},
}


@pytest.fixture(scope="module")
def build():
    """A folder with a program without sanitizers and the generator."""
    plain = harness.plain_binary()
    if plain is None or not (pathlib.Path(plain).parent / "flowgen").exists():
        pytest.skip("a program without sanitizers, and flowgen beside it, are needed: set VPCFLOW_DIFFD_PLAIN")
    return pathlib.Path(plain).parent


def bench(build, folder):
    """The rows of the table by figure: (verdict, target, measured)."""
    env = harness.environment(folder, BENCH_BUILD=build, BENCH_DIR=folder, BENCH_RUNS=1, BENCH_SIZES="2k 900M",
                              BENCH_RECORDS="2k 8k")  # fmt: skip
    done = subprocess.run([sys.executable, BENCH / "run.py"], env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = ROW.findall(done.stdout)
    assert len(rows) == len({what for _, what, _, _ in rows}), "a figure has two lines"
    assert not [path for path in folder.iterdir() if path.name.startswith("vpcflow-bench-")]
    return {what: (verdict, aim, measured) for verdict, what, aim, measured in rows}, done.stdout


def test_every_figure_has_its_line(build, tmp_path):
    """Of a tiny run: each figure once, those of a size that does not fit with the reason, and verdicts that follow from the
    numbers."""
    rows, output = bench(build, tmp_path)
    assert EXPECTED.items() <= {what: row[0] != "left out" for what, row in rows.items()}.items(), output
    assert "left out: the machine cannot cache it" in output
    for what, (verdict, aim, measured) in rows.items():
        if verdict == "left out":
            assert measured.startswith("the machine cannot cache it"), what
        elif aim == "must be":
            assert (verdict == "holds") == measured.startswith("yes"), what
        else:
            value, limit = float(re.match(r"-?[\d.]+", measured)[0]), float(aim.split()[-1])
            if value != limit:  # both are rounded
                assert (verdict == "holds") == ((value < limit) == aim.startswith("at most")), (what, aim, measured)


def test_a_program_that_fails_holds_no_figure(build, tmp_path):
    """Each figure of what failed has its line, with the exit status, and does not hold."""
    broken = tmp_path / "broken"
    broken.mkdir()
    os.symlink(build / "flowgen", broken / "flowgen")
    (broken / "vpcflow-diffd").write_text("#!/bin/sh\necho 'no, not today' >&2\nexit 2\n")
    (broken / "vpcflow-diffd").chmod(0o755)
    rows, output = bench(broken, tmp_path)
    assert EXPECTED.keys() <= rows.keys(), output
    for what, fits in EXPECTED.items():
        assert rows[what][0] == ("DOES NOT HOLD" if fits else "left out"), what
        assert not fits or "exit status 2" in rows[what][2], what
