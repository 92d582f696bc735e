# Every log line of a long scenario is what dashboards and people read: jq and Python parse each one.
# SPDX-License-Identifier: Apache-2.0
import json
import re
import signal
import socket
import subprocess

from harness import ROOT, SLOW, Windows, wait_until, write_windows

# The shape of a line, in jq's own words: it prints what breaks it.
JQ = """
select((type != "object")
  or (keys_unsorted[0] != "level")
  or (keys_unsorted[-3:] != ["file", "time", "message"])
  or (keys_unsorted[1:-3] != (keys_unsorted[1:-3] | sort))
  or ([.level] | inside(["debug", "info", "warn", "error"]) | not)
  or (.time | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?Z$") | not)
  or (.message | test("^[a-z-]+$") | not)
  or ([.[] | type] | unique - ["string", "number"] | length > 0))
"""


def check_lines(raw):
    """Parses whole lines with jq and with Python, and returns them."""
    wrong = subprocess.run(["jq", "-c", JQ], input=raw, capture_output=True, timeout=SLOW)
    assert (wrong.returncode, wrong.stdout, wrong.stderr) == (0, b"", b""), wrong
    assert raw.endswith(b"\n")
    lines = []
    for text in raw.decode("utf-8").split("\n")[:-1]:
        pairs = json.loads(text, object_pairs_hook=list)
        names = [name for name, _ in pairs]
        assert len(set(names)) == len(names), text
        lines.append(dict(pairs))
        path, number = lines[-1]["file"].rsplit(":", 1)
        source = (ROOT / "src" / path).read_text().split("\n")  # the place is named truly
        assert 0 < int(number) <= len(source) and source[int(number) - 1].strip(), text
    times = [line["time"] for line in lines]
    assert all(re.fullmatch(r"[0-9T:.Z-]+", time) for time in times)
    return lines


def break_file(path):
    """Puts a link to itself there: for root, permissions would stop nobody."""
    path.symlink_to(path.name)


def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def failures(lines, dependency, level="error"):
    return [line for line in lines if line["message"] == "dependency-failure" and line["dependency"] == dependency and line["level"] == level]


def test_a_long_scenario(make_service):
    """Faults of clients, of each dependency, jobs that fail, park, wait and are done: each leaves its line."""
    service = make_service(DIFF_WORKERS="1").start()
    good, broken, unknown = Windows(0), Windows(50), Windows(100)
    write_windows(service.logs, good)
    for path in write_windows(service.logs, broken):
        path.write_bytes(b"\x1f\x8b no gzip")
    service.get("/?previous_start=%22%0A%C3%A9%FF")
    service.get("/")
    service.get("/no/such/place")
    service.get(unknown.query)
    service.post("/t/e", b'{"id": "\xff\x00"')
    service.post("/t/e", json.dumps({**good.event, "id": "by-hand"}))
    assert service.post(good.query).status == 202
    service.wait_for_diff(good.query)
    assert service.post(good.query).status == 409
    assert service.post(broken.query).status == 202
    service.wait_for_log("job-failed")
    assert service.post("/t/e", json.dumps(broken.event)).status == 500
    service.raw(b"GET /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")
    for path in (service.data / "diffs" / (unknown.id + ".dot"), service.data / "marks" / (unknown.id + "_in_progress")):
        break_file(path)
        assert service.get(unknown.query).status == 500
        assert service.post(unknown.query).message == "Internal Server Error"
    assert service.stop() == 0
    lines = check_lines(service.stdout())
    seen = {line["message"]: line for line in lines}
    assert set(seen) >= {"service-started", "service-stopping", "service-stopped", "invalid-input", "not-found", "conflict",
                         "id-mismatch", "job-started", "job-done", "job-failed", "dependency-failure", "access"}  # fmt: skip
    assert seen["service-started"]["level"] == seen["service-stopped"]["level"] == "info"
    for message in ("invalid-input", "not-found", "conflict"):
        assert seen[message]["level"] == "info" and seen[message]["reason"] and seen[message]["request_id"]
    for message in ("job-started", "job-done", "job-failed"):
        assert seen[message]["level"] == "info" and seen[message]["diff_id"]
    assert seen["job-done"]["diff_id"] == good.id and seen["job-failed"]["diff_id"] == broken.id
    for dependency, named in (("storage", ".dot"), ("marker", "_in_progress"), ("differ", ".log.gz")):
        found = failures(lines, dependency)
        assert found and named in found[0]["reason"] and found[0]["diff_id"], (dependency, found)
    for dependency in ("storage", "marker"):
        assert failures(lines, dependency)[0]["request_id"]
    access = [line for line in lines if line["message"] == "access"]
    assert all(line["level"] == "debug" for line in access)
    assert {line["status"] for line in access} >= {200, 202, 204, 400, 404, 409, 500}
    assert len({line["request_id"] for line in access}) == len(access)


