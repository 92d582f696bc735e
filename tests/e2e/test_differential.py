# What the program makes of random graphs, however they are written, is what the reference makes of them.
# SPDX-License-Identifier: Apache-2.0
import fcntl
import os
import pathlib
import random
import subprocess
import threading

import graphs
import pytest
import reference
from harness import BINARY, SLOW, diff, environment, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EXAMPLES = settings(
    max_examples=int(os.environ.get("DIFFD_TEST_EXAMPLES", "40")),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
KERNELS = st.sampled_from([None, "scalar", "avx2"])
THREADS = st.sampled_from(["1", "2", "3", "4"])


def check(home, previous, following, threads="1", kernel=None, *more):
    expected = reference.diff(previous, following)
    result = diff(home, previous, following, "--threads=" + threads, *more, env={"DIFFD_KERNEL": kernel})
    assert result.out == expected
    assert result.status == (0 if expected == b"digraph {\n}" else 1), result


def pair(seed, edges):
    rng = random.Random(seed)
    before = graphs.random_graph(rng, edges)
    return rng, before, graphs.changed(rng, before)


@EXAMPLES
@given(seed=st.integers(0, 2**32), edges=st.integers(0, 60), threads=THREADS, kernel=KERNELS)
def test_canonical(tmp_path_factory, seed, edges, threads, kernel):
    """Graphs as go-vpcflow writes them, with copies, undeclared and twice declared nodes."""
    _, before, after = pair(seed, edges)
    check(tmp_path_factory.getbasetemp(), graphs.canonical(before), graphs.canonical(after), threads, kernel)


@EXAMPLES
@given(seed=st.integers(0, 2**32), edges=st.integers(0, 25), threads=THREADS, kernel=KERNELS)
def test_messy(tmp_path_factory, seed, edges, threads, kernel):
    """The same written with other quotes, order, spaces, comments, lists and separators."""
    rng, before, after = pair(seed, edges)
    messy = graphs.Messy(rng)
    check(tmp_path_factory.getbasetemp(), messy.graph(before), messy.graph(after), threads, kernel)


@EXAMPLES
@given(seed=st.integers(0, 2**32), edges=st.integers(0, 40), threads=THREADS, kernel=KERNELS)
def test_nearly_canonical(tmp_path_factory, seed, edges, threads, kernel):
    """Canonical lines among others that are canonical but for a byte or two, through files and pipes."""
    rng, before, after = pair(seed, edges)
    share = rng.choice((0.02, 0.2, 1))
    texts = []
    for graph in (before, after):
        lines = [graphs.nearly_canonical(rng, i) if rng.random() < share else graphs.canonical_statement(i) for i in graph]
        texts.append(("digraph {\n" + "".join("\t%s\n" % line for line in lines) + "}").encode())
    home = tmp_path_factory.getbasetemp()
    check(home, *texts, threads, kernel)
    piped = run(home, "diff", "p.dot", "-", "--threads=" + threads, stdin=texts[1], env={"DIFFD_KERNEL": kernel})
    assert piped.out == reference.diff(*texts)


@EXAMPLES
@given(seed=st.integers(0, 2**32), edges=st.integers(1, 25))
def test_paths_agree(tmp_path_factory, seed, edges):
    """The fast and the general path see the same edges: a graph and its re-quoted self do not differ."""
    rng, before, _ = pair(seed, edges)
    home = tmp_path_factory.getbasetemp()
    written, rewritten = graphs.canonical(before), graphs.Messy(rng).graph(before)
    for two in ((written, rewritten), (rewritten, written)):
        result = diff(home, *two)
        assert (result.status, result.out) == (0, b"digraph {\n}"), result


@EXAMPLES
@given(st.lists(st.sampled_from([b"a", b"b", b"->", b"->", b"[", b"]", b"=", b"color", b"label", b'"x"', b'"', b"\\", b"{", b"}", b";",
                                 b",", b"+", b"--", b":", b"<", b">", b"/*", b"*/", b"//", b"#", b"\n", b"\r\n", b" ", b"edge", b"node",
                                 b"digraph", b"strict", b"1.", b"-", b"\0", b"\xff"]), max_size=20))  # fmt: skip
def test_any_tokens(tmp_path_factory, words):
    """Any heap of tokens is read or refused at the place where the reference reads or refuses it."""
    text = b"digraph {" + b"".join(words) + b"}"
    other = b"digraph { a -> b }"
    home = tmp_path_factory.getbasetemp()
    try:
        expected = reference.diff(text, other)
    except reference.Refused as refused:
        result = diff(home, text, other)
        assert result.status == 2 and not result.out.endswith(b"}"), (text, str(refused), result)
    else:
        result = diff(home, text, other)
        assert result.out == expected, (text, result)


@pytest.fixture(scope="module")
def big():
    """A pair of graphs of some megabytes, canonical but for a few statements, and its diff."""
    rng = random.Random(7)
    before = graphs.random_graph(rng, 6000, hosts=900, wide=True)
    after = graphs.changed(rng, before, share=0.05)
    messy = graphs.Messy(rng)
    texts = []
    for graph in (before, after):
        lines = [graphs.canonical_statement(i) for i in graph]
        for at in rng.sample(range(len(lines)), len(lines) // 50):
            lines[at] = messy.statement(graph[at]) if rng.random() < 0.5 else graphs.nearly_canonical(rng, graph[at])
        texts.append(("digraph {\n" + "".join("\t%s\n" % line for line in lines) + "}").encode())
    return texts[0], texts[1], reference.diff(*texts)


@pytest.mark.parametrize("kernel", ["scalar", "avx2"])
@pytest.mark.parametrize("threads", [1, 2, 3, 4])
def test_big(tmp_path, big, threads, kernel):
    """Many blocks, many threads: the same bytes, in the same order."""
    previous, following, expected = big
    result = diff(tmp_path, previous, following, "--threads=%d" % threads, env={"DIFFD_KERNEL": kernel})
    assert result.status == 1 and result.out == expected


@pytest.mark.parametrize("limit", ["64M", "1M"])
def test_memory_limit(tmp_path, big, limit):
    """A limit on memory changes nothing in the output."""
    previous, following, expected = big
    result = diff(tmp_path, previous, following, "--memory-limit=" + limit)
    assert result.status == 1 and result.out == expected, result.text


@pytest.mark.parametrize("first,second", [("file", "fifo"), ("fifo", "file"), ("fifo", "fifo"), ("stdin", "file"), ("file", "stdin"), ("stdin", "fifo")])
def test_inputs(tmp_path, big, first, second):
    """Files, FIFOs and standard input give the same; two inputs that can be read only once do not lock up."""
    previous, following, expected = big
    names, writers, stdin = [], [], subprocess.DEVNULL
    for name, kind, data in (("p", first, previous), ("n", second, following)):
        path = tmp_path / name
        if kind == "file":
            path.write_bytes(data)
        elif kind == "fifo":
            os.mkfifo(path)
            writers.append(threading.Thread(target=path.write_bytes, args=(data,), daemon=True))
        else:
            stdin, data_in = subprocess.PIPE, data
        names.append("-" if kind == "stdin" else name)
    for writer in writers:
        writer.start()
    process = subprocess.Popen([BINARY, "diff", *names], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=environment(tmp_path), cwd=tmp_path)  # fmt: skip
    out, err = process.communicate(data_in if stdin is subprocess.PIPE else None, SLOW)
    assert (process.returncode, err) == (1, b"") and out == expected


def test_one_feeder_for_both(tmp_path, big):
    """A single writer that fills both FIFOs in turn is not held back by either."""
    previous, following, expected = big
    for name in "pn":
        os.mkfifo(tmp_path / name)

    def feed():
        with open(tmp_path / "p", "wb") as p, open(tmp_path / "n", "wb") as n:
            for at in range(0, max(len(previous), len(following)), 100000):
                n.write(following[at : at + 100000])
                p.write(previous[at : at + 100000])

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    result = run(tmp_path, "diff", "p", "n")
    assert result.status == 1 and result.out == expected


def test_same_file(tmp_path, big):
    """A file does not differ from itself, under one name or two."""
    (tmp_path / "g").write_bytes(big[0])
    (tmp_path / "h").symlink_to("g")
    assert run(tmp_path, "diff", "g", "g").status == 0
    assert run(tmp_path, "diff", "g", "h").status == 0


def test_value_limit(tmp_path):
    """An identity value of 64 KiB is taken, one byte more is refused; other values may be longer."""
    graph = b'digraph { a -> b [govpc_eniID="%s" x="%s"] }'
    full = b"e" * 65536
    check(tmp_path, graph % (full, b"y" * 300000), graph % (full[:-1] + b"f", b"z" * 300000))
    result = diff(tmp_path, graph % (full + b"e", b""), graph % (b"", b""))
    assert result.status == 2 and "65536 bytes" in result.text, result


def test_stat(tmp_path, big):
    """`--stat` tells the counts of the diff and writes no graph."""
    result = diff(tmp_path, big[0], big[1], "--stat")
    assert result.status == 1 and b"digraph" not in result.out
    for number in reference.counts(big[0], big[1])[:2]:
        assert str(number).encode() in result.out, result


@pytest.mark.parametrize("as_stdin", [True, False])
def test_a_pipe_is_made_to_hold_more(tmp_path, as_stdin):
    """So that who writes is not held back while the thread that drains the pipe waits for a core."""
    if os.geteuid() != 0 and int(pathlib.Path("/proc/sys/fs/pipe-max-size").read_text()) < 1 << 20:
        pytest.skip("this system's pipes hold less")
    (tmp_path / "p.dot").write_bytes(b"digraph {\n}")
    reading, writing = os.pipe()
    try:
        fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, 4096)
        os.write(writing, b"digraph {\n}")
        name = "-" if as_stdin else f"/dev/fd/{reading}"
        process = subprocess.Popen([BINARY, "diff", "p.dot", name], cwd=tmp_path, env=environment(tmp_path), pass_fds=[reading],
                                   stdin=reading if as_stdin else subprocess.DEVNULL, stdout=subprocess.PIPE)  # fmt: skip
        os.close(writing)
        assert process.communicate(timeout=SLOW)[0] == b"digraph {\n}"
        assert process.returncode == 0
        assert fcntl.fcntl(reading, fcntl.F_GETPIPE_SZ) == 1 << 20
    finally:
        os.close(reading)
