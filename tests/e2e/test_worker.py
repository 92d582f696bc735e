# The worker's POST makes the diff before it answers, takes every spelling of a job, and can be repeated.
# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import json

import pytest
import reference
from harness import Service, Windows, expected_diff, write_windows


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with Service(tmp_path_factory.mktemp("worker")) as started:
        yield started


def stored(service, name):
    path = service.data / "diffs" / (name + ".dot")
    return path.read_bytes() if path.exists() else None


def test_makes_the_diff(service):
    """204 means: stored, its mark gone, and GET gives it."""
    windows = Windows(1)
    files = write_windows(service.logs, windows)
    answer = service.post("/topic/event", json.dumps(windows.event))
    assert (answer.status, answer.body) == (204, b"")
    assert stored(service, windows.id) == expected_diff(windows, files)
    assert service.leftovers() == []
    assert service.get(windows.query).body == expected_diff(windows, files)


def test_repeated(service):
    """A repeated delivery is harmless and does not make the diff again."""
    windows = Windows(2)
    files = write_windows(service.logs, windows)
    assert service.post("/t/e", json.dumps(windows.event)).status == 204
    for path in files:
        path.unlink()
    (service.data / "marks" / (windows.id + "_in_progress")).write_text("2019-03-01T00:00:00Z")
    before = (service.data / "diffs" / (windows.id + ".dot")).stat().st_mtime_ns
    assert service.post("/t/e", json.dumps(windows.event)).status == 204
    assert (service.data / "diffs" / (windows.id + ".dot")).stat().st_mtime_ns == before
    assert service.leftovers() == []


def test_at_the_same_time(service):
    """Many deliveries of one job at once are joined: all are 204, and the bytes are right."""
    windows = Windows(3)
    files = write_windows(service.logs, windows, after=[("10.0.%d.%d" % divmod(n, 250), "10.9.9.9", 443) for n in range(3000)])
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: service.post("/t/e", json.dumps(windows.event)).status, range(12)))
    assert answers == [204] * 12
    assert stored(service, windows.id) == expected_diff(windows, files)
    assert service.leftovers() == []


def test_spellings(shared):
    """Keys match in any case, extra keys and trailing bytes are ignored, of a repeated key one counts."""
    windows = Windows(4)
    event = dict(windows.event, id="spelled-1")
    assert shared.post("/t/e", json.dumps({k.upper(): v for k, v in event.items()})).status == 204
    event["id"] = "spelled-2"
    assert shared.post("/t/e", json.dumps({k.lower(): v for k, v in event.items()} | {"extra": {"a": [1, None]}})).status == 204
    event["id"] = "spelled-3"
    assert shared.post("/t/e", " \n" + json.dumps(event) + " trailing }{ bytes\0").status == 204
    event["id"] = "spelled-4"
    event["previousStart"] = event["previousStart"].replace("Z", "+00:00")
    assert shared.post("/t/e", json.dumps(event)).status == 204
    for number in range(1, 5):
        assert stored(shared, "spelled-%d" % number) is not None


@pytest.mark.parametrize("name", ["id", "previousStart", "previousStop", "nextStart", "nextStop"])
def test_missing_field(shared, name):
    """A missing or empty field: 400, plain text, no newline, and the field's name."""
    for event in ({k: v for k, v in Windows(5).event.items() if k != name}, dict(Windows(5).event, **{name: ""})):
        answer = shared.post("/t/e", json.dumps(event))
        assert answer.status == 400 and answer.headers["Content-Type"].startswith("text/plain"), answer
        assert not answer.body.endswith(b"\n")
        if name == "id":
            assert answer.body == b"missing ID field"
        else:
            assert name.lower() in answer.body.decode().lower(), answer


BAD_BODIES = ["", "{", "[]", "null", '"x"', "{}", "\xff\xfe", '{"id": 5}', '{"id":"x","previousStart":5}', "{" * 1000, '{"id":"a' + "\0" + '"}']


@pytest.mark.parametrize("body", BAD_BODIES, ids=range(len(BAD_BODIES)))
def test_bad_json(shared, body):
    answer = shared.post("/t/e", body.encode("latin-1"))
    assert answer.status == 400 and answer.body and not answer.body.endswith(b"\n"), answer


@pytest.mark.parametrize("change", [{"previousStart": "yesterday"}, {"nextStop": "2019-02-30T00:00:00Z"}, {"nextStart": "2019-03-01t00:00:00Z"},
                                    {"previousStop": "2018-03-01T00:00:00Z"}, {"nextStop": Windows(6).times[2]}])  # fmt: skip
def test_bad_times(shared, change):
    answer = shared.post("/t/e", json.dumps(dict(Windows(6).event, **change)))
    assert answer.status == 400 and answer.body and not answer.body.endswith(b"\n"), answer


@pytest.mark.parametrize("name", ["../x", "a/../b", "a/b", ".hidden", "..", "a b", "a\0b", "\u00e9", "x" * 129, "a%2fb", "a\\b", "a:b", "\n"])
def test_bad_ids(shared, name):
    """An id becomes an object's name: what could leave the folder is refused."""
    answer = shared.post("/t/e", json.dumps(dict(Windows(7).event, id=name)))
    assert answer.status == 400 and not answer.body.endswith(b"\n"), answer


@pytest.mark.parametrize("name", ["x", "x" * 128, "A-z_0.9", "-", "a..b"])
def test_good_ids(shared, name):
    """Any other id is taken, also one that is not that of the times; the log tells."""
    assert shared.post("/t/e", json.dumps(dict(Windows(8).event, id=name))).status == 204
    assert stored(shared, name) is not None
    assert shared.log("id-mismatch")


def test_body_limit(shared):
    """A body of 64 KiB is taken, a larger one is 413, and the service lives on."""
    event = json.dumps(dict(Windows(9).event, id="limit"))
    fits = event[:-1] + ', "x": "%s"}' % ("y" * (65536 - len(event) - 9))
    assert len(fits) == 65536
    assert shared.post("/t/e", fits).status == 204
    assert shared.post("/t/e", fits + " ").status == 413
    try:
        assert shared.post("/t/e", "x" * 5000000).status == 413
    except (ConnectionError, OSError):
        pass  # the answer may come before the body is sent
    assert shared.get("/x").status == 404


def test_failure(service):
    """A dependency that fails: 500 and the reason, so that the event bus delivers the job again, and nothing is stored."""
    windows = Windows(10)
    files = write_windows(service.logs, windows)
    whole = files[1].read_bytes()
    files[1].write_bytes(whole[:-5])
    answer = service.post("/t/e", json.dumps(windows.event))
    assert answer.status == 500 and files[1].name.encode() in answer.body, answer
    assert stored(service, windows.id) is None
    assert service.log("dependency-failure")[0]["dependency"] == "differ"
    files[1].write_bytes(whole)
    assert service.post("/t/e", json.dumps(windows.event)).status == 204
    assert stored(service, windows.id) == expected_diff(windows, files)
    assert service.leftovers() == []


def test_more_than_run_at_once(make_service):
    """Beyond the number of jobs that run at once, requests wait and all are answered."""
    service = make_service(DIFF_WORKERS="1").start()
    events = []
    for number in range(16):
        windows = Windows(number)
        write_windows(service.logs, windows)
        events.append(windows.event)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda event: service.post("/t/e", json.dumps(event)).status, events))
    assert statuses == [204] * 16
    assert len(list((service.data / "diffs").iterdir())) == 16
    assert reference.diff_id(*Windows(0).times) == Windows(0).id
