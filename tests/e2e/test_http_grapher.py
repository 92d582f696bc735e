# The grapher service is asked once for each window, waited for, and ridden out; whatever it does wrong, nothing of a diff shows that is not whole.
# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import json
import random
import re
import socket
import threading
import time

import graphs
import grapherd
import pytest
import reference
from harness import Service, Windows, run, wait_until

MODULES = {"STREAM_APPLIANCE_ENDPOINT": "embedded", "DIFF_STORAGE": "embedded", "DIFF_MARKER": "embedded"}


def settings(url, **more):
    return {**MODULES, "GRAPHER_ENDPOINT": url, "GRAPHER_POLLING_INTERVAL": 20, "GRAPHER_POLLING_TIMEOUT": 30000, **more}


@pytest.fixture
def grapher():
    server = grapherd.Grapherd()
    yield server
    server.close()


@pytest.fixture
def make(tmp_path, grapher):
    """Makes started services that ask the grapher."""
    made = []

    def start(url=None, **more):
        made.append(Service(tmp_path / ("s%d" % len(made)), **settings(url or grapher.url, **more)))
        return made[-1].start()

    yield start
    for one in made:
        one.__exit__()


@pytest.fixture
def diffd(make):
    return make()


class Pair:
    """Two windows whose graphs the grapher has, and the diff that they make."""

    def __init__(self, grapher, number, edges=40):
        rng = random.Random(number)
        self.windows = Windows(number)
        graph = graphs.random_graph(rng, edges)
        self.before, self.after = graphs.canonical(graph), graphs.canonical(graphs.changed(rng, graph))
        times = self.windows.times
        self.previous, self.next = (times[0], times[1]), (times[2], times[3])
        self.both = (self.previous, self.next)
        grapher.graphs.update({self.previous: self.before, self.next: self.after})
        self.diff = reference.diff(self.before, self.after)
        self.event = json.dumps(self.windows.event)
        self.grapher = grapher

    def posts(self):
        return [self.grapher.posts[window] for window in self.both]

    def gets(self):
        return [self.grapher.gets[window] for window in self.both]

    def stored(self, service):
        path = service.data / "diffs" / (self.windows.id + ".dot")
        return path.read_bytes() if path.exists() else None


def deliver(service, pair):
    """What an event bus does."""
    return service.post("/t/e", pair.event)


def assert_nothing_shows(service, pair):
    assert pair.stored(service) is None
    assert list((service.data / "diffs").iterdir()) == []
    assert list((service.data / "tmp").iterdir()) == []


# --- the whole way ---------------------------------------------------------------------------------------


def test_post_poll_get(diffd, grapher):
    """POST /, the graphs are asked for once and fetched, GET / gives the diff; a second POST asks for nothing."""
    pair = Pair(grapher, 1)
    for window in pair.both:
        grapher.script("GET", window, *[grapherd.answer(204)] * 3)
    assert diffd.post(pair.windows.query).status == 202
    assert diffd.wait_for_diff(pair.windows.query) == pair.diff
    assert (pair.posts(), pair.gets()) == ([1, 1], [4, 4])
    assert diffd.post(pair.windows.query).status == 409
    assert deliver(diffd, pair).status == 204
    assert (pair.posts(), pair.gets()) == ([1, 1], [4, 4])
    ready = diffd.log("graph-ready")
    assert sorted((line["start"], line["stop"], line["attempts"], line["diff_id"]) for line in ready) == sorted((*w, 4, pair.windows.id) for w in pair.both)
    assert sorted(line["bytes"] for line in diffd.log("graph-fetched")) == sorted(map(len, (pair.before, pair.after)))
    assert len(diffd.log("graph-requested")) == 2


def test_what_is_asked(make, grapher):
    """The endpoint's path and query stay; the times are in UTC and percent-encoded; POST has a length of 0; gzip is welcome."""
    pair = Pair(grapher, 2)
    assert deliver(make(grapher.url + "/graphs/v1?team=net%20work"), pair).status == 204
    encoded = ["start=%s&stop=%s" % tuple(time.replace(":", "%3A") for time in window) for window in pair.both]
    assert sorted((method, target) for method, target, _ in grapher.requests) == sorted(
        (method, "/graphs/v1?team=net%20work&" + one) for one in encoded for method in ("GET", "POST")
    )
    for method, _, headers in grapher.requests:
        assert headers["host"] == "127.0.0.1:%d" % grapher.port
        assert method == "GET" or headers["content-length"] == "0"
        assert method == "POST" or "gzip" in headers["accept-encoding"]


