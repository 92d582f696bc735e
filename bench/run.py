#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`make bench`: how fast the diff and the digest are, beside what only reads the same bytes, and in what memory.

Each size's inputs are made by build/flowgen from a fixed seed; the two graphs of a pair hold their edges in
different orders. Every command runs BENCH_RUNS times (5) after one run that is not counted; the commands take
turns, so that a slow moment of the machine hits all of them. Times are medians of wall time with output to
/dev/null and inputs in the page cache. Memory is private: the highest RssAnon of /proc/PID/status, looked at
every millisecond in a run of its own that is not timed.

BENCH_SIZES="100k 1M 5M" picks the edges a graph, BENCH_DIR a folder for the inputs (default: the temporary one).
"""
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = str(ROOT / "build" / "vpcflow-diffd")
GENERATOR = str(ROOT / "build" / "flowgen")
RUNS = int(os.environ.get("BENCH_RUNS", "5"))
SIZES = os.environ.get("BENCH_SIZES", "100k 1M 5M").replace(",", " ").split()
MIB = 1 << 20
EDGE_BYTES = 420     # of disk and cache that an edge of a graph needs at most
RECORD_BYTES = 120   # likewise a flow record, packed, with room
# What is aimed at. The diff's wall time over that of `wc -l`, by edges a graph.
RATIO_TWO_THREADS = {100_000: 2.5, 1_000_000: 2.0, 5_000_000: 2.0, 20_000_000: 2.5}
RATIO_ONE_THREAD = 3.2
GB_PER_S = 1.0             # canonical graphs, all threads
REQUOTED_MB_PER_S = 700.0  # general path, one thread
DIGEST_RATIO = {"repeated": 1.8, "distinct": 4.0}  # over `igzip -dc`, one thread each


def number(text):
    """5M, 100k or 5000000."""
    match = re.fullmatch(r"(\d+)([kKmM]?)", text)
    if not match:
        sys.exit(f"BENCH_SIZES: '{text}' is no size; write 100k, 1M, 5M")
    return int(match[1]) * {"": 1, "k": 1000, "m": 1_000_000}[match[2].lower()]


def available_bytes():
    return int(re.search(r"MemAvailable:\s+(\d+)", Path("/proc/meminfo").read_text())[1]) * 1024


def run(command, allowed=(0,)):
    """The wall time and the CPU time of one run, in seconds."""
    with tempfile.TemporaryFile() as trouble:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=trouble)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in allowed:
            trouble.seek(0)
            sys.exit(f"{' '.join(command)}: exit status {process.returncode}\n{trouble.read().decode()}")
    return wall, used.ru_utime + used.ru_stime


def peak_private(command):
    """The highest RssAnon of a run, in bytes."""
    peak = 0
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        try:
            match = re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
        except OSError:
            match = None
        if match:
            peak = max(peak, int(match[1]) * 1024)
        time.sleep(0.001)
    return peak


def medians(commands):
    """Of each named command its median (wall, CPU) time; they take turns. A diff exits 1 where it finds one."""
    times = {name: [] for name in commands}
    for turn in range(RUNS + 1):
        for name, command in commands.items():
            took = run(command, allowed=(0, 1) if command[0] == PROGRAM else (0,))
            if turn > 0:
                times[name].append(took)
    return {name: tuple(map(statistics.median, zip(*pairs))) for name, pairs in times.items()}


def verdict(value, limit, at_most=True):
    """"1.15x (<= 2.0 holds)", where a limit is known."""
    if limit is None:
        return "(no figure is set for this size)"
    holds = value <= limit if at_most else value >= limit
    return f"({'at most' if at_most else 'at least'} {limit:g}: {'holds' if holds else 'DOES NOT HOLD'})"


def line(name, took, size, note=""):
    wall, cpu = took
    print(f"  {name:<26} {wall:8.3f} s {cpu:8.3f} s CPU {size / wall / 1e6:7.0f} MB/s  {note}", flush=True)


def generate(arguments):
    subprocess.run([GENERATOR, *arguments], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def counts_of(command):
    """The diff's own counts, by name."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return {name: int(value) for name, value in re.findall(r"(\w+)[ :=]+(\d+)", done.stdout)}


def bench_graphs(edges, folder):
    previous, following = folder / "previous.dot", folder / "next.dot"
    generate(["dot", "--edges", str(edges), "--seed", "1", "--out", str(folder)])
    files = [str(previous), str(following)]
    size = previous.stat().st_size + following.stat().st_size
    diff = [PROGRAM, "diff"]
    commands = {"cat": ["cat", *files], "wc -l": ["wc", "-l", *files],
                "diff, 2 threads": [*diff, "--threads=2", *files], "diff, 1 thread": [*diff, "--threads=1", *files]}
    took = medians(commands)
    floor = took["wc -l"][0]
    print(f"\n{edges:,} edges a graph, {size / 1e6:,.0f} MB in two files, {size / 2 / edges:.0f} bytes an edge")
    line("cat >/dev/null", took["cat"], size)
    line("wc -l", took["wc -l"], size)
    for name, limit in (("diff, 2 threads", RATIO_TWO_THREADS.get(edges)), ("diff, 1 thread", RATIO_ONE_THREAD)):
        ratio = took[name][0] / floor
        line(name, took[name], size, f"{ratio:.2f} x wc -l  {verdict(ratio, limit)}")
    speed = size / min(took["diff, 2 threads"][0], took["diff, 1 thread"][0]) / 1e9
    print(f"  {'diff, canonical graphs':<26} {speed:31.2f} GB/s  {verdict(speed, GB_PER_S, at_most=False)}")
    memory(commands["diff, 2 threads"], [*diff, "--stat", *files], edges)
    if edges <= 1_000_000:
        bench_requoted(edges, folder)


