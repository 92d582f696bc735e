# SPDX-License-Identifier: Apache-2.0
"""Runs the real program, on the command line and as a service, for the end-to-end tests.

VPCFLOW_DIFFD names the program (default build/vpcflow-diffd), VPCFLOW_DIFFD_PLAIN one that was built without
sanitizers, for the tests that need that (default: the same, if it has none).
"""
import datetime
import gzip
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.parse

import reference

TESTS = pathlib.Path(__file__).parent.parent
ROOT = TESTS.parent
VECTORS = TESTS / "vectors"
BINARY = os.path.abspath(os.environ.get("VPCFLOW_DIFFD", ROOT / "build" / "vpcflow-diffd"))
# A sanitizer that finds something must not look like an exit status of ours.
SANITIZER_EXIT = 99
SLOW = 60  # seconds that anything may take on a busy machine before a test fails


def is_sanitized(binary):
    return b"__asan_init" in pathlib.Path(binary).read_bytes()


def plain_binary():
    """A program without sanitizers, or None."""
    path = os.path.abspath(os.environ.get("VPCFLOW_DIFFD_PLAIN", BINARY))
    return None if is_sanitized(path) else path


def environment(home, **more):
    """A small environment of our own: nothing of the caller's settings gets in."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(home),
        "LC_ALL": "C.UTF-8",
        "ASAN_OPTIONS": "exitcode=%d:abort_on_error=0:detect_stack_use_after_return=0" % SANITIZER_EXIT,
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1:exitcode=%d" % SANITIZER_EXIT,
        "LSAN_OPTIONS": "exitcode=%d" % SANITIZER_EXIT,
    }
    env.update({name: str(value) for name, value in more.items() if value is not None})
    return env


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __repr__(self):
        return "status %s\n--- stdout\n%s\n--- stderr\n%s" % (self.status, self.out[-3000:], self.err[-3000:])

    @property
    def text(self):
        return self.err.decode("utf-8", "replace")


def run(home, *args, stdin=b"", env=None, timeout=SLOW, binary=None, **popen):
    """Runs a command of the program to its end."""
    done = subprocess.run(
        [binary or BINARY, *[os.fsencode(str(a)) if not isinstance(a, bytes) else a for a in args]],
        input=stdin if "stdin_file" not in popen else None,
        capture_output=True,
        timeout=timeout,
        env=environment(home, **(env or {})),
        cwd=home,
    )
    result = Result(done.returncode, done.stdout, done.stderr)
    assert_healthy(result)
    return result


def assert_healthy(result):
    assert result.status != SANITIZER_EXIT and result.status >= 0, result
    assert b"runtime error:" not in result.err and b"Sanitizer" not in result.err, result


def diff(home, previous, following, *options, env=None):
    """`diff` of two graphs given as bytes."""
    (home / "p.dot").write_bytes(previous)
    (home / "n.dot").write_bytes(following)
    return run(home, "diff", *options, "p.dot", "n.dot", env=env)


# --- the service -----------------------------------------------------------------------------------------


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def __repr__(self):
        return "%d %r %r" % (self.status, dict(self.headers), self.body[:500])

    @property
    def message(self):
        return json.loads(self.body)["message"]


def query(previous_start, previous_stop, next_start, next_stop):
    return "/?" + urllib.parse.urlencode(
        {
            "previous_start": previous_start,
            "previous_stop": previous_stop,
            "next_start": next_start,
            "next_stop": next_stop,
        }
    )


class Service:
    """The program as a server on a free loopback port, with a data directory of its own."""

    def __init__(self, home, binary=None, wrapper=(), **env):
        self.home = pathlib.Path(home)
        self.data = self.home / "data"
        self.logs = self.data / "flow-logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.binary = binary or BINARY
        self.wrapper = list(wrapper)
        self.env = {
            "DIFF_DATA_DIR": self.data,
            "RUNTIME_HTTPSERVER_ADDRESS": "127.0.0.1:0",
            "RUNTIME_LOGGER_LEVEL": "DEBUG",
            "RUNTIME_STATS_OUTPUT": "NULLSTAT",
            "VPC_FLOW_LOGS_DELAY": "0s",
        }
        self.env.update(env)
        self.process = None
        self.starts = 0

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(SLOW)
        assert b"runtime error:" not in self.stderr() and b"Sanitizer" not in self.stderr(), self.stderr()

    def spawn(self, **env):
        """Starts the process and does not wait for it to listen."""
        self.starts += 1
        self.stdout_path = self.home / ("stdout.%d" % self.starts)
        self.stderr_path = self.home / ("stderr.%d" % self.starts)
        with open(self.stdout_path, "wb") as out, open(self.stderr_path, "wb") as err:
            self.process = subprocess.Popen(
                [*self.wrapper, self.binary],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=environment(self.home, **{**self.env, **env}),
                cwd=self.home,
            )
        return self

    def start(self, **env):
        self.spawn(**env)
        deadline = time.monotonic() + SLOW
        while time.monotonic() < deadline:
            self.port = self.listening_port()
            if self.port:
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        raise AssertionError("the service does not listen: %s %r %r" % (self.process.poll(), self.stdout(), self.stderr()))

    def listening_port(self):
        for line in self.log():
            if line["message"] == "service-started":
                return line["port"]
        return None

    def stdout(self):
        return self.stdout_path.read_bytes()

    def stderr(self):
        return self.stderr_path.read_bytes()

    def log(self, message=None):
        """The whole lines logged since the last start, parsed."""
        lines = [json.loads(line) for line in self.stdout().split(b"\n")[:-1]]
        return [line for line in lines if message in (None, line["message"])]

    def wait_for_log(self, message, count=1, timeout=SLOW):
        return wait_until(lambda: len(self.log(message)) >= count and self.log(message), timeout, message)

    def stop(self, signal_number=signal.SIGTERM):
        """Asks the service to stop and returns its exit status."""
        self.process.send_signal(signal_number)
        return self.process.wait(SLOW)

    def kill(self):
        self.process.kill()
        self.process.wait(SLOW)

    def request(self, method, target, body=None, headers=None, timeout=SLOW):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, target, body=body, headers=headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, target, **more):
        return self.request("GET", target, **more)

    def post(self, target, body=None, **more):
        return self.request("POST", target, body=body, **more)

    def raw(self, data, timeout=SLOW):
        """Sends bytes as they are and returns what comes back until the server closes. The sending side stays
        open: the server's library may take a client that closes it for one that has hung up."""
        with socket.create_connection(("127.0.0.1", self.port), timeout) as connection:
            connection.sendall(data)
            out = b""
            while True:
                more = connection.recv(65536)
                if not more:
                    return out
                out += more

    def wait_for_diff(self, target, timeout=SLOW):
        """Polls until the diff is there and returns it."""
        deadline = time.monotonic() + timeout
        while True:
            answer = self.get(target)
            if answer.status != 204:
                assert answer.status == 200, (answer, self.log()[-5:])
                return answer.body
            assert time.monotonic() < deadline, self.log()[-5:]
            time.sleep(0.02)

    def leftovers(self):
        """Names of marks and temporary files: empty where nothing is at work."""
        return sorted(
            str(p.relative_to(self.data)) for folder in ("marks", "tmp") for p in (self.data / folder).glob("*")
        )

    def wait_for_rest(self, timeout=SLOW):
        wait_until(lambda: not self.leftovers(), timeout, "marks and tmp to be empty")

    def cli(self, *args, **more):
        """A command of the program with the service's own settings."""
        return run(self.home, *args, env={k: v for k, v in self.env.items()}, **more)