GIVEN = [grapherd.plain, grapherd.packed, grapherd.chunked, grapherd.packed_chunked, grapherd.until_close, grapherd.dripping]


@pytest.mark.parametrize("give", GIVEN, ids=lambda give: give.__name__)
def test_however_it_is_given(diffd, grapher, give):
    """Whole, packed, in chunks, up to the connection's end, byte by byte: the same diff."""
    pair = Pair(grapher, 3, edges=2000)
    grapher.give = give
    assert deliver(diffd, pair).status == 204
    assert pair.stored(diffd) == pair.diff


def test_409_is_accepted(diffd, grapher):
    """A grapher that has the graph already, or is making it, says 409."""
    pair = Pair(grapher, 4)
    for window in pair.both:
        grapher.script("POST", window, grapherd.answer(409, b'{"message":"exists"}\n'))
    assert deliver(diffd, pair).status == 204
    assert (pair.posts(), pair.gets()) == ([1, 1], [1, 1])


def test_side_by_side(diffd, grapher):
    """Both windows are asked for and fetched at the same time, and one is read while the other is still waited for."""
    pair = Pair(grapher, 5)
    edges = b"".join(grapherd.edge("n%d" % n, "n1", 443) for n in range(40000))  # more than any socket holds
    grapher.graphs[pair.next] = b"digraph {\n" + edges + b"}"
    asked = threading.Barrier(2, timeout=30)
    sent = threading.Event()

    def meet(exchange):
        asked.wait()
        return grapherd.answer(202)(exchange)

    def next_graph(exchange):
        grapherd.plain(exchange)
        sent.set()
        return True

    def previous_graph(exchange):
        return (grapherd.plain if sent.is_set() else grapherd.answer(204))(exchange)

    for window in pair.both:
        grapher.script("POST", window, meet)
    grapher.script("GET", pair.next, next_graph)
    grapher.script("GET", pair.previous, *[previous_graph] * 2000)
    assert deliver(diffd, pair).status == 204
    assert pair.stored(diffd).count(b'govpc_diff="ADDED"') == 40000


def test_redirected_get(diffd, grapher):
    """A grapher may send its clients to where the graph lies."""
    pair = Pair(grapher, 6)
    for window, name in zip(pair.both, ("a", "b")):
        grapher.graphs[(name, "")] = grapher.graphs[window]
        grapher.posts[(name, "")] = 1
        grapher.script("GET", window, grapherd.answer(302, b"over there\n", "Location: /elsewhere?start=" + name))
    assert deliver(diffd, pair).status == 204
    assert pair.stored(diffd) == pair.diff


def test_delivered_many_times_at_once(diffd, grapher):
    """Deliveries of a job that is at work join it: the grapher is asked once."""
    pair = Pair(grapher, 7)
    for window in pair.both:
        grapher.script("GET", window, *[grapherd.answer(204)] * 15)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: deliver(diffd, pair).status, range(6)))
    assert answers == [204] * 6
    assert pair.posts() == [1, 1]


# --- time ------------------------------------------------------------------------------------------------


def test_time_out(make, grapher):
    """When the time is over the job fails with the number of looks; the next delivery asks again."""
    diffd = make(GRAPHER_POLLING_TIMEOUT=300)
    pair = Pair(grapher, 8)
    grapher.script("GET", pair.previous, *[grapherd.answer(204)] * 1000)
    answer = deliver(diffd, pair)
    assert answer.status == 500
    assert re.search(r"previous graph, .*: request time out reached after \d+ attempt\(s\)", answer.body.decode()), answer
    failure = diffd.log("dependency-failure")[0]
    assert failure["dependency"] == "differ" and "request time out reached" in failure["reason"], failure
    assert_nothing_shows(diffd, pair)
    with grapher.lock:
        grapher.scripts.clear()
    assert deliver(diffd, pair).status == 204
    assert pair.posts() == [2, 2]