def memory(command, stat_command, edges):
    nodes = counts_of(stat_command).get("nodes", 0)
    peak = peak_private(command)
    bound = 40 * edges + 40 * nodes + 64 * MIB
    print(f"  {'private memory, 2 threads':<26} {peak / MIB:8.1f} MiB, {peak / edges:.0f} bytes an edge of previous  "
          f"{verdict(round(peak / MIB, 1), round(bound / MIB, 1))}")


def bench_requoted(edges, folder):
    """The same graphs as other writers put them: the general path."""
    for kind in ("requote", "restyle"):
        other = folder / kind
        generate(["dot", "--edges", str(edges), "--seed", "1", "--" + kind, "--out", str(other)])
        files = [other / "previous.dot", other / "next.dot"]
        size = sum(file.stat().st_size for file in files)
        took = medians({"diff": [PROGRAM, "diff", "--threads=1", *map(str, files)]})["diff"]
        speed = f"{size / took[0] / 1e6:.0f} MB/s, {took[0] / 2 / edges * 1e9:.0f} ns an edge"
        if kind == "requote":
            speed += "  " + verdict(round(size / took[0] / 1e6), REQUOTED_MB_PER_S, at_most=False)
        line(f"diff, {kind}d, 1 thread", took, size, speed)


def bench_logs(kind, records, edges, folder):
    generate(["logs", "--records", str(records), "--edges", str(edges), "--seed", "2", "--out", str(folder)])
    files = sorted(str(path) for path in folder.rglob("*.log.gz"))
    packed = sum(os.path.getsize(name) for name in files)
    graph = [PROGRAM, "graph", "--threads=1", *files]
    commands = {"gzip -dc": ["gzip", "-dc", *files], "graph, 1 thread": graph}
    if shutil.which("igzip"):
        commands["igzip -dc"] = ["igzip", "-dc", *files]
    took = medians(commands)
    plain = unpacked(files)
    print(f"\n{records:,} flow records, {kind} (about {edges:,} edges), {packed / 1e6:,.0f} MB packed, "
          f"{plain / 1e6:,.0f} MB plain, {len(files)} files")
    for name in ("gzip -dc", "igzip -dc"):
        if name in took:
            line(name + " >/dev/null", took[name], plain)
    graph_wall, note = took["graph, 1 thread"][0], "igzip is not installed"
    if "igzip -dc" in took:
        ratio = graph_wall / took["igzip -dc"][0]
        note = f"{ratio:.2f} x igzip -dc  {verdict(ratio, DIGEST_RATIO[kind])}"
    line("graph, 1 thread", took["graph, 1 thread"], plain, f"{records / graph_wall / 1e6:.2f} M records/s  {note}")
    print(f"  {'private memory':<26} {peak_private(graph) / MIB:8.1f} MiB")


def unpacked(files):
    """Bytes of the logs when unpacked."""
    unpacker = subprocess.Popen(["gzip", "-dc", *files], stdout=subprocess.PIPE)
    total = int(subprocess.run(["wc", "-c"], stdin=unpacker.stdout, capture_output=True, text=True, check=True).stdout)
    unpacker.wait()
    return total


def fits(needed, where, what):
    """Whether the machine can hold the inputs in its page cache and on its disk; says so where it cannot."""
    cache, disk = available_bytes(), shutil.disk_usage(where).free
    if needed * 1.5 > cache or needed * 1.2 > disk:
        print(f"\n{what}: left out, it needs {needed / 1e9:.1f} GB of cache and disk; "
              f"{cache / 1e9:.1f} GB of memory and {disk / 1e9:.1f} GB of disk are free")
        return False
    return True


def main():
    for program in (PROGRAM, GENERATOR):
        if not os.access(program, os.X_OK):
            sys.exit(f"{program} is not there: run `make` first")
    print(f"{os.cpu_count()} CPUs, medians of {RUNS}, inputs cached, output to /dev/null; only ratios hold between machines")
    if os.getloadavg()[0] > 0.5 * (os.cpu_count() or 1):
        print(f"This machine is busy (load {os.getloadavg()[0]:.1f}): wall times mean little, CPU times a little more.")
    parent = os.environ.get("BENCH_DIR")
    for size in SIZES:
        edges = number(size)
        with tempfile.TemporaryDirectory(prefix="vpcflow-bench-", dir=parent) as folder:
            if fits(edges * EDGE_BYTES * 2 * (2 if edges <= 1_000_000 else 1), folder, f"{edges:,} edges a graph"):
                bench_graphs(edges, Path(folder))
    records = min(5_000_000, max(number(size) for size in SIZES))
    for kind, edges in (("repeated", records // 10), ("distinct", records)):
        with tempfile.TemporaryDirectory(prefix="vpcflow-bench-", dir=parent) as folder:
            if fits(records * RECORD_BYTES, folder, f"{records:,} flow records"):
                bench_logs(kind, records, edges, Path(folder))


if __name__ == "__main__":
    main()
