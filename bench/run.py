#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`make bench`: how fast the diff and the digest are, beside what only reads the same bytes, and in what memory.

The inputs are made by flowgen from fixed seeds; the two graphs of a pair hold their edges in different orders.
Commands take turns, after one round that is not counted, with inputs in the page cache and output to /dev/null. A
ratio is the median of the ratios of neighbouring runs, not the ratio of medians: where a shared machine is slow for a
while, it is slow for both of a pair. Memory is private: the highest RssAnon of /proc/PID/status, looked at every
millisecond in a run that is not timed. The last lines are a table: of each figure the target, what was
measured, and whether it holds. The exit status is 0 whatever holds.

  BENCH_SIZES="100k 1M 5M 6.5M 13M 20M"  edges a graph
  BENCH_RECORDS="5M 50M"                 flow records; the first number also of records that are nearly all distinct
  BENCH_RUNS=5                           rounds; at most 3 of them where a round takes many seconds
  BENCH_LONG=1                           distinct records in each of the numbers: as many minutes again
  BENCH_DIR=DIR                          where the inputs are made and removed (default: the temporary folder)
  BENCH_BUILD=DIR                        where program and flowgen are (default: build)
"""
import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import adversaries
import figures
import graphs
import logs
import measure
import streams

MANY_EDGES, MANY_RECORDS, FEW_RUNS = 10_000_000, 20_000_000, 3
REWRITTEN_EDGES = 1_000_000
LIMITED_EDGES, LIMITED_RUNS = 5_000_000, 2  # smaller graphs need little beyond 64 MiB
STREAMED_EDGES = 5_000_000  # at most: what is kept of streams stands in memory beside the inputs


@dataclass(frozen=True)
class Tools:
    program: str
    generator: str


@dataclass(frozen=True)
class Settings:
    tools: Tools
    sizes: list
    records: list
    runs: int
    distinct: bool  # in every number of records
    folder: str | None


def number(text):
    """6.5M, 100k or 5000000."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kKmM]?)", text)
    if not match:
        sys.exit(f"'{text}' is no size; write 100k, 1M, 6.5M")
    return int(float(match[1]) * {"": 1, "k": 1000, "m": 1_000_000}[match[2].lower()])


def settings_of(environment):
    build = Path(environment.get("BENCH_BUILD") or Path(__file__).resolve().parent.parent / "build").resolve()
    tools = Tools(str(build / "vpcflow-diffd"), str(build / "flowgen"))
    for program in (tools.program, tools.generator):
        if not os.access(program, os.X_OK):
            sys.exit(f"{program} is not there: run `make` first")

    def numbers(name, default):
        return sorted({number(word) for word in (environment.get(name) or default).replace(",", " ").split()})

    return Settings(tools, numbers("BENCH_SIZES", "100k 1M 5M 6.5M 13M 20M"), numbers("BENCH_RECORDS", "5M 50M"),
                    int(environment.get("BENCH_RUNS") or 5), bool(environment.get("BENCH_LONG")),
                    environment.get("BENCH_DIR") or None)  # fmt: skip


def plan(settings):
    """All that is to be measured, in order. A section holds its inputs on disk only while its turn lasts."""
    tools, least = settings.tools, settings.sizes[0]
    streamed = max([size for size in settings.sizes if size <= STREAMED_EDGES], default=least)
    rewritten = max([size for size in settings.sizes if size <= REWRITTEN_EDGES], default=least)

    for size in settings.sizes:
        count = min(settings.runs, FEW_RUNS) if size >= MANY_EDGES else settings.runs
        parts = [graphs.speed(tools, size, count), graphs.memory(tools, size)]
        if size >= LIMITED_EDGES or size == settings.sizes[-1]:
            parts.append(graphs.limit(tools, size, min(count, LIMITED_RUNS)))
        if size == streamed:
            parts.append(streams.part(tools, size, min(count, FEW_RUNS)))
        yield graphs.section(tools, size, parts)
    yield graphs.rewritten(tools, rewritten, min(settings.runs, FEW_RUNS))
    yield adversaries.section(tools, rewritten, min(settings.runs, FEW_RUNS))
    first = settings.records[0]
    for records in settings.records:
        count = min(settings.runs, FEW_RUNS) if records >= MANY_RECORDS else settings.runs
        fewer = first if records != first else None
        yield logs.repeated(tools, records, first // 10, count, fewer)
        if settings.distinct or records == first:
            yield logs.distinct(tools, records, count)


def measured(section, folder):
    """Prints what a section finds, and returns its figures: one for each target, whatever went wrong."""
    print(f"\n{section.title}", flush=True)
    why = measure.lacks(section, folder)
    if why is None:
        inputs = section.make(Path(folder))
        os.sync()  # nothing is written back meanwhile
        measure.run(["cat", *inputs.files])
        share = measure.cached_share(inputs.files)
        if share < measure.CACHED_ENOUGH:
            why = f"the machine does not keep it in its page cache: {share:.0%} of it are there"
    if why is not None:
        print(f"  left out: {why}", flush=True)
        return [target.left_out(why) for target in section.targets]
    return [figure for part in section.parts for figure in measured_part(part, inputs)]


def measured_part(part, inputs):
    found = {}
    try:
        for item in part.run(inputs):
            print(item, flush=True)
            if isinstance(item, figures.Figure):
                found[item.what] = item
    except measure.Failed as failure:
        for target in part.targets:
            if target.what not in found:
                found[target.what] = target.failed(str(failure))
                print(found[target.what], flush=True)
    return found.values()


def main():
    settings, began, found = settings_of(os.environ), time.monotonic(), []
    print(f"{os.cpu_count()} CPUs, {settings.runs} rounds (at most {FEW_RUNS} of what is large), inputs cached, output to "
          "/dev/null; only ratios hold between machines")  # fmt: skip
    if os.getloadavg()[0] > 0.5 * (os.cpu_count() or 1):
        print(f"This machine is busy (load {os.getloadavg()[0]:.1f}): ratios hold better than times do.")
    for section in plan(settings):
        section_began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="vpcflow-bench-", dir=settings.folder) as folder:
            found += measured(section, folder)
        print(f"  ({time.monotonic() - section_began:.0f} s with making the inputs)", flush=True)
    print()
    print("\n".join(figures.table(found)))
    print(f"after {(time.monotonic() - began) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
