# Stats on the wire: a strict listener parses every datagram of the real program.
# SPDX-License-Identifier: Apache-2.0
import http.client
import json
import socket
import struct

import pytest
from harness import SLOW, Windows, query, wait_until, write_windows
from statsd import Agent

STATES = ("new", "active", "idle", "closed", "hijacked")
CONNSTATE = "http.server.connstate."


@pytest.fixture
def agent():
    with Agent() as started:
        yield started


def settings(agent, **more):
    return {"RUNTIME_STATS_OUTPUT": "DATADOG", "RUNTIME_STATS_DATADOG_ADDRESS": agent.address, **more}


def counts(agent):
    return {state: agent.count(CONNSTATE + state) for state in STATES}


def connect(service):
    return socket.create_connection(("127.0.0.1", service.port), SLOW)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def hear(connection, answers, seen=b""):
    while seen.count(b"404 page not found\n") < answers:
        more = connection.recv(65536)
        assert more, seen
        seen += more


def test_counters_of_connections(agent, make_service):
    """Each change of a connection is counted once, whatever the client does; all is flushed at the stop."""
    service = make_service(**settings(agent, RUNTIME_STATS_DATADOG_FLUSHINTERVAL="1h")).start()
    kept = http.client.HTTPConnection("127.0.0.1", service.port, timeout=SLOW)
    for _ in range(3):  # keep-alive
        kept.request("GET", "/x")
        kept.getresponse().read()
    kept.close()
    service.get("/x", headers={"Connection": "close"})  # never idle
    connect(service).close()  # never sends
    reset(connect(service))
    pipelined = connect(service)
    pipelined.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n" * 4)
    hear(pipelined, 4)
    reset(pipelined)
    cut = connect(service)  # abrupt, in the middle of a body
    cut.sendall(b"POST /x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n")
    assert b" 100 " in cut.recv(4096)  # what a reset overtakes was never a request
    cut.sendall(b"ab")
    wait_until(lambda: len(service.log("access")) == 8, what="the requests that were sent whole")
    reset(cut)
    wait_until(lambda: len(service.log("access")) == 9, what="the one that was cut")
    assert agent.packets == [], "the interval is not over"
    assert service.stop() == 0
    wait_until(lambda: agent.count(CONNSTATE + "closed") >= 6, what="the flush at the stop")
    assert counts(agent) == {"new": 6, "active": 9, "idle": 7, "closed": 6, "hijacked": 0}
    for state in ("new", "active", "idle"):
        assert agent.gauge(CONNSTATE + state + ".gauge") == 0