def test_zero_is_one_look(make, grapher):
    diffd = make(GRAPHER_POLLING_TIMEOUT=0)
    pair = Pair(grapher, 9)
    grapher.script("GET", pair.next, grapherd.answer(204))
    answer = deliver(diffd, pair)
    assert answer.status == 500 and b"request time out reached after 1 attempt(s)" in answer.body, answer
    assert grapher.gets[pair.next] == 1
    assert deliver(diffd, pair).status == 204


def test_minus_one_waits_without_end(make, grapher):
    diffd = make(GRAPHER_POLLING_TIMEOUT=-1, GRAPHER_POLLING_INTERVAL=1)
    pair = Pair(grapher, 10)
    for window in pair.both:
        grapher.script("GET", window, *[grapherd.answer(204)] * 200)
    assert deliver(diffd, pair).status == 204
    assert (pair.posts(), pair.gets()) == ([1, 1], [201, 201])


def test_hangs(make, grapher):
    """A grapher that does not answer a GET is waited for no longer than the time that was given."""
    diffd = make(GRAPHER_POLLING_TIMEOUT=500)
    pair = Pair(grapher, 11)
    grapher.script("GET", pair.previous, *[grapherd.hang] * 50)
    answer = deliver(diffd, pair)
    assert answer.status == 500 and b"request time out reached after 1 attempt(s)" in answer.body, answer
    assert_nothing_shows(diffd, pair)
    with grapher.lock:
        grapher.scripts.clear()
    assert deliver(diffd, pair).status == 204
    assert pair.posts() == [2, 2]


# --- a grapher that has trouble --------------------------------------------------------------------------


@pytest.mark.parametrize("status", [500, 502, 503])
def test_trouble_for_a_while(diffd, grapher, status):
    """500, 502 and 503 while polling are "not yet"; at the POST they are tried again at once."""
    pair = Pair(grapher, 12)
    grapher.script("POST", pair.previous, *[grapherd.answer(status, b"trouble\n")] * 2)
    grapher.script("GET", pair.previous, *[grapherd.answer(status, b"trouble\n")] * 13)
    assert deliver(diffd, pair).status == 204
    assert pair.stored(diffd) == pair.diff
    assert pair.posts() == [3, 1]
    assert pair.gets()[0] == 14
    trouble = diffd.log("grapher-trouble")
    assert [line["level"] for line in trouble] == ["warn"] + ["debug"] * (len(trouble) - 1) and str(status) in trouble[0]["reason"]


def test_trouble_at_the_post(diffd, grapher):
    """Where it goes on, the job fails with the answer's text, after one try and three retries."""
    pair = Pair(grapher, 13)
    grapher.script("POST", pair.previous, *[grapherd.answer(503, b"out of\norder\n")] * 4)
    answer = deliver(diffd, pair)
    assert answer.status == 500 and b"Received unexpected response from grapher 503: out of order" in answer.body, answer
    assert grapher.posts[pair.previous] == 4
    assert deliver(diffd, pair).status == 204


def test_refused_while_polling(diffd, grapher):
    """A grapher that is restarted while a job waits for it: the job goes on, and asks for nothing twice."""
    pair = Pair(grapher, 14)
    for window in pair.both:
        grapher.script("GET", window, *[grapherd.answer(204)] * 3)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        delivery = pool.submit(deliver, diffd, pair)
        wait_until(lambda: all(count >= 2 for count in pair.gets()))
        grapher.refuse()
        diffd.wait_for_log("grapher-trouble")
        time.sleep(0.3)
        grapher.listen()
        assert delivery.result(60).status == 204
    assert pair.stored(diffd) == pair.diff
    assert pair.posts() == [1, 1]


def test_refused_at_the_post(diffd, grapher):
    pair = Pair(grapher, 15)
    grapher.refuse()
    answer = deliver(diffd, pair)
    assert answer.status == 500 and b"GRAPHER_ENDPOINT" in answer.body, answer
    grapher.listen()
    assert deliver(diffd, pair).status == 204


def test_lost(diffd, grapher):
    """A 404 after the POST was accepted: the grapher lost the job, and is asked again, with a pause."""
    pair = Pair(grapher, 16)
    lost = grapherd.answer(404, b"never heard of it\n")
    grapher.script("GET", pair.next, grapherd.answer(204), lost, grapherd.answer(204), lost, grapherd.answer(204))
    started = time.monotonic()
    assert deliver(diffd, pair).status == 204
    assert time.monotonic() - started >= 0.3  # pauses of 100 and 200 ms
    assert (pair.posts(), pair.gets()) == ([1, 3], [1, 6])
    assert [line["reason"] for line in diffd.log("graph-lost")] == ["status 404: never heard of it"] * 2


