# SPDX-License-Identifier: Apache-2.0
"""A stand-in for vpcflow-grapherd that does what a test tells it to: well or badly.

A window is named by its (start, stop) as texts. Unless told otherwise, a POST is answered 202 (409 when repeated) and
a GET gives the window's graph once that was asked for. `script(method, window, ...)` puts behaviours before that, one
for each request. A behaviour is a function of the exchange; it returns whether the connection goes on.
"""
import collections
import gzip
import os
import select
import socket
import threading
import time
import urllib.parse

CHUNK = 1 << 18


class Exchange:
    """One request, and the connection to answer it on."""

    def __init__(self, server, connection, method, target, headers):
        self.server, self.connection, self.method, self.target, self.headers = server, connection, method, target, headers
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(target).query)
        self.window = (query.get("start", [""])[0], query.get("stop", [""])[0])

    @property
    def graph(self):
        return self.server.graphs[self.window]

    def head(self, status, *fields):
        lines = ["HTTP/1.1 %d Text" % status, *fields]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode())

    def send(self, data):
        self.connection.sendall(data)

    def send_file(self, path):
        with open(path, "rb") as file:
            self.connection.sendfile(file)

    def send_chunk(self, data):
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def wait_for_hang_up(self):
        """Keeps the client waiting until it has enough of it, or the server ends."""
        while not self.server.closing:
            if select.select([self.connection], [], [], 0.05)[0]:
                if not self.connection.recv(65536):
                    return


# --- behaviours ------------------------------------------------------------------------------------------


def answer(status, body=b"", *fields):
    def behave(exchange):
        length = ["Content-Length: %d" % len(body)] if status not in (204, 304) else []
        exchange.head(status, *length, *fields)
        exchange.send(body)
        return True

    return behave


def plain(exchange):
    """The graph with its length; a path is sent as the file is."""
    if isinstance(exchange.graph, bytes):
        return answer(200, exchange.graph)(exchange)
    exchange.head(200, "Content-Length: %d" % os.path.getsize(exchange.graph))
    exchange.send_file(exchange.graph)
    return True


def packed(exchange):
    assert "gzip" in exchange.headers.get("accept-encoding", "")
    return answer(200, gzip.compress(exchange.graph, 1), "Content-Encoding: gzip")(exchange)


def chunked(exchange, data=None, *fields):
    data = data if data is not None else exchange.graph
    exchange.head(200, "Transfer-Encoding: chunked", *fields)
    for at in range(0, len(data), CHUNK):
        exchange.send_chunk(data[at : at + CHUNK])
    exchange.send_chunk(b"")
    return True


def packed_chunked(exchange):
    return chunked(exchange, gzip.compress(exchange.graph, 1), "Content-Encoding: gzip")


def until_close(exchange):
    """No length and no chunks: the end of the connection is the end of the graph."""
    exchange.head(200, "Connection: close")
    exchange.send(exchange.graph)
    return False


def dripping(exchange):
    """A byte at a time, at first."""
    exchange.head(200, "Content-Length: %d" % len(exchange.graph))
    for at in range(40):
        exchange.send(exchange.graph[at : at + 1])
        time.sleep(0.001)
    exchange.send(exchange.graph[40:])
    return True


def hang(exchange):
    exchange.wait_for_hang_up()
    return False