def test_gauges_every_interval(agent, make_service):
    """The gauges say how many connections are in each state, over and over, also of one whose job is at work."""
    service = make_service(
        **settings(agent, RUNTIME_STATS_DATADOG_FLUSHINTERVAL="20ms", RUNTIME_CONNSTATE_REPORTINTERVAL="20ms"),
        VPC_FLOW_LOGS_DELAY="8760h",
    ).start()

    def wait_for(new, active, idle):
        expected = {"new": new, "active": active, "idle": idle}
        wait_until(lambda: {s: agent.gauge(CONNSTATE + s + ".gauge") for s in expected} == expected, what=str(expected))

    wait_for(0, 0, 0)
    silent, idle, worker = connect(service), connect(service), connect(service)
    idle.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
    hear(idle, 1)
    event = json.dumps({**Windows(0).event, "nextStop": "2999-01-01T00:00:00Z"}).encode()  # waits for its logs
    worker.sendall(b"POST /t/e HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(event), event))
    wait_for(1, 1, 1)
    seen = len(agent.lines(CONNSTATE + "active.gauge"))
    wait_until(lambda: len(agent.lines(CONNSTATE + "active.gauge")) >= seen + 3, what="further reports")
    reset(silent)
    wait_for(0, 1, 1)
    reset(worker)  # its job is not started, and the connection is gone
    wait_for(0, 0, 1)
    idle.close()
    wait_for(0, 0, 0)
    assert service.stop() == 0


def test_names_are_the_environments(agent, make_service):
    """Each counter and gauge bears the name that its variable gives it."""
    names = {
        "RUNTIME_CONNSTATE_%s" % variable: "my.%s" % variable.lower()
        for variable in ("NEWCOUNTER", "ACTIVECOUNTER", "IDLECOUNTER", "CLOSEDCOUNTER", "HIJACKEDCOUNTER", "NEWGAUGE", "ACTIVEGAUGE", "IDLEGAUGE")
    }
    service = make_service(**settings(agent, **names)).start()
    service.get("/x")
    kept = connect(service)
    kept.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
    hear(kept, 1)
    assert service.stop() == 0
    wait_until(lambda: agent.gauge("my.idlegauge") is not None, what="the flush at the stop")
    assert agent.count("my.newcounter") == agent.count("my.closedcounter") == agent.count("my.activecounter") == 2
    assert agent.count("my.idlecounter") == 2
    assert agent.gauge("my.newgauge") == agent.gauge("my.activegauge") == 0
    assert not [line for line in agent.lines() if line.name.startswith("http.server.connstate")]
    kept.close()


def test_tags_and_packet_size(agent, make_service):
    """Static tags stand on every line, after the line's own; no datagram is larger than PACKETSIZE."""
    service = make_service(
        **settings(agent, RUNTIME_STATS_DATADOG_TAGS="env:test  team:a,b|c", RUNTIME_STATS_DATADOG_PACKETSIZE="0x100"),
    ).start()
    for _ in range(30):
        service.get("/x")
    assert service.stop() == 0
    wait_until(lambda: agent.count("http.server.requests") == 30, what="the flush at the stop")
    assert all(line.tags[-2:] == ["env:test", "team:a_b_c"] for line in agent.lines())
    assert agent.lines("http.server.requests")[0].tags[:-2] == ["method:GET", "route:none", "status:404"]
    assert max(len(packet) for packet in agent.packets) <= 256
    assert len(agent.packets) > 10


def test_requests_and_jobs(agent, make_service):
    """Requests are counted and timed by method, route and status; jobs by how they ended."""
    service = make_service(**settings(agent), DIFF_WORKERS="1").start()
    windows, broken = Windows(0), Windows(50)
    write_windows(service.logs, windows)
    for path in write_windows(service.logs, broken):
        path.write_bytes(path.read_bytes()[:-9])  # a gzip member that does not end
    assert service.post(windows.query).status == 202
    service.wait_for_diff(windows.query)
    assert service.post(windows.query).status == 409
    service.wait_for_rest()
    assert service.post("/t/e", json.dumps(broken.event)).status == 500
    service.request("BREW", "/")
    assert service.stop() == 0
    wait_until(lambda: agent.count("diffd.jobs.failed") == 1, what="the flush at the stop")

    def requests(*tags):
        return sum(line.value for line in agent.lines("http.server.requests") if line.tags == list(tags))

    assert requests("method:POST", "route:api", "status:202") == 1
    assert requests("method:POST", "route:api", "status:409") == 1
    assert requests("method:GET", "route:api", "status:200") == 1
    assert requests("method:POST", "route:worker", "status:500") == 1
    assert requests("method:other", "route:api", "status:405") == 1
    assert len(agent.lines("http.server.latency")) == len(agent.lines("http.server.requests"))
    assert all(line.kind == "ms" and line.value >= 0 for line in agent.lines("http.server.latency"))
    assert agent.count("diffd.jobs.done") == 1
    assert [line.kind for line in agent.lines("diffd.jobs.duration")] == ["ms"]
    assert agent.lines("diffd.jobs.failed")[0].tags == ["dependency:differ"]


def test_the_gauge_of_the_queue(agent, make_service):
    """How many jobs wait or run is told every interval."""
    service = make_service(
        **settings(agent, RUNTIME_STATS_DATADOG_FLUSHINTERVAL="20ms", RUNTIME_CONNSTATE_REPORTINTERVAL="20ms"),
    ).start()
    wait_until(lambda: agent.gauge("diffd.jobs.pending") == 0, what="an empty queue")
    for hour in range(3):  # of the far future: their logs are not complete yet
        times = ["2999-01-01T%02d:00:00Z" % (hour + more) for more in (0, 1, 1, 2)]
        assert service.post(query(*times)).status == 202
    wait_until(lambda: agent.gauge("diffd.jobs.pending") == 3, what="three jobs")
    assert service.stop() == 0


@pytest.mark.parametrize("output", ["NULLSTAT", "NULL", "null"])
def test_no_output(agent, make_service, output):
    """NULLSTAT, and NULL as the original really calls it, send nothing."""
    service = make_service(**{**settings(agent), "RUNTIME_STATS_OUTPUT": output}).start()
    service.get("/x")
    assert service.stop() == 0
    agent.close()
    assert agent.packets == []


def test_no_agent(make_service):
    """Without an agent, and with a name that nobody knows, the service goes on, and stops with 0."""
    with Agent() as agent:
        gone = agent.address
    for number, address in enumerate((gone, "no-such-host.invalid:8125")):
        service = make_service(
            str(number),
            RUNTIME_STATS_OUTPUT="DATADOG",
            RUNTIME_STATS_DATADOG_ADDRESS=address,
            RUNTIME_STATS_DATADOG_FLUSHINTERVAL="1ms",
            RUNTIME_CONNSTATE_REPORTINTERVAL="1ms",
        ).start()
        for _ in range(20):
            assert service.get("/x").status == 404
        assert service.stop() == 0
        assert not [line for line in service.log() if line["level"] == "error"]


def test_localhost_is_ipv4(agent, make_service):
    """`localhost` means 127.0.0.1 when both families answer."""
    try:
        other = Agent(socket.AF_INET6, agent.port)
    except OSError as error:
        pytest.skip("no IPv6 here: %s" % error)
    with other:
        service = make_service(**{**settings(agent), "RUNTIME_STATS_DATADOG_ADDRESS": "localhost:%d" % agent.port}).start()
        service.get("/x")
        assert service.stop() == 0
        wait_until(lambda: agent.count(CONNSTATE + "new") == 1, what="the flush at the stop")
        assert other.packets == []
