# SPDX-License-Identifier: Apache-2.0
"""A dogstatsd agent that takes nothing on trust: every datagram is parsed by the format's own rules."""
import re
import socket
import threading

LINE = re.compile(r"(?P<name>[^:|@#\s]+):(?P<value>-?\d+\.\d{6})\|(?P<kind>c|g|h|ms)(?:\|#(?P<tags>[^|#\s,]+(?:,[^|#\s,]+)*))?")


class Line:
    def __init__(self, text):
        match = LINE.fullmatch(text)
        assert match, text
        self.text, self.name, self.kind = text, match["name"], match["kind"]
        self.value = float(match["value"])
        self.tags = match["tags"].split(",") if match["tags"] else []

    def __repr__(self):
        return self.text


class Agent:
    """Listens on a free port; what was wrong on the wire is told by `lines`."""

    def __init__(self, family=socket.AF_INET, port=0):
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(("127.0.0.1" if family == socket.AF_INET else "::1", port))
        self.port = self.socket.getsockname()[1]
        self.packets = []
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    @property
    def address(self):
        return "127.0.0.1:%d" % self.port

    def listen(self):
        while True:
            packet = self.socket.recv(65536)
            if packet == b"":  # never sent by a service: the end of the test
                return
            self.packets.append(packet)

    def close(self):
        """Takes in what lies there yet, and stops. May be called twice."""
        if self.socket.fileno() < 0:
            return
        with socket.socket(self.socket.family, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self.socket.getsockname())
        self.thread.join(60)
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def lines(self, name=None):
        found = []
        for packet in list(self.packets):
            assert packet.endswith(b"\n"), packet
            found += [Line(text) for text in packet.decode("utf-8").split("\n")[:-1]]
        return [line for line in found if name in (None, line.name)]

    def count(self, name):
        """The sum of a counter."""
        lines = self.lines(name)
        assert all(line.kind == "c" for line in lines), lines
        return sum(line.value for line in lines)

    def gauge(self, name):
        """The last value of a gauge, or None."""
        lines = self.lines(name)
        assert all(line.kind == "g" for line in lines), lines
        return lines[-1].value if lines else None
