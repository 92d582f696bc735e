# API and workers on many machines, around a NATS JetStream or an HTTP event bus that does its worst: every job is done, once in effect.
# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import json
import pathlib
import random
import subprocess
import sys
import time

import graphs
import grapherd
import pytest
import reference
from harness import SLOW, Service, Windows, wait_until, write_windows
from nats import SERVER, Nats
from rgw import die_with_parent, free_ports
from tap import Tap

SUBJECT = "vpc.diffs"
STREAM, DEAD_STREAM = "vpc_diffs", "vpc_diffs_DEAD"


class Pair:
    """Two windows whose graphs the grapher has, and the diff that they make."""

    def __init__(self, grapher, number, edges=30):
        rng = random.Random(number)
        graph = graphs.random_graph(rng, edges)
        before, after = graphs.canonical(graph), graphs.canonical(graphs.changed(rng, graph))
        windows = Windows(number)
        self.query, self.id, times = windows.query, windows.id, windows.times
        self.both = (times[0], times[1]), (times[2], times[3])
        grapher.graphs.update(zip(self.both, (before, after)))
        self.diff = reference.diff(before, after)


class Machines:
    """APIs, workers, a grapher and one pair of buckets; whatever they ask of S3 is counted."""

    def __init__(self, folder, rgw, timeout_ms):
        self.folder, self.rgw = folder, rgw
        self.storage, self.marks = rgw.bucket("diffs"), rgw.bucket("marks")
        self.tap = Tap(rgw.port)
        self.grapher = grapherd.Grapherd()
        self.environment = rgw.environment(self.storage, self.marks, timeout_ms, AWS_ENDPOINT_URL_S3=self.tap.url)
        del self.environment["STREAM_APPLIANCE_ENDPOINT"]
        self.apis, self.workers, self.all = [], [], []

    def close(self):
        for one in self.all:
            one.__exit__()
        self.grapher.close()
        self.tap.close()

    def add(self, into, name, **env):
        service = Service(self.folder / name, **{**self.environment, **env})
        self.all.append(service)
        into.append(service.start())
        return service

    def add_api(self, queue):
        return self.add(self.apis, "api%d" % len(self.apis), DIFF_ROLE="api", STREAM_APPLIANCE_ENDPOINT=queue)

    def add_worker(self, queue=None):
        """A worker, whose questions to the grapher bear its name."""
        name = "worker%d" % len(self.workers)
        return self.add(self.workers, name, DIFF_ROLE="worker", STREAM_APPLIANCE_ENDPOINT=queue, DIFF_WORKERS=2,
                        GRAPHER_ENDPOINT="%s/%s" % (self.grapher.url, name), GRAPHER_POLLING_INTERVAL=50,
                        GRAPHER_POLLING_TIMEOUT=-1)  # fmt: skip

    def keys(self, bucket):
        return [o["Key"] for o in self.rgw.client().list_objects_v2(Bucket=bucket).get("Contents", [])]

    def puts(self, pair):
        return self.tap.requests["PUT", "/%s/%s.dot" % (self.storage, pair.id)]

    def grapher_posts(self, pair, worker=""):
        """How often the grapher was asked to make the pair's first graph."""
        with self.grapher.lock:
            requests = list(self.grapher.requests)
        names = [target.split("/")[1].split("?")[0] for method, target, _ in requests
                 if method == "POST" and pair.both[0][0].replace(":", "%3A") in target.split("start=")[1].split("&")[0]]  # fmt: skip
        return sum(name.startswith(worker) for name in names)

    def check(self, pair):
        """The diff is there for every API, and in the bucket, to the byte."""
        for api in self.apis:
            assert api.wait_for_diff(pair.query) == pair.diff
        stored = self.rgw.client().get_object(Bucket=self.storage, Key=pair.id + ".dot")["Body"].read()
        assert stored == pair.diff


@pytest.fixture
def nats(tmp_path):
    (tmp_path / "nats").mkdir()
    server = Nats(tmp_path / "nats")
    yield server
    server.kill()


@pytest.fixture
def make_machines(tmp_path, rgw):
    made = []

    def make(timeout_ms=600000):
        made.append(Machines(tmp_path, rgw, timeout_ms))
        return made[-1]

    yield make
    for one in made:
        one.close()


def hold(grapher, window):
    """Lets the grapher make the graph of this window for as long as nobody calls what this returns."""
    released = []

    def not_yet(exchange):
        if released:
            return grapherd.plain(exchange)
        grapher.script("GET", window, not_yet)
        return grapherd.answer(204)(exchange)

    grapher.script("GET", window, not_yet)
    return lambda: released.append(True)


