# Signals end the service as the contract says: in good order within half a minute, and at once the second time.
# SPDX-License-Identifier: Apache-2.0
import json
import signal
import socket

import pytest
from harness import SLOW, Windows, run, wait_until, write_windows

NEVER = {**Windows(0).event, "nextStop": "2999-01-01T00:00:00Z"}  # its logs are not complete in our lifetime


def connect(service):
    return socket.create_connection(("127.0.0.1", service.port), SLOW)


def hear_all(connection):
    out = b""
    while more := connection.recv(65536):
        out += more
    return out


def slow_request(service):
    """A request of which the last byte is missing, and that the service has seen."""
    connection = connect(service)
    body = json.dumps(Windows(0).event).encode()
    connection.sendall(b"POST /t/e HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
    assert b" 100 " in connection.recv(4096)
    connection.sendall(body[:-1])
    return connection, body[-1:]


def test_a_request_under_way_gets_its_answer(service):
    """What was being sent when the signal came is answered, and nothing new is accepted meanwhile."""
    write_windows(service.logs, Windows(0))
    connection, rest = slow_request(service)
    service.process.send_signal(signal.SIGTERM)
    service.wait_for_log("service-stopping")

    def refused():
        try:
            connect(service).close()
            return False
        except ConnectionRefusedError:
            return True

    wait_until(refused, what="a refusal")
    connection.sendall(rest)
    # No new job starts, but its caller is told to come again.
    answer = hear_all(connection)
    assert answer.startswith((b"HTTP/1.1 204", b"HTTP/1.1 503")), answer
    assert b"connection: close" in answer.lower()
    assert service.process.wait(SLOW) == 0
    assert service.log("service-stopped")[0]["cancelled_requests"] == 0


def test_what_only_waits_ends_at_once(make_service):
    """A delivery whose job waits for its logs is handed back at once, with a 503."""
    service = make_service(VPC_FLOW_LOGS_DELAY="1h").start()
    connection = connect(service)
    body = json.dumps(NEVER).encode()
    connection.sendall(b"POST /t/e HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    wait_until(lambda: service.leftovers(), what="the mark of the job that waits")
    assert service.stop() == 0
    assert hear_all(connection).startswith(b"HTTP/1.1 503")
    (stopped,) = service.log("service-stopped")
    assert stopped["duration_ms"] < 30000 and stopped["cancelled_requests"] == stopped["cancelled_jobs"] == 0
    assert service.log("job-given-back")


def test_the_rest_gets_half_a_minute(make_service):
    """A client that does not read its answer is cut after 30 seconds, and the status is 0 all the same."""
    service = make_service().start()
    windows = Windows(0)
    stored = service.data / "diffs" / (windows.id + ".dot")
    with open(stored, "wb") as file:
        file.truncate(1 << 30)  # more than any socket holds
    connection = connect(service)
    connection.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % windows.query.encode())
    assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    assert service.stop() == 0
    (stopped,) = service.log("service-stopped")
    assert stopped["duration_ms"] >= 30000 and stopped["cancelled_requests"] == 1, stopped
    connection.close()


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_the_second_signal_ends_it_at_once(service, second):
    """The second signal kills the process as if nobody had caught it; requests that are under way are lost."""
    connection, _ = slow_request(service)
    service.process.send_signal(signal.SIGTERM)
    (stopping,) = service.wait_for_log("service-stopping")
    assert stopping["signal"] == signal.SIGTERM

    def ended():  # the first of them may be too near to the one before to count
        service.process.send_signal(second)
        return service.process.poll() is not None

    wait_until(ended, what="the end")
    assert service.process.returncode == -second
    assert service.log("service-stopped") == []
    connection.close()


def test_jobs_that_were_accepted_survive_the_second_signal(make_service):
    """What was answered with 202 is made after the next start, however the process ended."""
    service = make_service(VPC_FLOW_LOGS_DELAY="1h", DIFF_WORKERS="1").start()
    everything = [Windows(n) for n in range(5)]
    for windows in everything:
        write_windows(service.logs, windows)
        assert service.post(windows.query).status == 202
    connection, _ = slow_request(service)
    service.process.send_signal(signal.SIGTERM)
    service.wait_for_log("service-stopping")
    wait_until(lambda: service.process.send_signal(signal.SIGTERM) or service.process.poll() is not None, what="the end")
    service.start(VPC_FLOW_LOGS_DELAY="0s")
    for windows in everything:
        assert service.wait_for_diff(windows.query).startswith(b"digraph {\n")
    service.wait_for_rest()
    connection.close()


def test_other_signals(make_service):
    """The numbers are the environment's, in any base; what is not among them does what it always does."""
    service = make_service("usr1", RUNTIME_SIGNALS_OS_SIGNALS="0xa  1").start()
    assert service.stop(signal.SIGUSR1) == 0
    assert service.log("service-stopping")[0]["signal"] == signal.SIGUSR1
    service.start()
    assert service.stop(signal.SIGHUP) == 0
    service.start()
    assert service.stop(signal.SIGTERM) == -signal.SIGTERM


def test_no_handlers_and_no_such_signals(make_service):
    """Without handlers no signal is caught; signals that cannot be caught, and unknown handlers, are faults."""
    service = make_service(RUNTIME_SIGNALS_INSTALLED='""').start()
    assert service.stop(signal.SIGINT) == -signal.SIGINT
    for name, value in (("RUNTIME_SIGNALS_OS_SIGNALS", "9"), ("RUNTIME_SIGNALS_OS_SIGNALS", "0"), ("RUNTIME_SIGNALS_OS_SIGNALS", "TERM"),
                        ("RUNTIME_SIGNALS_INSTALLED", "KERNEL")):  # fmt: skip
        result = run(service.home, "serve", env={**service.env, "RUNTIME_SIGNALS_INSTALLED": "OS", name: value})
        assert result.status == 2 and name in result.text + result.out.decode(), (name, value, result)
