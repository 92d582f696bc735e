# SPDX-License-Identifier: Apache-2.0
"""A proxy in front of an S3 server that breaks requests at a chosen place, and writes down what it was asked.

Each request goes to the server over a connection of its own, as it came (the signature covers the Host that the
client wrote). A rule takes the requests that it matches, `times` of them after the first `after`.
"""
import re
import socket
import threading

HEAD_MAX = 64 * 1024
PATIENCE = 60

# Where a rule breaks the connection, in the order of a request's life.
HEAD, BODY_START, BODY_MIDDLE, BODY_END, BEFORE_ANSWER, ANSWER_MIDDLE = (
    "in the request's head", "at the start of the body", "in the middle of the body", "at the end of the body",
    "before the answer", "in the middle of the answer",
)  # fmt: skip
BODY_PLACES = {BODY_START: lambda n: 0, BODY_MIDDLE: lambda n: n // 2, BODY_END: lambda n: n - 1}


class Cut(Exception):
    """The connection is to be broken."""


class Rule:
    def __init__(self, pattern, cut=None, answer=None, hold=False, times=1, after=0):
        self.pattern, self.cut, self.answer, self.times, self.after = re.compile(pattern), cut, answer, times, after
        self.held, self.release = threading.Event(), threading.Event()
        if not hold:
            self.release.set()
        self.hits = 0


class Request:
    def __init__(self, head):
        self.head = head
        line, *fields = head.decode("latin-1").split("\r\n")[:-2]
        self.method, self.target, _ = line.split(" ")
        self.headers = {k.strip().lower(): v.strip() for k, v in (f.split(":", 1) for f in fields)}
        self.length = int(self.headers.get("content-length", 0))

    def __str__(self):
        return self.method + " " + self.target


def answer(status, code, message="", **headers):
    """An error as S3 writes it."""
    body = ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>%s</Message>"
            "<RequestId>tx0</RequestId></Error>" % (code, message)).encode()  # fmt: skip
    lines = ["HTTP/1.1 %d Said" % status, "Content-Type: application/xml", "Content-Length: %d" % len(body), "Connection: close"]
    return "\r\n".join(lines + ["%s: %s" % (k.replace("_", "-"), v) for k, v in headers.items()] + ["", ""]).encode() + body


class Proxy:
    def __init__(self, server_port):
        self.server_port = server_port
        self.lock = threading.Lock()
        self.rules, self.asked = [], []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.endpoint = "http://127.0.0.1:%d" % self.port
        threading.Thread(target=self.accept, daemon=True).start()

    def stop(self):
        for rule in self.rules:
            rule.release.set()
        self.listener.close()

    def rule(self, pattern, **more):
        made = Rule(pattern, **more)
        with self.lock:
            self.rules.append(made)
        return made

    def clear(self):
        with self.lock:
            self.rules.clear()

    def count(self, pattern):
        with self.lock:
            return sum(bool(re.search(pattern, line)) for line in self.asked)

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def find(self, request):
        with self.lock:
            self.asked.append(str(request))
            for rule in self.rules:
                if not rule.pattern.search(str(request)):
                    continue
                rule.hits += 1
                if rule.after < rule.hits and (rule.times is None or rule.hits <= rule.after + rule.times):
                    return rule
        return None

    def serve(self, client):
        client.settimeout(PATIENCE)
        server = None
        try:
            head = self.read_head(client)
            if not head:
                return
            request = Request(head)
            rule = self.find(request)
            cut = rule.cut if rule else None
            if cut == HEAD:
                raise Cut
            if rule and not rule.release.is_set():
                rule.held.set()
                rule.release.wait(PATIENCE)
            if rule and rule.answer:
                self.take_body(client, request, None, None)
                client.sendall(rule.answer)
                return
            server = socket.create_connection(("127.0.0.1", self.server_port), PATIENCE)
            lines = [l for l in head.split(b"\r\n")[:-2] if not l.lower().startswith((b"expect:", b"connection:"))]
            server.sendall(b"\r\n".join(lines + [b"Connection: close", b"", b""]))
            self.take_body(client, request, server, cut)
            self.hand_back(client, server, cut)
        except (Cut, OSError, ValueError):
            pass
        finally:
            for one in (client, server):
                if one is not None:
                    one.close()

    def read_head(self, client):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            more = client.recv(1)
            if not more or len(head) > HEAD_MAX:
                return b""
            head += more
        return head

    def take_body(self, client, request, server, cut):
        if "expect" in request.headers and request.length > 0 and cut != BODY_START:
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        stop_at = BODY_PLACES[cut](request.length) if cut in BODY_PLACES else None
        taken = 0
        while taken < request.length and (stop_at is None or taken < stop_at):
            wanted = (stop_at if stop_at is not None else request.length) - taken
            block = client.recv(min(65536, wanted))
            if not block:
                raise Cut
            taken += len(block)
            if server is not None:
                server.sendall(block)
        if stop_at is not None:
            raise Cut

    def hand_back(self, client, server, cut):
        if cut == BEFORE_ANSWER or cut == ANSWER_MIDDLE:
            whole = b""
            while block := server.recv(65536):
                whole += block
            if cut == ANSWER_MIDDLE:
                head, _, body = whole.partition(b"\r\n\r\n")
                client.sendall(head + b"\r\n\r\n" + body[: len(body) // 2])
            raise Cut
        while block := server.recv(65536):
            client.sendall(block)