def wait_until(condition, timeout=SLOW, what="a condition"):
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "waited too long for %s" % what
        time.sleep(0.01)


# --- flow logs -------------------------------------------------------------------------------------------

DAY = 86400
EPOCH_2019 = 1551398400  # 2019-03-01T00:00:00Z


def rfc3339(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Windows:
    """Two neighbouring windows of an hour, the `number`th of a row that never overlap."""

    def __init__(self, number=0, length=3600):
        self.previous = (EPOCH_2019 + 2 * number * length, EPOCH_2019 + (2 * number + 1) * length)
        self.next = (self.previous[1], self.previous[1] + length)
        self.times = [rfc3339(t) for t in self.previous + self.next]
        self.query = query(*self.times)
        self.id = reference.diff_id(*self.times)

    @property
    def event(self):
        names = ("previousStart", "previousStop", "nextStart", "nextStop")
        return {"id": self.id, **dict(zip(names, self.times))}


def record(start, source, destination, srcport=40000, dstport=443, action="ACCEPT", packets=1, size=100, eni="eni-0a", account="123456789010", protocol=6):
    words = (2, account, eni, source, destination, srcport, dstport, protocol, packets, size, start, start + 59, action, "OK")
    return " ".join(str(w) for w in words)


HEADER = " ".join(reference.V2)


def log_file(lines, header=True, compress=False):
    data = "".join(line + "\n" for line in ([HEADER] if header else []) + list(lines)).encode()
    return gzip.compress(data, mtime=0) if compress else data


def aws_path(start, account="123456789010", region="us-east-1", sequence="0123abcd"):
    """Where AWS puts a file that it writes at `start`."""
    when = datetime.datetime.fromtimestamp(start, datetime.timezone.utc)
    return "AWSLogs/%s/vpcflowlogs/%s/%s/%s_vpcflowlogs_%s_fl-0a1b2c3d_%s_%s.log.gz" % (
        account,
        region,
        when.strftime("%Y/%m/%d"),
        account,
        region,
        when.strftime("%Y%m%dT%H%MZ"),
        sequence,
    )


def write_windows(folder, windows, before=None, after=None):
    """Puts flow logs of both windows below `folder`, in AWS's layout, and returns their paths."""
    before = before if before is not None else [("10.0.0.1", "10.0.0.2", 443), ("10.0.0.1", "10.0.0.3", 22)]
    after = after if after is not None else [("10.0.0.1", "10.0.0.2", 443), ("10.0.0.4", "10.0.0.2", 5432)]
    paths = []
    for (start, _), flows in ((windows.previous, before), (windows.next, after)):
        path = pathlib.Path(folder) / aws_path(start + 300)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(log_file([record(start + 60, s, d, dstport=p) for s, d, p in flows], compress=True))
        paths.append(path)
    return paths


def expected_diff(windows, files):
    """What the reference makes of files (paths) for two windows."""
    data = [p.read_bytes() for p in files]
    return reference.diff(
        reference.graph(reference.digest(data, windows.previous)), reference.graph(reference.digest(data, windows.next))
    )