def test_lost_for_good(make, grapher):
    diffd = make(GRAPHER_POLLING_TIMEOUT=400)
    pair = Pair(grapher, 17)
    grapher.script("GET", pair.previous, *[grapherd.answer(404, b"no\n")] * 100)
    answer = deliver(diffd, pair)
    assert answer.status == 500 and b"Received unexpected response while polling grapher 404: no" in answer.body, answer
    assert_nothing_shows(diffd, pair)


def test_refused_for_good(diffd, grapher):
    """What the grapher would refuse again is tried twice, then parked with the answer's text."""
    pair = Pair(grapher, 18)
    for window in pair.both:
        grapher.script("POST", window, *[grapherd.answer(400, b'{"message":"start is odd"}\n' + b"x" * 100000)] * 4)
    assert diffd.post(pair.windows.query).status == 202
    parked = diffd.wait_for_log("job-parked")[0]
    assert parked["failures"] == 2 and 'Received unexpected response from grapher 400: {"message":"start is odd"}' in parked["reason"], parked
    assert len(parked["reason"]) < 500
    assert diffd.get(pair.windows.query).status == 404
    assert max(pair.posts()) == 2


# --- bodies that are not what they should be ---------------------------------------------------------------

BROKEN = [grapherd.half, grapherd.half_chunked, grapherd.chunked_without_last, grapherd.half_packed, grapherd.half_until_close,
          grapherd.longer_than_said, grapherd.shorter_than_said]  # fmt: skip


@pytest.mark.parametrize("side", ["previous", "next"])
@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
def test_broken_body(diffd, grapher, broken, side):
    """Half a body, one that lies about its length: the job fails, nothing shows, and the next delivery asks again."""
    pair = Pair(grapher, 19, edges=400)
    grapher.script("GET", getattr(pair, side), broken)
    answer = deliver(diffd, pair)
    assert answer.status == 500 and side.encode() in answer.body, answer
    assert_nothing_shows(diffd, pair)
    assert deliver(diffd, pair).status == 204
    assert pair.stored(diffd) == pair.diff
    # The window beside the broken one may have been let go before it was looked at.
    assert pair.posts() == [2, 2] and sum(pair.gets()) in (3, 4), (pair.posts(), pair.gets())
    diffd.wait_for_rest()


@pytest.mark.parametrize("broken", [grapherd.reset, grapherd.no_http], ids=lambda broken: broken.__name__)
def test_broken_head(diffd, grapher, broken):
    """An answer without a whole head is none: the grapher is asked again soon, within the same job."""
    pair = Pair(grapher, 20)
    grapher.script("GET", pair.previous, *[broken] * 9)
    assert deliver(diffd, pair).status == 204
    assert pair.posts() == [1, 1]
    assert grapher.gets[pair.previous] == 10


def test_broken_graph_after_changes(diffd, grapher):
    """A fault behind a hundred thousand ADDED lines: none of them is ever visible."""
    pair = Pair(grapher, 21)
    edges = b"".join(grapherd.edge("n%d" % (n % 9999), "m%d" % n, 443) for n in range(30000))
    grapher.graphs[pair.previous] = b"digraph {\n}"
    grapher.graphs[pair.next] = b"digraph {\n" + edges + b"\ta -> -> b\n}"
    seen = []
    done = threading.Event()

    def watch():
        while not done.is_set():
            seen.extend(path.name for path in (diffd.data / "diffs").iterdir())
            seen.extend(str(status) for status in [diffd.get(pair.windows.query).status] if status not in (204, 404))
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    answer = deliver(diffd, pair)
    done.set()
    watcher.join()
    assert answer.status == 500 and b"next:30002:" in answer.body, answer
    assert seen == []
    assert_nothing_shows(diffd, pair)
    grapher.graphs[pair.next] = b"digraph {\n" + edges + b"}"
    assert deliver(diffd, pair).status == 204
    assert pair.posts() == [2, 2]


