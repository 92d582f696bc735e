# SPDX-License-Identifier: Apache-2.0
"""Runs commands and tells their time, their memory, and what the machine has room for."""
import hashlib
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

MIB = 1 << 20
CACHED_ENOUGH = 0.99    # of the inputs, in the page cache
MEMORY_SPARE = 1 << 30  # what stays free beside inputs and program


class Failed(Exception):
    """A command ended otherwise than it should."""


class Took(NamedTuple):
    wall: float  # seconds
    cpu: float


def run(command, allowed=(0, 1)):
    """One run, its output thrown away. A diff exits 1 where it finds one."""
    with tempfile.TemporaryFile() as trouble:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=trouble)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in allowed:
            trouble.seek(0)
            raise Failed(f"exit status {process.returncode}: {trouble.read().decode(errors='replace').strip()[-300:]}")
    return Took(wall, used.ru_utime + used.ru_stime)


class Rounds:
    """What each of several commands took, round by round."""

    def __init__(self, times):
        self.times = times

    def median(self, name):
        return Took(statistics.median(took.wall for took in self.times[name]),
                    statistics.median(took.cpu for took in self.times[name]))  # fmt: skip

    def ratio(self, name, base):
        """The median of the ratios of runs that were neighbours: where a shared machine slows down, both did."""
        return statistics.median(a.wall / b.wall for a, b in zip(self.times[name], self.times[base]))


def alternate(commands, runs):
    """Runs the named commands by turns, so often, after one round that is not counted. A value may be a function that
    runs something and returns what it Took."""
    times = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            took = command() if callable(command) else run(command)
            if turn > 0:
                times[name].append(took)
    return Rounds(times)


def anonymous_bytes(pid):
    """RssAnon: what is private, and in memory."""
    try:
        match = re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(match[1]) * 1024 if match else 0


def watch(process):
    """The highest RssAnon until the process ends, looked at every millisecond."""
    peak = 0
    while process.poll() is None:
        peak = max(peak, anonymous_bytes(process.pid))
        time.sleep(0.001)
    return peak


def peak_private(command, **popen):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               **{"stdin": subprocess.DEVNULL, **popen})  # fmt: skip
    peak = watch(process)
    if process.returncode not in (0, 1):
        raise Failed(f"exit status {process.returncode}")
    return peak


def digest(command):
    """The SHA-256 of what a command writes."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    total = hashlib.sha256()
    while piece := process.stdout.read(MIB):
        total.update(piece)
    process.stdout.close()
    if process.wait() not in (0, 1):
        raise Failed(f"exit status {process.returncode}")
    return total.hexdigest()


def cached_share(files):
    """How much of the files is in the page cache, 0 to 1; 1 where fincore(1) is not installed."""
    if not shutil.which("fincore"):
        return 1.0
    cached = 0
    for begin in range(0, len(files), 500):
        done = subprocess.run(["fincore", "--bytes", "--noheadings", "--output", "RES", *map(str, files[begin:begin + 500])],
                              capture_output=True, text=True)  # fmt: skip
        cached += sum(map(int, done.stdout.split()))
    return cached / max(1, sum(os.path.getsize(file) for file in files))


def available_bytes():
    """Memory that can be had, page cache of others included."""
    available = int(re.search(r"MemAvailable:\s+(\d+)", Path("/proc/meminfo").read_text())[1]) * 1024
    try:
        return min(available, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):  # no such group, or "max"
        return available


def lacks(section, folder):
    """What the machine has too little of for a section, or None."""
    memory, disk = available_bytes(), shutil.disk_usage(folder).free
    if section.cache + section.memory + MEMORY_SPARE > memory:
        return (f"the machine cannot cache it: {section.cache / 1e9:.1f} GB of inputs, {section.memory / 1e9:.1f} GB of "
                f"memory and 1 GB spare are needed, {memory / 1e9:.1f} GB are there")  # fmt: skip
    if section.disk * 1.1 > disk:
        return f"it needs {section.disk / 1e9:.1f} GB of disk, {disk / 1e9:.1f} GB are free"
    return None


def line(name, took, size, note=""):
    return f"  {name:<28} {took.wall:8.3f} s {took.cpu:8.3f} s CPU {size / took.wall / 1e6:7.0f} MB/s  {note}".rstrip()