def test_a_queuer_that_fails(make_service):
    """An event bus that is not there: 500, and a line that names the queuer, after the mark was taken back."""
    service = make_service(
        DIFF_STORAGE="embedded",
        DIFF_MARKER="embedded",
        VPC_FLOW_LOGS_DIR="logs",
        STREAM_APPLIANCE_ENDPOINT="http://127.0.0.1:%d/topic/event" % closed_port(),
    )
    (service.home / "logs").mkdir()
    service.start()
    windows = Windows(0)
    answer = service.post(windows.query)
    assert answer.status == 500 and answer.message == "Internal Server Error"
    assert service.leftovers() == []
    assert service.stop() == 0
    lines = check_lines(service.stdout())
    (line,) = failures(lines, "queuer")
    assert line["diff_id"] == windows.id and line["request_id"] and "127.0.0.1" in line["reason"], line


def test_a_mark_that_fails_in_a_post(service):
    """A POST whose mark cannot be made goes on: 202, a line of level info, and the diff is made."""
    windows = Windows(0)
    write_windows(service.logs, windows)
    (service.data / "marks").rmdir()
    assert service.post(windows.query).status == 202
    wait_until(lambda: service.get(windows.query).status == 200, what="the diff")
    assert service.stop() == 0
    lines = check_lines(service.stdout())
    found = failures(lines, "marker", level="info")
    assert found[0]["diff_id"] == windows.id and found[0]["request_id"]
    assert failures(lines, "marker") == []


def test_parked_jobs(make_service):
    """A job that cannot be done leaves one line for each failure and one when it is parked."""
    service = make_service(DIFF_WORKERS="1").start()
    windows = Windows(0)
    for path in write_windows(service.logs, windows):
        path.write_bytes(b"\x1f\x8b no gzip")
    assert service.post(windows.query).status == 202
    (parked,) = service.wait_for_log("job-parked")
    (failed,) = service.log("job-failed")
    assert (failed["failures"], parked["failures"]) == (1, 2)
    assert parked["level"] == "info" and parked["diff_id"] == windows.id and ".log.gz" in parked["reason"]
    assert service.stop() == 0
    check_lines(service.stdout())


def test_levels(make_service):
    """Each level shows itself and what is above it, in whatever case it is written."""
    ranks = ("debug", "info", "warn", "error")
    for number, level in enumerate(("Debug", "INFO", "wArn", "error")):
        service = make_service(level, RUNTIME_LOGGER_LEVEL=level, VPC_FLOW_LOGS_DIR="/no/such/folder", DIFF_STORAGE="embedded",
                               DIFF_MARKER="embedded", STREAM_APPLIANCE_ENDPOINT="embedded")  # fmt: skip
        service.port = closed_port()
        service.spawn(RUNTIME_HTTPSERVER_ADDRESS="127.0.0.1:%d" % service.port)

        def answers(service=service):
            try:
                return service.get("/x").status == 404
            except OSError:
                return False

        wait_until(answers, what="an answer")
        assert service.post("/t/e", json.dumps(Windows(0).event)).status == 500
        assert service.stop(signal.SIGINT) == 0
        lines = check_lines(service.stdout())
        assert {line["level"] for line in lines} == set(ranks[number:]), lines


def test_what_peers_send_cannot_break_a_line(service):
    """Control bytes, quotes, bytes that are no UTF-8 and long values stand escaped or cut in one line each."""
    for target in ("/?previous_start=%00%1b[31m", '/"\\{}', "/" + "%0a" * 5000, "/?" + "a=%ff&" * 300):
        service.raw(b"GET " + target.encode() + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    service.raw(b"GET /\xff\xfe\x80 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    wait_until(lambda: len(service.log("access")) >= 4, what="the lines")
    assert service.stop() == 0
    check_lines(service.stdout())


def test_every_message_is_documented():
    """Each message that the sources log has its row in docs/logs-and-stats.md."""
    text = (ROOT / "docs" / "logs-and-stats.md").read_text()
    messages = set()
    for source in (ROOT / "src").rglob("*.c"):
        if not source.name.endswith("_test.c"):
            code = source.read_text()
            messages |= set(re.findall(r'DIFFD_LOG_(?:DEBUG|INFO|WARN|ERROR),\s*"([a-z-]+)"', code))
            messages |= set(re.findall(r'tell_(?:job|failures)\(ctx, "([a-z-]+)"', code))
            messages |= set(re.findall(r'notes\[i\]\.level, "([a-z-]+)"', code))
    assert len(messages) > 20 and "job-parked" in messages
    for message in messages:
        assert "`%s`" % message in text, message