def post_everywhere(machines, pair):
    """POSTs to all APIs at the same time: what is not taken is in progress already."""
    with concurrent.futures.ThreadPoolExecutor(len(machines.apis)) as pool:
        answers = list(pool.map(lambda api: api.post(pair.query).status, machines.apis))
    assert set(answers) <= {202, 409} and 202 in answers, answers


def worker_of(machines, pair):
    """The number of the worker that asked for the pair's graphs."""
    names = [worker.home.name for worker in machines.workers]
    wait_until(lambda: machines.grapher_posts(pair), what="a worker to begin")
    return next(i for i, name in enumerate(names) if machines.grapher_posts(pair, name))


# --- NATS JetStream --------------------------------------------------------------------------------------------


def test_nats(nats, make_machines):
    """Two APIs, three workers; one worker is killed at work and the server restarted: every job is done, and only what
    the dead worker had in hand is made twice."""
    machines = make_machines(timeout_ms=18000)
    queue = nats.url(SUBJECT)
    for _ in range(2):
        machines.add_api(queue)
    for _ in range(3):
        machines.add_worker(queue)
    pairs = [Pair(machines.grapher, number) for number in range(12)]
    release = hold(machines.grapher, pairs[0].both[0])
    for pair in pairs:
        post_everywhere(machines, pair)
    victim = worker_of(machines, pairs[0])
    name = machines.workers[victim].home.name
    machines.workers[victim].kill()
    at_work = {pair.id for pair in pairs if machines.grapher_posts(pair, name)}
    nats.kill()
    nats.start()
    release()
    for pair in pairs:
        machines.check(pair)
    wait_until(lambda: machines.keys(machines.marks) == [], what="the marks to be removed")
    wait_until(lambda: nats.count(STREAM) == 0, what="the stream to be empty")
    assert sorted(machines.keys(machines.storage)) == sorted(pair.id + ".dot" for pair in pairs)
    assert pairs[0].id in at_work and machines.grapher_posts(pairs[0]) == 2 and machines.puts(pairs[0]) == 1
    for pair in pairs[1:]:
        most = 2 if pair.id in at_work else 1
        assert 1 <= machines.puts(pair) <= most and 1 <= machines.grapher_posts(pair) <= most, pair.id
    assert nats.count(DEAD_STREAM) == 0


def test_nats_repeats(nats, make_machines):
    """A repeated POST of one mark is dropped, whichever API gets it; after the mark's time-out it is a new try."""
    machines = make_machines(timeout_ms=1500)
    for _ in range(2):
        machines.add_api(nats.url(SUBJECT))
    pair = Pair(machines.grapher, 0)
    # Where the number of the present time-out changes between two POSTs, both count: then once more.
    for _ in range(10):
        began = int(time.time() / 1.5)
        post_everywhere(machines, pair)
        machines.rgw.client().delete_object(Bucket=machines.marks, Key=pair.id + "_in_progress")
        assert machines.apis[1].post(pair.query).status == 202  # the mark was lost, the job was not
        count = nats.count(STREAM)
        if int(time.time() / 1.5) == began:
            break
        nats.api("STREAM.PURGE." + STREAM)
        wait_until(lambda: machines.apis[0].get(pair.query).status == 404, what="the mark to be too old")
    assert count == 1
    wait_until(lambda: machines.apis[0].get(pair.query).status == 404, what="the mark to be too old")
    assert machines.apis[0].post(pair.query).status == 202
    assert nats.count(STREAM) == 2
    # Two messages, and yet one diff. (Nobody renews the mark of what no worker has in hand.)
    machines.add_worker(nats.url(SUBJECT))
    wait_until(lambda: machines.apis[0].get(pair.query).status == 200, what="the diff to be made")
    machines.check(pair)
    wait_until(lambda: nats.count(STREAM) == 0, what="the stream to be empty")
    wait_until(lambda: machines.keys(machines.marks) == [], what="the mark to be removed")
    assert machines.puts(pair) == 1 and machines.grapher_posts(pair) == 1


def test_nats_handed_back(nats, make_machines):
    """SIGTERM hands the job back at once: the server would have waited for an hour."""
    machines = make_machines()
    machines.add_api(nats.url(SUBJECT))
    nats.api("CONSUMER.DURABLE.CREATE.%s.vpcflow-diffd" % STREAM,
             {"stream_name": STREAM, "config": {"durable_name": "vpcflow-diffd", "ack_policy": "explicit",
                                                "ack_wait": 3600 * 10**9}})  # fmt: skip
    first = machines.add_worker(nats.url(SUBJECT))
    pair = Pair(machines.grapher, 0)
    release = hold(machines.grapher, pair.both[0])
    post_everywhere(machines, pair)
    assert worker_of(machines, pair) == 0
    second = machines.add_worker(nats.url(SUBJECT))
    assert first.stop() == 0
    assert first.log("job-given-back")
    second.wait_for_log("job-started")
    release()
    machines.check(pair)
    wait_until(lambda: nats.count(STREAM) == 0, what="the stream to be empty")
    assert machines.keys(machines.marks) == []


