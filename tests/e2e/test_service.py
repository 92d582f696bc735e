# The service starts, logs, shuts down and refuses to start as the contract says.
# SPDX-License-Identifier: Apache-2.0
import json
import re
import signal
import socket
import time

import pytest
from harness import SLOW, Windows, query, rfc3339, run, wait_until, write_windows


def waiting_query():
    now = int(time.time()) // 60 * 60
    return query(*[rfc3339(t) for t in (now - 7200, now - 3600, now - 3600, now)])


def test_log_lines(service):
    """Each line on stdout is one JSON object: level first, then the event's fields, then file, time, message."""
    windows = Windows(0)
    write_windows(service.logs, windows)
    service.get("/?previous_start=bad")
    service.get(Windows(1).query)
    service.post(windows.query)
    service.wait_for_diff(windows.query)
    service.post(windows.query)
    assert service.stop() == 0
    assert service.stderr() == b""
    lines = service.stdout().split(b"\n")
    assert lines[-1] == b""
    seen = {}
    for line in lines[:-1]:
        pairs = json.loads(line, object_pairs_hook=list)
        keys = [key for key, _ in pairs]
        assert len(keys) == len(set(keys)), line
        assert keys[0] == "level" and keys[-3:] == ["file", "time", "message"], line
        fields = dict(pairs)
        assert fields["level"] in ("debug", "info", "warn", "error"), line
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", fields["time"]), line
        assert re.fullmatch(r"[a-z0-9_/.-]+\.c:\d+", fields["file"]), line
        seen.setdefault(fields["message"], []).append(fields)
    assert seen["invalid-input"][0]["level"] == "info" and "previous_start" in seen["invalid-input"][0]["reason"]
    assert seen["not-found"][0]["diff_id"] == Windows(1).id
    assert seen["conflict"][0]["diff_id"] == windows.id
    for message in ("invalid-input", "not-found", "conflict"):
        assert seen[message][0]["request_id"]


def test_access_line_is_debug(make_service):
    """At level INFO requests leave no line; NULL as output leaves none at all."""
    quiet = make_service("info", RUNTIME_LOGGER_LEVEL="info").start()
    before = len(quiet.log())
    quiet.get("/x")
    assert len(quiet.log()) == before
    assert quiet.stop() == 0
    loud = make_service("debug", RUNTIME_LOGGER_LEVEL="Debug").start()
    before = len(loud.log())
    loud.get("/x")
    wait_until(lambda: len(loud.log()) > before, what="an access line")
    assert loud.log()[before]["level"] == "debug"


def test_output_null(make_service):
    silent = make_service(RUNTIME_LOGGER_OUTPUT="NULL")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        silent.port = free.getsockname()[1]
    silent.spawn(RUNTIME_HTTPSERVER_ADDRESS="127.0.0.1:%d" % silent.port)

    def answers():
        try:
            return silent.get("/x").status == 404
        except OSError:
            return False

    wait_until(answers, what="an answer")
    assert silent.stop() == 0
    assert silent.stdout() == b""


def test_unknown_level_is_debug(make_service):
    """An unknown level is DEBUG, with a warning."""
    service = make_service(RUNTIME_LOGGER_LEVEL="chatty").start()
    assert any("RUNTIME_LOGGER_LEVEL" in json.dumps(line) for line in service.log() if line["level"] == "warn"), service.log()


def test_both_families(make_service):
    """An address without a host listens on IPv4 and IPv6."""
    service = make_service(RUNTIME_HTTPSERVER_ADDRESS=":0").start()
    for host in ("127.0.0.1", "::1"):
        try:
            with socket.create_connection((host, service.port), SLOW) as connection:
                connection.sendall(b"GET /x HTTP/1.0\r\n\r\n")
                assert b" 404 " in connection.recv(4096)
        except OSError as error:
            if host == "::1" and "::1" not in open("/proc/net/if_inet6").read() and "00000000000000000000000000000001" not in open("/proc/net/if_inet6").read():
                pytest.skip("no IPv6 here: %s" % error)
            raise


def test_term_and_interrupt(make_service):
    """SIGTERM and SIGINT end an idle service with status 0, and say so."""
    for number in (signal.SIGTERM, signal.SIGINT):
        service = make_service(str(int(number))).start()
        assert service.stop(number) == 0
        assert service.log()[-1]["level"] == "info"


