#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A small event bus for the tests: `http_bus.py PORT JOURNAL WORKERS SEED`.

What is POSTed to it is written to the journal before the 202, and delivered from there to one of the URLs in the
file WORKERS (read again for each delivery) until a worker has answered 2xx, twice for each message. It delivers late
and out of order, and tries again after any other answer. It may be killed at any moment: the journal says what is
still to be delivered. Each delivery that ended well is a line of the journal, too.
"""
import collections
import http.client
import http.server
import json
import os
import random
import socketserver
import sys
import threading
import time
import urllib.parse

DELIVERIES = 2   # of each message that have to end well
AT_ONCE = 6      # deliveries under way
LATEST = 0.8     # seconds that a delivery may wait
PATIENCE = 120   # seconds for a worker to answer


class Bus:
    def __init__(self, journal, workers, seed):
        self.workers = workers
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.left = collections.Counter()  # number of a message -> deliveries to come, those under way among them
        self.messages = {}
        if os.path.exists(journal):
            with open(journal) as file:
                self.replay(file.read().split("\n")[:-1])  # a line that was cut was never answered
        self.journal = open(journal, "a")
        self.journal.write("\n" if self.journal.tell() else "")
        self.due = [number for number, count in self.left.items() for _ in range(count)]

    def replay(self, lines):
        for line in lines:
            try:
                kind, number, *body = json.loads(line)
            except ValueError:
                continue
            if kind == "message":
                self.messages[number] = body[0]
                self.left[number] = DELIVERIES
            else:
                self.left[number] -= 1

    def write(self, *entry):
        self.journal.write(json.dumps(entry) + "\n")
        self.journal.flush()
        os.fsync(self.journal.fileno())

    def take_in(self, body):
        with self.lock:
            number = len(self.messages)
            self.messages[number] = body
            self.write("message", number, body)
            self.due += [number] * DELIVERIES

    def deliver_for_ever(self):
        while True:
            time.sleep(self.random.random() * LATEST)
            with self.lock:
                if not self.due:
                    continue
                number = self.due.pop(self.random.randrange(len(self.due)))
            if self.deliver(number):
                with self.lock:
                    self.write("delivered", number)
            else:
                with self.lock:
                    self.due.append(number)

    def deliver(self, number):
        with open(self.workers) as file:
            url = urllib.parse.urlsplit(self.random.choice(file.read().split()))
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=PATIENCE)
        try:
            connection.request("POST", "/topic/event", self.messages[number].encode(), {"Content-Type": "application/octet-stream"})
            answer = connection.getresponse()
            answer.read()
            return answer.status // 100 == 2
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True


def main():
    port, journal, workers, seed = sys.argv[1:]
    bus = Bus(journal, workers, seed)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            bus.take_in(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = Server(("127.0.0.1", int(port)), Handler)
    for _ in range(AT_ONCE):
        threading.Thread(target=bus.deliver_for_ever, daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
