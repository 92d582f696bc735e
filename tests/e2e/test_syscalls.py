# The system calls come in the order that survives a loss of power: synced, renamed, folder synced, and only then told.
# SPDX-License-Identifier: Apache-2.0
import os
import re
import shutil
import signal
import subprocess

import pytest
from harness import Windows, wait_until, write_windows

CALLS = "openat,rename,renameat,renameat2,linkat,unlink,unlinkat,fsync,fdatasync,write,writev,pwrite64,sendto,sendmsg,sendfile"


def can_trace():
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-f", "-o", "/dev/null", "true"], capture_output=True).returncode == 0


@pytest.fixture
def trace(make_service, tmp_path):
    """Runs one job under strace and gives the lines of what the process did."""
    if not can_trace():
        if os.environ.get("DIFFD_TEST_NO_STRACE"):
            pytest.skip("strace cannot trace here")
        pytest.fail("strace cannot trace here; set DIFFD_TEST_NO_STRACE=1 to leave this out")
    path = tmp_path / "trace"
    # Leaks cannot be looked for under strace.
    service = make_service(
        wrapper=["strace", "-f", "-y", "-s", "256", "-o", str(path), "-e", "trace=" + CALLS],
        ASAN_OPTIONS="detect_leaks=0",
        DIFF_WORKERS="1",
        RUNTIME_LOGGER_OUTPUT="STDOUT",
    )
    windows = Windows(0)
    write_windows(service.logs, windows)
    service.start()
    assert service.post(windows.query).status == 202
    service.wait_for_diff(windows.query)
    service.wait_for_rest()
    # strace passes on what its child is sent; the child itself is asked to stop.
    child = int((service.data / "lock").read_text().split()[0])
    os.kill(child, signal.SIGTERM)
    service.process.wait(60)
    wait_until(path.exists, what="the trace")
    return windows.id, resumed(path.read_text(errors="replace").splitlines())


def resumed(lines):
    """Joins calls that strace cut in two; a call stands where it ended."""
    out, open_calls = [], {}
    for line in lines:
        thread = line.split()[0]
        if line.endswith("<unfinished ...>"):
            open_calls[thread] = line[: -len("<unfinished ...>")].rstrip()
        elif "resumed>" in line:
            out.append(open_calls.pop(thread, "") + line.split("resumed>", 1)[1])
        else:
            out.append(line)
    return out


def find(lines, pattern, after=0):
    for number, line in enumerate(lines):
        if number >= after and re.search(pattern, line):
            return number
    raise AssertionError("no %s after line %d of:\n%s" % (pattern, after, "\n".join(lines[-400:])))


def find_last(lines, pattern, before):
    for number in range(before - 1, -1, -1):
        if re.search(pattern, lines[number]):
            return number
    raise AssertionError("no %s before line %d of:\n%s" % (pattern, before, "\n".join(lines[:before][-400:])))


def test_order(trace):
    """202 after mark and queue are on disk; the mark goes after the diff is, the job after the mark."""
    name, lines = trace
    ok = r"\) += 0"
    mark_synced = find(lines, r"fsync\(\d+<[^>]*/tmp/%s_in_progress[^>]*>%s" % (name, ok))
    mark_renamed = find(lines, r"rename\w*\(.*%s_in_progress.*%s" % (name, ok), mark_synced)
    marks_synced = find(lines, r"fsync\(\d+<[^>]*/marks>%s" % ok, mark_renamed)
    answered = find(lines, r"(send\w*|write\w*)\(.*HTTP/1\.1 202", marks_synced)
    queue_written = find_last(lines, r"pwrite64\(\d+<[^>]*queue\.db-wal>", answered)
    queue_synced = find(lines, r"f(data)?sync\(\d+<[^>]*queue\.db-wal>%s" % ok, marks_synced)
    assert mark_renamed < marks_synced < queue_synced < answered, (marks_synced, queue_synced, answered)
    assert queue_written < answered
    diff_synced = find(lines, r"fsync\(\d+<[^>]*/tmp/%s\.dot[^>]*>%s" % (name, ok))
    last_write = find_last(lines, r"write\w*\(\d+<[^>]*/tmp/%s\.dot" % name, diff_synced)
    renamed = find(lines, r"rename\w*\(.*%s\.dot[^_].*%s" % (name, ok), diff_synced)
    folder_synced = find(lines, r"fsync\(\d+<[^>]*/diffs>%s" % ok, renamed)
    unmarked = find(lines, r"unlink\w*\(.*%s_in_progress.*%s" % (name, ok))
    unmark_synced = find(lines, r"fsync\(\d+<[^>]*/marks>%s" % ok, unmarked)
    dequeued = find(lines, r"f(data)?sync\(\d+<[^>]*queue\.db-wal>%s" % ok, unmark_synced)
    assert last_write < diff_synced < renamed < folder_synced < unmarked < unmark_synced < dequeued
    writes_after = [line for line in lines[diff_synced:] if re.search(r"write\w*\(\d+<[^>]*%s\.dot" % name, line)]
    assert not writes_after