def hang_in_body(exchange):
    exchange.head(200, "Content-Length: %d" % len(exchange.graph))
    exchange.send(exchange.graph[: len(exchange.graph) // 2])
    exchange.wait_for_hang_up()
    return False


def half(exchange):
    exchange.head(200, "Content-Length: %d" % len(exchange.graph))
    exchange.send(exchange.graph[: len(exchange.graph) // 2])
    return False


def half_chunked(exchange):
    exchange.head(200, "Transfer-Encoding: chunked")
    exchange.send_chunk(exchange.graph[: len(exchange.graph) // 2])
    return False


def chunked_without_last(exchange):
    """Every byte of the graph, and not the chunk that says so."""
    exchange.head(200, "Transfer-Encoding: chunked")
    exchange.send_chunk(exchange.graph)
    return False


def half_packed(exchange):
    data = gzip.compress(exchange.graph, 1)
    exchange.head(200, "Content-Encoding: gzip", "Connection: close")
    exchange.send(data[: len(data) // 2])
    return False


def half_until_close(exchange):
    exchange.head(200, "Connection: close")
    exchange.send(exchange.graph[: len(exchange.graph) // 2])
    return False


def longer_than_said(exchange):
    exchange.head(200, "Content-Length: %d" % (len(exchange.graph) - 30))
    exchange.send(exchange.graph)
    return False


def shorter_than_said(exchange):
    exchange.head(200, "Content-Length: %d" % (len(exchange.graph) + 30))
    exchange.send(exchange.graph)
    return False


def reset(exchange):
    """Closes in the answer's head."""
    exchange.send(b"HTTP/1.1 200 O")
    return False


def no_http(exchange):
    exchange.send(b"\x15\x03\x01\x00\x02\x02\x0a" * 20)
    return False


def endless(exchange):
    """Edges, each another, until the client has enough."""
    exchange.head(200, "Transfer-Encoding: chunked")
    exchange.send_chunk(b"digraph {\n")
    number = 0
    try:
        while not exchange.server.closing:
            lines = []
            for number in range(number, number + 500):
                lines.append(edge("n10_%d_%d_%d" % (number >> 16 & 255, number >> 8 & 255, number & 255), "n10_0_0_1", number % 65536))
            exchange.send_chunk(b"".join(lines))
            exchange.server.endless_bytes += sum(map(len, lines))
    except OSError:
        exchange.server.endless_ended.set()
    return False


def edge(source, destination, port, number="1"):
    """One line as a grapher writes it."""
    pairs = [("accountID", "123456789010"), ("eniID", "eni-abc123de"), ("srcPort", "0"), ("dstPort", str(port)), ("protocol", "6"),
             ("packets", number), ("bytes", number), ("start", "1551398400"), ("end", "1551402000")]  # fmt: skip
    attributes = " ".join('govpc_%s="%s"' % pair for pair in pairs)
    label = "\\n".join("%s=%s" % pair for pair in pairs)
    return ('\t%s -> %s [%s color=green label="%s"]\n' % (source, destination, attributes, label)).encode()


# --- the server ------------------------------------------------------------------------------------------


class Grapherd:
    def __init__(self):
        self.graphs = {}  # window -> bytes, or the path of a file
        self.give = plain
        self.scripts = collections.defaultdict(list)
        self.posts = collections.Counter()
        self.gets = collections.Counter()
        self.requests = []  # (method, target, headers)
        self.lock = threading.Lock()
        self.closing = False
        self.endless_bytes = 0
        self.endless_ended = threading.Event()
        self.listener = None
        self.connections = set()
        self.port = 0
        self.listen()

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def script(self, method, window, *behaviours):
        with self.lock:
            self.scripts[method, window].extend(behaviours)

    def listen(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self.port = listener.getsockname()[1]
        self.listener = listener
        threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def refuse(self):
        """Stops listening, and closes what is open: connections are refused until `listen`."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for connection in self.connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self.closing = True
        try:
            self.refuse()
        except OSError:
            pass

    def accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with self.lock:
            self.connections.add(connection)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection.makefile("rb") as file:
                while self.serve_one(connection, file):
                    pass
        except OSError:
            pass
        finally:
            with self.lock:
                self.connections.discard(connection)
            connection.close()

    def serve_one(self, connection, file):
        line = file.readline().decode("latin-1").split()
        if len(line) != 3:
            return False
        headers = {}
        while (field := file.readline().decode("latin-1").strip()) != "":
            name, value = field.split(":", 1)
            headers[name.lower()] = value.strip()
        file.read(int(headers.get("content-length", 0)))
        exchange = Exchange(self, connection, line[0], line[1], headers)
        return self.behaviour(exchange)(exchange)

    def behaviour(self, exchange):
        window = exchange.window
        with self.lock:
            self.requests.append((exchange.method, exchange.target, exchange.headers))
            counter = self.posts if exchange.method == "POST" else self.gets
            counter[window] += 1
            script = self.scripts[exchange.method, window]
            if script:
                return script.pop(0)
            if exchange.method == "POST":
                return answer(202 if self.posts[window] == 1 else 409)
            return self.give if self.posts[window] and window in self.graphs else answer(404, b"no such graph\n")
