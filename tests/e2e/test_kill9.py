# What was accepted with 202 survives kill -9, wherever it hits: every diff is there with the right bytes, nothing else.
# SPDX-License-Identifier: Apache-2.0
import http.client
import pathlib
import random
import subprocess
import threading
import time

import pytest
from harness import SLOW, Windows, expected_diff, plain_binary, run, wait_until, write_windows

KILLS = 50
WINDOWS = 4000  # as many as the client may get through

# Where the aimed kills hit: see killpoint.c.
AIMED = [
    "rename .dot 1 before", "rename .dot 1 after",  # around the moment when the diff becomes visible
    "sync /diffs 1 before", "sync /diffs 1 after",
    "unlink _in_progress 1 before", "unlink _in_progress 1 after",  # between store and unmark, unmark and dequeue
    "unlink _in_progress 3 before", "unlink _in_progress 4 after",
    "sync /marks 2 after",
    "write /tmp/ 1 half", "write /tmp/ 2 half", "write .dot. 1 before", "write .dot. 1 half", "write .dot. 1 after", "write .dot. 3 half",
    "sync .dot. 1 before", "sync .dot. 1 after",
    "write queue.db-wal 2 half", "write queue.db-wal 5 half", "write queue.db-wal 9 before", "write queue.db-wal 12 half",
    "sync queue.db-wal 1 before", "sync queue.db-wal 2 after", "sync queue.db-wal 5 before", "sync queue.db-wal 6 after",
    "rename _in_progress 1 after", "rename _in_progress 2 before",
]  # fmt: skip


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    """The preloaded library that ends the process at a chosen call."""
    made = tmp_path_factory.mktemp("killpoint") / "killpoint.so"
    source = pathlib.Path(__file__).parent / "killpoint.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", made, source, "-ldl"], check=True)
    return made


class Client:
    """Posts one job after another for as long as it is let, and records each 202."""

    def __init__(self, service, rng):
        self.service, self.rng = service, rng
        self.accepted = {}
        self.number = 0
        self.on = True
        self.port = None
        self.thread = threading.Thread(target=self.work, daemon=True)

    def work(self):
        while self.on and self.number < WINDOWS:
            port = self.port
            if port is None:
                time.sleep(0.002)
                continue
            windows = Windows(self.number, 600)
            if not (self.service.logs / ("%d" % self.number)).exists():
                files = write_windows(self.service.logs / ("%d" % self.number), windows,
                                      before=[("10.0.0.1", "10.0.%d.2" % self.rng.randrange(9), 443)],
                                      after=[("10.0.0.%d" % n, "10.0.9.9", 80 + n) for n in range(self.rng.randrange(9))])  # fmt: skip
                self.files = files
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SLOW)
                connection.request("POST", windows.query)
                status = connection.getresponse().status
                connection.close()
            except (OSError, http.client.HTTPException):
                time.sleep(0.002)
                continue
            assert status in (202, 409), status
            if status == 202:
                self.accepted[self.number] = (windows, self.files)
            self.number += 1


def start(service, shim, point):
    """Starts the service; None where it died on the way, as some aims make it."""
    service.spawn(LD_PRELOAD=shim if point else None, KILLPOINT=point)
    wait_until(lambda: service.process.poll() is not None or service.listening_port(), what="a start")
    return None if service.process.poll() is not None else service.listening_port()


def check_rest(service, accepted, binary):
    """Every accepted diff is there, right to the byte, and nothing is left over."""
    for windows, files in accepted.values():
        assert service.wait_for_diff(windows.query) == expected_diff(windows, files)
    service.wait_for_rest()
    for windows, files in random.Random(1).sample(sorted(accepted.values(), key=lambda a: a[0].id), min(20, len(accepted))):
        spans = ["/".join(windows.times[:2]), "/".join(windows.times[2:])]
        by_cli = run(service.home, "diff", "--logs", service.logs, "--previous", spans[0], "--next", spans[1], binary=binary)
        assert by_cli.out == (service.data / "diffs" / (windows.id + ".dot")).read_bytes()
    assert service.stop() == 0
    assert service.leftovers() == []
    listed = service.cli("jobs", binary=binary).out.decode()
    assert not any(windows.id in listed for windows, _ in accepted.values())


def test_fifty_kills(make_service, shim):
    """Kill -9 fifty times under a client, most of them aimed: before and after each step and in the middle of writes."""
    binary = plain_binary()
    if binary is None:
        pytest.skip("needs a program without sanitizers: set VPCFLOW_DIFFD_PLAIN")
    service = make_service(binary=binary, DIFF_WORKERS="2")
    rng = random.Random(9)
    points = AIMED + [None] * (KILLS - len(AIMED))
    rng.shuffle(points)
    client = Client(service, rng)
    client.thread.start()
    hits = 0
    for point in points:
        client.port = start(service, shim, point)
        try:
            service.process.wait(5 if point else rng.uniform(0.05, 0.4))
            hits += 1
        except subprocess.TimeoutExpired:
            pass
        client.port = None
        service.kill()
        assert service.process.returncode == -9, (point, service.stderr())
    client.on = False
    client.thread.join(SLOW)
    assert hits >= len(AIMED) - 2, hits
    assert len(client.accepted) > KILLS
    service.start()
    check_rest(service, client.accepted, binary)


@pytest.mark.parametrize("point,stored", [("unlink _in_progress 1 before", True), ("unlink _in_progress 1 after", True),
                                          ("rename .dot 1 before", False), ("write .dot. 1 half", False)])  # fmt: skip
def test_one_kill(make_service, shim, point, stored):
    """One job, one kill at a known step: what is visible then, and that a restart finishes the job."""
    binary = plain_binary()
    if binary is None:
        pytest.skip("needs a program without sanitizers: set VPCFLOW_DIFFD_PLAIN")
    service = make_service(binary=binary)
    windows = Windows(0)
    files = write_windows(service.logs, windows)
    service.start(LD_PRELOAD=shim, KILLPOINT=point)
    assert service.post(windows.query).status == 202
    assert service.process.wait(SLOW) == -9
    assert (service.data / "diffs" / (windows.id + ".dot")).exists() == stored
    assert bool([p for p in service.leftovers() if p.startswith("tmp/")]) == (not stored)
    service.start()
    check_rest(service, {0: (windows, files)}, binary)
