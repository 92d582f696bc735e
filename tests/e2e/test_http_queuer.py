# Jobs are POSTed to an HTTP event bus, to the byte as the original does, and what the bus answers decides the client's answer.
# SPDX-License-Identifier: Apache-2.0
import json
import signal
import socket
import ssl
import subprocess
import threading

import pytest
from event_bus import EventBus, answer
from harness import Windows, expected_diff, wait_until, write_windows


@pytest.fixture
def api(make_service):
    """Makes started services that queue on a bus; storage, marks and grapher are embedded."""

    def make(bus, path="/", **env):
        url = bus if isinstance(bus, str) else bus.url(path)
        env = {"DIFF_STORAGE": "embedded", "DIFF_MARKER": "embedded", "STREAM_APPLIANCE_ENDPOINT": url, **env}
        service = make_service(**env)
        service.env["VPC_FLOW_LOGS_DIR"] = service.logs
        return service.start()

    return make


def marks(service):
    return sorted(p.name for p in (service.data / "marks").iterdir())


def reason(service):
    """The only dependency failure that was logged."""
    lines = service.log("dependency-failure")
    assert len(lines) == 1, lines
    assert lines[0]["dependency"] == "queuer" and lines[0]["level"] == "error"
    return lines[0]["reason"]


def test_what_the_bus_is_sent(api):
    """One POST to the endpoint's own path and query, with these fields and no others, and this body."""
    with EventBus() as bus:
        service = api(bus, "/topics/a%2Fb?key=x%20y&z")
        windows = Windows(1)
        reply = service.post(windows.query)
        assert (reply.status, reply.body) == (202, b"")
        (sent,) = bus.sent
        body = '{"id":"%s","previousStart":"%s","previousStop":"%s","nextStart":"%s","nextStop":"%s"}' % (windows.id, *windows.times)
        assert sent.line == "POST /topics/a%2Fb?key=x%20y&z HTTP/1.1"
        assert sent.body == body.encode()
        assert sorted(sent.fields) == [
            ("Accept-Encoding", "gzip"),
            ("Content-Length", str(len(body))),
            ("Content-Type", "application/octet-stream"),
            ("Host", "127.0.0.1:%d" % bus.port),
            ("User-Agent", "vpcflow-diffd"),
        ]
        assert marks(service) == [windows.id + "_in_progress"]
        assert service.get(windows.query).status == 204
        assert service.post(windows.query).status == 409
        assert len(bus.sent) == 1


def test_times_are_truncated_and_in_utc(api):
    """Whatever offset and seconds the client wrote, the job says full minutes in UTC."""
    with EventBus() as bus:
        service = api(bus)
        query = (
            "/?previous_start=2019-07-01T02:00:59.9%2B02:00&previous_stop=2019-07-02T02:00:01%2B02:00"
            "&next_start=2019-07-02T00:00:30Z&next_stop=2019-07-02T19:00:00-05:00"
        )
        assert service.post(query).status == 202
        assert json.loads(bus.sent[0].body) == {
            "id": "3922f049-51e0-5ae0-ac67-2ae395a74eed",
            "previousStart": "2019-07-01T00:00:00Z",
            "previousStop": "2019-07-02T00:00:00Z",
            "nextStart": "2019-07-02T00:00:00Z",
            "nextStop": "2019-07-03T00:00:00Z",
        }


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_means_queued(api, status):
    """The original takes 200 alone."""
    with EventBus(otherwise=answer(status)) as bus:
        service = api(bus)
        assert service.post(Windows(1).query).status == 202
        assert len(bus.sent) == 1


@pytest.mark.parametrize("status", [307, 308])
def test_redirects_that_keep_the_body_are_followed(api, status):
    """The job arrives at the second bus, whole."""
    with EventBus() as other, EventBus(otherwise=answer(status, "Location: " + other.url("/moved?x=1"))) as bus:
        service = api(bus)
        assert service.post(Windows(1).query).status == 202
        assert other.sent[0].line == "POST /moved?x=1 HTTP/1.1"
        assert other.sent[0].body == bus.sent[0].body
        assert other.sent[0].field("content-type") == ["application/octet-stream"]


