# Whoever tries to break it gets a clear error: nothing half visible, nothing lost, the service lives on.
# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import json
import os
import random
import resource
import shutil
import socket
import subprocess
import time

import graphs
import pytest
import reference
from harness import BINARY, SLOW, Windows, aws_path, diff, environment, expected_diff, log_file, record, run, write_windows


def test_same_post_at_once(service):
    """Of the same POST sent eight times at once exactly one is 202, the others are 409; fifty rounds."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for number in range(50):
            windows = Windows(number)
            write_windows(service.logs, windows)
            statuses = list(pool.map(lambda _: service.post(windows.query).status, range(8 if number % 5 == 0 else 2)))
            assert sorted(statuses) == [202] + [409] * (len(statuses) - 1), (number, statuses)
    for number in range(50):
        service.wait_for_diff(Windows(number).query)
    service.wait_for_rest()


def test_post_and_worker_at_once(service):
    """API and worker on the same diff at once end with one right diff."""
    for number in range(10):
        windows = Windows(100 + number)
        files = write_windows(service.logs, windows)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            posts = [pool.submit(service.post, windows.query) for _ in range(2)]
            events = [pool.submit(service.post, "/t/e", json.dumps(windows.event)) for _ in range(2)]
        assert {p.result().status for p in posts} <= {202, 409}
        assert [e.result().status for e in events] == [204, 204]
        assert service.wait_for_diff(windows.query) == expected_diff(windows, files)
    service.wait_for_rest()


def test_half_requests(service):
    """Clients that hang up in the middle, send a byte at a time or nothing at all disturb nobody."""
    request = b"POST /a/b HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"id\":"
    open_ones = []
    for cut in range(0, len(request), 5):
        connection = socket.create_connection(("127.0.0.1", service.port), SLOW)
        connection.sendall(request[:cut])
        if cut % 2:
            connection.close()
        else:
            open_ones.append(connection)
    windows = Windows(0)
    files = write_windows(service.logs, windows)
    service.post(windows.query)
    assert service.wait_for_diff(windows.query) == expected_diff(windows, files)
    for connection in open_ones:
        connection.close()
    assert service.get("/x").status == 404


def test_garbage(service):
    """Random bytes on the socket are refused, and the service lives on."""
    rng = random.Random(3)
    for _ in range(60):
        data = rng.choice((b"", b"GET / HTTP/1.1\r\n", b"POST /a/b HTTP/1.1\r\nContent-Length: 5\r\n")) + rng.randbytes(rng.randrange(300))
        try:
            service.raw(data, timeout=0.2)
        except OSError:
            pass  # what may still become a request is waited for; we hang up
    assert service.get("/x").status == 404


def test_slow_reader(service):
    """A client that hangs up in the middle of a large diff, or reads none of it, holds up nobody."""
    windows = Windows(0)
    files = write_windows(service.logs, windows, after=[("10.1.%d.%d" % divmod(n, 250), "10.0.0.1", 443) for n in range(9000)])
    service.post(windows.query)
    body = service.wait_for_diff(windows.query)
    assert len(body) > 3000000 and body == expected_diff(windows, files)
    sleepers = []
    for number in range(40):
        connection = socket.create_connection(("127.0.0.1", service.port), SLOW)
        connection.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % windows.query.encode())
        if number % 2:
            connection.recv(1000)
            connection.close()
        else:
            sleepers.append(connection)
    assert service.get(windows.query).body == body
    for connection in sleepers:
        connection.close()


def test_diff_that_vanishes(service):
    """An object that somebody deleted is unknown, and can be made again."""
    windows = Windows(0)
    files = write_windows(service.logs, windows)
    service.post(windows.query)
    body = service.wait_for_diff(windows.query)
    service.wait_for_rest()
    (service.data / "diffs" / (windows.id + ".dot")).unlink()
    assert service.get(windows.query).status == 404
    assert service.post(windows.query).status == 202
    assert service.wait_for_diff(windows.query) == body == expected_diff(windows, files)


@pytest.mark.parametrize("content", ["", "garbage", "2019-03-01T00:00:00Z", "\0" * 100000], ids=["empty", "garbage", "old", "zeros"])
def test_odd_marks(service, content):
    """A garbled or old mark counts as none."""
    windows = Windows(0)
    files = write_windows(service.logs, windows)
    (service.data / "marks" / (windows.id + "_in_progress")).write_text(content)
    assert service.get(windows.query).status == 404
    assert service.post(windows.query).status == 202
    assert service.wait_for_diff(windows.query) == expected_diff(windows, files)
    service.wait_for_rest()


def test_foreign_mark(service):
    """A fresh mark that somebody else made means in progress."""
    windows = Windows(0)
    now = time.strftime("%Y-%m-%dT%H:%M:%S.123456789+00:00", time.gmtime())
    (service.data / "marks" / (windows.id + "_in_progress")).write_text(now)
    assert service.get(windows.query).status == 204
    assert service.post(windows.query).status == 409


def test_leftovers_are_swept(service):
    """What a crash left in tmp/ and marks/ is gone after a start."""
    assert service.stop() == 0
    (service.data / "tmp" / "x.dot.0").write_text("half")
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    (service.data / "marks" / (Windows(0).id + "_in_progress")).write_text(now)
    service.start()
    service.wait_for_rest()


def test_full_output(tmp_path):
    """A full disk behind stdout: status 2 and a text that says so."""
    rng = random.Random(1)
    for edges in (1, 3000):
        for name, graph in (("p", graphs.random_graph(rng, edges)), ("n", graphs.random_graph(rng, edges))):
            (tmp_path / name).write_bytes(graphs.canonical(graph))
        with open("/dev/full", "wb") as full:
            done = subprocess.run([BINARY, "diff", "p", "n"], stdout=full, stderr=subprocess.PIPE, timeout=SLOW,
                                  env=environment(tmp_path), cwd=tmp_path)  # fmt: skip
        assert done.returncode == 2 and b"space" in done.stderr.lower(), done


def test_file_size_limit(tmp_path):
    """A temporary file beyond `ulimit -f` is an error that says what to do, as on a full disk, and no sudden end."""
    rng = random.Random(1)
    (tmp_path / "p").write_bytes(graphs.canonical(graphs.random_graph(rng, 20000, wide=True)))
    (tmp_path / "n").write_bytes(b"digraph {}")
    done = subprocess.run([BINARY, "diff", "--memory-limit=1MiB", "p", "n"], capture_output=True, timeout=SLOW, cwd=tmp_path,
                          env=environment(tmp_path), preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)))  # fmt: skip
    assert done.returncode == 2 and b"make room" in done.stderr and not done.stdout.endswith(b"}"), done


def test_file_that_grows(tmp_path):
    """A block that was not there when it was read, and others behind it that were: the change is told, and nobody waits
    for the block for ever."""
    if shutil.which("strace") is None or subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True).returncode != 0:
        if os.environ.get("DIFFD_TEST_NO_STRACE"):
            pytest.skip("strace cannot trace here")
        pytest.fail("strace cannot trace here; set DIFFD_TEST_NO_STRACE=1 to leave this out")
    rng = random.Random(1)
    graph = graphs.canonical(graphs.random_graph(rng, 20000, wide=True))
    for which, other in (("p", "n"), ("n", "p")):
        (tmp_path / which).write_bytes(graph)
        (tmp_path / other).write_bytes(b"digraph {}")
        # Each thread's third read of the file finds nothing there.
        done = subprocess.run(["strace", "-f", "-o", "/dev/null", "-P", str(tmp_path / which), "-e", "inject=pread64:retval=0:when=3",
                               BINARY, "diff", "--threads=2", "p", "n"], capture_output=True, timeout=SLOW, cwd=tmp_path,
                              env=environment(tmp_path, ASAN_OPTIONS="detect_leaks=0"))  # fmt: skip
        assert done.returncode == 2 and b"changed while it was read" in done.stderr, done
        assert not done.stdout.endswith(b"}"), done.stdout[-100:]


def test_closed_pipe(tmp_path):
    """A reader that hangs up ends the command, without a crash."""
    rng = random.Random(1)
    (tmp_path / "p").write_bytes(b"digraph {}")
    (tmp_path / "n").write_bytes(graphs.canonical(graphs.random_graph(rng, 20000, wide=True)))
    process = subprocess.Popen([BINARY, "diff", "p", "n"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=environment(tmp_path), cwd=tmp_path)  # fmt: skip
    process.stdout.read(100)
    process.stdout.close()
    error = process.stderr.read()
    assert process.wait(SLOW) in (2, -13) and b"Sanitizer" not in error, error


@pytest.mark.parametrize("name", ["missing", ".", "missing/x"])
def test_unreadable_input(tmp_path, name):
    """An input that cannot be read: status 2, and its name."""
    (tmp_path / "n").write_bytes(b"digraph {}")
    for arguments in ((name, "n"), ("n", name)):
        result = run(tmp_path, "diff", *arguments)
        assert result.status == 2 and name in result.text and not result.out.endswith(b"}"), result


def test_every_truncation(tmp_path):
    """A graph cut anywhere is refused: no cut passes for a whole graph."""
    whole = b'digraph { a -> b [color=red label="x y"]; "c" /* d */ [e=f] // g\n}'
    other = b"digraph {}"
    for cut in range(len(whole)):
        result = diff(tmp_path, whole[:cut], other) if cut % 2 else diff(tmp_path, other, whole[:cut])
        assert result.status == 2 and not result.out.endswith(b"}"), (whole[:cut], result)


def test_truncated_canonical(tmp_path):
    """The same for what go-vpcflow writes, over block boundaries, on both sides."""
    rng = random.Random(5)
    graph = graphs.canonical(graphs.random_graph(rng, 2500, wide=True))
    for _ in range(6):
        cut = graph[: rng.randrange(len(graph))]
        for two in ((cut, graph), (graph, cut)):
            result = diff(tmp_path, *two)
            assert result.status == 2 and not result.out.endswith(b"}"), result
            with pytest.raises(reference.Refused) as refused:
                reference.parse(cut)
            assert "%d:" % refused.value.line in result.text, (result, str(refused.value))


def test_hostile_graphs(tmp_path):
    """Deep, long and repetitive texts are refused or compared in bounded time."""
    other = b"digraph {}"
    huge = {
        "many brackets": b"digraph { a " + b"[" * 60000,
        "many lists": b"digraph { a -> b " + b"[]" * 60000 + b"}",
        "many braces": b"digraph " + b"{" * 60000,
        "many html": b"digraph { a [x=" + b"<" * 60000,
        "many quotes": b'digraph { a [x=' + b'""+' * 30000 + b'""] }',
        "backslashes": b'digraph { a [x="' + b"\\" * 100001,
        "long id": b"digraph { " + b"i" * 400000 + b" }",
        "long comment": b"/*" + b"*" * 400000 + b"/ digraph {}",
        "many attributes": b"digraph { a -> b [" + b"x=y " * 30000 + b"] }",
        "copies": b"digraph {" + b"a -> b\n" * 30000 + b"}",
        "nodes": b"digraph {" + b"a\n" * 30000 + b"}",
        "zeros": bytes(100000),
        "newlines": b"digraph {" + b"\n" * 500000,
    }
    for name, text in huge.items():
        began = time.monotonic()
        result = diff(tmp_path, text, other)
        try:
            expected = reference.diff(text, other)
        except (reference.Refused, RecursionError):
            assert result.status == 2 and not result.out.endswith(b"}"), (name, result)
        else:
            if name == "long id":
                assert result.status in (0, 2), (name, result)
            else:
                assert result.out == expected, (name, result.status, result.text)
        assert time.monotonic() - began < 30, name


def test_hostile_logs(tmp_path):
    """Lines of any length, binary heaps and compressed bombs do not hurt the graph command."""
    good = record(1551398400, "10.0.0.1", "10.0.0.2").encode() + b"\n"
    rng = random.Random(2)
    import gzip

    for name, data in {
        "long line": b"x" * 3000000 + b"\n" + good,
        "many fields": b"1 " * 500000 + b"\n" + good,
        "binary": rng.randbytes(300000) + b"\n" + good,
        "bomb": gzip.compress(b"0" * 50000000 + b"\n" + good, 9),
        "zeros": bytes(1000000) + b"\n" + good,
        "blank lines": b"\n" * 300000 + good,
    }.items():
        (tmp_path / "x.log").write_bytes(data)
        result = run(tmp_path, "graph", "x.log")
        assert result.status in (0, 2), (name, result)
        if result.status == 0:
            assert result.out == reference.graph(reference.digest([good])), (name, result)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_full_disk(make_service, tmp_path):
    """A full disk: nothing half visible, the reason in the log, and the job is done when there is room again."""
    service = make_service()
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", small], capture_output=True).returncode != 0:
        pytest.skip("tmpfs cannot be mounted here")
    try:
        logs = service.home / "logs"
        service.data = small / "data"
        service.env.update(DIFF_DATA_DIR=service.data, VPC_FLOW_LOGS_DIR=logs, DIFF_STORAGE="embedded", DIFF_MARKER="embedded",
                           STREAM_APPLIANCE_ENDPOINT="embedded", DIFF_TMP_DIR=service.home)  # fmt: skip
        windows = Windows(0)
        files = write_windows(logs, windows, after=[("10.1.%d.%d" % divmod(n, 250), "10.0.0.1", 443) for n in range(8000)])
        service.start()
        assert service.post(windows.query).status == 202
        line = service.wait_for_log("job-failed")[0]
        assert "space" in json.dumps(line).lower(), line
        assert list((service.data / "diffs").iterdir()) == []
        assert list((service.data / "tmp").iterdir()) == []
        assert service.get(windows.query).status == 204
        subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
        assert service.wait_for_diff(windows.query) == expected_diff(windows, files)
        service.wait_for_rest()
        assert service.stop() == 0
    finally:
        service.__exit__()
        subprocess.run(["umount", "-l", small])


def test_log_folder_that_vanishes(service):
    """A folder of flow logs that is gone fails the job and is named; nothing is stored."""
    windows = Windows(0)
    service.logs.rmdir()
    answer = service.post("/t/e", json.dumps(windows.event))
    assert answer.status == 500 and b"flow-logs" in answer.body, answer
    assert list((service.data / "diffs").iterdir()) == []


def test_odd_things_among_the_logs(service):
    """Folders, dangling links, pipes and other files among the logs do not hang a job."""
    windows = Windows(0)
    files = write_windows(service.logs, windows)
    (service.logs / "sub.log").mkdir()
    (service.logs / "README.txt").write_text("not a log")
    os.mkfifo(service.logs / "pipe.log")
    answer = service.post("/t/e", json.dumps(windows.event), timeout=20)
    assert answer.status in (204, 500), answer
    if answer.status == 204:
        assert (service.data / "diffs" / (windows.id + ".dot")).read_bytes() == expected_diff(windows, files)
    else:
        assert b"pipe.log" in answer.body, answer


def test_many_waiting_jobs(make_service):
    """Many jobs at once are all taken and all done."""
    service = make_service(DIFF_WORKERS="2").start()
    path = service.logs / aws_path(Windows(0).previous[0] + 300)
    path.parent.mkdir(parents=True)
    path.write_bytes(log_file([record(Windows(0).previous[0] + 1, "10.0.0.1", "10.0.0.2")], compress=True))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda n: service.post(Windows(n).query).status, range(200)))
    assert statuses == [202] * 200
    for number in range(200):
        service.wait_for_diff(Windows(number).query)
    service.wait_for_rest()