def test_error_page_instead_of_a_graph(diffd, grapher):
    """A 200 that is an HTML page, or empty: named, not stored, and parked after two tries."""
    pair = Pair(grapher, 22)
    grapher.graphs[pair.next] = b"<html><body>It works!</body></html>"
    assert diffd.post(pair.windows.query).status == 202
    parked = diffd.wait_for_log("job-parked")[0]
    assert parked["failures"] == 2 and "next:1:1" in parked["reason"], parked
    assert_nothing_shows(diffd, pair)
    assert pair.posts() == [2, 2]
    other = Pair(grapher, 23)
    grapher.graphs[other.previous] = b""
    answer = deliver(diffd, other)
    assert answer.status == 500 and b"previous" in answer.body, answer


# --- being told to stop ------------------------------------------------------------------------------------


def test_stopped_while_polling(diffd, grapher):
    """SIGTERM while a job waits for the grapher: exit 0 soon, and the job is resumed after the restart."""
    pair = Pair(grapher, 24)
    for window in pair.both:
        grapher.script("GET", window, *[grapherd.answer(204)] * 3, *[grapherd.hang] * 2)
    assert diffd.post(pair.windows.query).status == 202
    wait_until(lambda: all(count >= 4 for count in pair.gets()))
    started = time.monotonic()
    assert diffd.stop() == 0
    assert time.monotonic() - started < 10
    stopped = diffd.log("service-stopped")[0]
    assert stopped["cancelled_jobs"] == 0 and diffd.log("job-given-back"), diffd.log()[-5:]
    with grapher.lock:
        grapher.scripts.clear()
    diffd.start()
    assert diffd.wait_for_diff(pair.windows.query) == pair.diff
    assert pair.posts() == [2, 2]
    assert diffd.wait_for_log("job-done")[0]["failures"] == 0


def test_stopped_while_a_body_comes(diffd, grapher):
    """A graph that comes already is taken to its end within the drain, and the diff is stored."""
    pair = Pair(grapher, 25, edges=500)
    stopping = threading.Event()

    def slowly(exchange):
        body = exchange.graph
        exchange.head(200, "Content-Length: %d" % len(body))
        exchange.send(body[:1000])
        assert stopping.wait(30)
        exchange.send(body[1000:])
        return True

    grapher.script("GET", pair.previous, slowly)
    assert diffd.post(pair.windows.query).status == 202
    diffd.wait_for_log("graph-fetched")  # next
    wait_until(lambda: len(diffd.log("graph-ready")) == 2)
    diffd.process.terminate()
    diffd.wait_for_log("service-stopping")
    time.sleep(0.3)
    stopping.set()
    assert diffd.process.wait(60) == 0
    assert pair.stored(diffd) == pair.diff
    assert pair.posts() == [1, 1]