@pytest.mark.parametrize("status", [301, 302, 303])
def test_redirects_that_would_lose_the_body_are_errors(api, status):
    """The client gets 500 and may try again; the mark is taken back; the log says what to set."""
    with EventBus() as other, EventBus(otherwise=answer(status, "Location: " + other.url("/moved"))) as bus:
        service = api(bus)
        reply = service.post(Windows(1).query)
        assert (reply.status, reply.message) == (500, "Internal Server Error")
        assert other.sent == [] and len(bus.sent) == 1
        assert marks(service) == []
        assert str(status) in reason(service) and other.url("/moved") in reason(service)
        assert "STREAM_APPLIANCE_ENDPOINT" in reason(service)
        assert service.get(Windows(1).query).status == 404


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_bus_in_trouble_is_tried_four_times(api, status):
    """One try and three more, then the client gets 500; the next POST starts afresh."""
    with EventBus([answer(status, body=b"trouble")] * 4) as bus:
        service = api(bus)
        assert service.post(Windows(1).query).status == 500
        assert len(bus.sent) == 4 and len({sent.body for sent in bus.sent}) == 1
        assert marks(service) == []
        assert "%d: trouble" % status in reason(service)
        assert service.post(Windows(1).query).status == 202


def test_a_bus_that_recovers_is_ridden_out(api):
    """500, 503, a connection closed without a word, then 204: queued, and nobody hears of the trouble."""
    with EventBus([answer(500), answer(503), None, answer(204)]) as bus:
        service = api(bus)
        assert service.post(Windows(1).query).status == 202
        assert len(bus.sent) == 4
        assert service.log("dependency-failure") == []


@pytest.mark.parametrize("status", [400, 404, 413, 429, 501])
def test_a_bus_that_refuses_is_asked_once(api, status):
    """Trying again would not help; what the bus says is in the log."""
    with EventBus(otherwise=answer(status, body=b"no such\ntopic")) as bus:
        service = api(bus)
        assert service.post(Windows(1).query).status == 500
        assert len(bus.sent) == 1
        assert marks(service) == []
        assert "%d: no such topic" % status in reason(service)


def test_a_bus_that_is_down(api):
    """500, a reason that names bus and variable, no mark; once the bus is back a POST is queued."""
    with EventBus() as bus:
        url = bus.url()
    service = api(url)
    assert service.post(Windows(1).query).status == 500
    assert marks(service) == []
    assert "STREAM_APPLIANCE_ENDPOINT" in reason(service) and "127.0.0.1:%d" % bus.port in reason(service)


def test_a_slow_bus(api):
    """The client waits for the bus, and so does a second client with the same diff; other requests are served meanwhile."""
    go = threading.Event()

    def late():
        go.wait(60)
        return answer(202)

    with EventBus([late]) as bus:
        service = api(bus)
        replies = []
        threads = [threading.Thread(target=lambda: replies.append(service.post(Windows(1).query).status)) for _ in range(2)]
        for thread in threads:
            thread.start()
        wait_until(lambda: bus.sent)
        assert service.get(Windows(2).query).status == 404
        go.set()
        for thread in threads:
            thread.join(60)
        assert sorted(replies) == [202, 409]
        assert len(bus.sent) == 1


def test_connections_to_the_bus_are_kept(api):
    """Jobs that come one after the other go over one connection."""
    with EventBus() as bus:
        service = api(bus)
        for number in range(5):
            assert service.post(Windows(number).query).status == 202
        assert {sent.connection for sent in bus.sent} == {1}


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy"])
def test_a_proxy_is_asked_for_the_bus(api, name):
    """In either case of the variable's name; the proxy is sent the whole URL."""
    with EventBus() as proxy:
        service = api("http://bus.invalid/topic?x", **{name: proxy.url()})
        assert service.post(Windows(1).query).status == 202
        assert proxy.sent[0].line == "POST http://bus.invalid/topic?x HTTP/1.1"
        assert proxy.sent[0].field("host") == ["bus.invalid"]


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_no_proxy_is_honoured(api, name):
    """A host that it names is asked directly; this one does not exist."""
    with EventBus() as proxy:
        service = api("http://bus.invalid/topic", HTTP_PROXY=proxy.url(), **{name: "example.com,.invalid"})
        assert service.post(Windows(1).query).status == 500
        assert proxy.sent == []
        assert "bus.invalid" in reason(service)


# --- https -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A key and a certificate of 127.0.0.1 that nobody but SSL_CERT_FILE trusts, in one file."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
               "-subj", "/CN=bus", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path, "-out", path.with_suffix(".crt")]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    path.write_bytes(path.read_bytes() + path.with_suffix(".crt").read_bytes())
    return path


@pytest.fixture
def tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_https(api, tls, certificate):
    """A bus whose certificate is trusted; the connection is kept."""
    with EventBus(tls=tls) as bus:
        service = api(bus, "/topic", SSL_CERT_FILE=certificate)
        for number in range(3):
            assert service.post(Windows(number).query).status == 202
        assert [sent.line for sent in bus.sent] == ["POST /topic HTTP/1.1"] * 3
        assert {sent.connection for sent in bus.sent} == {1}