def test_nats_dead_letter(nats, make_machines):
    """A job that fails for good reaches the dead-letter subject with its reason, is listed, and can be tried again."""
    machines = make_machines()
    api = machines.add_api(nats.url(SUBJECT))
    worker = machines.add_worker(nats.url(SUBJECT))
    pair = Pair(machines.grapher, 0)
    good = machines.grapher.graphs[pair.both[1]]
    machines.grapher.graphs[pair.both[1]] = b"<html>not a graph</html>"
    post_everywhere(machines, pair)
    (parked,) = worker.wait_for_log("job-parked")
    wait_until(lambda: api.get(pair.query).status == 404, what="the mark to be removed")
    headers, body = nats.last(DEAD_STREAM, SUBJECT + ".dead")
    letter = json.loads(body)
    assert letter["id"] == parked["diff_id"] == pair.id and letter["failures"] == parked["failures"] == 2
    assert letter["reason"] == parked["reason"] and "next:1:1" in letter["reason"], letter
    assert "Diffd-Reason: " + letter["reason"] in headers.replace("\r\n", "\n")
    assert nats.count(STREAM) == 0
    listed = worker.cli("jobs", "--json")
    assert listed.status == 0, listed
    (entry,) = json.loads(listed.out)
    assert entry["id"] == pair.id and entry["state"] == "parked" and entry["reason"] == letter["reason"]
    assert pair.id in worker.cli("jobs").out.decode()
    assert worker.cli("jobs", "retry", "nobody-knows-it").status == 2
    machines.grapher.graphs[pair.both[1]] = good
    assert worker.cli("jobs", "retry", pair.id).status == 0
    deadline = time.monotonic() + SLOW
    while api.get(pair.query).status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    machines.check(pair)
    assert nats.count(DEAD_STREAM) == 0 and json.loads(worker.cli("jobs", "--json").out) == []


def test_nats_away(nats, make_machines):
    """Without the server a POST is a 500 that leaves no mark and says why in the log; it comes back by itself."""
    machines = make_machines()
    api = machines.add_api(nats.url(SUBJECT))
    worker = machines.add_worker(nats.url(SUBJECT))
    pair = Pair(machines.grapher, 0)
    nats.kill()
    answer = api.post(pair.query)
    assert answer.status == 500 and answer.message == "Internal Server Error"
    (line,) = api.wait_for_log("dependency-failure")
    assert line["dependency"] == "queuer" and "NATS" in line["reason"], line
    assert machines.keys(machines.marks) == [] and api.get(pair.query).status == 404
    worker.wait_for_log("dependency-failure")
    nats.start()
    wait_until(lambda: api.post(pair.query).status == 202, what="the connection to come back")
    machines.check(pair)
    # A service that starts before its server waits for it, too.
    nats.kill()
    late = machines.add_api(nats.url(SUBJECT))
    assert late.log("dependency-failure")
    nats.start()
    another = Pair(machines.grapher, 1)
    wait_until(lambda: late.post(another.query).status == 202, what="the connection to be made")
    machines.check(another)


def test_nats_tls(tmp_path, make_service):
    """tls:// takes a server with a certificate that the machine trusts for that host, and no other."""

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=tmp_path, check=True, capture_output=True, timeout=SLOW)

    new = ("-newkey", "rsa:2048", "-nodes")
    (tmp_path / "names").write_text("subjectAltName=DNS:localhost\n")
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=the tests", "-days", "2")
    openssl("req", *new, "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=localhost")
    openssl("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "cert.pem",
            "-days", "2", "-extfile", "names")  # fmt: skip
    (port,) = free_ports(1)
    command = [SERVER, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", tmp_path / "nats", "-l", tmp_path / "nats.log",
               "--tls", "--tlscert", tmp_path / "cert.pem", "--tlskey", tmp_path / "key.pem"]  # fmt: skip
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
    try:
        wait_until(lambda: "Server is ready" in (tmp_path / "nats.log").read_text() if (tmp_path / "nats.log").exists() else False)
        environment = {"DIFF_STORAGE": "embedded", "DIFF_MARKER": "embedded", "SSL_CERT_FILE": tmp_path / "ca.pem"}

        def start(name, url, **more):
            service = make_service(name, STREAM_APPLIANCE_ENDPOINT=url % port, **{**environment, **more})
            service.env["VPC_FLOW_LOGS_DIR"] = service.logs
            return service

        windows = Windows(0)
        good = start("good", "tls://localhost:%d/diffs").start()
        write_windows(good.logs, windows)
        assert good.post(windows.query).status == 202 and good.wait_for_diff(windows.query)
        for name, url, certificates in (("host", "tls://127.0.0.1:%d/diffs", "ca.pem"), ("ca", "tls://localhost:%d/diffs", "names")):
            bad = start(name, url, SSL_CERT_FILE=tmp_path / certificates).spawn()
            assert bad.process.wait(SLOW) == 2
            assert b"certificate" in bad.stderr() and b"STREAM_APPLIANCE_ENDPOINT" in bad.stderr(), bad.stderr()
    finally:
        server.kill()
        server.wait(SLOW)


