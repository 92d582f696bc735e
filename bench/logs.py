# SPDX-License-Identifier: Apache-2.0
"""Flow logs to a graph: speed beside `igzip -dc`, memory, the limit."""
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import measure
from figures import Part, Section, Target, Truth
from measure import MIB

RECORD_BYTES = 30         # of a packed record, with room
EDGE_MEMORY = 100         # bytes that an edge may need, with room
GENERATOR_MEMORY = 150    # bytes that flowgen needs for an edge, with room
REPEATED, DISTINCT = 1.8, 4.0  # times `igzip -dc`
SAME_MEMORY = 1.1         # for the same edges in more records
LIMIT = 64 * MIB
LIMIT_ROOM = 32 * MIB


@dataclass(frozen=True)
class Logs:
    folder: Path
    files: list

    def plain(self):
        """Lines and bytes of the logs when unpacked."""
        unpacker = subprocess.Popen(["igzip", "-dc", *self.files], stdout=subprocess.PIPE)
        counted = subprocess.run(["wc", "-lc"], stdin=unpacker.stdout, capture_output=True, text=True, check=True).stdout
        unpacker.stdout.close()
        unpacker.wait()
        return map(int, counted.split())


def make(tools, records, edges, folder, one_day=False):
    """Of two days of logs, or of the first one alone: each flow has a record a day, so that one day of as many flows as
    records has no record twice."""
    subprocess.run([tools.generator, "logs", "--records", str(records), "--edges", str(edges), "--seed", "2", "--out", str(folder)],
                   check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # fmt: skip
    # A name ends in the time at which the file was written and a hash.
    files = sorted(Path(folder).rglob("*.log.gz"), key=lambda path: path.name.split("_")[-2:])
    if one_day:
        for path in files[len(files) // 2:]:
            path.unlink()
        files = files[:len(files) // 2]
    return Logs(Path(folder), [str(path) for path in files])


def graph(tools, logs, *more):
    return [tools.program, "graph", "--threads=1", *more, *logs.files]


def repeated(tools, records, edges, runs, fewer_records=None):
    """`fewer_records`: those that the memory for the same edges is compared with."""
    name = f"{records:,} records of {edges:,} edges"
    speed = speed_part(tools, name, REPEATED, runs)
    parts = [speed]
    if fewer_records:
        parts.append(growth_part(tools, name, edges, fewer_records))
    size = records * RECORD_BYTES
    return Section(f"Flow logs: {name}", size, size, edges * max(EDGE_MEMORY, GENERATOR_MEMORY),
                   lambda folder: make(tools, records, edges, folder), tuple(parts))  # fmt: skip


def distinct(tools, records, runs):
    name = f"{records:,} records, nearly all distinct"
    flows = int(records / 0.95)  # of the clients, one of twenty comes on the other day alone
    size = 2 * records * RECORD_BYTES
    return Section(f"Flow logs: {name}", size // 2, size, records * max(EDGE_MEMORY, GENERATOR_MEMORY),
                   lambda folder: make(tools, 1, flows, folder, one_day=True),
                   (speed_part(tools, name, DISTINCT, runs), limit_part(tools, name, records)))  # fmt: skip


def speed_part(tools, name, times, runs):
    target = Target(f"{name}, 1 thread, times `igzip -dc`", times)

    def run(logs):
        if not shutil.which("igzip"):
            yield target.left_out("igzip is not installed")
            return
        lines, plain = logs.plain()
        yield f"  {lines:,} lines, {plain / 1e6:,.0f} MB plain in {len(logs.files)} files, {runs} rounds"
        took = measure.alternate({"graph": graph(tools, logs), "igzip": ["igzip", "-dc", *logs.files]}, runs)
        yield measure.line("igzip -dc", took.median("igzip"), plain)
        yield measure.line("graph, 1 thread", took.median("graph"), plain, f"{lines / took.median('graph').wall / 1e6:.2f} M records/s")
        yield target.measured(took.ratio("graph", "igzip"))

    return Part((target,), run)


def growth_part(tools, name, edges, fewer_records):
    target = Target(f"{name}, private memory over that for {fewer_records:,} records", SAME_MEMORY)

    def run(logs):
        fewer = make(tools, fewer_records, edges, logs.folder / "fewer")
        peak, less = measure.peak_private(graph(tools, logs)), measure.peak_private(graph(tools, fewer))
        yield target.measured(peak / max(less, 1), f"{peak / MIB:.1f} and {less / MIB:.1f} MiB")

    return Part((target,), run)


def limit_part(tools, name, records):
    memory = Target(f"{name}, --memory-limit=64MiB, prlimit --data of 96 MiB, private MiB", (LIMIT + LIMIT_ROOM) / MIB, "{:.1f}")
    same = Truth(f"{name}, --memory-limit=64MiB: the same bytes")

    def run(logs):
        free = graph(tools, logs)
        peak = measure.peak_private(free)
        yield f"  private memory without a limit: {peak / MIB:.1f} MiB, {peak / records:.0f} bytes a record"
        limited = ["prlimit", f"--data={LIMIT + LIMIT_ROOM}",
                   *graph(tools, logs, f"--memory-limit={LIMIT // MIB}MiB", f"--tmp-dir={logs.folder}")]  # fmt: skip
        yield memory.measured(measure.peak_private(limited) / MIB)
        yield same.measured(measure.digest(limited) == measure.digest(free))

    return Part((memory, same), run)
