# SPDX-License-Identifier: Apache-2.0
"""A small HTTP event bus that does what a test tells it to: it writes down what it is sent, to the byte, answers by a
script, and delivers what it took to a worker.
"""
import collections
import http.client
import socket
import threading


class Sent(collections.namedtuple("Sent", "line fields body connection")):
    """A request: its first line, its fields as pairs in their order, its body, and the number of its connection."""

    def field(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]


def answer(status, *fields, body=b""):
    head = ["HTTP/1.1 %d Text" % status, *fields]
    if status != 204:
        head.append("Content-Length: %d" % len(body))
    return ("\r\n".join(head) + "\r\n\r\n").encode() + body


class EventBus:
    """Answers each request with the next of the script, which is bytes, None (closes without a word) or a function
    that gives one of these; after the script, with `otherwise`. With a `tls` context it speaks https."""

    def __init__(self, script=(), otherwise=answer(200), tls=None):
        self.script, self.otherwise, self.tls = list(script), otherwise, tls
        self.sent = []
        self.lock = threading.Lock()
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """From now on connections are refused; those that are open end with their next request."""
        self.script, self.otherwise = [], None
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def url(self, path="/"):
        return "%s://127.0.0.1:%d%s" % ("https" if self.tls else "http", self.port, path)

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection, self.connections), daemon=True).start()

    def serve(self, connection, number):
        if self.tls:
            try:
                connection = self.tls.wrap_socket(connection, server_side=True)
            except OSError:
                connection.close()
                return
        with connection, connection.makefile("rb") as stream:
            while True:
                request = self.read(stream, number)
                if request is None:
                    return
                with self.lock:
                    self.sent.append(request)
                    said = self.script.pop(0) if self.script else self.otherwise
                if callable(said):
                    said = said()
                if said is None:
                    return
                try:
                    connection.sendall(said)
                except OSError:
                    return

    @staticmethod
    def read(stream, number):
        line = stream.readline().decode().rstrip("\r\n")
        if not line:
            return None
        fields = []
        while True:
            field = stream.readline().decode().rstrip("\r\n")
            if not field:
                break
            fields.append(tuple(field.split(": ", 1)))
        length = [int(value) for name, value in fields if name.lower() == "content-length"]
        return Sent(line, fields, stream.read(length[0]) if length else b"", number)

    def deliver(self, port, index=-1, target="/topic/event"):
        """POSTs what was taken to a worker, and returns its answer's status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("POST", target, body=self.sent[index].body)
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()