def hang_up_while(service, pair, condition):
    """Delivers a job, and closes the connection once the condition holds."""
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        body = pair.event.encode()
        connection.sendall(b"POST /t/e HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        wait_until(condition)


def test_caller_hangs_up_while_polling(diffd, grapher):
    """Nobody waits for the answer of a worker's POST any more: the polling stops; a new delivery begins afresh."""
    pair = Pair(grapher, 26)
    for window in pair.both:
        grapher.script("GET", window, *[grapherd.answer(204)] * 10000)
    hang_up_while(diffd, pair, lambda: all(count >= 3 for count in pair.gets()))
    diffd.wait_for_log("job-given-back")
    before = pair.gets()
    time.sleep(0.3)
    assert pair.gets() == before
    assert_nothing_shows(diffd, pair)
    with grapher.lock:
        grapher.scripts.clear()
    assert deliver(diffd, pair).status == 204
    assert pair.posts() == [2, 2]


def test_killed_while_polling(diffd, grapher):
    """kill -9 while a job waits for the grapher: the job is done after the restart."""
    pair = Pair(grapher, 27)
    grapher.script("GET", pair.next, *[grapherd.answer(204)] * 3, *[grapherd.hang] * 1)
    assert diffd.post(pair.windows.query).status == 202
    wait_until(lambda: grapher.gets[pair.next] >= 4)
    diffd.kill()
    diffd.start()
    assert diffd.wait_for_diff(pair.windows.query) == pair.diff
    assert pair.posts() == [2, 2]


# --- what takes its time: begun before the other tests, looked at after them ---------------------------------


@pytest.fixture(scope="module", autouse=True)
def slow_cases(tmp_path_factory):
    """A service whose grapher goes silent within a body, and one whose grapher never ends one and which is told to stop."""
    server = grapherd.Grapherd()
    silent = Pair(server, 28)
    server.script("GET", silent.previous, grapherd.hang_in_body)
    endless = Pair(server, 29)
    server.script("GET", endless.next, grapherd.endless)
    with Service(tmp_path_factory.mktemp("silent"), **settings(server.url)) as waits, Service(
        tmp_path_factory.mktemp("endless"), **settings(server.url, DIFF_MEMORY_LIMIT="32MiB", DIFF_WORKERS=1)
    ) as stops, concurrent.futures.ThreadPoolExecutor(1) as pool:
        delivery = pool.submit(lambda: waits.post("/t/e", silent.event, timeout=180))
        yield {"server": server, "silent": silent, "waits": waits, "delivery": delivery, "endless": endless, "stops": stops}
        server.close()


def resident_bytes(pid):
    with open("/proc/%d/status" % pid) as file:
        return int(re.search(r"VmRSS:\s+(\d+) kB", file.read())[1]) * 1024


def test_never_ends(slow_cases):
    """A graph without an end does not grow memory; a service that is told to stop gives it 30 s, then exits with 0."""
    server, pair, service = slow_cases["server"], slow_cases["endless"], slow_cases["stops"]
    assert service.post(pair.windows.query).status == 202
    wait_until(lambda: server.endless_bytes > 20 << 20)
    before = resident_bytes(service.process.pid)
    wait_until(lambda: server.endless_bytes > 100 << 20)
    assert resident_bytes(service.process.pid) - before < 40 << 20
    started = time.monotonic()
    assert service.stop() == 0
    assert 20 < time.monotonic() - started < 50
    assert service.log("service-stopped")[0]["cancelled_jobs"] == 1
    assert server.endless_ended.wait(10)
    assert_nothing_shows(service, pair)
    service.start()
    assert service.wait_for_diff(pair.windows.query) == pair.diff


def test_silent_body(slow_cases):
    """A body that goes silent fails after its stall time-out of a minute; the next delivery asks again."""
    pair, service = slow_cases["silent"], slow_cases["waits"]
    answer = slow_cases["delivery"].result(180)
    assert answer.status == 500 and b"previous graph" in answer.body, answer
    assert_nothing_shows(service, pair)
    assert service.post("/t/e", pair.event).status == 204
    assert pair.posts() == [2, 2]
    assert pair.stored(service) == pair.diff


# --- settings ------------------------------------------------------------------------------------------------


def faults(tmp_path, **env):
    result = run(tmp_path, "serve", env={**MODULES, "DIFF_DATA_DIR": tmp_path / "data", **env})
    assert result.status == 2
    return result.text


def test_missing_settings(tmp_path):
    """The endpoint needs interval and time-out, and these need it; all are told at once."""
    text = faults(tmp_path, GRAPHER_ENDPOINT="http://127.0.0.1:1")
    assert "GRAPHER_POLLING_INTERVAL" in text and "GRAPHER_POLLING_TIMEOUT" in text
    text = faults(tmp_path, GRAPHER_POLLING_TIMEOUT=5)
    assert "GRAPHER_ENDPOINT" in text and "VPC_FLOW_LOGS_DIR" in text


@pytest.mark.parametrize("name, value", [("GRAPHER_ENDPOINT", "grapher:80"), ("GRAPHER_ENDPOINT", "ftp://grapher/"), ("GRAPHER_POLLING_INTERVAL", "1s"),
                                         ("GRAPHER_POLLING_TIMEOUT", "-2"), ("GRAPHER_POLLING_TIMEOUT", "soon")])  # fmt: skip
def test_bad_settings(tmp_path, name, value):
    assert name in faults(tmp_path, **{**settings("http://127.0.0.1:1"), name: value})


def test_two_graphers(tmp_path):
    text = faults(tmp_path, **settings("http://127.0.0.1:1", VPC_FLOW_LOGS_DIR=tmp_path))
    assert "GRAPHER_ENDPOINT and VPC_FLOW_LOGS_DIR are both set" in text
