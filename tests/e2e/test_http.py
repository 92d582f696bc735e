# The API answers as the contract's table says: statuses, headers and bodies, times taken and rejected, odd requests.
# SPDX-License-Identifier: Apache-2.0
import json
import subprocess
import time
import urllib.parse

import pytest
import reference
from harness import SLOW, Service, Windows, expected_diff, query, rfc3339, write_windows

NAMES = ("previous_start", "previous_stop", "next_start", "next_stop")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One service for all tests that leave nothing behind for the others."""
    with Service(tmp_path_factory.mktemp("http")) as started:
        yield started


def waiting_windows():
    """Two windows whose logs may still come, so that a job on them waits."""
    now = int(time.time()) // 60 * 60
    return [rfc3339(t) for t in (now - 7200, now - 3600, now - 3600, now)]


def is_message(answer):
    assert answer.headers["Content-Type"].startswith("application/json"), answer
    assert answer.body.endswith(b"}\n") and list(json.loads(answer.body)) == ["message"], answer
    return answer.message


def test_whole_life(service):
    """POST 202, GET 204 or 200, POST again 409, and the bytes are the reference's."""
    windows = Windows(0)
    files = write_windows(service.logs, windows)
    assert service.get(windows.query).status == 404
    posted = service.post(windows.query)
    assert (posted.status, posted.body) == (202, b"")
    body = service.wait_for_diff(windows.query)
    assert body == expected_diff(windows, files)
    answer = service.get(windows.query)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert int(answer.headers["Content-Length"]) == len(body)
    again = service.post(windows.query)
    assert again.status == 409
    assert is_message(again) == (
        "diff for the time range 2019-03-01T00:00:00Z to 2019-03-01T01:00:00Z and "
        "time range 2019-03-01T01:00:00Z to 2019-03-01T02:00:00Z already exists"
    )
    assert (service.data / "diffs" / (windows.id + ".dot")).read_bytes() == body
    service.wait_for_rest()
    by_cli = service.cli("diff", "--logs", service.logs, "--previous", "/".join(windows.times[:2]), "--next", "/".join(windows.times[2:]))
    assert by_cli.status == 1 and by_cli.out == body


def test_in_progress(make_service):
    """While a job waits for late logs, GET is 204 and POST is 409 with the diff's id."""
    service = make_service(VPC_FLOW_LOGS_DELAY="1h").start()
    times = waiting_windows()
    target = query(*times)
    assert service.post(target).status == 202
    for _ in range(3):
        answer = service.get(target)
        assert (answer.status, answer.body) == (204, b"")
        answer = service.post(target)
        assert answer.status == 409
        assert is_message(answer) == "diff %s is being created" % reference.diff_id(*times)
    assert service.request("HEAD", target).status == 204
    assert service.leftovers() == ["marks/%s_in_progress" % reference.diff_id(*times)]


def test_unknown(shared):
    """GET of a diff that nobody asked for: 404 and empty."""
    answer = shared.get(Windows(500).query)
    assert (answer.status, answer.body) == (404, b"")