def test_stop_gives_jobs_back(make_service):
    """A job that waits for its logs does not hold up the stop, and is worked on after a restart."""
    service = make_service(VPC_FLOW_LOGS_DELAY="1h").start()
    target = waiting_query()
    assert service.post(target).status == 202
    began = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - began < 20
    service.start()
    assert service.get(target).status == 204
    assert service.stop() == 0
    service.start(VPC_FLOW_LOGS_DELAY="0s")
    assert service.wait_for_diff(target) == b"digraph {\n}"
    service.wait_for_rest()


def test_stop_drains(make_service):
    """Jobs that were accepted before the stop are there after it or after the next start."""
    service = make_service(DIFF_WORKERS="1").start()
    everything = [Windows(n) for n in range(12)]
    for windows in everything:
        write_windows(service.logs, windows)
        assert service.post(windows.query).status == 202
    assert service.stop() == 0
    assert not list((service.data / "tmp").iterdir())
    service.start()
    for windows in everything:
        service.wait_for_diff(windows.query)
    service.wait_for_rest()


def test_open_connections_do_not_hold_up_the_stop(service):
    """Idle connections are closed at the stop."""
    idle = [socket.create_connection(("127.0.0.1", service.port), SLOW) for _ in range(5)]
    kept = socket.create_connection(("127.0.0.1", service.port), SLOW)
    kept.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b" 404 " in kept.recv(4096)
    began = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - began < 15
    for one in idle:
        one.close()


