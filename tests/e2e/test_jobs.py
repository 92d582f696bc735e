# Jobs that fail are tried again, parked, listed, and tried anew when somebody asks.
# SPDX-License-Identifier: Apache-2.0
import json
import time

from harness import Windows, expected_diff, query, rfc3339, wait_until, write_windows


def break_file(path):
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    return whole


def parked(service, windows):
    """A service with a job that failed for good: its logs are broken."""
    files = write_windows(service.logs, windows)
    whole = break_file(files[1])
    assert service.post(windows.query).status == 202
    lines = service.wait_for_log("job-parked")
    return files, whole, lines[-1]


def test_parked_and_posted_again(service):
    """Broken logs: parked after two tries, no mark, GET 404, listed; a new POST tries afresh."""
    windows = Windows(0)
    files, whole, line = parked(service, windows)
    assert line["diff_id"] == windows.id and files[1].name in json.dumps(line), line
    assert service.leftovers() == []
    assert service.get(windows.query).status == 404
    assert len(service.log("job-failed")) + len(service.log("job-parked")) >= 2
    listed = service.cli("jobs")
    assert listed.status == 0 and windows.id in listed.out.decode() and files[1].name in listed.out.decode(), listed
    assert service.cli("jobs", "list").out == listed.out
    files[1].write_bytes(whole)
    assert service.post(windows.query).status == 202
    assert service.wait_for_diff(windows.query) == expected_diff(windows, files)
    wait_until(lambda: windows.id not in service.cli("jobs").out.decode(), what="the job to leave the queue")
    service.wait_for_rest()


def test_parked_and_retried(service):
    """`jobs retry` tries a parked job again, in the running service and in one that starts later."""
    windows = Windows(1)
    files, whole, _ = parked(service, windows)
    retried = service.cli("jobs", "retry", "nobody-knows-it")
    assert retried.status == 2 and b"nobody-knows-it" in retried.err, retried
    files[1].write_bytes(whole)
    retried = service.cli("jobs", "retry", windows.id)
    assert retried.status == 0, retried
    deadline = time.monotonic() + 60
    while service.get(windows.query).status != 200:
        assert time.monotonic() < deadline, service.log()[-5:]
        time.sleep(0.1)
    assert service.get(windows.query).body == expected_diff(windows, files)


def test_parked_stays_parked(service):
    """A restart does not try a parked job again, and `jobs` reads the queue without a running service."""
    windows = Windows(2)
    files, whole, _ = parked(service, windows)
    files[1].write_bytes(whole)
    assert service.stop() == 0
    assert windows.id in service.cli("jobs").out.decode()
    service.start()
    time.sleep(1)
    assert service.get(windows.query).status == 404 and service.leftovers() == []
    assert service.stop() == 0
    assert service.cli("jobs", "retry", windows.id).status == 0
    service.start()
    assert service.wait_for_diff(windows.query) == expected_diff(windows, files)
    service.wait_for_rest()


def test_recovers_by_itself(service):
    """A fault that goes away before the job is parked leaves no trace but the log."""
    windows = Windows(3)
    files = write_windows(service.logs, windows)
    whole = break_file(files[0])
    assert service.post(windows.query).status == 202
    service.wait_for_log("job-failed")
    assert service.get(windows.query).status == 204
    files[0].write_bytes(whole)
    assert service.wait_for_diff(windows.query) == expected_diff(windows, files)
    service.wait_for_rest()


def test_waiting_jobs_are_listed(make_service):
    """A job that waits for late logs is listed too, with its windows."""
    service = make_service(VPC_FLOW_LOGS_DELAY="1h").start()
    now = int(time.time()) // 60 * 60
    times = [rfc3339(t) for t in (now - 7200, now - 3600, now - 3600, now)]
    assert service.post(query(*times)).status == 202
    listed = service.cli("jobs").out.decode()
    for text in times:
        assert text in listed, listed


def test_no_jobs(tmp_path, service):
    """An empty queue lists nothing and is no failure; a data directory that is not there is named."""
    assert service.cli("jobs").status == 0


def test_bad_records_setting(make_service):
    """VPC_FLOW_LOGS_BAD_RECORDS decides whether a line that is no record is skipped or fails the job."""
    for setting, expected in (("skip", 204), ("fail", 500)):
        service = make_service(setting, VPC_FLOW_LOGS_BAD_RECORDS=setting).start()
        windows = Windows(4)
        write_windows(service.logs, windows)
        (service.logs / "more.log").write_text("2 not a record\n")
        answer = service.post("/t/e", json.dumps(windows.event))
        assert answer.status == expected, answer
        if setting == "skip":
            assert any("more.log" in json.dumps(line) for line in service.log("bad-record")), service.log()


def test_empty_windows(service):
    """No logs at all: an empty diff, and a warning in the log."""
    windows = Windows(5)
    assert service.post(windows.query).status == 202
    assert service.wait_for_diff(windows.query) == b"digraph {\n}"
    assert any(line["level"] == "warn" for line in service.log()), service.log()


def test_original_node_ids(make_service):
    """DIFF_NODE_IDS=original gives the ids of the original."""
    service = make_service(DIFF_NODE_IDS="original").start()
    windows = Windows(6)
    write_windows(service.logs, windows)
    service.post(windows.query)
    body = service.wait_for_diff(windows.query)
    assert b"n10001 -> n10003 [" in body and b"n10_0" not in body