# --- an HTTP event bus -----------------------------------------------------------------------------------------


class HttpBus:
    def __init__(self, folder):
        (self.port,) = free_ports(1)
        self.journal, self.workers = folder / "bus.journal", folder / "bus.workers"
        self.workers.write_text("")
        self.starts = 0

    def start(self):
        program = pathlib.Path(__file__).with_name("http_bus.py")
        self.starts += 1
        self.process = subprocess.Popen([sys.executable, program, str(self.port), self.journal, self.workers, str(self.starts)],
                                        stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)  # fmt: skip

    def kill(self):
        self.process.kill()
        self.process.wait(SLOW)

    @property
    def url(self):
        return "http://127.0.0.1:%d/jobs" % self.port

    def to_be_delivered(self):
        lines = [json.loads(line) for line in self.journal.read_text().split("\n")[:-1] if line]
        return sum(2 if line[0] == "message" else -1 for line in lines)


@pytest.fixture
def http_bus(tmp_path):
    bus = HttpBus(tmp_path)
    bus.start()
    yield bus
    bus.kill()


def test_http_bus(http_bus, make_machines):
    """The same behind a bus that delivers late, twice and out of order: one worker is killed at work, the bus is killed
    and started again, and every job is done."""
    machines = make_machines(timeout_ms=18000)
    for _ in range(2):
        machines.add_api(http_bus.url)
    for _ in range(3):
        machines.add_worker()
    http_bus.workers.write_text("\n".join("http://127.0.0.1:%d" % worker.port for worker in machines.workers))
    pairs = [Pair(machines.grapher, number) for number in range(12)]
    release = hold(machines.grapher, pairs[0].both[0])
    for number, pair in enumerate(pairs):
        wait_until(lambda: machines.apis[number % 2].post(pair.query).status in (202, 409), what="the bus to listen")
        assert machines.apis[1 - number % 2].post(pair.query).status in (409, 202)
    victim = worker_of(machines, pairs[0])
    machines.workers[victim].kill()
    http_bus.kill()
    http_bus.start()
    wait_until(lambda: machines.grapher_posts(pairs[0]) > 1, what="another worker to begin the dead one's job")
    release()
    for pair in pairs:
        machines.check(pair)
    wait_until(lambda: http_bus.to_be_delivered() == 0, what="the bus to have delivered everything")
    wait_until(lambda: machines.keys(machines.marks) == [], what="the marks to be removed")
    assert sorted(machines.keys(machines.storage)) == sorted(pair.id + ".dot" for pair in pairs)
    # Each was delivered twice, and once more where the worker or the bus died under it; only deliveries that overlap on
    # two machines are made twice.
    for pair in pairs:
        assert 1 <= machines.puts(pair) <= machines.grapher_posts(pair) <= 4, pair.id
    for worker in machines.workers[:victim] + machines.workers[victim + 1 :]:
        assert worker.stop() == 0


def test_http_bus_away(make_machines, tmp_path):
    """Without the bus a POST is a 500 that leaves no mark, and the log says why."""
    machines = make_machines()
    bus = HttpBus(tmp_path)
    api = machines.add_api(bus.url)
    pair = Pair(machines.grapher, 0)
    assert api.post(pair.query).status == 500
    (line,) = api.wait_for_log("dependency-failure")
    assert line["dependency"] == "queuer"
    assert machines.keys(machines.marks) == [] and api.get(pair.query).status == 404


# --- roles -----------------------------------------------------------------------------------------------------


def test_roles_answer_their_own(nats, make_machines):
    """What a role switches off answers 404, and nobody has to set what only the other one needs."""
    machines = make_machines()
    api, worker = machines.add_api(nats.url(SUBJECT)), machines.add_worker()
    pair = Pair(machines.grapher, 0)
    event = json.dumps(Windows(0).event)
    assert api.post("/topic/event", event).status == 404
    assert worker.get(pair.query).status == 404 and worker.post(pair.query).status == 404
    assert worker.get(pair.query).body == b"404 page not found\n"
    assert worker.post("/topic/event", event).status == 204
    assert api.get(pair.query).body == pair.diff