def test_second_signal(service):
    """A second signal ends the process at once."""
    slow = socket.create_connection(("127.0.0.1", service.port), SLOW)
    slow.sendall(b"POST /a/b HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    time.sleep(0.3)
    service.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    if service.process.poll() is None:
        service.process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    service.process.wait(SLOW)
    assert time.monotonic() - began < 3
    slow.close()


def test_no_signal_handler(make_service):
    """Without an installed handler a signal does what the system does with it."""
    service = make_service(RUNTIME_SIGNALS_INSTALLED='""').start()
    assert service.stop(signal.SIGTERM) == -signal.SIGTERM


def test_second_process(service):
    """A second process on the same data directory exits with 2 and says why; the first lives on."""
    result = run(service.home, "serve", env=service.env)
    text = result.text + result.out.decode()
    assert result.status == 2 and str(service.data) in text, result
    assert service.get("/x").status == 404


def test_port_in_use(service, make_service):
    """An address that is taken: status 2 and a text that names it."""
    other = make_service("other").spawn(RUNTIME_HTTPSERVER_ADDRESS="127.0.0.1:%d" % service.port)
    assert other.process.wait(SLOW) == 2
    assert str(service.port).encode() in other.stdout() + other.stderr()


def test_kept_after_restart(service):
    """Diffs are there after a restart."""
    windows = Windows(0)
    write_windows(service.logs, windows)
    service.post(windows.query)
    body = service.wait_for_diff(windows.query)
    assert service.stop() == 0
    service.start()
    assert service.get(windows.query).body == body


FAULTS = {
    "RUNTIME_HTTPSERVER_ADDRESS": "localhost:http",
    "DIFF_WORKERS": "many",
    "DIFF_PROGRESS_TIMEOUT": "10s",
    "VPC_FLOW_LOGS_DELAY": "15",
    "RUNTIME_LOGGER_OUTPUT": "STDERR",
    "DIFF_ROLE": "boss",
    "VPC_FLOW_LOGS_BAD_RECORDS": "maybe",
}


def test_faults_are_all_named(tmp_path):
    """Whatever is wrong in the environment is told at once, before listening, with status 2."""
    result = run(tmp_path, env={"DIFF_DATA_DIR": tmp_path / "data", **FAULTS})
    text = result.text + result.out.decode()
    assert result.status == 2, result
    for name in FAULTS:
        assert name in text, (name, result)
    assert not (tmp_path / "data").exists()


def test_half_chosen_modules(tmp_path):
    """With some modules chosen, one without a choice is a fault that names variable and alternative."""
    result = run(tmp_path, env={"DIFF_DATA_DIR": tmp_path / "data", "DIFF_STORAGE": "embedded"})
    text = result.text + result.out.decode()
    assert result.status == 2, result
    for name in ("DIFF_MARKER", "STREAM_APPLIANCE_ENDPOINT", "VPC_FLOW_LOGS_DIR", "embedded"):
        assert name in text, (name, result)


def test_two_choices(tmp_path):
    """Two choices for one module are a fault."""
    both = {"DIFF_STORAGE": "embedded", "DIFF_STORAGE_BUCKET": "b", "DIFF_STORAGE_BUCKET_REGION": "r"}
    result = run(tmp_path, env={"DIFF_DATA_DIR": tmp_path / "data", **both})
    text = result.text + result.out.decode()
    assert result.status == 2 and "DIFF_STORAGE" in text and "DIFF_STORAGE_BUCKET" in text, result


@pytest.mark.parametrize("endpoint", ["embedded", ":{port}", "localhost:{port}", "http://127.0.0.1:{port}", "http://localhost:{port}/topic/event"])
def test_standalone(make_service, endpoint):
    """An endpoint that is the server's own address means the embedded queue."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    service = make_service(
        STREAM_APPLIANCE_ENDPOINT=endpoint.format(port=port),
        RUNTIME_HTTPSERVER_ADDRESS=":%d" % port,
        DIFF_STORAGE="embedded",
        DIFF_MARKER="embedded",
        VPC_FLOW_LOGS_DIR="logs",
    )
    (service.home / "logs").mkdir()
    service.env["VPC_FLOW_LOGS_DIR"] = service.home / "logs"
    windows = Windows(0)
    write_windows(service.home / "logs", windows)
    service.start()
    assert service.post(windows.query).status == 202
    assert service.wait_for_diff(windows.query).startswith(b"digraph {\n")


def test_port_variable(make_service):
    """PORT serves where the address is unset or has no port, and the log says so."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    service = make_service(PORT=port, RUNTIME_HTTPSERVER_ADDRESS="").start()
    assert service.port == port
    assert any("PORT" in json.dumps(line) for line in service.log()), service.log()


def test_worker_role(make_service):
    """What is switched off answers 404; api with the embedded queue is a fault."""
    service = make_service("worker", DIFF_ROLE="worker").start()
    windows = Windows(0)
    write_windows(service.logs, windows)
    assert service.post(windows.query).status == 404
    assert service.post("/t/e", json.dumps(windows.event)).status == 204
    result = run(service.home, env={**service.env, "DIFF_ROLE": "api", "DIFF_DATA_DIR": service.home / "other"})
    assert result.status == 2 and "DIFF_ROLE" in result.text + result.out.decode(), result


def test_config_command(tmp_path):
    """`config` shows every setting with its default and present value, and no secret."""
    env = {"DIFF_DATA_DIR": tmp_path / "here", "AWS_SECRET_ACCESS_KEY": "hush-hush", "DIFF_WORKERS": "3"}
    result = run(tmp_path, "config", env=env)
    text = result.out.decode()
    assert result.status == 0, result
    for name in ("RUNTIME_HTTPSERVER_ADDRESS", "DIFF_DATA_DIR", "VPC_FLOW_LOGS_DELAY", "DIFF_WORKERS", str(tmp_path / "here")):
        assert name in text, name
    assert "hush-hush" not in text + result.text


@pytest.mark.parametrize("command", [(), ("serve",), ("diff",), ("graph",), ("id",), ("jobs",), ("config",)])
def test_help_and_version(tmp_path, command):
    """--help and --version work everywhere."""
    result = run(tmp_path, *command, "--help")
    assert result.status == 0 and b"vpcflow-diffd" in result.out and result.err == b"", result
    result = run(tmp_path, *command, "--version")
    assert result.status == 0 and re.search(rb"\d+\.\d+", result.out) and result.err == b"", result


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("diff",), ("diff", "a"), ("diff", "a", "b", "c"), ("diff", "--nonsense", "a", "b"), ("id", "x"), ("id", "1", "2", "3", "4"),
     ("graph",), ("jobs", "dance"), ("jobs", "retry"), ("graph", "--start", "yesterday", "x"), ("serve", "x"), ("diff", "-", "-"),
     ("diff", "--threads=none", "a", "b"), ("diff", "--logs", "x", "--previous", "a/b", "--next", "c/d")],
)  # fmt: skip
def test_usage(tmp_path, arguments):
    """A wrong command line: status 2, nothing on stdout, and a text that helps."""
    result = run(tmp_path, *arguments)
    assert result.status == 2 and result.out == b"" and len(result.err) > 20, result


