# SPDX-License-Identifier: Apache-2.0
"""A real nats-server with JetStream on a free port, which can be killed and started again, and as much of a client
as the tests need: questions to its JSON API (https://docs.nats.io/reference/reference-protocols/nats-protocol)."""
import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import time

from harness import SLOW
from rgw import die_with_parent, free_ports

SERVER = shutil.which("nats-server", path=os.environ["PATH"] + ":/usr/sbin")


class Nats:
    def __init__(self, folder):
        self.folder = folder
        (self.port,) = free_ports(1)
        self.process = None
        self.start()

    def start(self):
        command = [SERVER, "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", str(self.folder), "-l", str(self.folder / "nats.log")]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
        deadline = time.monotonic() + SLOW
        while True:
            try:
                self.ask("$JS.API.INFO")
                return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < deadline, "nats-server does not start"
                time.sleep(0.02)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(SLOW)

    def url(self, subject):
        return "nats://127.0.0.1:%d/%s" % (self.port, subject)

    # --- questions ---------------------------------------------------------------------------------------

    def ask(self, subject, question=None, headers=""):
        """Sends a message and returns the JSON of the first answer."""
        body = b"" if question is None else question if isinstance(question, bytes) else json.dumps(question).encode()
        with socket.create_connection(("127.0.0.1", self.port), timeout=SLOW) as connection, connection.makefile("rb") as file:
            assert file.readline().startswith(b"INFO ")
            hello = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True}
            connection.sendall(b"CONNECT %s\r\nSUB answers 1\r\n" % json.dumps(hello).encode())
            connection.sendall(b"PUB %s answers %d\r\n%s\r\n" % (subject.encode(), len(body), body))
            while True:
                words = file.readline().split()
                if not words:
                    raise OSError("nats-server hung up")
                if words[0] == b"PING":
                    connection.sendall(b"PONG\r\n")
                elif words[0] in (b"MSG", b"HMSG"):
                    data = file.read(int(words[-1]))
                    assert words[0] == b"MSG", (subject, data)
                    return json.loads(data)
                elif words[0] == b"-ERR":
                    raise AssertionError(words)

    def api(self, name, question=None):
        answer = self.ask("$JS.API." + name, question)
        assert "error" not in answer, (name, answer)
        return answer

    def count(self, stream):
        """How many messages a stream holds."""
        return self.api("STREAM.INFO." + stream)["state"]["messages"]

    def last(self, stream, subject):
        """The last message of a subject: its headers, as text, and its body."""
        message = self.api("STREAM.MSG.GET." + stream, {"last_by_subj": subject})["message"]
        return base64.b64decode(message.get("hdrs", "")).decode(), base64.b64decode(message.get("data", ""))
