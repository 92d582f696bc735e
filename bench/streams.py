# SPDX-License-Identifier: Apache-2.0
"""Two DOT graphs through pipes: what is kept of them, and whether those who send them are held back."""
import os
import subprocess
import threading
import time

import measure
from figures import Part, Target
from measure import MIB, Took

PIECE = 128 << 10          # what cat(1) reads and writes at a time
KEPT_BYTES = 100           # of an edge
PEERS_BYTES_A_S = 1250e6   # both peers together: a network of 10 Gbit/s
ON_TIME = 1.05             # of the time that peers of this speed need by themselves


class Peer(threading.Thread):
    """Writes a file into a pipe, as fast as it goes or at a rate, and remembers when it was done."""

    def __init__(self, path, end, bytes_a_s):
        super().__init__(daemon=True)
        self.path, self.end, self.bytes_a_s, self.done = path, end, bytes_a_s, None

    def run(self):
        try:
            with open(self.path, "rb", buffering=0) as file:
                self.send(file)
        except BrokenPipeError:
            pass  # the reader failed, and its exit status says so
        finally:
            os.close(self.end)
        self.done = time.perf_counter()

    def send(self, file):
        piece, sent, began = bytearray(PIECE), 0, time.perf_counter()
        while count := file.readinto(piece):
            early = sent / self.bytes_a_s - (time.perf_counter() - began) if self.bytes_a_s else 0
            if early > 0:
                time.sleep(early)
            rest = memoryview(piece)[:count]
            while rest:
                rest = rest[os.write(self.end, rest):]
            sent += count


def feed(files, start, bytes_a_s=None):
    """`start(fds)` starts a reader of one pipe a file. Returns the reader, whose ends of the pipes are its own now, and
    the peers that write to it."""
    pipes = [os.pipe() for _ in files]
    reader = start([read for read, _ in pipes])
    for read, _ in pipes:
        os.close(read)
    peers = [Peer(file, write, bytes_a_s) for file, (_, write) in zip(files, pipes)]
    for peer in peers:
        peer.start()
    return reader, peers


def start_diff(tools):
    def start(fds):
        return subprocess.Popen([tools.program, "diff", "--threads=2", *(f"/dev/fd/{fd}" for fd in fds)], pass_fds=fds,
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    return start


class Cats:
    """What reads as fast as it goes: a `cat` a pipe."""

    def __init__(self, fds):
        self.processes = [subprocess.Popen(["cat"], stdin=fd, stdout=subprocess.DEVNULL) for fd in fds]

    def wait(self):
        return max(process.wait() for process in self.processes)


def send(files, start, bytes_a_s=None):
    """How long the last peer took to get rid of its file. The reader's own end is waited for, and not counted."""
    began = time.perf_counter()
    reader, peers = feed(files, start, bytes_a_s)
    for peer in peers:
        peer.join()
    if reader.wait() not in (0, 1):
        raise measure.Failed(f"exit status {reader.returncode}")
    return Took(max(peer.done for peer in peers) - began, 0.0)


def part(tools, edges, runs):
    kept = Target(f"{edges:,} edges, both graphs from pipes, bytes kept an edge", KEPT_BYTES, "{:.0f}")
    paced = Target(f"{edges:,} edges, peers of 10 Gbit/s together, times what they need", ON_TIME)

    def run(pair):
        from_files = measure.peak_private([tools.program, "diff", "--threads=2", *pair.files])
        reader, peers = feed(pair.files, start_diff(tools))
        from_pipes = measure.watch(reader)
        for peer in peers:
            peer.join()
        if reader.returncode not in (0, 1):
            raise measure.Failed(f"exit status {reader.returncode}")
        yield kept.measured((from_pipes - from_files) / 2 / edges,
                            f"{from_pipes / MIB:.1f} MiB private, {from_files / MIB:.1f} with files")  # fmt: skip
        took = measure.alternate({"diff": lambda: send(pair.files, start_diff(tools)), "cat": lambda: send(pair.files, Cats)}, runs)
        yield (f"  writers that know no limit share the cores with their reader: {pair.size / took.median('diff').wall / 1e6:.0f} MB/s, "
               f"to two `cat` {pair.size / took.median('cat').wall / 1e6:.0f} MB/s")  # fmt: skip
        each = PEERS_BYTES_A_S / 2
        alone = max(os.path.getsize(file) for file in pair.files) / each
        took = measure.alternate({"paced": lambda: send(pair.files, start_diff(tools), each)}, runs).median("paced")
        yield paced.measured(took.wall / alone)

    return Part((kept, paced), run)