def test_head(service):
    """HEAD answers as GET without the body."""
    windows = Windows(0)
    write_windows(service.logs, windows)
    assert service.request("HEAD", windows.query).status == 404
    service.post(windows.query)
    body = service.wait_for_diff(windows.query)
    answer = service.request("HEAD", windows.query)
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["Content-Length"]) == len(body)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    raw = service.raw(b"HEAD %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % windows.query.encode())
    assert raw.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
def test_other_methods(shared, method):
    """Another method on a known path: 405, empty, with the methods that are allowed."""
    answer = shared.request(method, Windows(500).query)
    assert (answer.status, answer.body) == (405, b"")
    assert set(answer.headers["Allow"].replace(" ", "").split(",")) == {"GET", "HEAD", "POST"}
    answer = shared.request(method, "/topic/event")
    assert (answer.status, answer.body, answer.headers["Allow"]) == (405, b"", "POST")


def test_get_on_the_worker(shared):
    answer = shared.get("/topic/event")
    assert (answer.status, answer.body, answer.headers["Allow"]) == (405, b"", "POST")


@pytest.mark.parametrize("path", ["/x", "/x/", "/a/b/c", "/a/b/", "//", "/favicon.ico", "/%2e%2e/etc/passwd/x"])
def test_other_paths(shared, path):
    """Any other path: Go's plain 404."""
    for method in ("GET", "POST", "DELETE"):
        answer = shared.request(method, path)
        assert (answer.status, answer.body) == (404, b"404 page not found\n"), answer
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


GOOD = dict(zip(NAMES, Windows(500).times))


def with_value(name, value, encode=True):
    values = dict(GOOD, **{name: value})
    if encode:
        return "/?" + urllib.parse.urlencode(values)
    return "/?" + "&".join("%s=%s" % pair for pair in values.items())


REJECTED = {
    "empty": "", "word": "yesterday", "no zone": "2029-05-11T06:15:00", "lower t": "2029-05-11t06:15:00Z",
    "lower z": "2029-05-11T06:15:00z", "second 60": "2029-05-11T06:15:60Z", "hour 24": "2029-05-11T24:00:00Z",
    "30 February": "2029-02-30T06:15:00Z", "29 February": "2029-02-29T06:15:00Z", "31 April": "2029-04-31T06:15:00Z",
    "month 13": "2029-13-01T06:15:00Z", "month 0": "2029-00-01T06:15:00Z", "day 0": "2029-01-00T06:15:00Z",
    "ten digits": "2029-05-11T06:15:00.1234567890Z", "no digit": "2029-05-11T06:15:00.Z", "offset without colon": "2029-05-11T06:15:00+0200",
    "year 10000": "9999-12-31T23:59:00-01:00", "year -1": "0000-01-01T00:00:00+01:00", "five digits": "12029-05-11T06:15:00Z",
    "blank": "2029-05-11 06:15:00Z", "trailing": "2029-05-11T06:15:00Zx", "leading": " 2029-05-11T06:15:00Z", "minute 60": "2029-05-11T06:60:00Z",
    "nul": "2029-05-11T06:15:00Z\0", "unix": "1872137700", "date": "2029-05-11", "one-digit day": "2029-05-1T06:15:00Z",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", REJECTED)
def test_rejected_times(shared, case, name):
    """A time that is none: 400, JSON, and the parameter's name in the text, for GET and POST alike."""
    for method in ("GET", "POST"):
        answer = shared.request(method, with_value(name, REJECTED[case]))
        assert answer.status == 400, answer
        assert name in is_message(answer)


@pytest.mark.parametrize("name", NAMES)
def test_missing_parameter(shared, name):
    values = {k: v for k, v in GOOD.items() if k != name}
    answer = shared.get("/?" + urllib.parse.urlencode(values))
    assert answer.status == 400 and name in is_message(answer)
    assert shared.get("/").status == 400


# Each of these is another spelling of 2029-05-11T06:15:00Z.
SPELLINGS = ["2029-05-11T06:15:00Z", "2029-05-11T06:15:59.999999999Z", "2029-05-11T06:15:00.5Z", "2029-05-11T06:15:00,5Z", "2029-05-11T6:15:00Z",
             "2029-05-11T08:15:00+02:00", "2029-05-11T00:45:00-05:30", "2029-05-11T06:15:00+00:00", "2029-05-11T06:15:00-00:00",
             "2029-05-12T06:14:00+23:59", "2029-05-11T06:15:17.000000001Z"]  # fmt: skip


def test_spellings(make_service):
    """Every spelling of one minute is one diff; its 409 shows the canonical times."""
    service = make_service(VPC_FLOW_LOGS_DELAY="24h").start()
    canonical = query("2029-05-11T06:15:00Z", "2029-05-11T06:25:00Z", "2029-05-11T06:25:00Z", "2029-05-11T06:35:00Z")
    assert service.post(canonical).status == 202
    for spelling in SPELLINGS:
        target = query(spelling, "2029-05-11T06:25:00Z", "2029-05-11T06:25:30Z", "2029-05-11T06:35:00Z")
        answer = service.get(target)
        assert answer.status == 204, (spelling, answer)
        assert is_message(service.post(target)) == "diff 17e951ae-ba91-5014-a00e-bb2b8ed48c85 is being created"


def test_plus(shared):
    """A plus in a query is a space, so that an offset needs %2B."""
    values = dict(GOOD, previous_start=GOOD["previous_start"].replace("Z", "+00:00"))
    raw = "/?" + "&".join("%s=%s" % pair for pair in values.items())
    assert shared.get(raw).status == 400
    assert shared.get(raw.replace("+", "%2B")).status == 404
    assert shared.get(raw.replace("+", "%2b")).status == 404


def test_first_value_that_decodes_wins(shared):
    """Of a repeated parameter the first value counts whose percent-encoding decodes."""
    good = urllib.parse.urlencode(GOOD)
    assert shared.get("/?previous_start=%zz&" + good).status == 404
    assert shared.get("/?previous_start=%4&" + good).status == 404
    assert shared.get("/?" + good + "&previous_start=nothing").status == 404
    assert shared.get("/?previous_start=nothing&" + good).status == 400
    assert shared.get("/?previous_start&" + good).status == 400
    assert shared.get("/?a;previous_start=nothing&" + good).status == 404
    assert shared.get("/?previous%5Fstart=nothing&" + good).status == 400
    assert shared.get("/?&&" + good + "&x=%zz&").status == 404


def test_form_body_does_not_count(shared):
    """Times come from the query only."""
    answer = shared.post("/", urllib.parse.urlencode(GOOD), headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status == 400


HOURS = [rfc3339(1551398400 + 3600 * n) for n in range(6)]


@pytest.mark.parametrize(
    "times,accepted",
    [
        ((1, 0, 1, 2), False),  # start after stop
        ((0, 1, 2, 1), False),
        ((2, 3, 0, 1), False),  # previous after next
        ((1, 2, 0, 3), False),
        ((0, 3, 1, 2), False),
        ((0, 0, 1, 2), False),  # empty windows
        ((0, 1, 2, 2), False),
        ((0, 2, 1, 3), True),  # overlap
        ((0, 1, 0, 2), True),
        ((0, 2, 1, 2), True),
        ((0, 1, 0, 1), True),  # the same window twice
        ((0, 1, 4, 5), True),  # a gap
    ],
)
def test_ranges(shared, times, accepted):
    """Ranges that make no sense are 400, overlapping ones are taken, in the API and in the worker alike."""
    spelled = [HOURS[t] for t in times]
    answer = shared.get(query(*spelled))
    if accepted:
        assert answer.status in (404, 200), answer
    else:
        assert answer.status == 400 and is_message(answer), answer
    body = json.dumps(dict(zip(("id", "previousStart", "previousStop", "nextStart", "nextStop"), ("range-%s" % "-".join(map(str, times)), *spelled))))
    worker = shared.post("/a/b", body)
    assert worker.status == (204 if accepted else 400), worker


def test_empty_after_truncation(shared):
    """A window within one minute is empty."""
    answer = shared.post(query("2019-03-01T00:01:10Z", "2019-03-01T00:01:50Z", HOURS[1], HOURS[2]))
    assert answer.status == 400 and "both" in is_message(answer), answer


def test_start_after_stop_is_checked_after_truncation(shared):
    """Seconds do not make a start later than its stop: the window is empty."""
    answer = shared.post(query("2019-03-01T00:01:50Z", "2019-03-01T00:01:10Z", HOURS[1], HOURS[2]))
    assert answer.status == 400 and "both" in is_message(answer), answer


def test_curl(service):
    """curl, as an operator would use it, sees the same."""
    windows = Windows(3)
    files = write_windows(service.logs, windows)

    def curl(*options):
        arguments = [part for pair in zip(NAMES, windows.times) for part in ("--data-urlencode", "%s=%s" % pair)]
        done = subprocess.run(
            ["curl", "-sS", "-w", "\n%{http_code}", *options, *arguments, "-G", "http://127.0.0.1:%d/" % service.port],
            capture_output=True, timeout=SLOW, check=True)  # fmt: skip
        body, status = done.stdout.rsplit(b"\n", 1)
        return int(status), body

    assert curl("-X", "POST") == (202, b"")
    service.wait_for_diff(windows.query)
    assert curl() == (200, expected_diff(windows, files))
    assert curl("-X", "POST")[0] == 409


RAW = {
    "two lengths": b"POST /a/b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    "length and chunked": b"POST /a/b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "bad length": b"POST /a/b HTTP/1.1\r\nHost: x\r\nContent-Length: two\r\n\r\n{}",
    "negative length": b"POST /a/b HTTP/1.1\r\nHost: x\r\nContent-Length: -2\r\n\r\n{}",
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "no version": b"GET /\r\n\r\n",
}


@pytest.mark.parametrize("case", RAW)
def test_raw_requests(shared, case):
    """Requests that two servers could read in two ways are refused, and the service lives on."""
    try:
        answer = shared.raw(RAW[case], timeout=1)
        assert answer == b"" or answer.split(b" ", 2)[1][:1] in (b"4", b"5"), answer
    except TimeoutError:
        assert case in ("garbage", "no version")  # these might still become requests
    assert shared.get("/x").status == 404


def test_chunked_body(shared):
    """A chunked body is a body like any other."""
    answer = shared.raw(b"POST /a/b HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
    assert answer.split(b" ")[1] == b"400" and b"missing ID field" in answer, answer


def test_long_targets(shared):
    """A target of any length is answered or refused, not crashed on."""
    for length in (1000, 8000, 60000, 200000):
        try:
            answer = shared.get(with_value("x", "y" * length))
            assert answer.status in (404, 413, 414, 431, 400), answer
        except (ConnectionError, OSError):
            pass
    assert shared.get("/x").status == 404


def test_many_requests_on_one_connection(shared):
    """A connection is kept for the next request."""
    head = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = shared.raw(head * 20 + last)
    assert answer.count(b"HTTP/1.1 404") == 21