def test_a_bus_that_nobody_vouches_for_is_sent_nothing(api, tls):
    """The reason names the certificate, and it is not tried again: that would not help."""
    with EventBus(tls=tls) as bus:
        service = api(bus)
        assert service.post(Windows(1).query).status == 500
        assert bus.sent == [] and bus.connections == 1
        assert "certificate" in reason(service)
        assert marks(service) == []


def test_a_certificate_of_another_host_is_refused(api, tls, certificate):
    """127.0.0.2 is this machine too, but not whom the certificate speaks of."""
    with EventBus(tls=tls) as bus:
        service = api("https://127.0.0.2:%d/" % bus.port, SSL_CERT_FILE=certificate)
        bus.listener.close()
        with socket.create_server(("127.0.0.2", bus.port)) as bus.listener:
            threading.Thread(target=bus.accept, daemon=True).start()
            assert service.post(Windows(1).query).status == 500
        assert bus.sent == []
        assert "SSL" in reason(service)


def test_a_handshake_that_hangs_is_given_a_second(api):
    """The connection is taken and nothing said: four tries of a second each."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        service = api("https://127.0.0.1:%d/" % listener.getsockname()[1])
        assert service.post(Windows(1).query).status == 500
        assert "TLS handshake took longer than 1000 ms" in reason(service)
        listener.settimeout(0)
        taken = [listener.accept()[0] for _ in range(4)]
        with pytest.raises(OSError):
            listener.accept()
        for one in taken:
            one.close()


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_https_goes_through_a_tunnel_of_its_proxy(api, name):
    """The proxy is asked for a tunnel, and sees nothing else; HTTP_PROXY is not asked."""
    with EventBus(otherwise=answer(403)) as proxy, EventBus() as other:
        service = api("https://bus.invalid/topic", HTTP_PROXY=other.url(), **{name: proxy.url()})
        assert service.post(Windows(1).query).status == 500
        assert {sent.line for sent in proxy.sent} == {"CONNECT bus.invalid:443 HTTP/1.1"}
        assert {sent.body for sent in proxy.sent} == {b""}
        assert other.sent == []


# --- API and worker --------------------------------------------------------------------------------------


def test_from_the_api_over_the_bus_to_the_worker_and_back(api):
    """In one process: the bus delivers, twice, and GET gives the diff; nothing is made twice."""
    with EventBus(otherwise=answer(202)) as bus:
        service = api(bus)
        windows = Windows(1)
        files = write_windows(service.logs, windows)
        assert service.post(windows.query).status == 202
        assert service.get(windows.query).status == 204
        assert bus.deliver(service.port) == (204, b"")
        assert service.get(windows.query).body == expected_diff(windows, files)
        assert bus.deliver(service.port) == (204, b"")
        assert marks(service) == []
        assert service.post(windows.query).status == 409
        assert len(bus.sent) == 1
        assert not (service.data / "queue.db").exists()


def test_a_delivery_that_fails_is_delivered_again(api):
    """The worker answers 500 with its reason, keeps nothing, and makes the diff when the bus comes again."""
    with EventBus(otherwise=answer(202)) as bus:
        service = api(bus, VPC_FLOW_LOGS_BAD_RECORDS="fail")
        windows = Windows(1)
        files = write_windows(service.logs, windows)
        broken = files[0].read_bytes()
        files[0].write_bytes(broken[: len(broken) // 2])
        assert service.post(windows.query).status == 202
        status, text = bus.deliver(service.port)
        assert status == 500 and text
        files[0].write_bytes(broken)
        assert bus.deliver(service.port) == (204, b"")
        assert service.get(windows.query).body == expected_diff(windows, files)


def test_roles(api):
    """With an HTTP bus the API works without a worker, and the worker without a queuer."""
    with EventBus(otherwise=answer(202)) as bus:
        front = api(bus, DIFF_ROLE="api")
        assert front.post(Windows(1).query).status == 202
        assert bus.deliver(front.port)[0] == 404
        assert front.stop() == 0


@pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:1/"])
def test_a_worker_of_an_http_bus_needs_no_queuer(make_service, endpoint):
    """Jobs come by POST alone, whether or not the bus is named."""
    service = make_service(DIFF_ROLE="worker", DIFF_STORAGE="embedded", DIFF_MARKER="embedded", STREAM_APPLIANCE_ENDPOINT=endpoint)
    service.env["VPC_FLOW_LOGS_DIR"] = service.logs
    service.start()
    windows = Windows(1)
    write_windows(service.logs, windows)
    assert service.post(windows.query).status == 404
    assert service.post("/topic/event", json.dumps(windows.event)).status == 204
    assert (service.data / "diffs" / (windows.id + ".dot")).exists()
    assert not (service.data / "queue.db").exists()
    assert service.stop(signal.SIGINT) == 0
