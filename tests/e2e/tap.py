# SPDX-License-Identifier: Apache-2.0
"""Passes the bytes of HTTP connections on as they are, and counts the requests by method and path: what a server was
really asked, however often."""
import collections
import re
import socket
import threading

REQUEST = re.compile(rb"(GET|HEAD|PUT|POST|DELETE) (/[^ ?]*)(\?[^ ]*)? HTTP/1\.1\r\n")
LONGEST = 2000  # bytes of a request line that may stand in two pieces


class Tap:
    def __init__(self, port):
        self.to = ("127.0.0.1", port)
        self.requests = collections.Counter()
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self.to)
            except OSError:
                client.close()
                continue
            threading.Thread(target=self.relay, args=(client, server, self.count()), daemon=True).start()
            threading.Thread(target=self.relay, args=(server, client, None), daemon=True).start()

    def count(self):
        """Sees the pieces of one connection."""
        rest = b""

        def see(piece):
            nonlocal rest
            text = rest + piece
            end = 0
            for match in REQUEST.finditer(text):
                end = match.end()
                with self.lock:
                    self.requests[match[1].decode(), match[2].decode()] += 1
            rest = text[max(end, len(text) - LONGEST):]

        return see

    def relay(self, source, sink, see):
        try:
            while True:
                piece = source.recv(65536)
                if not piece:
                    break
                if see:
                    see(piece)
                sink.sendall(piece)
        except OSError:
            pass
        for one in (source, sink):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
