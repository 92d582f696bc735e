# SPDX-License-Identifier: Apache-2.0
"""Two DOT graphs from files: speed beside `wc -l`, memory, the limit, the general path."""
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import measure
from figures import Part, Section, Target, Truth
from measure import MIB

EDGE_BYTES = 405          # of a canonical edge in a file
RESTYLED_BYTES = 420      # of one that another writer wrote
EDGE_MEMORY = 60          # bytes that the diff may need, with room
EDGE_TEMPORARY = 150      # bytes in temporary files, likewise
SMALL = 1_000_000         # below it the start of the program counts
LARGE = 20_000_000        # from here on the tables are beyond the reach of any cache
LIMIT = 64 * MIB          # --memory-limit of the limited runs
LIMIT_ROOM = 32 * MIB     # what `prlimit --data` gives beyond it
LIMIT_TIMES = 4.0         # the limited run's wall time over the unlimited one's
ONE_THREAD = 3.2
REQUOTED_MB_PER_S = 700
GB_PER_S = 1.0


@dataclass(frozen=True)
class Pair:
    folder: Path
    edges: int

    @property
    def files(self):
        return [str(self.folder / "previous.dot"), str(self.folder / "next.dot")]

    @property
    def size(self):
        return sum(Path(file).stat().st_size for file in self.files)


def make(tools, edges, folder, *more):
    folder = Path(folder)
    subprocess.run([tools.generator, "dot", "--edges", str(edges), "--seed", "1", *more, "--out", str(folder)],
                   check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # fmt: skip
    return Pair(folder, edges)


def section(tools, edges, parts):
    """A size: all that is measured with one pair of graphs."""
    title = f"{edges:,} edges a graph"
    cache = 2 * edges * EDGE_BYTES
    return Section(title, cache, cache + edges * EDGE_TEMPORARY, edges * EDGE_MEMORY, lambda folder: make(tools, edges, folder),
                   tuple(parts))  # fmt: skip


def times_of_wc(edges):
    """At most so many times the wall time of `wc -l`, with two threads."""
    return 2.5 if edges < SMALL or edges >= LARGE else 2.0


def speed(tools, edges, runs):
    two = Target(f"{edges:,} edges, 2 threads, times `wc -l`", times_of_wc(edges))
    one = Target(f"{edges:,} edges, 1 thread, times `wc -l`", ONE_THREAD)
    rate = Target(f"{edges:,} edges, all threads, GB/s", GB_PER_S, at_most=False)

    def run(pair):
        # `wc -l` stands between both diffs, so that it is a neighbour of each.
        took = measure.alternate({"diff, 2 threads": [tools.program, "diff", "--threads=2", *pair.files],
                                  "wc -l": ["wc", "-l", *pair.files],
                                  "diff, 1 thread": [tools.program, "diff", "--threads=1", *pair.files],
                                  "cat": ["cat", *pair.files]}, runs)  # fmt: skip
        yield f"  {pair.size / 1e6:,.0f} MB in two files, {pair.size / 2 / edges:.0f} bytes an edge, {runs} rounds"
        for name in ("cat", "wc -l", "diff, 2 threads", "diff, 1 thread"):
            yield measure.line(name, took.median(name), pair.size, f"{took.ratio(name, 'wc -l'):.2f} x wc -l")
        yield two.measured(took.ratio("diff, 2 threads", "wc -l"), "the goal is 1.0")
        yield one.measured(took.ratio("diff, 1 thread", "wc -l"))
        yield rate.measured(pair.size / took.median("diff, 2 threads").wall / 1e9)

    return Part((two, one, rate), run)


def memory(tools, edges):
    """40 bytes an edge of previous, 40 a touched node, and 64 MiB; how many nodes is known when they were counted."""
    target = Target(f"{edges:,} edges, private memory over what is allowed", 1.0)

    def run(pair):
        yield memory_figure(tools, pair, target)

    return Part((target,), run)


def memory_figure(tools, pair, target):
    found = counts(tools, pair)
    edges, nodes = found["previous_edges"], found["nodes"]
    peak = measure.peak_private([tools.program, "diff", "--threads=2", *pair.files])
    bound = 40 * edges + 40 * nodes + 64 * MIB
    each = f"{peak / edges:.0f} bytes an edge of previous, " if edges > nodes else ""
    return target.measured(peak / bound, f"{peak / MIB:.1f} of {bound / MIB:.1f} MiB, {each}{nodes:,} nodes touched")


def counts(tools, pair):
    done = subprocess.run([tools.program, "diff", "--stat", *pair.files], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise measure.Failed(f"exit status {done.returncode}: {done.stderr.strip()[-300:]}")
    return {name: int(value) for name, value in re.findall(r"^(\w+) (\d+)$", done.stdout, re.M)}


def limit(tools, edges, runs):
    times = Target(f"{edges:,} edges at --memory-limit=64MiB, prlimit --data of 96 MiB, times without", LIMIT_TIMES)
    same = Truth(f"{edges:,} edges at --memory-limit=64MiB: the same bytes")

    def run(pair):
        free = [tools.program, "diff", "--threads=2", *pair.files]
        limited = ["prlimit", f"--data={LIMIT + LIMIT_ROOM}", tools.program, "diff", "--threads=2",
                   f"--memory-limit={LIMIT // MIB}MiB", f"--tmp-dir={pair.folder}", *pair.files]  # fmt: skip
        took = measure.alternate({"limited": limited, "free": free}, runs)
        yield measure.line("diff within 64 MiB", took.median("limited"), pair.size)
        yield times.measured(took.ratio("limited", "free"))
        yield same.measured(measure.digest(limited) == measure.digest(free))

    return Part((times, same), run)


def rewritten(tools, edges, runs):
    """The same graphs as other writers put them: the general path. --restyle, which no figure is set for, is shown."""
    target = Target(f"{edges:,} edges re-quoted and re-ordered, 1 thread, MB/s", REQUOTED_MB_PER_S, "{:.0f}", at_most=False)

    def measured(pair):
        took = measure.alternate({"diff": [tools.program, "diff", "--threads=1", *pair.files]}, runs).median("diff")
        return took, f"{took.wall / 2 / edges * 1e9:.0f} ns an edge"

    def run(pair):
        other = make(tools, edges, pair.folder / "restyled", "--restyle")
        took, note = measured(other)
        yield measure.line("diff, restyled, 1 thread", took, other.size, note)
        took, note = measured(pair)
        yield target.measured(pair.size / took.wall / 1e6, note)

    cache = 4 * edges * RESTYLED_BYTES
    return Section(f"{edges:,} edges a graph, written otherwise", cache, cache, edges * EDGE_MEMORY,
                   lambda folder: make(tools, edges, folder, "--requote"), (Part((target,), run),))  # fmt: skip
